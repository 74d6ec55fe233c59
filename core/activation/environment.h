/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment of a child: ours, without what is meant for us alone, and
 * what its pool adds.
 */
#ifndef CORE_ACTIVATION_ENVIRONMENT_H
#define CORE_ACTIVATION_ENVIRONMENT_H

struct settings_pool;

/* `pool` may be NULL.  OWNERSHIP: the caller's, environment_free(); NULL when
 * memory is exhausted. */
const char **environment_new(const struct settings_pool *pool);
/* Once: one more, or in the place of that of the same name.  OWNERSHIP: takes
 * the entry. */
void environment_add(const char **environment, const char *entry);
void environment_free(const char **environment);

#endif
