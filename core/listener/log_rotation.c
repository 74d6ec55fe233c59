/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_rotation.h.
 */
#include "core/listener/log_rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"

#define PATH_BYTES 4096
/* Files of one name and time. */
#define SAME_NAME_MAX 10000

/* "%Y%m%d" and so on; NULL: it does not rotate by time. */
static const char *
format_of(enum settings_log_period period)
{
	switch (period) {
	case SETTINGS_LOG_NEVER:
		return NULL;
	case SETTINGS_LOG_HOURLY:
		return "%Y%m%d-%H";
	case SETTINGS_LOG_DAILY:
		return "%Y%m%d";
	case SETTINGS_LOG_WEEKLY:
		return "%Gw%V";
	case SETTINGS_LOG_MONTHLY:
		return "%Y%m";
	}
	return NULL;
}

static void
write_time(char text[32], const char *format, time_t when, bool local)
{
	struct tm tm;

	if (local)
		localtime_r(&when, &tm);
	else
		gmtime_r(&when, &tm);
	if (strftime(text, 32, format, &tm) == 0)
		text[0] = '\0';
}

bool
log_rotation_is_due(const struct settings_log_rotation *rotation, time_t begun,
		    uint64_t size, uint64_t more, time_t now)
{
	const char *format = format_of(rotation->period);
	char then[32], today[32];

	/* One line is written, however large it is. */
	if (size == 0)
		return false;
	if (rotation->truncate_size != 0 &&
	    size + more > rotation->truncate_size)
		return true;
	if (format == NULL)
		return false;
	write_time(then, format, begun, rotation->local);
	write_time(today, format, now, rotation->local);
	return strcmp(then, today) != 0;
}

/* "dir/access" and ".log" of "dir/access.log". */
static const char *
extension_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(path, '.');

	if (dot == NULL || (slash != NULL && dot <= slash + 1) || dot == path)
		return path + strlen(path);
	return dot;
}

/* A name that no file has.  False: there is none. */
static bool
choose_name(const struct settings_log_rotation *rotation, const char *path,
	    time_t begun, time_t now, char name[PATH_BYTES])
{
	const char *format = format_of(rotation->period);
	const char *extension = extension_of(path);
	char when[32];

	write_time(when, format == NULL ? "%Y%m%d-%H%M%S" : format,
		   format == NULL ? now : begun, rotation->local);
	for (unsigned i = 1; i < SAME_NAME_MAX; i++) {
		char count[16] = "";
		int length;

		if (i > 1)
			snprintf(count, sizeof(count), ".%u", i);
		length = snprintf(name, PATH_BYTES, "%.*s-%s%s%s",
				  (int)(extension - path), path, when, count,
				  extension);
		if (length < 0 || length >= PATH_BYTES)
			return false;
		if (access(name, F_OK) != 0 && errno == ENOENT)
			return true;
	}
	return false;
}

/* ---- what is kept -------------------------------------------------------------- */

struct old_file {
	char *name;
	int64_t changed; /* ns since 1970 */
};

/* Whether it is the time of a file that is over, as choose_name() writes it.
 * Anything else may be another log: "access-12.log" is that of site 12, and
 * "access-12-20261123.log" an older file of it. */
static bool
is_time(const char *text, size_t length)
{
	static const char *const forms[] = { "dddddd", "dddddddd",
					     "dddddddd-dd", "dddddddd-dddddd",
					     "ddddwdd" };
	const char *count = memchr(text, '.', length);

	if (count != NULL) {
		size_t digits = strspn(count + 1, "0123456789");

		if (digits == 0 || count + 1 + digits < text + length)
			return false;
		length = (size_t)(count - text);
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t at = 0;

		while (at < length && forms[i][at] != '\0' &&
		       (forms[i][at] == 'd' ?
				text[at] >= '0' && text[at] <= '9' :
				text[at] == forms[i][at]))
			at++;
		if (at == length && forms[i][at] == '\0')
			return true;
	}
	return false;
}

static bool
is_rotated(const char *name, const char *base, size_t base_length,
	   const char *extension)
{
	size_t length = strlen(name), tail = strlen(extension);

	if (length <= base_length + 1 + tail ||
	    strncmp(name, base, base_length) != 0 || name[base_length] != '-' ||
	    strcmp(name + length - tail, extension) != 0)
		return false;
	return is_time(name + base_length + 1, length - tail - base_length - 1);
}

static int
newest_first(const void *left, const void *right)
{
	const struct old_file *a = left, *b = right;

	if (a->changed != b->changed)
		return a->changed < b->changed ? 1 : -1;
	return strcmp(b->name, a->name);
}

static size_t
list_rotated(DIR *directory, const char *path, struct old_file **files_r)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;
	const char *extension = extension_of(path);
	struct old_file *files = NULL;
	const struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(directory)) != NULL) {
		struct stat status;

		if (!is_rotated(entry->d_name, base, (size_t)(extension - base),
				extension) ||
		    fstatat(dirfd(directory), entry->d_name, &status,
			    AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(status.st_mode))
			continue;
		files = mem_realloc(files, (count + 1) * sizeof(*files));
		files[count++] = (struct old_file){
			mem_strdup(entry->d_name),
			status.st_mtim.tv_sec * (int64_t)CLOCK_NS_PER_S +
				status.st_mtim.tv_nsec
		};
	}
	*files_r = files;
	return count;
}

static void
remove_old(const struct settings_log_rotation *rotation, const char *path,
	   time_t now)
{
	const char *slash = strrchr(path, '/');
	char where[PATH_BYTES];
	struct old_file *files;
	size_t count;
	DIR *directory;

	if (rotation->keep_files == 0 && rotation->keep_for == 0)
		return;
	snprintf(where, sizeof(where), "%.*s",
		 slash == NULL ? 1 : (int)(slash - path + 1),
		 slash == NULL ? "." : path);
	directory = opendir(where);
	if (directory == NULL)
		return;
	count = list_rotated(directory, path, &files);
	if (count > 0)
		qsort(files, count, sizeof(*files), newest_first);
	for (size_t i = 0; i < count; i++) {
		int64_t age = now * (int64_t)CLOCK_NS_PER_S - files[i].changed;
		bool old = rotation->keep_for != 0 && age > 0 &&
			   (uint64_t)age > rotation->keep_for;

		if (old ||
		    (rotation->keep_files != 0 && i >= rotation->keep_files))
			(void)unlinkat(dirfd(directory), files[i].name, 0);
		mem_free(files[i].name);
	}
	mem_free(files);
	closedir(directory);
}

int
log_rotation_do(const struct settings_log_rotation *rotation, const char *path,
		time_t begun, time_t now)
{
	char name[PATH_BYTES];

	if (!choose_name(rotation, path, begun, now, name))
		return ENAMETOOLONG;
	/* Somebody else may have moved it away already. */
	if (rename(path, name) != 0 && errno != ENOENT)
		return errno;
	remove_old(rotation, path, now);
	return 0;
}
