/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener process.
 */
#include "core/activation/listener_process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/activation/certificates.h"
#include "core/activation/environment.h"
#include "core/activation/crash.h"
#include "core/activation/events.h"
#include "core/activation/figures.h"
#include "core/activation/confinement.h"
#include "core/activation/identity.h"
#include "core/activation/limits.h"
#include "core/activation/listeners.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/state.h"
#include "core/activation/takeover.h"
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

#define LISTENER_PROCESS_MAGIC 0x115e9c05u

struct member {
	struct list link;
	uint32_t worker;
	enum listener_member state;
	bool fresh; /* given after it was asked what it has */
};

static const char *const state_names[] = {
	[LISTENER_PROCESS_STARTING] = "starting",
	[LISTENER_PROCESS_OPENING] = "starting",
	[LISTENER_PROCESS_SERVING] = "serving",
	[LISTENER_PROCESS_DRAINING] = "draining",
	[LISTENER_PROCESS_ENDING] = "stopping",
};

const char *
listener_process_state_name(enum listener_process_state state)
{
	ASSERT((unsigned)state < sizeof state_names / sizeof *state_names);
	return state_names[state];
}

int
listener_process_pid(const struct listener_process *listener)
{
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	return (int)process_pid(listener->process);
}

json_t *
listener_process_to_json(const struct listener_process *listener)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t left = listener->drain_until_ns > now ?
				listener->drain_until_ns - now :
				0;
	json_t *json;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	json = json_pack(
		"{s:I, s:i, s:s, s:I}", "number", (json_int_t)listener->number,
		"pid", listener_process_pid(listener), "state",
		listener_process_state_name(listener->state), "uptimeMs",
		(json_int_t)((now - listener->started_ns) / CLOCK_NS_PER_MS));
	if (listener->state == LISTENER_PROCESS_DRAINING)
		json_object_set_new(
			json, "limitMs",
			json_integer((json_int_t)(left / CLOCK_NS_PER_MS)));
	return json;
}

/* ---- the workers that it was given --------------------------------------- */

static struct member *
find_member(const struct listener_process *listener, uint32_t worker)
{
	LIST_FOREACH(struct member, link, member, &listener->members)
		if (member->worker == worker)
			return member;
	return NULL;
}

enum listener_member
listener_process_member(const struct listener_process *listener,
			uint32_t worker)
{
	const struct member *member = find_member(listener, worker);

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	return member == NULL ? LISTENER_MEMBER_NONE : member->state;
}

static void
drop_member(struct member *member)
{
	list_remove(&member->link);
	mem_free(member);
}

json_t *
listener_process_members(const struct listener_process *listener)
{
	json_t *all = json_array();

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	LIST_FOREACH(struct member, link, member, &listener->members)
		json_array_append_new(all, json_pack("[I, i]",
						     (json_int_t)member->worker,
						     (int)member->state));
	return all;
}

uint64_t
listener_process_members_stamp(const struct listener_process *listener)
{
	uint64_t stamp = 0;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	LIST_FOREACH(struct member, link, member, &listener->members)
		stamp += ((uint64_t)member->worker * 8 + member->state) *
			 0x9e3779b97f4a7c15ull;
	return stamp;
}

static void
add_member(struct listener_process *listener, uint32_t worker,
	   enum listener_member state)
{
	struct member *member = mem_zalloc(sizeof *member);

	member->worker = worker;
	member->state = state;
	member->fresh = listener->asked_again;
	list_init(&member->link);
	list_add_tail(&listener->members, &member->link);
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

enum portico_status
listener_process_add_worker(struct listener_process *listener,
			    const struct worker_process *worker, int fd,
			    struct portico_error *err)
{
	const struct control_worker message = {
		.pool = worker->pool->name,
		.worker = worker->id,
		.pid = (int32_t)process_pid(worker->process),
		.loops = worker->loops,
		.generation = worker->epoch,
		.affinity = worker->affinity,
	};
	enum portico_status status;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (listener->control == NULL)
		return PORTICO_CLOSED;
	/* What it was told cannot be taken back: the next porticod must not
	 * give it the same one again. */
	add_member(listener, worker->id, LISTENER_MEMBER_GIVEN);
	state_sweep(listener->manager);
	status = control_send(listener->control,
			      control_encode_worker(&message), &fd, 1);
	if (status == PORTICO_OK)
		return PORTICO_OK;
	drop_member(find_member(listener, worker->id));
	return control_send_failed(listener->control, status, err,
				   "linking worker %u to the listener",
				   worker->id);
}

void
listener_process_drain_worker(struct listener_process *listener,
			      uint32_t worker, bool abort)
{
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	tell(listener,
	     control_encode_worker_drain(&(struct control_worker_drain){
		     .worker = worker, .abort = abort }));
}

void
listener_process_pause_worker(struct listener_process *listener,
			      const struct worker_process *worker, bool pause)
{
	struct member *member = find_member(listener, worker->id);

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (member == NULL || member->state == LISTENER_MEMBER_LOST)
		return;
	if (!pause && member->state == LISTENER_MEMBER_DRAINED)
		member->state = LISTENER_MEMBER_ATTACHED;
	tell(listener,
	     control_encode_worker_drain(&(struct control_worker_drain){
		     .worker = worker->id,
		     .pause = pause,
		     .resume = !pause,
		     .round = worker->suspended.round }));
}

void
listener_process_worker_gone(struct listener_process *listener, uint32_t worker,
			     const char *reason)
{
	struct member *member = find_member(listener, worker);

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (member == NULL)
		return;
	drop_member(member);
	tell(listener, control_encode_worker_gone(&(struct control_worker_gone){
			       .worker = worker, .reason = reason }));
}

void
listener_process_pool_state(struct listener_process *listener,
			    const struct pool *pool)
{
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	tell(listener,
	     control_encode_pool_state(&(struct control_pool_state_message){
		     .pool = pool->name,
		     .state = pool->state,
		     .reason = pool->reason }));
}

void
listener_process_site_state(struct listener_process *listener, const char *site,
			    bool stopped)
{
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	tell(listener, control_encode_site_state(
			       &(struct control_site_state){ site, stopped }));
}

bool
listener_process_ask(struct listener_process *listener, uint32_t id,
		     const char *what)
{
	const struct control_query message = { .id = id, .what = what };

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	return listener->control != NULL &&
	       (listener->state == LISTENER_PROCESS_SERVING ||
		listener->state == LISTENER_PROCESS_DRAINING) &&
	       control_send(listener->control, control_encode_query(&message),
			    NULL, 0) == PORTICO_OK;
}

/* Before the settings that need them. */
static enum portico_status
send_secrets(struct listener_process *listener, struct portico_error *err)
{
	struct manager *manager = listener->manager;
	const struct control_configure secrets = {
		.generation = manager->settings->generation,
		.pool = "",
	};
	enum portico_status status;
	int memory;

	if (!certificates_wanted(manager->certificates))
		return PORTICO_OK;
	memory = certificates_to_memfd(manager->certificates, err);
	if (memory < 0)
		return (enum portico_status)memory;
	status = control_send(listener->control,
			      control_encode_secrets(&secrets), &memory, 1);
	io_close(&memory);
	if (status != PORTICO_OK)
		return control_send_failed(
			listener->control, status, err,
			"passing certificates to the listener");
	return PORTICO_OK;
}

enum portico_status
listener_process_configure(struct listener_process *listener, int memory,
			   struct portico_error *err)
{
	const struct control_configure configure = {
		.generation = listener->manager->settings->generation,
		.pool = "",
	};
	enum portico_status status;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (listener->control == NULL)
		return error_set(err, PORTICO_CLOSED,
				 "configuring the listener: it has hung up");
	status = send_secrets(listener, err);
	if (status != PORTICO_OK)
		return status;
	status = control_send(listener->control,
			      control_encode_configure(&configure), &memory, 1);
	if (status != PORTICO_OK)
		return control_send_failed(listener->control, status, err,
					   "configuring the listener");
	return PORTICO_OK;
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
listener_process_open(struct listener_process *listener,
		      struct portico_error *err)
{
	struct control_sockets_done done = { .count = 0 };
	enum portico_status status;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (listener->control == NULL)
		return error_set(err, PORTICO_CLOSED,
				 "passing sockets to the listener: it has hung "
				 "up");
	if (listener->state == LISTENER_PROCESS_STARTING)
		listener->state = LISTENER_PROCESS_OPENING;
	status = listener->state == LISTENER_PROCESS_DRAINING ?
			 PORTICO_OK :
			 send_sockets(listener, &done.count);
	if (status == PORTICO_OK)
		status = control_send(listener->control,
				      control_encode_sockets_done(&done), NULL,
				      0);
	if (status != PORTICO_OK)
		return control_send_failed(listener->control, status, err,
					   "passing sockets to the listener");
	return PORTICO_OK;
}

/* ---- from the listener --------------------------------------------------- */

static void
on_ready(struct listener_process *listener, const json_t *json)
{
	struct control_ready message;

	if (control_decode_ready(json, &message, NULL) == PORTICO_OK)
		listeners_on_ready(listener, message.generation);
}

static void
on_demand(struct listener_process *listener, const json_t *json)
{
	struct control_demand message;
	struct pool *pool;

	if (control_decode_demand(json, &message, NULL) != PORTICO_OK)
		return;
	pool = manager_find_pool(listener->manager, message.pool);
	if (pool == NULL)
		return;
	if (message.more)
		pool_demand_more(pool);
	else
		pool_demand(pool);
}

/* Whether it is about a time of pausing that is over: the worker was woken, and
 * may have requests again. */
static bool
is_stale(const struct listener_process *listener, const json_t *json)
{
	struct control_worker_drained message;
	const struct worker_process *worker;

	if (control_decode_worker_drained(json, &message, NULL) != PORTICO_OK ||
	    message.round == 0)
		return false;
	worker = manager_find_worker(listener->manager, message.worker);
	return worker == NULL || worker->state != WORKER_PROCESS_SUSPENDED ||
	       worker->suspended.round != message.round;
}

/* From one that is about to end it means nothing. */
static void
on_worker(struct listener_process *listener, enum control_type type,
	  const json_t *json)
{
	struct control_worker_lost message = { .worker = 0 };
	struct member *member;

	/* The three messages all begin with "worker". */
	if (listener->state == LISTENER_PROCESS_ENDING ||
	    control_decode_worker_lost(json, &message, NULL) != PORTICO_OK)
		return;
	member = find_member(listener, message.worker);
	if (member == NULL)
		return;
	if (type == CONTROL_TYPE_worker_attached) {
		if (member->state == LISTENER_MEMBER_GIVEN)
			member->state = LISTENER_MEMBER_ATTACHED;
		listeners_on_attached(listener, message.worker);
	} else if (type == CONTROL_TYPE_worker_drained) {
		if (is_stale(listener, json))
			return;
		member->state = LISTENER_MEMBER_DRAINED;
		listeners_on_worker_drained(listener, message.worker);
	} else {
		member->state = LISTENER_MEMBER_LOST;
		listeners_on_lost(listener, &message);
	}
}

static void
on_remains(struct listener_process *listener, const json_t *json)
{
	struct control_worker_remains message;

	if (control_decode_worker_remains(json, &message, NULL) == PORTICO_OK)
		crash_remains(listener->manager, message.worker,
			      message.requests);
}

static void
on_drained(struct listener_process *listener, const json_t *json)
{
	struct control_drained message;

	if (listener->state != LISTENER_PROCESS_DRAINING ||
	    control_decode_drained(json, &message, NULL) != PORTICO_OK)
		return;
	listener->aborted = message.aborted;
	listeners_on_drained(listener);
}

static void
on_failed(struct listener_process *listener, const json_t *json)
{
	struct control_failed message;
	struct portico_error err;

	if (control_decode_failed(json, &message, NULL) != PORTICO_OK)
		return;
	control_failed_to_error(&message, &err);
	listeners_on_failed(listener, &err);
}

/* What it has, after another porticod: {"workers": [{"id", ...}]}. */
static bool
has_link(const json_t *body, uint32_t worker)
{
	size_t i;
	json_t *id;

	json_array_foreach(json_object_get(body, "workers"), i,
			   id) if (json_integer_value(id) ==
				   (json_int_t)worker) return true;
	return false;
}

/* A porticod may have died when it was about to give it, or its other end to the
 * worker: then it is given now. */
static bool
give_again(struct listener_process *listener, struct member *member)
{
	struct worker_process *worker =
		manager_find_worker(listener->manager, member->worker);

	if (member->state != LISTENER_MEMBER_GIVEN || worker == NULL ||
	    worker->state != WORKER_PROCESS_READY || worker->escalation > 0)
		return false;
	drop_member(member);
	listeners_add_worker(&listener->manager->listeners, worker);
	return true;
}

/* The end of a link may have been said to a porticod that died with it.  Of what
 * it was given since it was asked the answer says nothing. */
static void
check_members(struct listener_process *listener, const json_t *body)
{
	size_t i;
	json_t *id;

	LIST_FOREACH_SAFE(struct member, link, member, &listener->members) {
		const struct control_worker_lost message = {
			.worker = member->worker,
			.reason = "the link to it ended meanwhile"
		};

		if (member->fresh ||
		    (member->state != LISTENER_MEMBER_GIVEN &&
		     member->state != LISTENER_MEMBER_ATTACHED) ||
		    has_link(body, member->worker) ||
		    give_again(listener, member))
			continue;
		member->state = LISTENER_MEMBER_LOST;
		listeners_on_lost(listener, &message);
	}
	/* Of one that was started in the last moment, and that nobody can talk
	 * to: without a link it ends by itself. */
	json_array_foreach(json_object_get(body, "workers"), i, id)
	{
		uint32_t worker = (uint32_t)json_integer_value(id);

		if (find_member(listener, worker) != NULL)
			continue;
		add_member(listener, worker, LISTENER_MEMBER_ATTACHED);
		listener_process_drain_worker(listener, worker, false);
	}
}

static void
on_reply(struct listener_process *listener, const json_t *json)
{
	struct control_reply reply;

	if (control_decode_reply(json, &reply, NULL) != PORTICO_OK)
		return;
	if (reply.id != TAKEOVER_QUERY) {
		figures_on_reply(listener, reply.id, reply.body);
		return;
	}
	if (!listener->asked_again)
		return;
	if (json_array_size(json_object_get(reply.body, "workers")) >
	    TAKEOVER_WORKERS_MAX)
		listener_process_kill(listener, "it names workers that cannot "
						"be");
	else
		check_members(listener, reply.body);
	listener->asked_again = false;
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
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	switch (known) {
	case CONTROL_TYPE_ready:
		on_ready(listener, message);
		return;
	case CONTROL_TYPE_demand:
		on_demand(listener, message);
		return;
	case CONTROL_TYPE_worker_remains:
		on_remains(listener, message);
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
		on_drained(listener, message);
		return;
	case CONTROL_TYPE_failed:
		on_failed(listener, message);
		return;
	default:
		log_debug(NULL,
			  "the listener sent an unexpected message \"%s\"",
			  type);
		return;
	}
}

static void
on_end_limit(uv_timer_t *timer)
{
	struct listener_process *listener = timer->data;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	process_signal(listener->process, SIGKILL);
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct listener_process *listener = arg;

	(void)connection;
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	control_connection_free(&listener->control);
	if (status != PORTICO_CLOSED)
		log_warn(EVENT_LISTENER_MESSAGE, NULL,
			 "the control connection of the listener ended: %s",
			 why);
	/* It is dying, or ends by itself since it has hung up, and then it may
	 * have lines of logs to write.  One that lives on is of no use. */
	if (listener->state != LISTENER_PROCESS_ENDING)
		uv_timer_start(&listener->timer, on_end_limit, HANGUP_EXIT_MS,
			       0);
}

static void
on_line(struct process *process, const char *line, void *arg)
{
	struct listener_process *listener = arg;
	const struct log_context ctx = { .name = "process",
					 .value = "listener" };

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (listener->complaint[0] == '\0' && !process_is_log_line(line))
		snprintf(listener->complaint, sizeof listener->complaint, "%s",
			 line);
	process_relay(process, &ctx, line);
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	struct listener_process *listener = arg;
	char how[128];

	(void)process;
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	control_connection_free(&listener->control);
	uv_timer_stop(&listener->timer);
	listeners_on_end(listener, process_exit_text(result, how, sizeof how));
	listener_process_free(&listener);
}

/* ---- its start ----------------------------------------------------------- */

static void
on_start_limit(uv_timer_t *timer)
{
	struct listener_process *listener = timer->data;
	uint64_t limit =
		listener->manager->settings->listener.startup_time_limit;
	struct portico_error err;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	error_set(&err, PORTICO_TIMED_OUT, "it did not serve within %.1f s",
		  (double)limit / (double)CLOCK_NS_PER_S);
	listeners_on_failed(listener, &err);
}

static void
talk(struct listener_process *listener, int control)
{
	listener->control = control_connection_new(&listener->manager->loop,
						   control, on_message,
						   on_closed, listener);
	control_connection_suspect(listener->control);
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
					   .confinement = &confinement_plain,
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
	/* By its path: what is on disk now, not what runs. */
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
		talk(listener, ends[0]);
	else
		io_close(&ends[0]);
	return status;
}

static struct listener_process *
listener_process_new(struct manager *manager, uint32_t number)
{
	struct listener_process *listener = mem_zalloc(sizeof *listener);

	listener->magic = LISTENER_PROCESS_MAGIC;
	listener->manager = manager;
	listener->number = number;
	listener->state = LISTENER_PROCESS_STARTING;
	listener->started_ns = clock_monotonic_ns();
	list_init(&listener->link);
	list_init(&listener->members);
	uv_timer_init(&manager->loop, &listener->timer);
	listener->timer.data = listener;
	return listener;
}

struct listener_process *
listener_process_start(struct manager *manager, uint32_t number,
		       struct portico_error *err)
{
	struct listener_process *listener =
		listener_process_new(manager, number);
	uint64_t limit = manager->settings->listener.startup_time_limit;
	enum portico_status status;
	int memory;

	if (spawn(listener, err) != PORTICO_OK) {
		listener_process_free(&listener);
		return NULL;
	}
	log_info(NULL, "starting %s listener, process %d",
		 manager->listeners.serving == NULL ? "the" : "another",
		 listener_process_pid(listener));
	uv_timer_start(&listener->timer, on_start_limit,
		       limit / CLOCK_NS_PER_MS, 0);
	memory = settings_to_memfd(manager->settings, SETTINGS_FOR_LISTENER,
				   NULL, err);
	status = memory < 0 ? (enum portico_status)memory :
			      listener_process_configure(listener, memory, err);
	io_close(&memory);
	/* Closed: it has ended already, and that says more. */
	if (status != PORTICO_OK && status != PORTICO_CLOSED) {
		log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL,
				err);
		listener_process_kill(listener, err->message);
	}
	return listener;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct listener_process *listener = handle->data;

	listener->magic = 0;
	mem_free(listener);
}

void
listener_process_free(struct listener_process **listener_p)
{
	struct listener_process *listener = *listener_p;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	*listener_p = NULL;
	list_remove(&listener->link);
	LIST_FOREACH_SAFE(struct member, link, member, &listener->members)
		drop_member(member);
	control_connection_free(&listener->control);
	process_free(&listener->process);
	uv_close((uv_handle_t *)&listener->timer, on_timer_closed);
}

/* ---- stopping ------------------------------------------------------------ */

static void
on_drain_limit(uv_timer_t *timer)
{
	struct listener_process *listener = timer->data;

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	log_warn(EVENT_SHUTDOWN_LIMIT, NULL,
		 "the listener (process %d) did not finish its requests in "
		 "time",
		 listener_process_pid(listener));
	listeners_on_drained(listener);
}

void
listener_process_drain(struct listener_process *listener, uint64_t limit_ms,
		       uint64_t idle_ms)
{
	uint64_t until = clock_monotonic_ns() + limit_ms * CLOCK_NS_PER_MS;
	const struct control_drain message = {
		.deadline_ms = limit_ms,
		.idle_ms = idle_ms < limit_ms ? idle_ms : limit_ms,
	};

	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (listener->state != LISTENER_PROCESS_DRAINING ||
	    listener->drain_until_ns > until) {
		listener->state = LISTENER_PROCESS_DRAINING;
		listener->drain_until_ns = until;
		/* A second for it to notice the deadline itself. */
		uv_timer_start(&listener->timer, on_drain_limit,
			       limit_ms + 1000, 0);
	}
	/* It accepts nothing from now on: if we end the next porticod must not
	 * think that it is the one that serves. */
	state_sweep(listener->manager);
	tell(listener, control_encode_drain(&message));
}

void
listener_process_end(struct listener_process *listener)
{
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	listener->state = LISTENER_PROCESS_ENDING;
	process_signal(listener->process, SIGTERM);
	uv_timer_start(&listener->timer, on_end_limit, TERM_TO_KILL_MS, 0);
}

void
listener_process_kill(struct listener_process *listener, const char *why)
{
	CHECK(listener, LISTENER_PROCESS_MAGIC);
	if (why != NULL)
		snprintf(listener->failure, sizeof listener->failure, "%s",
			 why);
	listener->state = LISTENER_PROCESS_ENDING;
	uv_timer_stop(&listener->timer);
	process_signal(listener->process, SIGKILL);
}

/* ---- one that another porticod has started -------------------------------- */

static void
take_members(struct listener_process *listener, const json_t *members)
{
	size_t i;
	json_t *pair;

	json_array_foreach(members, i, pair)
	{
		json_int_t state = json_integer_value(json_array_get(pair, 1));

		if (state > LISTENER_MEMBER_NONE &&
		    state <= LISTENER_MEMBER_LOST)
			add_member(listener,
				   (uint32_t)json_integer_value(
					   json_array_get(pair, 0)),
				   (enum listener_member)state);
	}
}

/* The limit of the state that it is in goes on. */
static void
resume_limit(struct listener_process *listener)
{
	const struct settings *settings = listener->manager->settings;
	uint64_t now = clock_monotonic_ns(), until = listener->drain_until_ns;

	switch (listener->state) {
	case LISTENER_PROCESS_STARTING:
	case LISTENER_PROCESS_OPENING:
		uv_timer_start(&listener->timer, on_start_limit,
			       settings->listener.startup_time_limit /
				       CLOCK_NS_PER_MS,
			       0);
		return;
	case LISTENER_PROCESS_SERVING:
		return;
	case LISTENER_PROCESS_DRAINING:
		uv_timer_start(&listener->timer, on_drain_limit,
			       1000 + (until > now ?
					       (until - now) / CLOCK_NS_PER_MS :
					       0),
			       0);
		return;
	case LISTENER_PROCESS_ENDING:
		uv_timer_start(&listener->timer, on_end_limit, TERM_TO_KILL_MS,
			       0);
		return;
	}
}

struct listener_process *
listener_process_adopt(struct manager *manager,
		       const struct listener_adoption *from,
		       struct portico_error *err)
{
	const struct control_query again = { .id = TAKEOVER_QUERY,
					     .what = "again" };
	struct listener_process *listener =
		listener_process_new(manager, from->number);
	int control = from->control;

	listener->state = from->state;
	listener->started_ns = from->started_ns;
	listener->drain_until_ns = from->drain_until_ns;
	listener->aborted = from->aborted;
	if (process_adopt(&manager->loop, &from->process, on_line, on_end,
			  listener, &listener->process, err) != PORTICO_OK) {
		io_close(&control);
		listener_process_free(&listener);
		return NULL;
	}
	take_members(listener, from->members);
	resume_limit(listener);
	if (control < 0) {
		uv_timer_start(&listener->timer, on_end_limit, HANGUP_EXIT_MS,
			       0);
		return listener;
	}
	talk(listener, control);
	listener->asked_again = true;
	tell(listener, control_encode_query(&again));
	return listener;
}
