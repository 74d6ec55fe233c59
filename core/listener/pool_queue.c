/* SPDX-License-Identifier: Apache-2.0
 *
 * See pool_queue.h.
 */
#include "core/listener/pool_queue.h"

#include "core/base/check.h"
#include "core/listener/pool.h"
#include "core/listener/request.h"

bool
pool_queue_add(struct listener_request *request)
{
	struct loop_pool *pool = request->pool;
	atomic_uint *queued;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	CHECK(pool, LOOP_POOL_MAGIC);
	ASSERT(!list_linked(&request->queue_link));
	queued = &pool->shared->queued;
	if (atomic_fetch_add_explicit(queued, 1, memory_order_relaxed) >=
	    pool->limits.queue_length) {
		atomic_fetch_sub_explicit(queued, 1, memory_order_relaxed);
		return false;
	}
	list_add_tail(&pool->queue, &request->queue_link);
	pool->waiting++;
	request->lease = LEASE_QUEUED;
	return true;
}

void
pool_queue_add_front(struct listener_request *request)
{
	struct loop_pool *pool = request->pool;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	CHECK(pool, LOOP_POOL_MAGIC);
	ASSERT(!list_linked(&request->queue_link));
	atomic_fetch_add_explicit(&pool->shared->queued, 1,
				  memory_order_relaxed);
	list_add_head(&pool->queue, &request->queue_link);
	pool->waiting++;
	request->lease = LEASE_QUEUED;
}

void
pool_queue_remove(struct listener_request *request)
{
	struct loop_pool *pool = request->pool;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(list_linked(&request->queue_link) && pool->waiting > 0);
	list_remove(&request->queue_link);
	pool->waiting--;
	atomic_fetch_sub_explicit(&pool->shared->queued, 1,
				  memory_order_relaxed);
}
