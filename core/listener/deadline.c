/* SPDX-License-Identifier: Apache-2.0
 *
 * See deadline.h.
 *
 * The timer is only ever late by what the loop is, and early at will: when it
 * fires, every request in progress is looked at and the next time is known.
 * Requests that end before cost nothing but the stamp.
 */
#include "core/listener/deadline.h"

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/dispatch.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

#define NEVER UINT64_MAX

/* What ends a request first, and when. */
struct due {
	uint64_t at; /* ns; NEVER */
	enum http_reason reason;
};

static uint64_t
after(uint64_t now, uint64_t timeout)
{
	return timeout == 0 ? 0 : now + timeout;
}

void
deadline_stamp(struct listener_request *request)
{
	const struct pool_limits *limits = &request->pool->limits;
	uint64_t from = request->head_complete;

	ASSERT(request->queued == 0);
	request->queued = loop_now(request->loop);
	request->queue_deadline = after(from, limits->queue_timeout);
	request->activation_deadline = after(from, limits->activation_timeout);
	request->execution_deadline = after(from, limits->execution_timeout);
	request->response_idle = limits->response_idle_timeout;
}

/* ---- what is due ---------------------------------------------------------------- */

/* With a worker that has not taken it, as far as we have seen. */
static bool
is_offered(const struct listener_request *request)
{
	return request->lease == LEASE_ASSIGNED &&
	       list_linked(&request->queue_link) &&
	       channel_claim_state(request->channel->channel, request->slot,
				   request->slot_generation) ==
		       CHANNEL_CLAIM_OFFERED;
}

/* With a worker that has it and is the one who has to do something next. */
static bool
waits_for_worker(const struct listener_request *request)
{
	return (request->lease == LEASE_ASSIGNED ||
		request->lease == LEASE_RESPONDING) &&
	       output_empty(&request->output) &&
	       !request_body_is_awaited(request);
}

static void
consider(struct due *due, uint64_t at, enum http_reason reason)
{
	if (at != 0 && at < due->at)
		*due = (struct due){ at, reason };
}

static struct due
next_due(struct listener_request *request, uint64_t now)
{
	struct due due = { NEVER, HTTP_REASON_NONE };
	bool queued = request->lease == LEASE_QUEUED;
	bool offered = is_offered(request);

	/* Ended, or all said: only the client is waited for. */
	if (request->wire_done || request->own_response ||
	    request->response_last)
		return due;
	consider(&due, request->execution_deadline, HTTP_REASON_TIMER_RESPONSE);
	if (queued || offered)
		consider(&due, request->queue_deadline,
			 HTTP_REASON_TIMER_REQ_QUEUE);
	if (queued && list_empty(&request->pool->channels))
		consider(&due, request->activation_deadline,
			 HTTP_REASON_TIMER_APP_POOL);
	if (request->response_idle == 0)
		return due;
	/* Whatever makes the worker the next to speak is noted as progress;
	 * until then the time does not run, but it may begin at any moment. */
	if (offered ||
	    (!waits_for_worker(request) && !request_is_tunnel(request)))
		request->progress = now;
	consider(&due, request->progress + request->response_idle,
		 request_is_tunnel(request) ?
			 HTTP_REASON_TIMER_CONNECTION_IDLE :
			 HTTP_REASON_TIMER_RESPONSE_IDLE);
	return due;
}

/* ---- ending ---------------------------------------------------------------------- */

/* Where it was, for the error log. */
static const char *
stage_name(const struct listener_request *request)
{
	if (request->lease == LEASE_QUEUED)
		return "Queued";
	if (is_offered(request))
		return "Offered";
	if (request_is_tunnel(request))
		return "Tunnel";
	if (request->lease == LEASE_RESPONDING)
		return "Responding";
	return "Running";
}

/* False: the worker was faster, and the other deadlines are to come. */
static bool
expire(struct listener_request *request, enum http_reason reason)
{
	const char *stage = stage_name(request);

	/* The queue's time is over, unless the worker takes it this moment. */
	if (reason == HTTP_REASON_TIMER_REQ_QUEUE &&
	    request->lease == LEASE_ASSIGNED) {
		if (!worker_channel_revoke(request))
			return false;
		request->lease = LEASE_DONE;
	}
	request_fail(request, reason, 0, stage);
	return true;
}

static uint64_t
look_at_pool(struct loop_pool *pool, uint64_t now)
{
	uint64_t next = NEVER;

	CHECK(pool, LOOP_POOL_MAGIC);
	/* Room that comes free is given away at the end: that may end other
	 * requests, also the next one in the list. */
	ASSERT(!pool->pumping);
	pool->pumping = true;
	LIST_FOREACH_SAFE(struct listener_request, pool_link, request,
			  &pool->requests) {
		struct due due = next_due(request, now);

		if (due.at <= now && expire(request, due.reason))
			continue;
		if (due.at < next)
			next = due.at;
	}
	pool->pumping = false;
	if (!list_empty(&pool->queue))
		dispatch_pump(pool);
	return next;
}

static void
look(struct listener_loop *loop)
{
	uint64_t now = loop_now(loop), next = NEVER;

	loop->deadline = NEVER;
	loop->deadline_looked = now;
	for (unsigned i = 0; i < loop->pool_count; i++) {
		uint64_t at = look_at_pool(loop->pools[i], now);

		if (at < next)
			next = at;
	}
	deadline_look_at(loop, next);
}

/* ---- the timer --------------------------------------------------------------------- */

static void
on_timer(uv_timer_t *timer)
{
	struct listener_loop *loop = timer->data;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	loop->now = 0;
	connection_expire(loop);
	look(loop);
}

void
deadline_init(struct listener_loop *loop)
{
	uv_timer_init(&loop->uv, &loop->deadline_timer);
	loop->deadline_timer.data = loop;
	loop->deadline = NEVER;
}

void
deadline_look_at(struct listener_loop *loop, uint64_t time)
{
	uint64_t earliest = loop->deadline_looked + DEADLINE_DISTANCE_NS;
	uint64_t now_ms = uv_now(&loop->uv), due_ms;

	if (time < earliest)
		time = earliest;
	if (time >= loop->deadline)
		return;
	loop->deadline = time;
	/* libuv's clock is the same, in milliseconds. */
	due_ms = time / CLOCK_NS_PER_MS + 1;
	uv_timer_start(&loop->deadline_timer, on_timer,
		       due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

void
deadline_watch(struct listener_request *request)
{
	struct listener_loop *loop = request->loop;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->lease == LEASE_ASSIGNED)
		request->progress = request->assigned;
	deadline_look_at(loop, next_due(request, loop_now(loop)).at);
}
