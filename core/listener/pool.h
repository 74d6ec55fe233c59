/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool as the listener sees it: its queue, its workers' channels, its
 * state.  struct listener_pool is the one thing shared by all threads, and of
 * it only the count of waiting requests changes on the request path;
 * struct loop_pool is a loop's part of it.
 *
 * A pool keeps its number for the life of the process, whatever is reloaded.
 * One that was removed and comes back is a new one for the manager: it has been
 * started, and nobody has asked for a worker yet.
 */
#ifndef CORE_LISTENER_POOL_H
#define CORE_LISTENER_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/config/settings.h"
#include "core/control/messages.h"

#define LISTENER_POOL_MAGIC 0x90014001u
#define LOOP_POOL_MAGIC 0x90014002u

struct listener_loop;

struct listener_pool {
	unsigned magic;
	unsigned number;
	char *name;
	/* Requests waiting, over all loops; on a cache line of its own. */
	_Alignas(64) atomic_uint queued;
	char pad[60];
	/* Below: main thread only. */
	enum control_pool_state state;
	bool known; /* the current configuration has this pool */
	bool demanded; /* the manager was told that a worker is wanted */
	unsigned workers; /* attached */
};

/* What a request needs to know of the pool's settings; a copy, so that it
 * outlives the pool's removal from the configuration. */
struct pool_limits {
	uint32_t queue_length;
	bool replay;
	bool known; /* the current configuration has this pool */
	uint32_t workers, another_at; /* 0, 0: all are started at once */
	enum settings_affinity affinity;
	bool tcp_level; /* refusals are resets of connections */
	uint64_t max_request_body; /* bytes; 0 = no limit */
	uint64_t queue_timeout; /* ns; 0 = none, as below */
	uint64_t activation_timeout;
	uint64_t execution_timeout;
	uint64_t response_idle_timeout;
	uint64_t tunnel_idle_timeout;
	uint64_t revoke_after; /* 0 = never */
};

struct loop_pool {
	unsigned magic;
	struct listener_pool *shared;
	struct listener_loop *loop;
	struct pool_limits limits;
	enum control_pool_state state;
	bool demanded; /* the main thread was told that we wait */
	bool pumping; /* dispatch_pump is at work */
	struct list queue; /* of listener_request.queue_link, oldest first */
	struct list requests; /* of listener_request.pool_link, by age */
	struct list channels; /* of worker_channel.pool_link, eligible ones */
	uint32_t waiting; /* length of queue */
	uint32_t active; /* requests with a worker */
	uint64_t asked_more_ns; /* that porticod was, the last time */
	uint64_t accepted, rejected, served;
	uint64_t replayed, requeued;
};

struct loop_pool *loop_pool_new(struct listener_loop *loop,
				struct listener_pool *shared);
void loop_pool_free(struct loop_pool *pool);

/* NULL: the pool is no longer configured. */
void loop_pool_set_limits(struct loop_pool *pool,
			  const struct settings_pool *settings);

#endif
