/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing workers.
 */
#include "core/activation/recycle.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/activation/events.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/config/settings.h"

static struct log_context
about(const struct pool *pool)
{
	return (struct log_context){ .name = "pool", .value = pool->name };
}

/* ---- how often ----------------------------------------------------------- */

static void
on_pace(uv_timer_t *timer)
{
	recycle_next(timer->data);
}

void
recycle_init(struct pool *pool)
{
	uv_timer_init(&pool->manager->loop, &pool->recycling.pace);
	pool->recycling.pace.data = pool;
}

void
recycle_close(struct pool *pool, uv_close_cb closed)
{
	uv_close((uv_handle_t *)&pool->recycling.pace, closed);
}

/*
 * A module that fails in every request fails in the new worker, too: workers
 * must not start as fast as they can.  It waits, and is not forgotten.
 */
static bool
has_to_wait(struct pool *pool, const struct worker_process *worker)
{
	struct recycling *recycling = &pool->recycling;
	uint64_t interval = pool->settings->recycling.unhealthy_interval;
	uint64_t since = clock_monotonic_ns() - recycling->unhealthy_ns;

	if (worker->marked != RECYCLE_UNHEALTHY ||
	    recycling->unhealthy_ns == 0 || since >= interval)
		return false;
	if (!uv_is_active((uv_handle_t *)&recycling->pace))
		uv_timer_start(&recycling->pace, on_pace,
			       (interval - since) / CLOCK_NS_PER_MS + 1, 0);
	return true;
}

/* ---- the end ------------------------------------------------------------- */

static void
unmark_all(struct pool *pool)
{
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		if (worker->state < WORKER_PROCESS_DRAINING)
			worker->marked = RECYCLE_NONE;
}

static void
settle(struct pool *pool)
{
	if (!pool->recycling.all)
		return;
	pool->recycling.all = false;
	pool->recycling.together = false;
	manager_pool_settled(pool->manager);
}

void
recycle_end(struct pool *pool)
{
	unmark_all(pool);
	uv_timer_stop(&pool->recycling.pace);
	settle(pool);
}

void
recycle_failed(struct pool *pool, struct worker_process *old, const char *why)
{
	const struct log_context ctx = about(pool);

	if (why != pool->degraded)
		snprintf(pool->degraded, sizeof pool->degraded, "%s", why);
	log_warn(EVENT_RECYCLE_FAILED, &ctx,
		 "pool \"%s\" could not be recycled (%s): %s; the old worker "
		 "stays",
		 pool->name, old->why_marked, why);
	old->marked = RECYCLE_NONE;
	if (!pool->recycling.all)
		return;
	unmark_all(pool);
	settle(pool);
}

/* Each old worker had a successor; there may be fewer by now. */
void
recycle_drain_surplus(struct pool *pool)
{
	unsigned live = pool_count_live(pool);

	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers) {
		if (live <= pool->settings->workers)
			return;
		if (worker->state != WORKER_PROCESS_ATTACHED)
			continue;
		live--;
		worker_process_drain(worker);
	}
}

/* ---- one after the other ------------------------------------------------- */

static bool
has_replacement(const struct pool *pool, uint32_t id)
{
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		if (worker->replaces == id)
			return true;
	return false;
}

/*
 * The oldest worker to be replaced now, or NULL.  `left_r`: how many are not
 * replaced yet; `draining_r`: how many drain.
 */
static struct worker_process *
next_to_replace(struct pool *pool, unsigned *left_r, unsigned *draining_r)
{
	struct worker_process *next = NULL;
	bool busy = false;

	*left_r = *draining_r = 0;
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers) {
		if (worker->state != WORKER_PROCESS_ATTACHED)
			busy = true;
		if (worker->state == WORKER_PROCESS_DRAINING)
			++*draining_r;
		if (worker->state >= WORKER_PROCESS_DRAINING ||
		    worker->marked == RECYCLE_NONE)
			continue;
		if (!pool->recycling.all && has_to_wait(pool, worker))
			continue;
		++*left_r;
		if (next == NULL && worker->state == WORKER_PROCESS_ATTACHED &&
		    !has_replacement(pool, worker->id))
			next = worker;
	}
	return busy && !pool->recycling.together ? NULL : next;
}

static void
replace(struct pool *pool, struct worker_process *old)
{
	bool alone = pool->settings->recycling.disallow_overlapping_rotation;

	if (!alone && !pool_start_replacement(pool, old)) {
		recycle_failed(pool, old, pool->degraded);
		return;
	}
	snprintf(pool->recycling.text, sizeof pool->recycling.text, "%s",
		 old->why_marked);
	if (old->marked == RECYCLE_UNHEALTHY)
		pool->recycling.unhealthy_ns = clock_monotonic_ns();
	if (!pool->recycling.all)
		pool->recycle_count++;
	/* pool_worker_ended() starts the other. */
	if (alone)
		worker_process_drain(old);
}

void
recycle_next(struct pool *pool)
{
	const struct log_context ctx = about(pool);
	struct worker_process *next;
	unsigned left = 0, draining = 0;

	if (pool->state != CONTROL_POOL_STARTED || pool->removed)
		return;
	while ((next = next_to_replace(pool, &left, &draining)) != NULL)
		replace(pool, next);
	/* What drains is told of when it is gone. */
	if (!pool->recycling.all || left > 0 ||
	    (!pool->recycling.together && draining > 0))
		return;
	pool->degraded[0] = '\0';
	log_info(&ctx, "pool \"%s\" has been recycled (%s)", pool->name,
		 pool->recycling.text);
	settle(pool);
	recycle_drain_surplus(pool);
}

/* ---- who wants it -------------------------------------------------------- */

/* Says so, as logEventOnRecycle wants it. */
static void __attribute__((format(printf, 3, 4)))
tell(const struct pool *pool, enum recycle_reason reason, const char *format,
     ...)
{
#define EVENT(name)                                                            \
	[RECYCLE_##name] = {                                                   \
		EVENT_RECYCLE_##name,                                          \
		SETTINGS_RECYCLE_EVENT_##name                                  \
	}
	static const struct {
		unsigned number, bit;
	} events[] = {
		EVENT(ON_DEMAND), EVENT(CONFIG_CHANGE),	 EVENT(UNHEALTHY),
		EVENT(TIME),	  EVENT(REQUESTS),	 EVENT(SCHEDULE),
		EVENT(MEMORY),	  EVENT(PRIVATE_MEMORY),
	};
#undef EVENT
	uint32_t wanted = pool->settings->recycling.log_events;
	bool is_event = (wanted & 1u << events[reason].bit) != 0;
	enum log_level level = is_event ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	const struct log_context ctx = about(pool);
	va_list arguments;
	char text[512];

	if (!log_enabled(level))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	log_write(level, is_event ? events[reason].number : 0, &ctx, "%s",
		  text);
}

static void
mark(struct worker_process *worker, enum recycle_reason reason,
     const char *text)
{
	worker->marked = reason;
	snprintf(worker->why_marked, sizeof worker->why_marked, "%s", text);
}

enum portico_status
recycle_pool(struct pool *pool, enum recycle_reason reason, const char *text,
	     bool together, struct portico_error *err)
{
	if (pool->state != CONTROL_POOL_STARTED)
		return error_set(err, PORTICO_STATE,
				 "recycling pool \"%s\": it is %s", pool->name,
				 control_pool_state_name(pool->state));
	if (pool_count_live(pool) == 0)
		return error_set(err, PORTICO_STATE,
				 "recycling pool \"%s\": it has no worker",
				 pool->name);
	pool->recycling.all = true;
	if (together)
		pool->recycling.together = true;
	pool->recycle_count++;
	snprintf(pool->recycling.text, sizeof pool->recycling.text, "%s", text);
	tell(pool, reason, "recycling pool \"%s\" (%s)", pool->name, text);
	module_files_note(pool);
	(void)suspend_wake_pool(pool, text);
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		if (worker->state < WORKER_PROCESS_DRAINING)
			mark(worker, reason, text);
	recycle_next(pool);
	return PORTICO_OK;
}

void
recycle_worker(struct worker_process *worker, enum recycle_reason reason,
	       const char *text)
{
	struct pool *pool = worker->pool;

	if (worker->marked != RECYCLE_NONE || pool->removed ||
	    worker->state != WORKER_PROCESS_ATTACHED ||
	    pool->state != CONTROL_POOL_STARTED)
		return;
	mark(worker, reason, text);
	tell(pool, reason, "worker %u of pool \"%s\" is to be replaced (%s)",
	     worker->id, pool->name, text);
	recycle_next(pool);
}
