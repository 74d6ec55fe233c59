/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspending idle workers (idleTimeoutAction: Suspend): instead of being ended
 * they are stopped, with all processes of their session, after they have
 * offered the kernel their memory to be paged out.  The next request wakes
 * them in the time that a signal and a message take.
 *
 *   ATTACHED --pause--> SUSPENDED (pausing -> paging -> frozen) --> ATTACHED
 *
 * Pausing: the listeners give it nothing more, and say when they have nothing
 * on it.  Paging: it gives its memory back.  Frozen: it is stopped.  Whoever
 * wants anything else of it (a request, a recycle, the end) wakes it first.
 */
#ifndef CORE_ACTIVATION_SUSPEND_H
#define CORE_ACTIVATION_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct worker_process;

enum suspension {
	SUSPENSION_NONE,
	SUSPENSION_PAUSING,
	SUSPENSION_PAGING,
	SUSPENSION_FROZEN,
};

/* Of a worker; zeroed at its start. */
struct suspended {
	enum suspension step;
	uint32_t round; /* of pausing: the listeners' answers name it */
	uint64_t since_ns; /* frozen; monotonic */
};

/* All its workers; they are ATTACHED and have no request. */
void suspend_pool(struct pool *pool, const char *why);

/* The listeners have nothing on it. */
void suspend_on_paused(struct worker_process *worker);

/* Wakes one, if it is suspended; it is ATTACHED then.  `why`: for the log. */
void suspend_wake(struct worker_process *worker, const char *why);

/* True: the pool had suspended workers, and they come back. */
bool suspend_wake_pool(struct pool *pool, const char *why);

#endif
