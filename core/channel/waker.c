/* SPDX-License-Identifier: Apache-2.0
 *
 * How one side is woken by the other.
 *
 * The listener must not wait for anything that a worker does to what both have
 * open.  That rules out a pipe: the kernel copies to and from it with its lock
 * held, and a worker whose buffer lies in a file of its own file system keeps
 * that lock as long as it likes.  So
 *
 *   worker -> listener  is an eventfd.  It is one open file for both, so its
 *                       O_NONBLOCK means nothing; the listener reads it with
 *                       RWF_NOWAIT.  It never writes it, since a worker could
 *                       have filled the counter.
 *   listener -> worker  is a socket of which the listener only sends, with
 *                       MSG_DONTWAIT.  It never receives, since with a message
 *                       could come descriptors; it has shut that direction.
 *
 * The listener sees the end of a worker by the channel's socket, the worker
 * that of a listener here, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/channel/channel_priv.h"

/* Not in every C library. */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

enum portico_status
waker_create(struct channel *channel, struct channel_handles *handles,
	     struct portico_error *err)
{
	int ends[2];

	channel->wake_own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (channel->wake_own < 0)
		return error_system(err, "cannot create wake-up descriptor");
	handles->wake_listener = fcntl(channel->wake_own, F_DUPFD_CLOEXEC, 3);
	if (handles->wake_listener < 0)
		return error_system(err, "cannot create wake-up descriptor");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       ends) != 0)
		return error_system(err, "cannot create wake-up socket");
	channel->wake_peer = ends[0];
	handles->wake_worker = ends[1];
	if (shutdown(ends[0], SHUT_RD) != 0)
		return error_system(err, "cannot shut wake-up socket");
	return PORTICO_OK;
}

void
waker_fini(struct channel *channel)
{
	/* What an eventfd is watched by, its last close() has to tell, and the
	 * worker may watch it. */
	io_close_foreign(&channel->wake_own, 1);
	io_close(&channel->wake_peer);
}

void
waker_wake(struct channel *channel)
{
	const uint64_t one = 1;

	/* What has no room is as good as there; that the other side is gone
	 * the channel's socket tells. */
	if (channel->listener)
		(void)io_send(channel->wake_peer, "", 1,
			      MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (write(channel->wake_peer, &one, sizeof(one)) < 0)
		return;
}

/* Before Linux 5.12 this read cannot be told not to wait.  It is done only
 * when there is something to be read; a worker that takes that away first
 * could make us wait there. */
static void
read_eventfd(int fd)
{
	static atomic_bool plain;
	uint64_t count;
	struct iovec part = { &count, sizeof(count) };

	if (!atomic_load_explicit(&plain, memory_order_relaxed)) {
		if (syscall(SYS_preadv2, fd, &part, 1, -1L, -1L, RWF_NOWAIT) >=
			    0 ||
		    errno != EOPNOTSUPP)
			return;
		atomic_store_explicit(&plain, true, memory_order_relaxed);
	}
	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

void
waker_clear(struct channel *channel)
{
	char bytes[64];

	if (channel->listener)
		read_eventfd(channel->wake_own);
	/* What is left wakes us once more, which does no harm.  0 is the end,
	 * and it will never be unreadable. */
	else if (io_recv(channel->wake_own, bytes, sizeof(bytes),
			 MSG_DONTWAIT) == 0)
		channel->peer_gone = true;
}
