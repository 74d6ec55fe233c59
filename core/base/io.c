/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors, files and anonymous memory.  Messages with descriptors are in
 * io_message.c.
 */
#include "core/base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/error.h"

_Static_assert(IO_SEAL_SIZE == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW),
	       "the kernel's numbers");

/* Not in every C library that has memfd_create. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
_Static_assert(IO_SEAL_READ_ONLY == (IO_SEAL_SIZE | F_SEAL_FUTURE_WRITE),
	       "the kernel's numbers");

void
io_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int
io_count_descriptors(void)
{
	struct stat st;
	DIR *directory;
	int count = 0;

	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (int)st.st_size;
	directory = opendir("/proc/self/fd");
	if (directory == NULL)
		return -1;
	for (const struct dirent *entry = readdir(directory); entry != NULL;
	     entry = readdir(directory))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count - 1; /* without that of the directory */
}

enum portico_status
io_set_cloexec(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return status_from_errno(errno);
	flags = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
	return fcntl(fd, F_SETFD, flags) < 0 ? status_from_errno(errno) :
					       PORTICO_OK;
}

enum portico_status
io_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return status_from_errno(errno);
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? status_from_errno(errno) :
					       PORTICO_OK;
}

void
io_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t
io_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

bool
io_descriptors_free(int like, unsigned count)
{
	int fds[IO_MESSAGE_FDS_MAX];
	unsigned got = 0;
	bool enough;

	ASSERT(count <= IO_MESSAGE_FDS_MAX);
	while (got < count) {
		fds[got] = fcntl(like, F_DUPFD_CLOEXEC, 0);
		if (fds[got] < 0)
			break;
		got++;
	}
	enough = got == count;
	while (got > 0)
		io_close(&fds[--got]);
	return enough;
}

bool
io_is_exhaustion(int os_error)
{
	switch (os_error) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOSPC:
	case ENOBUFS:
	case ETOOMANYREFS:
	case EAGAIN: /* of fork() and execve() */
		return true;
	default:
		return false;
	}
}

/* Reads to the end of `fd`; one byte beyond the limit tells a large file. */
static enum portico_status
read_to_end(int fd, const char *path, size_t limit, struct buffer *buffer,
	    struct portico_error *err)
{
	size_t total = 0;

	for (;;) {
		size_t want = limit - total < 65536 ? limit - total + 1 : 65536;
		ssize_t got;

		if (buffer_reserve(buffer, want) != PORTICO_OK)
			return error_set(err, PORTICO_TOO_LARGE,
					 "reading %s: no room for more than "
					 "%zu bytes",
					 path, total);
		got = read(fd, buffer->data + buffer->length, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_system(err, "reading %s", path);
		if (got == 0)
			return PORTICO_OK;
		total += (size_t)got;
		if (total > limit)
			return error_set(err, PORTICO_TOO_LARGE,
					 "reading %s: larger than the limit "
					 "of %zu bytes",
					 path, limit);
		buffer->length += (size_t)got;
	}
}

enum portico_status
io_read_file(const char *path, size_t limit, struct buffer *buffer,
	     struct portico_error *err)
{
	size_t before = buffer->length;
	enum portico_status status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_system(err, "opening %s", path);
	status = read_to_end(fd, path, limit, buffer, err);
	if (status != PORTICO_OK)
		buffer->length = before;
	io_close(&fd);
	return status;
}

enum portico_status
io_write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t done = write(fd, at, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return status_from_errno(errno);
		at += done;
		length -= (size_t)done;
	}
	return PORTICO_OK;
}

enum portico_status
io_write_file(const char *path, const void *data, size_t length, mode_t mode,
	      struct portico_error *err)
{
	char temporary[4096];
	enum portico_status status;
	int fd;

	if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >=
	    (int)sizeof temporary)
		return error_set(err, PORTICO_TOO_LARGE,
				 "writing %s: the name is too long", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return error_system(err, "creating %s", temporary);
	status = io_write_all(fd, data, length);
	if (status != PORTICO_OK || fchmod(fd, mode) != 0 || fsync(fd) != 0)
		status = error_system(err, "writing %s", temporary);
	else if (rename(temporary, path) != 0)
		status =
			error_system(err, "renaming %s to %s", temporary, path);
	if (status != PORTICO_OK)
		unlink(temporary);
	io_close(&fd);
	return status;
}

int
io_memfd_create(const char *name, size_t size, struct portico_error *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return (int)error_system(err, "creating shared memory %s",
					 name);
	if (ftruncate(fd, (off_t)size) != 0) {
		int status = (int)error_system(
			err, "sizing shared memory %s to %zu bytes", name,
			size);

		io_close(&fd);
		return status;
	}
	return fd;
}

enum portico_status
io_memfd_seal(int fd, unsigned seals, struct portico_error *err)
{
	if (fcntl(fd, F_ADD_SEALS, (int)seals) < 0)
		return error_system(err, "sealing shared memory");
	return PORTICO_OK;
}

bool
io_memfd_is_sealed(int fd, unsigned seals, size_t size)
{
	struct stat status;
	int have = fcntl(fd, F_GET_SEALS);

	return have >= 0 && ((unsigned)have & seals) == seals &&
	       fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_size >= 0 && (uint64_t)status.st_size == size;
}

int
io_memfd_from(const char *name, const void *data, size_t length,
	      struct portico_error *err)
{
	int fd = io_memfd_create(name, 0, err);
	enum portico_status status;

	if (fd < 0)
		return fd;
	status = io_write_all(fd, data, length);
	if (status != PORTICO_OK)
		error_system(err, "filling shared memory %s", name);
	else
		status = io_memfd_seal(fd, IO_SEAL_SIZE | F_SEAL_WRITE, err);
	if (status != PORTICO_OK) {
		io_close(&fd);
		return (int)status;
	}
	return fd;
}

enum portico_status
io_memfd_read(int fd, size_t limit, struct buffer *buffer,
	      struct portico_error *err)
{
	struct stat info;
	int seals = fcntl(fd, F_GET_SEALS);
	enum portico_status status;
	size_t done = 0, size;

	if (seals < 0 || ((unsigned)seals & F_SEAL_SHRINK) == 0 ||
	    fstat(fd, &info) != 0 || info.st_size < 0)
		return error_set(err, PORTICO_PROTOCOL,
				 "reading shared memory: not a sealed memfd");
	size = (size_t)info.st_size;
	if (size > limit)
		return error_set(err, PORTICO_TOO_LARGE,
				 "reading shared memory: %zu bytes, at most "
				 "%zu are allowed",
				 size, limit);
	status = buffer_reserve(buffer, size);
	if (status != PORTICO_OK)
		return error_set(err, status, "reading shared memory: %s",
				 status_text(status));
	while (done < size) {
		ssize_t got = pread(fd, buffer->data + buffer->length,
				    size - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_system(err, "reading shared memory");
		if (got == 0)
			break;
		buffer->length += (size_t)got;
		done += (size_t)got;
	}
	return PORTICO_OK;
}

int
io_pidfd_open(pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	return fd >= 0 ? fd : (int)status_from_errno(errno);
}

enum portico_status
io_pidfd_signal(int pidfd, int signal_number)
{
	if (pidfd_send_signal(pidfd, signal_number, NULL, 0) != 0)
		return status_from_errno(errno);
	return PORTICO_OK;
}
