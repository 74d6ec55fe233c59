/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing workers: why, which one next, and how often.
 *
 * Whoever wants a worker replaced marks it with a reason; from there on there
 * is one way.  Marked workers are replaced one after the other, oldest first:
 * the new one is attached before the old one drains, and that has to be gone
 * before the next.  Only new settings replace all at once, since routes wait
 * for them.  Where disallowOverlappingRotation says so, the old one is gone
 * before the new one starts.  A replacement that fails to start leaves the old worker where it
 * is.
 */
#ifndef CORE_ACTIVATION_RECYCLE_H
#define CORE_ACTIVATION_RECYCLE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include <portico/types.h>

struct pool;
struct worker_process;

enum recycle_reason {
	RECYCLE_NONE,
	RECYCLE_ON_DEMAND, /* by command */
	RECYCLE_CONFIG_CHANGE,
	/* A worker, or a module in it, says so, or it does not answer: not
	 * more often than recycling.unhealthyInterval. */
	RECYCLE_UNHEALTHY,
	RECYCLE_TIME,
	RECYCLE_REQUESTS,
	RECYCLE_SCHEDULE,
	RECYCLE_MEMORY, /* address space */
	RECYCLE_PRIVATE_MEMORY,
};

/* Of a pool. */
struct recycling {
	bool all; /* all that ran when it began are replaced */
	bool together; /* ... at once */
	char text[320]; /* why, the last time */
	uint64_t unhealthy_ns; /* last replacement of that kind; 0 = never */
	uv_timer_t pace; /* until the next one of that kind */
};

/* With the pool; recycle_close() calls `closed`. */
void recycle_init(struct pool *pool);
void recycle_close(struct pool *pool, uv_close_cb closed);

/* All workers that it has.  PORTICO_STATE with err when it has none or is not
 * started. */
enum portico_status recycle_pool(struct pool *pool, enum recycle_reason reason,
				 const char *text, bool together,
				 struct portico_error *err);

/* One of them; a worker that is marked already stays as it is. */
void recycle_worker(struct worker_process *worker, enum recycle_reason reason,
		    const char *text);

/* Goes on, after anything that may matter to it. */
void recycle_next(struct pool *pool);

/* A replacement for `old` could not start. */
void recycle_failed(struct pool *pool, struct worker_process *old,
		    const char *why);

/* No worker is marked any more. */
void recycle_end(struct pool *pool);

/* There are more workers than the settings say: the oldest drain. */
void recycle_drain_surplus(struct pool *pool);

#endif
