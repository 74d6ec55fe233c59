/* SPDX-License-Identifier: Apache-2.0
 *
 * Temporary directories of workers.
 */
#include "core/activation/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/activation/identity.h"
#include "core/activation/events.h"
#include "core/activation/manager.h"
#include "core/activation/process.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

#define DIRECTORY "tmp"

static void
directory_of(const struct settings *settings, char path[TEMPORARY_PATH_SIZE])
{
	snprintf(path, TEMPORARY_PATH_SIZE, "%s/" DIRECTORY,
		 settings->runtime_directory);
}

bool
temporary_prepare(const struct settings *settings,
		  const struct settings_pool *pool,
		  char path[TEMPORARY_PATH_SIZE])
{
	const struct log_context context = { .name = "pool",
					     .value = pool->name };
	char directory[TEMPORARY_PATH_SIZE];
	int length;

	directory_of(settings, directory);
	/* Everybody may pass, nobody may look. */
	if (mkdir(directory, 0711) == 0)
		(void)chmod(directory, 0711); /* whatever our umask is */
	else if (errno != EEXIST) {
		log_warn(EVENT_RUNTIME, &context,
			 "the pool has no temporary directory of its own: "
			 "making %s: %s",
			 directory, strerror(errno));
		return false;
	}
	length = snprintf(path, TEMPORARY_PATH_SIZE, "%s/%s.", directory,
			  pool->name);
	return length < TEMPORARY_PATH_SIZE - TEMPORARY_PID_SIZE;
}

/* ---- removing ------------------------------------------------------------ */

static void
on_line(struct process *process, const char *line, void *arg)
{
	(void)process;
	(void)arg;
	log_warn(EVENT_RUNTIME, NULL, "removing temporary files: %s", line);
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	(void)result;
	(void)arg;
	process_free(&process);
}

/* rm opens what it goes into by descriptor and follows no link, so it can be
 * trusted with what a worker has made, who may still have children there. */
void
temporary_remove_tree(struct manager *manager, const char *path)
{
	static const struct identity stay = { .change = false };
	static const char *const environment[] = { "PATH=/usr/bin:/bin", NULL };
	const char *const arguments[] = { "rm", "-rf", "--one-file-system",
					  "--", path,  NULL };
	const struct process_options options = {
		.path = "/bin/rm",
		.arguments = arguments,
		.environment = environment,
		.control_fd = -1,
		.identity = &stay,
	};
	struct process *process;
	struct portico_error err;

	if (rmdir(path) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
		return;
	if (process_start(&manager->loop, &options, on_line, on_end, NULL,
			  &process, &err) != PORTICO_OK)
		log_warn(EVENT_RUNTIME, NULL,
			 "temporary files in %s are not removed: %s", path,
			 err.message);
}

void
temporary_remove(struct manager *manager, const char *pool, pid_t pid)
{
	char path[TEMPORARY_PATH_SIZE];

	if (snprintf(path, sizeof path, "%s/" DIRECTORY "/%s.%d",
		     manager->settings->runtime_directory, pool,
		     (int)pid) < (int)sizeof path)
		temporary_remove_tree(manager, path);
}

static bool
is_worker(const char *name)
{
	const char *dot = strrchr(name, '.');
	char path[64], command[32] = "";
	FILE *file;
	long pid = dot == NULL ? 0 : strtol(dot + 1, NULL, 10);

	if (pid <= 0)
		return false;
	snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(command, sizeof command, file) == NULL)
		command[0] = '\0';
	fclose(file);
	/* As much of "portico-worker" as the kernel keeps. */
	return strncmp(command, "portico-worker", 14) == 0;
}

void
temporary_sweep(struct manager *manager)
{
	char directory[TEMPORARY_PATH_SIZE], path[TEMPORARY_PATH_SIZE];
	const struct dirent *entry;
	DIR *all;

	directory_of(manager->settings, directory);
	all = opendir(directory);
	if (all == NULL)
		return;
	while ((entry = readdir(all)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    is_worker(entry->d_name))
			continue;
		if (snprintf(path, sizeof path, "%s/%s", directory,
			     entry->d_name) < (int)sizeof path)
			temporary_remove_tree(manager, path);
	}
	closedir(all);
}

void
temporary_close(const struct settings *settings)
{
	char directory[TEMPORARY_PATH_SIZE];

	directory_of(settings, directory);
	(void)rmdir(directory);
}
