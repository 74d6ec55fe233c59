/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers and blocking work of modules on the main loop.  Main thread.
 */
#ifndef CORE_WORKER_HOST_BACKGROUND_H
#define CORE_WORKER_HOST_BACKGROUND_H

#include <portico/background.h>

struct offload_pool;

/* The worker's threads are there. */
void background_open(struct offload_pool *pool);

/* No function of a module runs any more. */
void background_stop(void);

/* The threads have ended: frees what never ran. */
void background_close(void);

extern const struct portico_host_background worker_host_background;

#endif
