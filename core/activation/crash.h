/* SPDX-License-Identifier: Apache-2.0
 *
 * Event 1000: a worker crashed, and in which module, event and request.  The
 * requests are told by the listener, from slots that outlive the worker; its
 * end is told by the kernel; either may be first, so that they are brought
 * together for a moment before the event is written.
 */
#ifndef CORE_ACTIVATION_CRASH_H
#define CORE_ACTIVATION_CRASH_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/list.h"

struct manager;
struct worker_process;

struct crashes {
	struct list recent; /* of struct crash: written soon */
};

void crashes_init(struct crashes *crashes);
void crashes_fini(struct crashes *crashes);

/* The worker ended unexpectedly; `how`: "was killed by signal ..."; `core`:
 * where its core is (core_files.h). */
void crash_begin(struct worker_process *worker, const char *how,
		 const char *core);

/* From a listener: what that worker had begun. */
void crash_remains(struct manager *manager, uint32_t worker, json_t *requests);

#endif
