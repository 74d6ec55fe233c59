/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of all processes of a pool together, by control groups: version 2
 * where the controllers are delegated to us, else version 1.  The group of
 * pool "main" is portico-HASH/main below our own, HASH being that of the
 * runtime directory: whoever takes over workers finds it by these.  A pool
 * that has no such limits, and does not suspend its workers where the kernel
 * takes a group's memory back when it is asked to, has no group.
 */
#ifndef CORE_ACTIVATION_CGROUP_H
#define CORE_ACTIVATION_CGROUP_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

struct pool;
struct settings;
struct settings_pool;

enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_CPU,
	CGROUP_TASKS,
	CGROUP_ACCOUNT, /* the time of cores that is used; no limit in itself */
	CGROUP_RECLAIM, /* memory of idle workers; version 2, no limit either */
	CGROUP_COUNT,
};

/* Where a worker goes before its program runs: files that it writes "0" to.
 * Empty strings: nowhere. */
struct cgroup_places {
	char procs[CGROUP_COUNT][PATH_MAX];
	unsigned count;
	unsigned missing; /* bits of those that are wanted, and there are not */
};

/* Whether the pool has a limit for that, or a use. */
bool cgroup_is_wanted(const struct settings_pool *pool,
		      enum cgroup_controller which);

/* Which version of control groups holds it: 2, 1, or 0: it has to be polled
 * (metering.h).  `missing`: of its groups, when they were made. */
int cgroup_version(const struct settings_pool *pool,
		   enum cgroup_controller which, unsigned missing);
/* Why none does. */
const char *cgroup_missing(const struct settings_pool *pool,
			   enum cgroup_controller which, unsigned missing);

/*
 * systemd before version 254 puts porticod straight into the group that it
 * delegates; one that has processes gives its groups no controllers.  So we go
 * into one below it, before there is any child, if we are told to.  But then no process can be
 * started in the unit's own group, not even the next porticod while workers of
 * this one live: before that somebody (ExecStopPost, which systemd puts
 * elsewhere) has to take the controllers off them, and the next porticod gives
 * them back.  Where there is a DelegateSubgroup neither does anything.
 */
void cgroup_leave_unit(void);
void cgroup_release_unit(void);

/* Makes the pool's groups and sets their limits, which hold at once for what
 * is in them.  What the machine lacks is left out. */
void cgroup_prepare(const struct settings *settings,
		    const struct settings_pool *pool,
		    struct cgroup_places *places_r);

/* Of workers that another porticod has started: sets limits of groups that
 * there are again, which it may have had to give up.  Bits of those that are
 * missing, `missing` among them. */
unsigned cgroup_resume(const struct settings *settings,
		       const struct settings_pool *pool, unsigned missing);

/* In the child: 0 or an errno. */
int cgroup_enter(const struct cgroup_places *places);

/* How many processes of the pool the kernel has killed because they had no
 * memory left; 0 where it cannot say. */
uint64_t cgroup_oom_kills(const struct settings *settings, const char *pool);

/* Time of cores that the processes of the group have used; false: there is no
 * group. */
bool cgroup_used_ns(const struct settings *settings, const char *pool,
		    uint64_t *used_r);

/* What gives back the memory of all that are in the group, when a number of
 * bytes is written to it (Linux 5.19), and how much they have.  OWNERSHIP: the
 * caller's; -1: there is none. */
int cgroup_open_reclaim(const struct settings *settings, const char *pool,
			uint64_t *bytes_r);

/* Without workers; a group that is still used stays. */
void cgroup_remove(const struct settings *settings, const char *pool);
void cgroup_close(const struct settings *settings);

#endif
