/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a child runs as.
 */
#ifndef CORE_ACTIVATION_IDENTITY_H
#define CORE_ACTIVATION_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include <portico/types.h>

struct settings;
struct settings_pool;

#define IDENTITY_GROUPS_MAX 64

struct identity {
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENTITY_GROUPS_MAX]; /* supplementary */
	int group_count;
};

#define IDENTITY_DEFAULT_USER "nobody"

/*
 * `pool` NULL: of the listener.  PORTICO_CONFIG, with the place, when there is
 * no such user or group, or when we are no root and another one is asked for.
 * Reads the user database: at start and reload only.
 */
enum portico_status identity_resolve(const struct settings *settings,
				     const struct settings_pool *pool,
				     struct identity *identity_r,
				     struct portico_error *err);

/* In the child, after fork: async-signal-safe.  0 or an errno. */
int identity_assume(const struct identity *identity);

#endif
