/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that the configuration wants run when something happened to a pool:
 * autoShutdownExe, orphanActionExe.  As porticod's own user and without a way
 * to more, with its output in the log, for a limited time.
 */
#ifndef CORE_ACTIVATION_ACTION_H
#define CORE_ACTIVATION_ACTION_H

#include <stdint.h>

struct pool;
struct settings_action;

struct action_facts {
	const char *what; /* name of the setting */
	const char *value; /* stands for "%1%" in the arguments */
	const char *reason; /* PORTICO_REASON */
	int pid; /* PORTICO_PID; 0 = not of one process */
};

/* Does nothing if the setting names no program. */
void action_run(struct pool *pool, const struct settings_action *settings,
		const struct action_facts *facts);

/* Those of the pool that still run are killed. */
void action_end_all(struct pool *pool);

#endif
