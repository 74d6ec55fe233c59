/* SPDX-License-Identifier: Apache-2.0
 *
 * What a connection's bytes go through: the socket itself, or something laid
 * over it (TLS).  The plain socket is inlined: one branch and the system call.
 *
 * All functions act as the socket's own do: -1 with errno EAGAIN when they would
 * have to wait, 0 from transport_read() at the peer's orderly end.  Two things
 * differ where something is laid over:
 *
 * - Bytes may wait inside, of which the socket tells nothing: who stops reading
 *   before EAGAIN asks transport_pending() (see connection_watch_input).
 * - After EAGAIN from writing the same bytes have to be offered again, more of
 *   them if there are; they may have moved.
 */
#ifndef CORE_LISTENER_TRANSPORT_H
#define CORE_LISTENER_TRANSPORT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/base/io.h"

struct transport;

/* What is laid over a socket; every function is there. */
struct transport_methods {
	ssize_t (*read)(struct transport *transport, void *data, size_t size);
	/* All of it, or as much as goes now. */
	ssize_t (*write)(struct transport *transport, const struct iovec *iov,
			 unsigned count, bool more);
	/* At most `size` bytes of a file; 0: it ends there. */
	ssize_t (*send_file)(struct transport *transport, int fd,
			     off_t position, size_t size);
	/* Says that we send no more.  False: the connection is lost. */
	bool (*shutdown)(struct transport *transport);
	bool (*pending)(const struct transport *transport);
	/* The socket is about to be closed; state is freed.  Not `orderly`:
	 * the peer must not take what it has got for the whole. */
	void (*close)(struct transport *transport, bool orderly);
};

struct transport {
	int fd; /* the connection's */
	const struct transport_methods *methods; /* NULL: a plain socket */
	void *state; /* the methods' own */
};

static inline bool
transport_is_plain(const struct transport *transport)
{
	return __builtin_expect(transport->methods == NULL, 1);
}

static inline ssize_t
transport_read(struct transport *transport, void *data, size_t size)
{
	if (transport_is_plain(transport))
		return io_recv(transport->fd, data, size, 0);
	return transport->methods->read(transport, data, size);
}

/* Not interrupted by signals, as all that write. */
static inline ssize_t
transport_write(struct transport *transport, const void *data, size_t size)
{
	struct iovec iov = { (void *)(uintptr_t)data, size };
	ssize_t sent;

	if (!transport_is_plain(transport))
		return transport->methods->write(transport, &iov, 1, false);
	do
		sent = io_send(transport->fd, data, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* `more`: other bytes follow at once. */
static inline ssize_t
transport_writev(struct transport *transport, const struct iovec *iov,
		 unsigned count, bool more)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
				  .msg_iovlen = count };
	ssize_t sent;

	if (!transport_is_plain(transport))
		return transport->methods->write(transport, iov, count, more);
	do
		sent = sendmsg(transport->fd, &message,
			       MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	while (sent < 0 && errno == EINTR);
	return sent;
}

static inline ssize_t
transport_send_file(struct transport *transport, int fd, off_t position,
		    size_t size)
{
	ssize_t sent;

	if (!transport_is_plain(transport))
		return transport->methods->send_file(transport, fd, position,
						     size);
	do
		sent = sendfile(transport->fd, fd, &position, size);
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* Says to the peer that nothing more comes.  False: the connection is lost. */
static inline bool
transport_shutdown(struct transport *transport)
{
	if (transport_is_plain(transport))
		return shutdown(transport->fd, SHUT_WR) == 0;
	return transport->methods->shutdown(transport);
}

/* Whether bytes can be read though the socket may have none. */
static inline bool
transport_pending(const struct transport *transport)
{
	return !transport_is_plain(transport) &&
	       transport->methods->pending(transport);
}

/* Before the socket is closed. */
static inline void
transport_close(struct transport *transport, bool orderly)
{
	if (!transport_is_plain(transport))
		transport->methods->close(transport, orderly);
	transport->methods = NULL;
	transport->state = NULL;
}

#endif
