/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors: closing, flags, whole files, sealed memory, processes, and
 * messages that carry descriptors.  Every descriptor made here is
 * close-on-exec.  Functions that return a descriptor return it >= 0, or a
 * negative enum portico_status.
 */
#ifndef CORE_BASE_IO_H
#define CORE_BASE_IO_H

#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <portico/types.h>

struct buffer;

/*
 * recv() and send() of a non-blocking socket, without what glibc's do for
 * pthread_cancel in a process with threads: 1.5 % of a small request.  Same
 * results and errno.
 */
static inline ssize_t
io_recv(int fd, void *data, size_t size, int flags)
{
	return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

static inline ssize_t
io_send(int fd, const void *data, size_t size, int flags)
{
	return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

/* Closes if >= 0 and stores -1.  errno is left alone. */
void io_close(int *fd);

/* Open descriptors of this process, -1 if /proc does not tell.  For figures:
 * before Linux 6.2 it costs about a microsecond for each. */
int io_count_descriptors(void);

/*
 * Closes descriptors (those >= 0) that another process made or may have filled
 * with its own, and stores -1, without waiting: close() itself may take as
 * long as that process likes (a socket that lingers, a file system in user
 * space, the last of a huge file), so it is left to threads that do nothing
 * else.  Any thread; at exit the kernel closes what is left.
 */
void io_close_foreign(int *fds, size_t count);

/* For tests that count descriptors: whether all of these are closed. */
bool io_close_foreign_done(void);

enum portico_status io_set_cloexec(int fd, bool on);
enum portico_status io_set_nonblock(int fd, bool on);

/*
 * Appends a whole file to `buffer`.  PORTICO_TOO_LARGE when it has more than
 * `limit` bytes.  For start-up and configuration: it blocks.
 */
enum portico_status io_read_file(const char *path, size_t limit,
				 struct buffer *buffer,
				 struct portico_error *err);

/* Writes `text` as the new contents of a file: temporary name, fsync, rename,
 * so that a reader sees the old or the new one. */
enum portico_status io_write_file(const char *path, const void *data,
				  size_t length, mode_t mode,
				  struct portico_error *err);

/* All bytes or an error; retries on EINTR and short writes (blocking fd). */
enum portico_status io_write_all(int fd, const void *data, size_t length);

/* Anonymous memory of `size` bytes, sealable; `name` is shown in /proc. */
int io_memfd_create(const char *name, size_t size, struct portico_error *err);

/*
 * Adds F_SEAL_ flags.  IO_SEAL_SIZE fixes size and seals; IO_SEAL_READ_ONLY
 * also forbids every later writable mapping (existing ones stay).
 */
enum portico_status io_memfd_seal(int fd, unsigned seals,
				  struct portico_error *err);
#define IO_SEAL_SIZE 0x0007u /* F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW */
#define IO_SEAL_READ_ONLY 0x0017u /* ... | F_SEAL_FUTURE_WRITE */

/* Whether a descriptor from another process is a memfd with at least these
 * seals and exactly this size. */
bool io_memfd_is_sealed(int fd, unsigned seals, size_t size);

/* A memfd that holds these bytes and never changes again. */
int io_memfd_from(const char *name, const void *data, size_t length,
		  struct portico_error *err);

/*
 * A copy of such a memfd, which may come from another process: appended to
 * `buffer` by read(), never mapped.  PORTICO_PROTOCOL when it is no sealed
 * memfd, PORTICO_TOO_LARGE above `limit` bytes.
 */
enum portico_status io_memfd_read(int fd, size_t limit, struct buffer *buffer,
				  struct portico_error *err);

/* Descriptor that polls readable when the process ends. */
int io_pidfd_open(pid_t pid);
enum portico_status io_pidfd_signal(int pidfd, int signal_number);

/* The soft limit of open files becomes the hard one. */
void io_raise_descriptor_limit(void);

/* The soft limit now; somebody else may have changed it (prlimit). */
uint64_t io_descriptor_limit(void);

/* Whether this process could have `count` more descriptors now, at most
 * IO_MESSAGE_FDS_MAX; tried with copies of `like`.  Nothing is reserved. */
bool io_descriptors_free(int like, unsigned count);

/* Whether an errno means that this process or the system has run out of
 * something that may come back: descriptors, processes, memory. */
bool io_is_exhaustion(int os_error);

/* Two connected SOCK_SEQPACKET sockets, non-blocking if asked. */
enum portico_status io_seqpacket_pair(int fds[2], bool nonblock,
				      struct portico_error *err);

/* Most descriptors in one message of ours, and of anybody's (the kernel's
 * SCM_MAX_FD): what had no room the kernel would close for us, and wait. */
#define IO_MESSAGE_FDS_MAX 32
#define IO_FOREIGN_FDS_MAX 253

/*
 * Sends one message with `nfds` descriptors over a SOCK_SEQPACKET socket;
 * whole or not at all.  The descriptors stay the caller's.  PORTICO_AGAIN
 * when a non-blocking socket is full, PORTICO_CLOSED when the peer is gone,
 * else status_from_errno(); errno tells more.  Never raises SIGPIPE.
 * `length` must be above 0: the receiver cannot tell 0 from the end.
 */
enum portico_status io_send_message(int fd, const void *data, size_t length,
				    const int *fds, size_t nfds);

/*
 * Receives one message: its length; 0 when the peer closed; a negative enum
 * portico_status otherwise: PORTICO_AGAIN when nothing is there,
 * PORTICO_TOO_LARGE when it did not fit `size` or `*nfds` (the message is
 * lost, its descriptors are closed), PORTICO_FULL when this process has no
 * descriptors left for those that come with it (the message stays in the
 * socket, which stays readable: try again when some are free).  `*nfds`: in the room in `fds`, out how
 * many arrived; `fds` and `nfds` may be NULL for none.
 * OWNERSHIP: the descriptors become the caller's.
 */
ssize_t io_recv_message(int fd, void *data, size_t size, int *fds,
			size_t *nfds);

/* Who is at the other end of a Unix socket (SO_PEERCRED). */
enum portico_status io_peer(int fd, pid_t *pid_r, uid_t *uid_r, gid_t *gid_r);

#endif
