/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups.
 */
#include "core/activation/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/activation/events.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/config/settings.h"

#define CPU_PERIOD_US 100000u
/* Of a pool that is to give way: the smallest that the kernel has. */
#define WEIGHT_LEAST "1" /* v2 */
#define SHARES_LEAST "2" /* v1 */

/* Of our own in ours, where systemd knows no DelegateSubgroup. */
#define OWN_SUBGROUP "porticod"
#define BASE_PREFIX "portico-"

#define PATH(path, ...)                                                        \
	(snprintf(path, sizeof path, __VA_ARGS__) < (int)sizeof path)

struct controller {
	const char *name; /* of the kernel */
	int version; /* 0: not found */
	char own[PATH_MAX]; /* directory of our group in its hierarchy */
	char why[128]; /* not found */
};

static struct controller controllers[CGROUP_COUNT] = {
	[CGROUP_MEMORY] = { .name = "memory" },
	[CGROUP_CPU] = { .name = "cpu" },
	[CGROUP_TASKS] = { .name = "pids" },
	[CGROUP_ACCOUNT] = { .name = "cpuacct" },
	[CGROUP_RECLAIM] = { .name = "memory" },
};
static bool found;

/* ---- finding ------------------------------------------------------------- */

/* Whether a list with commas, or blanks, has the word. */
static bool
has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list != '\0') {
		size_t part = strcspn(list, ", \n");

		if (part == length && strncmp(list, word, length) == 0)
			return true;
		list += part;
		list += strspn(list, ", \n");
	}
	return false;
}

/* Our path in the hierarchy that has the controller ("" is version 2). */
static bool
own_path(const char *name, char path[PATH_MAX])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 256];
	bool done = false;

	while (file != NULL && !done && fgets(line, sizeof line, file)) {
		char *list = strchr(line, ':'), *at;

		at = list == NULL ? NULL : strchr(list + 1, ':');
		if (at == NULL)
			continue;
		*at++ = '\0';
		at[strcspn(at, "\n")] = '\0';
		list++;
		done = name[0] == '\0' ? list[0] == '\0' : has_word(list, name);
		if (done)
			snprintf(path, PATH_MAX, "%s", at);
	}
	if (file != NULL)
		fclose(file);
	return done;
}

/* Where the hierarchy is mounted, and which part of it. */
static bool
find_mount(const char *type, const char *name, char root[PATH_MAX],
	   char point[PATH_MAX])
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[3 * PATH_MAX];
	bool done = false;

	while (file != NULL && !done && fgets(line, sizeof line, file)) {
		char *rest = strstr(line, " - "), *save = NULL, *what, *options;

		if (rest == NULL ||
		    sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2)
			continue;
		what = strtok_r(rest + 3, " ", &save);
		(void)strtok_r(NULL, " ", &save);
		options = strtok_r(NULL, " ", &save);
		done = what != NULL && options != NULL &&
		       strcmp(what, type) == 0 &&
		       (name[0] == '\0' || has_word(options, name));
	}
	if (file != NULL)
		fclose(file);
	return done;
}

static bool
locate(const char *type, const char *name, char directory[PATH_MAX])
{
	char path[PATH_MAX], root[PATH_MAX], point[PATH_MAX];
	size_t length;

	if (!own_path(name, path) || !find_mount(type, name, root, point))
		return false;
	/* In a container only a part of the hierarchy is mounted. */
	length = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(path, root, length) != 0)
		length = 0;
	return snprintf(directory, PATH_MAX, "%s%s", point, path + length) <
	       PATH_MAX;
}

static int
write_to(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];
	int fd, result = 0;

	if (!PATH(path, "%s/%s", directory, name))
		return ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		result = errno;
	io_close(&fd);
	return result;
}

static bool
read_from(const char *directory, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t got;
	int fd;

	if (!PATH(path, "%s/%s", directory, name))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, size - 1);
	text[got < 0 ? 0 : got] = '\0';
	io_close(&fd);
	return got >= 0;
}

/* A group with processes in it passes no controllers on to others: we go into
 * one of our own then, if nobody else is in there. */
static int
enable(const char *own, const char *name)
{
	char text[32], manager[PATH_MAX];
	int os_error;

	snprintf(text, sizeof text, "+%s", name);
	os_error = write_to(own, "cgroup.subtree_control", text);
	if (os_error != EBUSY || !PATH(manager, "%s/" OWN_SUBGROUP, own))
		return os_error;
	if (mkdir(manager, 0755) != 0 && errno != EEXIST)
		return errno;
	os_error = write_to(manager, "cgroup.procs", "0");
	return os_error != 0 ? os_error :
			       write_to(own, "cgroup.subtree_control", text);
}

/* systemd marks the group of a unit with Delegate so. */
static bool
is_delegated(const char *directory)
{
	char value[2];

	return getxattr(directory, "user.delegate", value, sizeof value) == 1 &&
	       value[0] == '1';
}

/* Under systemd our groups lie beside our own, which is that of the unit's
 * DelegateSubgroup: a group that has processes passes no controllers on, and
 * one that passes some on gets no processes, not even porticod when it is
 * started again.  False: there is no such subgroup. */
static bool
leave_subgroup(struct controller *controller)
{
	char parent[PATH_MAX];
	char *slash;

	snprintf(parent, sizeof parent, "%s", controller->own);
	slash = strrchr(parent, '/');
	if (slash != NULL)
		*slash = '\0';
	if (is_delegated(parent))
		snprintf(controller->own, sizeof controller->own, "%s", parent);
	else if (is_delegated(controller->own))
		return false;
	return true;
}

void
cgroup_leave_unit(void)
{
	char own[PATH_MAX], group[PATH_MAX];

	if (!locate("cgroup2", "", own) || !is_delegated(own) ||
	    !PATH(group, "%s/" OWN_SUBGROUP, own))
		return;
	/* If not, the limits say so that are wanted. */
	if (mkdir(group, 0755) == 0 || errno == EEXIST)
		(void)write_to(group, "cgroup.procs", "0");
}

/* Takes controllers off those below the group. */
static void
release(const char *group)
{
	for (int i = 0; i < CGROUP_COUNT; i++) {
		char text[32];

		snprintf(text, sizeof text, "-%s", controllers[i].name);
		(void)write_to(group, "cgroup.subtree_control", text);
	}
}

void
cgroup_release_unit(void)
{
	char unit[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	DIR *directory;

	if (!locate("cgroup2", "", unit))
		return;
	if (!is_delegated(unit))
		*strrchr(unit, '/') = '\0';
	if (!is_delegated(unit) || !PATH(path, "%s/" OWN_SUBGROUP, unit) ||
	    access(path, F_OK) != 0)
		return;
	directory = opendir(unit);
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (strncmp(entry->d_name, BASE_PREFIX, strlen(BASE_PREFIX)) ==
			    0 &&
		    PATH(path, "%s/%s", unit, entry->d_name))
			release(path);
	if (directory != NULL)
		closedir(directory);
	release(unit);
}

/* To count what is used version 2 needs no controller, but a group. */
static void
find_account(struct controller *controller)
{
	int version = locate("cgroup", controller->name, controller->own) ? 1 :
		      locate("cgroup2", "", controller->own)		  ? 2 :
									    0;

	if (version == 2)
		(void)leave_subgroup(controller);
	if (version != 0 && access(controller->own, W_OK) == 0)
		controller->version = version;
	else
		snprintf(controller->why, sizeof controller->why,
			 version == 0 ? "this machine has no control groups" :
					"porticod may not make groups: %s",
			 strerror(errno));
}

/* Whether version 2 has it, usable or not. */
static bool
find_second(struct controller *controller)
{
	char available[512];
	bool placed;
	int os_error;

	if (!locate("cgroup2", "", controller->own))
		return false;
	placed = leave_subgroup(controller);
	if (!read_from(controller->own, "cgroup.controllers", available,
		       sizeof available) ||
	    !has_word(available, controller->name))
		return false;
	os_error = placed ? enable(controller->own, controller->name) : 0;
	if (!placed)
		snprintf(controller->why, sizeof controller->why,
			 "the unit has no DelegateSubgroup");
	else if (os_error != 0)
		snprintf(controller->why, sizeof controller->why,
			 "it is not delegated to porticod: %s",
			 strerror(os_error));
	else
		controller->version = 2;
	return true;
}

static void
find_controller(struct controller *controller)
{
	snprintf(controller->why, sizeof controller->why,
		 "this machine has no controller \"%s\"", controller->name);
	if (find_second(controller))
		return;
	if (!locate("cgroup", controller->name, controller->own))
		return;
	if (access(controller->own, W_OK) == 0)
		controller->version = 1;
	else
		snprintf(controller->why, sizeof controller->why,
			 "porticod may not make groups: %s", strerror(errno));
}

/* Version 1 empties a group only if nobody is in it. */
static void
find_reclaim(struct controller *controller)
{
	char path[PATH_MAX];

	if (!find_second(controller) ||
	    !PATH(path, "%s/memory.reclaim", controller->own) ||
	    access(path, W_OK) != 0)
		controller->version = 0;
}

static const struct controller *
find(enum cgroup_controller which)
{
	for (int i = 0; !found && i < CGROUP_COUNT; i++)
		if (i == CGROUP_ACCOUNT)
			find_account(&controllers[i]);
		else if (i == CGROUP_RECLAIM)
			find_reclaim(&controllers[i]);
		else
			find_controller(&controllers[i]);
	found = true;
	return &controllers[which];
}

/* ---- groups -------------------------------------------------------------- */

static bool
base_of(const struct settings *settings, enum cgroup_controller which,
	char path[PATH_MAX])
{
	const struct controller *controller = find(which);
	uint32_t hash = 0x811c9dc5u;

	for (const char *c = settings->runtime_directory; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 0x01000193u;
	return controller->version > 0 &&
	       snprintf(path, PATH_MAX, "%s/" BASE_PREFIX "%08" PRIx32,
			controller->own, hash) < PATH_MAX;
}

static bool
group_of(const struct settings *settings, enum cgroup_controller which,
	 const char *pool, char path[PATH_MAX])
{
	char base[PATH_MAX];

	return base_of(settings, which, base) &&
	       snprintf(path, PATH_MAX, "%s/%s", base, pool) < PATH_MAX;
}

bool
cgroup_is_wanted(const struct settings_pool *pool, enum cgroup_controller which)
{
	const struct settings_cpu *cpu = &pool->cpu;

	switch (which) {
	case CGROUP_MEMORY:
		return pool->limits.memory > 0 || pool->limits.memory_high > 0;
	case CGROUP_TASKS:
		return pool->limits.tasks > 0;
	case CGROUP_CPU:
		return cpu->limit > 0 &&
		       (cpu->action == SETTINGS_CPU_THROTTLE ||
			cpu->action == SETTINGS_CPU_THROTTLE_UNDER_LOAD);
	case CGROUP_ACCOUNT:
		return cpu->limit > 0 && cpu->reset_interval > 0 &&
		       (cpu->action == SETTINGS_CPU_NO_ACTION ||
			cpu->action == SETTINGS_CPU_KILL_WORKER);
	case CGROUP_RECLAIM:
		return pool->idle_timeout > 0 && pool->idle_suspend &&
		       pool->limits.groups != SETTINGS_MEANS_OFF &&
		       find(CGROUP_RECLAIM)->version == 2;
	case CGROUP_COUNT:
		break;
	}
	return false;
}

int
cgroup_version(const struct settings_pool *pool, enum cgroup_controller which,
	       unsigned missing)
{
	return pool->limits.groups == SETTINGS_MEANS_OFF ||
			       (missing & 1u << which) != 0 ?
		       0 :
		       find(which)->version;
}

const char *
cgroup_missing(const struct settings_pool *pool, enum cgroup_controller which,
	       unsigned missing)
{
	return pool->limits.groups == SETTINGS_MEANS_OFF ?
		       "limits.controlGroups" :
	       find(which)->version == 0    ? find(which)->why :
	       (missing & 1u << which) != 0 ? "the group could not be set" :
					      "";
}

/* 0: no limit. */
static int
set_number(const char *group, const char *file, uint64_t number,
	   const char *none)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRIu64, number);
	return write_to(group, file, number == 0 ? none : text);
}

static int
set_memory(const struct settings_pool *pool, int version, const char *group)
{
	uint64_t high = pool->limits.memory_high, most = pool->limits.memory;
	int os_error;

	if (version == 2) {
		os_error = set_number(group, "memory.high", high, "max");
		return os_error != 0 ?
			       os_error :
			       set_number(group, "memory.max", most, "max");
	}
	os_error = set_number(group, "memory.soft_limit_in_bytes", high, "-1");
	return os_error != 0 ?
		       os_error :
		       set_number(group, "memory.limit_in_bytes", most, "-1");
}

static int
set_cpu(const struct settings_pool *pool, int version, const char *group)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	/* Thousandths of a percent of all cores. */
	uint64_t quota = (uint64_t)pool->cpu.limit * CPU_PERIOD_US *
			 (uint64_t)(cores < 1 ? 1 : cores) / 100000;
	bool throttle = pool->cpu.action == SETTINGS_CPU_THROTTLE;
	char text[64];
	int os_error;

	if (quota < 1000)
		quota = 1000; /* the kernel's least */
	if (version == 2) {
		snprintf(text, sizeof text, "%" PRIu64 " %u", quota,
			 CPU_PERIOD_US);
		os_error = write_to(group, "cpu.max", throttle ? text : "max");
		return os_error != 0 ?
			       os_error :
			       write_to(group, "cpu.weight",
					throttle ? "100" : WEIGHT_LEAST);
	}
	snprintf(text, sizeof text, "%u", CPU_PERIOD_US);
	os_error = write_to(group, "cpu.cfs_period_us", text);
	snprintf(text, sizeof text, "%" PRIu64, quota);
	if (os_error == 0)
		os_error = write_to(group, "cpu.cfs_quota_us",
				    throttle ? text : "-1");
	return os_error != 0 ? os_error :
			       write_to(group, "cpu.shares",
					throttle ? "1024" : SHARES_LEAST);
}

/* In version 2 a group has all controllers, and may have a limit of settings
 * that are over: as long as workers are in it it stays. */
static void
lift(const struct settings *settings, const struct settings_pool *pool,
     enum cgroup_controller which)
{
	char group[PATH_MAX];

	if (cgroup_version(pool, which, 0) != 2 ||
	    !group_of(settings, which, pool->name, group) ||
	    access(group, F_OK) != 0)
		return;
	/* Where there is no such file nobody has set it. */
	switch (which) {
	case CGROUP_MEMORY:
		(void)write_to(group, "memory.high", "max");
		(void)write_to(group, "memory.max", "max");
		return;
	case CGROUP_CPU:
		(void)write_to(group, "cpu.max", "max");
		(void)write_to(group, "cpu.weight", "100");
		return;
	case CGROUP_TASKS:
		(void)write_to(group, "pids.max", "max");
		return;
	case CGROUP_ACCOUNT:
	case CGROUP_RECLAIM:
	case CGROUP_COUNT:
		return;
	}
}

static int
make_group(const struct settings *settings, const struct settings_pool *pool,
	   enum cgroup_controller which, char group[PATH_MAX])
{
	const struct controller *controller = find(which);
	char base[PATH_MAX], text[32];
	int os_error;

	if (!base_of(settings, which, base) ||
	    !group_of(settings, which, pool->name, group))
		return ENAMETOOLONG;
	if (mkdir(base, 0755) != 0 && errno != EEXIST)
		return errno;
	if (controller->version == 2 && which != CGROUP_ACCOUNT) {
		snprintf(text, sizeof text, "+%s", controller->name);
		os_error = write_to(base, "cgroup.subtree_control", text);
		if (os_error != 0)
			return os_error;
	}
	if (mkdir(group, 0755) != 0 && errno != EEXIST)
		return errno;
	switch (which) {
	case CGROUP_MEMORY:
		return set_memory(pool, controller->version, group);
	case CGROUP_CPU:
		return set_cpu(pool, controller->version, group);
	case CGROUP_TASKS:
		return set_number(group, "pids.max", pool->limits.tasks, "max");
	case CGROUP_ACCOUNT:
	case CGROUP_RECLAIM:
	case CGROUP_COUNT:
		break;
	}
	return 0;
}

void
cgroup_prepare(const struct settings *settings,
	       const struct settings_pool *pool, struct cgroup_places *places_r)
{
	const struct log_context context = { .name = "pool",
					     .value = pool->name };
	char group[PATH_MAX];

	places_r->count = places_r->missing = 0;
	for (int i = 0; i < CGROUP_COUNT; i++) {
		enum cgroup_controller which = (enum cgroup_controller)i;
		char *procs = places_r->procs[places_r->count];
		int os_error;

		if (!cgroup_is_wanted(pool, which)) {
			lift(settings, pool, which);
			continue;
		}
		places_r->missing |= 1u << which;
		if (cgroup_version(pool, which, 0) == 0)
			continue;
		os_error = make_group(settings, pool, which, group);
		if (os_error != 0)
			log_warn(EVENT_LIMIT_UNAVAILABLE, &context,
				 "limits of %s cannot be set in %s: %s",
				 find(which)->name, group, strerror(os_error));
		else if (snprintf(procs, PATH_MAX, "%s/cgroup.procs", group) <
			 PATH_MAX) {
			places_r->missing &= ~(1u << which);
			places_r->count++;
		}
	}
}

unsigned
cgroup_resume(const struct settings *settings, const struct settings_pool *pool,
	      unsigned missing)
{
	const struct log_context context = { .name = "pool",
					     .value = pool->name };
	char group[PATH_MAX];

	for (int i = 0; i < CGROUP_COUNT; i++) {
		enum cgroup_controller which = (enum cgroup_controller)i;
		int os_error;

		if (!cgroup_is_wanted(pool, which) ||
		    cgroup_version(pool, which, missing) == 0 ||
		    !group_of(settings, which, pool->name, group) ||
		    access(group, F_OK) != 0)
			continue;
		os_error = make_group(settings, pool, which, group);
		if (os_error == 0)
			continue;
		missing |= 1u << which;
		log_warn(EVENT_LIMIT_UNAVAILABLE, &context,
			 "limits of %s cannot be set again in %s: %s",
			 find(which)->name, group, strerror(os_error));
	}
	return missing;
}

int
cgroup_enter(const struct cgroup_places *places)
{
	for (unsigned i = 0; i < places->count; i++) {
		int fd = open(places->procs[i], O_WRONLY | O_CLOEXEC);
		int os_error = 0;

		if (fd < 0)
			return errno;
		if (write(fd, "0", 1) != 1)
			os_error = errno;
		close(fd);
		if (os_error != 0)
			return os_error;
	}
	return 0;
}

uint64_t
cgroup_oom_kills(const struct settings *settings, const char *pool)
{
	char group[PATH_MAX], text[1024];
	const char *at;

	if (!found || !group_of(settings, CGROUP_MEMORY, pool, group) ||
	    !read_from(group,
		       find(CGROUP_MEMORY)->version == 2 ? "memory.events" :
							   "memory.oom_control",
		       text, sizeof text))
		return 0;
	at = strstr(text, "oom_kill ");
	return at == NULL ? 0 : strtoull(at + strlen("oom_kill "), NULL, 10);
}

bool
cgroup_used_ns(const struct settings *settings, const char *pool,
	       uint64_t *used_r)
{
	char group[PATH_MAX], text[1024];
	const char *at = text;
	bool is_second = find(CGROUP_ACCOUNT)->version == 2;

	if (!group_of(settings, CGROUP_ACCOUNT, pool, group) ||
	    !read_from(group, is_second ? "cpu.stat" : "cpuacct.usage", text,
		       sizeof text))
		return false;
	if (is_second)
		at = strstr(text, "usage_usec ");
	if (at == NULL)
		return false;
	*used_r = is_second ? strtoull(at + strlen("usage_usec "), NULL, 10) *
				      1000 :
			      strtoull(at, NULL, 10);
	return true;
}

int
cgroup_open_reclaim(const struct settings *settings, const char *pool,
		    uint64_t *bytes_r)
{
	char group[PATH_MAX], path[PATH_MAX], text[64];

	if (!found || !group_of(settings, CGROUP_RECLAIM, pool, group) ||
	    !read_from(group, "memory.current", text, sizeof text) ||
	    !PATH(path, "%s/memory.reclaim", group))
		return -1;
	*bytes_r = strtoull(text, NULL, 10);
	return open(path, O_WRONLY | O_CLOEXEC);
}

void
cgroup_remove(const struct settings *settings, const char *pool)
{
	char group[PATH_MAX];

	for (int i = 0; found && i < CGROUP_COUNT; i++)
		if (group_of(settings, (enum cgroup_controller)i, pool, group))
			(void)rmdir(group);
}

void
cgroup_close(const struct settings *settings)
{
	char base[PATH_MAX];

	for (int i = 0; found && i < CGROUP_COUNT; i++)
		if (base_of(settings, (enum cgroup_controller)i, base))
			(void)rmdir(base);
}
