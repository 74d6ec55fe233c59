/* SPDX-License-Identifier: Apache-2.0
 *
 * Orphaned workers.
 */
#include "core/activation/orphan.h"

#include <stdio.h>

#include "core/activation/action.h"
#include "core/activation/events.h"
#include "core/activation/limits.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/log.h"
#include "core/config/settings.h"

static void
kill_surplus(struct pool *pool)
{
	unsigned count = 0;

	LIST_FOREACH(struct worker_process, link, orphan, &pool->orphans)
		count++;
	LIST_FOREACH(struct worker_process, link, orphan, &pool->orphans) {
		if (count <= ORPHANS_MAX)
			return;
		count--;
		worker_process_kill(orphan, "there are newer orphans");
	}
}

void
orphan_worker(struct worker_process *worker, const char *why)
{
	struct pool *pool = worker->pool;
	const struct log_context ctx = { .name = "pool", .value = pool->name };
	int pid = (int)process_pid(worker->process);
	char number[16];
	const struct action_facts facts = { .what = "orphanActionExe",
					    .value = number,
					    .reason = why,
					    .pid = pid };

	snprintf(number, sizeof number, "%d", pid);
	log_warn(EVENT_ORPHANED, &ctx,
		 "worker %u (process %d) of pool \"%s\" is orphaned (%s): it "
		 "is left alone",
		 worker->id, pid, pool->name, why);
	uv_timer_stop(&worker->timer);
	worker->state = WORKER_PROCESS_ORPHANED;
	list_remove(&worker->link);
	list_add_tail(&pool->orphans, &worker->link);
	pool->worker_count--;
	worker_queries_on_end(worker);
	/* Its requests go to others as if it had died. */
	listeners_worker_gone(&pool->manager->listeners, worker->id,
			      "it is orphaned");
	kill_surplus(pool);
	action_run(pool, &pool->settings->failure.orphan_action, &facts);
	pool_worker_ended(pool, worker, "does not answer", false, false);
}

void
orphan_kill_all(struct pool *pool, const char *why)
{
	LIST_FOREACH(struct worker_process, link, orphan, &pool->orphans)
		worker_process_kill(orphan, why);
}
