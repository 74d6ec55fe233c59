/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of the state: which there are, and what is in them.
 */
#include <stdio.h>
#include <string.h>

#include "core/activation/certificates.h"
#include "core/activation/listener_process.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/process.h"
#include "core/activation/sockets.h"
#include "core/activation/state.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/control/connection.h"

#define FINGERPRINT_SEED 0xcbf29ce484222325ull
#define FINGERPRINT_PRIME 0x100000001b3ull

static void
mix(uint64_t *fingerprint, uint64_t value)
{
	*fingerprint = (*fingerprint ^ value) * FINGERPRINT_PRIME;
	*fingerprint ^= *fingerprint >> 29;
}

static void
mix_text(uint64_t *fingerprint, const char *text)
{
	mix(fingerprint, hash_bytes(text, strlen(text)));
}

static void
put_number(json_t *json, const char *name, uint64_t value)
{
	json_object_set_new(json, name, json_integer((json_int_t)value));
}

/* What children say need not be UTF-8. */
static void
put_text(json_t *json, const char *name, const char *text)
{
	json_t *value = json_string(text);

	json_object_set_new(json, name,
			    value != NULL ? value : json_string("?"));
}

static void
put_flag(json_t *json, const char *name, bool value)
{
	json_object_set_new(json, name, json_boolean(value));
}

/* Pidfd, control socket and output, as far as they are there. */
static void
put_process(struct state_record *record, const struct process *process,
	    const struct control_connection *control)
{
	struct process_adoption from = process_describe(process);

	put_number(record->json, "pid", (uint64_t)from.pid);
	put_flag(record->json, "control", control != NULL);
	put_flag(record->json, "output", from.output >= 0);
	record->watch = (int)record->nfds;
	record->fds[record->nfds++] = from.pidfd;
	if (control != NULL)
		record->fds[record->nfds++] = control_connection_fd(control);
	if (from.output >= 0)
		record->fds[record->nfds++] = from.output;
}

static void
mix_process(uint64_t *fingerprint, const struct process *process,
	    const struct control_connection *control)
{
	struct process_adoption from = process_describe(process);

	mix(fingerprint, (uint64_t)from.pidfd);
	mix(fingerprint, (uint64_t)from.output);
	mix(fingerprint,
	    control == NULL ? 0 : (uint64_t)control_connection_fd(control) + 1);
}

/* When a timer ends, in ms of the monotonic clock; 0: it does not run. */
static uint64_t
timer_end(const uv_timer_t *timer)
{
	if (!uv_is_active((const uv_handle_t *)timer))
		return 0;
	return uv_now(timer->loop) + uv_timer_get_due_in(timer);
}

/* ---- manager, settings, sockets -------------------------------------------- */

static void
write_manager(const void *object, struct state_record *record)
{
	const struct manager *manager = object;
	const struct listener_process *serving = manager->listeners.serving;

	record->json = json_object();
	put_number(record->json, "version", STATE_VERSION);
	put_text(record->json, "program", PORTICO_VERSION);
	put_number(record->json, "generation", manager->generation);
	put_number(record->json, "nextWorker", manager->next_worker);
	put_number(record->json, "listeners", manager->listeners.count);
	put_number(record->json, "serving",
		   serving == NULL ? 0 : serving->number);
	put_number(record->json, "takeOvers", manager->take_overs);
	put_number(record->json, "beganNs", manager->began_ns);
}

static void
write_settings(const void *object, struct state_record *record)
{
	const struct manager *manager = object;

	record->fds[0] = settings_to_memfd(manager->settings, SETTINGS_FOR_ALL,
					   NULL, NULL);
	/* After all else that was read and written of a configuration, which
	 * took several times the room of what stays of it. */
	mem_trim();
	if (record->fds[0] < 0)
		return;
	record->nfds = 1;
	record->owned = true;
	record->json = json_object();
	put_number(record->json, "generation", manager->settings->generation);
}

/* Private keys are in the memory that is passed, never in a record. */
static void
write_certificates(const void *object, struct state_record *record)
{
	const struct manager *manager = object;

	record->fds[0] = certificates_to_memfd(manager->certificates, NULL);
	if (record->fds[0] < 0)
		return;
	record->nfds = 1;
	record->owned = true;
	record->json = json_object();
}

static void
write_sites(const void *object, struct state_record *record)
{
	const struct manager *manager = object;

	record->json =
		json_pack("{s:o}", "stopped", sites_stopped(&manager->sites));
}

static void
write_socket(const void *object, struct state_record *record)
{
	const struct sockets_entry *entry = object;

	record->json = json_object();
	put_text(record->json, "address", entry->address);
	put_number(record->json, "port", entry->port);
	put_number(record->json, "realPort", entry->real_port);
	put_number(record->json, "family", (uint64_t)entry->family);
	put_flag(record->json, "tls", entry->tls);
	put_number(record->json, "thread", entry->thread);
	record->fds[record->nfds++] = entry->fd;
}

static void
write_given(const void *object, struct state_record *record)
{
	const struct sockets_given *given = object;

	record->json = json_object();
	put_flag(record->json, "used", given->used);
	record->fds[record->nfds++] = given->fd;
}

static void
visit_manager(const struct manager *manager, state_visit_fn *visit, void *arg)
{
	const struct listener_process *serving = manager->listeners.serving;
	uint64_t now = FINGERPRINT_SEED;

	mix(&now, manager->generation);
	mix(&now, manager->next_worker);
	mix(&now, manager->listeners.count);
	mix(&now, serving == NULL ? 0 : serving->number);
	mix(&now, manager->take_overs);
	visit(arg, "manager", now, write_manager, manager);
	visit(arg, "settings", (uint64_t)(uintptr_t)manager->settings,
	      write_settings, manager);
	if (manager->sites.changes > 0)
		visit(arg, "sites", manager->sites.changes, write_sites,
		      manager);
	if (manager->certificates != NULL &&
	    certificates_wanted(manager->certificates))
		visit(arg, "certificates",
		      certificates_stamp(manager->certificates),
		      write_certificates, manager);
}

static void
visit_sockets(const struct manager *manager, state_visit_fn *visit, void *arg)
{
	char key[512];
	unsigned number = 0;

	LIST_FOREACH(struct sockets_entry, link, entry,
		     &manager->sockets.entries) {
		uint64_t now = FINGERPRINT_SEED;

		snprintf(key, sizeof key, "socket/%s/%u/%u", entry->address,
			 entry->port, entry->thread);
		mix(&now, (uint64_t)entry->fd);
		mix(&now, entry->tls);
		visit(arg, key, now, write_socket, entry);
	}
	LIST_FOREACH(struct sockets_given, link, given,
		     &manager->sockets.given) {
		uint64_t now = FINGERPRINT_SEED;

		snprintf(key, sizeof key, "given/%u", number++);
		mix(&now, (uint64_t)given->fd);
		mix(&now, given->used);
		visit(arg, key, now, write_given, given);
	}
}

/* ---- listeners ------------------------------------------------------------- */

static void
write_listener(const void *object, struct state_record *record)
{
	const struct listener_process *listener = object;

	record->json = json_object();
	put_number(record->json, "number", listener->number);
	put_number(record->json, "state", listener->state);
	put_number(record->json, "startedNs", listener->started_ns);
	put_number(record->json, "drainUntilNs", listener->drain_until_ns);
	put_number(record->json, "aborted", listener->aborted);
	json_object_set_new(record->json, "members",
			    listener_process_members(listener));
	put_process(record, listener->process, listener->control);
}

static void
visit_listeners(const struct manager *manager, state_visit_fn *visit, void *arg)
{
	char key[64];

	LIST_FOREACH(struct listener_process, link, listener,
		     &manager->listeners.all) {
		uint64_t now = FINGERPRINT_SEED;

		snprintf(key, sizeof key, "listener/%u", listener->number);
		mix(&now, listener->state);
		mix(&now, listener->drain_until_ns);
		mix(&now, listener->aborted);
		mix(&now, listener_process_members_stamp(listener));
		mix_process(&now, listener->process, listener->control);
		visit(arg, key, now, write_listener, listener);
	}
}

/* ---- pools ----------------------------------------------------------------- */

static json_t *
write_times(const struct backoff *backoff)
{
	json_t *times = json_array();
	unsigned first = backoff->next + RAPID_FAIL_MAX - backoff->count;

	/* Oldest first. */
	for (unsigned i = 0; i < backoff->count; i++)
		json_array_append_new(
			times,
			json_integer(
				(json_int_t)backoff
					->times[(first + i) % RAPID_FAIL_MAX]));
	return times;
}

static json_t *
write_start(const struct start_record *start)
{
	unsigned count = start->line_count, first = 0;
	json_t *json = json_object(), *steps = json_array(),
	       *lines = json_array();

	put_number(json, "worker", start->worker);
	put_number(json, "pid", (uint64_t)start->pid);
	put_number(json, "realtimeNs", start->began_realtime_ns);
	put_number(json, "beganNs", start->began_ns);
	put_number(json, "endedNs", start->ended_ns);
	put_flag(json, "succeeded", start->succeeded);
	put_text(json, "outcome", start->outcome);
	for (unsigned i = 0; i < START_STEP_COUNT; i++)
		json_array_append_new(
			steps, json_integer((json_int_t)start->step_ns[i]));
	json_object_set_new(json, "steps", steps);
	if (count > START_LINES_MAX)
		first = count - START_LINES_MAX;
	for (unsigned i = first; i < count; i++) {
		json_t *line = json_string(start->lines[i % START_LINES_MAX]);

		json_array_append_new(lines,
				      line != NULL ? line : json_string("?"));
	}
	json_object_set_new(json, "lines", lines);
	return json;
}

static void
write_pool(const void *object, struct state_record *record)
{
	const struct pool *pool = object;
	json_t *json = record->json = json_object(), *starts = json_array();

	put_text(json, "name", pool->name);
	put_flag(json, "removed", pool->removed);
	put_number(json, "state", pool->state);
	put_text(json, "reason", pool->reason);
	put_text(json, "degraded", pool->degraded);
	put_flag(json, "demand", pool->demand);
	put_flag(json, "wanted", pool->wanted);
	put_flag(json, "restarting", pool->restarting);
	put_number(json, "grown", pool->grown);
	put_number(json, "generation", pool->generation);
	put_number(json, "starts", pool->start_count);
	put_number(json, "crashes", pool->crash_count);
	put_number(json, "recycles", pool->recycle_count);
	put_flag(json, "recycleAll", pool->recycling.all);
	put_text(json, "recycleText", pool->recycling.text);
	put_number(json, "unhealthyNs", pool->recycling.unhealthy_ns);
	put_number(json, "failures", pool->backoff.total);
	put_number(json, "inARow", pool->backoff.in_a_row);
	json_object_set_new(json, "failureTimes", write_times(&pool->backoff));
	/* Oldest first. */
	for (int i = START_RECORDS_MAX - 1; i >= 0; i--)
		if (pool->starts.records[i] != NULL)
			json_array_append_new(
				starts, write_start(pool->starts.records[i]));
	json_object_set_new(json, "startRecords", starts);
	put_number(json, "probeIntervalNs", pool->probing.interval_ns);
	put_number(json, "probeDueNs", pool->probing.due_ns);
	put_number(json, "probeWorker", pool->probing.worker);
	put_number(json, "halfOpenNs", pool->probing.half_open_ns);
	put_number(json, "cpuHeldNs", pool->metered.held_ns);
	put_number(json, "missingGroups", pool->metered.missing);
	put_number(json, "sharedBytes", pool->shared_bytes);
	put_flag(json, "shared", pool->shared_fd >= 0);
	if (pool->shared_fd >= 0)
		record->fds[record->nfds++] = pool->shared_fd;
}

static uint64_t
pool_fingerprint(const struct pool *pool)
{
	uint64_t now = FINGERPRINT_SEED;

	mix(&now, pool->state);
	mix_text(&now, pool->reason);
	mix_text(&now, pool->degraded);
	mix(&now, (uint64_t)pool->restarting << 2 |
			  (uint64_t)pool->demand << 1 | pool->wanted);
	mix(&now, pool->grown);
	mix(&now, pool->generation);
	mix(&now, pool->start_count);
	mix(&now, pool->crash_count);
	mix(&now, pool->recycle_count);
	mix(&now, pool->recycling.all);
	mix(&now, pool->recycling.unhealthy_ns);
	mix(&now, pool->backoff.total);
	mix(&now, pool->backoff.in_a_row);
	mix(&now, pool->probing.due_ns);
	mix(&now, pool->probing.worker);
	mix(&now, pool->probing.half_open_ns);
	mix(&now, pool->metered.held_ns);
	mix(&now, pool->metered.missing);
	mix(&now, pool->shared_bytes);
	mix(&now, (uint64_t)pool->shared_fd);
	for (unsigned i = 0; i < START_RECORDS_MAX; i++) {
		const struct start_record *start = pool->starts.records[i];

		if (start == NULL)
			continue;
		mix(&now, start->worker);
		mix(&now, start->ended_ns);
		mix(&now, start->line_count);
		for (unsigned k = 0; k < START_STEP_COUNT; k++)
			mix(&now, start->step_ns[k]);
	}
	return now;
}

/* One to which nothing has happened yet is made from its settings. */
static bool
has_history(const struct pool *pool)
{
	return pool->state != CONTROL_POOL_STARTED || pool->removed ||
	       pool->demand || pool->wanted || pool->start_count > 0 ||
	       pool->crash_count > 0 || pool->shared_fd >= 0 ||
	       !list_empty(&pool->workers) || !list_empty(&pool->orphans);
}

/* ---- workers --------------------------------------------------------------- */

static void
put_names(json_t *json, const char *name, json_t *names)
{
	if (names != NULL)
		json_object_set(json, name, names);
}

static void
write_worker(const void *object, struct state_record *record)
{
	const struct worker_process *worker = object;
	json_t *json = record->json = json_object();

	put_number(json, "id", worker->id);
	put_text(json, "pool", worker->pool->name);
	put_text(json, "affinity", worker->affinity);
	put_flag(json, "removed", worker->pool->removed);
	put_number(json, "poolGeneration", worker->pool->generation);
	put_number(json, "generation", worker->generation);
	put_number(json, "epoch", worker->epoch);
	put_number(json, "loops", worker->loops);
	put_number(json, "state", worker->state);
	put_number(json, "escalation", (uint64_t)worker->escalation);
	put_flag(json, "terminated", worker->terminated);
	put_number(json, "startedNs", worker->started_ns);
	put_number(json, "limitMs", timer_end(&worker->timer));
	put_number(json, "marked", worker->marked);
	put_text(json, "whyMarked", worker->why_marked);
	put_number(json, "replaces", worker->replaces);
	put_flag(json, "outdated", worker->outdated);
	put_flag(json, "configured", worker->configured);
	put_flag(json, "toldWhy", worker->told_why);
	put_flag(json, "aborted", worker->aborted);
	put_flag(json, "exhausted", worker->exhausted);
	put_text(json, "endReason", worker->end_reason);
	put_text(json, "degraded", worker->degraded);
	put_number(json, "bornNs", worker->age.born_ns);
	put_number(json, "jitter", worker->age.jitter);
	put_number(json, "served", worker->age.served);
	put_flag(json, "throttled", throttle_is_wanted(worker->pool));
	put_flag(json, "toldCleanup", worker->age.told_cleanup);
	put_names(json, "modules", worker->modules);
	put_names(json, "events", worker->events);
	put_names(json, "loaded", worker->loaded);
	if (worker->core_directory != NULL)
		put_text(json, "coreDirectory", worker->core_directory);
	put_process(record, worker->process, worker->control);
}

static uint64_t
worker_fingerprint(const struct worker_process *worker)
{
	uint64_t now = FINGERPRINT_SEED;

	mix(&now, worker->pool->removed);
	mix(&now, worker->state);
	mix(&now, (uint64_t)worker->escalation);
	mix(&now, timer_end(&worker->timer));
	mix(&now, worker->marked);
	mix_text(&now, worker->why_marked);
	mix(&now, worker->replaces);
	mix(&now, (uint64_t)worker->outdated << 5 |
			  (uint64_t)worker->configured << 4 |
			  (uint64_t)worker->told_why << 3 |
			  (uint64_t)worker->aborted << 2 |
			  (uint64_t)worker->exhausted << 1 |
			  worker->terminated);
	mix_text(&now, worker->end_reason);
	mix(&now, worker->age.born_ns);
	mix(&now, worker->age.told_cleanup);
	mix(&now, throttle_is_wanted(worker->pool));
	mix(&now, worker->loaded != NULL);
	mix_process(&now, worker->process, worker->control);
	return now;
}

static void
visit_workers(const struct list *workers, state_visit_fn *visit, void *arg)
{
	char key[64];

	LIST_FOREACH(struct worker_process, link, worker, workers) {
		snprintf(key, sizeof key, "worker/%u", worker->id);
		visit(arg, key, worker_fingerprint(worker), write_worker,
		      worker);
	}
}

static void
visit_pools(const struct manager *manager, state_visit_fn *visit, void *arg)
{
	char key[1024];

	LIST_FOREACH(struct pool, link, pool, &manager->pools) {
		if (!has_history(pool))
			continue;
		if (pool->removed)
			snprintf(key, sizeof key, "removed/%u/%s",
				 pool->generation, pool->name);
		else
			snprintf(key, sizeof key, "pool/%s", pool->name);
		visit(arg, key, pool_fingerprint(pool), write_pool, pool);
		visit_workers(&pool->workers, visit, arg);
		visit_workers(&pool->orphans, visit, arg);
	}
}

void
state_visit(const struct manager *manager, state_visit_fn *visit, void *arg)
{
	visit_manager(manager, visit, arg);
	visit_sockets(manager, visit, arg);
	visit_listeners(manager, visit, arg);
	visit_pools(manager, visit, arg);
}
