/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the configuration again while the server runs (SIGHUP, `portico
 * reload`).  A file with a problem changes nothing.
 */
#ifndef CORE_ACTIVATION_RELOAD_H
#define CORE_ACTIVATION_RELOAD_H

#include <jansson.h>

#include <portico/types.h>

struct manager;
struct reload;

/*
 * The end of a reload: `problems` is an array of lines, empty when the new
 * configuration is in force.  Borrowed.
 */
typedef void reload_done_fn(const json_t *problems, void *arg);

/*
 * PORTICO_STATE when one goes on already or the server ends.  `done` may be
 * NULL and is never called from within; the log says it all as well.
 */
enum portico_status reload_start(struct manager *manager, reload_done_fn *done,
				 void *arg, struct portico_error *err);

/* `done` is not called any more if it has this argument. */
void reload_forget(struct manager *manager, const void *arg);

/* Called by the manager: what it was given to apply is in force. */
void reload_applied(struct manager *manager);

/* Without a verdict: the server ends. */
void reload_cancel(struct manager *manager);

#endif
