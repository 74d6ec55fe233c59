/* SPDX-License-Identifier: Apache-2.0
 *
 * See revoke.h.  A timer runs while there are requests with workers.  It looks
 * at the oldest offers of each channel only, so its cost is one look per
 * request.  Who takes a request is decided by the claim word alone: it never
 * runs twice.
 *
 * A channel that left offers lying while its worker's loop did not turn is
 * `stuck` and gets nothing more until there is a sign of life.
 */
#include "core/listener/revoke.h"

#include "core/base/check.h"
#include "core/listener/dispatch.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

/* Whether another worker of the pool would be better off with a request: any
 * is, when this one hangs; one with half as much to do, when it is busy. */
static bool
has_better(const struct worker_channel *channel, bool hangs)
{
	LIST_FOREACH(struct worker_channel, pool_link, other,
		     &channel->pool->channels) {
		if (other != channel && worker_channel_has_room(other) &&
		    (hangs || other->active < channel->active / 2))
			return true;
	}
	return false;
}

/* The oldest offer that still is one; NULL: none. */
static struct listener_request *
oldest_offer(struct worker_channel *channel)
{
	for (;;) {
		struct listener_request *request = LIST_FIRST(
			struct listener_request, queue_link, &channel->offered);

		if (request == NULL)
			return NULL;
		CHECK(request, LISTENER_REQUEST_MAGIC);
		if (request->lease == LEASE_ASSIGNED &&
		    channel_claim_state(channel->channel, request->slot,
					request->slot_generation) ==
			    CHANNEL_CLAIM_OFFERED)
			return request;
		list_remove(&request->queue_link);
	}
}

static void
take_back(struct worker_channel *channel, struct listener_request *request)
{
	if (!worker_channel_revoke(request))
		return;
	request->lease = LEASE_NONE;
	request->body_credit = 0;
	request->body_starved = false;
	worker_channel_unref(&request->channel);
	dispatch_return(channel->pool, &request, 1);
}

static void
check_channel(struct worker_channel *channel, uint64_t now)
{
	uint64_t heartbeat = channel_heartbeat_get(channel->channel);
	bool hangs = heartbeat == channel->heartbeat;
	struct listener_request *request;

	channel->heartbeat = heartbeat;
	if (channel->stuck && !hangs) {
		channel->stuck = false;
		dispatch_pump(channel->pool);
	}
	while ((request = oldest_offer(channel)) != NULL &&
	       now - request->assigned >= REVOKE_AFTER_NS &&
	       has_better(channel, hangs)) {
		channel->stuck = hangs;
		take_back(channel, request);
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct listener_loop *loop = timer->data;
	bool busy = false;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	loop->now = 0;
	LIST_FOREACH_SAFE(struct worker_channel, link, channel,
			  &loop->worker_channels) {
		check_channel(channel, loop_now(loop));
		busy = busy || channel->active > 0 || channel->stuck;
	}
	if (!busy)
		uv_timer_stop(timer);
}

void
revoke_init(struct listener_loop *loop)
{
	uv_timer_init(&loop->uv, &loop->revoke);
	loop->revoke.data = loop;
}

void
revoke_watch(struct listener_loop *loop)
{
	if (!uv_is_active((uv_handle_t *)&loop->revoke))
		uv_timer_start(&loop->revoke, on_timer, REVOKE_CHECK_MS,
			       REVOKE_CHECK_MS);
}
