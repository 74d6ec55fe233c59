/* SPDX-License-Identifier: Apache-2.0
 *
 * The watchdog: a thread of the worker that sees a module hold a loop up, and
 * says which, where and for how long, with a stack; and when it has returned.
 */
#ifndef CORE_WORKER_WATCHDOG_H
#define CORE_WORKER_WATCHDOG_H

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

/* Accepts NULL; *p = NULL. */
void watchdog_stop(struct watchdog **watchdog_p);

#endif
