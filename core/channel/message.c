/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages on the channel's socket.  The general io_recv_message() does not
 * serve here: the listener has to tell a worker that sends two descriptors (a
 * lie) from its own lack of descriptors (no fault of the worker).
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/channel/message.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* All that a worker can send: what has no room the kernel closes, and that
 * may take its time. */
union foreign_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * IO_FOREIGN_FDS_MAX)];
};

enum portico_status
channel_message_send(int socket, const struct channel_message *message, int fd)
{
	union control control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)message,
			     .iov_len = sizeof(*message) };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*message))
		return PORTICO_OK;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ||
	    errno == ETOOMANYREFS)
		return PORTICO_AGAIN;
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return PORTICO_CLOSED;
	return status_from_errno(errno);
}

static ssize_t
receive(int socket, struct msghdr *header, int flags)
{
	/* A peer that closed with unread messages leaves one ECONNRESET before
	 * what it had sent. */
	bool reset_seen = false;
	ssize_t n;

	for (;;) {
		n = recvmsg(socket, header,
			    MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags);
		if (n >= 0)
			return n;
		if (errno == ECONNRESET && !reset_seen)
			reset_seen = true;
		else if (errno != EINTR)
			return n;
	}
}

/* The descriptors of a message: keeps the first if it is the only one. */
static unsigned
take_descriptors(struct msghdr *header, int *fd_r)
{
	int fds[IO_FOREIGN_FDS_MAX];
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL;
	     c = CMSG_NXTHDR(header, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0;
		     at + sizeof(int) <= bytes && count < IO_FOREIGN_FDS_MAX;
		     at += sizeof(int))
			memcpy(&fds[count++], CMSG_DATA(c) + at, sizeof(int));
	}
	if (count == 1)
		*fd_r = fds[0];
	else
		io_close_foreign(fds, count);
	return count;
}

/* A look at the next message, which stays where it is.  PORTICO_FULL as in
 * channel_message_receive. */
static enum portico_status
look(int socket, struct channel_message *message_r, int *fd_r)
{
	union foreign_control control;
	struct iovec iov = { .iov_base = message_r,
			     .iov_len = sizeof(*message_r) };
	struct msghdr header = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes) };
	ssize_t n = receive(socket, &header, MSG_PEEK);
	unsigned count;

	*fd_r = -1;
	if (n == 0)
		return PORTICO_CLOSED;
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? PORTICO_AGAIN :
								 PORTICO_CLOSED;
	count = take_descriptors(&header, fd_r);
	if (n == (ssize_t)sizeof(*message_r) && count == 0 &&
	    (header.msg_flags & MSG_CTRUNC) != 0)
		return PORTICO_FULL;
	if (n != (ssize_t)sizeof(*message_r) || count > 1 ||
	    (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		io_close_foreign(fd_r, 1);
		return PORTICO_PROTOCOL;
	}
	return PORTICO_OK;
}

/* Takes away the message that was looked at.  Its descriptor, which we have as
 * well, is not the last one: that might take its time (io_close_foreign). */
static void
consume(int socket)
{
	struct msghdr header = { .msg_iovlen = 0 };

	(void)receive(socket, &header, 0);
}

enum portico_status
channel_message_receive(int socket, struct channel_message *message_r,
			int *fd_r)
{
	enum portico_status status = look(socket, message_r, fd_r);

	/* There may be one again. */
	if (status == PORTICO_FULL && io_descriptors_free(socket, 1))
		status = look(socket, message_r, fd_r);
	/* A lie stays where it is: it ends the channel, and that the socket. */
	if (status == PORTICO_OK)
		consume(socket);
	return status;
}
