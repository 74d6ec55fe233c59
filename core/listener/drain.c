/* SPDX-License-Identifier: Apache-2.0
 *
 * The graceful end: no new connections, none kept, what is in progress is
 * finished; at the deadline the rest is cut.
 */
#include "core/listener/drain.h"

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/listener/accept.h"
#include "core/listener/connection.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

/* ---- on a loop ----------------------------------------------------------------- */

static void
run_drain(struct task *task, void *owner)
{
	struct listener_loop *loop = owner;

	mem_free(task);
	CHECK(loop, LISTENER_LOOP_MAGIC);
	loop->draining = true;
	acceptor_close_others(loop, 0);
	LIST_FOREACH_SAFE(struct listener_connection, link, connection,
			  &loop->connections) {
		if (connection->state == CONNECTION_IDLE)
			connection_close(connection, HTTP_REASON_NONE);
	}
	loop_check_drained(loop);
}

static void
run_cut(struct task *task, void *owner)
{
	struct listener_loop *loop = owner;
	unsigned cut = 0;

	mem_free(task);
	CHECK(loop, LISTENER_LOOP_MAGIC);
	if (loop->drained_told)
		return;
	/* The count goes with the loop's word that it is drained. */
	loop->drained_told = true;
	while (!list_empty(&loop->connections)) {
		struct listener_connection *connection = LIST_FIRST(
			struct listener_connection, link, &loop->connections);

		cut += connection->state == CONNECTION_REQUEST;
		connection_close(connection, HTTP_REASON_APP_SHUTDOWN);
	}
	listener_loop_drained(loop->listener, cut);
}

static void
post_all(struct listener *listener, task_fn *run)
{
	for (unsigned i = 0; i < listener->loop_count; i++)
		loop_post(listener->loops[i], mem_zalloc(sizeof(struct task)),
			  run);
}

/* ---- main thread ----------------------------------------------------------------- */

static void
on_deadline(uv_timer_t *timer)
{
	struct listener *listener = timer->data;

	CHECK(listener, LISTENER_MAGIC);
	post_all(listener, run_cut);
}

static void
finished(struct listener *listener)
{
	struct control_drained message = { .aborted = listener->aborted };

	uv_timer_stop(&listener->drain_timer);
	log_info(NULL, "drained, %u requests were cut", listener->aborted);
	if (listener->control != NULL)
		control_send(listener->control,
			     control_encode_drained(&message), NULL, 0);
	else
		listener_end(listener);
}

void
drain_start(struct listener *listener, uint64_t deadline_ms)
{
	CHECK(listener, LISTENER_MAGIC);
	if (listener->draining)
		return;
	listener->draining = true;
	log_info(NULL, "draining");
	if (listener->loop_count == 0) {
		finished(listener);
		return;
	}
	uv_timer_start(&listener->drain_timer, on_deadline, deadline_ms, 0);
	post_all(listener, run_drain);
}

void
drain_init(struct listener *listener)
{
	uv_timer_init(listener->uv, &listener->drain_timer);
	listener->drain_timer.data = listener;
}

struct drained_task {
	struct task task;
	unsigned cut;
};

static void
run_drained(struct task *base, void *owner)
{
	struct drained_task *task = (struct drained_task *)base;
	struct listener *listener = owner;

	listener->aborted += task->cut;
	mem_free(task);
	if (++listener->drained_loops == listener->loop_count &&
	    !listener->ending)
		finished(listener);
}

void
listener_loop_drained(struct listener *listener, unsigned aborted)
{
	struct drained_task *task = mem_zalloc(sizeof(*task));

	task->cut = aborted;
	listener_post(listener, &task->task, run_drained);
}
