/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping and continuing.
 */
#include "core/activation/throttle.h"

#include <signal.h>
#include <unistd.h>

#include "core/activation/cgroup.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/config/settings.h"

/* Between two looks at a pool that runs; without work it is longer. */
#define LOOK_NS (50 * CLOCK_NS_PER_MS)
#define LOOK_NS_MOST (400 * CLOCK_NS_PER_MS)
#define STOP_NS_MOST CLOCK_NS_PER_S
/* What it has not used it may use later, up to its share of so long. */
#define SAVED_NS (200 * CLOCK_NS_PER_MS)

bool
throttle_is_wanted(const struct pool *pool)
{
	const struct settings_pool *settings = pool->settings;

	return settings->cpu.action == SETTINGS_CPU_THROTTLE &&
	       cgroup_is_wanted(settings, CGROUP_CPU) &&
	       cgroup_version(settings, CGROUP_CPU, pool->metered.missing) == 0;
}

/* One that is frozen stays stopped (suspend.h); one that is about to be may be
 * woken yet, and nobody else would continue it then. */
static void
signal_all(struct pool *pool, int number)
{
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers)
		if (worker->suspended.step != SUSPENSION_FROZEN &&
		    (number == SIGCONT || worker->escalation == 0))
			process_signal(worker->process, number);
}

void
throttle_continue(struct pool *pool)
{
	if (!pool->metered.throttled.stopped)
		return;
	pool->metered.throttled.stopped = false;
	signal_all(pool, SIGCONT);
}

/* Time of cores that it may use in so much time. */
static int64_t
share_of(const struct pool *pool, uint64_t ns)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return (int64_t)((double)ns * pool->settings->cpu.limit / 1e5 *
			 (double)(cores < 1 ? 1 : cores));
}

static void
reckon(struct pool *pool, uint64_t now)
{
	struct throttled *throttled = &pool->metered.throttled;
	int64_t most = share_of(pool, STOP_NS_MOST);
	int64_t least = -share_of(pool, SAVED_NS);
	int64_t debt;

	if (throttled->looked_ns == 0)
		throttled->looked_ns = now;
	debt = throttled->debt_ns + (int64_t)throttled->used_ns -
	       share_of(pool, now - throttled->looked_ns);
	throttled->debt_ns = debt > most ? most : debt < least ? least : debt;
	throttled->pause_ns *= 2;
	if (throttled->used_ns > 0 || throttled->pause_ns < LOOK_NS)
		throttled->pause_ns = LOOK_NS;
	if (throttled->pause_ns > LOOK_NS_MOST)
		throttled->pause_ns = LOOK_NS_MOST;
	throttled->used_ns = 0;
	throttled->looked_ns = now;
}

uint64_t
throttle_look(struct pool *pool, uint64_t now)
{
	struct throttled *throttled = &pool->metered.throttled;
	int64_t second;

	if (!throttle_is_wanted(pool) || list_empty(&pool->workers)) {
		throttle_continue(pool);
		throttled->looked_ns = 0;
		return UINT64_MAX;
	}
	reckon(pool, now);
	if (throttled->debt_ns <= 0) {
		throttle_continue(pool);
		return now + throttled->pause_ns;
	}
	/* Again, for those that have come meanwhile. */
	throttled->stopped = true;
	signal_all(pool, SIGSTOP);
	second = share_of(pool, CLOCK_NS_PER_S);
	return now +
	       (uint64_t)((double)throttled->debt_ns * 1e9 /
			  (double)(second < 1 ? 1 : second)) +
	       CLOCK_NS_PER_MS;
}
