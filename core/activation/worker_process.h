/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker process as the manager sees it: its life from fork to exit, its
 * control connection, its link to the listener.
 *
 *	STARTING -> READY -> ATTACHED -> DRAINING -> STOPPING -> (gone)
 *
 * A worker may leave every state by dying.  Before ATTACHED that is a failed
 * start; from ATTACHED a crash; after it, what was asked for.
 */
#ifndef CORE_ACTIVATION_WORKER_PROCESS_H
#define CORE_ACTIVATION_WORKER_PROCESS_H

#include <jansson.h>
#include <uv.h>

#include "core/activation/age.h"
#include "core/activation/health.h"
#include "core/activation/metering.h"
#include "core/activation/process.h"
#include "core/activation/recycle.h"
#include "core/activation/suspend.h"
#include "core/base/list.h"
#include "core/base/log.h"

struct control_connection;
struct listener_process;
struct pool;

enum worker_process_state {
	WORKER_PROCESS_STARTING, /* forked, configured */
	WORKER_PROCESS_READY, /* modules loaded, a link was given */
	WORKER_PROCESS_ATTACHED, /* gets requests */
	WORKER_PROCESS_SUSPENDED, /* suspend.h */
	WORKER_PROCESS_DRAINING, /* gets no new ones */
	WORKER_PROCESS_STOPPING, /* was told to end */
	WORKER_PROCESS_ORPHANED, /* orphan.h */
};

struct worker_process {
	unsigned magic;
	struct list link; /* in pool.workers or .orphans, oldest first */
	struct pool *pool;
	uint32_t id; /* never used again */
	uint32_t generation; /* grows within the pool */
	uint32_t epoch; /* the listener prefers later ones */
	/* Its name in cookies, random: has to stay as it is with whoever takes
	 * the worker over. */
	char affinity[33];
	uint32_t loops; /* as configured at its start */
	enum worker_process_state state;
	struct process *process;
	struct control_connection *control;
	uv_timer_t timer; /* start limit, drain limit, TERM, KILL */
	int escalation; /* 0 none, 1 it has to exit now, 2 KILL sent */
	bool terminated; /* TERM was sent */
	uint64_t started_ns; /* monotonic */
	struct health health;
	struct age age;
	struct suspended suspended;
	struct polled polled;
	enum recycle_reason marked; /* it is to be replaced */
	char why_marked[320]; /* a sentence */
	uint32_t replaces; /* recycle: id of the one that goes then; or 0 */
	bool outdated; /* its settings are older than its pool's, as allowed */
	bool configured; /* its settings were sent */
	bool executed; /* its program runs */
	bool told_why; /* it said why it failed */
	bool aborted; /* its requests were told to end */
	bool exhausted; /* ended for lack of something, by no fault of it */
	char end_reason[256]; /* what we know of its end, beside the exit */
	char degraded[512]; /* what it runs without; "" */
	uint64_t requests; /* when it said stopped */
	json_t *modules, *events; /* names by number, or NULL */
	uint64_t complained_ns; /* monotonic; of being unwell; 0: never */
	json_t *complaint; /* that is kept, or NULL: complaint.h */
	json_t *remains; /* what it had begun, from listeners; or NULL */
	json_t *loaded; /* what it says of its modules, or NULL */
	char *core_directory; /* owned; where its core will be, or NULL */
};

/*
 * Forks and configures.  A program that cannot run shows later, as an exit.
 * OWNERSHIP: the pool's, in its list, until it has ended.
 */
enum portico_status worker_process_start(struct pool *pool, uint32_t replaces,
					 struct worker_process **worker_r,
					 struct portico_error *err);

/* One that another porticod has started (takeover.h). */
struct worker_adoption {
	struct worker_process like; /* what it says of itself, and no handles */
	struct process_adoption process;
	int control; /* or -1 */
	uint64_t limit_ms; /* when its timer ends, monotonic; 0: none */
};

/* OWNERSHIP: takes the descriptors and the names, also when it fails; the
 * worker as above. */
enum portico_status worker_process_adopt(struct pool *pool,
					 const struct worker_adoption *from,
					 struct portico_error *err);

/* Gives it and a listener the ends of a new link.  On failure one of them is
 * not told, and does not have the other. */
enum portico_status worker_process_join(struct worker_process *worker,
					struct listener_process *listener,
					struct portico_error *err);

/* From the listener that serves; drained: from all that have it. */
void worker_process_attached(struct worker_process *worker);
void worker_process_lost(struct worker_process *worker, const char *reason,
			 bool lied);
/* It could not be given to the listener, which lacks what it needs. */
void worker_process_refused(struct worker_process *worker, const char *reason);
void worker_process_drained(struct worker_process *worker);

/* Its modules shall know: struct control_notice.  Not one that starts or
 * ends. */
void worker_process_tell(struct worker_process *worker, const char *what,
			 const char *text, uint32_t value);

/* No new requests; when it has none left it is stopped.  After
 * shutdownTimeLimit its requests are aborted, then it gets SIGTERM and at last
 * SIGKILL: not later, whenever it was stopped. */
void worker_process_drain(struct worker_process *worker);

/* Finish what runs and exit: a request, after `limit_ms` SIGTERM, then
 * SIGKILL. */
void worker_process_stop(struct worker_process *worker, uint64_t limit_ms);

void worker_process_kill(struct worker_process *worker, const char *why);
/* The same, and it is no failure. */
void worker_process_end(struct worker_process *worker, const char *why);

/* Memory for what it is called in the log. */
struct worker_context {
	char id[16];
	struct log_context pool, worker;
};

/* Says which worker of which pool, as long as `context` lives. */
const struct log_context *
worker_process_about(const struct worker_process *worker,
		     struct worker_context *context);

const char *worker_process_state_name(enum worker_process_state state);

/*
 * Turns the numbers of a request in flight ("event", "module") into names.
 */
void worker_process_name_progress(const struct worker_process *worker,
				  json_t *request);

/* Asks for a reply (worker_queries.c); false: it cannot be asked now. */
bool worker_process_ask(struct worker_process *worker, uint32_t id,
			const char *what);

/* For status: {"id","pid","state","generation","uptimeMs",...} */
/* Appends an object for each module that it has loaded. */
void worker_process_add_modules(const struct worker_process *worker,
				json_t *modules);

json_t *worker_process_to_json(const struct worker_process *worker);

#endif
