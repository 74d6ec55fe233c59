/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages with descriptors over Unix sockets of type SOCK_SEQPACKET.
 */
#include "core/base/io.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/error.h"

union control {
	struct cmsghdr head; /* for its alignment */
	char bytes[CMSG_SPACE(sizeof(int) * IO_MESSAGE_FDS_MAX)];
};

enum portico_status
io_seqpacket_pair(int fds[2], bool nonblock, struct portico_error *err)
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	if (nonblock)
		type |= SOCK_NONBLOCK;
	if (socketpair(AF_UNIX, type, 0, fds) != 0)
		return error_system(err, "creating a socket pair");
	return PORTICO_OK;
}

enum portico_status
io_send_message(int fd, const void *data, size_t length, const int *fds,
		size_t nfds)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)data,
			      .iov_len = length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control;
	ssize_t done;

	ASSERT(length > 0);
	ASSERT(nfds <= IO_MESSAGE_FDS_MAX);
	if (nfds > 0) {
		struct cmsghdr *head;

		memset(&control, 0, sizeof control);
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * nfds);
	}
	do {
		done = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (done < 0 && errno == EINTR);
	if (done < 0)
		return status_from_errno(errno);
	/* A packet goes whole or not at all. */
	ASSERT((size_t)done == length);
	return PORTICO_OK;
}

/* Puts descriptors that arrived into `fds`; those beyond `room` are closed
 * and false is returned. */
static bool
collect(struct msghdr *message, int *fds, size_t room, size_t *count_r)
{
	size_t count = 0;
	bool fits = true;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
	     head = CMSG_NXTHDR(message, head)) {
		size_t n;

		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS)
			continue;
		n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
			if (count < room) {
				fds[count++] = fd;
			} else {
				fits = false;
				io_close(&fd);
			}
		}
	}
	*count_r = count;
	return fits;
}

/* What recvmsg() says, but for interruptions. */
static ssize_t
receive(int fd, struct msghdr *message, int flags)
{
	ssize_t got;

	do {
		got = recvmsg(fd, message, flags | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	return got;
}

static void
close_all(int *fds, size_t *count)
{
	while (*count > 0)
		io_close(&fds[--*count]);
}

/* One look at the next message, which stays where it is; its descriptors are
 * ours, whatever becomes of it. */
struct look {
	ssize_t length; /* or a status */
	size_t count; /* descriptors */
	bool whole; /* all of it fits */
	bool starved; /* but for descriptors that this process cannot have */
};

static struct look
look(int fd, void *data, size_t size, int *fds, size_t room)
{
	struct iovec part = { .iov_base = data, .iov_len = size };
	union control control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof control };
	struct look look = { .length = receive(fd, &message, MSG_PEEK) };
	bool fits;

	if (look.length < 0)
		look.length = (ssize_t)status_from_errno(errno);
	if (look.length <= 0)
		return look;
	fits = collect(&message, fds, room, &look.count);
	look.whole = fits &&
		     (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
	look.starved = fits && (message.msg_flags & MSG_CTRUNC) != 0 &&
		       look.count < IO_MESSAGE_FDS_MAX;
	return look;
}

/* Takes away the message that was looked at. */
static void
consume(int fd)
{
	struct msghdr message = { .msg_iovlen = 0 };

	(void)receive(fd, &message, 0);
}

static ssize_t
receive_plain(int fd, void *data, size_t size)
{
	struct iovec part = { .iov_base = data, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t got = receive(fd, &message, 0);

	if (got < 0)
		return (ssize_t)status_from_errno(errno);
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return (ssize_t)PORTICO_TOO_LARGE;
	return got;
}

ssize_t
io_recv_message(int fd, void *data, size_t size, int *fds, size_t *nfds)
{
	size_t room = fds == NULL || nfds == NULL ? 0 : *nfds;
	struct look now;

	if (nfds != NULL)
		*nfds = 0;
	if (room == 0)
		return receive_plain(fd, data, size);
	/* recvmsg() takes the message away even when there is no descriptor
	 * free for those that come with it; hence the look. */
	now = look(fd, data, size, fds, room);
	if (now.starved) {
		close_all(fds, &now.count);
		if (!io_descriptors_free(fd, IO_MESSAGE_FDS_MAX))
			return (ssize_t)PORTICO_FULL;
		/* There are some again. */
		now = look(fd, data, size, fds, room);
	}
	if (now.length <= 0)
		return now.length;
	consume(fd);
	if (!now.whole) {
		close_all(fds, &now.count);
		return (ssize_t)PORTICO_TOO_LARGE;
	}
	*nfds = now.count;
	return now.length;
}

enum portico_status
io_peer(int fd, pid_t *pid_r, uid_t *uid_r, gid_t *gid_r)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return status_from_errno(errno);
	if (pid_r != NULL)
		*pid_r = peer.pid;
	if (uid_r != NULL)
		*uid_r = peer.uid;
	if (gid_r != NULL)
		*gid_r = peer.gid;
	return PORTICO_OK;
}
