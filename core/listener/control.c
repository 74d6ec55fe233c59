/* SPDX-License-Identifier: Apache-2.0
 *
 * What the manager says: one function per message.  Main thread.
 */
#include "core/listener/listener.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/sandbox.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/listener/accept.h"
#include "core/listener/again.h"
#include "core/listener/dispatch.h"
#include "core/listener/drain.h"
#include "core/listener/limits.h"
#include "core/listener/log_writer.h"
#include "core/listener/loop.h"
#include "core/listener/query.h"
#include "core/listener/snapshot.h"
#include "core/listener/site.h"
#include "core/listener/site_logs.h"
#include "core/listener/tls_material.h"
#include "core/listener/worker_link.h"

/* The first of the message's descriptors; -1: there was none. */
static int
take_fd(int *fds, size_t nfds)
{
	int fd;

	if (nfds == 0)
		return -1;
	fd = fds[0];
	fds[0] = -1;
	return fd;
}

static void
tell_failed(struct listener *listener, const struct portico_error *err)
{
	struct control_failed message;

	log_write_error(LOG_LEVEL_ERROR, 2009, NULL, err);
	control_failed_from_error(&message, err);
	control_send(listener->control, control_encode_failed(&message), NULL,
		     0);
}

/* ---- configuration ---------------------------------------------------------------- */

/* With the first configuration; for good. */
static enum portico_status
restrict_calls(const struct settings_system_calls *calls,
	       struct portico_error *err)
{
	static bool done;
	enum portico_status status;

	if (done || calls->filter == SETTINGS_MEANS_OFF)
		return PORTICO_OK;
	done = true;
	status = sandbox_enter(
		&(struct sandbox_options){
			.kind = SANDBOX_LISTENER,
			.allow = calls->allow,
			.allow_count = calls->allow_count,
			.setting = "listener.systemCalls.allow" },
		err);
	if (status != PORTICO_UNSUPPORTED ||
	    calls->filter == SETTINGS_MEANS_REQUIRED)
		return status;
	log_info(NULL, "%s", err->message);
	return PORTICO_OK;
}

static enum portico_status
on_configure(struct listener *listener, json_t *json, int *fds, size_t nfds,
	     struct portico_error *err)
{
	struct control_configure message;
	struct settings *settings;
	enum portico_status status =
		control_decode_configure(json, &message, err);
	int fd = take_fd(fds, nfds);

	if (status == PORTICO_OK && fd < 0)
		status = error_set(err, PORTICO_PROTOCOL,
				   "configuration without a descriptor");
	if (status != PORTICO_OK) {
		io_close(&fd);
		return status;
	}
	settings = settings_read_memfd(fd, err);
	io_close(&fd);
	if (settings == NULL)
		status = PORTICO_CONFIG;
	else {
		settings->generation = message.generation;
		status = restrict_calls(&settings->listener.system_calls, err);
		if (status == PORTICO_OK)
			status = listener_configure(listener, settings, err);
	}
	settings_unref(&settings);
	/* To read it took several times the room of what stays of it. */
	mem_trim();
	if (status == PORTICO_OK)
		return PORTICO_OK;
	tell_failed(listener, err);
	/* Without loops it can do nothing; another may be able to. */
	if (status != PORTICO_CONFIG)
		listener_end(listener);
	return PORTICO_OK;
}

/* ---- certificates ----------------------------------------------------------------- */

/* From now on no other process of our user may look into this one, and the
 * system writes none of it into a core file.  (LeakSanitizer could not, either.) */
static void
keep_secret(void)
{
#ifndef PORTICO_ASAN
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static enum portico_status
on_secrets(struct listener *listener, int *fds, size_t nfds,
	   struct portico_error *err)
{
	struct tls_material *material;
	int fd = take_fd(fds, nfds);

	if (fd < 0)
		return error_set(err, PORTICO_PROTOCOL,
				 "certificates without a descriptor");
	keep_secret();
	material = tls_material_read(fd, err);
	io_close(&fd);
	/* The old ones serve on. */
	if (material == NULL)
		return err->status;
	tls_material_unref(&listener->tls);
	listener->tls = material;
	return PORTICO_OK;
}

/* ---- sockets ------------------------------------------------------------------------ */

struct socket_task {
	struct task task;
	int fd;
	uint16_t port, real_port;
	bool tls;
	unsigned mark;
	char address[64];
};

static void
run_socket(struct task *base, void *owner)
{
	struct socket_task *task = (struct socket_task *)base;
	struct listener_loop *loop = owner;

	if (loop->draining || loop->stopping)
		io_close(&task->fd);
	else
		acceptor_open(loop, task->fd, task->address, task->port,
			      task->real_port, task->tls, task->mark);
	mem_free(task);
}

static enum portico_status
on_socket(struct listener *listener, json_t *json, int *fds, size_t nfds,
	  struct portico_error *err)
{
	struct control_socket message;
	enum portico_status status = control_decode_socket(json, &message, err);
	struct socket_task *task;

	if (status != PORTICO_OK)
		return status;
	if (nfds == 0 || listener->loop_count == 0)
		return error_set(err, PORTICO_PROTOCOL,
				 "socket without a descriptor or before the "
				 "configuration");
	task = mem_zalloc(sizeof(*task));
	task->fd = take_fd(fds, nfds);
	task->port = message.port;
	task->real_port = message.real_port == 0 ? message.port :
						   message.real_port;
	task->tls = message.tls;
	task->mark = listener->mark;
	strncpy(task->address, message.address, sizeof(task->address) - 1);
	loop_post(listener->loops[message.thread % listener->loop_count],
		  &task->task, run_socket);
	return PORTICO_OK;
}

/* Goes to a loop and comes back when the loop has everything before it. */
struct mark_task {
	struct task task;
	unsigned mark;
};

static void
tell_ready(struct listener *listener)
{
	struct control_ready message = { .loops = listener->loop_count };

	if (listener->snapshot != NULL)
		message.generation = listener->snapshot->settings->generation;

	uv_timer_stop(&listener->ready_timer);
	listener->unready_loops = 0;
	if (listener->control != NULL)
		control_send(listener->control, control_encode_ready(&message),
			     NULL, 0);
}

static void
run_loop_ready(struct task *base, void *owner)
{
	struct mark_task *task = (struct mark_task *)base;
	struct listener *listener = owner;
	/* Not of a configuration that another has overtaken. */
	bool awaited = task->mark == listener->mark &&
		       listener->unready_loops > 0;

	mem_free(task);
	if (awaited && --listener->unready_loops == 0)
		tell_ready(listener);
}

static void
run_sockets_done(struct task *base, void *owner)
{
	struct mark_task *task = (struct mark_task *)base;
	struct listener_loop *loop = owner;

	acceptor_close_others(loop, task->mark);
	listener_post(loop->listener, &task->task, run_loop_ready);
}

/* A loop that hangs must not hold up a reload for ever. */
static void
on_ready_limit(uv_timer_t *timer)
{
	struct listener *listener = timer->data;

	CHECK(listener, LISTENER_MAGIC);
	log_warn(2013, NULL,
		 "%u of %u loops have not taken over configuration and "
		 "sockets after %u ms; they will when they turn again",
		 listener->unready_loops, listener->loop_count, READY_LIMIT_MS);
	tell_ready(listener);
}

static void
on_sockets_done(struct listener *listener)
{
	if (listener->loop_count == 0) {
		tell_ready(listener);
		return;
	}
	listener->unready_loops = listener->loop_count;
	uv_timer_start(&listener->ready_timer, on_ready_limit, READY_LIMIT_MS,
		       0);
	for (unsigned i = 0; i < listener->loop_count; i++) {
		struct mark_task *task = mem_zalloc(sizeof(*task));

		task->mark = listener->mark;
		loop_post(listener->loops[i], &task->task, run_sockets_done);
	}
}

/* ---- workers and pools ----------------------------------------------------------------- */

static enum portico_status
on_worker(struct listener *listener, json_t *json, int *fds, size_t nfds,
	  struct portico_error *err)
{
	struct control_worker message;
	enum portico_status status = control_decode_worker(json, &message, err);
	int fd;

	if (status != PORTICO_OK)
		return status;
	fd = take_fd(fds, nfds);
	if (fd < 0 || listener->loop_count == 0) {
		io_close(&fd);
		return error_set(err, PORTICO_PROTOCOL,
				 "worker without a link or before the "
				 "configuration");
	}
	if (listener_pool_find(listener, message.pool) == NULL) {
		io_close(&fd);
		return error_set(err, PORTICO_NOT_FOUND,
				 "worker of unknown pool %s", message.pool);
	}
	worker_link_open(listener, &message, fd);
	return PORTICO_OK;
}

static enum portico_status
on_worker_drain(struct listener *listener, json_t *json,
		struct portico_error *err)
{
	struct control_worker_drain message;
	enum portico_status status =
		control_decode_worker_drain(json, &message, err);
	struct worker_link *worker;

	if (status != PORTICO_OK)
		return status;
	worker = worker_link_find(listener, message.worker);
	if (worker == NULL)
		return PORTICO_OK;
	if (message.pause || message.resume)
		worker_link_pause(worker, message.pause, message.round);
	else
		worker_link_drain(worker, message.abort);
	return PORTICO_OK;
}

static enum portico_status
on_worker_gone(struct listener *listener, json_t *json,
	       struct portico_error *err)
{
	struct control_worker_gone message;
	enum portico_status status =
		control_decode_worker_gone(json, &message, err);
	struct worker_link *worker;

	if (status != PORTICO_OK)
		return status;
	worker = worker_link_find(listener, message.worker);
	if (worker != NULL)
		worker_link_end(worker, message.reason, false);
	return PORTICO_OK;
}

struct state_task {
	struct task task;
	struct listener_pool *pool;
	enum control_pool_state state;
};

static void
run_pool_state(struct task *base, void *owner)
{
	struct state_task *task = (struct state_task *)base;
	struct loop_pool *pool = loop_pool_get(owner, task->pool);

	pool->state = task->state;
	dispatch_state_changed(pool);
	mem_free(task);
}

static enum portico_status
on_pool_state(struct listener *listener, json_t *json,
	      struct portico_error *err)
{
	struct control_pool_state_message message;
	enum portico_status status =
		control_decode_pool_state(json, &message, err);
	struct listener_pool *pool;

	if (status != PORTICO_OK)
		return status;
	pool = listener_pool_find(listener, message.pool);
	if (pool == NULL)
		return error_set(err, PORTICO_NOT_FOUND,
				 "state of unknown pool %s", message.pool);
	pool->state = message.state;
	pool->demanded = false;
	for (unsigned i = 0; i < listener->loop_count; i++) {
		struct state_task *task = mem_zalloc(sizeof(*task));

		task->pool = pool;
		task->state = message.state;
		loop_post(listener->loops[i], &task->task, run_pool_state);
	}
	return PORTICO_OK;
}

/* What has come before the loops know is answered as before. */
static enum portico_status
on_site_state(struct listener *listener, json_t *json,
	      struct portico_error *err)
{
	struct control_site_state message;
	enum portico_status status =
		control_decode_site_state(json, &message, err);

	if (status == PORTICO_OK)
		atomic_store_explicit(
			&site_get(listener->sites, message.site)->stopped,
			message.stopped, memory_order_relaxed);
	return status;
}

/* ---- the rest ---------------------------------------------------------------------------- */

static enum portico_status
on_drain(struct listener *listener, json_t *json, struct portico_error *err)
{
	struct control_drain message;
	enum portico_status status = control_decode_drain(json, &message, err);

	if (status == PORTICO_OK)
		drain_start(listener, message.deadline_ms, message.idle_ms);
	return status;
}

static enum portico_status
on_query(struct listener *listener, json_t *json, struct portico_error *err)
{
	struct control_query message;
	enum portico_status status = control_decode_query(json, &message, err);

	if (status == PORTICO_OK && strcmp(message.what, "again") == 0)
		again_tell(listener, message.id);
	else if (status == PORTICO_OK)
		query_start(listener, message.id, message.what);
	return status;
}

static enum portico_status
handle(struct listener *listener, const char *type, json_t *json, int *fds,
       size_t nfds, struct portico_error *err)
{
	switch (control_type_find(type)) {
	case CONTROL_TYPE_configure:
		return on_configure(listener, json, fds, nfds, err);
	case CONTROL_TYPE_secrets:
		return on_secrets(listener, fds, nfds, err);
	case CONTROL_TYPE_socket:
		return on_socket(listener, json, fds, nfds, err);
	case CONTROL_TYPE_sockets_done:
		on_sockets_done(listener);
		return PORTICO_OK;
	case CONTROL_TYPE_worker:
		return on_worker(listener, json, fds, nfds, err);
	case CONTROL_TYPE_worker_drain:
		return on_worker_drain(listener, json, err);
	case CONTROL_TYPE_worker_gone:
		return on_worker_gone(listener, json, err);
	case CONTROL_TYPE_pool_state:
		return on_pool_state(listener, json, err);
	case CONTROL_TYPE_site_state:
		return on_site_state(listener, json, err);
	case CONTROL_TYPE_drain:
		return on_drain(listener, json, err);
	case CONTROL_TYPE_query:
		return on_query(listener, json, err);
	default:
		return PORTICO_OK; /* a newer manager may say more */
	}
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct listener *listener = arg;
	struct portico_error err;

	(void)connection;
	CHECK(listener, LISTENER_MAGIC);
	error_clear(&err);
	if (handle(listener, type, message, fds, nfds, &err) != PORTICO_OK) {
		error_prefix(&err, "message %s", type);
		log_write_error(LOG_LEVEL_ERROR, 2010, NULL, &err);
	}
}

/* Without its manager a listener has no workers to start and no way to be
 * told anything: the next manager starts another. */
static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct listener *listener = arg;

	(void)connection;
	(void)status;
	CHECK(listener, LISTENER_MAGIC);
	control_connection_free(&listener->control);
	if (!listener->draining)
		log_warn(2011, NULL, "the manager is gone: %s", why);
	listener_end(listener);
}

static uint32_t
file_budget(void)
{
	uint64_t share = io_descriptor_limit() / FILE_BUDGET_SHARE;

	return share < UINT32_MAX ? (uint32_t)share : UINT32_MAX;
}

void
listener_init(struct listener *listener, uv_loop_t *uv, int control_fd)
{
	memset(listener, 0, sizeof(*listener));
	listener->magic = LISTENER_MAGIC;
	listener->uv = uv;
	list_init(&listener->workers);
	list_init(&listener->queries);
	listener->sites = site_table_new();
	atomic_init(&listener->connections, 0);
	atomic_init(&listener->connections_max, UINT_MAX);
	atomic_init(&listener->file_budget.used, 0);
	listener->file_budget.max = file_budget();
	mailbox_init(&listener->mailbox, uv, listener);
	drain_init(listener);
	pressure_init(listener);
	uv_timer_init(uv, &listener->ready_timer);
	listener->ready_timer.data = listener;
	if (gethostname(listener->host_name, sizeof(listener->host_name) - 1))
		listener->host_name[0] = '\0';
	listener->logs[LISTENER_LOG_ACCESS] =
		log_writer_new(uv, "access log", NULL);
	listener->logs[LISTENER_LOG_ERROR] =
		log_writer_new(uv, "error log", NULL);
	listener->site_logs =
		site_logs_new(uv, listener->logs[LISTENER_LOG_ACCESS]);
	listener->control = control_connection_new(uv, control_fd, on_message,
						   on_closed, listener);
}
