/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime directory and the log directory.
 */
#include "core/activation/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/activation/identity.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

struct runtime {
	char *path; /* of the process file */
	int fd; /* locked */
};

/* As mkdir -p. */
static enum portico_status
make_directory(const char *path, mode_t mode, struct portico_error *err)
{
	char part[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof part)
		return error_set(err, PORTICO_TOO_LARGE,
				 "making directory %s: the path is too long",
				 path);
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		snprintf(part, sizeof part, "%.*s", (int)i, path);
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return error_system(err, "making directory %s", part);
	}
	return PORTICO_OK;
}

/* Ours with nothing in it: we, a package or LogsDirectory= of systemd made it,
 * which cannot know whom the listener runs as. */
static bool
is_new(DIR *directory)
{
	const struct dirent *entry;
	struct stat info;
	bool empty = fstat(dirfd(directory), &info) == 0 &&
		     info.st_uid == geteuid();

	while (empty && (entry = readdir(directory)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	return empty;
}

/* A new log directory belongs to whom the listener runs as.  One that was used
 * stays whose it is: the listener tells if it cannot write there. */
static enum portico_status
give_logs(const char *path, const struct identity *identity,
	  struct portico_error *err)
{
	enum portico_status status = PORTICO_OK;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (directory == NULL) {
		if (fd >= 0)
			io_close(&fd);
		return PORTICO_OK;
	}
	if (is_new(directory) &&
	    fchown(dirfd(directory), identity->uid, identity->gid) != 0)
		status = error_system(err, "giving directory %s to its user",
				      path);
	closedir(directory);
	return status;
}

bool
runtime_gives_logs(const char *path)
{
	DIR *directory = opendir(path);
	bool gives = directory != NULL && is_new(directory);

	if (directory != NULL)
		closedir(directory);
	return gives;
}

static enum portico_status
prepare_logs(const struct settings *settings, struct portico_error *err)
{
	struct identity identity;
	enum portico_status status =
		identity_resolve(settings, NULL, &identity, err);

	if (status != PORTICO_OK)
		return status;
	status = make_directory(settings->log_directory, 0755, err);
	if (status != PORTICO_OK)
		error_hint(err, "Set logDirectory to one that may be written.");
	else if (identity.change)
		status = give_logs(settings->log_directory, &identity, err);
	return status;
}

/* Whether the file that is open is still the one of that name: its owner
 * removes it when it ends. */
static bool
is_removed(const struct runtime *runtime)
{
	struct stat here, there;

	return fstat(runtime->fd, &here) == 0 &&
	       (stat(runtime->path, &there) != 0 ||
		here.st_dev != there.st_dev || here.st_ino != there.st_ino);
}

/* Who has locked one that was removed has locked nothing, for the next one
 * makes another. */
static enum portico_status
lock_pid_file(struct runtime *runtime, int inherited, struct portico_error *err)
{
	char text[32];
	int length;

again:
	runtime->fd = inherited >= 0 ? inherited :
				       open(runtime->path,
					    O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (runtime->fd < 0)
		return error_system(err, "opening the process file %s",
				    runtime->path);
	if (flock(runtime->fd, LOCK_EX | LOCK_NB) != 0) {
		ssize_t got = pread(runtime->fd, text, sizeof text - 1, 0);

		text[got < 0 ? 0 : got] = '\0';
		text[strcspn(text, "\n")] = '\0';
		return error_set(err, PORTICO_EXISTS,
				 "another porticod (process %s) runs with %s",
				 text, runtime->path);
	}
	if (inherited < 0 && is_removed(runtime)) {
		io_close(&runtime->fd);
		goto again;
	}
	length = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(runtime->fd, 0) != 0 ||
	    pwrite(runtime->fd, text, (size_t)length, 0) != length)
		return error_system(err, "writing the process file %s",
				    runtime->path);
	return PORTICO_OK;
}

enum portico_status
runtime_lock(const char *directory, int inherited, struct runtime **runtime_r,
	     struct portico_error *err)
{
	size_t size = strlen(directory) + sizeof "/" RUNTIME_PID_FILE;
	struct runtime *runtime;
	enum portico_status status;

	if (access(directory, F_OK) != 0)
		return error_set(err, PORTICO_NOT_FOUND,
				 "there is no directory %s", directory);
	runtime = mem_zalloc(sizeof *runtime);
	runtime->path = mem_alloc(size);
	snprintf(runtime->path, size, "%s/%s", directory, RUNTIME_PID_FILE);
	status = lock_pid_file(runtime, inherited, err);
	if (status == PORTICO_OK)
		*runtime_r = runtime;
	else
		runtime_unlock(&runtime);
	return status;
}

enum portico_status
runtime_open(const struct settings *settings, struct runtime **runtime_r,
	     struct portico_error *err)
{
	enum portico_status status;

	status = make_directory(settings->runtime_directory, 0755, err);
	if (status != PORTICO_OK) {
		error_hint(err, "Set runtimeDirectory to one that may be "
				"written.");
		return status;
	}
	status = prepare_logs(settings, err);
	if (status != PORTICO_OK || *runtime_r != NULL)
		return status;
	return runtime_lock(settings->runtime_directory, -1, runtime_r, err);
}

int
runtime_fd(const struct runtime *runtime)
{
	return runtime->fd;
}

void
runtime_unlock(struct runtime **runtime_p)
{
	struct runtime *runtime = *runtime_p;

	if (runtime == NULL)
		return;
	*runtime_p = NULL;
	io_close(&runtime->fd);
	mem_free(runtime->path);
	mem_free(runtime);
}

void
runtime_close(struct runtime **runtime_p)
{
	struct runtime *runtime = *runtime_p;

	if (runtime == NULL)
		return;
	unlink(runtime->path);
	runtime_unlock(runtime_p);
}

void
runtime_tell_ready(int *ready_fd)
{
	if (*ready_fd < 0)
		return;
	(void)io_write_all(*ready_fd, "ready\n", 6);
	io_close(ready_fd);
}
