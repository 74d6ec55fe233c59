/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime directory: made if missing, and the process file in it, whose
 * lock says that a porticod runs there.  Also the log directory, and what
 * tells the outside that the server serves.
 */
#ifndef CORE_ACTIVATION_RUNTIME_H
#define CORE_ACTIVATION_RUNTIME_H

#include <portico/types.h>

struct runtime;
struct settings;

#define RUNTIME_PID_FILE "porticod.pid"

/* PORTICO_EXISTS when another porticod holds the lock. */
enum portico_status runtime_open(const struct settings *settings,
				 struct runtime **runtime_r,
				 struct portico_error *err);

/* Removes the file and lets go of the lock. */
void runtime_close(struct runtime **runtime_p);

/* A line to `ready_fd` (closed then; -1 = none). */
void runtime_tell_ready(int *ready_fd);

#endif
