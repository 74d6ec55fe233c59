/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying disabled pools again.
 */
#include "core/activation/probe.h"

#include "core/activation/events.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"

#define PROBE_MAGIC 0x960be011u

struct probe {
	unsigned magic;
	struct pool *pool;
	uv_timer_t timer;
};

static struct log_context
about(const struct pool *pool)
{
	return (struct log_context){ .name = "pool", .value = pool->name };
}

static void
try_start(struct pool *pool)
{
	const struct log_context ctx = about(pool);
	struct worker_process *worker;
	struct portico_error err;

	log_info(&ctx, "trying whether pool \"%s\" works again", pool->name);
	pool->probing.due_ns = 0;
	if (worker_process_start(pool, 0, &worker, &err) == PORTICO_OK)
		pool->probing.worker = worker->id;
	else
		(void)probe_failed(pool, 0, err.message);
}

static void
on_timer(uv_timer_t *timer)
{
	struct probe *probe = timer->data;
	struct pool *pool = probe->pool;

	CHECK(probe, PROBE_MAGIC);
	if (pool->state == CONTROL_POOL_DISABLED &&
	    pool->manager->phase == MANAGER_RUNNING)
		try_start(pool);
}

static void
wait(struct pool *pool)
{
	struct probing *probing = &pool->probing;
	struct probe *probe = probing->timer;

	if (probe == NULL) {
		probe = probing->timer = mem_zalloc(sizeof *probe);
		probe->magic = PROBE_MAGIC;
		probe->pool = pool;
		uv_timer_init(&pool->manager->loop, &probe->timer);
		probe->timer.data = probe;
	}
	probing->due_ns = clock_monotonic_ns() + probing->interval_ns;
	uv_update_time(probe->timer.loop);
	uv_timer_start(&probe->timer, on_timer,
		       probing->interval_ns / CLOCK_NS_PER_MS + 1, 0);
}

static void
wait_longer(struct pool *pool)
{
	struct probing *probing = &pool->probing;
	uint64_t most = pool->settings->failure.probe_at_most;

	probing->interval_ns = probing->interval_ns < most / 2 ?
				       probing->interval_ns * 2 :
				       most;
	wait(pool);
}

void
probe_disabled(struct pool *pool)
{
	struct probing *probing = &pool->probing;
	uint64_t after = pool->settings->failure.probe_after;
	bool again = probe_is_half_open(pool, clock_monotonic_ns());

	probing->half_open_ns = 0;
	probing->worker = 0;
	if (after == 0)
		return;
	if (again) {
		wait_longer(pool);
		return;
	}
	probing->interval_ns = after;
	wait(pool);
}

void
probe_set(struct pool *pool)
{
	if (pool->state != CONTROL_POOL_DISABLED || pool->metered.held_ns != 0)
		return;
	if (pool->settings->failure.probe_after == 0)
		probe_end(pool);
	else if (pool->probing.timer == NULL)
		probe_disabled(pool);
}

void
probe_resume(struct pool *pool)
{
	struct probing *probing = &pool->probing;
	uint64_t due = probing->due_ns, now = clock_monotonic_ns();

	if (pool->state != CONTROL_POOL_DISABLED ||
	    pool->metered.held_ns != 0 || probing->interval_ns == 0)
		return;
	wait(pool);
	if (probing->worker != 0) {
		/* It is being tried. */
		uv_timer_stop(&probing->timer->timer);
		probing->due_ns = 0;
		return;
	}
	probing->due_ns = due;
	uv_timer_start(&probing->timer->timer, on_timer,
		       due > now ? (due - now) / CLOCK_NS_PER_MS + 1 : 0, 0);
}

static void
on_closed(uv_handle_t *handle)
{
	struct probe *probe = handle->data;

	probe->magic = 0;
	mem_free(probe);
}

void
probe_end(struct pool *pool)
{
	struct probe *probe = pool->probing.timer;

	if (probe != NULL) {
		CHECK(probe, PROBE_MAGIC);
		uv_close((uv_handle_t *)&probe->timer, on_closed);
	}
	pool->probing = (struct probing){ .timer = NULL };
}

bool
probe_attached(struct pool *pool, const struct worker_process *worker)
{
	const struct log_context ctx = about(pool);
	struct probing *probing = &pool->probing;

	if (probing->worker != worker->id ||
	    pool->state != CONTROL_POOL_DISABLED)
		return false;
	probing->worker = 0;
	probing->half_open_ns =
		clock_monotonic_ns() + pool->settings->rapid_fail_interval;
	log_warn(EVENT_PROBE_SUCCEEDED, &ctx,
		 "pool \"%s\" is enabled again: a worker could be started",
		 pool->name);
	return true;
}

bool
probe_failed(struct pool *pool, uint32_t worker, const char *why)
{
	const struct log_context ctx = about(pool);
	char text[CONFIG_UNIT_TEXT_SIZE];

	if (pool->probing.worker != worker ||
	    pool->state != CONTROL_POOL_DISABLED || pool->probing.timer == NULL)
		return false;
	pool->probing.worker = 0;
	wait_longer(pool);
	log_warn(EVENT_PROBE_FAILED, &ctx,
		 "pool \"%s\" stays disabled: the worker that was tried %s; "
		 "the next one follows in %s",
		 pool->name, why,
		 config_format_duration(pool->probing.interval_ns, text,
					sizeof text));
	return true;
}

bool
probe_is_half_open(const struct pool *pool, uint64_t now_ns)
{
	return now_ns < pool->probing.half_open_ns;
}
