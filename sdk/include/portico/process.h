/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes that a module runs and the worker supervises: a backend that
 * the module passes requests to, a helper.
 *
 *	static const char *const argv[] = { "/usr/bin/node", "app.js", NULL };
 *	struct portico_process_options options = {
 *		.argv = argv, .directory = "/srv/app",
 *		.restart = PORTICO_PROCESS_ALWAYS, .fn = on_backend,
 *	};
 *	status = portico_process_start(&options, &backend, err);
 *
 * The child gets the worker's user, limits and no_new_privs, a process group
 * of its own, /dev/null as standard input, and no descriptor but 0, 1 and 2.
 * What it writes to the other two goes to the log line by line, under the
 * module's name.  It is ended with the worker: SIGTERM when the last request
 * has ended, SIGKILL when its time is over.  A worker that is killed takes its
 * children along (PR_SET_PDEATHSIG); children of theirs are reached by the
 * signals to the group, but not when the worker was killed, nor when they have
 * left the group.
 *
 * Threads: every function may be called on any loop of the worker; `fn` runs
 * on the main loop.  Readiness is for the module to find out: a call of
 * client.h to the port, say; fn may complete tokens of requests that wait.
 */
#ifndef PORTICO_PROCESS_H
#define PORTICO_PROCESS_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_process; /* opaque: what is supervised, over all its restarts */

/* When it is started again.  Since 1.0. */
enum portico_process_restart {
	PORTICO_PROCESS_NEVER,
	PORTICO_PROCESS_FAILED, /* after a signal or a status that is not 0 */
	PORTICO_PROCESS_ALWAYS,
};

/* What has happened to it.  Since 1.0. */
enum portico_process_event {
	PORTICO_PROCESS_STARTED,
	PORTICO_PROCESS_EXITED, /* with restart, backoff or the end to come */
	/* It is not started any more: stopped, not to be restarted, or it
	 * failed too often.  The last that is told. */
	PORTICO_PROCESS_ENDED,
};

/* What `fn` is told; borrowed for the call.  Since 1.0. */
struct portico_process_news {
	enum portico_process_event event;
	int64_t pid;
	int32_t status; /* of exit(), or -1: a signal ended it, or no start */
	int32_t signal; /* that ended it, or 0 */
	uint64_t started; /* times, this one included */
	const char *last_lines; /* of its output, at most 2 KiB; EXITED */
	bool gave_up; /* ENDED: it failed too often */
};

/* Called on the main loop when something has happened.  Since 1.0. */
typedef void portico_process_fn(struct portico_process *process,
				const struct portico_process_news *news,
				void *arg);

/* Everything is copied; 0 and NULL mean what is said.  Since 1.0. */
struct portico_process_options {
	/* Ends with NULL; argv[0] is looked for in PATH if it has no slash. */
	const char *const *argv;
	/* "NAME=value" is set, "NAME" is removed; ends with NULL.  NULL: the
	 * worker's environment as it is. */
	const char *const *environment;
	const char *directory; /* NULL: the worker's */
	enum portico_process_restart restart;
	uint64_t backoff_ns; /* before the first restart, then doubled; 0.1 s */
	uint64_t backoff_max_ns; /* 30 s */
	/* So many failures in so long and it is given up; 5 in 60 s. */
	uint32_t failures_max;
	uint64_t failures_ns;
	uint64_t grace_ns; /* from SIGTERM to SIGKILL; 5 s */
	/* Lines of output that are logged in a second; 100; the rest is
	 * counted.  Lines are cut at 1,000 bytes. */
	uint32_t lines_max;
	portico_process_fn *fn; /* may be NULL */
	void *arg;
};

struct portico_host_process {
	uint32_t size;

	/* 1.0 */
	enum portico_status (*start)(struct portico_self *,
				     const struct portico_process_options *,
				     size_t size,
				     struct portico_process **process_r,
				     struct portico_error *);
	void (*stop)(struct portico_process *);
	void (*free)(struct portico_process *);
	int64_t (*pid)(struct portico_process *);
	uint16_t (*port)(void);
};

/*
 * Start a child and watch over it.  A program that cannot be run exits with
 * status 127 and a line of output that says why.
 *   PORTICO_INVALID    no argv, or a value out of range
 *   PORTICO_TOO_LARGE  arguments and environment are above 128 KiB
 *   PORTICO_FULL       64 processes are supervised already
 *   PORTICO_STATE      not on a loop of a worker that serves, or it ends
 * OWNERSHIP: the worker's, until it ends or portico_process_free.  Since 1.0.
 */
static inline enum portico_status
portico_process_start(const struct portico_process_options *options,
		      struct portico_process **process_r,
		      struct portico_error *err)
{
	return portico_host->process->start(portico_self, options,
					    sizeof(*options), process_r, err);
}

/* SIGTERM to its group, SIGKILL after the grace; no restart.  `fn` is told of
 * ENDED.  No-op if it has ended. */
static inline void
portico_process_stop(struct portico_process *process)
{
	portico_host->process->stop(process);
}

/* Stop, tell nobody any more, and free when it has ended.  Accepts NULL. */
static inline void
portico_process_free(struct portico_process *process)
{
	portico_host->process->free(process);
}

/* Of the child that runs now; 0: none. */
static inline int64_t
portico_process_pid(struct portico_process *process)
{
	return portico_host->process->pid(process);
}

/*
 * A TCP port of the loopback addresses that nobody uses now, for a child to
 * listen on; 0: there is none.  Somebody else may take it before the child
 * does: then the child fails, and `fn` or the restart takes another.
 */
static inline uint16_t
portico_process_port(void)
{
	return portico_host->process->port();
}

#ifdef __cplusplus
}
#endif

#endif
