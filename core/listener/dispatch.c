/* SPDX-License-Identifier: Apache-2.0
 *
 * See dispatch.h.
 */
#include "core/listener/dispatch.h"

#include "core/base/check.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/pool_queue.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

enum http_reason
dispatch_cook(struct listener_request *request, struct portico_slice *path_r,
	      struct http_url *url_r)
{
	const struct http_parsed_head *head = &request->head;
	const struct listener_snapshot *snapshot = request->snapshot->shared;
	struct listener_loop *loop = request->loop;
	enum http_reason reason;

	if (head->target_form == HTTP_TARGET_ASTERISK) {
		*url_r = (struct http_url){ .path_length = 1 };
		*path_r = PORTICO_SLICE("*");
		return HTTP_REASON_NONE;
	}
	ASSERT(loop->path_size > head->path_length);
	reason = http_url_cook(request->input.data + head->path_offset,
			       head->path_length, loop->path,
			       &snapshot->url_limits, url_r);
	*path_r = (struct portico_slice){ loop->path, url_r->path_length };
	return reason;
}

static struct worker_channel *
choose(struct loop_pool *pool)
{
	struct worker_channel *best = NULL;

	LIST_FOREACH(struct worker_channel, pool_link, channel,
		     &pool->channels) {
		if (!worker_channel_has_room(channel))
			continue;
		if (best == NULL || channel->generation > best->generation ||
		    (channel->generation == best->generation &&
		     channel->active < best->active))
			best = channel;
	}
	return best;
}

static uint64_t
deadline(uint64_t now, uint64_t timeout)
{
	return timeout == 0 ? 0 : now + timeout;
}

/* Once for each request, before anything else can happen to it. */
static void
stamp_deadlines(struct listener_request *request)
{
	const struct pool_limits *limits = &request->pool->limits;
	uint64_t now = loop_now(request->loop);

	request->queued = now;
	request->queue_deadline = deadline(now, limits->queue_timeout);
	request->activation_deadline =
		deadline(now, limits->activation_timeout);
	request->execution_deadline = deadline(now, limits->execution_timeout);
}

/* What a pool in this state answers; NONE: it takes requests. */
static enum http_reason
refusal(const struct loop_pool *pool)
{
	if (!pool->limits.known)
		return HTTP_REASON_NOT_AVAILABLE;
	switch (pool->state) {
	case CONTROL_POOL_STARTED:
		return HTTP_REASON_NONE;
	case CONTROL_POOL_STOPPED:
		return HTTP_REASON_DISABLED;
	case CONTROL_POOL_DISABLED:
		return HTTP_REASON_APP_OFFLINE;
	}
	return HTTP_REASON_NOT_AVAILABLE;
}

static void
demand(struct loop_pool *pool)
{
	if (pool->demanded || !list_empty(&pool->channels))
		return;
	pool->demanded = true;
	listener_demand(pool->loop->listener, pool->shared);
}

void
dispatch_submit(struct listener_request *request, struct portico_slice path,
		const struct http_url *url)
{
	struct loop_pool *pool = request->pool;
	struct worker_channel *channel;
	enum http_reason reason = refusal(pool);

	CHECK(pool, LOOP_POOL_MAGIC);
	if (reason != HTTP_REASON_NONE) {
		pool->rejected++;
		request_fail(request, reason, 0, NULL);
		return;
	}
	stamp_deadlines(request);
	/* Nobody overtakes. */
	if (list_empty(&pool->queue)) {
		channel = choose(pool);
		if (channel != NULL &&
		    worker_channel_assign(channel, request, path, url))
			return;
	}
	if (!pool_queue_add(request)) {
		pool->rejected++;
		request_fail(request, HTTP_REASON_QUEUE_FULL, 0, NULL);
		return;
	}
	demand(pool);
}

/* False: no worker took it. */
static bool
assign_first(struct loop_pool *pool, struct listener_request *request)
{
	struct worker_channel *channel = choose(pool);
	struct portico_slice path;
	struct http_url url;

	if (channel == NULL)
		return false;
	/* It was cooked without a fault before, from the same bytes. */
	if (dispatch_cook(request, &path, &url) != HTTP_REASON_NONE)
		UNREACHABLE();
	pool_queue_remove(request);
	if (worker_channel_assign(channel, request, path, &url))
		return true;
	pool_queue_add_front(request);
	return false;
}

void
dispatch_pump(struct loop_pool *pool)
{
	CHECK(pool, LOOP_POOL_MAGIC);
	if (pool->pumping || pool->state != CONTROL_POOL_STARTED)
		return;
	pool->pumping = true;
	while (!list_empty(&pool->queue)) {
		struct listener_request *request = LIST_FIRST(
			struct listener_request, queue_link, &pool->queue);

		if (!assign_first(pool, request))
			break;
	}
	pool->pumping = false;
	if (!list_empty(&pool->queue))
		demand(pool);
}

void
dispatch_return(struct loop_pool *pool, struct listener_request **requests,
		unsigned count)
{
	enum http_reason reason = refusal(pool);

	while (count > 0) {
		struct listener_request *request = requests[--count];

		pool->requeued++;
		pool_queue_add_front(request);
	}
	if (reason != HTTP_REASON_NONE)
		dispatch_state_changed(pool);
	else
		dispatch_pump(pool);
}

void
dispatch_state_changed(struct loop_pool *pool)
{
	enum http_reason reason = refusal(pool);

	pool->demanded = false;
	if (reason == HTTP_REASON_NONE) {
		dispatch_pump(pool);
		return;
	}
	while (!list_empty(&pool->queue)) {
		struct listener_request *request = LIST_FIRST(
			struct listener_request, queue_link, &pool->queue);

		pool->rejected++;
		request_fail(request, reason, 0, NULL);
	}
}

/* ---- deadlines ------------------------------------------------------------------ */

/* What has expired for a request, or NONE. */
static enum http_reason
expired(const struct listener_request *request, uint64_t now, bool no_worker)
{
	const struct pool_limits *limits = &request->pool->limits;

	if (request->wire_done || request->own_response)
		return HTTP_REASON_NONE;
	if (request->lease == LEASE_QUEUED) {
		if (request->queue_deadline != 0 &&
		    request->queue_deadline <= now)
			return HTTP_REASON_TIMER_REQ_QUEUE;
		if (no_worker && request->activation_deadline != 0 &&
		    request->activation_deadline <= now)
			return HTTP_REASON_APP_POOL_TIMER;
	}
	if (request->execution_deadline != 0 &&
	    request->execution_deadline <= now && !request->response_last)
		return HTTP_REASON_TIMER_RESPONSE;
	if (limits->response_idle_timeout != 0 && request->progress != 0 &&
	    !request->response_last && output_empty(&request->output) &&
	    now - request->progress > limits->response_idle_timeout)
		return HTTP_REASON_TIMER_RESPONSE;
	return HTTP_REASON_NONE;
}

static void
sweep_pool(struct loop_pool *pool, uint64_t now)
{
	bool no_worker = list_empty(&pool->channels);

	LIST_FOREACH_SAFE(struct listener_request, pool_link, request,
			  &pool->requests) {
		enum http_reason reason = expired(request, now, no_worker);

		if (reason != HTTP_REASON_NONE)
			request_fail(request, reason, 0, NULL);
	}
}

void
dispatch_sweep(struct listener_loop *loop)
{
	uint64_t now = loop_now(loop);

	for (unsigned i = 0; i < loop->pool_count; i++) {
		struct loop_pool *pool = loop->pools[i];
		const struct pool_limits *limits = &pool->limits;

		if (list_empty(&pool->requests))
			continue;
		/* Without a deadline only the queue has to be looked at. */
		if (limits->execution_timeout == 0 &&
		    limits->response_idle_timeout == 0 &&
		    list_empty(&pool->queue))
			continue;
		sweep_pool(pool, now);
	}
}
