/* SPDX-License-Identifier: Apache-2.0
 *
 * See pool.h.
 */
#include "core/listener/pool.h"

#include "core/base/check.h"
#include "core/base/memory.h"

struct loop_pool *
loop_pool_new(struct listener_loop *loop, struct listener_pool *shared)
{
	struct loop_pool *pool = mem_zalloc(sizeof(*pool));

	CHECK(shared, LISTENER_POOL_MAGIC);
	pool->magic = LOOP_POOL_MAGIC;
	pool->shared = shared;
	pool->loop = loop;
	pool->state = CONTROL_POOL_STARTED;
	list_init(&pool->queue);
	list_init(&pool->requests);
	list_init(&pool->channels);
	return pool;
}

void
loop_pool_free(struct loop_pool *pool)
{
	if (pool == NULL)
		return;
	CHECK(pool, LOOP_POOL_MAGIC);
	pool->magic = 0;
	mem_free(pool);
}

void
loop_pool_set_limits(struct loop_pool *pool,
		     const struct settings_pool *settings)
{
	struct pool_limits *limits = &pool->limits;

	CHECK(pool, LOOP_POOL_MAGIC);
	if (settings == NULL) {
		limits->known = false;
		return;
	}
	*limits = (struct pool_limits){
		.queue_length = settings->queue_length,
		.replay = settings->replay,
		.known = true,
		.workers = settings->workers,
		.another_at =
			settings->start_workers == 0 ? 0 : settings->another_at,
		.affinity = settings->affinity,
		.tcp_level = settings->failure.tcp_level,
		.max_request_body = settings->max_request_body,
		.queue_timeout = settings->queue_timeout,
		.activation_timeout = settings->activation_timeout,
		.execution_timeout = settings->execution_timeout,
		.response_idle_timeout = settings->response_idle_timeout,
		.tunnel_idle_timeout = settings->tunnel_idle_timeout,
		.revoke_after = settings->revoke_after,
	};
}
