/* SPDX-License-Identifier: Apache-2.0
 *
 * Orphans: workers that did not answer their ping and are left alone so that
 * somebody can look at them (failure.orphanWorkerProcess).  The listeners have
 * cut their links; nothing is asked of them, and nothing ends them but the
 * administrator, ORPHANS_MAX, or the end of pool or server.
 */
#ifndef CORE_ACTIVATION_ORPHAN_H
#define CORE_ACTIVATION_ORPHAN_H

#include <jansson.h>

struct pool;
struct worker_process;

/* From pool.workers to pool.orphans, for `why`; it counts as a failure.  The
 * pool may be disabled afterwards. */
void orphan_worker(struct worker_process *worker, const char *why);

/* Kills all of the pool. */
void orphan_kill_all(struct pool *pool, const char *why);

#endif
