/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools.
 */
#include "core/activation/pool.h"

#include <stdio.h>
#include <string.h>

#include "core/activation/action.h"
#include "core/activation/core_files.h"
#include "core/activation/events.h"
#include "core/activation/limits.h"
#include "core/activation/manager.h"
#include "core/activation/orphan.h"
#include "core/activation/recycle.h"
#include "core/activation/schedule.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"

#define POOL_MAGIC 0x90017e57u
#define NS_PER_MS 1000000ull

static struct log_context
about(const struct pool *pool)
{
	return (struct log_context){ .name = "pool", .value = pool->name };
}

/* Failures count from now on. */
static void
protect(struct pool *pool)
{
	backoff_init(&pool->backoff,
		     pool->settings->rapid_fail_protection ?
			     pool->settings->rapid_fail_max_crashes :
			     0,
		     pool->settings->rapid_fail_interval);
}

struct pool *
pool_new(struct manager *manager, struct settings *snapshot,
	 const struct settings_pool *settings)
{
	struct pool *pool = mem_zalloc(sizeof *pool);

	pool->magic = POOL_MAGIC;
	pool->manager = manager;
	pool->name = mem_strdup(settings->name);
	pool->snapshot = settings_ref(snapshot);
	pool->settings = settings;
	pool->state = CONTROL_POOL_STARTED;
	list_init(&pool->workers);
	list_init(&pool->orphans);
	list_init(&pool->actions);
	list_init(&pool->link);
	pool->shared_fd = -1;
	protect(pool);
	uv_timer_init(&manager->loop, &pool->retry);
	pool->retry.data = pool;
	recycle_init(pool);
	schedule_set(pool);
	return pool;
}

static void
on_pace_closed(uv_handle_t *handle)
{
	struct pool *pool = handle->data;

	pool->magic = 0;
	mem_free(pool->name);
	mem_free(pool);
}

static void
on_retry_closed(uv_handle_t *handle)
{
	recycle_close(handle->data, on_pace_closed);
}

void
pool_free(struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	ASSERT(list_empty(&pool->workers) && list_empty(&pool->orphans));
	list_remove(&pool->link);
	schedule_end(pool);
	probe_end(pool);
	action_end_all(pool);
	module_files_fini(&pool->module_files);
	start_history_fini(&pool->starts);
	settings_unref(&pool->snapshot);
	io_close(&pool->shared_fd);
	uv_close((uv_handle_t *)&pool->retry, on_retry_closed);
}

unsigned
pool_count_live(const struct pool *pool)
{
	unsigned count = 0;

	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		if (worker->state < WORKER_PROCESS_DRAINING &&
		    worker->escalation == 0)
			count++;
	return count;
}

static unsigned
count_state(const struct pool *pool, enum worker_process_state state)
{
	unsigned count = 0;

	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		if (worker->state == state)
			count++;
	return count;
}

struct worker_process *
pool_find_worker(const struct pool *pool, uint32_t id)
{
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		if (worker->id == id)
			return worker;
	return NULL;
}

uint32_t
pool_next_epoch(const struct pool *pool)
{
	uint32_t newest = 0;
	bool found = false;

	CHECK(pool, POOL_MAGIC);
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers) {
		/* A replacement may fail yet. */
		if (worker->state >= WORKER_PROCESS_DRAINING ||
		    worker->escalation > 0 || worker->replaces != 0)
			continue;
		found = true;
		if (worker->epoch > newest)
			newest = worker->epoch;
	}
	return found && !pool->recycling.all ? newest :
					       (uint32_t)pool->recycle_count;
}

enum portico_status
pool_shared_memory(struct pool *pool, int *fd_r, struct portico_error *err)
{
	uint64_t wanted = pool->settings->shared_memory;
	enum portico_status status;
	int fd;

	CHECK(pool, POOL_MAGIC);
	if (pool->shared_fd >= 0 && pool->shared_bytes != wanted)
		io_close(&pool->shared_fd);
	*fd_r = pool->shared_fd;
	if (wanted == 0 || pool->shared_fd >= 0)
		return PORTICO_OK;
	fd = io_memfd_create("portico-shared", wanted, err);
	if (fd < 0)
		return (enum portico_status)fd;
	status = io_memfd_seal(fd, IO_SEAL_SIZE, err);
	if (status != PORTICO_OK) {
		io_close(&fd);
		return status;
	}
	pool->shared_bytes = wanted;
	pool->shared_fd = *fd_r = fd;
	return PORTICO_OK;
}

/* ---- starting ------------------------------------------------------------ */

static void
on_retry(uv_timer_t *timer)
{
	struct pool *pool = timer->data;

	CHECK(pool, POOL_MAGIC);
	pool->retrying = false;
	pool_ensure(pool);
}

/* Never at once, so that a start that fails at once does not recurse. */
static void
ensure_later(struct pool *pool)
{
	uint64_t delay;

	if (pool->retrying)
		return;
	pool->retrying = true;
	delay = pool->shortage.count > 0 ? shortage_delay_ms(&pool->shortage) :
					   backoff_delay_ms(&pool->backoff);
	uv_timer_start(&pool->retry, on_retry, delay, 0);
}

static void
tell_state(struct pool *pool, enum control_pool_state state, const char *reason)
{
	pool->state = state;
	pool->restarting = false;
	snprintf(pool->reason, sizeof pool->reason, "%s", reason);
	/* Another may have its name already. */
	if (!pool->removed)
		listeners_pool_state(&pool->manager->listeners, pool);
}

/* Rapid-fail protection. */
static void
disable(struct pool *pool)
{
	const struct log_context ctx = about(pool);
	char reason[256], interval[CONFIG_UNIT_TEXT_SIZE];
	const struct action_facts facts = { .what = "autoShutdownExe",
					    .value = pool->name,
					    .reason = reason };

	config_format_duration(pool->backoff.interval_ns, interval,
			       sizeof interval);
	if (probe_is_half_open(pool, clock_monotonic_ns()))
		snprintf(reason, sizeof reason,
			 "a failure within %s of being enabled again",
			 interval);
	else
		snprintf(reason, sizeof reason, "%u failure%s within %s",
			 pool->backoff.maximum,
			 pool->backoff.maximum == 1 ? "" : "s", interval);
	log_error(EVENT_POOL_DISABLED, &ctx,
		  "pool \"%s\" is disabled because of a series of failures: "
		  "%s; \"portico pool start %s\" enables it again",
		  pool->name, reason, pool->name);
	pool->demand = false;
	pool->wanted = false;
	recycle_end(pool);
	tell_state(pool, CONTROL_POOL_DISABLED, reason);
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_drain(worker);
	probe_disabled(pool);
	action_run(pool, &pool->settings->failure.auto_shutdown, &facts);
}

/* Whether that was one failure too many. */
static bool
is_too_many(struct pool *pool)
{
	uint64_t now = clock_monotonic_ns();
	bool half_open = probe_is_half_open(pool, now);

	return backoff_failed(&pool->backoff, now) || half_open;
}

static void
count_failure(struct pool *pool)
{
	if (pool->state != CONTROL_POOL_STARTED)
		return;
	if (is_too_many(pool))
		disable(pool);
	else
		ensure_later(pool);
}

/* It was not for the pool that a start failed. */
static void
run_short(struct pool *pool, const char *why)
{
	const struct log_context ctx = about(pool);

	if (pool->state != CONTROL_POOL_STARTED)
		return;
	if (shortage_note(&pool->shortage, why, clock_monotonic_ns()))
		log_warn(EVENT_SHORTAGE, &ctx,
			 "pool \"%s\" cannot have a worker now: %s; it is "
			 "tried again",
			 pool->name, why);
	ensure_later(pool);
}

static void
shortage_over(struct pool *pool)
{
	const struct log_context ctx = about(pool);

	if (pool->shortage.count == 0)
		return;
	log_warn(EVENT_SHORTAGE_OVER, &ctx,
		 "pool \"%s\" has a worker again: %u starts failed within "
		 "%.1f s",
		 pool->name, pool->shortage.count,
		 (double)(clock_monotonic_ns() - pool->shortage.began_ns) /
			 1e9);
	shortage_end(&pool->shortage);
}

/* False: it is tried again, or counted as a failure. */
static bool
start_one(struct pool *pool, uint32_t replaces)
{
	const struct log_context ctx = about(pool);
	struct worker_process *worker;
	struct portico_error err;

	if (list_empty(&pool->workers))
		module_files_note(pool);
	if (worker_process_start(pool, replaces, &worker, &err) == PORTICO_OK)
		return true;
	if (replaces == 0 && io_is_exhaustion(err.os_error)) {
		run_short(pool, err.message);
		return false;
	}
	if (replaces != 0) {
		/* The recycle says it. */
		snprintf(pool->degraded, sizeof pool->degraded, "%s",
			 err.message);
		return false;
	}
	log_write_error(LOG_LEVEL_WARNING, EVENT_START_FAILED, &ctx, &err);
	count_failure(pool);
	return false;
}

bool
pool_start_replacement(struct pool *pool, const struct worker_process *old)
{
	CHECK(pool, POOL_MAGIC);
	return start_one(pool, old->id);
}

/* How many workers there shall be now. */
static unsigned
target(const struct pool *pool)
{
	const struct settings_pool *settings = pool->settings;
	unsigned count = settings->start_workers > pool->grown ?
				 settings->start_workers :
				 pool->grown;

	return settings->start_workers == 0 || count > settings->workers ?
		       settings->workers :
		       count;
}

void
pool_ensure(struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	if (pool_count_live(pool) == 0)
		pool->grown = 0;
	if (pool->state != CONTROL_POOL_STARTED || pool->retrying ||
	    pool->removed || pool->manager->phase >= MANAGER_STOPPING)
		return;
	if (pool->settings->start_mode == SETTINGS_START_ALWAYS_RUNNING ||
	    pool->demand)
		pool->wanted = true;
	if (!pool->wanted || (pool->restarting && pool->worker_count > 0))
		return;
	pool->restarting = false;
	/* One that has to be gone first keeps its place until then. */
	for (unsigned live =
		     pool->settings->recycling.disallow_overlapping_rotation ?
			     pool->worker_count :
			     pool_count_live(pool);
	     live < target(pool); live++)
		if (!start_one(pool, 0))
			return;
}

void
pool_demand(struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	if (pool->state != CONTROL_POOL_STARTED) {
		/* It has not heard yet. */
		listeners_pool_state(&pool->manager->listeners, pool);
		return;
	}
	if (suspend_wake_pool(pool, "a request")) {
		/* Its time may have come while it slept. */
		recycle_next(pool);
		return;
	}
	pool->demand = true;
	pool_ensure(pool);
}

void
pool_demand_more(struct pool *pool)
{
	const struct log_context ctx = about(pool);
	unsigned live = pool_count_live(pool);

	CHECK(pool, POOL_MAGIC);
	/* One that starts is what is asked for; a recycle goes first. */
	if (pool->state != CONTROL_POOL_STARTED || pool->recycling.all ||
	    live == 0 || live >= pool->settings->workers ||
	    count_state(pool, WORKER_PROCESS_ATTACHED) != live)
		return;
	log_info(&ctx, "pool \"%s\" has much to do: worker %u of %u is started",
		 pool->name, live + 1, (unsigned)pool->settings->workers);
	pool->grown = live + 1;
	pool_ensure(pool);
}

static void
take_over(struct pool *pool, struct worker_process *worker)
{
	const struct log_context ctx = about(pool);
	struct worker_process *old = pool_find_worker(pool, worker->replaces);

	worker->replaces = 0;
	pool->degraded[0] = '\0';
	if (old == NULL)
		return;
	log_info(&ctx, "worker %u of pool \"%s\" is replaced by %u (%s)",
		 old->id, pool->name, worker->id, old->why_marked);
	worker_process_drain(old);
}

void
pool_worker_attached(struct pool *pool, struct worker_process *worker)
{
	CHECK(pool, POOL_MAGIC);
	if (probe_attached(pool, worker)) {
		protect(pool);
		tell_state(pool, CONTROL_POOL_STARTED, "");
		pool->wanted = true;
		pool_ensure(pool);
	}
	pool->demand = false;
	backoff_succeeded(&pool->backoff);
	shortage_over(pool);
	if (worker->replaces != 0)
		take_over(pool, worker);
	recycle_next(pool);
}

/* ---- what a worker says -------------------------------------------------- */

void
pool_worker_unwell(struct pool *pool, struct worker_process *worker,
		   const char *why, bool counts)
{
	CHECK(pool, POOL_MAGIC);
	if (pool->state != CONTROL_POOL_STARTED ||
	    worker->marked != RECYCLE_NONE)
		return;
	if (counts) {
		pool->crash_count++;
		if (is_too_many(pool)) {
			disable(pool);
			return;
		}
		/* It runs, so the next start need not wait. */
		backoff_succeeded(&pool->backoff);
	}
	recycle_worker(worker, RECYCLE_UNHEALTHY, why);
}

void
pool_sleep(struct pool *pool, const char *why)
{
	const struct log_context ctx = about(pool);

	CHECK(pool, POOL_MAGIC);
	if (pool->settings->idle_suspend) {
		suspend_pool(pool, why);
		return;
	}
	if (log_enabled(LOG_LEVEL_INFO))
		log_write(LOG_LEVEL_INFO, EVENT_IDLE, &ctx,
			  "pool \"%s\" is %s: its workers are ended until "
			  "the next request",
			  pool->name, why);
	pool->wanted = false;
	recycle_end(pool);
	snprintf(pool->recycling.text, sizeof pool->recycling.text, "%s", why);
	pool_tell(pool, "cleanup", why, 0);
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_drain(worker);
}

void
pool_hold(struct pool *pool, const char *reason)
{
	CHECK(pool, POOL_MAGIC);
	pool->demand = false;
	pool->wanted = false;
	recycle_end(pool);
	tell_state(pool, CONTROL_POOL_DISABLED, reason);
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_end(worker, reason);
}

void
pool_release(struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	tell_state(pool, CONTROL_POOL_STARTED, "");
	pool_ensure(pool);
}

const char *
pool_drain_reason(const struct pool *pool, const struct worker_process *worker)
{
	CHECK(pool, POOL_MAGIC);
	if (pool->removed)
		return "its pool is gone from the configuration";
	if (pool->state != CONTROL_POOL_STARTED)
		return pool->reason;
	return worker->marked != RECYCLE_NONE ? worker->why_marked :
						pool->recycling.text;
}

void
pool_tell(struct pool *pool, const char *what, const char *text, uint32_t value)
{
	CHECK(pool, POOL_MAGIC);
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		worker_process_tell(worker, what, text, value);
}

/* ---- the end of a worker ------------------------------------------------- */

static void
replacement_failed(struct pool *pool, const struct worker_process *worker,
		   const char *how)
{
	const struct start_record *record =
		start_history_find(&pool->starts, worker->id);
	struct worker_process *old = pool_find_worker(pool, worker->replaces);

	if (old != NULL && old->state == WORKER_PROCESS_ATTACHED)
		recycle_failed(pool, old,
			       record != NULL && record->outcome[0] != '\0' ?
				       record->outcome :
				       how);
	ensure_later(pool);
}

/* It had to go before the one that takes its place. */
static bool
is_replaced_alone(const struct pool *pool, const struct worker_process *worker)
{
	return worker->marked != RECYCLE_NONE &&
	       pool->settings->recycling.disallow_overlapping_rotation;
}

/* Something of it has ended; a pool that was removed goes with the last. */
static void
end_if_removed(struct pool *pool)
{
	struct manager *manager = pool->manager;

	if (pool->removed && list_empty(&pool->workers) &&
	    list_empty(&pool->orphans)) {
		pool_free(pool);
		manager->pool_count--;
	}
	manager_something_ended(manager);
}

void
pool_worker_ended(struct pool *pool, const struct worker_process *worker,
		  const char *how, bool failed_start, bool expected)
{
	CHECK(pool, POOL_MAGIC);
	if (failed_start && worker->replaces != 0) {
		replacement_failed(pool, worker, how);
	} else if (probe_failed(pool, worker->id, how)) {
		pool->crash_count++;
	} else if (worker->exhausted) {
		run_short(pool, worker->end_reason[0] == '\0' ?
					how :
					worker->end_reason);
	} else if (expected) {
		ensure_later(pool);
	} else {
		pool->crash_count++;
		count_failure(pool);
	}
	/* The next request asks again; a web garden is kept complete. */
	if (pool_count_live(pool) == 0 && !pool->demand && !pool->restarting &&
	    !is_replaced_alone(pool, worker)) {
		pool->wanted = false;
		/* It has asked already, if this one slept and died before it
		 * could be woken. */
		if (pool->state == CONTROL_POOL_STARTED && !pool->removed)
			listeners_pool_state(&pool->manager->listeners, pool);
	}
	recycle_next(pool);
	end_if_removed(pool);
}

void
pool_orphan_ended(struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	end_if_removed(pool);
}

/* ---- commands ------------------------------------------------------------ */

enum portico_status
pool_start(struct pool *pool, struct portico_error *err)
{
	const struct log_context ctx = about(pool);

	CHECK(pool, POOL_MAGIC);
	if (pool->state == CONTROL_POOL_STARTED)
		return error_set(err, PORTICO_STATE,
				 "starting pool \"%s\": it is started already",
				 pool->name);
	protect(pool);
	probe_end(pool);
	metering_reset(pool);
	shortage_end(&pool->shortage);
	log_write(LOG_LEVEL_INFO, EVENT_POOL_STARTED, &ctx,
		  "pool \"%s\" is started", pool->name);
	tell_state(pool, CONTROL_POOL_STARTED, "");
	pool_ensure(pool);
	return PORTICO_OK;
}

enum portico_status
pool_stop(struct pool *pool, struct portico_error *err)
{
	const struct log_context ctx = about(pool);

	CHECK(pool, POOL_MAGIC);
	if (pool->state == CONTROL_POOL_STOPPED)
		return error_set(err, PORTICO_STATE,
				 "stopping pool \"%s\": it is stopped already",
				 pool->name);
	log_write(LOG_LEVEL_INFO, EVENT_POOL_STOPPED, &ctx,
		  "pool \"%s\" is stopped", pool->name);
	shortage_end(&pool->shortage);
	probe_end(pool);
	metering_reset(pool);
	pool->demand = false;
	pool->wanted = false;
	recycle_end(pool);
	tell_state(pool, CONTROL_POOL_STOPPED, "stopped by command");
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_drain(worker);
	return PORTICO_OK;
}

enum portico_status
pool_restart(struct pool *pool, struct portico_error *err)
{
	const struct log_context ctx = about(pool);

	CHECK(pool, POOL_MAGIC);
	if (pool->state != CONTROL_POOL_STARTED)
		return pool_start(pool, err);
	protect(pool);
	shortage_end(&pool->shortage);
	probe_end(pool);
	recycle_end(pool);
	snprintf(pool->recycling.text, sizeof pool->recycling.text,
		 "restarted by command");
	log_write(LOG_LEVEL_INFO, EVENT_POOL_RESTARTED, &ctx,
		  "pool \"%s\" is restarted", pool->name);
	pool->restarting = pool_count_live(pool) > 0;
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_drain(worker);
	return PORTICO_OK;
}

void
pool_remove(struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	pool->removed = true;
	schedule_end(pool);
	probe_end(pool);
	orphan_kill_all(pool, "its pool is gone from the configuration");
	pool->demand = false;
	pool->wanted = false;
	recycle_end(pool);
	if (list_empty(&pool->workers) && list_empty(&pool->orphans)) {
		pool->manager->pool_count--;
		pool_free(pool);
		return;
	}
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_drain(worker);
}

void
pool_shutdown(struct pool *pool, uint64_t limit_ms)
{
	uint64_t own = pool->settings->shutdown_time_limit / NS_PER_MS;

	CHECK(pool, POOL_MAGIC);
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_stop(worker, own < limit_ms ? own : limit_ms);
	orphan_kill_all(pool, "the server is stopped");
}

void
pool_kill(struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		worker_process_kill(worker, "the server is stopped at once");
	orphan_kill_all(pool, "the server is stopped at once");
}

/* Whether a worker would see a difference. */
static bool
is_same(const struct settings *old, const struct settings_pool *old_pool,
	const struct settings *new, const struct settings_pool *new_pool)
{
	size_t old_length = 0, new_length = 0;
	char *old_text = settings_to_text(old, SETTINGS_FOR_COMPARISON,
					  old_pool, &old_length);
	char *new_text = settings_to_text(new, SETTINGS_FOR_COMPARISON,
					  new_pool, &new_length);
	bool same = old_text != NULL && new_text != NULL &&
		    old_length == new_length &&
		    memcmp(old_text, new_text, old_length) == 0;

	mem_free(old_text);
	mem_free(new_text);
	return same;
}

/* Whether it has an application now that it had not. */
static bool
gains(const struct settings *old, const struct settings_pool *old_pool,
      const struct settings *new, const struct settings_pool *new_pool)
{
	for (size_t i = 0; i < new->site_count; i++) {
		const struct settings_site *site = &new->sites[i];

		for (size_t k = 0; k < site->application_count; k++) {
			const struct settings_application *before;

			if (site->applications[k].pool != new_pool)
				continue;
			before = settings_find_application(
				old, site->applications[k].id);
			if (before == NULL || before->pool != old_pool)
				return true;
		}
	}
	return false;
}

/* It could be recycled for its settings, and is not. */
static bool
stays_as_it_is(struct pool *pool)
{
	const struct log_context ctx = about(pool);

	if (!pool->settings->recycling.disallow_rotation_on_config_change ||
	    pool_count_live(pool) == 0)
		return false;
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		worker->outdated = true;
	log_info(&ctx,
		 "the configuration of pool \"%s\" changed; its workers stay "
		 "(disallowRotationOnConfigChange)",
		 pool->name);
	return true;
}

void
pool_reconfigure(struct pool *pool, struct settings *snapshot,
		 const struct settings_pool *settings, bool before_routes)
{
	struct settings *old = pool->snapshot;
	bool recycle, gained;

	CHECK(pool, POOL_MAGIC);
	if (old == snapshot)
		return; /* done before the routes changed */
	recycle = !is_same(old, pool->settings, snapshot, settings);
	gained = recycle && gains(old, pool->settings, snapshot, settings);
	if (recycle && before_routes &&
	    gains(snapshot, settings, old, pool->settings) && !gained)
		return; /* it only loses: the routes go first */
	pool->snapshot = settings_ref(snapshot);
	pool->settings = settings;
	pool->backoff.maximum = settings->rapid_fail_protection ?
					settings->rapid_fail_max_crashes :
					0;
	pool->backoff.interval_ns = settings->rapid_fail_interval;
	settings_unref(&old);
	schedule_set(pool);
	probe_set(pool);
	metering_set(pool);
	if (recycle && !gained)
		recycle = !stays_as_it_is(pool);
	pool_tell(pool, "configuration", "", recycle);
	if (recycle)
		(void)recycle_pool(pool, RECYCLE_CONFIG_CHANGE,
				   "its configuration changed", true, NULL);
	else
		module_files_look(pool, clock_monotonic_ns(), true);
	pool_ensure(pool);
	if (!pool->recycling.all)
		recycle_drain_surplus(pool);
}

/* ---- status -------------------------------------------------------------- */

const char *
pool_state_text(const struct pool *pool)
{
	CHECK(pool, POOL_MAGIC);
	if (pool->state != CONTROL_POOL_STARTED)
		return control_pool_state_name(pool->state);
	if (count_state(pool, WORKER_PROCESS_ATTACHED) > 0)
		return "running";
	if (count_state(pool, WORKER_PROCESS_SUSPENDED) > 0)
		return "suspended";
	if (pool_count_live(pool) > 0 || pool->retrying)
		return "starting";
	if (!list_empty(&pool->workers))
		return "draining";
	return "started";
}

/* Why it is not as it should be; "". */
static const char *
find_degraded(const struct pool *pool)
{
	if (pool->degraded[0] != '\0')
		return pool->degraded;
	if (pool->shortage.why[0] != '\0')
		return pool->shortage.why;
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers) {
		if (worker->state != WORKER_PROCESS_ATTACHED)
			continue;
		if (worker->degraded[0] != '\0')
			return worker->degraded;
		if (worker->outdated)
			return "its workers have older settings than the "
			       "configuration";
	}
	return "";
}

/* Until it is tried again; 0: not by itself. */
static uint64_t
next_probe_ms(const struct pool *pool)
{
	uint64_t now = clock_monotonic_ns();

	return pool->probing.due_ns <= now ?
		       0 :
		       (pool->probing.due_ns - now) / NS_PER_MS + 1;
}

json_t *
pool_to_json(const struct pool *pool)
{
	json_t *workers = json_array();
	json_t *counted = metering_to_json(pool);
	json_t *cores = core_files_to_json(pool->settings);

	CHECK(pool, POOL_MAGIC);
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		json_array_append_new(workers, worker_process_to_json(worker));
	LIST_FOREACH(struct worker_process, link, worker, &pool->orphans)
		json_array_append_new(workers, worker_process_to_json(worker));
	return json_pack(
		"{s:o, s:o*, s:o*, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:o}",
		"limits",
		metering_limits(pool->settings, pool->metered.missing),
		"cpuCounted", counted, "coreFiles", cores, "name", pool->name,
		"state", pool_state_text(pool), "reason", pool->reason,
		"degraded", find_degraded(pool), "startMode",
		pool->settings->start_mode == SETTINGS_START_ALWAYS_RUNNING ?
			"AlwaysRunning" :
			"OnDemand",
		"configuredWorkers", (json_int_t)pool->settings->workers,
		"queueLength", (json_int_t)pool->settings->queue_length,
		"starts", (json_int_t)pool->start_count, "failures",
		(json_int_t)pool->crash_count, "recentFailures",
		(json_int_t)backoff_recent(&pool->backoff,
					   clock_monotonic_ns()),
		"recycles", (json_int_t)pool->recycle_count, "nextProbeMs",
		(json_int_t)next_probe_ms(pool), "workers", workers);
}
