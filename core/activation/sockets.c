/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and keeping listening sockets.
 */
#include "core/activation/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/activation/events.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

#define PRIVILEGED_PORTS 1024 /* below it, as kernels come */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

void
sockets_init(struct sockets *sockets)
{
	list_init(&sockets->entries);
	list_init(&sockets->given);
	sockets->count = 0;
}

static void
drop(struct sockets *sockets, struct sockets_entry *entry)
{
	list_remove(&entry->link);
	sockets->count--;
	io_close(&entry->fd);
	mem_free(entry->address);
	mem_free(entry);
}

void
sockets_fini(struct sockets *sockets)
{
	LIST_FOREACH_SAFE(struct sockets_entry, link, entry, &sockets->entries)
		drop(sockets, entry);
	LIST_FOREACH_SAFE(struct sockets_given, link, given, &sockets->given) {
		list_remove(&given->link);
		io_close(&given->fd);
		mem_free(given);
	}
}

void
sockets_sweep(struct sockets *sockets)
{
	LIST_FOREACH_SAFE(struct sockets_entry, link, entry,
			  &sockets->entries) {
		if (!entry->wanted)
			drop(sockets, entry);
	}
}

void
sockets_keep_all(struct sockets *sockets)
{
	LIST_FOREACH(struct sockets_entry, link, entry, &sockets->entries)
		entry->wanted = true;
}

/* `family` AF_UNSPEC: by the text.  "*" with AF_INET6 is dual stack. */
static bool
parse_address(const char *text, int family, uint16_t port,
	      union address *address_r, socklen_t *length_r)
{
	bool any = strcmp(text, "*") == 0;

	memset(address_r, 0, sizeof *address_r);
	if (any ? family == AF_INET6 : strchr(text, ':') != NULL) {
		address_r->v6.sin6_family = AF_INET6;
		address_r->v6.sin6_port = htons(port);
		*length_r = sizeof address_r->v6;
		return any ||
		       inet_pton(AF_INET6, text, &address_r->v6.sin6_addr) == 1;
	}
	address_r->v4.sin_family = AF_INET;
	address_r->v4.sin_port = htons(port);
	*length_r = sizeof address_r->v4;
	return any || inet_pton(AF_INET, text, &address_r->v4.sin_addr) == 1;
}

static int
open_one(const char *text, int family, uint16_t port, int backlog,
	 uint16_t *real_port_r, int *family_r)
{
	const int on = 1, off = 0;
	union address address;
	socklen_t length;
	int fd;

	if (!parse_address(text, family, port, &address, &length)) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(address.any.sa_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
	    (address.any.sa_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			strcmp(text, "*") == 0 ? &off : &on, sizeof on) != 0) ||
	    bind(fd, &address.any, length) != 0 || listen(fd, backlog) != 0 ||
	    getsockname(fd, &address.any, &length) != 0) {
		io_close(&fd);
		return -1;
	}
	*family_r = address.any.sa_family;
	*real_port_r = ntohs(*family_r == AF_INET6 ? address.v6.sin6_port :
						     address.v4.sin_port);
	return fd;
}

static struct sockets_entry *
find(const struct sockets *sockets, const char *address, uint16_t port,
     uint32_t thread)
{
	LIST_FOREACH(struct sockets_entry, link, entry, &sockets->entries) {
		if (entry->port == port && entry->thread == thread &&
		    strcmp(entry->address, address) == 0)
			return entry;
	}
	return NULL;
}

uint16_t
sockets_real_port(const struct sockets *sockets, const char *address,
		  uint16_t port)
{
	const struct sockets_entry *entry = find(sockets, address, port, 0);

	return entry == NULL ? 0 : entry->real_port;
}

/*
 * Whether someone else listens there.  SO_REUSEPORT would let us join another
 * server of the same user and take a part of its connections, so the first
 * socket of an address is tried without it.
 */
static bool
is_taken(const char *text, int family, uint16_t port)
{
	const int on = 1, off = 0;
	union address address;
	socklen_t length;
	bool taken;
	int fd;

	if (port == 0 || !parse_address(text, family, port, &address, &length))
		return false;
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			   strcmp(text, "*") == 0 ? &off : &on, sizeof on);
	taken = bind(fd, &address.any, length) != 0 && errno == EADDRINUSE;
	io_close(&fd);
	return taken;
}

/* Another address of ours with that port: not somebody else. */
static bool
is_ours(const struct sockets *sockets, uint16_t port)
{
	LIST_FOREACH(struct sockets_entry, link, entry, &sockets->entries)
		if (entry->real_port == port)
			return true;
	return false;
}

/* ---- opened by somebody else --------------------------------------------------- */

static bool
is_listening(int fd)
{
	int type = 0, on = 0;
	socklen_t size = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
	    type != SOCK_STREAM)
		return false;
	size = sizeof on;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 &&
	       on != 0;
}

static enum portico_status
describe_given(struct sockets_given *given, struct portico_error *err)
{
	static const struct in6_addr any = IN6ADDR_ANY_INIT;
	union address address;
	socklen_t length = sizeof address;
	const void *ip;
	bool is_any;

	if (getsockname(given->fd, &address.any, &length) != 0)
		return error_system(err, "asking for its address");
	given->family = address.any.sa_family;
	if ((given->family != AF_INET && given->family != AF_INET6) ||
	    !is_listening(given->fd))
		return error_set(err, PORTICO_UNSUPPORTED,
				 "it is no listening TCP socket");
	if (given->family == AF_INET6) {
		ip = &address.v6.sin6_addr;
		given->port = ntohs(address.v6.sin6_port);
		is_any = memcmp(ip, &any, sizeof any) == 0;
	} else {
		ip = &address.v4.sin_addr;
		given->port = ntohs(address.v4.sin_port);
		is_any = address.v4.sin_addr.s_addr == htonl(INADDR_ANY);
	}
	if (is_any)
		snprintf(given->address, sizeof given->address, "*");
	else
		inet_ntop(given->family, ip, given->address,
			  sizeof given->address);
	return PORTICO_OK;
}

enum portico_status
sockets_adopt(struct sockets *sockets, int fd, struct portico_error *err)
{
	struct sockets_given *given = mem_zalloc(sizeof *given);
	enum portico_status status;

	given->fd = fd;
	status = describe_given(given, err);
	if (status != PORTICO_OK) {
		io_close(&given->fd);
		mem_free(given);
		return status;
	}
	io_set_cloexec(fd, true);
	io_set_nonblock(fd, true);
	list_add_tail(&sockets->given, &given->link);
	return PORTICO_OK;
}

void
sockets_restore(struct sockets *sockets, const char *address,
		const struct sockets_entry *like)
{
	struct sockets_entry *entry = mem_dup(like, sizeof *like);

	entry->address = mem_strdup(address);
	entry->wanted = true;
	list_init(&entry->link);
	list_add_tail(&sockets->entries, &entry->link);
	sockets->count++;
}

/* The same address, however it is written. */
static bool
is_same_address(const char *a, const char *b)
{
	union address left, right;
	socklen_t left_length, right_length;

	if (strcmp(a, b) == 0)
		return true;
	return strcmp(a, "*") != 0 && strcmp(b, "*") != 0 &&
	       parse_address(a, AF_UNSPEC, 0, &left, &left_length) &&
	       parse_address(b, AF_UNSPEC, 0, &right, &right_length) &&
	       left_length == right_length &&
	       memcmp(&left, &right, left_length) == 0;
}

/* By a binding; or that of one which another porticod has left us. */
static bool
is_used(const struct sockets *sockets, const struct sockets_given *given)
{
	if (given->used)
		return true;
	LIST_FOREACH(struct sockets_entry, link, entry, &sockets->entries)
		if (entry->port == given->port &&
		    is_same_address(entry->address, given->address))
			return true;
	return false;
}

void
sockets_tell_unused(const struct sockets *sockets)
{
	LIST_FOREACH(struct sockets_given, link, given, &sockets->given) {
		if (!is_used(sockets, given))
			log_warn(EVENT_SERVICE_SOCKET, NULL,
				 "no binding uses the socket for %s port %u "
				 "that the service manager has opened",
				 given->address, given->port);
	}
}

/* A descriptor of ours for one of these; -1: there is none. */
static int
take_given(struct sockets *sockets, const struct settings_binding *binding,
	   uint16_t *real_port_r, int *family_r)
{
	LIST_FOREACH(struct sockets_given, link, given, &sockets->given) {
		if (given->port != binding->port ||
		    !is_same_address(given->address, binding->address))
			continue;
		given->used = true;
		*real_port_r = given->port;
		*family_r = given->family;
		return fcntl(given->fd, F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

static enum portico_status
open_thread(struct sockets *sockets, const struct settings *settings,
	    const struct settings_binding *binding, uint32_t thread,
	    struct portico_error *err)
{
	const struct sockets_entry *first =
		find(sockets, binding->address, binding->port, 0);
	int family = first == NULL ? AF_INET6 : first->family;
	uint16_t port = first == NULL ? binding->port : first->real_port;
	struct sockets_entry *entry;
	uint16_t real_port = 0;
	int fd = take_given(sockets, binding, &real_port, &family);

	if (fd >= 0)
		;
	else if (first == NULL && !is_ours(sockets, port) &&
		 is_taken(binding->address, family, port))
		errno = EADDRINUSE;
	else
		fd = open_one(binding->address, family, port,
			      (int)settings->listener.backlog, &real_port,
			      &family);
	if (fd < 0 && first == NULL && family == AF_INET6 &&
	    errno != EADDRINUSE && strcmp(binding->address, "*") == 0)
		fd = open_one(binding->address, AF_INET, port,
			      (int)settings->listener.backlog, &real_port,
			      &family);
	if (fd < 0) {
		enum portico_status status =
			error_system(err, "listening on %s", binding->url);

		if (status == PORTICO_DENIED && port < PRIVILEGED_PORTS)
			error_hint(err, "Ports below %d are for root.",
				   PRIVILEGED_PORTS);
		error_place(err, binding->place.file, binding->place.line,
			    binding->place.column);
		return status;
	}
	entry = mem_zalloc(sizeof *entry);
	entry->address = mem_strdup(binding->address);
	entry->port = binding->port;
	entry->real_port = real_port;
	entry->family = family;
	entry->tls = binding->tls;
	entry->thread = thread;
	entry->wanted = true;
	entry->fd = fd;
	list_add_tail(&sockets->entries, &entry->link);
	sockets->count++;
	return PORTICO_OK;
}

static enum portico_status
open_binding(struct sockets *sockets, const struct settings *settings,
	     const struct settings_binding *binding, struct portico_error *err)
{
	for (uint32_t i = 0; i < settings->listener.threads; i++) {
		struct sockets_entry *entry =
			find(sockets, binding->address, binding->port, i);
		enum portico_status status;

		if (entry != NULL) {
			entry->wanted = true;
			continue;
		}
		status = open_thread(sockets, settings, binding, i, err);
		if (status != PORTICO_OK)
			return status;
	}
	return PORTICO_OK;
}

enum portico_status
sockets_open(struct sockets *sockets, const struct settings *settings,
	     struct portico_error *err)
{
	struct list *last = sockets->entries.prev;

	LIST_FOREACH(struct sockets_entry, link, entry, &sockets->entries)
		entry->wanted = false;
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++) {
			enum portico_status status = open_binding(
				sockets, settings, &site->bindings[k], err);

			if (status == PORTICO_OK)
				continue;
			while (sockets->entries.prev != last)
				drop(sockets,
				     LIST_LAST(struct sockets_entry, link,
					       &sockets->entries));
			sockets_keep_all(sockets);
			return status;
		}
	}
	return PORTICO_OK;
}
