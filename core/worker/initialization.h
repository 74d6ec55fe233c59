/* SPDX-License-Identifier: Apache-2.0
 *
 * Warming up: the pages that `initialization` of the applications names are
 * requested one after the other, on the first loop, before the worker says
 * that it is ready.
 *
 * Threads: the main thread, but for what is marked.
 */
#ifndef CORE_WORKER_INITIALIZATION_H
#define CORE_WORKER_INITIALIZATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <portico/types.h>

#include "core/worker/internal_request.h"
#include "core/worker/loop.h"

struct mailbox;
struct portico_worker;
struct settings;
struct settings_pool;

/* One page; memory of the worker's arena. */
struct initialization_page {
	struct internal_options options;
	bool required;
};

/* All is done: err NULL, or a required page failed. */
typedef void initialization_fn(void *arg, const struct portico_error *err);

struct initialization {
	struct portico_worker *worker;
	struct mailbox *mailbox; /* of the main thread */
	struct initialization_page *pages;
	size_t count, next;
	uint64_t deadline_ns; /* monotonic */
	initialization_fn *done;
	void *arg;
	bool begun, finished;
	uv_timer_t limit;
	uint64_t page_ns; /* when it began */
	struct loop_message begin, end, cut;
	unsigned status; /* of the page; 0: none */
	/* On the loop. */
	struct portico_child *child; /* or NULL */
	bool was_cut;
};

/* What has to be requested in this worker; `restarted`: since its
 * configuration changed. */
void initialization_collect(struct initialization *initialization,
			    struct portico_worker *worker,
			    const struct settings *settings,
			    const struct settings_pool *pool, bool restarted);

/* `done` is called from the loop `uv`, never from within. */
void initialization_begin(struct initialization *initialization, uv_loop_t *uv,
			  struct mailbox *mailbox, initialization_fn *done,
			  void *arg);

/* The worker ends: the page that runs is aborted, `done` is not called. */
void initialization_cancel(struct initialization *initialization);

#endif
