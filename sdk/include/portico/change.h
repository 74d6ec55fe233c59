/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching files for changes, without a request: a password file, a list of
 * rules, a directory of templates.
 *
 * A file is watched by its name in its directory, so it is told that it was
 * replaced by another one of that name (the usual way to change a file), that
 * it came into being, and that it went.  The directory must be there, and is
 * not followed when it is itself renamed.  Changes are those that this
 * machine makes: what others change on a network file system is not told (NFS,
 * CIFS, 9p, most FUSE), nor what is written through a memory mapping; who
 * depends on that looks from time to time.
 *
 * Threads: all on the worker's main thread (global.h).
 */
#ifndef PORTICO_CHANGE_H
#define PORTICO_CHANGE_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_change_watch; /* opaque */

/* What has changed; borrowed for the call.  Size first, members are appended.
 * Since 1.0. */
struct portico_change {
	uint32_t size;
	uint32_t count; /* events that were gathered, at least 1 */
	const char *path; /* as given */
	const char *name; /* directory: the last entry that changed, or "" */
	uint32_t several; /* directory: 1 if others have changed, too */
};

/* Called on the main thread after a change; must not block.  Since 1.0. */
typedef void portico_change_fn(struct portico_worker *worker,
			       const struct portico_change *change, void *arg);

/* What is watched.  Since 1.0. */
enum portico_change_flag {
	PORTICO_CHANGE_DIRECTORY = 1, /* all entries of `path`, not deeper */
};

struct portico_host_change {
	uint32_t size;
	enum portico_status (*start)(struct portico_worker *, const char *path,
				     uint32_t flags, uint64_t delay_ns,
				     portico_change_fn *, void *arg,
				     struct portico_change_watch **watch_r,
				     struct portico_error *err);
	void (*stop)(struct portico_change_watch *);
};

/*
 * Call `fn` when `path` (absolute; copied) has changed: delay_ns nanoseconds
 * after the first event (0: 100 ms; at most a minute), once for all that come
 * until then.  Events that come later are told later, so the last call is
 * never before the last change.  256 watches at a time.
 *   PORTICO_INVALID    not an absolute path, or one that ends with a slash
 *   PORTICO_NOT_FOUND, _DENIED  its directory cannot be watched
 *   PORTICO_FULL       256 are there, or the system has no more to give
 *   PORTICO_STATE      not the main thread
 *   PORTICO_UNSUPPORTED  there is no main thread (a test)
 * `err` says which; it may be NULL.  The watch lives until
 * portico_change_stop, or worker_fini of all modules was called.  Since 1.0.
 */
static inline enum portico_status
portico_change_start(struct portico_worker *worker, const char *path,
		     uint32_t flags, uint64_t delay_ns, portico_change_fn *fn,
		     void *arg, struct portico_change_watch **watch_r,
		     struct portico_error *err)
{
	return portico_host->change->start(worker, path, flags, delay_ns, fn,
					   arg, watch_r, err);
}

/* `fn` is not called any more.  Also from within it.  NULL is ignored.  Since
 * 1.0. */
static inline void
portico_change_stop(struct portico_change_watch *watch)
{
	portico_host->change->stop(watch);
}

#ifdef __cplusplus
}
#endif

#endif
