/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of all processes of a pool together, by control groups: version 2
 * where the controllers are delegated to us, else version 1.  The group of
 * pool "main" is portico-HASH/main below our own, HASH being that of the
 * runtime directory: whoever takes over workers finds it by these.  A pool
 * without such limits has no group, and costs nothing.
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
	CGROUP_COUNT,
};

/* Where a worker goes before its program runs: files that it writes "0" to.
 * Empty strings: nowhere. */
struct cgroup_places {
	char procs[CGROUP_COUNT][PATH_MAX];
	unsigned count;
};

/* Whether the pool has limits that need groups. */
bool cgroup_is_wanted(const struct settings_pool *pool);

/* Makes the pool's groups and sets their limits, which hold at once for what
 * is in them.  What the machine lacks is left out, and logged once. */
void cgroup_prepare(const struct settings *settings,
		    const struct settings_pool *pool,
		    struct cgroup_places *places_r);

/* In the child: 0 or an errno. */
int cgroup_enter(const struct cgroup_places *places);

/* How many processes of the pool the kernel has killed because they had no
 * memory left; 0 where it cannot say. */
uint64_t cgroup_oom_kills(const struct settings *settings, const char *pool);

/* Without workers; a group that is still used stays. */
void cgroup_remove(const struct settings *settings, const char *pool);
void cgroup_close(const struct settings *settings);

/* "cgroup v1", "cgroup v2" or why there is none. */
const char *cgroup_text(enum cgroup_controller controller);

#endif
