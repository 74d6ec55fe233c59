/* SPDX-License-Identifier: Apache-2.0
 *
 * Health checks: the pages that `healthCheck` of the applications names are
 * requested again and again, on the first loop.  One that fails too often in a
 * row makes the worker tell porticod, which replaces it.
 *
 * Threads: the main thread, but for what is marked.
 */
#ifndef CORE_WORKER_HEALTH_CHECK_H
#define CORE_WORKER_HEALTH_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/worker/internal_request.h"
#include "core/worker/loop.h"

struct mailbox;
struct portico_worker;
struct settings;
struct settings_pool;

/* Of one application; `page` has memory of the worker's arena. */
struct health_check {
	struct health_checks *all;
	struct internal_options page;
	uint64_t interval, timeout; /* ns */
	unsigned limit; /* failures in a row */
	unsigned failures; /* so far */
	bool running, late; /* a request of it; it has to end now */
	uv_timer_t timer; /* until the next, or until it is late */
	struct loop_message begin, end, cut;
	unsigned status; /* of the last one; 0: none */
	/* On the loop. */
	struct portico_child *child; /* or NULL */
};

/* One check has failed so often that the worker should be replaced; `why`, a
 * sentence, is the caller's. */
typedef void health_check_fn(void *arg, const char *why);

struct health_checks {
	struct portico_worker *worker;
	struct mailbox *mailbox; /* of the main thread */
	struct health_check *list; /* owned */
	size_t count;
	bool begun, ended;
	_Atomic uint64_t running; /* requests that are no use of the worker */
	health_check_fn *failed;
	void *arg;
};

void health_checks_collect(struct health_checks *checks,
			   struct portico_worker *worker,
			   const struct settings *settings,
			   const struct settings_pool *pool);

/* The first ones follow after their intervals, from the loop `uv`. */
void health_checks_begin(struct health_checks *checks, uv_loop_t *uv,
			 struct mailbox *mailbox, health_check_fn *failed,
			 void *arg);

/* The worker ends: what runs is aborted, nothing is told any more. */
void health_checks_cancel(struct health_checks *checks);

/* When the main thread's loop is closed, too. */
void health_checks_free(struct health_checks *checks);

#endif
