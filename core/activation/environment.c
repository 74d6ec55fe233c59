/* SPDX-License-Identifier: Apache-2.0
 *
 * Environments of children.
 */
#include "core/activation/environment.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/config/settings.h"

/* Entries that environment_add() may add. */
#define ENVIRONMENT_ROOM 1

static bool
is_name_of(const char *entry, const char *name)
{
	size_t length = strlen(name);

	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* Ours alone, or replaced by the pool. */
static bool
is_left_out(const char *entry, const struct settings_pool *pool)
{
	static const char *const own[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC",
					   "WATCHDOG_PID",  "LISTEN_FDS",
					   "LISTEN_PID",    "LISTEN_FDNAMES" };

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (is_name_of(entry, own[i]))
			return true;
	for (size_t i = 0; pool != NULL && i < pool->environment_count; i++)
		if (is_name_of(entry, pool->environment[i].name))
			return true;
	return false;
}

/* The entries are allocated, the array ends with NULL. */
const char **
environment_new(const struct settings_pool *pool)
{
	size_t count = pool == NULL ? 0 : pool->environment_count, used = 0;
	const char **all;

	for (size_t i = 0; environ[i] != NULL; i++)
		count++;
	all = mem_try_zalloc((count + 1 + ENVIRONMENT_ROOM) * sizeof *all);
	if (all == NULL)
		return NULL;
	for (size_t i = 0; environ[i] != NULL; i++)
		if (!is_left_out(environ[i], pool))
			all[used++] = mem_strdup(environ[i]);
	for (size_t i = 0; pool != NULL && i < pool->environment_count; i++) {
		const struct settings_pair *pair = &pool->environment[i];
		size_t size = strlen(pair->name) + strlen(pair->value) + 2;
		char *entry = mem_try_alloc(size);

		if (entry == NULL)
			break;
		snprintf(entry, size, "%s=%s", pair->name, pair->value);
		all[used++] = entry;
	}
	return all;
}

void
environment_add(const char **environment, const char *entry)
{
	size_t length = strcspn(entry, "=") + 1, i = 0;

	while (environment[i] != NULL &&
	       strncmp(environment[i], entry, length) != 0)
		i++;
	mem_free((void *)(uintptr_t)environment[i]);
	environment[i] = entry;
}

void
environment_free(const char **environment)
{
	if (environment == NULL)
		return;
	for (size_t i = 0; environment[i] != NULL; i++)
		mem_free((void *)(uintptr_t)environment[i]);
	mem_free(environment);
}
