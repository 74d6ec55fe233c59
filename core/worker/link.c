/* SPDX-License-Identifier: Apache-2.0
 *
 * Links: channels arrive here and are attached by the loop they are for.
 */
#include "core/worker/link.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/worker/attachment.h"
#include "core/worker/worker.h"

#define LINK_MAGIC 0x4c494e4bu

struct link {
	unsigned magic;
	uint32_t listener; /* for the log */
	unsigned pending; /* channels that a loop attaches now */
	bool closed;
	struct links *links;
	struct control_connection *connection;
	struct list all;
};

/* One channel on its way: to the loop, then back with the result. */
struct attach {
	struct loop_message message;
	struct link *link;
	struct worker_loop *loop;
	uint32_t index;
	struct channel_handles handles;
	enum portico_status status;
	struct portico_error err;
};

/* ---- mailbox ------------------------------------------------------------------------ */

static void
on_mail(uv_async_t *async)
{
	struct mailbox *mailbox = async->data;
	struct queue_node *node;

	for (node = queue_take_all(&mailbox->queue); node != NULL;) {
		struct loop_message *message =
			CONTAINER_OF(node, struct loop_message, node);

		node = node->next;
		message->run(message);
	}
}

void
mailbox_init(struct mailbox *mailbox, uv_loop_t *uv)
{
	queue_init(&mailbox->queue);
	if (uv_async_init(uv, &mailbox->async, on_mail) != 0)
		check_panic("cannot create the main loop's wake-up");
	mailbox->async.data = mailbox;
}

void
mailbox_close(struct mailbox *mailbox)
{
	uv_close((uv_handle_t *)&mailbox->async, NULL);
}

void
mailbox_post(struct mailbox *mailbox, struct loop_message *message)
{
	if (queue_push(&mailbox->queue, &message->node))
		uv_async_send(&mailbox->async);
}

/* ---- one link ------------------------------------------------------------------------- */

/* Gone when the peer has hung up and nothing is on its way any more. */
static void
link_release(struct link *link)
{
	struct links *links = link->links;

	if (!link->closed || link->pending > 0)
		return;
	list_remove(&link->all);
	control_connection_free(&link->connection);
	link->magic = 0;
	mem_free(link);
	if (list_empty(&links->all) && links->on_empty != NULL)
		links->on_empty(links->arg);
}

static void
attach_answer(struct loop_message *message)
{
	struct attach *attach = CONTAINER_OF(message, struct attach, message);
	struct link *link = attach->link;
	json_t *json;

	CHECK(link, LINK_MAGIC);
	if (attach->status == PORTICO_OK) {
		json = control_encode_attached(
			&(struct control_attached){ .index = attach->index });
	} else {
		log_error(4030, NULL, "cannot attach channel %u: %s",
			  attach->index, attach->err.message);
		json = control_encode_refused(&(struct control_refused){
			.index = attach->index,
			.message = attach->err.message });
	}
	if (link->closed)
		json_decref(json);
	else
		control_send(link->connection, json, NULL, 0);
	mem_free(attach);
	link->pending--;
	link_release(link);
}

/* On the loop. */
static void
attach_run(struct loop_message *message)
{
	struct attach *attach = CONTAINER_OF(message, struct attach, message);

	error_clear(&attach->err);
	attach->status = attachment_open(attach->loop, &attach->handles, NULL,
					 &attach->err);
	attach->message.run = attach_answer;
	mailbox_post(attach->link->links->mailbox, &attach->message);
}

static void
receive_channel(struct link *link, const json_t *json, int *fds, size_t nfds)
{
	struct portico_worker *worker = link->links->worker;
	struct control_channel channel;
	struct portico_error err;
	struct attach *attach;

	if (worker == NULL)
		return;
	error_clear(&err);
	if (control_decode_channel(json, &channel, &err) != PORTICO_OK ||
	    nfds != CHANNEL_HANDLES) {
		log_error(4031, NULL,
			  "listener sent a channel that is none%s%s",
			  err.message[0] != '\0' ? ": " : "", err.message);
		return;
	}
	attach = mem_zalloc(sizeof(*attach));
	attach->link = link;
	attach->index = channel.index;
	attach->loop = &worker->loops[channel.index % worker->loop_count];
	attach->handles = (struct channel_handles){ fds[0], fds[1], fds[2],
						    fds[3], fds[4] };
	for (size_t i = 0; i < nfds; i++)
		fds[i] = -1;
	attach->message.run = attach_run;
	link->pending++;
	loop_post(attach->loop, &attach->message);
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct link *link = arg;

	(void)connection;
	CHECK(link, LINK_MAGIC);
	if (control_type_find(type) == CONTROL_TYPE_channel)
		receive_channel(link, message, fds, nfds);
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct link *link = arg;

	(void)connection;
	CHECK(link, LINK_MAGIC);
	log_debug(NULL, "link to listener %u ended: %s", link->listener, why);
	(void)status;
	link->closed = true;
	link_release(link);
}

/* ---- all links --------------------------------------------------------------------------- */

void
links_init(struct links *links, uv_loop_t *uv, struct portico_worker *worker,
	   struct mailbox *mailbox)
{
	*links = (struct links){ .uv = uv,
				 .worker = worker,
				 .mailbox = mailbox };
	list_init(&links->all);
}

void
links_add(struct links *links, int fd, uint32_t listener)
{
	struct link *link = mem_zalloc(sizeof(*link));

	link->magic = LINK_MAGIC;
	link->listener = listener;
	link->links = links;
	list_init(&link->all);
	list_add_tail(&links->all, &link->all);
	link->connection = control_connection_new(links->uv, fd, on_message,
						  on_closed, link);
}

void
links_refuse(struct links *links)
{
	links->worker = NULL;
}

void
links_close(struct links *links)
{
	links->on_empty = NULL;
	LIST_FOREACH_SAFE(struct link, all, link, &links->all) {
		link->closed = true;
		link_release(link);
	}
}
