/* SPDX-License-Identifier: Apache-2.0
 *
 * Core files.
 */
#include "core/activation/core_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/activation/events.h"
#include "core/activation/pool.h"
#include "core/activation/temporary.h"
#include "core/activation/worker_process.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/config/settings.h"

#define SUFFIX ".core"
/* Of one worker: its own, and those of children. */
#define TAKEN_MAX 16
/* Files there that are looked at: a worker could have made very many, and all
 * else waits for us meanwhile. */
#define LOOKED_MAX 1000

#define PATH(path, ...)                                                        \
	(snprintf(path, sizeof path, __VA_ARGS__) < (int)sizeof path)

/* ---- what the kernel does -------------------------------------------------- */

/* kernel.core_pattern; "": it cannot be read. */
static const char *
read_pattern(char *text, size_t size)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);

	io_close(&fd);
	text[length < 0 ? 0 : length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* Without the arguments. */
static int
program_length(const char *pattern)
{
	return (int)strcspn(pattern + 1, " ");
}

static json_t *
describe_file(const struct settings_pool *pool, const char *pattern)
{
	const struct settings_failure *failure = &pool->failure;
	struct rlimit own = { .rlim_cur = 0 };
	uint64_t size = pool->limits.core;
	char limit[64] = "";

	getrlimit(RLIMIT_CORE, &own);
	if (size == 0)
		size = failure->core_dump == SETTINGS_CORE_FULL ? own.rlim_max :
								  own.rlim_cur;
	if (size <= CORE_FILES_NO_BYTES)
		return json_string("none: porticod's limit for core files, or "
				   "limits.coreFile, allows none");
	if (size != RLIM_INFINITY)
		snprintf(limit, sizeof limit, " up to %" PRIu64 " bytes", size);
	if (pattern[0] == '\0')
		return json_sprintf("files%s where kernel.core_pattern says, "
				    "which cannot be read",
				    limit);
	if (strchr(pattern, '/') != NULL)
		return json_sprintf("files%s at %s (kernel.core_pattern)%s, if "
				    "the worker may write there",
				    limit, pattern,
				    failure->core_directory == NULL ?
					    "" :
					    ", not in coreDirectory");
	if (failure->core_directory == NULL)
		return json_sprintf("files%s in the working directory, if the "
				    "worker may write there; see "
				    "failure.coreDirectory",
				    limit);
	return json_sprintf("files%s, %s/%s.PROCESS" SUFFIX
			    "; the newest %" PRIu32 " are kept",
			    limit, failure->core_directory, pool->name,
			    failure->core_files);
}

json_t *
core_files_describe(const struct settings_pool *pool)
{
	char pattern[256];

	if (pool->failure.core_dump == SETTINGS_CORE_NONE ||
	    pool->limits.core == CORE_FILES_NO_BYTES)
		return json_string("none");
	read_pattern(pattern, sizeof pattern);
	/* To a program the limit does not matter. */
	if (pattern[0] == '|')
		return json_sprintf("given to %.*s (kernel.core_pattern)%s",
				    program_length(pattern), pattern + 1,
				    pool->failure.core_directory == NULL ?
					    "" :
					    ", nothing in coreDirectory");
	return describe_file(pool, pattern);
}

json_t *
core_files_to_json(const struct settings_pool *pool)
{
	const struct settings_failure *failure = &pool->failure;

	return failure->core_dump == SETTINGS_CORE_INHERIT &&
			       failure->core_directory == NULL ?
		       NULL :
		       core_files_describe(pool);
}

/* ---- taking ---------------------------------------------------------------- */

/* Who has written it may have put anything there: only a file that has no
 * other name is taken, and it is looked at again where it is then. */
static bool
take(int directory, const char *name, const char *target, off_t *size_r)
{
	int fd = openat(directory, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat before, after;
	bool taken;

	if (fd < 0)
		return false;
	taken = fstat(fd, &before) == 0 && S_ISREG(before.st_mode) &&
		before.st_nlink == 1 && before.st_size > 0 &&
		fchmod(fd, 0600) == 0 &&
		(before.st_uid == geteuid() ||
		 fchown(fd, geteuid(), getegid()) == 0) &&
		renameat(directory, name, AT_FDCWD, target) == 0;
	io_close(&fd);
	if (taken &&
	    (lstat(target, &after) != 0 || after.st_ino != before.st_ino ||
	     after.st_dev != before.st_dev)) {
		(void)unlink(target);
		return false;
	}
	*size_r = before.st_size;
	return taken;
}

/* How many files it has taken; the first one is `target`. */
static unsigned
take_all(const char *path, const char *target, off_t *size_r)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	char numbered[CORE_FILES_PATH_SIZE];
	struct dirent *entry;
	unsigned count = 0, looked = 0;
	off_t size;

	if (directory == NULL) {
		io_close(&fd);
		return 0;
	}
	while (count < TAKEN_MAX && looked++ < LOOKED_MAX &&
	       (entry = readdir(directory)) != NULL) {
		if (!PATH(numbered, "%s.%u", target, count) ||
		    !take(fd, entry->d_name, count == 0 ? target : numbered,
			  &size))
			continue;
		if (count++ == 0)
			*size_r = size;
	}
	closedir(directory);
	return count;
}

/* "main.1234.core" and "main.1234.core.1" of pool "main"; or, with an empty
 * suffix, "main.1234" alone.  The number, or 0. */
static long
number_of(const char *name, const char *pool, const char *suffix)
{
	size_t length = strlen(pool);
	char *end;
	long pid;

	if (strncmp(name, pool, length) != 0 || name[length] != '.' ||
	    name[length + 1] < '1' || name[length + 1] > '9')
		return 0;
	pid = strtol(name + length + 1, &end, 10);
	if (suffix[0] == '\0' ? *end != '\0' :
				strncmp(end, suffix, strlen(suffix)) != 0)
		return 0;
	return pid;
}

/* True: there was one too many, and the oldest is gone. */
static bool
remove_one(const struct settings_pool *pool, const char *path)
{
	DIR *directory = opendir(path);
	char oldest[NAME_MAX + 1] = "";
	struct timespec since = { 0, 0 };
	struct dirent *entry;
	struct stat info;
	size_t count = 0;
	bool removed;

	if (directory == NULL)
		return false;
	while ((entry = readdir(directory)) != NULL) {
		if (number_of(entry->d_name, pool->name, SUFFIX) == 0 ||
		    fstatat(dirfd(directory), entry->d_name, &info,
			    AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(info.st_mode))
			continue;
		if (count++ > 0 && (info.st_mtim.tv_sec > since.tv_sec ||
				    (info.st_mtim.tv_sec == since.tv_sec &&
				     info.st_mtim.tv_nsec >= since.tv_nsec)))
			continue;
		since = info.st_mtim;
		snprintf(oldest, sizeof oldest, "%s", entry->d_name);
	}
	removed = count > pool->failure.core_files &&
		  unlinkat(dirfd(directory), oldest, 0) == 0;
	closedir(directory);
	return removed;
}

/* ---- a worker's ------------------------------------------------------------ */

/* Of workers that ended while nobody looked. */
static void
sweep(const struct settings_pool *pool)
{
	DIR *directory = opendir(pool->failure.core_directory);
	char path[CORE_FILES_PATH_SIZE], target[CORE_FILES_PATH_SIZE];
	struct dirent *entry;
	off_t size;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		long pid = number_of(entry->d_name, pool->name, "");

		if (pid == 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH ||
		    !PATH(path, "%s/%s", pool->failure.core_directory,
			  entry->d_name) ||
		    !PATH(target, "%s/%s" SUFFIX, pool->failure.core_directory,
			  entry->d_name))
			continue;
		(void)take_all(path, target, &size);
		(void)rmdir(path);
	}
	if (directory != NULL)
		closedir(directory);
}

bool
core_files_prepare(const struct settings_pool *pool,
		   char path[CORE_FILES_PATH_SIZE])
{
	const struct log_context context = { .name = "pool",
					     .value = pool->name };
	const char *directory = pool->failure.core_directory;

	if (directory == NULL)
		return false;
	if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
		log_warn(EVENT_RUNTIME, &context,
			 "the pool has no directory for core files: making "
			 "%s: %s",
			 directory, strerror(errno));
		return false;
	}
	sweep(pool);
	return snprintf(path, CORE_FILES_PATH_SIZE, "%s/%s.", directory,
			pool->name) < CORE_FILES_PATH_SIZE - TEMPORARY_PID_SIZE;
}

void
core_files_collect(const struct worker_process *worker, bool dumped,
		   char text[CORE_FILES_TEXT_SIZE])
{
	const struct pool *pool = worker->pool;
	const char *directory = worker->core_directory;
	pid_t pid = process_pid(worker->process);
	char path[CORE_FILES_PATH_SIZE], target[CORE_FILES_PATH_SIZE];
	char pattern[256];
	off_t size = 0;

	text[0] = '\0';
	if (directory != NULL &&
	    PATH(path, "%s/%s.%d", directory, pool->name, (int)pid) &&
	    PATH(target, "%s/%s.%d" SUFFIX, directory, pool->name, (int)pid)) {
		if (take_all(path, target, &size) > 0)
			snprintf(text, CORE_FILES_TEXT_SIZE,
				 "; its core is %s (%.1f MiB)", target,
				 (double)size / 1048576);
		temporary_remove_tree(pool->manager, path);
		while (remove_one(pool->settings, directory))
			;
	}
	if (text[0] != '\0' || !dumped)
		return;
	read_pattern(pattern, sizeof pattern);
	if (pattern[0] == '|')
		snprintf(text, CORE_FILES_TEXT_SIZE,
			 "; its core was given to %.*s (kernel.core_pattern)",
			 program_length(pattern), pattern + 1);
	else
		snprintf(text, CORE_FILES_TEXT_SIZE,
			 "; its core is where kernel.core_pattern says (%s)",
			 pattern);
}
