/* SPDX-License-Identifier: Apache-2.0
 *
 * One pool as the manager sees it: how many workers it should have, when the
 * next start is tried, rapid-fail protection, recycling.
 */
#ifndef CORE_ACTIVATION_POOL_H
#define CORE_ACTIVATION_POOL_H

#include <jansson.h>
#include <uv.h>

#include "core/activation/backoff.h"
#include "core/activation/metering.h"
#include "core/activation/module_files.h"
#include "core/activation/probe.h"
#include "core/activation/recycle.h"
#include "core/activation/shortage.h"
#include "core/activation/start_record.h"
#include "core/base/list.h"
#include "core/control/messages.h"

struct manager;
struct schedule;
struct settings;
struct settings_pool;
struct worker_process;

struct pool {
	unsigned magic;
	struct list link; /* in manager.pools */
	struct manager *manager;
	char *name;
	struct settings *snapshot; /* a reference: what new workers get */
	const struct settings_pool *settings; /* in it */
	enum control_pool_state state;
	char reason[256]; /* why it is not started */
	bool demand; /* the listener waits for a worker */
	bool wanted; /* workers are to be there */
	bool restarting; /* ... when those of before have ended */
	bool removed; /* gone from the configuration; ends when empty */
	struct list workers; /* of struct worker_process */
	struct list orphans; /* the same, left alone: orphan.h */
	struct list actions; /* programs that run for it: action.h */
	unsigned grown; /* workers that load has asked for; 0 = startWorkers */
	unsigned worker_count; /* without orphans */
	uint32_t generation; /* of the newest worker */
	uv_timer_t retry;
	bool retrying;
	struct backoff backoff;
	struct probing probing;
	int shared_fd; /* memory that its workers share, or -1 */
	uint64_t shared_bytes; /* of it */
	struct shortage shortage;
	struct start_history starts;
	struct recycling recycling;
	struct schedule *schedule; /* schedule.h; or NULL */
	struct module_files module_files;
	char degraded[512]; /* why the last recycle failed; "" */
	struct metered metered;
	uint64_t oom_kills; /* as last seen in its control group */
	uint64_t start_count, crash_count, recycle_count;
};

/* OWNERSHIP: the manager's list. */
struct pool *pool_new(struct manager *manager, struct settings *snapshot,
		      const struct settings_pool *settings);

/* Only without workers. */
void pool_free(struct pool *pool);

/* Starts what is missing now, if something wants workers. */
void pool_ensure(struct pool *pool);

/* The listener has a request for it and no worker. */
void pool_demand(struct pool *pool);

/* Its workers have much to do: another one, if there may be one. */
void pool_demand_more(struct pool *pool);

/* By command.  PORTICO_STATE with err when it makes no sense now. */
enum portico_status pool_start(struct pool *pool, struct portico_error *err);
enum portico_status pool_stop(struct pool *pool, struct portico_error *err);
/* Its workers end, and when the last one has, others start; requests wait for
 * them meanwhile.  One that is not started is. */
enum portico_status pool_restart(struct pool *pool, struct portico_error *err);

/*
 * Other settings: what runs is replaced if they differ in what it sees.  A
 * pool that gets an application is replaced before the listener's routes
 * change, one that only loses some after it: `before_routes` says which it is
 * now.  manager_pool_settled() follows.
 */
void pool_reconfigure(struct pool *pool, struct settings *snapshot,
		      const struct settings_pool *settings, bool before_routes);

/* It is in the settings no more: its workers drain, then it is freed. */
void pool_remove(struct pool *pool);

/* At the end of the server. */
void pool_shutdown(struct pool *pool, uint64_t limit_ms);
void pool_kill(struct pool *pool);

/*
 * Called by worker_process.  The descriptor of the memory that the pool's
 * workers share, made when it is wanted first or has another size now; -1:
 * they have none.  PORTICO_OK with -1, or a status with err.
 */
enum portico_status pool_shared_memory(struct pool *pool, int *fd_r,
				       struct portico_error *err);

void pool_worker_attached(struct pool *pool, struct worker_process *worker);
/* It has ended; `failed_start`: before it was attached; `expected`: we asked
 * for it.  The worker is out of the list. */
void pool_worker_ended(struct pool *pool, const struct worker_process *worker,
		       const char *how, bool failed_start, bool expected);

/* One of its orphans has ended, and is out of the list. */
void pool_orphan_ended(struct pool *pool);

/* It, or a module of it, wants it to be replaced (recycle.h), for `why`, a
 * sentence; `counts`: as a failure, for rapid-fail protection. */
void pool_worker_unwell(struct pool *pool, struct worker_process *worker,
			const char *why, bool counts);

/* Its workers are killed, and it has none until pool_release() or a command:
 * it is disabled, for `reason`. */
void pool_hold(struct pool *pool, const char *reason);
void pool_release(struct pool *pool);

/* Its workers are ended, or suspended, until somebody asks for one. */
void pool_sleep(struct pool *pool, const char *why);

/* Why it is drained now; "" if nobody said. */
const char *pool_drain_reason(const struct pool *pool,
			      const struct worker_process *worker);

/* Workers that are or will be of use. */
unsigned pool_count_live(const struct pool *pool);

/* Starts one that takes the place of `old`; false: pool.degraded says why. */
bool pool_start_replacement(struct pool *pool,
			    const struct worker_process *old);

/* All its workers' modules shall know: struct control_notice. */
void pool_tell(struct pool *pool, const char *what, const char *text,
	       uint32_t value);

/* Of a worker that is started now: newer than what runs while the pool is
 * recycled, else as new, also after a recycle that failed. */
uint32_t pool_next_epoch(const struct pool *pool);

struct worker_process *pool_find_worker(const struct pool *pool, uint32_t id);

json_t *pool_to_json(const struct pool *pool);

/* "started", "starting", "running", "suspended", "draining", "stopped", "disabled" */
const char *pool_state_text(const struct pool *pool);

#endif
