/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: events of the worker process (global.h).  The test is the
 * manager.
 *
 *	assert(kit_preload(kit));
 *	... the module has taken a hold, and releases it in offloaded work:
 *	kit_worker_work(kit);
 *	assert(kit_is_ready(kit));
 *	assert(kit_global(kit, PORTICO_GLOBAL_START, "", 0));
 *
 * Who is told in which order, holds and reports are the worker's own code.  A
 * worker that got ready is told STOP when the kit is closed, unless the test
 * has done that; a hold that nobody has released by then is a failure.
 */
#ifndef PORTICO_TESTKIT_GLOBAL_H
#define PORTICO_TESTKIT_GLOBAL_H

#include <portico/global.h>
#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* PRELOAD, once.  False: the worker does not start.  Since 1.0. */
bool kit_preload(struct kit *kit);
/* All holds are released, and nothing has failed. */
bool kit_is_ready(const struct kit *kit);
/* Why it does not start; NULL: nothing is known against it. */
const char *kit_preload_error(const struct kit *kit);

/* Any other event but CUSTOM; STOP once.  False: the module said ERROR. */
bool kit_global(struct kit *kit, enum portico_global_event event,
		const char *text, int64_t value);
/* CUSTOM, as another module would raise it. */
enum portico_verdict kit_global_raise(struct kit *kit, const char *name,
				      void *argument);

/* "name: reason" of a report that the worker is unhealthy; NULL: no such. */
const char *kit_unhealthy(const struct kit *kit, unsigned index);

#ifdef __cplusplus
}
#endif

#endif
