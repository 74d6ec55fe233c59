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
#include "core/base/memory.h"

#define GENERATIONS_MAX 64

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

/* A process, as one walk has found it. */
struct seen {
	pid_t pid, parent, session;
	uint64_t cpu_ns, tasks;
};

static bool
look_at(long pid, struct seen *seen_r)
{
	static long ticks; /* in a second */
	char text[4096];
	uint64_t user, system, user_of_children, system_of_children;
	const char *after;

	if (!read_file(pid, "stat", text, sizeof text))
		return false;
	/* The name in parentheses may have anything in it. */
	after = strrchr(text, ')');
	if (after == NULL ||
	    sscanf(after,
		   ") %*c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*d %*d %" SCNu64,
		   &seen_r->parent, &seen_r->session, &user, &system,
		   &user_of_children, &system_of_children, &seen_r->tasks) != 7)
		return false;
	if (ticks <= 0)
		ticks = sysconf(_SC_CLK_TCK);
	seen_r->pid = (pid_t)pid;
	seen_r->cpu_ns =
		(user + system + user_of_children + system_of_children) *
		(CLOCK_NS_PER_S / (uint64_t)(ticks <= 0 ? 100 : ticks));
	return true;
}

static int
by_pid(const void *left, const void *right)
{
	const struct seen *a = left, *b = right;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

/* OWNERSHIP: the caller's, mem_free(). */
static struct seen *
look_at_all(size_t *count_r)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	struct seen *all = NULL;
	size_t count = 0, room = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid <= 1)
			continue;
		if (count == room) {
			room = room == 0 ? 256 : room * 2;
			all = mem_realloc(all, room * sizeof *all);
		}
		if (look_at(pid, &all[count]))
			count++;
	}
	if (directory != NULL)
		closedir(directory);
	if (count > 0)
		qsort(all, count, sizeof *all, by_pid);
	*count_r = count;
	return all;
}

/* Of the session that it is in, or that one is in who it descends from. */
static struct usage *
owner_of(const struct seen *seen, const struct seen *all, size_t all_count,
	 struct usage *usages, size_t count)
{
	struct usage *usage = NULL;

	/* The walk takes a while: what it has found may be a circle. */
	for (int i = 0; seen != NULL && i < GENERATIONS_MAX; i++) {
		const struct seen key = { .pid = seen->parent };

		usage = usage_find(usages, count, seen->session);
		if (usage != NULL)
			break;
		seen = bsearch(&key, all, all_count, sizeof key, by_pid);
	}
	return usage;
}

void
usage_read(struct usage *usages, size_t count)
{
	struct seen *all = NULL;
	char text[4096];
	size_t all_count = 0;

	if (count == 0)
		return;
	qsort(usages, count, sizeof *usages, by_session);
	all = look_at_all(&all_count);
	for (size_t i = 0; i < all_count; i++) {
		struct usage *usage =
			owner_of(&all[i], all, all_count, usages, count);

		if (usage == NULL)
			continue;
		usage->cpu_ns += all[i].cpu_ns;
		usage->tasks += all[i].tasks;
		if (read_file(all[i].pid, "status", text, sizeof text))
			usage->memory += row(text, "\nRssAnon:") +
					 row(text, "\nVmSwap:");
	}
	mem_free(all);
}

uint64_t
usage_grown(struct usage_time *time, uint64_t sum_ns)
{
	uint64_t from = time->counted_ns;

	if (sum_ns < from && !time->is_less) {
		time->is_less = true;
		time->less_ns = sum_ns;
		return 0;
	}
	if (sum_ns < from)
		from = time->less_ns;
	time->is_less = false;
	time->counted_ns = sum_ns;
	return sum_ns < from ? 0 : sum_ns - from;
}
