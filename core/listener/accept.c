/* SPDX-License-Identifier: Apache-2.0
 *
 * See accept.h.
 */
#include "core/listener/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/listener/address.h"
#include "core/listener/connection.h"
#include "core/listener/error_log.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/pressure.h"

#define ACCEPTOR_MAGIC 0xacce9701u

static void on_readable(uv_poll_t *poll, int status, int events);

static void
on_handle_closed(uv_handle_t *handle)
{
	struct acceptor *acceptor = handle->data;

	CHECK(acceptor, ACCEPTOR_MAGIC);
	if (--acceptor->handles > 0)
		return;
	acceptor->magic = 0;
	mem_free(acceptor->address);
	mem_free(acceptor);
}

static void
set_paused(struct acceptor *acceptor, bool paused)
{
	struct listener_loop *loop = acceptor->loop;

	if (acceptor->paused == paused)
		return;
	acceptor->paused = paused;
	if (paused) {
		loop->paused++;
		atomic_fetch_add(&loop->listener->paused, 1);
	} else {
		loop->paused--;
		atomic_fetch_sub(&loop->listener->paused, 1);
	}
}

static void
acceptor_close(struct acceptor *acceptor)
{
	CHECK(acceptor, ACCEPTOR_MAGIC);
	list_remove(&acceptor->link);
	set_paused(acceptor, false);
	atomic_fetch_sub(&acceptor->loop->listener->acceptors, 1);
	uv_close((uv_handle_t *)&acceptor->poll, on_handle_closed);
	uv_close((uv_handle_t *)&acceptor->resume, on_handle_closed);
	io_close(&acceptor->fd);
}

void
acceptor_close_others(struct listener_loop *loop, unsigned mark)
{
	LIST_FOREACH_SAFE(struct acceptor, link, acceptor, &loop->acceptors) {
		if (mark == 0 || acceptor->mark != mark)
			acceptor_close(acceptor);
	}
}

static struct acceptor *
find(struct listener_loop *loop, const char *address, uint16_t real_port)
{
	LIST_FOREACH(struct acceptor, link, acceptor, &loop->acceptors) {
		if (acceptor->real_port == real_port &&
		    strcmp(acceptor->address, address) == 0)
			return acceptor;
	}
	return NULL;
}

/* A host that vanished says nothing; without this a request for which nothing
 * is sent would not notice.  Accepted sockets inherit it. */
static void
keep_alive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
				 &options[i].value, sizeof(int));
}

void
acceptor_configure(struct listener_loop *loop)
{
	const struct settings *settings = loop->snapshot->shared->settings;

	LIST_FOREACH(struct acceptor, link, acceptor, &loop->acceptors)
		acceptor->proxy_count = 0;
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++) {
			const struct settings_binding *binding =
				&site->bindings[k];

			if (binding->proxy_count == 0)
				continue;
			LIST_FOREACH(struct acceptor, link, acceptor,
				     &loop->acceptors) {
				if (acceptor->route_port != binding->port ||
				    strcmp(acceptor->address,
					   binding->address) != 0)
					continue;
				acceptor->proxies = binding->proxies;
				acceptor->proxy_count = binding->proxy_count;
			}
		}
	}
}

void
acceptor_open(struct listener_loop *loop, int fd, const char *address,
	      uint16_t port, uint16_t real_port, bool tls, unsigned mark)
{
	struct acceptor *acceptor = find(loop, address, real_port);
	int one = 1, status;

	/* The same socket once more: it stays, with what it may have queued. */
	if (acceptor != NULL) {
		acceptor->mark = mark;
		acceptor->tls = tls;
		acceptor->route_port = port;
		io_close(&fd);
		acceptor_configure(loop);
		return;
	}
	acceptor = mem_zalloc(sizeof(*acceptor));
	acceptor->magic = ACCEPTOR_MAGIC;
	acceptor->loop = loop;
	acceptor->fd = fd;
	acceptor->route_port = port;
	acceptor->real_port = real_port;
	acceptor->tls = tls;
	acceptor->mark = mark;
	acceptor->address = mem_strdup(address);
	io_set_nonblock(fd, true);
	/* Accepted sockets inherit it. */
	acceptor->tcp = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				   sizeof(one)) == 0;
	if (acceptor->tcp)
		keep_alive(fd);
	status = uv_poll_init(&loop->uv, &acceptor->poll, fd);
	if (status != 0) {
		log_error(2001, NULL, "watching socket %s port %u: %s", address,
			  real_port, uv_strerror(status));
		io_close(&acceptor->fd);
		mem_free(acceptor->address);
		mem_free(acceptor);
		return;
	}
	uv_timer_init(&loop->uv, &acceptor->resume);
	acceptor->poll.data = acceptor->resume.data = acceptor;
	acceptor->handles = 2;
	list_add_tail(&loop->acceptors, &acceptor->link);
	atomic_fetch_add(&loop->listener->acceptors, 1);
	uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
	acceptor_configure(loop);
}

/* ---- pausing ----------------------------------------------------------------- */

static void on_resume(uv_timer_t *timer);

/* Out of descriptors or memory: the backlog keeps the clients meanwhile, and
 * we do not spin on a socket that stays readable. */
static void
pause_accepting(struct acceptor *acceptor, int os_error)
{
	set_paused(acceptor, true);
	uv_poll_stop(&acceptor->poll);
	uv_timer_start(&acceptor->resume, on_resume, ACCEPT_PAUSE_MS, 0);
	pressure_note(acceptor->loop->listener, PRESSURE_ACCEPT, os_error);
}

/* Connections may have descriptors below this.  Asked for each time, since
 * the limit can be changed from outside (prlimit). */
static uint64_t
ceiling(void)
{
	uint64_t limit = io_descriptor_limit();

	return limit - pressure_reserve(limit);
}

/* Whether the next descriptor would be one of them. */
static bool
has_descriptor(struct acceptor *acceptor)
{
	int fd;

	fd = fcntl(acceptor->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return false;
	close(fd);
	return (uint64_t)fd < ceiling();
}

static void
on_resume(uv_timer_t *timer)
{
	struct acceptor *acceptor = timer->data;

	CHECK(acceptor, ACCEPTOR_MAGIC);
	if (!has_descriptor(acceptor)) {
		pause_accepting(acceptor, EMFILE);
		return;
	}
	set_paused(acceptor, false);
	uv_poll_start(&acceptor->poll, UV_READABLE, on_readable);
}

void
acceptor_descriptor_closed(struct listener_loop *loop)
{
	if (loop->paused == 0)
		return;
	LIST_FOREACH(struct acceptor, link, acceptor, &loop->acceptors) {
		if (acceptor->paused)
			uv_timer_start(&acceptor->resume, on_resume, 0, 0);
	}
}

/* ---- accepting --------------------------------------------------------------- */

static void
refuse(struct listener_loop *loop, int fd, const struct http_address *client,
       enum http_reason reason)
{
	struct sockaddr_storage local;
	socklen_t length = sizeof(local);
	struct http_address server = { 0 };

	if (getsockname(fd, (struct sockaddr *)&local, &length) == 0)
		address_from_sockaddr(&server, (struct sockaddr *)&local);
	loop->counters.rejected++;
	error_log_client(loop, client, &server, reason);
	close(fd);
}

static void
accept_one(struct acceptor *acceptor, int fd,
	   const struct sockaddr_storage *from)
{
	struct listener_loop *loop = acceptor->loop;
	struct http_address client;

	address_from_sockaddr(&client, (const struct sockaddr *)from);
	if (acceptor->proxy_count > 0 &&
	    !settings_networks_have(acceptor->proxies, acceptor->proxy_count,
				    client.bytes,
				    client.family == HTTP_FAMILY_IPV6)) {
		refuse(loop, fd, &client, HTTP_REASON_FORBIDDEN);
		return;
	}
	/* One too many. */
	if (!listener_connection_add(loop->listener)) {
		refuse(loop, fd, &client, HTTP_REASON_CONN_LIMIT);
		return;
	}
	connection_open(loop, acceptor, fd, &client);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct acceptor *acceptor = poll->data;
	uint64_t most = ceiling();

	CHECK(acceptor, ACCEPTOR_MAGIC);
	(void)events;
	if (status < 0) {
		pause_accepting(acceptor, -status);
		return;
	}
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);
		int fd;

		from.ss_family = AF_UNSPEC;
		fd = accept4(acceptor->fd, (struct sockaddr *)&from, &length,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			accept_one(acceptor, fd, &from);
			if ((uint64_t)fd < most)
				continue;
			pause_accepting(acceptor, EMFILE);
			return;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			pause_accepting(acceptor, errno);
		if (errno != ECONNABORTED && errno != EINTR && errno != EPROTO)
			return;
	}
}
