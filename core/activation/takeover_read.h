/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of the state (state.h) as they are read.  Texts and JSON are
 * borrowed from the record.  PORTICO_PROTOCOL when a member is missing, of the
 * wrong type or out of range; `err` may be NULL.
 */
#ifndef CORE_ACTIVATION_TAKEOVER_READ_H
#define CORE_ACTIVATION_TAKEOVER_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <portico/types.h>

struct listener_adoption;
struct pool;
struct sockets_entry;
struct worker_process;

struct kept_manager {
	uint32_t generation, next_worker, listeners, serving, take_overs;
	uint64_t began_ns;
};

struct kept_process {
	pid_t pid;
	bool control, output; /* whether there is one */
};

struct kept_pool {
	const char *name, *reason, *degraded, *recycle_text;
	bool removed, demand, wanted, recycle_all, restarting;
	int state; /* enum control_pool_state */
	uint32_t generation;
	uint64_t starts, crashes, recycles, unhealthy_ns, failures,
		shared_bytes, held_ns;
	unsigned missing_groups; /* metering.h */
	unsigned grown;
	uint64_t probe_interval_ns, probe_due_ns, half_open_ns;
	uint32_t probe_worker;
	unsigned in_a_row;
	const json_t *failure_times, *start_records;
};

struct kept_worker {
	const char *pool;
	bool removed; /* the pool */
	uint32_t pool_generation;
	uint64_t limit_ms;
	struct kept_process process;
	const json_t *record;
	json_int_t state, escalation, marked; /* in range */
};

enum portico_status takeover_read_manager(const json_t *record,
					  struct kept_manager *kept_r,
					  struct portico_error *err);
/* `entry_r` without links and descriptor. */
enum portico_status takeover_read_socket(const json_t *record,
					 struct sockets_entry *entry_r,
					 const char **address_r,
					 struct portico_error *err);
enum portico_status takeover_read_pool(const json_t *record,
				       struct kept_pool *kept_r,
				       struct portico_error *err);
enum portico_status takeover_read_worker(const json_t *record,
					 struct kept_worker *kept_r,
					 struct portico_error *err);
/* `from_r` without descriptors. */
enum portico_status takeover_read_listener(const json_t *record,
					   struct listener_adoption *from_r,
					   struct kept_process *process_r,
					   struct portico_error *err);

/* A pool as it is made becomes the one that it was. */
void takeover_set_pool(struct pool *pool, const struct kept_pool *kept);
/* What is to be set of a worker before it is adopted. */
void takeover_set_worker(struct worker_process *worker,
			 const struct kept_worker *kept);

/* Any record with so many descriptors; keys that are not known are fine. */
enum portico_status takeover_read_check(const char *key, const json_t *record,
					size_t descriptors,
					struct portico_error *err);

#endif
