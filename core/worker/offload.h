/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's own threads for work that may block.  libuv's pool is not used:
 * its size is one for the whole process and a module's libraries may fill it.
 */
#ifndef CORE_WORKER_OFFLOAD_H
#define CORE_WORKER_OFFLOAD_H

#include <portico/types.h>

#include "core/worker/loop.h"

struct offload_pool;

/* Embedded by the caller; belongs to the pool until `done` runs. */
struct offload_work {
	struct list link;
	struct loop_message message;
	struct worker_loop *loop; /* of `done`; NULL: the main loop */
	void (*work)(struct offload_work *work); /* on a thread of the pool */
	void (*done)(struct offload_work *work); /* then, on the loop */
};

/* With fewer threads if there cannot be more; NULL if there can be none. */
struct offload_pool *offload_pool_new(uint32_t threads,
				      struct portico_error *err);

/* Any thread. */
void offload_submit(struct offload_pool *pool, struct offload_work *work);

/* Waits for work that runs; what has not begun is dropped. */
void offload_pool_free(struct offload_pool *pool);

#endif
