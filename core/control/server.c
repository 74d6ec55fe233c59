/* SPDX-License-Identifier: Apache-2.0
 *
 * A control socket's server.
 */
#include "core/control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#define SERVER_MAGIC 0x5e12e27au

/*
 * Kept for the time when all others are in use: one command can still be
 * served, its socket and an answer in shared memory.
 */
#define SPARE_DESCRIPTORS 4

/* Out of descriptors all the same: how long accepting pauses. */
#define ACCEPT_PAUSE_MS 100

/* What a process has given up for good, and so has all that it starts. */
struct restraint {
	int no_new_privs;
	int filters; /* of system calls; 0 also where the kernel does not say */
};

struct client {
	struct list link;
	struct control_server *server;
	struct control_connection *connection;
};

struct control_server {
	unsigned magic;
	uv_poll_t poll;
	uv_timer_t resume;
	unsigned handles; /* to be closed before it is freed */
	int fd;
	int spare[SPARE_DESCRIPTORS]; /* -1: in use by a client */
	char *path;
	struct list clients; /* of struct client */
	unsigned count, maximum;
	struct restraint own;
	control_request_fn *on_request;
	control_gone_fn *on_gone;
	void *arg;
};

/* ---- spare descriptors ----------------------------------------------------- */

static void
spare_keep(struct control_server *server)
{
	for (unsigned i = 0; i < SPARE_DESCRIPTORS; i++)
		if (server->spare[i] < 0)
			server->spare[i] =
				fcntl(server->fd, F_DUPFD_CLOEXEC, 3);
}

static void
spare_free(struct control_server *server)
{
	for (unsigned i = 0; i < SPARE_DESCRIPTORS; i++)
		io_close(&server->spare[i]);
}

/* ---- clients --------------------------------------------------------------- */

static void
drop(struct client *client)
{
	struct control_server *server = client->server;

	server->on_gone(client->connection, server->arg);
	control_connection_free(&client->connection);
	list_remove(&client->link);
	server->count--;
	mem_free(client);
	spare_keep(server);
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct client *client = arg;
	struct control_server *server = client->server;

	(void)fds;
	(void)nfds;
	CHECK(server, SERVER_MAGIC);
	server->on_request(connection, type, message, server->arg);
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	(void)connection;
	(void)status;
	(void)why;
	drop(arg);
}

static bool
read_restraint(pid_t pid, struct restraint *restraint_r)
{
	char path[64], line[256];
	FILE *file;

	*restraint_r = (struct restraint){ .no_new_privs = 0 };
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof line, file) != NULL) {
		(void)sscanf(line, "NoNewPrivs: %d",
			     &restraint_r->no_new_privs);
		(void)sscanf(line, "Seccomp_filters: %d",
			     &restraint_r->filters);
	}
	fclose(file);
	return true;
}

/*
 * Where all run as one ordinary user, a worker is of the user that may command
 * us, and nothing of the file system keeps it from a socket.  What tells it, and
 * whatever it starts, from who may is what it can never get rid of.  One that
 * has ended may have been anybody.
 */
static bool
is_restrained(struct control_server *server, pid_t pid)
{
	struct restraint peer;
	bool known = read_restraint(pid, &peer);

	if (!known && io_is_exhaustion(errno)) {
		spare_free(server);
		known = read_restraint(pid, &peer);
	}
	return !known || peer.no_new_privs > server->own.no_new_privs ||
	       peer.filters > server->own.filters;
}

/* Why it may not command us, or NULL. */
static const char *
objection_to(struct control_server *server, int fd)
{
	pid_t pid;
	uid_t uid;

	if (server->count >= server->maximum)
		return "too many are connected";
	if (io_peer(fd, &pid, &uid, NULL) != PORTICO_OK ||
	    (uid != 0 && uid != geteuid()))
		return "its user is neither root nor ours";
	if (uid != 0 && is_restrained(server, pid))
		return "it has given up privileges (no_new_privs, seccomp) "
		       "that we have, as workers do";
	return NULL;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void
on_resume(uv_timer_t *timer)
{
	struct control_server *server = timer->data;

	CHECK(server, SERVER_MAGIC);
	uv_poll_start(&server->poll, UV_READABLE, on_poll);
}

/* -1: nobody there, or no descriptor for it. */
static int
accept_client(struct control_server *server)
{
	int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = accept4(server->fd, NULL, NULL, flags);

	if (fd >= 0 || !io_is_exhaustion(errno) || errno == EAGAIN)
		return fd;
	spare_free(server);
	fd = accept4(server->fd, NULL, NULL, flags);
	if (fd < 0 && errno != EAGAIN) {
		/* The socket stays readable: no spinning on it. */
		uv_poll_stop(&server->poll);
		uv_timer_start(&server->resume, on_resume, ACCEPT_PAUSE_MS, 0);
	}
	return fd;
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct control_server *server = poll->data;
	const char *objection;
	struct client *client;
	int fd;

	(void)status;
	(void)events;
	CHECK(server, SERVER_MAGIC);
	fd = accept_client(server);
	if (fd < 0)
		return;
	objection = objection_to(server, fd);
	if (objection != NULL) {
		log_info(NULL, "a command was turned away from %s: %s",
			 server->path, objection);
		io_close(&fd);
		spare_keep(server);
		return;
	}
	client = mem_zalloc(sizeof *client);
	client->server = server;
	list_init(&client->link);
	list_add_tail(&server->clients, &client->link);
	server->count++;
	client->connection = control_connection_new(
		server->poll.loop, fd, on_message, on_closed, client);
}

static int
listen_on(const char *path, struct portico_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof address.sun_path)
		return (int)error_set(err, PORTICO_TOO_LARGE,
				      "opening the control socket %s: the path "
				      "is longer than %zu bytes",
				      path, sizeof address.sun_path - 1);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return (int)error_system(err, "opening the control socket");
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    chmod(path, 0600) != 0 || listen(fd, 64) != 0) {
		int status = (int)error_system(
			err, "opening the control socket %s", path);

		io_close(&fd);
		return status;
	}
	return fd;
}

enum portico_status
control_server_open(uv_loop_t *loop, const char *path, unsigned clients_max,
		    control_request_fn *on_request, control_gone_fn *on_gone,
		    void *arg, struct control_server **server_r,
		    struct portico_error *err)
{
	struct control_server *server;
	int status, fd = listen_on(path, err);

	if (fd < 0)
		return (enum portico_status)fd;
	server = mem_zalloc(sizeof *server);
	server->magic = SERVER_MAGIC;
	server->fd = fd;
	server->path = mem_strdup(path);
	server->maximum = clients_max;
	server->on_request = on_request;
	server->on_gone = on_gone;
	server->arg = arg;
	(void)read_restraint(getpid(), &server->own);
	list_init(&server->clients);
	for (unsigned i = 0; i < SPARE_DESCRIPTORS; i++)
		server->spare[i] = -1;
	spare_keep(server);
	uv_timer_init(loop, &server->resume);
	status = uv_poll_init(loop, &server->poll, fd);
	server->poll.data = server->resume.data = server;
	server->handles = 2;
	if (status == 0)
		status = uv_poll_start(&server->poll, UV_READABLE, on_poll);
	if (status != 0)
		check_panic("polling the control socket: %s",
			    uv_strerror(status));
	*server_r = server;
	return PORTICO_OK;
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct control_server *server = handle->data;

	if (--server->handles > 0)
		return;
	server->magic = 0;
	mem_free(server->path);
	mem_free(server);
}

void
control_server_close(struct control_server **server_p)
{
	struct control_server *server = *server_p;

	if (server == NULL)
		return;
	CHECK(server, SERVER_MAGIC);
	*server_p = NULL;
	LIST_FOREACH_SAFE(struct client, link, client, &server->clients)
		drop(client);
	unlink(server->path);
	uv_close((uv_handle_t *)&server->poll, on_handle_closed);
	uv_close((uv_handle_t *)&server->resume, on_handle_closed);
	spare_free(server);
	io_close(&server->fd);
}
