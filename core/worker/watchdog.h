/* SPDX-License-Identifier: Apache-2.0
 *
 * The watchdog: a thread of the worker that sees a module hold a loop up, and
 * says which, where and for how long, with a stack; and when it has returned.
 */
#ifndef CORE_WORKER_WATCHDOG_H
#define CORE_WORKER_WATCHDOG_H

#include <jansson.h>

#include <portico/types.h>

struct portico_worker;
struct watchdog;

/*
 * Watches the worker's loops, which have begun.  `limit_ns` 0: NULL and OK.
 * OWNERSHIP: the caller's, to be ended before the loops are.
 */
enum portico_status watchdog_start(struct portico_worker *worker,
				   uint64_t limit_ns,
				   struct watchdog **watchdog_r,
				   struct portico_error *err);

/*
 * What holds that loop up now, as a sentence: module, event and for how long.
 * False: it has not seen that, or `watchdog` is NULL.  Any thread.
 */
bool watchdog_describe(struct watchdog *watchdog, uint32_t loop, char *text,
		       size_t size);

/*
 * Where each loop is now: an array of {loop, module, event, request, method,
 * target, frames}, those that are known; a loop that does not take signals has
 * no frames.  With or without a watchdog.  The main thread only, which waits
 * for each loop, at most half a second.  OWNERSHIP: the caller's.
 */
json_t *watchdog_stacks(struct portico_worker *worker);

/* Accepts NULL; *p = NULL. */
void watchdog_stop(struct watchdog **watchdog_p);

#endif
