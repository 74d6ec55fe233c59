/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the file system a worker sees, by the kernel's Landlock, and that it
 * sends signals to nobody but itself and its children.  The list of paths is
 * made by porticod; the child hands it to the kernel.
 */
#ifndef CORE_ACTIVATION_LANDLOCK_H
#define CORE_ACTIVATION_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

struct settings;
struct settings_pool;

enum landlock_access {
	LANDLOCK_READ_FILE, /* and execute; not of a directory */
	LANDLOCK_READ,
	LANDLOCK_EXECUTE, /* and read */
	LANDLOCK_WRITE, /* and read */
};

struct landlock_rule {
	char *path;
	enum landlock_access access;
	/* It lies in what the pool's workers may write: they could have made a
	 * link of it, to anything.  So none is followed. */
	bool no_links;
};

struct landlock_rules {
	int abi; /* of the kernel's; 0: there is no Landlock, nothing is done */
	struct landlock_rule *items;
	size_t count;
};

/* The version of the kernel's Landlock; 0: none, errno says why. */
int landlock_abi(void);

/* What the workers of a pool need to have `program` run, without temporary
 * files. */
void landlock_init(struct landlock_rules *rules,
		   const struct settings *settings,
		   const struct settings_pool *pool, const char *program);
void landlock_fini(struct landlock_rules *rules);

/* In the child; `temporary` may be NULL; `here`: the working directory is its
 * own.  0 or an errno. */
int landlock_apply(const struct landlock_rules *rules, const char *temporary,
		   bool tmp_is_own, bool here);

#endif
