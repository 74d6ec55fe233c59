/* SPDX-License-Identifier: Apache-2.0
 *
 * Work without a request, on the worker's main loop: timers that repeat, and
 * blocking work on the threads of offload.  Calls (client.h), lookups
 * (resolve.h) and processes (process.h) can be begun there as well.
 *
 * Threads: the main loop, where worker_init, application_init and the
 * functions of this header run; nothing that takes a request may be called
 * there.  Requests run on other threads, so what they share with it needs a
 * lock or an atomic.  A worker has one main loop, a pool may have several
 * workers: work that must be done once per pool has to be agreed on.
 *
 * All of it ends before worker_fini: no function of a module runs later.
 */
#ifndef PORTICO_BACKGROUND_H
#define PORTICO_BACKGROUND_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_worker_timer; /* opaque */

/* Called on the main loop each time that it has run out.  Since 1.0. */
typedef void portico_worker_timer_fn(struct portico_worker_timer *timer,
				     void *arg);

struct portico_host_background {
	uint32_t size;

	/* 1.0 */
	struct portico_worker_timer *(*timer_start)(uint64_t delay_ns,
						    uint64_t interval_ns,
						    portico_worker_timer_fn *,
						    void *arg);
	void (*timer_stop)(struct portico_worker_timer *);
	enum portico_status (*offload)(portico_work_fn *work, void *work_arg,
				       portico_work_fn *done, void *done_arg);
};

/*
 * Call `fn` after delay_ns nanoseconds, then every interval_ns; 0 = once.
 * Turns that were missed are not made up for.  NULL: not on the main loop, or
 * the worker ends.  A timer that fires once is gone after `fn`, unless that
 * has stopped it.  Since 1.0.
 */
static inline struct portico_worker_timer *
portico_worker_timer_start(uint64_t delay_ns, uint64_t interval_ns,
			   portico_worker_timer_fn *fn, void *arg)
{
	return portico_host->background->timer_start(delay_ns, interval_ns, fn,
						     arg);
}

/* Also from within its function.  Accepts NULL.  Since 1.0. */
static inline void
portico_worker_timer_stop(struct portico_worker_timer *timer)
{
	portico_host->background->timer_stop(timer);
}

/*
 * Run `work(work_arg)` on a thread of the pool, where it may block, then
 * `done(done_arg)` on the main loop.  When the worker ends first, work that
 * runs is waited for, work that has not begun is dropped, and `done` does not
 * run: what belongs to it is worker_fini's to free.
 *   PORTICO_STATE  not on the main loop, or the worker ends
 * Since 1.0.
 */
static inline enum portico_status
portico_worker_offload(portico_work_fn *work, void *work_arg,
		       portico_work_fn *done, void *done_arg)
{
	return portico_host->background->offload(work, work_arg, done,
						 done_arg);
}

#ifdef __cplusplus
}
#endif

#endif
