/* SPDX-License-Identifier: Apache-2.0
 *
 * See dispatch.h.
 */
#include "core/listener/dispatch.h"

#include "core/base/check.h"
#include "core/listener/affinity.h"
#include "core/listener/connection.h"
#include "core/listener/deadline.h"
#include "core/listener/half_close.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/pool_queue.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/routes.h"
#include "core/listener/snapshot.h"
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

/* The one with the fewest requests of the worker that it is for. */
static struct worker_channel *
choose_of_worker(struct loop_pool *pool, uint32_t worker)
{
	struct worker_channel *best = NULL;

	LIST_FOREACH(struct worker_channel, pool_link, channel,
		     &pool->channels) {
		if (channel->worker_id != worker ||
		    !worker_channel_has_room(channel))
			continue;
		if (best == NULL || channel->active < best->active)
			best = channel;
	}
	return best;
}

static struct worker_channel *
choose(struct loop_pool *pool, struct listener_request *request)
{
	uint32_t worker = affinity_find(pool, request);
	struct worker_channel *best =
		worker == 0 ? NULL : choose_of_worker(pool, worker);

	if (best != NULL)
		return best;
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

/* False: no worker has room. */
static bool
assign(struct loop_pool *pool, struct listener_request *request,
       struct portico_slice path, const struct http_url *url)
{
	for (;;) {
		struct worker_channel *channel = choose(pool, request);

		if (channel == NULL)
			return false;
		/* One that has no block for the head has no room from now on:
		 * the next one. */
		if (worker_channel_assign(channel, request, path, url))
			return true;
	}
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

/* As loadBalancerCapabilities says. */
static void
refuse(struct loop_pool *pool, struct listener_request *request,
       enum http_reason reason)
{
	pool->rejected++;
	if (pool->limits.tcp_level)
		request_cut(request, reason);
	else
		request_fail(request, reason, 0, NULL);
}

static void
demand(struct loop_pool *pool)
{
	if (pool->demanded || !list_empty(&pool->channels))
		return;
	pool->demanded = true;
	/* activationTimeout counts now, and may be over for some. */
	deadline_look_at(pool->loop, loop_now(pool->loop));
	listener_demand(pool->loop->listener, pool->shared);
}

/* What its application has for clients while there is no worker; NULL: they
 * wait. */
static const struct settings_initialization *
find_splash(const struct listener_request *request)
{
	const struct route_application *application = request->application;
	const struct settings *settings = request->snapshot->shared->settings;
	const struct settings_site *site = &settings->sites[application->site];

	if (request->head.method != HTTP_METHOD_GET &&
	    request->head.method != HTTP_METHOD_HEAD)
		return NULL;
	for (size_t i = 0; i < site->application_count; i++) {
		const struct settings_application *one = &site->applications[i];

		if (one->id == application->id &&
		    one->initialization.splash_status != 0)
			return &one->initialization;
	}
	return NULL;
}

/* The worker is started all the same. */
static bool
show_splash(struct loop_pool *pool, struct listener_request *request)
{
	const struct settings_initialization *splash =
		list_empty(&pool->channels) ? find_splash(request) : NULL;

	if (splash == NULL)
		return false;
	response_send_splash(request, splash);
	demand(pool);
	return true;
}

static unsigned
count_workers(const struct loop_pool *pool)
{
	unsigned count = 0;

	LIST_FOREACH(const struct worker_channel, pool_link, channel,
		     &pool->channels) {
		bool seen = false;

		LIST_FOREACH(const struct worker_channel, pool_link, before,
			     &pool->channels) {
			if (before == channel)
				break;
			seen |= before->worker_id == channel->worker_id;
		}
		count += !seen;
	}
	return count;
}

/* What this loop has is taken for what each of them has; `full`: no worker has
 * room. */
static void
grow(struct loop_pool *pool, bool full)
{
	uint64_t now = loop_now(pool->loop);
	uint64_t all =
		(uint64_t)pool->active * pool->loop->listener->loop_count;
	unsigned workers;

	if ((!full && all < pool->limits.another_at) ||
	    now - pool->asked_more_ns < MORE_WORKERS_NS)
		return;
	workers = count_workers(pool);
	if (workers == 0 || workers >= pool->limits.workers ||
	    (!full && all < (uint64_t)pool->limits.another_at * workers))
		return;
	pool->asked_more_ns = now;
	listener_demand_more(pool->loop->listener, pool->shared);
}

void
dispatch_submit(struct listener_request *request, struct portico_slice path,
		const struct http_url *url)
{
	struct loop_pool *pool = request->pool;
	enum http_reason reason = refusal(pool);

	CHECK(pool, LOOP_POOL_MAGIC);
	if (reason != HTTP_REASON_NONE) {
		refuse(pool, request, reason);
		return;
	}
	if (show_splash(pool, request))
		return;
	deadline_stamp(request);
	/* Nobody overtakes. */
	if (list_empty(&pool->queue) && assign(pool, request, path, url)) {
		if (pool->limits.another_at != 0)
			grow(pool, false);
		return;
	}
	if (!pool_queue_add(request)) {
		refuse(pool, request, HTTP_REASON_QUEUE_FULL);
		return;
	}
	deadline_watch(request);
	demand(pool);
	if (pool->limits.another_at != 0)
		grow(pool, true);
}

/* False: it is the first still, no worker took it. */
static bool
assign_first(struct loop_pool *pool, struct listener_request *request)
{
	struct portico_slice path;
	struct http_url url;

	if (choose(pool, request) == NULL)
		return false;
	if (half_close_is_gone(request->connection)) {
		connection_close(request->connection,
				 HTTP_REASON_CONNECTION_DROPPED);
		return true;
	}
	/* It was cooked without a fault before, from the same bytes. */
	if (dispatch_cook(request, &path, &url) != HTTP_REASON_NONE)
		UNREACHABLE();
	pool_queue_remove(request);
	if (assign(pool, request, path, &url))
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
		deadline_watch(request);
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

		refuse(pool, request, reason);
	}
}
