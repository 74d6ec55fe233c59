/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime directory: made if missing, and the process file in it, whose
 * lock says that a porticod runs there.  Also the log directory, and what
 * tells the outside that the server serves.
 */
#ifndef CORE_ACTIVATION_RUNTIME_H
#define CORE_ACTIVATION_RUNTIME_H

#include <stdbool.h>

#include <portico/types.h>

struct runtime;
struct settings;

#define RUNTIME_PID_FILE "porticod.pid"

/*
 * Only the lock of a directory that is there, before the settings are known;
 * PORTICO_NOT_FOUND when it is not.  `inherited`: a descriptor that holds it
 * already, or -1.
 */
enum portico_status runtime_lock(const char *directory, int inherited,
				 struct runtime **runtime_r,
				 struct portico_error *err);
/* Of the lock; borrowed. */
int runtime_fd(const struct runtime *runtime);

/* PORTICO_EXISTS when another porticod holds the lock.  *runtime_r may have it
 * from runtime_lock(). */
enum portico_status runtime_open(const struct settings *settings,
				 struct runtime **runtime_r,
				 struct portico_error *err);

/* Whether a start gives this log directory to the listener's user. */
bool runtime_gives_logs(const char *path);

/* Lets go of the lock; the file stays. */
void runtime_unlock(struct runtime **runtime_p);

/* Removes the file and lets go of the lock. */
void runtime_close(struct runtime **runtime_p);

/* A line to `ready_fd` (closed then; -1 = none). */
void runtime_tell_ready(int *ready_fd);

#endif
