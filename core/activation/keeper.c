/* SPDX-License-Identifier: Apache-2.0
 *
 * porticod's side of the keeper.
 */
#include "core/activation/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/activation/environment.h"
#include "core/activation/events.h"
#include "core/activation/identity.h"
#include "core/activation/keep.h"
#include "core/activation/manager.h"
#include "core/activation/process.h"
#include "core/activation/state.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/control/connection.h"

#define KEEPER_MAGIC 0x6ee9e25au

/* One that died is started again after so long. */
#define RESTART_MS 500
/* Reading what it has. */
#define READ_LIMIT_MS 10000
/* One that is to end. */
#define DISMISS_LIMIT_MS 5000

struct keeper {
	unsigned magic;
	struct manager *manager;
	struct control_connection *connection; /* NULL: there is none */
	struct process *process; /* NULL: not ours to see the end of */
	int pid;
	uv_timer_t restart;
	bool told; /* that there is none */
};

/* ---- reading what an older porticod has left ------------------------------ */

struct reading {
	struct keeper_item *items, **last;
	struct control_connection *connection;
	uv_loop_t loop;
	uv_timer_t limit;
	json_int_t count;
	int pid;
	bool complete;
};

static void
ask_for_more(struct reading *reading)
{
	(void)control_send(reading->connection,
			   json_pack("{s:s, s:I}", "type", "list", "from",
				     reading->count),
			   NULL, 0);
}

static void
on_read_message(struct control_connection *connection, const char *type,
		json_t *message, int *fds, size_t nfds, void *arg)
{
	struct reading *reading = arg;
	const char *key = json_string_value(json_object_get(message, "key"));
	struct keeper_item *item;

	(void)connection;
	if (strcmp(type, "kept-all") == 0) {
		reading->pid = (int)json_integer_value(
			json_object_get(message, "pid"));
		if (json_is_true(json_object_get(message, "more"))) {
			ask_for_more(reading);
			return;
		}
		reading->complete = true;
		uv_stop(&reading->loop);
		return;
	}
	if (strcmp(type, "kept") != 0 || key == NULL)
		return;
	item = mem_zalloc(sizeof *item);
	item->key = mem_strdup(key);
	item->record = json_incref(json_object_get(message, "record"));
	for (size_t i = 0; i < nfds; i++) {
		item->fds[i] = fds[i];
		fds[i] = -1;
	}
	item->nfds = nfds;
	reading->count++;
	*reading->last = item;
	reading->last = &item->next;
}

static void
on_read_closed(struct control_connection *connection,
	       enum portico_status status, const char *why, void *arg)
{
	struct reading *reading = arg;

	(void)connection;
	(void)status;
	(void)why;
	uv_stop(&reading->loop);
}

static void
on_read_limit(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* -1 with errno. */
static int
connect_to(const char *directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, length = snprintf(address.sun_path, sizeof address.sun_path,
				  "%s/%s", directory, KEEP_SOCKET);

	if (length < 0 || (size_t)length >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		io_close(&fd);
	return fd;
}

enum portico_status
keeper_read(const char *directory, struct keeper_item **items_r,
	    struct keeper_connection *connection_r, struct portico_error *err)
{
	struct reading reading = { .complete = false };
	int fd = connect_to(directory);

	*items_r = NULL;
	connection_r->fd = -1;
	if (fd < 0)
		return error_set(err, PORTICO_NOT_FOUND,
				 "nothing was left behind in %s", directory);
	reading.last = &reading.items;
	uv_loop_init(&reading.loop);
	uv_timer_init(&reading.loop, &reading.limit);
	uv_timer_start(&reading.limit, on_read_limit, READ_LIMIT_MS, 0);
	reading.connection = control_connection_new(
		&reading.loop, fd, on_read_message, on_read_closed, &reading);
	ask_for_more(&reading);
	uv_run(&reading.loop, UV_RUN_DEFAULT);
	/* The same goes on, for what is to be kept from now on. */
	connection_r->pid = reading.pid;
	if (reading.complete)
		connection_r->fd =
			fcntl(control_connection_fd(reading.connection),
			      F_DUPFD_CLOEXEC, 3);
	control_connection_free(&reading.connection);
	uv_close((uv_handle_t *)&reading.limit, NULL);
	uv_run(&reading.loop, UV_RUN_DEFAULT);
	uv_loop_close(&reading.loop);
	if (reading.complete && connection_r->fd >= 0) {
		*items_r = reading.items;
		return PORTICO_OK;
	}
	keeper_items_free(&reading.items);
	return error_set(err, PORTICO_CLOSED,
			 "the keeper in %s, which holds what another porticod "
			 "has left behind, does not give it to us",
			 directory);
}

void
keeper_dismiss(struct keeper_connection *connection)
{
	static const char end[] = "{\"type\":\"end\"}";
	struct pollfd ended = { .events = POLLIN };

	if (connection->fd < 0)
		return;
	ended.fd = io_pidfd_open(connection->pid);
	if (send(connection->fd, end, sizeof end - 1, MSG_NOSIGNAL) > 0 &&
	    ended.fd >= 0)
		(void)poll(&ended, 1, DISMISS_LIMIT_MS);
	io_close(&ended.fd);
	io_close(&connection->fd);
}

void
keeper_items_free(struct keeper_item **items_p)
{
	while (*items_p != NULL) {
		struct keeper_item *item = *items_p;

		*items_p = item->next;
		for (size_t i = 0; i < item->nfds; i++)
			io_close(&item->fds[i]);
		json_decref(item->record);
		mem_free(item->key);
		mem_free(item);
	}
}

struct keeper_item *
keeper_items_find(struct keeper_item *items, const char *key)
{
	for (; items != NULL; items = items->next)
		if (strcmp(items->key, key) == 0)
			return items;
	return NULL;
}

/* ---- one of ours --------------------------------------------------------- */

static void plan_restart(struct keeper *keeper);

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	/* It answers "list" only, which is not asked here. */
	(void)connection;
	(void)type;
	(void)message;
	(void)fds;
	(void)nfds;
	(void)arg;
}

static void
lost(struct keeper *keeper, const char *why)
{
	if (keeper->connection == NULL)
		return;
	control_connection_free(&keeper->connection);
	keeper->pid = 0;
	log_warn(EVENT_KEEPER_LOST, NULL,
		 "the keeper, which holds what outlives porticod, is gone (%s) "
		 "and is started again",
		 why);
	plan_restart(keeper);
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct keeper *keeper = arg;

	(void)connection;
	(void)status;
	CHECK(keeper, KEEPER_MAGIC);
	lost(keeper, why);
}

static void
on_line(struct process *process, const char *line, void *arg)
{
	const struct log_context context = { .name = "process",
					     .value = "keeper" };

	(void)arg;
	process_relay(process, &context, line);
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	struct keeper *keeper = arg;
	char how[128];

	(void)process;
	CHECK(keeper, KEEPER_MAGIC);
	process_free(&keeper->process);
	lost(keeper, process_exit_text(result, how, sizeof how));
}

static void
use(struct keeper *keeper, int fd, int pid)
{
	keeper->connection = control_connection_new(
		&keeper->manager->loop, fd, on_message, on_closed, keeper);
	keeper->pid = pid;
	keeper->told = false;
	/* It has nothing yet, or what it has is older than what we know. */
	state_forget(keeper->manager);
}

static int
open_socket(const char *directory, struct portico_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, length = snprintf(address.sun_path, sizeof address.sun_path,
				  "%s/%s", directory, KEEP_SOCKET);

	if (length < 0 || (size_t)length >= sizeof address.sun_path)
		return (int)error_set(err, PORTICO_TOO_LARGE,
				      "the path %s/%s is longer than %zu bytes",
				      directory, KEEP_SOCKET,
				      sizeof address.sun_path - 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return (int)error_system(err, "opening a socket");
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    chmod(address.sun_path, 0600) == 0 && listen(fd, 8) == 0)
		return fd;
	length = (int)error_system(err, "opening the socket %s",
				   address.sun_path);
	io_close(&fd);
	return length;
}

static enum portico_status
spawn(struct keeper *keeper, int fd, struct portico_error *err)
{
	const char *const arguments[] = {
		"portico-keeper", "--keep",
		keeper->manager->settings->runtime_directory, NULL
	};
	static const struct identity identity;
	const char **environment = environment_new(NULL);
	const struct process_options options = {
		/* What runs, not what is on disk now. */
		.path = "/proc/self/exe",   .arguments = arguments,
		.environment = environment, .control_fd = fd,
		.identity = &identity,	    .raise_files = true,
	};
	enum portico_status status;

	if (environment == NULL)
		return error_set(err, PORTICO_NO_MEMORY, "out of memory");
	process_free(&keeper->process);
	status = process_start(&keeper->manager->loop, &options, on_line,
			       on_end, keeper, &keeper->process, err);
	environment_free(environment);
	return status;
}

static enum portico_status
start(struct keeper *keeper, struct portico_error *err)
{
	const char *directory = keeper->manager->settings->runtime_directory;
	int fd, ends[2];
	enum portico_status status = io_seqpacket_pair(ends, true, err);

	if (status != PORTICO_OK)
		return status;
	fd = open_socket(directory, err);
	status = fd < 0 ? (enum portico_status)fd : spawn(keeper, ends[1], err);
	io_close(&ends[1]);
	if (status != PORTICO_OK) {
		io_close(&fd);
		io_close(&ends[0]);
		return status;
	}
	use(keeper, ends[0], (int)process_pid(keeper->process));
	(void)control_send(keeper->connection,
			   json_pack("{s:s}", "type", "begin"), &fd, 1);
	io_close(&fd);
	return PORTICO_OK;
}

static void
on_restart(uv_timer_t *timer)
{
	struct keeper *keeper = timer->data;
	struct portico_error err;

	CHECK(keeper, KEEPER_MAGIC);
	if (start(keeper, &err) == PORTICO_OK)
		return;
	if (!keeper->told) {
		error_prefix(&err, "there is no keeper: the end of porticod "
				   "would be that of its children");
		log_write_error(LOG_LEVEL_WARNING, EVENT_KEEPER_LOST, NULL,
				&err);
	}
	keeper->told = true;
	plan_restart(keeper);
}

static void
plan_restart(struct keeper *keeper)
{
	uv_timer_start(&keeper->restart, on_restart, RESTART_MS, 0);
}

void
keeper_open(struct manager *manager, const struct keeper_connection *connection,
	    struct keeper **keeper_r)
{
	struct keeper *keeper = mem_zalloc(sizeof *keeper);

	keeper->magic = KEEPER_MAGIC;
	keeper->manager = manager;
	*keeper_r = keeper;
	uv_timer_init(&manager->loop, &keeper->restart);
	keeper->restart.data = keeper;
	if (connection->fd >= 0)
		use(keeper, connection->fd, connection->pid);
	else
		on_restart(&keeper->restart);
}

static void
on_restart_closed(uv_handle_t *handle)
{
	struct keeper *keeper = handle->data;

	keeper->magic = 0;
	mem_free(keeper);
}

void
keeper_close(struct keeper **keeper_p)
{
	struct keeper *keeper = *keeper_p;
	char path[4096];

	if (keeper == NULL)
		return;
	CHECK(keeper, KEEPER_MAGIC);
	*keeper_p = NULL;
	if (keeper->connection != NULL)
		(void)control_send(keeper->connection,
				   json_pack("{s:s}", "type", "end"), NULL, 0);
	snprintf(path, sizeof path, "%s/%s",
		 keeper->manager->settings->runtime_directory, KEEP_SOCKET);
	unlink(path);
	control_connection_free(&keeper->connection);
	process_free(&keeper->process);
	uv_close((uv_handle_t *)&keeper->restart, on_restart_closed);
}

bool
keeper_is_ready(const struct keeper *keeper)
{
	return keeper_is_there(keeper) && control_idle(keeper->connection);
}

bool
keeper_is_there(const struct keeper *keeper)
{
	return keeper != NULL && keeper->connection != NULL;
}

int
keeper_pid(const struct keeper *keeper)
{
	return keeper == NULL ? 0 : keeper->pid;
}

void
keeper_put(struct keeper *keeper, const char *key, json_t *record,
	   const int *fds, size_t nfds, int watch)
{
	CHECK(keeper, KEEPER_MAGIC);
	(void)control_send(keeper->connection,
			   json_pack("{s:s, s:s, s:o, s:i}", "type", "keep",
				     "key", key, "record", record, "watch",
				     watch),
			   fds, nfds);
}

void
keeper_drop(struct keeper *keeper, const char *key)
{
	CHECK(keeper, KEEPER_MAGIC);
	(void)control_send(keeper->connection,
			   json_pack("{s:s, s:s}", "type", "drop", "key", key),
			   NULL, 0);
}
