/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping a worker at an exact step, once.  A test writes a file of the
 * step's name into the directory PORTICO_TEST_STOP; the first worker that
 * comes to that step renames it to "<step>.reached", which the test waits for,
 * and does what the file says:
 *
 *	hold     stays there until the test opens the FIFO "go", or for ever
 *	exit     ends with status 9
 *	crash    is killed by a signal
 *
 * Whoever comes later finds no file and goes on.
 */
#ifndef T_WORKER_STOP_H
#define T_WORKER_STOP_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void
stop_path(char *path, size_t size, const char *name, const char *suffix)
{
	const char *directory = getenv("PORTICO_TEST_STOP");

	snprintf(path, size, "%s/%s%s",
		 directory == NULL ? "/nonexistent" : directory, name, suffix);
}

/* A file that says that something happened, one byte for each time. */
static inline void
stop_note(const char *name)
{
	char path[512];
	int fd;

	/* A pool that nobody wants to stop. */
	if (getenv("PORTICO_TEST_STOP") == NULL)
		return;
	stop_path(path, sizeof(path), name, "");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, "x", 1) != 1)
		abort();
	close(fd);
}

/* False: go on.  True: hold here. */
static inline bool
stop_wanted(const char *step)
{
	char path[512], reached[512], mode[16] = "";
	int fd;

	stop_path(path, sizeof(path), step, "");
	stop_path(reached, sizeof(reached), step, ".reached");
	if (rename(path, reached) != 0)
		return false;
	fd = open(reached, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, mode, sizeof(mode) - 1) <= 0)
		abort();
	close(fd);
	if (strcmp(mode, "exit") == 0)
		_exit(9);
	if (strcmp(mode, "crash") == 0)
		raise(SIGKILL);
	return true;
}

/* The same, and stays there. */
static inline void
stop_at(const char *step)
{
	char path[512];
	int fd;

	if (!stop_wanted(step))
		return;
	stop_path(path, sizeof(path), "go", "");
	/* Until somebody opens it for writing. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	close(fd);
}

#endif
