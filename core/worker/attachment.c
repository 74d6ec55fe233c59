/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel on a loop: what its descriptors do to requests.
 */
#include "core/worker/attachment.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/channel/channel_loop.h"
#include "core/worker/application.h"
#include "core/worker/limits.h"
#include "core/worker/program.h"
#include "core/worker/request.h"
#include "core/worker/tunnel.h"

/* ---- room -------------------------------------------------------------------------- */

/* Those that wait go on in the order they came. */
static void
go_on(struct list *waiting)
{
	struct list now;

	list_init(&now);
	list_move_all(&now, waiting);
	for (;;) {
		struct list *first = list_take_first(&now);
		struct portico_request *request;

		if (first == NULL)
			return;
		request =
			CONTAINER_OF(first, struct portico_request, room_link);
		request->response.patient = false;
		response_progress(request);
	}
}

/* Blocks came back. */
static void
on_room(struct channel *channel, void *arg)
{
	struct attachment *attachment = arg;

	CHECK(attachment, ATTACHMENT_MAGIC);
	go_on(&attachment->waiting);
	if (!channel_is_scarce(channel))
		go_on(&attachment->patient);
}

/* ---- descriptors ---------------------------------------------------------------------- */

static void
receive_request(struct attachment *attachment,
		const struct channel_descriptor *descriptor)
{
	struct channel *channel = attachment->channel;
	struct worker_loop *loop = attachment->loop;
	struct portico_request *request;

	/* Revoked: another worker has it, and the block is the listener's. */
	if (!channel_claim_take(channel, descriptor->slot,
				descriptor->generation))
		return;
	ASSERT(attachment->slots[descriptor->slot] == NULL);
	request = request_new(loop);
	if (!request_begin(request, attachment, descriptor)) {
		/* The listener is trusted: this is a version mistake. */
		channel_accuse(channel, "request head is none");
		request->ended = true;
		request_recycle(request);
		return;
	}
	/* Taken, but the listener has given up this channel meanwhile. */
	if (!channel_claim_start(channel, descriptor->slot,
				 descriptor->generation)) {
		request->ended = true;
		request_recycle(request);
		return;
	}
	attachment->slots[descriptor->slot] = request;
	attachment->active++;
	list_add_tail(&attachment->requests, &request->link);
	loop_want_trim(loop);
	atomic_fetch_add_explicit(&loop->active, 1, memory_order_relaxed);
	program_start(request);
}

static void
release_all(struct attachment *attachment,
	    const struct channel_descriptor *descriptor)
{
	if (descriptor->type != CHANNEL_BODY)
		return;
	for (unsigned i = 0; i < descriptor->count; i++)
		attachment_release(attachment, descriptor->refs[i].block);
}

/* NULL: it has ended, what comes for it is late. */
static struct portico_request *
request_of(struct attachment *attachment,
	   const struct channel_descriptor *descriptor)
{
	struct portico_request *request;

	if (descriptor->slot >= attachment->slot_count)
		return NULL;
	request = attachment->slots[descriptor->slot];
	if (request == NULL || request->generation != descriptor->generation)
		return NULL;
	CHECK(request, REQUEST_MAGIC);
	return request;
}

static void
drained(struct attachment *attachment)
{
	attachment->drained = true;
	if (attachment->counted)
		atomic_fetch_sub(&attachment->loop->open_channels, 1);
	attachment->counted = false;
	LIST_FOREACH(struct portico_request, link, request,
		     &attachment->requests) {
		if (request->wait.kind == WAIT_TUNNEL)
			tunnel_look(request);
	}
}

static enum portico_abort
abort_reason(uint64_t value)
{
	static const uint8_t reasons[CHANNEL_ABORTS] = {
		[CHANNEL_ABORT_CLIENT] = PORTICO_ABORT_CLIENT,
		[CHANNEL_ABORT_DEADLINE] = PORTICO_ABORT_EXECUTION,
		[CHANNEL_ABORT_OPERATOR] = PORTICO_ABORT_OPERATOR,
		[CHANNEL_ABORT_SHUTDOWN] = PORTICO_ABORT_SHUTDOWN,
		[CHANNEL_ABORT_IDLE] = PORTICO_ABORT_IDLE,
		[CHANNEL_ABORT_SLOW] = PORTICO_ABORT_SLOW,
		[CHANNEL_ABORT_BODY] = PORTICO_ABORT_BODY,
		[CHANNEL_ABORT_OTHER] = PORTICO_ABORT_OTHER,
	};

	return (enum portico_abort)reasons[value];
}

void
attachment_receive(struct attachment *attachment,
		   const struct channel_descriptor *descriptor)
{
	struct portico_request *request;

	CHECK(attachment, ATTACHMENT_MAGIC);
	if (descriptor->type == CHANNEL_REQUEST) {
		receive_request(attachment, descriptor);
		return;
	}
	if (descriptor->type == CHANNEL_DRAIN) {
		drained(attachment);
		return;
	}
	request = request_of(attachment, descriptor);
	if (request == NULL) {
		release_all(attachment, descriptor);
		return;
	}
	switch (descriptor->type) {
	case CHANNEL_BODY:
		body_receive(request, descriptor);
		break;
	case CHANNEL_WINDOW:
		response_window(request, descriptor->value);
		break;
	case CHANNEL_FILE_SENT:
		response_file_sent(request, descriptor->value);
		break;
	case CHANNEL_ABORT:
		if (descriptor->value == CHANNEL_ABORT_DEADLINE)
			request_tell_overdue(request);
		request_abort(request, abort_reason(descriptor->value));
		break;
	}
}

static void
on_descriptor(struct channel *channel,
	      const struct channel_descriptor *descriptor, void *arg)
{
	(void)channel;
	attachment_receive(arg, descriptor);
}

void
attachment_send(struct attachment *attachment,
		const struct channel_descriptor *descriptor)
{
	enum portico_status status;

	if (attachment->dead)
		return;
	status = channel_send(attachment->channel, descriptor);
	/* Nothing can be said over it any more, so the listener must see its
	 * end.  Found by the loop, outside of the caller. */
	if (status != PORTICO_OK)
		channel_accuse(attachment->channel,
			       "listener has stopped reading");
}

void
attachment_release(struct attachment *attachment, uint32_t block)
{
	if (!attachment->dead)
		channel_release(attachment->channel, block);
}

/* ---- life -------------------------------------------------------------------------------- */

static void
free_now(struct attachment *attachment)
{
	list_remove(&attachment->link);
	file_table_fini(&attachment->files);
	channel_free(&attachment->channel);
	mem_free(attachment->slots);
	attachment->magic = 0;
	mem_free(attachment);
}

void
attachment_die(struct attachment *attachment, const char *why)
{
	CHECK(attachment, ATTACHMENT_MAGIC);
	if (attachment->dead)
		return;
	if (!attachment->drained || attachment->active > 0)
		log_info(NULL, "channel of loop %u ended: %s (%u requests)",
			 attachment->loop->number, why, attachment->active);
	attachment->dead = true;
	drained(attachment);
	/* No request ends here: all that it wakes waits for the loop. */
	LIST_FOREACH(struct portico_request, link, request,
		     &attachment->requests) {
		request_abort(request, PORTICO_ABORT_LISTENER);
	}
	if (attachment->active == 0)
		free_now(attachment);
}

static void
on_closed(struct channel *channel, enum portico_status status,
	  const char *reason, void *arg)
{
	(void)channel;
	if (status == PORTICO_PROTOCOL)
		log_error(4002, NULL, "channel broken: %s", reason);
	attachment_die(arg, reason);
}

static const struct channel_callbacks callbacks = {
	.on_descriptor = on_descriptor,
	.on_closed = on_closed,
};

enum portico_status
attachment_open(struct worker_loop *loop, struct channel_handles *handles,
		struct attachment **attachment_r, struct portico_error *err)
{
	struct attachment *attachment;
	struct channel *channel;
	enum portico_status status = channel_attach(handles, &channel, err);

	if (status != PORTICO_OK)
		return status;
	attachment = mem_zalloc(sizeof(*attachment));
	attachment->magic = ATTACHMENT_MAGIC;
	attachment->loop = loop;
	attachment->channel = channel;
	attachment->window = channel_window(channel);
	attachment->slot_count = channel_slots(channel);
	attachment->slots = mem_zalloc_array(attachment->slot_count,
					     sizeof(attachment->slots[0]));
	list_init(&attachment->requests);
	list_init(&attachment->waiting);
	list_init(&attachment->patient);
	list_init(&attachment->link);
	file_table_init(&attachment->files);
	channel_on_room(channel, on_room, attachment);
	status = channel_loop_add(loop->channels, channel, &callbacks,
				  attachment, err);
	if (status != PORTICO_OK) {
		free_now(attachment);
		return status;
	}
	list_add_tail(&loop->attachments, &attachment->link);
	attachment->counted = true;
	atomic_fetch_add(&loop->open_channels, 1);
	if (attachment_r != NULL)
		*attachment_r = attachment;
	return PORTICO_OK;
}

/* At the end of the process: requests that are left are forgotten. */
void
attachment_free(struct attachment *attachment)
{
	CHECK(attachment, ATTACHMENT_MAGIC);
	attachment->active++;
	while (!list_empty(&attachment->requests)) {
		struct portico_request *request = LIST_FIRST(
			struct portico_request, link, &attachment->requests);

		request->failed = true;
		request->holds = 0;
		request_end(request);
	}
	if (!attachment->dead)
		channel_loop_remove(attachment->loop->channels,
				    attachment->channel);
	free_now(attachment);
}

void
attachment_request_ended(struct attachment *attachment)
{
	CHECK(attachment, ATTACHMENT_MAGIC);
	ASSERT(attachment->active > 0);
	attachment->active--;
	if (attachment->active == 0 && attachment->dead)
		free_now(attachment);
}

static void
tell_short(struct worker_loop *loop)
{
	uint64_t now = clock_monotonic_ns();

	if (loop->short_told != 0 &&
	    now - loop->short_told < MEMORY_TELL_AGAIN_NS)
		return;
	loop->short_told = now;
	log_warn(4060, NULL,
		 "loop %u: no memory for responses to the listener; they wait",
		 loop->number);
}

bool
attachment_trim(struct attachment *attachment)
{
	struct channel_usage usage;
	uint32_t in_use = 0;

	CHECK(attachment, ATTACHMENT_MAGIC);
	if (channel_memory_short(attachment->channel))
		tell_short(attachment->loop);
	file_table_trim(attachment);
	channel_trim(attachment->channel);
	channel_get_usage(attachment->channel, &usage);
	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		in_use += usage.in_use[i];
	return in_use == 0;
}
