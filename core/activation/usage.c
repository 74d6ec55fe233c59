/* SPDX-License-Identifier: Apache-2.0
 *
 * Adding up what /proc says.
 */
#include "core/activation/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/io.h"

static bool
read_file(long pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* it has just ended */
	length = read(fd, text, size - 1);
	io_close(&fd);
	text[length < 0 ? 0 : length] = '\0';
	return length > 0;
}

/* Bytes of a row "Name:   12 kB"; 0 if there is none. */
static uint64_t
row(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10) * 1024;
}

static int
by_session(const void *left, const void *right)
{
	const struct usage *a = left, *b = right;

	return (a->session > b->session) - (a->session < b->session);
}

struct usage *
usage_find(struct usage *usages, size_t count, pid_t session)
{
	const struct usage key = { .session = session };

	return count == 0 ?
		       NULL :
		       bsearch(&key, usages, count, sizeof key, by_session);
}

static void
add(struct usage *usages, size_t count, long pid)
{
	static long ticks; /* in a second */
	char text[4096];
	uint64_t user, system, user_of_children, system_of_children, tasks;
	struct usage *usage;
	const char *after;
	int session;

	if (!read_file(pid, "stat", text, sizeof text))
		return;
	/* The name in parentheses may have anything in it. */
	after = strrchr(text, ')');
	if (after == NULL ||
	    sscanf(after,
		   ") %*c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*d %*d %" SCNu64,
		   &session, &user, &system, &user_of_children,
		   &system_of_children, &tasks) != 6)
		return;
	usage = usage_find(usages, count, session);
	if (usage == NULL)
		return;
	if (ticks <= 0)
		ticks = sysconf(_SC_CLK_TCK);
	usage->cpu_ns +=
		(user + system + user_of_children + system_of_children) *
		(CLOCK_NS_PER_S / (uint64_t)(ticks <= 0 ? 100 : ticks));
	usage->tasks += tasks;
	if (read_file(pid, "status", text, sizeof text))
		usage->memory +=
			row(text, "\nRssAnon:") + row(text, "\nVmSwap:");
}

void
usage_read(struct usage *usages, size_t count)
{
	DIR *directory = count == 0 ? NULL : opendir("/proc");
	struct dirent *entry;

	if (directory == NULL)
		return;
	qsort(usages, count, sizeof *usages, by_session);
	while ((entry = readdir(directory)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 1)
			add(usages, count, pid);
	}
	closedir(directory);
}
