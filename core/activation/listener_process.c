/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener process.
 */
#include "core/activation/listener_process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/activation/environment.h"
#include "core/activation/events.h"
#include "core/activation/identity.h"
#include "core/activation/limits.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/control/connection.h"
#include "core/control/messages.h"

/* A listener that never served is given up after so many tries. */
#define FIRST_TRIES_MAX 3

struct query {
	struct list link;
	struct listener_process *listener;
	uint32_t id;
	uv_timer_t timer;
	listener_query_fn *done; /* NULL: forgotten */
	void *arg;
};

static void start_again(uv_timer_t *timer);

static const char *const state_names[] = {
	[LISTENER_PROCESS_DOWN] = "down",
	[LISTENER_PROCESS_STARTING] = "starting",
	[LISTENER_PROCESS_SERVING] = "serving",
	[LISTENER_PROCESS_DRAINING] = "draining",
	[LISTENER_PROCESS_DRAINED] = "stopping",
};

const char *
listener_process_state_name(enum listener_process_state state)
{
	ASSERT((unsigned)state < sizeof state_names / sizeof *state_names);
	return state_names[state];
}

void
listener_process_init(struct listener_process *listener,
		      struct manager *manager)
{
	memset(listener, 0, sizeof *listener);
	listener->manager = manager;
	list_init(&listener->queries);
	uv_timer_init(&manager->loop, &listener->timer);
	listener->timer.data = listener;
}

/* ---- queries ------------------------------------------------------------- */

static void
on_query_closed(uv_handle_t *handle)
{
	mem_free(CONTAINER_OF(handle, struct query, timer));
}

static void
finish(struct query *query, json_t *body)
{
	listener_query_fn *done = query->done;
	void *arg = query->arg;

	list_remove(&query->link);
	uv_close((uv_handle_t *)&query->timer, on_query_closed);
	if (done != NULL)
		done(body, arg);
}

static void
on_query_limit(uv_timer_t *timer)
{
	finish(CONTAINER_OF(timer, struct query, timer), NULL);
}

uint32_t
listener_process_query(struct listener_process *listener, const char *what,
		       listener_query_fn *done, void *arg)
{
	struct control_query message = { .what = what };
	struct query *query = mem_zalloc(sizeof *query);
	bool sent;

	message.id = query->id = ++listener->next_query;
	query->listener = listener;
	query->done = done;
	query->arg = arg;
	list_init(&query->link);
	list_add_tail(&listener->queries, &query->link);
	uv_timer_init(&listener->manager->loop, &query->timer);
	sent = listener->control != NULL &&
	       listener->state != LISTENER_PROCESS_STARTING &&
	       control_send(listener->control, control_encode_query(&message),
			    NULL, 0) == PORTICO_OK;
	uv_timer_start(&query->timer, on_query_limit, sent ? QUERY_LIMIT_MS : 0,
		       0);
	return query->id;
}

void
listener_process_forget(struct listener_process *listener, void *arg)
{
	LIST_FOREACH(struct query, link, query, &listener->queries)
		if (query->arg == arg)
			query->done = NULL;
}

static void
on_reply(struct listener_process *listener, const json_t *json)
{
	struct control_reply reply;

	if (control_decode_reply(json, &reply, NULL) != PORTICO_OK)
		return;
	LIST_FOREACH_SAFE(struct query, link, query, &listener->queries) {
		if (query->id == reply.id) {
			finish(query, reply.body);
			return;
		}
	}
}

/* ---- to the listener ----------------------------------------------------- */

static void
tell(struct listener_process *listener, json_t *message)
{
	if (listener->control != NULL)
		control_send(listener->control, message, NULL, 0);
	else
		json_decref(message);
}

bool
listener_process_add_worker(struct listener_process *listener,
			    const struct worker_process *worker, int fd)
{
	const struct control_worker message = {
		.pool = worker->pool->name,
		.worker = worker->id,
		.pid = (int32_t)process_pid(worker->process),
		.loops = worker->loops,
		.generation = worker->epoch,
	};

	return listener->control != NULL &&
	       control_send(listener->control, control_encode_worker(&message),
			    &fd, 1) == PORTICO_OK;
}

void
listener_process_drain_worker(struct listener_process *listener,
			      uint32_t worker, bool abort)
{
	tell(listener, control_encode_worker_drain(&(
			       struct control_worker_drain){ worker, abort }));
}

void
listener_process_worker_gone(struct listener_process *listener, uint32_t worker,
			     const char *reason)
{
	tell(listener, control_encode_worker_gone(&(struct control_worker_gone){
			       .worker = worker, .reason = reason }));
}

void
listener_process_pool_state(struct listener_process *listener,
			    const struct pool *pool)
{
	tell(listener,
	     control_encode_pool_state(&(struct control_pool_state_message){
		     .pool = pool->name,
		     .state = pool->state,
		     .reason = pool->reason }));
}

static enum portico_status
send_sockets(struct listener_process *listener, uint32_t *count_r)
{
	*count_r = 0;
	LIST_FOREACH(struct sockets_entry, link, entry,
		     &listener->manager->sockets.entries) {
		const struct control_socket message = {
			.address = entry->address,
			.port = entry->port,
			.real_port = entry->real_port,
			.family = entry->family,
			.thread = entry->thread,
			.tls = entry->tls,
		};
		enum portico_status status;

		if (!entry->wanted)
			continue;
		status = control_send(listener->control,
				      control_encode_socket(&message),
				      &entry->fd, 1);
		if (status != PORTICO_OK)
			return status;
		++*count_r;
	}
	return PORTICO_OK;
}

enum portico_status
listener_process_configure(struct listener_process *listener,
			   struct portico_error *err)
{
	struct settings *settings = listener->manager->settings;
	const struct control_configure configure = {
		.generation = settings->generation,
		.pool = "",
	};
	struct control_sockets_done done = { .count = 0 };
	enum portico_status status;
	int memory;

	if (listener->control == NULL)
		return error_set(err, PORTICO_STATE,
				 "configuring the listener: it does not run");
	memory = settings_to_memfd(settings, SETTINGS_FOR_LISTENER, NULL, err);
	if (memory < 0)
		return (enum portico_status)memory;
	status = control_send(listener->control,
			      control_encode_configure(&configure), &memory, 1);
	io_close(&memory);
	if (status == PORTICO_OK)
		status = send_sockets(listener, &done.count);
	if (status == PORTICO_OK)
		status = control_send(listener->control,
				      control_encode_sockets_done(&done), NULL,
				      0);
	if (status != PORTICO_OK)
		return error_set(err, status, "configuring the listener: %s",
				 status_text(status));
	return PORTICO_OK;
}

/* What a new listener has to know beside settings and sockets. */
static void
send_pools(struct listener_process *listener)
{
	LIST_FOREACH(struct pool, link, pool, &listener->manager->pools) {
		if (pool->state != CONTROL_POOL_STARTED)
			listener_process_pool_state(listener, pool);
		LIST_FOREACH_SAFE(struct worker_process, link, worker,
				  &pool->workers) {
			if (worker->state == WORKER_PROCESS_DRAINING)
				worker_process_drained(worker);
			else if (worker->state == WORKER_PROCESS_READY ||
				 worker->state == WORKER_PROCESS_ATTACHED)
				worker_process_join(worker);
		}
	}
}

/* ---- from the listener --------------------------------------------------- */

static void
on_serving(struct listener_process *listener)
{
	if (listener->state == LISTENER_PROCESS_STARTING) {
		listener->state = LISTENER_PROCESS_SERVING;
		uv_timer_stop(&listener->timer);
		manager_listener_serving(listener->manager);
	}
	manager_listener_configured(listener->manager);
}

static void
on_demand(struct listener_process *listener, const json_t *json)
{
	struct control_demand message;
	struct pool *pool;

	if (control_decode_demand(json, &message, NULL) != PORTICO_OK)
		return;
	pool = manager_find_pool(listener->manager, message.pool);
	if (pool != NULL)
		pool_demand(pool);
}

static void
on_worker(struct listener_process *listener, enum control_type type,
	  const json_t *json)
{
	struct control_worker_lost lost = { .worker = 0 };
	struct worker_process *worker;

	/* The three messages all begin with "worker". */
	if (control_decode_worker_lost(json, &lost, NULL) != PORTICO_OK)
		return;
	worker = manager_find_worker(listener->manager, lost.worker);
	if (worker == NULL)
		return;
	if (type == CONTROL_TYPE_worker_attached)
		worker_process_attached(worker);
	else if (lost.exhausted)
		worker_process_refused(worker, lost.reason);
	else if (type == CONTROL_TYPE_worker_drained)
		worker_process_drained(worker);
	else
		worker_process_lost(worker, lost.reason, lost.lied);
}

static void
on_failed(const json_t *json)
{
	struct control_failed message;
	struct portico_error err;

	if (control_decode_failed(json, &message, NULL) != PORTICO_OK)
		return;
	control_failed_to_error(&message, &err);
	error_prefix(&err, "the listener cannot start");
	log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL, &err);
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct listener_process *listener = arg;
	enum control_type known = control_type_find(type);

	(void)connection;
	(void)fds;
	(void)nfds;
	switch (known) {
	case CONTROL_TYPE_ready:
		on_serving(listener);
		return;
	case CONTROL_TYPE_demand:
		on_demand(listener, message);
		return;
	case CONTROL_TYPE_worker_attached:
	case CONTROL_TYPE_worker_drained:
	case CONTROL_TYPE_worker_lost:
		on_worker(listener, known, message);
		return;
	case CONTROL_TYPE_reply:
		on_reply(listener, message);
		return;
	case CONTROL_TYPE_drained:
		if (listener->state == LISTENER_PROCESS_DRAINING)
			manager_listener_drained(listener->manager);
		return;
	case CONTROL_TYPE_failed:
		on_failed(message);
		return;
	default:
		log_debug(NULL,
			  "the listener sent an unexpected message \"%s\"",
			  type);
		return;
	}
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct listener_process *listener = arg;

	(void)connection;
	control_connection_free(&listener->control);
	if (status != PORTICO_CLOSED)
		log_warn(EVENT_LISTENER_MESSAGE, NULL,
			 "the control connection of the listener ended: %s",
			 why);
	/* Usually it is dying; one that lives on is of no use. */
	if (listener->process != NULL)
		process_signal(listener->process, SIGKILL);
}

static void
on_line(struct process *process, const char *line, void *arg)
{
	const struct log_context ctx = { .name = "process",
					 .value = "listener" };

	(void)process;
	(void)arg;
	process_relay(&ctx, line);
}

/* ---- its end ------------------------------------------------------------- */

/* 0 at first, then up to a second while it keeps dying young. */
static uint64_t
restart_delay_ms(const struct listener_process *listener)
{
	static const uint64_t delays[] = { 0, 0, 100, 300, 1000 };
	unsigned last = sizeof delays / sizeof *delays - 1;

	return delays[listener->quick_deaths < last ? listener->quick_deaths :
						      last];
}

static void
plan_restart(struct listener_process *listener)
{
	struct manager *manager = listener->manager;

	if (clock_monotonic_ns() - listener->started_ns > LISTENER_STEADY_NS)
		listener->quick_deaths = 0;
	else
		listener->quick_deaths++;
	if (!manager->served && listener->quick_deaths >= FIRST_TRIES_MAX) {
		log_error(EVENT_LISTENER_DIED, NULL,
			  "the listener did not start in %d tries",
			  FIRST_TRIES_MAX);
		manager->result = 1;
		manager_stop(manager, "there is no listener");
		return;
	}
	uv_timer_start(&listener->timer, start_again,
		       restart_delay_ms(listener), 0);
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	struct listener_process *listener = arg;
	enum listener_process_state state = listener->state;
	int pid = (int)process_pid(process);
	char how[128];

	process_exit_text(result, how, sizeof how);
	control_connection_free(&listener->control);
	process_free(&listener->process);
	listener->state = LISTENER_PROCESS_DOWN;
	uv_timer_stop(&listener->timer);
	LIST_FOREACH_SAFE(struct query, link, query, &listener->queries)
		finish(query, NULL);
	if (state == LISTENER_PROCESS_DRAINED) {
		log_info(NULL, "the listener (process %d) has stopped", pid);
		manager_something_ended(listener->manager);
		return;
	}
	log_error(EVENT_LISTENER_DIED, NULL,
		  "the listener (process %d) terminated unexpectedly: it %s",
		  pid, how);
	if (state == LISTENER_PROCESS_DRAINING)
		manager_listener_drained(listener->manager);
	else
		plan_restart(listener);
}

/* ---- its start ----------------------------------------------------------- */

static void
on_start_limit(uv_timer_t *timer)
{
	struct listener_process *listener = timer->data;

	log_error(EVENT_LISTENER_START_LIMIT, NULL,
		  "the listener (process %d) was not ready within %d s",
		  (int)process_pid(listener->process),
		  LISTENER_START_LIMIT_MS / 1000);
	process_signal(listener->process, SIGKILL);
}

static enum portico_status
spawn(struct listener_process *listener, struct portico_error *err)
{
	static const char *const arguments[] = { "portico-listener",
						 "--control-fd", "3", NULL };
	struct manager *manager = listener->manager;
	struct identity identity;
	struct process_options options = { .arguments = arguments,
					   .identity = &identity,
					   .raise_files = true };
	int ends[2];
	enum portico_status status =
		identity_resolve(manager->settings, NULL, &identity, err);
	const char **environment;
	char *path;

	if (status == PORTICO_OK)
		status = io_seqpacket_pair(ends, true, err);
	if (status != PORTICO_OK)
		return status;
	environment = environment_new(NULL);
	path = manager_program(manager, "portico-listener");
	options.path = path;
	options.environment = environment;
	options.control_fd = ends[1];
	status = environment == NULL ?
			 error_set(err, PORTICO_NO_MEMORY,
				   "starting the listener: out of memory") :
			 process_start(&manager->loop, &options, on_line,
				       on_end, listener, &listener->process,
				       err);
	environment_free(environment);
	mem_free(path);
	io_close(&ends[1]);
	if (status == PORTICO_OK)
		listener->control = control_connection_new(&manager->loop,
							   ends[0], on_message,
							   on_closed, listener);
	else
		io_close(&ends[0]);
	return status;
}

void
listener_process_start(struct listener_process *listener)
{
	struct portico_error err;

	ASSERT(listener->state == LISTENER_PROCESS_DOWN);
	listener->started_ns = clock_monotonic_ns();
	if (spawn(listener, &err) != PORTICO_OK) {
		log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL,
				&err);
		plan_restart(listener);
		return;
	}
	listener->number++;
	listener->state = LISTENER_PROCESS_STARTING;
	log_info(NULL, "starting the listener, process %d",
		 (int)process_pid(listener->process));
	uv_timer_start(&listener->timer, on_start_limit,
		       LISTENER_START_LIMIT_MS, 0);
	if (listener_process_configure(listener, &err) != PORTICO_OK) {
		log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL,
				&err);
		process_signal(listener->process, SIGKILL);
		return;
	}
	send_pools(listener);
}

static void
start_again(uv_timer_t *timer)
{
	struct listener_process *listener = timer->data;

	if (listener->manager->phase == MANAGER_RUNNING)
		listener_process_start(listener);
}

/* ---- stopping ------------------------------------------------------------ */

static void
on_drain_limit(uv_timer_t *timer)
{
	struct listener_process *listener = timer->data;

	log_warn(EVENT_SHUTDOWN_LIMIT, NULL,
		 "the listener did not finish its requests in time");
	manager_listener_drained(listener->manager);
}

void
listener_process_drain(struct listener_process *listener, uint64_t limit_ms)
{
	const struct control_drain message = { .deadline_ms = limit_ms };

	uv_timer_stop(&listener->timer);
	if (listener->state != LISTENER_PROCESS_SERVING ||
	    listener->control == NULL ||
	    control_send(listener->control, control_encode_drain(&message),
			 NULL, 0) != PORTICO_OK) {
		manager_listener_drained(listener->manager);
		return;
	}
	listener->state = LISTENER_PROCESS_DRAINING;
	/* A second for it to notice the deadline itself. */
	uv_timer_start(&listener->timer, on_drain_limit, limit_ms + 1000, 0);
}

static void
on_end_limit(uv_timer_t *timer)
{
	struct listener_process *listener = timer->data;

	if (listener->process != NULL)
		process_signal(listener->process, SIGKILL);
}

void
listener_process_end(struct listener_process *listener)
{
	uv_timer_stop(&listener->timer);
	if (listener->process == NULL)
		return;
	listener->state = LISTENER_PROCESS_DRAINED;
	process_signal(listener->process, SIGTERM);
	uv_timer_start(&listener->timer, on_end_limit, TERM_TO_KILL_MS, 0);
}

void
listener_process_restart(struct listener_process *listener)
{
	if (listener->process != NULL)
		process_signal(listener->process, SIGKILL);
}

void
listener_process_kill(struct listener_process *listener)
{
	if (listener->process == NULL)
		return;
	listener->state = LISTENER_PROCESS_DRAINED;
	process_signal(listener->process, SIGKILL);
}

void
listener_process_fini(struct listener_process *listener)
{
	LIST_FOREACH_SAFE(struct query, link, query, &listener->queries) {
		query->done = NULL;
		finish(query, NULL);
	}
	control_connection_free(&listener->control);
	process_free(&listener->process);
	uv_close((uv_handle_t *)&listener->timer, NULL);
}
