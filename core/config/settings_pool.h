/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a pool; part of settings.h, which includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_POOL_H
#define CORE_CONFIG_SETTINGS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config/settings_failure.h"
#include "core/config/settings_isolation.h"

/* Where something stands in the configuration; file NULL = nowhere. */
struct settings_place {
	const char *file;
	uint32_t line, column; /* from 1 */
};

enum settings_start_mode {
	SETTINGS_START_ON_DEMAND,
	SETTINGS_START_ALWAYS_RUNNING,
};

/* Whether the requests of a client go to the same worker. */
enum settings_affinity {
	SETTINGS_AFFINITY_NONE,
	SETTINGS_AFFINITY_COOKIE,
	SETTINGS_AFFINITY_CLIENT_ADDRESS,
};

struct settings_pair {
	const char *name;
	const char *value;
};

/* Replacements of which the log says so: bits of settings_recycling.log_events,
 * and the words of logEventOnRecycle. */
#define SETTINGS_RECYCLE_EVENTS(X)                                             \
	X(TIME, "Time")                                                        \
	X(REQUESTS, "Requests")                                                \
	X(SCHEDULE, "Schedule")                                                \
	X(MEMORY, "Memory")                                                    \
	X(UNHEALTHY, "Unhealthy")                                              \
	X(ON_DEMAND, "OnDemand")                                               \
	X(CONFIG_CHANGE, "ConfigChange")                                       \
	X(PRIVATE_MEMORY, "PrivateMemory")

enum settings_recycle_event {
#define SETTINGS_RECYCLE_EVENT_ENUM(symbol, text)                              \
	SETTINGS_RECYCLE_EVENT_##symbol,
	SETTINGS_RECYCLE_EVENTS(SETTINGS_RECYCLE_EVENT_ENUM)
#undef SETTINGS_RECYCLE_EVENT_ENUM
	SETTINGS_RECYCLE_EVENT_COUNT
};

/* When workers of a pool are replaced. */
struct settings_recycling {
	uint64_t time; /* of a worker's life; jittered; 0 = never */
	uint64_t requests; /* of a worker; 0 = any number */
	uint64_t memory; /* bytes of address space; 0 = any */
	uint64_t private_memory; /* bytes; 0 = any */
	const uint32_t *schedule; /* seconds of the local day, ascending */
	size_t schedule_count;
	uint32_t log_events; /* 1 << enum settings_recycle_event */
	bool disallow_overlapping_rotation;
	bool disallow_rotation_on_config_change;
	uint64_t unhealthy_interval; /* at least, between two that are */
};

/* Times in nanoseconds; 0 = no limit unless said otherwise. */
struct settings_pool {
	const char *name;
	uint32_t index; /* in settings.pools */
	struct settings_place place;
	uint32_t queue_length; /* requests waiting, over all loops */
	uint32_t workers; /* processes */
	uint32_t start_workers; /* of them at first; 0 = all */
	uint32_t another_at; /* requests of each that ask for one more */
	enum settings_affinity affinity;
	uint32_t threads; /* loops of each */
	uint32_t offload_threads; /* of each process */
	uint32_t max_concurrent_requests; /* of each process */
	uint64_t shared_memory; /* bytes that all of them share; 0 = none */
	enum settings_start_mode start_mode;
	uint64_t startup_time_limit;
	uint64_t shutdown_time_limit;
	uint64_t queue_timeout;
	uint64_t activation_timeout;
	uint64_t execution_timeout;
	uint64_t response_idle_timeout;
	uint64_t tunnel_idle_timeout; /* 0 = none */
	uint64_t revoke_after; /* 0 = never */
	uint64_t loop_block_limit; /* of a module; 0 = it is not watched */
	bool replay;
	bool rapid_fail_protection;
	uint32_t rapid_fail_max_crashes;
	uint64_t rapid_fail_interval;
	uint64_t idle_timeout; /* 0 = its workers stay */
	bool idle_suspend; /* they are stopped then, not ended */
	bool pinging_enabled;
	uint64_t ping_interval;
	uint64_t ping_response_time;
	struct settings_recycling recycling;
	struct settings_failure failure;
	uint64_t max_request_body; /* bytes; 0 = no limit */
	const char *user; /* NULL = the default user, or ourselves */
	const char *group; /* NULL = the user's */
	const char *const *groups; /* supplementary; none: the user's */
	size_t group_count;
	uint32_t dynamic_id; /* user and group of the pool alone; 0 = none */
	struct settings_place identity_place;
	struct settings_isolation isolation;
	struct settings_process_limits limits;
	struct settings_cpu cpu;
	int nice;
	const struct settings_pair *environment;
	size_t environment_count;
};

#endif
