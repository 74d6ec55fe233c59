/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting, polling, and what follows.
 */
#include "core/activation/metering.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/activation/cgroup.h"
#include "core/activation/events.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"

#define POLL_NS (250 * CLOCK_NS_PER_MS)
/* Between two looks at a pool that is close to its limit. */
#define CLOSE_NS (50 * CLOCK_NS_PER_MS)
#define NEVER UINT64_MAX

static struct log_context
about(const struct pool *pool)
{
	return (struct log_context){ .name = "pool", .value = pool->name };
}

static uint64_t
cores(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : (uint64_t)count;
}

static bool
is_polled(const struct pool *pool, enum cgroup_controller which)
{
	return cgroup_is_wanted(pool->settings, which) &&
	       cgroup_version(pool->settings, which, pool->metered.missing) ==
		       0;
}

/* Whether its processes have to be looked at in /proc. */
static bool
is_any_polled(const struct pool *pool)
{
	return is_polled(pool, CGROUP_MEMORY) ||
	       is_polled(pool, CGROUP_TASKS) ||
	       is_polled(pool, CGROUP_ACCOUNT) || throttle_is_wanted(pool);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- cpu.limit ------------------------------------------------------------- */

/* Time of cores that the pool may use within resetInterval. */
static uint64_t
allowed_ns(const struct settings_cpu *cpu)
{
	return cpu->reset_interval / 100000 * cpu->limit * cores();
}

static void
begin_window(struct metered *metered, uint64_t now)
{
	metered->window_ns = now;
	metered->used_ns = 0;
	metered->told = false;
}

/* What it has used since it was looked at last, by its control group.  What
 * was used before the first look is another's, of before a take-over. */
static void
count_group(struct pool *pool)
{
	struct metered *metered = &pool->metered;
	uint64_t now;

	if (!cgroup_used_ns(pool->snapshot, pool->name, &now)) {
		metered->counter_ns = 0; /* the next one begins there */
		metered->based = true;
		return;
	}
	if (metered->based)
		metered->used_ns += now < metered->counter_ns ?
					    now : /* a new group */
					    now - metered->counter_ns;
	metered->counter_ns = now;
	metered->based = true;
}

static void
hold(struct pool *pool, const char *used)
{
	const struct log_context ctx = about(pool);
	struct metered *metered = &pool->metered;
	uint64_t interval = pool->settings->cpu.reset_interval;
	char reason[256];

	metered->held_ns = metered->window_ns + interval;
	snprintf(reason, sizeof reason, "it has used %s", used);
	log_warn(EVENT_CPU_KILLED, &ctx,
		 "pool \"%s\" has used %s; its workers are killed, and it has "
		 "none until the interval ends",
		 pool->name, used);
	pool_hold(pool, reason);
}

static void
release(struct pool *pool)
{
	const struct log_context ctx = about(pool);

	pool->metered.held_ns = 0;
	if (pool->state != CONTROL_POOL_DISABLED)
		return;
	log_write(LOG_LEVEL_INFO, EVENT_CPU_RELEASED, &ctx,
		  "pool \"%s\" may have workers again: the resetInterval of "
		  "its cpu.limit has ended",
		  pool->name);
	pool_release(pool);
}

static void
exceed(struct pool *pool)
{
	const struct settings_cpu *cpu = &pool->settings->cpu;
	const struct log_context ctx = about(pool);
	struct metered *metered = &pool->metered;
	char interval[CONFIG_UNIT_TEXT_SIZE], used[160];

	metered->told = true;
	snprintf(used, sizeof used,
		 "%.2f s of the cores within %s (cpu.resetInterval), more "
		 "than %.3f %% of all %u (cpu.limit)",
		 (double)metered->used_ns / 1e9,
		 config_format_duration(cpu->reset_interval, interval,
					sizeof interval),
		 cpu->limit / 1e3, (unsigned)cores());
	if (cpu->action == SETTINGS_CPU_KILL_WORKER)
		hold(pool, used);
	else
		log_warn(EVENT_CPU_EXCEEDED, &ctx, "pool \"%s\" has used %s",
			 pool->name, used);
}

/* When it is to be looked at again. */
static uint64_t
look_at_cpu(struct pool *pool, uint64_t now)
{
	const struct settings_cpu *cpu = &pool->settings->cpu;
	struct metered *metered = &pool->metered;
	uint64_t allowed = allowed_ns(cpu), end, left;

	if (metered->held_ns != 0) {
		if (now < metered->held_ns)
			return metered->held_ns;
		release(pool);
	}
	if (!cgroup_is_wanted(pool->settings, CGROUP_ACCOUNT)) {
		metered->window_ns = 0;
		return NEVER;
	}
	if (!is_polled(pool, CGROUP_ACCOUNT))
		count_group(pool);
	if (metered->window_ns == 0 ||
	    now - metered->window_ns >= cpu->reset_interval)
		begin_window(metered, now);
	if (metered->used_ns > allowed && !metered->told &&
	    pool->state == CONTROL_POOL_STARTED)
		exceed(pool);
	end = metered->window_ns + cpu->reset_interval;
	if (metered->held_ns != 0)
		return metered->held_ns;
	if (list_empty(&pool->workers))
		return NEVER;
	if (metered->told)
		return end;
	left = metered->used_ns < allowed ?
		       (allowed - metered->used_ns) / cores() :
		       0;
	return least(end, now + (left < CLOSE_NS ? CLOSE_NS : left));
}

/* ---- memory and tasks ------------------------------------------------------ */

/* The kernel would have killed, or refused, somebody of the pool; the worker
 * that has most is it.  No more than one at a time: it has to be gone. */
static void
kill_one(struct pool *pool, bool by_memory, const char *what)
{
	const struct log_context ctx = about(pool);
	struct worker_process *victim = NULL;
	uint64_t most = 0;

	LIST_FOREACH(struct worker_process, link, worker, &pool->workers) {
		uint64_t has = by_memory ? worker->polled.memory :
					   worker->polled.tasks;

		if (worker->escalation > 1)
			return;
		if (has < most)
			continue;
		most = has;
		victim = worker;
	}
	if (victim == NULL)
		return;
	log_warn(EVENT_LIMIT_POLLED, &ctx,
		 "pool \"%s\" has %s; worker %u (process %d), which has most, "
		 "is killed",
		 pool->name, what, victim->id,
		 (int)process_pid(victim->process));
	worker_process_kill(victim, what);
}

static void
look_at_memory(struct pool *pool, uint64_t memory)
{
	const struct settings_process_limits *limits = &pool->settings->limits;
	struct metered *metered = &pool->metered;
	char what[128];

	if (limits->memory > 0 && memory > limits->memory) {
		snprintf(what, sizeof what,
			 "%" PRIu64 " MiB of memory, out of memory: the pool "
			 "has reached limits.memory (%" PRIu64 " MiB)",
			 memory >> 20, limits->memory >> 20);
		kill_one(pool, true, what);
	}
	if (limits->memory_high == 0 || memory < limits->memory_high / 10 * 9) {
		metered->told_cleanup = false;
	} else if (memory > limits->memory_high && !metered->told_cleanup) {
		metered->told_cleanup = true;
		pool_tell(pool, "cleanup", "memoryHigh", 0);
	}
}

static void
look_at_sums(struct pool *pool)
{
	uint64_t memory = 0, tasks = 0, most = pool->settings->limits.tasks;
	char what[128];

	LIST_FOREACH(struct worker_process, link, worker, &pool->workers) {
		memory += worker->polled.memory;
		tasks += worker->polled.tasks;
	}
	if (is_polled(pool, CGROUP_MEMORY))
		look_at_memory(pool, memory);
	if (!is_polled(pool, CGROUP_TASKS) || tasks <= most)
		return;
	snprintf(what, sizeof what,
		 "%" PRIu64 " processes and threads, the pool has reached "
		 "limits.tasks (%" PRIu64 ")",
		 tasks, most);
	kill_one(pool, false, what);
}

/* ---- polling --------------------------------------------------------------- */

/* What another porticod has started had used something before. */
static void
take(struct worker_process *worker, const struct usage *usage)
{
	struct metered *metered = &worker->pool->metered;
	struct polled *polled = &worker->polled;

	uint64_t used = usage_grown(&polled->cpu, usage->cpu_ns);

	if (polled->tasks > 0 || worker->started_ns >= metered->window_ns) {
		metered->used_ns += used;
		metered->throttled.used_ns += used;
	}
	polled->memory = usage->memory;
	polled->tasks = usage->tasks;
}

static void
poll_all(struct manager *manager)
{
	size_t count = 0, room = 0;
	struct usage *usages;

	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		if (is_any_polled(pool))
			room += pool->worker_count;
	if (room == 0)
		return;
	usages = mem_zalloc_array(room, sizeof *usages);
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		if (is_any_polled(pool))
			LIST_FOREACH(struct worker_process, link, worker,
				     &pool->workers)
				if (count < room)
					usages[count++].session =
						process_pid(worker->process);
	usage_read(usages, count);
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		if (is_any_polled(pool))
			LIST_FOREACH(struct worker_process, link, worker,
				     &pool->workers) {
				const struct usage *usage = usage_find(
					usages, count,
					process_pid(worker->process));

				if (usage != NULL)
					take(worker, usage);
			}
	mem_free(usages);
}

static uint64_t
look_at_pool(struct pool *pool, uint64_t now)
{
	uint64_t due = look_at_cpu(pool, now);

	due = least(due, throttle_look(pool, now));
	if (list_empty(&pool->workers) ||
	    (!is_polled(pool, CGROUP_MEMORY) && !is_polled(pool, CGROUP_TASKS)))
		return due;
	look_at_sums(pool);
	return least(due, now + POLL_NS);
}

static void
on_timer(uv_timer_t *timer)
{
	struct manager *manager = timer->data;
	uint64_t now = clock_monotonic_ns(), due = NEVER;

	poll_all(manager);
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		due = least(due, look_at_pool(pool, now));
	if (due == NEVER || manager->metering.closed)
		return;
	uv_update_time(timer->loop);
	uv_timer_start(timer, on_timer,
		       due > now ? (due - now) / CLOCK_NS_PER_MS + 1 : 0, 0);
}

/* ---- -------------------------------------------------------------------- */

void
metering_init(struct manager *manager)
{
	uv_timer_init(&manager->loop, &manager->metering.timer);
	manager->metering.timer.data = manager;
}

void
metering_pause(struct manager *manager)
{
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		throttle_continue(pool);
}

void
metering_close(struct manager *manager)
{
	metering_pause(manager);
	manager->metering.closed = true;
	uv_close((uv_handle_t *)&manager->metering.timer, NULL);
}

/* Whether anything of the pool is to be watched by us. */
static bool
is_metered(const struct pool *pool)
{
	return cgroup_is_wanted(pool->settings, CGROUP_ACCOUNT) ||
	       is_any_polled(pool) || pool->metered.held_ns != 0 ||
	       pool->metered.throttled.stopped;
}

void
metering_look(struct manager *manager)
{
	bool any = false;

	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		any = any || is_metered(pool);
	if (any && !manager->metering.closed)
		uv_timer_start(&manager->metering.timer, on_timer, 0, 0);
}

void
metering_set(struct pool *pool)
{
	const struct settings_cpu *cpu = &pool->settings->cpu;
	struct metered *metered = &pool->metered;

	if (metered->held_ns != 0 &&
	    (!cgroup_is_wanted(pool->settings, CGROUP_ACCOUNT) ||
	     cpu->action != SETTINGS_CPU_KILL_WORKER))
		release(pool);
	metering_look(pool->manager);
}

void
metering_reset(struct pool *pool)
{
	pool->metered.held_ns = 0;
	pool->metered.window_ns = 0;
}

/* ---- said ------------------------------------------------------------------ */

static void
add_limit(json_t *limits, const struct settings_pool *pool, unsigned missing,
	  enum cgroup_controller which, const char *name, const char *text)
{
	int version = cgroup_version(pool, which, missing);
	bool gives_way = which == CGROUP_CPU &&
			 pool->cpu.action == SETTINGS_CPU_THROTTLE_UNDER_LOAD;

	json_array_append_new(
		limits,
		json_pack("{s:s, s:s, s:s, s:s}", "name", name, "text", text,
			  "by",
			  version == 2 ? "cgroup v2" :
			  version == 1 ? "cgroup v1" :
			  gives_way    ? "nice" :
					 "polling",
			  "why",
			  version > 0 ? "" :
					cgroup_missing(pool, which, missing)));
}

json_t *
metering_limits(const struct settings_pool *pool, unsigned missing)
{
	static const char *const actions[] = {
		[SETTINGS_CPU_NO_ACTION] = "NoAction",
		[SETTINGS_CPU_KILL_WORKER] = "KillWorker",
		[SETTINGS_CPU_THROTTLE] = "Throttle",
		[SETTINGS_CPU_THROTTLE_UNDER_LOAD] = "ThrottleUnderLoad",
	};
	const struct settings_process_limits *limits = &pool->limits;
	const struct settings_cpu *cpu = &pool->cpu;
	json_t *json = json_array();
	char text[128], interval[CONFIG_UNIT_TEXT_SIZE];

#define ADD(which, name, ...)                                                  \
	do {                                                                   \
		snprintf(text, sizeof text, name " " __VA_ARGS__);             \
		add_limit(json, pool, missing, which, name, text);             \
	} while (0)
	if (limits->memory > 0)
		ADD(CGROUP_MEMORY, "memory", "%" PRIu64 " MiB",
		    limits->memory >> 20);
	if (limits->memory_high > 0)
		ADD(CGROUP_MEMORY, "memoryHigh", "%" PRIu64 " MiB",
		    limits->memory_high >> 20);
	if (limits->tasks > 0)
		ADD(CGROUP_TASKS, "tasks", "%" PRIu64, limits->tasks);
	if (cgroup_is_wanted(pool, CGROUP_ACCOUNT))
		ADD(CGROUP_ACCOUNT, "cpu", "%.3f %% %s within %s",
		    cpu->limit / 1e3, actions[cpu->action],
		    config_format_duration(cpu->reset_interval, interval,
					   sizeof interval));
	if (cgroup_is_wanted(pool, CGROUP_CPU))
		ADD(CGROUP_CPU, "cpu", "%.3f %% %s", cpu->limit / 1e3,
		    actions[cpu->action]);
#undef ADD
	return json;
}

static json_int_t
ms_until(uint64_t ns)
{
	uint64_t now = clock_monotonic_ns();

	return ns > now ? (json_int_t)((ns - now) / CLOCK_NS_PER_MS) : 0;
}

json_t *
metering_to_json(const struct pool *pool)
{
	const struct settings_cpu *cpu = &pool->settings->cpu;
	const struct metered *metered = &pool->metered;
	uint64_t used = metered->used_ns, now;

	if (!cgroup_is_wanted(pool->settings, CGROUP_ACCOUNT))
		return NULL;
	/* The group says how much it is now, /proc said it at the last look. */
	if (!is_polled(pool, CGROUP_ACCOUNT) && metered->based &&
	    cgroup_used_ns(pool->snapshot, pool->name, &now) &&
	    now > metered->counter_ns)
		used += now - metered->counter_ns;
	return json_pack("{s:I, s:I, s:I, s:I}", "usedMs",
			 (json_int_t)(used / CLOCK_NS_PER_MS), "allowedMs",
			 (json_int_t)(allowed_ns(cpu) / CLOCK_NS_PER_MS),
			 "resetInMs",
			 ms_until(metered->window_ns + cpu->reset_interval),
			 "heldMs", ms_until(metered->held_ns));
}
