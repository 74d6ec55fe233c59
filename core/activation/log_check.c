/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_check.h.
 *
 * A server serves whether it can write its logs or not, so this is no condition
 * of a start or a reload: only who asks is told.
 */
#include "core/activation/log_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/activation/identity.h"
#include "core/activation/runtime.h"
#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/base/io.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"

struct log_path {
	const char *path; /* absolute */
	const char *key; /* in the configuration */
	const struct settings_place *place;
};

struct log_check {
	const struct settings *settings;
	struct config_problems *problems;
	struct arena *arena;
	struct identity identity;
	struct log_path *paths;
	size_t count;
	struct hash_table *told; /* what stands in the way */
};

/* What the child says of a path: its first so many bytes name what is in the
 * way. */
struct finding {
	uint32_t index;
	uint32_t length;
	int os_error;
};

/* ---- the logs -------------------------------------------------------------------- */

static void
add(struct log_check *check, const char *path, const char *key,
    const struct settings_place *place)
{
	const char *directory = check->settings->log_directory;

	if (path[0] != '/')
		path = arena_printf(check->arena, "%s/%s", directory, path);
	check->paths[check->count++] = (struct log_path){ path, key, place };
}

static void
collect(struct log_check *check)
{
	const struct settings *settings = check->settings;
	const struct settings_listener *listener = &settings->listener;

	check->paths = arena_alloc(check->arena, (settings->site_count + 2) *
							 sizeof *check->paths);
	if (listener->access_log.enabled)
		add(check, listener->access_log.file, "listener.accessLog",
		    &settings->log_place);
	if (listener->error_log.enabled)
		add(check, listener->error_log.file, "listener.errorLog",
		    &settings->log_place);
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		if (site->log.enabled && site->log.file != NULL)
			add(check, site->log.file,
			    arena_printf(check->arena, "sites.%s.log",
					 site->name),
			    &site->place);
	}
}

/* ---- one path, as whoever we are ----------------------------------------------------- */

/* A file that is there, else the last directory of its path that is. */
static void
find_obstacle(const char *path, struct finding *finding)
{
	size_t length = strlen(path);
	char part[4096];
	struct stat info;
	bool whole = true;

	finding->os_error = length < sizeof part ? 0 : ENAMETOOLONG;
	if (finding->os_error != 0)
		return;
	memcpy(part, path, length + 1);
	while (stat(part, &info) != 0 && errno == ENOENT && length > 1) {
		while (part[--length] != '/')
			;
		length += length == 0;
		part[length] = '\0';
		whole = false;
	}
	finding->length = (uint32_t)length;
	if (stat(part, &info) != 0)
		finding->os_error = errno;
	else if (whole == S_ISDIR(info.st_mode))
		finding->os_error = whole ? EISDIR : ENOTDIR;
	else if (access(part, whole ? W_OK : W_OK | X_OK) != 0)
		finding->os_error = errno;
}

static void
tell(struct log_check *check, const struct log_path *path,
     const struct finding *finding)
{
	const struct settings_place *place = path->place;
	const char *obstacle = arena_printf(check->arena, "%.*s",
					    (int)finding->length, path->path);
	bool whole = strcmp(obstacle, path->path) == 0;

	if (hash_add(check->told, slice_from(obstacle), check) != PORTICO_OK)
		return;
	config_problem_at(
		check->problems,
		place->file != NULL ? place->file : check->settings->file,
		place->line, place->column,
		"%s: %s cannot be written%s: %s%s%s", path->key, path->path,
		check->identity.change ? " by the listener's user" : "",
		whole ? "" : obstacle, whole ? "" : ": ",
		strerror(finding->os_error));
}

/* ---- all of them ---------------------------------------------------------------------- */

/* In the child. */
static void
find_obstacles(const struct log_check *check, int fd)
{
	if (identity_assume(&check->identity) != 0)
		return;
	for (size_t i = 0; i < check->count; i++) {
		struct finding finding = { .index = (uint32_t)i };

		find_obstacle(check->paths[i].path, &finding);
		if (finding.os_error != 0 &&
		    io_write_all(fd, &finding, sizeof finding) != PORTICO_OK)
			return;
	}
}

static void
ask_child(struct log_check *check)
{
	struct finding finding;
	int ends[2], status;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	child = fork();
	if (child == 0) {
		find_obstacles(check, ends[1]);
		_exit(0);
	}
	io_close(&ends[1]);
	while (read(ends[0], &finding, sizeof finding) ==
	       (ssize_t)sizeof finding)
		tell(check, &check->paths[finding.index], &finding);
	io_close(&ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
}

/* A start makes the log directory, as who porticod is, and gives a new one to
 * the listener's user. */
static bool
will_be_new(const struct log_check *check)
{
	const char *directory = check->settings->log_directory;

	return access(directory, F_OK) != 0 ||
	       (check->identity.change && runtime_gives_logs(directory));
}

static void
ask_for_directory(struct log_check *check)
{
	const char *directory = check->settings->log_directory;
	const struct log_path path = { directory, "logDirectory",
				       &check->settings->log_place };
	struct finding finding = { 0 };

	find_obstacle(directory, &finding);
	if (finding.os_error == 0 || finding.os_error == EISDIR)
		return;
	tell(check, &path, &finding);
}

static void
forget_below(struct log_check *check, const char *directory)
{
	size_t kept = 0, length = strlen(directory);

	for (size_t i = 0; i < check->count; i++) {
		const char *path = check->paths[i].path;

		if (strncmp(path, directory, length) != 0 ||
		    path[length] != '/')
			check->paths[kept++] = check->paths[i];
	}
	check->count = kept;
}

void
log_check(const struct settings *settings, struct config_problems *problems)
{
	struct log_check check = { .settings = settings, .problems = problems };
	struct portico_error err;

	/* Who cannot be one was told already. */
	if (identity_resolve(settings, NULL, &check.identity, &err) !=
	    PORTICO_OK)
		return;
	check.arena = arena_new("paths of logs", 0);
	check.told = hash_new("obstacles of logs", 0);
	collect(&check);
	if (will_be_new(&check)) {
		ask_for_directory(&check);
		forget_below(&check, settings->log_directory);
	}
	ask_child(&check);
	hash_free(check.told);
	arena_free(check.arena);
}
