/* SPDX-License-Identifier: Apache-2.0
 *
 * The graceful end: no new connections, none kept, what is in progress is
 * finished; at the deadline the rest is cut.
 *
 * A connection without a request may have one on its way, and the one that was
 * accepted last certainly has.  So when another listener takes over, such
 * connections stay open for a while (drain_idle_until); the request that comes
 * is served and answered with "Connection: close".  So do those whose answer
 * began before and has said that they stay.  When the whole server ends
 * they are closed at once, but for those whose request has arrived already.
 */
#include "core/listener/drain.h"

#include <sys/ioctl.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/listener/accept.h"
#include "core/listener/connection.h"
#include "core/listener/http2.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

struct drain_task {
	struct task task;
	uint64_t idle_until; /* ns */
	uint64_t idle; /* ns */
};

/* ---- on a loop ----------------------------------------------------------------- */

static bool
has_unread(const struct listener_connection *connection)
{
	const struct transport *transport = &connection->transport;
	int bytes = 0;

	return transport_pending(transport) ||
	       (ioctl(transport->fd, FIONREAD, &bytes) == 0 && bytes > 0);
}

bool
drain_may_follow(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	return loop_now(loop) < loop->drain_idle_until ||
	       has_unread(connection);
}

void
drain_keep(struct listener_loop *loop)
{
	uint64_t until = loop_now(loop) + loop->drain_idle;

	/* The others idle longer for it, which is simpler than a time for each
	 * and ends: every connection was promised that only once. */
	if (loop->draining && until > loop->drain_idle_until)
		loop->drain_idle_until = until;
}

void
drain_tick(struct listener_loop *loop)
{
	bool over = loop_now(loop) >= loop->drain_idle_until;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	LIST_FOREACH_SAFE(struct listener_connection, link, connection,
			  &loop->connections) {
		if (connection->state == CONNECTION_HTTP2)
			http2_drain(connection);
		else if (over &&
			 (connection->state == CONNECTION_IDLE ||
			  connection->state == CONNECTION_PROXIED) &&
			 !has_unread(connection))
			connection_close(connection, HTTP_REASON_NONE);
	}
}

static void
run_drain(struct task *base, void *owner)
{
	struct drain_task *task = (struct drain_task *)base;
	struct listener_loop *loop = owner;
	uint64_t until = task->idle_until, idle = task->idle;

	mem_free(task);
	CHECK(loop, LISTENER_LOOP_MAGIC);
	if (!loop->draining || until < loop->drain_idle_until)
		loop->drain_idle_until = until;
	if (!loop->draining || idle < loop->drain_idle)
		loop->drain_idle = idle;
	loop->draining = true;
	acceptor_close_others(loop, 0);
	drain_tick(loop);
	loop_check_drained(loop);
}

/* It gets 503 if its answer has not begun; half an answer is cut. */
static unsigned
cut(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;

	if (connection->state == CONNECTION_HTTP2)
		return http2_cut(connection);
	if (connection->state != CONNECTION_REQUEST || request->drain) {
		connection_close(connection, HTTP_REASON_NONE);
		return 0;
	}
	if (request->response_seen) {
		/* Before the end of the connection says that it was its
		 * client who left. */
		request_abort(request, CHANNEL_ABORT_SHUTDOWN);
		connection_reset(connection, HTTP_REASON_APP_SHUTDOWN);
		return 1;
	}
	request_fail(request, HTTP_REASON_APP_SHUTDOWN, 0, NULL);
	/* The page is on its way, or nothing helps. */
	connection_close(connection, HTTP_REASON_NONE);
	return 1;
}

static void
run_cut(struct task *task, void *owner)
{
	struct listener_loop *loop = owner;
	unsigned count = 0;

	mem_free(task);
	CHECK(loop, LISTENER_LOOP_MAGIC);
	if (loop->drained_told)
		return;
	/* The count goes with the loop's word that it is drained. */
	loop->drained_told = true;
	while (!list_empty(&loop->connections))
		count += cut(LIST_FIRST(struct listener_connection, link,
					&loop->connections));
	listener_loop_drained(loop->listener, count);
}

/* ---- main thread ----------------------------------------------------------------- */

static void
on_deadline(uv_timer_t *timer)
{
	struct listener *listener = timer->data;

	CHECK(listener, LISTENER_MAGIC);
	for (unsigned i = 0; i < listener->loop_count; i++)
		loop_post(listener->loops[i], mem_zalloc(sizeof(struct task)),
			  run_cut);
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
drain_start(struct listener *listener, uint64_t deadline_ms, uint64_t idle_ms)
{
	uint64_t deadline = uv_now(listener->uv) + deadline_ms;
	uint64_t idle_until = clock_monotonic_ns() + idle_ms * CLOCK_NS_PER_MS;

	CHECK(listener, LISTENER_MAGIC);
	if (!listener->draining)
		log_info(NULL, "draining");
	else if (listener->drained_loops == listener->loop_count)
		return; /* told already */
	if (listener->draining && deadline > listener->drain_deadline) {
		deadline = listener->drain_deadline;
		deadline_ms = deadline > uv_now(listener->uv) ?
				      deadline - uv_now(listener->uv) :
				      0;
	}
	listener->draining = true;
	listener->drain_deadline = deadline;
	if (listener->loop_count == 0) {
		finished(listener);
		return;
	}
	uv_timer_start(&listener->drain_timer, on_deadline, deadline_ms, 0);
	for (unsigned i = 0; i < listener->loop_count; i++) {
		struct drain_task *task = mem_zalloc(sizeof(*task));

		task->idle_until = idle_until;
		task->idle = idle_ms * CLOCK_NS_PER_MS;
		loop_post(listener->loops[i], &task->task, run_drain);
	}
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
