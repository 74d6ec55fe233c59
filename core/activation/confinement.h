/* SPDX-License-Identifier: Apache-2.0
 *
 * What a child is confined to before its program runs: made ready by porticod,
 * so that the child only has to apply it.
 */
#ifndef CORE_ACTIVATION_CONFINEMENT_H
#define CORE_ACTIVATION_CONFINEMENT_H

#include <jansson.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <portico/types.h>

#include "core/activation/landlock.h"

struct cgroup_places;
struct identity;
struct settings;
struct settings_pool;

struct confinement_limit {
	const char *name; /* of the setting */
	int resource; /* of setrlimit */
	rlim_t value;
	bool modest; /* as much as may be had of it will do */
};

#define CONFINEMENT_LIMITS 4

struct confinement {
	mode_t umask;
	struct confinement_limit limits[CONFINEMENT_LIMITS];
	unsigned limit_count;
	int nice; /* 0: as it is */
	const cpu_set_t *cpus; /* NULL: any */
	/* "TMPDIR=" and the directory that is made, which ends with the
	 * process's number; the child writes it.  NULL: none.  Lies in the
	 * environment. */
	char *temporary;
	/* As `temporary`, without a variable: where cores go, and the working
	 * directory.  Ours. */
	char *cores;
	bool mount; /* over /tmp and /var/tmp */
	struct landlock_rules landlock;
	struct cgroup_places *groups; /* NULL: none */
};

/* Of programs that belong to no pool. */
extern const struct confinement confinement_plain;

/* Borrows all from `pool`.  `program` is what will be executed.  A status with
 * err when the kernel lacks what the pool requires; fini in any case. */
enum portico_status confinement_init(struct confinement *confinement,
				     const struct settings *settings,
				     const struct settings_pool *pool,
				     const char *program,
				     struct portico_error *err);

/* Not `temporary`, which the environment owns. */
void confinement_fini(struct confinement *confinement);

/* Of those that it should have: struct cgroup_places. */
unsigned confinement_missing_groups(const struct confinement *confinement);

/* What "portico pool show" says of it: words by title. */
json_t *confinement_to_json(const struct settings *settings,
			    const struct settings_pool *pool,
			    unsigned missing_groups);

/* In the child.  Returns what could not be done, errno says why, or NULL. */
const char *confinement_limits(const struct confinement *confinement);
const char *confinement_cores(const struct confinement *confinement,
			      const struct identity *identity);
const char *confinement_temporary(const struct confinement *confinement,
				  const struct identity *identity);
/* After no_new_privs. */
const char *confinement_paths(const struct confinement *confinement);
/* For good: also a program of root gains none of them. */
const char *confinement_drop_capabilities(void);

#endif
