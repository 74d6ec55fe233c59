/* SPDX-License-Identifier: Apache-2.0
 *
 * The main thread: configure, ready, links, stop.
 */
#include "core/worker/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/sandbox.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/worker/client_engine.h"
#include "core/worker/calls.h"
#include "core/worker/file.h"
#include "core/worker/health.h"
#include "core/worker/health_check.h"
#include "core/worker/host_background.h"
#include "core/worker/host_process.h"
#include "core/worker/initialization.h"
#include "core/worker/limits.h"
#include "core/worker/link.h"
#include "core/worker/page_out.h"
#include "core/worker/main_loop.h"
#include "core/worker/metrics.h"
#include "core/worker/watchdog.h"
#include "core/worker/worker.h"

struct process {
	uv_loop_t uv;
	uv_timer_t stop_timer;
	uv_signal_t terminate;
	struct mailbox mailbox;
	struct links links;
	struct control_connection *control; /* NULL: the manager is gone */
	struct portico_worker *worker; /* NULL until configured */
	const char *pool;
	uint64_t block_limit; /* ns: loopBlockLimit */
	struct health health;
	struct initialization initialization;
	struct health_checks checks;
	int reclaim_fd; /* memory.reclaim of its group, for one time; or -1 */
	uint32_t reclaim_mib;
	bool preloaded; /* it has said ready */
	bool stopping, leaving;
	uint64_t stop_began, stop_deadline, quiet_since; /* ns */
	int exit_status;
};

/* ---- leaving -------------------------------------------------------------------------- */

static void
leave_when_said(uv_timer_t *timer)
{
	struct process *process = timer->data;

	if (process->control == NULL || control_idle(process->control) ||
	    clock_monotonic_ns() > process->stop_deadline + CLOCK_NS_PER_S)
		uv_stop(&process->uv);
}

/* End the main loop once the last message has left. */
static void
leave(struct process *process, int exit_status)
{
	if (process->leaving)
		return;
	process->leaving = true;
	process->exit_status = exit_status;
	if (process->stop_deadline == 0)
		process->stop_deadline = clock_monotonic_ns();
	uv_timer_start(&process->stop_timer, leave_when_said, 0, 1);
}

static void
finish_stop(struct process *process)
{
	uint64_t served = worker_served(process->worker);

	log_info(NULL, "stopped after %llu requests",
		 (unsigned long long)served);
	if (process->control != NULL)
		control_send(process->control,
			     control_encode_stopped(&(struct control_stopped){
				     .served = served > UINT32_MAX ?
						       UINT32_MAX :
						       (uint32_t)served }),
			     NULL, 0);
	leave(process, 0);
}

/* What has to end before it stops.  Its own health checks were aborted: a module
 * that does not heed that holds nobody up. */
static uint64_t
count_unfinished(const struct process *process, uint64_t now)
{
	uint64_t own = atomic_load(&process->checks.running);
	uint64_t active = worker_active(process->worker);

	if (now - process->stop_began < STOP_CHECKS_MS * CLOCK_NS_PER_MS)
		return active;
	return own < active ? active - own : 0;
}

/*
 * No request runs, and none can come: all channels are drained, or it has been
 * quiet for a while.
 */
static void
on_stop_timer(uv_timer_t *timer)
{
	struct process *process = timer->data;
	uint64_t now = clock_monotonic_ns();
	uint64_t active = count_unfinished(process, now);

	if (active > 0)
		process->quiet_since = now;
	if (active == 0 && client_background_count() == 0 &&
	    (worker_open_channels(process->worker) == 0 ||
	     now - process->quiet_since >= STOP_QUIET_MS * CLOCK_NS_PER_MS) &&
	    processes_stop() == 0) {
		finish_stop(process);
		return;
	}
	if (now >= process->stop_deadline) {
		log_warn(4040, NULL,
			 "stopping at the deadline with %llu requests running",
			 (unsigned long long)active);
		finish_stop(process);
	}
}

static void
stop(struct process *process, uint64_t deadline_ms)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t deadline = now + deadline_ms * CLOCK_NS_PER_MS;

	if (process->leaving)
		return;
	if (process->stopping) {
		/* Again, and more urgent. */
		if (deadline < process->stop_deadline)
			process->stop_deadline = deadline;
		return;
	}
	process->stopping = true;
	if (process->worker == NULL) {
		leave(process, 0);
		return;
	}
	if (process->preloaded)
		globals_stop(process->worker, "");
	io_close(&process->reclaim_fd);
	initialization_cancel(&process->initialization);
	health_checks_cancel(&process->checks);
	process->stop_began = process->quiet_since = now;
	process->stop_deadline = deadline;
	uv_timer_start(&process->stop_timer, on_stop_timer, 0, STOP_POLL_MS);
}

/* Nobody could give it work any more. */
static void
leave_if_alone(void *arg)
{
	struct process *process = arg;

	if (process->control == NULL && list_empty(&process->links.all)) {
		log_info(NULL, "manager and listeners are gone");
		leave(process, 0);
	}
}

static void
on_terminate(uv_signal_t *handle, int number)
{
	(void)number;
	stop(handle->data, TERMINATE_MS);
}

/* ---- starting --------------------------------------------------------------------------- */

static void
fail(struct process *process, const struct portico_error *err)
{
	struct control_failed failed;

	log_write_error(LOG_LEVEL_ERROR, 4041, NULL, err);
	control_failed_from_error(&failed, err);
	if (process->control != NULL)
		control_send(process->control, control_encode_failed(&failed),
			     NULL, 0);
	leave(process, 1);
}

static void say_ready(struct process *process);
static void on_health_failed(void *arg, const char *why);

/* All pages were requested, or one that has to be there cannot be had. */
static void
on_initialized(void *arg, const struct portico_error *err)
{
	struct process *process = arg;

	if (process->leaving || process->stopping)
		return;
	if (err != NULL) {
		fail(process, err);
		return;
	}
	log_info(NULL, "pool %s is ready: %zu application%s, %u loop%s",
		 process->pool, process->worker->application_count,
		 process->worker->application_count == 1 ? "" : "s",
		 process->worker->loop_count,
		 process->worker->loop_count == 1 ? "" : "s");
	process->preloaded = true;
	say_ready(process);
	globals_tell(process->worker, PORTICO_GLOBAL_START, "", 0);
	health_checks_begin(&process->checks, &process->uv, &process->mailbox,
			    on_health_failed, process);
}

/* All modules are content, or one is not. */
static void
on_preloaded(void *arg, const struct portico_error *err)
{
	struct process *process = arg;
	struct initialization *initialization = &process->initialization;
	const struct control_initializing message = {
		.pages = (uint32_t)initialization->count
	};

	if (process->leaving || process->stopping)
		return;
	if (err != NULL || initialization->count == 0) {
		on_initialized(process, err);
		return;
	}
	if (process->control != NULL)
		control_send(process->control,
			     control_encode_initializing(&message), NULL, 0);
	initialization_begin(initialization, &process->uv, &process->mailbox,
			     on_initialized, process);
}

static void
on_report(void *arg, const char *reason, const char *module, const char *text)
{
	struct process *process = arg;
	const struct control_replace message = { .reason = reason,
						 .module = module,
						 .text = text };

	if (process->control != NULL)
		control_send(process->control, control_encode_replace(&message),
			     NULL, 0);
}

static void
on_health_failed(void *arg, const char *why)
{
	on_report(arg, "health", "", why);
}

/* Before any module is loaded. */
static enum portico_status
restrict_calls(const struct settings_pool *pool, struct portico_error *err)
{
	const struct settings_system_calls *calls =
		&pool->isolation.system_calls;
	enum portico_status status;

	if (calls->filter == SETTINGS_MEANS_OFF)
		return PORTICO_OK;
	status = sandbox_enter(
		&(struct sandbox_options){
			.kind = SANDBOX_WORKER,
			.allow = calls->allow,
			.allow_count = calls->allow_count,
			.setting = "isolation.systemCalls.allow" },
		err);
	if (status != PORTICO_UNSUPPORTED ||
	    calls->filter == SETTINGS_MEANS_REQUIRED)
		return status;
	log_info(NULL, "%s", err->message);
	return PORTICO_OK;
}

static enum portico_status
start(struct process *process, int *fds, size_t nfds, bool restarted,
      struct portico_error *err)
{
	struct settings *settings = settings_read_memfd(fds[0], err);
	const struct settings_pool *pool;
	enum portico_status status = PORTICO_OK;

	if (settings == NULL)
		return err->status;
	pool = settings_find_pool(settings, process->pool);
	if (pool == NULL)
		status = error_set(err, PORTICO_CONFIG,
				   "pool \"%s\" is not in the settings",
				   process->pool);
	if (status == PORTICO_OK)
		status = file_check_openat2(err);
	if (status == PORTICO_OK)
		status = restrict_calls(pool, err);
	if (status == PORTICO_OK) {
		process->worker = worker_new(pool->name, pool->threads,
					     pool->offload_threads, err);
		status = process->worker == NULL ?
				 err->status :
				 worker_configure(process->worker, settings,
						  pool, err);
	}
	if (status == PORTICO_OK && nfds > 1 && pool->shared_memory > 0) {
		status = worker_share(process->worker, fds[1], err);
		if (status == PORTICO_OK)
			fds[1] = -1;
	}
	if (pool != NULL)
		process->block_limit = pool->loop_block_limit;
	if (status == PORTICO_OK) {
		background_open(process->worker->offload);
		globals_init(process->worker, &process->uv, &process->mailbox);
		process->worker->globals.report = on_report;
		process->worker->globals.preloaded = on_preloaded;
		process->worker->globals.arg = process;
		initialization_collect(&process->initialization,
				       process->worker, settings, pool,
				       restarted);
		health_checks_collect(&process->checks, process->worker,
				      settings, pool);
		status = worker_start_modules(process->worker, err);
	}
	settings_unref(&settings);
	return status;
}

/* Most bytes of versions and files in one message: porticod takes no larger
 * one from a worker than CONTROL_UNTRUSTED_MAX. */
#define LOADED_BYTES_MAX 32768

/* A file's name need not be UTF-8, which JSON has to be. */
static json_t *
describe_module(const struct module_record *record, size_t *used)
{
	const struct portico_module *module = &record->module;
	json_t *json = json_pack("{s:s, s:o}", "name", record->name, "abi",
				 json_sprintf("%u.%u", module->abi_major,
					      module->abi_minor));
	json_t *file, *version;

	*used += strlen(record->path) + strlen(module->version);
	if (*used > LOADED_BYTES_MAX)
		return json;
	file = json_string(record->path);
	version = json_string(module->version);
	json_object_set_new(json, "file", file ? file : json_string("?"));
	json_object_set_new(json, "version",
			    version ? version : json_string("?"));
	return json;
}

/* With the names behind the numbers of the progress words. */
static void
say_ready(struct process *process)
{
	const struct module_set *set = process->worker->modules;
	struct control_ready ready = {
		.loops = process->worker->loop_count,
		.modules = json_array(),
		.events = json_array(),
		.loaded = json_array(),
		.degraded = process->worker->degraded == NULL ?
				    "" :
				    process->worker->degraded,
	};

	size_t used = 0;

	for (size_t i = 0; i < module_set_count(set); i++) {
		const struct module_record *record = module_set_get(set, i);

		json_array_append_new(ready.modules, json_string(record->name));
		json_array_append_new(ready.loaded,
				      describe_module(record, &used));
	}
	for (int i = 0; i < PORTICO_EVENT_COUNT; i++)
		json_array_append_new(ready.events,
				      json_string(pipeline_event_name(
					      (enum portico_event)i)));
	control_send(process->control, control_encode_ready(&ready), NULL, 0);
	json_decref(ready.modules);
	json_decref(ready.events);
	json_decref(ready.loaded);
}

static void
receive_configure(struct process *process, const json_t *message, int *fds,
		  size_t nfds)
{
	struct control_configure configure;
	struct portico_error err;

	error_clear(&err);
	/* A new configuration is a new worker. */
	if (process->worker != NULL)
		return;
	if (control_decode_configure(message, &configure, &err) != PORTICO_OK ||
	    nfds < 1) {
		if (err.message[0] == '\0')
			error_set(&err, PORTICO_PROTOCOL,
				  "configure came without settings");
		fail(process, &err);
		return;
	}
	if (start(process, fds, nfds, configure.restarted, &err) !=
	    PORTICO_OK) {
		fail(process, &err);
		return;
	}
	links_init(&process->links, &process->uv, process->worker,
		   &process->mailbox);
	process->links.on_empty = leave_if_alone;
	process->links.arg = process;
	if (worker_start_loops(process->worker, &err) != PORTICO_OK ||
	    worker_watch(process->worker, process->block_limit, &err) !=
		    PORTICO_OK) {
		fail(process, &err);
		return;
	}
	globals_preload(process->worker);
}

/* ---- queries ------------------------------------------------------------------------------- */

static json_t *
describe_sum(const struct calls_sum *sum)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "calls",
			 (json_int_t)sum->calls, "errors",
			 (json_int_t)sum->errors, "wallUs",
			 (json_int_t)(sum->wall_ns / CLOCK_NS_PER_US), "cpuUs",
			 (json_int_t)(sum->cpu_ns / CLOCK_NS_PER_US));
}

/* Those in which the module was called. */
static json_t *
describe_events(const struct portico_worker *worker, uint32_t module)
{
	json_t *all = json_array();

	for (unsigned kind = 0; kind < CALL_KINDS; kind++) {
		struct calls_sum sum;
		json_t *one;

		calls_of(worker, module, kind, &sum);
		if (sum.calls == 0)
			continue;
		one = describe_sum(&sum);
		json_object_set_new(one, "event",
				    json_string(call_kind_name(kind)));
		json_array_append_new(all, one);
	}
	return all;
}

/* What the loops have counted, read as it is: no loop is asked. */
static json_t *
describe_counts(const struct process *process)
{
	const struct portico_worker *worker = process->worker;
	json_t *all = json_array();

	for (size_t i = 0; i < module_set_count(worker->modules); i++) {
		struct calls_sum sum;
		json_t *one;

		calls_of(worker, (uint32_t)i, CALL_KINDS, &sum);
		one = describe_sum(&sum);
		json_object_set_new(one, "pending", json_integer(sum.pending));
		json_object_set_new(one, "events",
				    describe_events(worker, (uint32_t)i));
		json_object_set_new(
			one, "metrics",
			metrics_describe(
				worker,
				&module_set_get(worker->modules, i)->self));
		json_array_append_new(all, one);
	}
	return json_pack("{s:o}", "modules", all);
}

/* What it is before it is stopped for a while. */
static json_t *
page_out(struct process *process)
{
	size_t bytes = page_out_all();

	if (process->reclaim_fd >= 0)
		page_out_group(process->reclaim_fd, process->reclaim_mib);
	io_close(&process->reclaim_fd);
	return json_pack("{s:I}", "bytes", (json_int_t)bytes);
}

static void
receive_query(struct process *process, const json_t *message)
{
	struct control_query query;
	struct control_reply reply;

	if (process->worker == NULL ||
	    control_decode_query(message, &query, NULL) != PORTICO_OK)
		return;
	/* Another porticod may not have heard it. */
	if (strcmp(query.what, "again") == 0) {
		if (process->preloaded)
			say_ready(process);
		return;
	}
	/* What it does not know it has nothing about. */
	reply.id = query.id;
	if (strcmp(query.what, "modules") == 0)
		reply.body = describe_counts(process);
	else if (strcmp(query.what, "page-out") == 0)
		reply.body = page_out(process);
	else if (strcmp(query.what, "stacks") == 0)
		reply.body = json_pack("{s:o}", "threads",
				       watchdog_stacks(process->worker));
	else
		reply.body = json_object();
	control_send(process->control, control_encode_reply(&reply), NULL, 0);
	json_decref(reply.body);
}

static void
receive_ping(struct process *process, const json_t *message)
{
	struct control_ping ping;

	if (control_decode_ping(message, &ping, NULL) != PORTICO_OK)
		return;
	process->health.worker = process->worker;
	if (process->preloaded && !ping.quiet)
		globals_tell(process->worker, PORTICO_GLOBAL_HEALTH, "", 0);
	health_ping(&process->health, ping.id);
}

/* ---- notices: modules shall know ------------------------------------------------------------- */

static void
receive_notice(struct process *process, const json_t *message, int *fds,
	       size_t nfds)
{
	struct control_notice notice;
	struct portico_worker *worker = process->worker;

	if (!process->preloaded ||
	    control_decode_notice(message, &notice, NULL) != PORTICO_OK)
		return;
	if (strcmp(notice.what, "reclaim") == 0 && nfds > 0) {
		io_close(&process->reclaim_fd);
		process->reclaim_fd = fds[0];
		process->reclaim_mib = notice.value;
		fds[0] = -1;
	} else if (strcmp(notice.what, "stop") == 0)
		globals_stop(worker, notice.text);
	else if (strcmp(notice.what, "configuration") == 0)
		globals_tell(worker, PORTICO_GLOBAL_CONFIGURATION, notice.text,
			     notice.value);
	else if (strcmp(notice.what, "cleanup") == 0)
		globals_tell(worker, PORTICO_GLOBAL_CLEANUP, notice.text, 0);
}

/* ---- messages of the manager ------------------------------------------------------------------ */

static void
receive_link(struct process *process, const json_t *message, int *fds,
	     size_t nfds)
{
	struct control_link link = { 0 };

	if (process->worker == NULL || nfds < 1)
		return;
	control_decode_link(message, &link, NULL);
	links_add(&process->links, fds[0], link.listener);
	fds[0] = -1;
}

static void
receive_stop(struct process *process, const json_t *message)
{
	struct control_stop request = { 0 };

	control_decode_stop(message, &request, NULL);
	stop(process, request.deadline_ms);
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct process *process = arg;

	(void)connection;
	if (process->leaving)
		return;
	switch ((int)control_type_find(type)) {
	case CONTROL_TYPE_configure:
		receive_configure(process, message, fds, nfds);
		break;
	case CONTROL_TYPE_link:
		receive_link(process, message, fds, nfds);
		break;
	case CONTROL_TYPE_stop:
		receive_stop(process, message);
		break;
	case CONTROL_TYPE_query:
		receive_query(process, message);
		break;
	case CONTROL_TYPE_ping:
		receive_ping(process, message);
		break;
	case CONTROL_TYPE_notice:
		receive_notice(process, message, fds, nfds);
		break;
	default:
		/* A newer manager may say more. */
		break;
	}
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct process *process = arg;

	(void)connection;
	(void)status;
	log_info(NULL, "the manager is gone: %s", why);
	control_connection_free(&process->control);
	if (process->worker == NULL)
		leave(process, 1);
	else
		leave_if_alone(process);
}

/* ---- life --------------------------------------------------------------------------------------- */

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
process_fini(struct process *process)
{
	/* Modules still run: nothing can be taken from under them.  What they
	 * have answered so far their loops have handed over. */
	if (process->worker != NULL && worker_active(process->worker) > 0) {
		processes_kill();
		_exit(process->exit_status);
	}
	initialization_cancel(&process->initialization);
	health_checks_cancel(&process->checks);
	main_loop_stop();
	links_refuse(&process->links);
	/* Loops first: they may still post to the mailbox. */
	worker_free(&process->worker);
	/* Not before: a ping may have been on its way through them. */
	process->health.worker = NULL;
	uv_run(&process->uv, UV_RUN_NOWAIT);
	if (process->links.uv != NULL)
		links_close(&process->links);
	control_connection_free(&process->control);
	main_loop_close();
	mailbox_close(&process->mailbox);
	uv_walk(&process->uv, close_handle, NULL);
	uv_run(&process->uv, UV_RUN_NOWAIT);
	uv_loop_close(&process->uv);
	health_checks_free(&process->checks);
}

int
process_run(int control_fd, const char *pool)
{
	struct process process = { .pool = pool, .reclaim_fd = -1 };

	/* A peer that is gone is a status, not a signal; ^C is the manager's.
	 */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	/* A file that may not grow is an error of write(), not our end. */
	signal(SIGXFSZ, SIG_IGN);
	if (uv_loop_init(&process.uv) != 0)
		check_panic("cannot create the main loop");
	uv_timer_init(&process.uv, &process.stop_timer);
	uv_signal_init(&process.uv, &process.terminate);
	process.stop_timer.data = process.terminate.data = &process;
	uv_signal_start(&process.terminate, on_terminate, SIGTERM);
	mailbox_init(&process.mailbox, &process.uv);
	process.health.mailbox = &process.mailbox;
	process.health.control = &process.control;
	process.health.own = &process.checks.running;
	main_loop_open(&process.uv, &process.mailbox);
	process.control = control_connection_new(
		&process.uv, control_fd, on_message, on_closed, &process);
	uv_run(&process.uv, UV_RUN_DEFAULT);
	process_fini(&process);
	return process.exit_status;
}

int
process_show_pipeline(const char *path, const char *pool_name)
{
	struct arena *arena = arena_new("show-pipeline", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct settings *settings = settings_read_file(path, problems);
	int exit_status = 0;

	if (settings == NULL) {
		config_print_problems(problems, stderr);
		arena_free(arena);
		return 1;
	}
	for (size_t i = 0; i < settings->pool_count; i++) {
		const struct settings_pool *pool = &settings->pools[i];
		struct portico_worker *worker;
		struct portico_error err;

		if (pool_name != NULL && strcmp(pool->name, pool_name) != 0)
			continue;
		error_clear(&err);
		worker = worker_new(pool->name, 1, 1, &err);
		if (worker != NULL && worker_configure(worker, settings, pool,
						       &err) == PORTICO_OK) {
			worker_print_pipelines(worker, stdout);
		} else {
			error_print(stderr, &err);
			exit_status = 1;
		}
		worker_free(&worker);
	}
	settings_unref(&settings);
	arena_free(arena);
	return exit_status;
}
