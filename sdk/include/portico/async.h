/* SPDX-License-Identifier: Apache-2.0
 *
 * Asynchrony: suspend a request from any event and go on later, from any
 * thread; run blocking work on the thread pool; timers; descriptor watch.
 *
 * The rule: a function that returns PORTICO_PENDING has called exactly one of
 * portico_suspend, portico_offload, portico_body_wait, portico_response_wait
 * before.  The resume function continues in its place: what it returns counts
 * as the verdict of the function that returned PENDING, and may be PENDING
 * again.  The resume function runs on the request's loop, exactly once, also
 * after an abort (portico_request_aborted tells).
 */
#ifndef PORTICO_ASYNC_H
#define PORTICO_ASYNC_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Suspend until somebody completes *token_r.  On the request's loop only.
 * Since 1.0.
 */
static inline enum portico_status
portico_suspend(struct portico_request *request, portico_resume_fn *resume,
		void *arg, struct portico_token *token_r)
{
	return portico_host->suspend(request, resume, arg, token_r);
}

/*
 * Complete a suspended request: from any thread, at any time, also before the
 * function that suspended has returned.  Exactly once: a second use, or one
 * after the request has ended, is a logged no-op and returns PORTICO_STATE.
 */
static inline enum portico_status
portico_complete(struct portico_token token)
{
	return portico_host->complete(token);
}

/*
 * Run `work(work_arg)` on a thread of the pool, where it may block, then
 * `resume` on the loop.  `work` must not call any function that takes a
 * request.  Suspends; the caller returns PORTICO_PENDING next.
 */
static inline enum portico_status
portico_offload(struct portico_request *request, portico_work_fn *work,
		void *work_arg, portico_resume_fn *resume, void *resume_arg)
{
	return portico_host->offload(request, work, work_arg, resume,
				     resume_arg);
}

/*
 * Call `fn` on the loop once after delay_ns nanoseconds, unless the request
 * ends before.  The timer is the host's and gone after `fn` or timer_stop.
 * NULL: no memory, which the test kit makes so (KIT_FAULT_WAIT); a worker that
 * has none ends.
 */
static inline struct portico_timer *
portico_timer_start(struct portico_request *request, uint64_t delay_ns,
		    portico_timer_fn *fn, void *arg)
{
	return portico_host->timer_start(request, delay_ns, fn, arg);
}

static inline void
portico_timer_stop(struct portico_timer *timer)
{
	portico_host->timer_stop(timer);
}

/* What to watch for, and what is ready: a sum of these.  Since 1.0. */
enum portico_watch_event {
	PORTICO_WATCH_READ = 1,
	PORTICO_WATCH_WRITE = 2,
};

/*
 * Call `fn` on the loop whenever fd is ready, until watch_stop or the end of
 * the request.  The descriptor stays the caller's, to be closed after
 * watch_stop.  NULL: the descriptor cannot be polled.
 */
static inline struct portico_watch *
portico_watch_start(struct portico_request *request, int fd, int events,
		    portico_watch_fn *fn, void *arg)
{
	return portico_host->watch_start(request, fd, events, fn, arg);
}

static inline void
portico_watch_stop(struct portico_watch *watch)
{
	portico_host->watch_stop(watch);
}

/* libuv's loop that runs this request, for libraries that integrate with it.
 * Handles that a module puts there are its own to close. */
static inline struct uv_loop_s *
portico_request_loop(struct portico_request *request)
{
	return portico_host->request_loop(request);
}

/* Number of that loop, 0..portico_worker_loops()-1: for per-loop state. */
static inline uint32_t
portico_request_loop_number(struct portico_request *request)
{
	return portico_host->request_loop_number(request);
}

/* Monotonic clock in nanoseconds.  Any thread. */
static inline uint64_t
portico_clock(void)
{
	return portico_host->clock();
}

#ifdef __cplusplus
}
#endif

#endif
