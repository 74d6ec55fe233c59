/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and keeping listening sockets.
 */
#include "core/activation/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/error.h"
#include "core/base/io.h"
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
	int fd = -1;

	if (first == NULL && !is_ours(sockets, port) &&
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
