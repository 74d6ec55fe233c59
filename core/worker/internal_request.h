/* SPDX-License-Identifier: Apache-2.0
 *
 * A request that the worker makes to itself: to warm an application up, or to
 * see whether it is well.  It runs through the application's pipeline like a
 * client's, on a loop, but has no channel: it is a child request (child.h)
 * without a parent, whose body nobody reads.
 */
#ifndef CORE_WORKER_INTERNAL_REQUEST_H
#define CORE_WORKER_INTERNAL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

struct portico_application;
struct portico_child;
struct portico_worker;
struct settings_application;
struct settings_page;
struct worker_loop;

struct internal_options {
	struct portico_application *application;
	const char *target; /* whole path, with its query */
	const char *host;
	uint16_t port; /* of the server; 0 = that of the scheme */
	bool tls; /* the scheme is https */
	bool warm_up; /* it has the variable APP_WARMING_UP */
	const char *agent; /* User-Agent */
	/* On the loop, when it has ended; status 0: there was no response. */
	void (*on_end)(void *arg, unsigned status);
	void *arg;
};

/* Target, host, port and scheme of a page of this application; memory of the
 * worker's arena.  The rest is zero. */
void internal_options_for(struct internal_options *options_r,
			  struct portico_worker *worker,
			  const struct settings_application *application,
			  const struct settings_page *page);

/* On the loop's thread.  The target may belong to another application of the
 * site.  *child_r is valid until on_end is called, never from within. */
enum portico_status internal_start(struct worker_loop *loop,
				   const struct internal_options *options,
				   struct portico_child **child_r);

/* Its modules are told; on_end follows. */
void internal_abort(struct portico_child *child);

#endif
