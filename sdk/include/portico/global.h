/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of the whole worker process, and what a module can tell the process:
 *
 *	static const struct portico_global_subscription globals[] = {
 *		{ .event = PORTICO_GLOBAL_STOP, .function = on_stop },
 *		{ 0 }
 *	};
 *	PORTICO_MODULE(.name = "poller", ...,
 *		       .global_subscriptions = globals);
 *
 * The life of a worker, as a module sees it: load, worker_init,
 * application_init for each application, PRELOAD; the worker is ready; START,
 * requests; STOP, the last requests; application_fini, worker_fini.
 *
 * Threads: events are called on the worker's main thread, which runs no
 * requests, one after the other in the order in which modules are loaded (STOP
 * in reverse order).  They must not block: the main thread answers the
 * manager.  Each function says from which thread it may be called; "main
 * thread" is load, worker_init and _fini, application_init and _fini, and
 * functions of this header and of change.h.
 */
#ifndef PORTICO_GLOBAL_H
#define PORTICO_GLOBAL_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happens to the whole worker.  Since 1.0. */
enum portico_global_event {
	PORTICO_GLOBAL_NONE, /* ends an array */
	/* Before the worker says that it is ready: connect, fill caches.  What
	 * takes longer takes a hold (portico_global_hold).  The manager gives
	 * all of it startupTimeLimit.  ERROR: the worker does not start. */
	PORTICO_GLOBAL_PRELOAD,
	PORTICO_GLOBAL_START, /* it is ready, requests will come */
	/* It gets no new requests and ends when those it has are done.  text:
	 * why, or "".  Once. */
	PORTICO_GLOBAL_STOP,
	/* The server has a new configuration.  value 0: this pool's did not
	 * change, the worker stays.  value 1: it did; settings of a worker
	 * never change, so one that has the new ones is about to take its
	 * place, and STOP follows (unless that one fails to start). */
	PORTICO_GLOBAL_CONFIGURATION,
	/* A file changed that some module of this worker watches (change.h).
	 * text: what is watched.  After the watching function. */
	PORTICO_GLOBAL_FILE_CHANGE,
	/* The manager asks how the worker is, each pingInterval; its loops are
	 * asked, too.  ERROR is a report as by
	 * portico_worker_report_unhealthy. */
	PORTICO_GLOBAL_HEALTH,
	/* Give back memory that is kept only to be faster; text: why.  By
	 * `portico pool flush NAME`, when the worker has nine tenths of its
	 * pool's recycling.privateMemory ("privateMemory"), and before its
	 * pool is ended for idleTimeout ("idle for ..."). */
	PORTICO_GLOBAL_CLEANUP,
	PORTICO_GLOBAL_CUSTOM, /* raised by a module, by name */
	PORTICO_GLOBAL_COUNT
};

/* What is told; borrowed for the call.  Size first, members are appended.
 * Since 1.0. */
struct portico_global {
	uint32_t size;
	enum portico_global_event event;
	const char *name; /* CUSTOM; else "" */
	const char *text; /* as above; else "" */
	int64_t value; /* as above; else 0 */
	void *argument; /* CUSTOM: the raiser's; else NULL */
};

/* NEXT: go on.  DONE: CUSTOM: the others are not called; else as NEXT.
 * ERROR: as above; else it is logged.  PENDING is no answer here.  Called on
 * the main thread.  Since 1.0. */
typedef enum portico_verdict
portico_global_fn(struct portico_worker *worker,
		  const struct portico_global *global);

/* One subscription.  Rows have a fixed size within one ABI major; the array
 * ends with a row whose event is PORTICO_GLOBAL_NONE.  Since 1.0. */
struct portico_global_subscription {
	enum portico_global_event event;
	portico_global_fn *function;
	const char *name; /* CUSTOM: [a-z0-9.-]{1,64}; else NULL */
	const void *reserved[2];
};

struct portico_host_global {
	uint32_t size;
	enum portico_status (*hold)(struct portico_self *,
				    struct portico_worker *,
				    struct portico_token *token_r);
	enum portico_status (*release)(struct portico_worker *,
				       struct portico_token,
				       enum portico_status);
	enum portico_verdict (*raise)(struct portico_worker *, const char *name,
				      void *argument);
	enum portico_status (*post)(struct portico_worker *, const char *name,
				    void *argument);
	enum portico_status (*report_unhealthy)(struct portico_self *,
						struct portico_worker *,
						const char *reason);
	struct uv_loop_s *(*loop)(struct portico_worker *);
	struct portico_worker *(*worker)(struct portico_request *);
};

/*
 * In PRELOAD: the worker is not ready before *token_r is released.  Up to 64.
 *   PORTICO_STATE  not in PRELOAD
 *   PORTICO_FULL   64 are held
 * Main thread.  Since 1.0.
 */
static inline enum portico_status
portico_global_hold(struct portico_worker *worker,
		    struct portico_token *token_r)
{
	return portico_host->global->hold(portico_self, worker, token_r);
}

/*
 * `status` negative: the worker does not start, for this reason.  A second
 * use of a token is a logged no-op: PORTICO_STATE.  Any thread.  Since 1.0.
 */
static inline enum portico_status
portico_global_release(struct portico_worker *worker,
		       struct portico_token token, enum portico_status status)
{
	return portico_host->global->release(worker, token, status);
}

/*
 * Raise CUSTOM events: calls the subscribers of that name on this stack until
 * one does not return NEXT.  Main thread; PORTICO_ERROR on others.  Since 1.0.
 */
static inline enum portico_verdict
portico_global_raise(struct portico_worker *worker, const char *name,
		     void *argument)
{
	return portico_host->global->raise(worker, name, argument);
}

/*
 * The same from any thread: they are called on the main thread soon; what
 * they return is of no account.  `name` is copied, `argument` handed over as it
 * is; it is lost if the worker ends before.
 *   PORTICO_INVALID     the name is longer than 64 bytes
 *   PORTICO_NO_MEMORY
 *   PORTICO_UNSUPPORTED  there is no main thread (a test)
 * Since 1.0.
 */
static inline enum portico_status
portico_global_post(struct portico_worker *worker, const char *name,
		    void *argument)
{
	return portico_host->global->post(worker, name, argument);
}

/*
 * Tell the server that this worker should be replaced: something in it is
 * beyond repair, though it runs (a leak, a library that is stuck).  A new
 * worker is started, and this one ends what it has when that is ready.  The
 * manager logs module and reason (copied, cut to 256 bytes), and counts it as
 * a failure of the pool: when there are too many within rapidFailInterval, the
 * pool is disabled.  Further reports of a worker are refused for 10 s, and
 * ignored while it is being replaced; workers of a pool are replaced no faster
 * than its recycling.unhealthyInterval says.  onError (docs/sdk/on-error.md)
 * takes the same way.
 *   PORTICO_STATE        reported a short time ago
 *   PORTICO_NO_MEMORY
 *   PORTICO_UNSUPPORTED  there is no manager (a test)
 * Any thread.  Since 1.0.
 */
static inline enum portico_status
portico_worker_report_unhealthy(struct portico_worker *worker,
				const char *reason)
{
	return portico_host->global->report_unhealthy(portico_self, worker,
						      reason);
}

/* libuv's loop of the main thread, for libraries that integrate with it; NULL
 * in a test.  Handles that a module puts there are its own to close, in
 * worker_fini.  Main thread.  Since 1.0. */
static inline struct uv_loop_s *
portico_worker_main_loop(struct portico_worker *worker)
{
	return portico_host->global->loop(worker);
}

/* The worker of a request; lives as long as the process.  Since 1.0. */
static inline struct portico_worker *
portico_request_worker(struct portico_request *request)
{
	return portico_host->global->worker(request);
}

#ifdef __cplusplus
}
#endif

#endif
