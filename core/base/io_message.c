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
	char bytes[CMSG_SPACE(sizeof(int) * IO_FOREIGN_FDS_MAX)];
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

/* Puts descriptors that arrived into `fds`; those beyond `room` into `beyond`,
 * which has room for all that can come. */
static void
collect(struct msghdr *message, int *fds, size_t room, size_t *count_r,
	int *beyond, size_t *beyond_r)
{
	*count_r = *beyond_r = 0;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
	     head = CMSG_NXTHDR(message, head)) {
		size_t n;

		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS)
			continue;
		n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		ASSERT(n <= IO_FOREIGN_FDS_MAX);
		for (size_t i = 0; i < n; i++)
			memcpy(*count_r < room ? &fds[(*count_r)++] :
						 &beyond[(*beyond_r)++],
			       CMSG_DATA(head) + i * sizeof(int), sizeof(int));
	}
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

/*
 * One look at the next message, which stays where it is; its descriptors are
 * ours, whatever becomes of it.  recvmsg() itself would take the message away
 * even when there is no descriptor free for those that come with it, and the
 * kernel would close them, which may take its time (io_close_foreign).
 */
struct look {
	ssize_t length; /* or a status */
	size_t count; /* descriptors */
	int beyond[IO_FOREIGN_FDS_MAX]; /* those that nobody asked for */
	size_t beyond_count;
	bool whole; /* all of it fits */
	bool starved; /* but for descriptors that this process cannot have */
};

static void
look(int fd, void *data, size_t size, int *fds, size_t room, struct look *look)
{
	struct iovec part = { .iov_base = data, .iov_len = size };
	union control control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof control };

	look->count = look->beyond_count = 0;
	look->whole = look->starved = false;
	look->length = receive(fd, &message, MSG_PEEK);
	if (look->length < 0)
		look->length = (ssize_t)status_from_errno(errno);
	if (look->length <= 0)
		return;
	collect(&message, fds, room, &look->count, look->beyond,
		&look->beyond_count);
	look->whole = look->beyond_count == 0 &&
		      (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
	/* There is room for all that one message can carry. */
	look->starved = (message.msg_flags & MSG_CTRUNC) != 0;
}

static void
forget(struct look *look, int *fds)
{
	io_close_foreign(fds, look->count);
	io_close_foreign(look->beyond, look->beyond_count);
	look->count = look->beyond_count = 0;
}

/* Takes away the message that was looked at.  Its descriptors, which we have
 * as well, are not the last ones. */
static void
consume(int fd)
{
	struct msghdr message = { .msg_iovlen = 0 };

	(void)receive(fd, &message, 0);
}

ssize_t
io_recv_message(int fd, void *data, size_t size, int *fds, size_t *nfds)
{
	size_t room = fds == NULL || nfds == NULL ? 0 : *nfds;
	struct look now;

	if (nfds != NULL)
		*nfds = 0;
	look(fd, data, size, fds, room, &now);
	if (now.starved && now.beyond_count == 0) {
		forget(&now, fds);
		if (!io_descriptors_free(fd, IO_MESSAGE_FDS_MAX))
			return (ssize_t)PORTICO_FULL;
		/* There are some again, unless another thread was faster. */
		look(fd, data, size, fds, room, &now);
		if (now.starved && now.beyond_count == 0) {
			forget(&now, fds);
			return (ssize_t)PORTICO_FULL;
		}
	}
	if (now.length <= 0)
		return now.length;
	/* One that we do not have in full stays in the socket. */
	if (!now.starved)
		consume(fd);
	if (!now.whole) {
		forget(&now, fds);
		return (ssize_t)PORTICO_TOO_LARGE;
	}
	if (nfds != NULL)
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
