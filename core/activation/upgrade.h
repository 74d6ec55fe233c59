/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing the listener that serves (`portico upgrade listener`).
 *
 * The program that is on disk now is started.  It gets the settings and a link
 * to each worker; when it has attached them all it gets the sockets, and when
 * it serves the old one drains.  Until then nothing has changed for the old
 * one, so a failure costs nothing.
 */
#ifndef CORE_ACTIVATION_UPGRADE_H
#define CORE_ACTIVATION_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

struct listener_process;
struct listeners;
struct worker_process;

/* How it went. */
struct upgrade_result {
	const struct portico_error *err; /* NULL: well; else a sentence */
	uint32_t number; /* of the new one */
	int pid, old_pid; /* 0: there is none */
	bool ended; /* the old one is gone */
	unsigned aborted; /* requests that were cut then */
};

typedef void upgrade_done_fn(const struct upgrade_result *result, void *arg);

/*
 * `done` is called once, never from within: when the new one serves, or with
 * `until_end` when the old one is gone; or when it has failed.  PORTICO_STATE
 * when it cannot be done now.
 */
enum portico_status upgrade_start(struct listeners *listeners, bool until_end,
				  upgrade_done_fn *done, void *arg,
				  struct portico_error *err);
/* `done` is not called any more if it has this argument; all else goes on. */
void upgrade_forget(struct listeners *listeners, const void *arg);

/* At the end of the manager. */
void upgrade_fini(struct listeners *listeners);

/* ---- called by listeners --------------------------------------------------- */

/* Something has changed: it may be time to give it the sockets. */
void upgrade_go_on(struct listeners *listeners);
/* The new one serves. */
void upgrade_take_over(struct listeners *listeners);
/* The new one is of no use: `why` says what became of it. */
void upgrade_fail(struct listeners *listeners, const struct portico_error *why);
/* One that was replaced has ended. */
void upgrade_old_ended(struct listeners *listeners,
		       const struct listener_process *old);

/* The first worker that takes requests and is not attached to the listener;
 * NULL: none. */
const struct worker_process *
upgrade_find_unattached(const struct listener_process *listener);

#endif
