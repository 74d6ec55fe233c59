/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop's thread: libuv, posted messages, requests that became ready.
 *
 * Order within a turn of libuv: timers, idle (ready requests), prepare
 * (heartbeat, then the channels' flush), poll, check (descriptors arrive).  So
 * what a request did in this turn is flushed before the loop blocks.
 */
#include "core/worker/loop.h"

#include <unistd.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/channel/channel_loop.h"
#include "core/worker/attachment.h"
#include "core/worker/child.h"
#include "core/worker/client_engine.h"
#include "core/worker/host_resolve.h"
#include "core/worker/limits.h"
#include "core/worker/program.h"
#include "core/worker/request.h"
#include "core/worker/token.h"

static _Thread_local struct worker_loop *current_loop;

struct worker_loop *
loop_current(void)
{
	return current_loop;
}

static void
dump_running(int fd, void *arg)
{
	struct worker_loop *loop = arg;
	const struct portico_request *request = loop->running;

	dprintf(fd, "worker loop %u", loop->number);
	if (request != NULL && request->magic == REQUEST_MAGIC) {
		/* For the listener, whatever becomes of the text. */
		if (request->progress != NULL)
			atomic_fetch_or(&request->progress->progress,
					CHANNEL_PROGRESS_CRASHED);
		dprintf(fd, ", request %016llx",
			(unsigned long long)request->head->request_id);
		if (request->current != NULL)
			dprintf(fd, ", module %s",
				request->current->record->name);
	}
	dprintf(fd, "\n");
}

void
loop_set_current(struct worker_loop *loop)
{
	current_loop = loop;
	check_set_dump(loop != NULL ? dump_running : NULL, loop);
}

/* ---- messages ---------------------------------------------------------------- */

void
loop_post(struct worker_loop *loop, struct loop_message *message)
{
	CHECK(loop, WORKER_LOOP_MAGIC);
	if (queue_push(&loop->queue, &message->node))
		uv_async_send(&loop->async);
}

static void
on_async(uv_async_t *async)
{
	struct worker_loop *loop = async->data;
	struct queue_node *node;

	CHECK(loop, WORKER_LOOP_MAGIC);
	for (node = queue_take_all(&loop->queue); node != NULL;) {
		struct loop_message *message =
			CONTAINER_OF(node, struct loop_message, node);

		node = node->next;
		message->run(message);
	}
	loop_run_ready(loop);
}

/* ---- requests that go on ------------------------------------------------------ */

static void
on_idle(uv_idle_t *idle)
{
	struct worker_loop *loop = idle->data;

	CHECK(loop, WORKER_LOOP_MAGIC);
	loop_run_ready(loop);
}

void
loop_want_ready(struct worker_loop *loop)
{
	uv_idle_start(&loop->idle, on_idle);
}

void
loop_run_ready(struct worker_loop *loop)
{
	struct list now;

	/* Those that become ready meanwhile wait for the next turn, so that
	 * one request cannot hold the loop. */
	list_init(&now);
	list_move_all(&now, &loop->ready);
	for (;;) {
		struct list *first = list_take_first(&now);

		if (first == NULL)
			break;
		program_resume(CONTAINER_OF(first, struct portico_request,
					    ready_link));
	}
	if (list_empty(&loop->ready))
		uv_idle_stop(&loop->idle);
}

/* ---- housekeeping ------------------------------------------------------------- */

static void
on_prepare(uv_prepare_t *prepare)
{
	struct worker_loop *loop = prepare->data;

	LIST_FOREACH(struct attachment, link, attachment, &loop->attachments) {
		if (!attachment->dead)
			channel_heartbeat(attachment->channel);
	}
}

/* What is trimmed only when it has not been used since the last trim needs
 * two more after the last use; then an idle loop is not woken any more.  Blocks
 * that a slow client still has are in use, though their request has ended. */
static void
on_trim(uv_timer_t *timer)
{
	struct worker_loop *loop = timer->data;
	uint64_t served = atomic_load(&loop->served);
	bool idle = served == loop->trimmed_at &&
		    atomic_load(&loop->active) == 0;

	LIST_FOREACH(struct attachment, link, attachment, &loop->attachments) {
		if (!attachment->dead)
			idle = attachment_trim(attachment) && idle;
	}
	request_trim_spare(loop);
	loop->idle_trims = idle ? loop->idle_trims + 1 : 0;
	loop->trimmed_at = served;
	if (loop->idle_trims >= 3)
		uv_timer_stop(timer);
}

void
loop_want_trim(struct worker_loop *loop)
{
	if (uv_is_active((uv_handle_t *)&loop->trim))
		return;
	loop->idle_trims = 0;
	uv_timer_start(&loop->trim, on_trim, TRIM_INTERVAL_MS,
		       TRIM_INTERVAL_MS);
}

char *
loop_scratch(struct worker_loop *loop)
{
	if (loop->scratch == NULL)
		loop->scratch = mem_alloc(SCRATCH_BYTES);
	return loop->scratch;
}

/* ---- life ---------------------------------------------------------------------- */

void
loop_init(struct worker_loop *loop, struct portico_worker *worker,
	  uint32_t number)
{
	*loop = (struct worker_loop){
		.magic = WORKER_LOOP_MAGIC,
		.worker = worker,
		.number = number,
		.untimed = 1,
		.random = number * 2654435761u | 1,
	};
	if (uv_loop_init(&loop->uv) != 0)
		check_panic("cannot create the loop %u", number);
	queue_init(&loop->queue);
	list_init(&loop->ready);
	list_init(&loop->attachments);
	list_init(&loop->children);
	list_init(&loop->spare);
	list_init(&loop->lookups);
	list_init(&loop->spare_timers);
	list_init(&loop->shared_watches);
	if (uv_async_init(&loop->uv, &loop->async, on_async) != 0)
		check_panic("cannot create the wake-up of loop %u", number);
	uv_idle_init(&loop->uv, &loop->idle);
	uv_prepare_init(&loop->uv, &loop->prepare);
	uv_timer_init(&loop->uv, &loop->trim);
	loop->async.data = loop->idle.data = loop->prepare.data =
		loop->trim.data = loop;
	/* libuv runs the prepare started last first: heartbeat, then flush. */
	loop->channels = channel_loop_new(&loop->uv);
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_unref((uv_handle_t *)&loop->trim);
	loop->tokens = token_table_new(loop);
}

static void
run_thread(void *arg)
{
	struct worker_loop *loop = arg;

	CHECK(loop, WORKER_LOOP_MAGIC);
	loop_set_current(loop);
	atomic_store(&loop->tid, (int)gettid());
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	atomic_store(&loop->tid, 0);
	loop_set_current(NULL);
}

enum portico_status
loop_start(struct worker_loop *loop, struct portico_error *err)
{
	int status;

	CHECK(loop, WORKER_LOOP_MAGIC);
	status = uv_thread_create(&loop->thread, run_thread, loop);
	if (status != 0)
		return error_os(err, -status, "starting the thread of loop %u",
				loop->number);
	loop->started = true;
	return PORTICO_OK;
}

void
loop_turn(struct worker_loop *loop, bool wait)
{
	struct worker_loop *outer = current_loop;

	CHECK(loop, WORKER_LOOP_MAGIC);
	loop_set_current(loop);
	uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	loop_set_current(outer);
}

struct stop_message {
	struct loop_message message;
	struct worker_loop *loop;
};

static void
on_stop(struct loop_message *message)
{
	struct stop_message *stop =
		CONTAINER_OF(message, struct stop_message, message);

	uv_stop(&stop->loop->uv);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
loop_fini(struct worker_loop *loop)
{
	loop_set_current(loop);
	loop->closing = true;
	client_engine_free(&loop->client);
	lookups_stop(&loop->lookups);
	/* What is flushed here are the last answers. */
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	children_forget(loop);
	while (!list_empty(&loop->attachments))
		attachment_free(LIST_FIRST(struct attachment, link,
					   &loop->attachments));
	channel_loop_free(&loop->channels);
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	request_free_spare(loop);
	uv_walk(&loop->uv, close_handle, NULL);
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	if (uv_loop_close(&loop->uv) != 0)
		log_debug(NULL, "loop %u had handles of modules left",
			  loop->number);
	timers_free_spare(loop);
	token_table_free(loop->tokens);
	MEM_FREE(loop->scratch);
	MEM_FREE(loop->calls);
	loop_set_current(NULL);
	loop->magic = 0;
}

void
loop_stop(struct worker_loop *loop)
{
	struct stop_message stop = { .message.run = on_stop, .loop = loop };

	CHECK(loop, WORKER_LOOP_MAGIC);
	if (loop->started) {
		loop_post(loop, &stop.message);
		uv_thread_join(&loop->thread);
		loop->started = false;
	}
	loop_fini(loop);
}
