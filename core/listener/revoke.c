/* SPDX-License-Identifier: Apache-2.0
 *
 * See revoke.h.  A timer runs while there are requests with workers.  It looks
 * at the oldest offers of each channel only, so its cost is one look per
 * request.  Who takes a request is decided by the claim word alone: it never
 * runs twice.
 *
 * A worker that has offers and has read nothing for `revokeAfter` hangs: its
 * loop does not turn, or it does not read.  Where another worker has room, all
 * that it has not taken goes back to the queue, and it is `stuck`: it gets
 * nothing more until it reads.  Where no other has room that is done only when
 * it has hung for longer, since the queue is shorter than what a worker takes
 * and its pause may be that of a busy machine; queueTimeout counts all the
 * same.  From a worker that reads but is late one goes to another that has
 * half as much to do.
 */
#include "core/listener/revoke.h"

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/listener/dispatch.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

/* Whether another worker of the pool takes a request: any, when this one
 * hangs; else one that has half as much to do, and that dispatch would choose
 * before this one. */
static bool
has_better(const struct worker_channel *channel, bool hangs)
{
	LIST_FOREACH(struct worker_channel, pool_link, other,
		     &channel->pool->channels) {
		if (other == channel || !worker_channel_has_room(other))
			continue;
		if (hangs || (other->generation >= channel->generation &&
			      other->active < channel->active / 2))
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
		/* Taken, so from now on it is the worker's to go on. */
		request->progress = loop_now(channel->loop);
		list_remove(&request->queue_link);
	}
}

/* False: the worker was faster. */
static bool
take_back(struct listener_request *request)
{
	if (!worker_channel_revoke(request)) {
		/* Whatever the word says next: it is asked only once. */
		list_remove(&request->queue_link);
		return false;
	}
	request->lease = LEASE_NONE;
	request->body_credit = 0;
	worker_channel_unref(&request->channel);
	return true;
}

void
revoke_all(struct worker_channel *channel)
{
	struct loop_pool *pool = channel->pool;
	struct listener_request **all = mem_zalloc_array(
		channel->active + 1, sizeof(struct listener_request *));
	struct listener_request *request;
	unsigned count = 0;

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	while ((request = oldest_offer(channel)) != NULL) {
		if (take_back(request))
			all[count++] = request;
	}
	dispatch_return(pool, all, count);
	mem_free(all);
}

void
revoke_look_again(struct worker_channel *channel)
{
	uint64_t position = channel_peer_position(channel->channel);

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (position == channel->position)
		return;
	channel->position = position;
	channel->moved = loop_now(channel->loop);
	if (!channel->stuck)
		return;
	channel->stuck = false;
	dispatch_pump(channel->pool);
}

static void
check_channel(struct worker_channel *channel, uint64_t now)
{
	uint64_t after = channel->pool->limits.revoke_after;
	struct listener_request *request;
	uint64_t hung;

	revoke_look_again(channel);
	request = oldest_offer(channel);
	if (request == NULL || after == 0 || now - request->assigned < after)
		return;
	hung = now - (channel->moved > request->assigned ? channel->moved :
							   request->assigned);
	if (hung >= after) {
		if (hung >= REVOKE_ALONE_NS || has_better(channel, true)) {
			channel->stuck = true;
			revoke_all(channel);
		}
		return;
	}
	while (request != NULL && now - request->assigned >= after &&
	       has_better(channel, false)) {
		if (take_back(request))
			dispatch_return(channel->pool, &request, 1);
		request = oldest_offer(channel);
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
