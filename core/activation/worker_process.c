/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker processes.
 */
#include "core/activation/worker_process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/activation/cgroup.h"
#include "core/activation/complaint.h"
#include "core/activation/confinement.h"
#include "core/activation/core_files.h"
#include "core/activation/crash.h"
#include "core/activation/environment.h"
#include "core/activation/events.h"
#include "core/activation/identity.h"
#include "core/activation/limits.h"
#include "core/activation/listener_process.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/state.h"
#include "core/activation/temporary.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/control/connection.h"

#define WORKER_PROCESS_MAGIC 0x30c4e125u
#define NS_PER_MS 1000000ull

static const char *const state_names[] = {
	[WORKER_PROCESS_STARTING] = "starting",
	[WORKER_PROCESS_READY] = "ready",
	[WORKER_PROCESS_ATTACHED] = "running",
	[WORKER_PROCESS_DRAINING] = "draining",
	[WORKER_PROCESS_STOPPING] = "stopping",
	[WORKER_PROCESS_SUSPENDED] = "suspended",
	[WORKER_PROCESS_ORPHANED] = "orphaned",
};

const char *
worker_process_state_name(enum worker_process_state state)
{
	ASSERT((unsigned)state < sizeof state_names / sizeof *state_names);
	return state_names[state];
}

static struct start_record *
record_of(const struct worker_process *worker)
{
	return start_history_find(&worker->pool->starts, worker->id);
}

static struct listeners *
listeners_of(const struct worker_process *worker)
{
	return &worker->pool->manager->listeners;
}

static bool
was_attached(const struct worker_process *worker)
{
	const struct start_record *record = record_of(worker);

	/* A record that is not kept any more is that of an old worker. */
	return worker->state >= WORKER_PROCESS_ATTACHED &&
	       (record == NULL || record->succeeded);
}

/* The first reason stays. */
static void
note_reason(struct worker_process *worker, const char *reason)
{
	if (worker->end_reason[0] == '\0')
		snprintf(worker->end_reason, sizeof worker->end_reason, "%s",
			 reason);
}

/* ---- time limits --------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void
limit(struct worker_process *worker, uint64_t ms)
{
	/* libuv's time is that of the turn's beginning, and a turn in which
	 * many processes are started is long. */
	uv_update_time(worker->timer.loop);
	uv_timer_start(&worker->timer, on_timer, ms, 0);
}

/* TERM, and KILL when that does not help. */
static void
escalate(struct worker_process *worker)
{
	struct worker_context context;

	worker->escalation++;
	if (worker->escalation == 1) {
		worker->terminated = true;
		process_signal(worker->process, SIGTERM);
		limit(worker, TERM_TO_KILL_MS);
		return;
	}
	if (worker->escalation == 2)
		log_warn(EVENT_STOP_LIMIT,
			 worker_process_about(worker, &context),
			 "the worker (process %d) did not %s and gets SIGKILL",
			 (int)process_pid(worker->process),
			 worker->terminated ? "heed SIGTERM" :
					      "exit by itself");
	process_signal(worker->process, SIGKILL);
	limit(worker, TERM_TO_KILL_MS); /* a process in the kernel */
}

void
worker_process_kill(struct worker_process *worker, const char *why)
{
	CHECK(worker, WORKER_PROCESS_MAGIC);
	note_reason(worker, why);
	worker->escalation = 2;
	process_signal(worker->process, SIGKILL);
	limit(worker, TERM_TO_KILL_MS);
}

/* It usually is dying already; if not it is killed soon. */
static void
expect_exit(struct worker_process *worker, const char *reason)
{
	note_reason(worker, reason);
	if (worker->escalation > 0)
		return;
	worker->escalation = 1;
	limit(worker, HANGUP_EXIT_MS);
}

/* Those who wait get an answer first, and modules the chance to clean up. */
static void
on_drain_limit(struct worker_process *worker)
{
	const struct settings_pool *settings = worker->pool->settings;
	struct worker_context context;

	if (!worker->aborted) {
		worker->aborted = true;
		log_warn(EVENT_STOP_LIMIT,
			 worker_process_about(worker, &context),
			 "the worker (process %d) did not finish its requests "
			 "within shutdownTimeLimit (%.1f s); they are aborted",
			 (int)process_pid(worker->process),
			 (double)settings->shutdown_time_limit / 1e9);
		limit(worker, ABORT_TO_TERM_MS);
		listeners_drain_worker(listeners_of(worker), worker, true);
		return;
	}
	log_warn(EVENT_STOP_LIMIT, worker_process_about(worker, &context),
		 "the worker (process %d) did not end aborted requests and "
		 "gets SIGTERM",
		 (int)process_pid(worker->process));
	worker->state = WORKER_PROCESS_STOPPING;
	escalate(worker);
}

static void
on_timer(uv_timer_t *timer)
{
	struct worker_process *worker = timer->data;
	struct worker_context context;
	const struct settings_pool *settings = worker->pool->settings;
	char text[128];

	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->escalation > 0) {
		escalate(worker);
		return;
	}
	switch (worker->state) {
	case WORKER_PROCESS_READY:
		if (!listeners_serve(listeners_of(worker))) {
			/* Not its fault. */
			limit(worker, settings->startup_time_limit / NS_PER_MS);
			return;
		}
		/* fallthrough */
	case WORKER_PROCESS_STARTING:
		snprintf(text, sizeof text,
			 "it was not %s within startupTimeLimit (%.1f s)",
			 worker->state == WORKER_PROCESS_READY ? "attached" :
								 "ready",
			 (double)settings->startup_time_limit / 1e9);
		log_warn(EVENT_START_LIMIT,
			 worker_process_about(worker, &context),
			 "the worker (process %d) exceeded the time limit of "
			 "its start: %s",
			 (int)process_pid(worker->process), text);
		start_record_fail(record_of(worker), clock_monotonic_ns(), "%s",
				  text);
		worker_process_kill(worker, text);
		return;
	case WORKER_PROCESS_DRAINING:
		on_drain_limit(worker);
		return;
	case WORKER_PROCESS_STOPPING:
		log_warn(EVENT_STOP_LIMIT,
			 worker_process_about(worker, &context),
			 "the worker (process %d) did not stop in time and "
			 "gets SIGTERM",
			 (int)process_pid(worker->process));
		escalate(worker);
		return;
	case WORKER_PROCESS_ATTACHED:
	case WORKER_PROCESS_SUSPENDED:
	case WORKER_PROCESS_ORPHANED:
		return;
	}
}

/* ---- from the worker ----------------------------------------------------- */

static void
on_ready(struct worker_process *worker, const json_t *json)
{
	struct control_ready message;

	if (worker->state != WORKER_PROCESS_STARTING ||
	    control_decode_ready(json, &message, NULL) != PORTICO_OK)
		return;
	worker->modules = json_incref(message.modules);
	worker->events = json_incref(message.events);
	worker->loaded = json_incref(message.loaded);
	if (message.degraded != NULL)
		snprintf(worker->degraded, sizeof worker->degraded, "%s",
			 message.degraded);
	worker->state = WORKER_PROCESS_READY;
	start_record_step(record_of(worker), START_STEP_READY,
			  clock_monotonic_ns());
	listeners_add_worker(listeners_of(worker), worker);
}

/* The old one serves meanwhile, if there is one. */
static void
on_initializing(struct worker_process *worker)
{
	if (worker->state == WORKER_PROCESS_STARTING)
		start_record_step(record_of(worker), START_STEP_INITIALIZING,
				  clock_monotonic_ns());
}

static void
on_failed(struct worker_process *worker, const json_t *json)
{
	struct control_failed message;
	struct portico_error err;
	struct worker_context context;
	char text[1024];

	/* Once: who lies must not fill the log, and push out of the events
	 * what is said about it. */
	if (worker->told_why ||
	    control_decode_failed(json, &message, &err) != PORTICO_OK)
		return;
	control_failed_to_error(&message, &err);
	error_format(&err, text, sizeof text);
	start_record_fail(record_of(worker), clock_monotonic_ns(), "%s%s%s%s%s",
			  text, err.detail[0] == '\0' ? "" : ". ", err.detail,
			  err.hint[0] == '\0'	? "" :
			  err.detail[0] == '\0' ? ". " :
						  " ",
			  err.hint);
	error_prefix(&err, "the worker (process %d) cannot start",
		     (int)process_pid(worker->process));
	log_write_error(LOG_LEVEL_WARNING, EVENT_START_FAILED,
			worker_process_about(worker, &context), &err);
	worker->told_why = true;
	expect_exit(worker, text);
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct worker_process *worker = arg;
	struct control_reply reply;
	struct control_stopped stopped;

	(void)connection;
	(void)fds;
	(void)nfds;
	CHECK(worker, WORKER_PROCESS_MAGIC);
	/* Only what a worker may say; anything else is ignored. */
	switch (control_type_find(type)) {
	case CONTROL_TYPE_ready:
		on_ready(worker, message);
		return;
	case CONTROL_TYPE_initializing:
		on_initializing(worker);
		return;
	case CONTROL_TYPE_failed:
		on_failed(worker, message);
		return;
	case CONTROL_TYPE_reply:
		if (control_decode_reply(message, &reply, NULL) == PORTICO_OK)
			worker_queries_on_reply(worker, reply.id, reply.body);
		return;
	case CONTROL_TYPE_replace:
		complaint_hear(worker, message);
		return;
	case CONTROL_TYPE_pong:
		health_on_pong(worker, message);
		return;
	case CONTROL_TYPE_late:
		health_on_late(worker, message);
		return;
	case CONTROL_TYPE_stopped:
		if (control_decode_stopped(message, &stopped, NULL) ==
		    PORTICO_OK)
			worker->requests = stopped.served;
		return;
	default:
		return;
	}
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct worker_process *worker = arg;
	struct worker_context context;

	(void)connection;
	CHECK(worker, WORKER_PROCESS_MAGIC);
	control_connection_free(&worker->control);
	if (status != PORTICO_CLOSED) {
		log_warn(EVENT_WORKER_CONTROL_LOST,
			 worker_process_about(worker, &context),
			 "the worker (process %d) suffered a communication "
			 "error: %s",
			 (int)process_pid(worker->process), why);
		worker_process_kill(worker, why);
		return;
	}
	if (worker->state != WORKER_PROCESS_STOPPING)
		expect_exit(worker, "");
}

/* The settings wait in its socket. */
static void
on_exec(struct process *process, void *arg)
{
	struct worker_process *worker = arg;
	struct start_record *record = record_of(worker);

	(void)process;
	CHECK(worker, WORKER_PROCESS_MAGIC);
	worker->executed = true;
	start_record_step(record, START_STEP_EXEC, clock_monotonic_ns());
	if (worker->configured)
		start_record_step(record, START_STEP_CONFIGURED,
				  clock_monotonic_ns());
}

static void
on_line(struct process *process, const char *line, void *arg)
{
	struct worker_process *worker = arg;
	struct worker_context context;

	CHECK(worker, WORKER_PROCESS_MAGIC);
	start_record_line(record_of(worker), line);
	process_relay(process, worker_process_about(worker, &context), line);
}

/* ---- its end ------------------------------------------------------------- */

static void
on_health_closed(uv_handle_t *handle)
{
	struct worker_process *worker = handle->data;

	json_decref(worker->modules);
	json_decref(worker->events);
	json_decref(worker->loaded);
	json_decref(worker->remains);
	json_decref(worker->complaint);
	mem_free(worker->core_directory);
	worker->magic = 0;
	mem_free(worker);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	health_close(handle->data, on_health_closed);
}

static void
report_end(struct worker_process *worker, const char *how, bool failed_start,
	   bool expected)
{
	struct worker_context context;
	const struct log_context *ctx = worker_process_about(worker, &context);
	int pid = (int)process_pid(worker->process);

	if (failed_start && worker->state < WORKER_PROCESS_ATTACHED) {
		if (!worker->told_why && !worker->exhausted)
			log_warn(EVENT_START_FAILED, ctx,
				 "the worker (process %d) did not start: it %s",
				 pid, how);
		start_record_fail(record_of(worker), clock_monotonic_ns(),
				  "%s%s",
				  worker->exhausted ? "" : "the process ",
				  worker->exhausted ? worker->end_reason : how);
		return;
	}
	if (expected)
		log_info(ctx, "the worker (process %d) has stopped: it %s", pid,
			 how);
	else
		log_warn(EVENT_WORKER_DIED, ctx,
			 "the worker (process %d) terminated unexpectedly: it "
			 "%s%s%s",
			 pid, how, worker->end_reason[0] == '\0' ? "" : "; ",
			 worker->end_reason);
}

/* The child said why on its stderr, last. */
static void
note_exhausted(struct worker_process *worker)
{
	const char *why = start_record_last_line(record_of(worker));

	worker->exhausted = true;
	note_reason(worker, why == NULL ? "its program could not be run" : why);
}

/* What could not be set before its program ran: the same. */
static void
note_setup(const struct worker_process *worker, char *how, size_t size)
{
	const char *why = start_record_last_line(record_of(worker));
	size_t length = strlen(how);

	if (why != NULL)
		snprintf(how + length, size - length, ": %s", why);
}

/* Killed by the kernel, as limits.memory wants it.  Of a worker that another
 * porticod has started nothing is known but that. */
static void
note_memory(struct worker_process *worker, const struct process_exit *result)
{
	struct pool *pool = worker->pool;
	uint64_t kills = cgroup_oom_kills(pool->snapshot, pool->name);

	if ((result->unknown ||
	     (result->signalled && result->signal_number == SIGKILL)) &&
	    worker->escalation < 2 && kills > pool->oom_kills)
		snprintf(worker->end_reason, sizeof worker->end_reason,
			 "out of memory: the pool has reached limits.memory");
	pool->oom_kills = kills;
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	struct worker_process *worker = arg;
	struct pool *pool = worker->pool;
	bool expected, failed_start;
	char how[128 + START_LINE_BYTES], core[CORE_FILES_TEXT_SIZE];

	(void)process;
	CHECK(worker, WORKER_PROCESS_MAGIC);
	core_files_collect(worker, result->core, core);
	/* That it is attached may wait beside that it has ended, and then it
	 * has started, and may have died of its first request. */
	if (worker->state == WORKER_PROCESS_READY)
		listeners_hear(listeners_of(worker));
	expected = worker->state >= WORKER_PROCESS_DRAINING;
	failed_start = !expected && !was_attached(worker);
	process_exit_text(result, how, sizeof how);
	note_memory(worker, result);
	if (result->status == PROCESS_EXIT_EXHAUSTED && !result->signalled &&
	    !worker->executed)
		note_exhausted(worker);
	else if (failed_start && !worker->executed && !result->signalled)
		note_setup(worker, how, sizeof how);
	if (result->status == PROCESS_EXIT_EXEC && !result->signalled)
		start_record_fail(record_of(worker), clock_monotonic_ns(),
				  "portico-worker could not be executed");
	report_end(worker, how, failed_start, expected);
	/* Not one that was killed by us.  That it was attached, and has got a
	 * request already, the listener may have said, and we not yet read. */
	if (!expected && worker->escalation < 2 &&
	    (!failed_start ||
	     (worker->state == WORKER_PROCESS_READY && result->signalled)))
		crash_begin(worker, how, core);
	list_remove(&worker->link);
	if (worker->state == WORKER_PROCESS_ORPHANED) {
		control_connection_free(&worker->control);
		process_free(&worker->process);
		pool_orphan_ended(pool);
		uv_close((uv_handle_t *)&worker->timer, on_timer_closed);
		return;
	}
	worker_queries_forget(pool->manager, worker);
	worker_queries_on_end(worker);
	if (--pool->worker_count == 0) {
		cgroup_remove(pool->snapshot, pool->name);
		pool->oom_kills = 0; /* a new group counts anew */
	}
	listeners_worker_gone(listeners_of(worker), worker->id, how);
	control_connection_free(&worker->control);
	temporary_remove(pool->manager, pool->name,
			 process_pid(worker->process));
	process_free(&worker->process);
	pool_worker_ended(pool, worker, how, failed_start, expected);
	/* `pool` may be gone now. */
	uv_close((uv_handle_t *)&worker->timer, on_timer_closed);
}

/* ---- its start ----------------------------------------------------------- */

static enum portico_status
spawn(struct worker_process *worker, int control_fd,
      const struct identity *identity, struct portico_error *err)
{
	struct pool *pool = worker->pool;
	char *path = manager_program(pool->manager, "portico-worker");
	/* It logs as much as we do: modules' traces are told at "debug". */
	enum log_level level = (enum log_level)atomic_load(&log_level_now);
	const char *const arguments[] = { "portico-worker",
					  "--control-fd",
					  "3",
					  "--pool",
					  pool->name,
					  "--log-level",
					  log_level_name(level),
					  NULL };
	const char **environment = environment_new(pool->settings);
	struct confinement confinement;
	const struct process_options options = {
		.path = path,
		.arguments = arguments,
		.environment = environment,
		.control_fd = control_fd,
		.identity = identity,
		.confinement = &confinement,
		.raise_files = true,
		.on_exec = on_exec,
	};
	enum portico_status status;

	status = confinement_init(&confinement, pool->snapshot, pool->settings,
				  path, err);
	if (environment != NULL && confinement.temporary != NULL)
		environment_add(environment, confinement.temporary);
	if (status == PORTICO_OK)
		status = environment == NULL ?
				 error_set(err, PORTICO_NO_MEMORY,
					   "starting a worker: out of memory") :
				 process_start(&pool->manager->loop, &options,
					       on_line, on_end, worker,
					       &worker->process, err);
	pool->metered.missing = confinement_missing_groups(&confinement);
	if (confinement.cores != NULL)
		worker->core_directory =
			mem_strdup(pool->settings->failure.core_directory);
	confinement_fini(&confinement);
	if (environment == NULL)
		mem_free(confinement.temporary);
	environment_free(environment);
	mem_free(path);
	return status;
}

/* Whether it takes the place of one with older settings. */
static bool
is_restart(const struct worker_process *worker)
{
	const struct worker_process *old =
		pool_find_worker(worker->pool, worker->replaces);

	return old != NULL && old->marked == RECYCLE_CONFIG_CHANGE;
}

/* The first message: what it has to do. */
static enum portico_status
configure(struct worker_process *worker, struct portico_error *err)
{
	struct pool *pool = worker->pool;
	const struct control_configure message = {
		.generation = pool->snapshot->generation,
		.pool = pool->name,
		.restarted = is_restart(worker),
	};
	int fds[2] = { -1, -1 };
	enum portico_status status;

	/* The second stays the pool's. */
	status = pool_shared_memory(pool, &fds[1], err);
	if (status != PORTICO_OK)
		return status;
	fds[0] = settings_to_memfd(pool->snapshot, SETTINGS_FOR_WORKER,
				   pool->settings, err);
	if (fds[0] < 0)
		return (enum portico_status)fds[0];
	status = control_send(worker->control,
			      control_encode_configure(&message), fds,
			      fds[1] >= 0 ? 2 : 1);
	io_close(&fds[0]);
	/* It is ending already, before it could run: its end says why. */
	if (status == PORTICO_CLOSED)
		return PORTICO_OK;
	if (status != PORTICO_OK)
		return control_send_failed(worker->control, status, err,
					   "configuring a worker");
	return PORTICO_OK;
}

/* 128 bits in hexadecimal. */
static void
name_randomly(struct worker_process *worker)
{
	unsigned char bytes[(sizeof worker->affinity - 1) / 2];

	/* The kernel has its random numbers before we are started. */
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return; /* no cookie names it */
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(&worker->affinity[2 * i], 3, "%02x", bytes[i]);
}

static struct worker_process *
worker_process_new(struct pool *pool, uint32_t replaces)
{
	struct worker_process *worker = mem_zalloc(sizeof *worker);

	worker->magic = WORKER_PROCESS_MAGIC;
	worker->pool = pool;
	worker->id = ++pool->manager->next_worker;
	worker->generation = ++pool->generation;
	worker->epoch = pool_next_epoch(pool);
	name_randomly(worker);
	worker->loops = pool->settings->threads;
	worker->replaces = replaces;
	worker->started_ns = clock_monotonic_ns();
	list_init(&worker->link);
	uv_timer_init(&pool->manager->loop, &worker->timer);
	worker->timer.data = worker;
	health_init(worker);
	return worker;
}

enum portico_status
worker_process_start(struct pool *pool, uint32_t replaces,
		     struct worker_process **worker_r,
		     struct portico_error *err)
{
	struct worker_process *worker = worker_process_new(pool, replaces);
	struct start_record *record =
		start_history_begin(&pool->starts, worker->id,
				    worker->started_ns, clock_realtime_ns());
	struct identity identity;
	struct worker_context context;
	int ends[2] = { -1, -1 };
	enum portico_status status;

	pool->start_count++;
	status = identity_resolve(pool->snapshot, pool->settings, &identity,
				  err);
	if (status == PORTICO_OK)
		status = io_seqpacket_pair(ends, true, err);
	if (status == PORTICO_OK)
		status = spawn(worker, ends[1], &identity, err);
	io_close(&ends[1]);
	if (status != PORTICO_OK) {
		io_close(&ends[0]);
		start_record_fail(record, clock_monotonic_ns(), "%s",
				  err->message);
		uv_close((uv_handle_t *)&worker->timer, on_timer_closed);
		return status;
	}
	list_add_tail(&pool->workers, &worker->link);
	pool->worker_count++;
	if (record != NULL)
		record->pid = process_pid(worker->process);
	start_record_step(record, START_STEP_FORK, clock_monotonic_ns());
	worker->control = control_connection_new(&pool->manager->loop, ends[0],
						 on_message, on_closed, worker);
	control_connection_distrust(worker->control);
	log_info(worker_process_about(worker, &context),
		 "starting a worker, process %d",
		 (int)process_pid(worker->process));
	limit(worker, pool->settings->startup_time_limit / NS_PER_MS);
	worker->configured = configure(worker, err) == PORTICO_OK;
	if (!worker->configured) {
		worker->exhausted = io_is_exhaustion(err->os_error);
		worker_process_kill(worker, err->message);
	}
	metering_look(pool->manager);
	*worker_r = worker;
	return PORTICO_OK;
}

/* ---- one that another porticod has started -------------------------------- */

static void
resume(struct worker_process *worker, uint64_t limit_ms)
{
	const struct control_query again = { .what = "again" };
	uint64_t now = uv_now(worker->timer.loop);

	if (limit_ms > 0)
		limit(worker, limit_ms > now ? limit_ms - now : 0);
	if (worker->state == WORKER_PROCESS_ORPHANED)
		return;
	if (worker->control == NULL) {
		expect_exit(worker, "");
		return;
	}
	/* That it is ready may have been said to nobody. */
	if (worker->state == WORKER_PROCESS_STARTING)
		(void)control_send(worker->control,
				   control_encode_query(&again), NULL, 0);
	if (worker->state == WORKER_PROCESS_ATTACHED)
		health_resume(worker);
}

enum portico_status
worker_process_adopt(struct pool *pool, const struct worker_adoption *from,
		     struct portico_error *err)
{
	struct worker_process *worker = mem_dup(&from->like, sizeof *worker);
	enum portico_status status;
	int control = from->control;

	worker->magic = WORKER_PROCESS_MAGIC;
	worker->pool = pool;
	worker->executed = true;
	list_init(&worker->link);
	uv_timer_init(&pool->manager->loop, &worker->timer);
	worker->timer.data = worker;
	health_init(worker);
	status = process_adopt(&pool->manager->loop, &from->process, on_line,
			       on_end, worker, &worker->process, err);
	if (status != PORTICO_OK) {
		io_close(&control);
		uv_close((uv_handle_t *)&worker->timer, on_timer_closed);
		return status;
	}
	if (worker->state == WORKER_PROCESS_ORPHANED) {
		list_add_tail(&pool->orphans, &worker->link);
	} else {
		list_add_tail(&pool->workers, &worker->link);
		pool->worker_count++;
	}
	if (control >= 0) {
		worker->control = control_connection_new(&pool->manager->loop,
							 control, on_message,
							 on_closed, worker);
		control_connection_distrust(worker->control);
	}
	resume(worker, from->limit_ms);
	metering_look(pool->manager);
	return PORTICO_OK;
}

/* ---- joining ------------------------------------------------------------- */

enum portico_status
worker_process_join(struct worker_process *worker,
		    struct listener_process *listener,
		    struct portico_error *err)
{
	const struct control_link message = { .listener = listener->number };
	enum portico_status status;
	int ends[2];

	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->control == NULL)
		return PORTICO_OK; /* it is dying */
	status = io_seqpacket_pair(ends, true, err);
	if (status != PORTICO_OK)
		return status;
	status = listener_process_add_worker(listener, worker, ends[0], err);
	if (status == PORTICO_OK) {
		status = control_send(worker->control,
				      control_encode_link(&message), &ends[1],
				      1);
		if (status != PORTICO_OK)
			status = control_send_failed(
				worker->control, status, err,
				"linking worker %u to the listener",
				worker->id);
	}
	io_close(&ends[0]);
	io_close(&ends[1]);
	/* One of them is ending; what follows comes with its end. */
	return status == PORTICO_CLOSED ? PORTICO_OK : status;
}

void
worker_process_attached(struct worker_process *worker)
{
	struct worker_context context;

	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->state != WORKER_PROCESS_READY) {
		/* Again, to a new listener, which may have waited for it. */
		worker->pool->demand = false;
		return;
	}
	/* One that is about to be killed is no replacement for another. */
	if (worker->escalation > 0)
		return;
	worker->state = WORKER_PROCESS_ATTACHED;
	uv_timer_stop(&worker->timer);
	start_record_step(record_of(worker), START_STEP_ATTACHED,
			  clock_monotonic_ns());
	start_record_succeed(record_of(worker), clock_monotonic_ns());
	log_info(worker_process_about(worker, &context),
		 "the worker (process %d) is ready after %.0f ms",
		 (int)process_pid(worker->process),
		 (double)(clock_monotonic_ns() - worker->started_ns) / 1e6);
	health_begin(worker);
	pool_worker_attached(worker->pool, worker);
	complaint_hear_kept(worker);
}

void
worker_process_lost(struct worker_process *worker, const char *reason,
		    bool lied)
{
	struct worker_context context;

	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (lied) {
		log_warn(EVENT_WORKER_LIED,
			 worker_process_about(worker, &context),
			 "the worker (process %d) is no longer trusted, it "
			 "broke the protocol: %s",
			 (int)process_pid(worker->process), reason);
		worker_process_kill(worker, reason);
		return;
	}
	log_debug(worker_process_about(worker, &context),
		  "the listener lost the worker: %s", reason);
	/* If it lives on it is of no use without link. */
	if (worker->state != WORKER_PROCESS_STOPPING)
		expect_exit(worker, reason);
}

void
worker_process_refused(struct worker_process *worker, const char *reason)
{
	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->state >= WORKER_PROCESS_DRAINING)
		return;
	worker->exhausted = true;
	worker_process_kill(worker, reason);
}

/* ---- notices --------------------------------------------------------------- */

void
worker_process_tell(struct worker_process *worker, const char *what,
		    const char *text, uint32_t value)
{
	const struct control_notice message = { .what = what,
						.text = text,
						.value = value };

	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->control == NULL || worker->state < WORKER_PROCESS_READY ||
	    worker->state >= WORKER_PROCESS_DRAINING)
		return;
	/* Nothing depends on it: one that is ending does not hear it. */
	(void)control_send(worker->control, control_encode_notice(&message),
			   NULL, 0);
}

/* ---- stopping ------------------------------------------------------------ */

void
worker_process_end(struct worker_process *worker, const char *why)
{
	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->state < WORKER_PROCESS_ATTACHED)
		start_record_fail(record_of(worker), clock_monotonic_ns(), "%s",
				  why);
	worker->state = WORKER_PROCESS_STOPPING;
	worker_process_kill(worker, why);
}

void
worker_process_drain(struct worker_process *worker)
{
	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->state >= WORKER_PROCESS_DRAINING || worker->escalation > 0)
		return;
	/* It has to hear that it shall end. */
	suspend_wake(worker, pool_drain_reason(worker->pool, worker));
	if (worker->state != WORKER_PROCESS_ATTACHED) {
		/* Nobody has given it anything. */
		start_record_fail(record_of(worker), clock_monotonic_ns(),
				  "stopped before it was ready");
		worker_process_stop(worker, TERM_TO_KILL_MS);
		return;
	}
	worker_process_tell(worker, "stop",
			    pool_drain_reason(worker->pool, worker), 0);
	worker->state = WORKER_PROCESS_DRAINING;
	limit(worker, worker->pool->settings->shutdown_time_limit / NS_PER_MS);
	/* What a listener was told cannot be taken back: the next porticod
	 * must not think that this one serves. */
	state_sweep(worker->pool->manager);
	listeners_drain_worker(listeners_of(worker), worker, false);
}

void
worker_process_drained(struct worker_process *worker)
{
	uint64_t left;

	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->state != WORKER_PROCESS_DRAINING)
		return;
	/* With no requests there is nothing to be aborted at
	 * shutdownTimeLimit: SIGTERM comes then, or, if that is soon, when it
	 * would come after an abort, at the latest. */
	left = uv_timer_get_due_in(&worker->timer);
	if (!worker->aborted && left < ABORT_TO_TERM_MS)
		left = ABORT_TO_TERM_MS;
	worker_process_stop(worker, left);
}

void
worker_process_stop(struct worker_process *worker, uint64_t limit_ms)
{
	const struct control_stop message = { .deadline_ms = limit_ms };

	CHECK(worker, WORKER_PROCESS_MAGIC);
	if (worker->escalation > 0)
		return;
	/* It has to hear that it shall end. */
	suspend_wake(worker, pool_drain_reason(worker->pool, worker));
	worker->state = WORKER_PROCESS_STOPPING;
	limit(worker, limit_ms);
	if (worker->control == NULL ||
	    control_send(worker->control, control_encode_stop(&message), NULL,
			 0) != PORTICO_OK)
		escalate(worker);
}

bool
worker_process_ask(struct worker_process *worker, uint32_t id, const char *what)
{
	const struct control_query message = { .id = id, .what = what };

	CHECK(worker, WORKER_PROCESS_MAGIC);
	return worker->control != NULL && worker->escalation == 0 &&
	       worker->state >= WORKER_PROCESS_READY &&
	       worker->state <= WORKER_PROCESS_DRAINING &&
	       control_send(worker->control, control_encode_query(&message),
			    NULL, 0) == PORTICO_OK;
}
