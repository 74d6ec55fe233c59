/* SPDX-License-Identifier: Apache-2.0
 *
 * See suspend.h.
 */
#include "core/activation/suspend.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/activation/cgroup.h"
#include "core/activation/complaint.h"
#include "core/activation/events.h"
#include "core/activation/listeners.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/state.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/control/connection.h"
#include "core/control/messages.h"

/* ---- stopping and continuing ------------------------------------------------ */

/* The session that a process is in; 0 when it is gone. */
static long
session_of(long pid)
{
	char path[64], text[512];
	const char *after;
	ssize_t length;
	long session = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof text - 1);
	io_close(&fd);
	text[length < 0 ? 0 : length] = '\0';
	/* The name in parentheses may have anything in it. */
	after = strrchr(text, ')');
	if (after == NULL || sscanf(after, ") %*c %*d %*d %ld", &session) != 1)
		return 0;
	return session;
}

/* What modules have started is in the worker's session, unless it has made one
 * of its own: that is not ours to stop. */
static void
signal_others(pid_t worker, int number)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 1 && pid != worker && session_of(pid) == worker)
			(void)kill((pid_t)pid, number);
	}
	if (directory != NULL)
		closedir(directory);
}

static void
freeze(struct worker_process *worker)
{
	worker->suspended.step = SUSPENSION_FROZEN;
	worker->suspended.since_ns = clock_monotonic_ns();
	process_signal(worker->process, SIGSTOP);
	signal_others(process_pid(worker->process), SIGSTOP);
}

/* ---- to sleep --------------------------------------------------------------- */

/* It has given its memory back, or has not answered. */
static void
on_paged(json_t *rows, json_t *silent, void *arg)
{
	struct worker_process *worker = arg;

	(void)rows;
	(void)silent;
	if (worker->state == WORKER_PROCESS_SUSPENDED &&
	    worker->suspended.step == SUSPENSION_PAGING &&
	    worker->escalation == 0)
		freeze(worker);
}

/* It takes the memory of its group back itself: that may take long, and we wait
 * for nothing. */
static void
give_reclaim(struct worker_process *worker)
{
	struct control_notice notice = { .what = "reclaim", .text = "" };
	uint64_t bytes = 0;
	int fd = cgroup_open_reclaim(worker->pool->snapshot, worker->pool->name,
				     &bytes);

	if (fd >= 0 && worker->control != NULL) {
		notice.value = (uint32_t)(bytes >> 20) + 1;
		(void)control_send(worker->control,
				   control_encode_notice(&notice), &fd, 1);
	}
	io_close(&fd);
}

void
suspend_on_paused(struct worker_process *worker)
{
	if (worker->suspended.step != SUSPENSION_PAUSING)
		return;
	worker->suspended.step = SUSPENSION_PAGING;
	give_reclaim(worker);
	worker_queries_ask(worker->pool->manager, WORKER_QUERY_PAGE_OUT, worker,
			   on_paged, worker);
}

/* Never the one before, whichever porticod that was of; not 0. */
static uint32_t
next_round(void)
{
	return (uint32_t)(clock_monotonic_ns() / CLOCK_NS_PER_MS) | 1;
}

void
suspend_pool(struct pool *pool, const char *why)
{
	const struct log_context ctx = { .name = "pool", .value = pool->name };

	log_write(LOG_LEVEL_INFO, EVENT_SUSPENDED, &ctx,
		  "pool \"%s\" is %s: its workers are suspended until the next "
		  "request",
		  pool->name, why);
	pool_tell(pool, "cleanup", why, 0);
	LIST_FOREACH(struct worker_process, link, worker, &pool->workers) {
		if (worker->state != WORKER_PROCESS_ATTACHED ||
		    worker->escalation > 0)
			continue;
		worker->state = WORKER_PROCESS_SUSPENDED;
		worker->suspended = (struct suspended){
			.step = SUSPENSION_PAUSING,
			.round = next_round(),
		};
	}
	/* If we end now the next porticod knows that it has to wake them. */
	state_sweep(pool->manager);
	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers)
		if (worker->suspended.step == SUSPENSION_PAUSING)
			listeners_pause_worker(&pool->manager->listeners,
					       worker, true);
}

/* ---- and back ---------------------------------------------------------------- */

void
suspend_wake(struct worker_process *worker, const char *why)
{
	enum suspension step = worker->suspended.step;
	const struct log_context ctx = { .name = "pool",
					 .value = worker->pool->name };
	char slept[48] = "";

	if (worker->state != WORKER_PROCESS_SUSPENDED)
		return;
	if (step == SUSPENSION_PAGING)
		worker_queries_forget(worker->pool->manager, worker);
	if (step == SUSPENSION_FROZEN) {
		process_signal(worker->process, SIGCONT);
		signal_others(process_pid(worker->process), SIGCONT);
		/* Of another porticod's it is not known. */
		if (worker->suspended.since_ns != 0)
			snprintf(slept, sizeof slept, " after %.1f s",
				 (double)(clock_monotonic_ns() -
					  worker->suspended.since_ns) /
					 1e9);
	}
	worker->suspended = (struct suspended){ .step = SUSPENSION_NONE };
	worker->state = WORKER_PROCESS_ATTACHED;
	listeners_pause_worker(&worker->pool->manager->listeners, worker,
			       false);
	health_resume(worker);
	log_write(LOG_LEVEL_INFO, EVENT_WOKEN, &ctx,
		  "the worker (process %d) of pool \"%s\" is woken%s by %s",
		  (int)process_pid(worker->process), worker->pool->name, slept,
		  why);
	complaint_hear_kept(worker);
}

bool
suspend_wake_pool(struct pool *pool, const char *why)
{
	bool any = false;

	LIST_FOREACH_SAFE(struct worker_process, link, worker, &pool->workers) {
		if (worker->state != WORKER_PROCESS_SUSPENDED)
			continue;
		any = true;
		suspend_wake(worker, why);
	}
	return any;
}
