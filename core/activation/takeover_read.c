/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the records of the state.
 */
#include "core/activation/takeover_read.h"

#include <stdio.h>
#include <string.h>

#include "core/activation/cgroup.h"
#include "core/activation/listener_process.h"
#include "core/activation/pool.h"
#include "core/activation/sockets.h"
#include "core/activation/state.h"
#include "core/activation/takeover.h"
#include "core/activation/worker_process.h"
#include "core/base/error.h"
#include "core/base/memory.h"

/* "pidfd", and what else a child has. */
#define PROCESS_DESCRIPTORS_LEAST 1

static enum portico_status
refuse(struct portico_error *err, const char *what, const char *why)
{
	struct portico_error unwanted;

	return error_set(err == NULL ? &unwanted : err, PORTICO_PROTOCOL,
			 "the state of %s: %s", what, why);
}

/* json_unpack() of a record that may be none. */
#define UNPACK(record, what, err, ...)                                         \
	do {                                                                   \
		json_error_t unpack_error;                                     \
                                                                               \
		if (json_unpack_ex((json_t *)(uintptr_t)(record),              \
				   &unpack_error, 0, __VA_ARGS__) != 0)        \
			return refuse(err, what, unpack_error.text);           \
	} while (0)

static bool
is_in(json_int_t value, json_int_t least, json_int_t most)
{
	return value >= least && value <= most;
}

enum portico_status
takeover_read_manager(const json_t *record, struct kept_manager *kept_r,
		      struct portico_error *err)
{
	json_int_t version, generation, next, listeners, serving, count, began;
	char why[96];

	UNPACK(record, "porticod", err, "{s:I}", "version", &version);
	if (version != STATE_VERSION) {
		snprintf(why, sizeof why,
			 "it is of version %lld, and only version %d is known",
			 (long long)version, STATE_VERSION);
		return refuse(err, "porticod", why);
	}
	UNPACK(record, "porticod", err, "{s:I, s:I, s:I, s:I, s:I, s:I}",
	       "generation", &generation, "nextWorker", &next, "listeners",
	       &listeners, "serving", &serving, "takeOvers", &count, "beganNs",
	       &began);
	*kept_r = (struct kept_manager){
		.generation = (uint32_t)generation,
		.next_worker = (uint32_t)next,
		.listeners = (uint32_t)listeners,
		.serving = (uint32_t)serving,
		.take_overs = (uint32_t)count,
		.began_ns = (uint64_t)began,
	};
	return PORTICO_OK;
}

enum portico_status
takeover_read_socket(const json_t *record, struct sockets_entry *entry_r,
		     const char **address_r, struct portico_error *err)
{
	json_int_t port, real_port, family, thread;
	int tls;

	UNPACK(record, "a socket", err, "{s:s, s:I, s:I, s:I, s:b, s:I}",
	       "address", address_r, "port", &port, "realPort", &real_port,
	       "family", &family, "tls", &tls, "thread", &thread);
	if (!is_in(port, 0, UINT16_MAX) || !is_in(real_port, 1, UINT16_MAX) ||
	    !is_in(thread, 0, UINT16_MAX))
		return refuse(err, "a socket", "a number is out of range");
	*entry_r = (struct sockets_entry){
		.port = (uint16_t)port,
		.real_port = (uint16_t)real_port,
		.family = (int)family,
		.tls = tls,
		.thread = (uint32_t)thread,
		.fd = -1,
	};
	return PORTICO_OK;
}

static enum portico_status
read_process(const json_t *record, struct kept_process *process_r,
	     struct portico_error *err)
{
	json_int_t pid;
	int control, output;

	UNPACK(record, "a process", err, "{s:I, s:b, s:b}", "pid", &pid,
	       "control", &control, "output", &output);
	if (!is_in(pid, 2, INT32_MAX))
		return refuse(err, "a process", "it has no number");
	*process_r = (struct kept_process){ .pid = (pid_t)pid,
					    .control = control,
					    .output = output };
	return PORTICO_OK;
}

/* ---- pools ----------------------------------------------------------------- */

enum portico_status
takeover_read_pool(const json_t *record, struct kept_pool *kept_r,
		   struct portico_error *err)
{
	json_int_t state, generation, starts, crashes, recycles, unhealthy,
		failures, in_a_row, bytes, probe_interval, probe_due,
		probe_worker, half_open, held = 0, missing = 0, grown = 0;
	int removed, demand, wanted, all, restarting = 0;
	struct kept_pool kept = { .name = NULL };

	UNPACK(record, "a pool", err,
	       "{s:s, s:b, s:I, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I}",
	       "name", &kept.name, "removed", &removed, "state", &state,
	       "reason", &kept.reason, "degraded", &kept.degraded, "demand",
	       &demand, "wanted", &wanted, "generation", &generation, "starts",
	       &starts, "crashes", &crashes, "recycles", &recycles);
	UNPACK(record, "a pool", err, "{s:I, s:I, s:I, s:I}", "probeIntervalNs",
	       &probe_interval, "probeDueNs", &probe_due, "probeWorker",
	       &probe_worker, "halfOpenNs", &half_open);
	UNPACK(record, "a pool", err,
	       "{s:b, s:s, s:I, s:I, s:I, s:o, s:o, s:I}", "recycleAll", &all,
	       "recycleText", &kept.recycle_text, "unhealthyNs", &unhealthy,
	       "failures", &failures, "inARow", &in_a_row, "failureTimes",
	       &kept.failure_times, "startRecords", &kept.start_records,
	       "sharedBytes", &bytes);
	/* An older porticod has none of it. */
	UNPACK(record, "a pool", err, "{s?I, s?I, s?b, s?I}", "cpuHeldNs",
	       &held, "missingGroups", &missing, "restarting", &restarting,
	       "grown", &grown);
	if (!is_in(state, CONTROL_POOL_STARTED, CONTROL_POOL_DISABLED))
		return refuse(err, "a pool", "there is no such state");
	kept.removed = removed;
	kept.demand = demand;
	kept.wanted = wanted;
	kept.recycle_all = all;
	kept.restarting = restarting;
	kept.grown = is_in(grown, 0, UINT16_MAX) ? (unsigned)grown : 0;
	kept.state = (int)state;
	kept.generation = (uint32_t)generation;
	kept.starts = (uint64_t)starts;
	kept.crashes = (uint64_t)crashes;
	kept.recycles = (uint64_t)recycles;
	kept.unhealthy_ns = (uint64_t)unhealthy;
	kept.failures = (uint64_t)failures;
	kept.in_a_row = (unsigned)in_a_row;
	kept.probe_interval_ns = (uint64_t)probe_interval;
	kept.probe_due_ns = (uint64_t)probe_due;
	kept.probe_worker = (uint32_t)probe_worker;
	kept.half_open_ns = (uint64_t)half_open;
	kept.shared_bytes = (uint64_t)bytes;
	kept.held_ns = (uint64_t)held;
	kept.missing_groups = (unsigned)missing;
	*kept_r = kept;
	return PORTICO_OK;
}

static void
set_failures(struct backoff *backoff, const struct kept_pool *kept)
{
	size_t i;
	json_t *time;

	backoff->count = backoff->next = 0;
	json_array_foreach(kept->failure_times, i, time)
	{
		backoff->times[backoff->next] =
			(uint64_t)json_integer_value(time);
		backoff->next = (backoff->next + 1) % RAPID_FAIL_MAX;
		if (backoff->count < RAPID_FAIL_MAX)
			backoff->count++;
	}
	backoff->in_a_row = kept->in_a_row;
	backoff->total = kept->failures;
}

void
takeover_set_pool(struct pool *pool, const struct kept_pool *kept)
{
	size_t i;
	json_t *start;

	pool->state = (enum control_pool_state)kept->state;
	snprintf(pool->reason, sizeof pool->reason, "%s", kept->reason);
	snprintf(pool->degraded, sizeof pool->degraded, "%s", kept->degraded);
	pool->demand = kept->demand;
	pool->wanted = kept->wanted;
	pool->restarting = kept->restarting;
	pool->grown = kept->grown;
	pool->generation = kept->generation;
	pool->start_count = kept->starts;
	pool->crash_count = kept->crashes;
	pool->recycle_count = kept->recycles;
	pool->recycling.all = kept->recycle_all;
	snprintf(pool->recycling.text, sizeof pool->recycling.text, "%s",
		 kept->recycle_text);
	pool->recycling.unhealthy_ns = kept->unhealthy_ns;
	pool->shared_bytes = kept->shared_bytes;
	set_failures(&pool->backoff, kept);
	pool->probing = (struct probing){
		.interval_ns = kept->probe_interval_ns,
		.due_ns = kept->probe_due_ns,
		.worker = kept->probe_worker,
		.half_open_ns = kept->half_open_ns,
	};
	pool->metered.held_ns = kept->held_ns;
	pool->metered.missing = cgroup_resume(pool->snapshot, pool->settings,
					      kept->missing_groups);
	pool->oom_kills = cgroup_oom_kills(pool->snapshot, pool->name);
	probe_resume(pool);
	metering_look(pool->manager);
	json_array_foreach(kept->start_records, i, start)
		start_history_restore(&pool->starts, start);
}

/* ---- workers --------------------------------------------------------------- */

static json_int_t
number_of(const json_t *record, const char *name)
{
	return json_integer_value(json_object_get(record, name));
}

enum portico_status
takeover_read_worker(const json_t *record, struct kept_worker *kept_r,
		     struct portico_error *err)
{
	struct kept_worker kept = { .record = record };
	json_int_t id, pool_generation, limit, born, started;
	const char *text;
	int removed;

	UNPACK(record, "a worker", err,
	       "{s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id", &id,
	       "pool", &kept.pool, "removed", &removed, "poolGeneration",
	       &pool_generation, "limitMs", &limit, "state", &kept.state,
	       "escalation", &kept.escalation, "marked", &kept.marked, "bornNs",
	       &born, "startedNs", &started);
	UNPACK(record, "a worker", err, "{s:s, s:s, s:s}", "whyMarked", &text,
	       "endReason", &text, "degraded", &text);
	if (!is_in(id, 1, UINT32_MAX) ||
	    !is_in(kept.state, WORKER_PROCESS_STARTING,
		   WORKER_PROCESS_ORPHANED) ||
	    !is_in(kept.escalation, 0, INT16_MAX) ||
	    !is_in(kept.marked, RECYCLE_NONE, INT16_MAX))
		return refuse(err, "a worker", "a number is out of range");
	kept.removed = removed;
	kept.pool_generation = (uint32_t)pool_generation;
	kept.limit_ms = (uint64_t)limit;
	*kept_r = kept;
	return read_process(record, &kept_r->process, err);
}

static bool
flag_of(const json_t *record, const char *name)
{
	return json_is_true(json_object_get(record, name));
}

static void
copy_text(char *to, size_t size, const json_t *record, const char *name)
{
	const char *text = json_string_value(json_object_get(record, name));

	snprintf(to, size, "%s", text == NULL ? "" : text);
}

void
takeover_set_worker(struct worker_process *worker,
		    const struct kept_worker *kept)
{
	const json_t *record = kept->record;
	const char *text;

	worker->id = (uint32_t)number_of(record, "id");
	worker->generation = (uint32_t)number_of(record, "generation");
	worker->epoch = (uint32_t)number_of(record, "epoch");
	worker->loops = (uint32_t)number_of(record, "loops");
	worker->state = (enum worker_process_state)kept->state;
	/* Woken as one that is stopped, whether it is or was only about to. */
	if (worker->state == WORKER_PROCESS_SUSPENDED)
		worker->suspended.step = SUSPENSION_FROZEN;
	worker->escalation = (int)kept->escalation;
	worker->marked = (enum recycle_reason)kept->marked;
	worker->terminated = flag_of(record, "terminated");
	worker->started_ns = (uint64_t)number_of(record, "startedNs");
	worker->replaces = (uint32_t)number_of(record, "replaces");
	worker->outdated = flag_of(record, "outdated");
	worker->configured = flag_of(record, "configured");
	worker->told_why = flag_of(record, "toldWhy");
	worker->aborted = flag_of(record, "aborted");
	worker->exhausted = flag_of(record, "exhausted");
	copy_text(worker->affinity, sizeof worker->affinity, record,
		  "affinity");
	copy_text(worker->why_marked, sizeof worker->why_marked, record,
		  "whyMarked");
	copy_text(worker->end_reason, sizeof worker->end_reason, record,
		  "endReason");
	copy_text(worker->degraded, sizeof worker->degraded, record,
		  "degraded");
	worker->age.born_ns = (uint64_t)number_of(record, "bornNs");
	worker->age.jitter = (uint32_t)number_of(record, "jitter");
	worker->age.served = (uint32_t)number_of(record, "served");
	worker->age.told_cleanup = flag_of(record, "toldCleanup");
	worker->modules = json_incref(json_object_get(record, "modules"));
	worker->events = json_incref(json_object_get(record, "events"));
	worker->loaded = json_incref(json_object_get(record, "loaded"));
	text = json_string_value(json_object_get(record, "coreDirectory"));
	worker->core_directory = text == NULL ? NULL : mem_strdup(text);
}

/* ---- listeners ------------------------------------------------------------- */

enum portico_status
takeover_read_listener(const json_t *record, struct listener_adoption *from_r,
		       struct kept_process *process_r,
		       struct portico_error *err)
{
	json_int_t number, state, started, until, aborted;
	json_t *members;

	UNPACK(record, "a listener", err, "{s:I, s:I, s:I, s:I, s:I, s:o}",
	       "number", &number, "state", &state, "startedNs", &started,
	       "drainUntilNs", &until, "aborted", &aborted, "members",
	       &members);
	if (!is_in(number, 1, UINT32_MAX) ||
	    !is_in(state, LISTENER_PROCESS_STARTING, LISTENER_PROCESS_ENDING) ||
	    !json_is_array(members))
		return refuse(err, "a listener", "a member is out of range");
	*from_r = (struct listener_adoption){
		.control = -1,
		.number = (uint32_t)number,
		.state = (enum listener_process_state)state,
		.started_ns = (uint64_t)started,
		.drain_until_ns = (uint64_t)until,
		.aborted = (unsigned)aborted,
		.members = members,
	};
	return read_process(record, process_r, err);
}

/* ---- all ------------------------------------------------------------------- */

static enum portico_status
check_process(const struct kept_process *process, size_t descriptors,
	      struct portico_error *err)
{
	size_t wanted =
		PROCESS_DESCRIPTORS_LEAST + process->control + process->output;

	if (descriptors == wanted)
		return PORTICO_OK;
	return refuse(err, "a process", "descriptors are missing");
}

static bool
is_kind(const char *key, const char *kind)
{
	return strncmp(key, kind, strlen(kind)) == 0;
}

enum portico_status
takeover_read_check(const char *key, const json_t *record, size_t descriptors,
		    struct portico_error *err)
{
	enum portico_status status = PORTICO_OK;
	struct kept_process process;
	struct kept_manager manager;
	struct kept_worker worker;
	struct kept_pool pool;
	struct sockets_entry entry;
	struct listener_adoption listener;
	const char *address;

	if (strcmp(key, "manager") == 0)
		return takeover_read_manager(record, &manager, err);
	if (is_kind(key, "socket/")) {
		status = takeover_read_socket(record, &entry, &address, err);
		if (status == PORTICO_OK && descriptors != 1)
			status = refuse(err, "a socket", "it is missing");
	} else if (is_kind(key, "pool/") || is_kind(key, "removed/")) {
		status = takeover_read_pool(record, &pool, err);
	} else if (is_kind(key, "worker/")) {
		status = takeover_read_worker(record, &worker, err);
		if (status == PORTICO_OK)
			status = check_process(&worker.process, descriptors,
					       err);
	} else if (is_kind(key, "listener/")) {
		status = takeover_read_listener(record, &listener, &process,
						err);
		if (status == PORTICO_OK)
			status = check_process(&process, descriptors, err);
	}
	return status;
}

enum portico_status
takeover_check(const json_t *state, struct portico_error *err)
{
	const json_t *items = json_object_get(state, "items");
	json_int_t version;
	char why[96];
	json_t *item;
	size_t i;

	UNPACK(state, "porticod", err, "{s:I}", "version", &version);
	if (version != STATE_VERSION) {
		snprintf(why, sizeof why,
			 "it is of version %lld, and only version %d is known",
			 (long long)version, STATE_VERSION);
		return refuse(err, "porticod", why);
	}
	json_array_foreach(items, i, item)
	{
		enum portico_status status;
		json_int_t descriptors;
		const char *key;
		json_t *record;

		UNPACK(item, "something", err, "{s:s, s:o, s:I}", "key", &key,
		       "record", &record, "descriptors", &descriptors);
		status = takeover_read_check(key, record, (size_t)descriptors,
					     err);
		if (status != PORTICO_OK)
			return status;
	}
	if (json_array_size(items) == 0)
		return refuse(err, "porticod", "it is empty");
	return PORTICO_OK;
}
