/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: timers and blocking work of the main loop (background.h).
 *
 *	kit_advance(kit, 60 * SECOND);	... a timer fires, and offloads:
 *	assert(kit_worker_work(kit));
 *
 * Timers fire in kit_advance and are counted by kit_next_timer, together with
 * those of requests.  worker_init and application_init, functions of timers
 * and of offloaded work, and events of the worker are called on the main loop,
 * where a request that is used is a failure; functions of requests are called
 * elsewhere: timers and work are refused there, as in a server.  When the kit
 * is closed, timers and work that are left end before worker_fini.
 */
#ifndef PORTICO_TESTKIT_BACKGROUND_H
#define PORTICO_TESTKIT_BACKGROUND_H

#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Timers that are set now.  Since 1.0. */
unsigned kit_worker_timers(const struct kit *kit);
/* Work that waits for a thread. */
unsigned kit_worker_works(const struct kit *kit);

/* Run the oldest work that waits, here or on a thread of its own, then its
 * `done`.  False: there is none. */
bool kit_worker_work(struct kit *kit);
bool kit_worker_work_on_thread(struct kit *kit);

#ifdef __cplusplus
}
#endif

#endif
