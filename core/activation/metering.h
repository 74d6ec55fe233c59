/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of pools that the kernel does not hold for us: cpu.limit with the
 * actions that count (NoAction, KillWorker), and all limits of a pool together
 * where there are no control groups, which are polled then.
 *
 * One timer looks at all pools, as late as it can: not before a pool could
 * have used what it may.  Who has no such limit, or no worker, is not looked
 * at, and without such pools the timer does not run.
 */
#ifndef CORE_ACTIVATION_METERING_H
#define CORE_ACTIVATION_METERING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/activation/throttle.h"
#include "core/activation/usage.h"

struct manager;
struct pool;
struct settings_pool;

/* Of the manager. */
struct metering {
	uv_timer_t timer;
	bool closed;
};

/* Of a pool; zeroed.  Times are monotonic. */
struct metered {
	unsigned missing; /* control groups that could not be had: cgroup.h */
	uint64_t window_ns; /* resetInterval began; 0: not yet */
	uint64_t used_ns; /* time of cores within it */
	uint64_t counter_ns; /* of the control group, when looked at last */
	bool based; /* counter_ns is set */
	bool told; /* it has used too much */
	bool told_cleanup; /* it is above memoryHigh */
	uint64_t held_ns; /* KillWorker: nothing starts until then; 0 = no */
	struct throttled throttled;
};

/* Of a worker, when it was polled last. */
struct polled {
	struct usage_time cpu;
	uint64_t memory, tasks;
};

void metering_init(struct manager *manager);
void metering_close(struct manager *manager);

/* A worker has started, settings have changed: it is planned anew. */
void metering_look(struct manager *manager);

/* We are replaced: nobody stays stopped. */
void metering_pause(struct manager *manager);

/* The pool has other settings. */
void metering_set(struct pool *pool);

/* It was started or stopped by command: counts anew, is held no more. */
void metering_reset(struct pool *pool);

/* Each limit of the pool's processes together: {"name", "text", "by": "cgroup
 * v2", "cgroup v1", "polling" or "nice", "why" no group}.  `missing` as in
 * struct metered. */
json_t *metering_limits(const struct settings_pool *pool, unsigned missing);

/* What has been counted: {"usedMs", "allowedMs", "resetInMs", "heldMs"}; NULL:
 * nothing is. */
json_t *metering_to_json(const struct pool *pool);

#endif
