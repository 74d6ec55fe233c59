/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories for temporary files of workers.  That of process 1234 of pool
 * "main" is runtimeDirectory/tmp/main.1234: whoever takes over a worker finds
 * it by these two, and what no worker has any more is removed at the start.
 */
#ifndef CORE_ACTIVATION_TEMPORARY_H
#define CORE_ACTIVATION_TEMPORARY_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct manager;
struct settings;
struct settings_pool;

#define TEMPORARY_PATH_SIZE PATH_MAX
#define TEMPORARY_PID_SIZE 12 /* digits of a process's number, and the end */

/* The path without the number, and its parent directory exists.  False: it
 * cannot, which was logged. */
bool temporary_prepare(const struct settings *settings,
		       const struct settings_pool *pool,
		       char path[TEMPORARY_PATH_SIZE]);

/* After the worker's end.  What it has left in there is removed by another
 * process; nothing waits for that. */
void temporary_remove(struct manager *manager, const char *pool, pid_t pid);

/* A directory that a worker may have filled; the same. */
void temporary_remove_tree(struct manager *manager, const char *path);

/* At the start: those whose workers do not live. */
void temporary_sweep(struct manager *manager);

/* At the end. */
void temporary_close(const struct settings *settings);

#endif
