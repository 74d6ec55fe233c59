/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: processes that a module runs (process.h).  None is run: the
 * test says what becomes of them.
 *
 *	assert(strcmp(kit_process_argument(kit, 0, 0), "/usr/bin/node") == 0);
 *	kit_process_line(kit, 0, "cannot open the port");
 *	kit_process_exit(kit, 0, 1);
 *	kit_advance(kit, 100 * MS);	... and it was started again
 *
 * Supervision is the worker's own code in virtual time: restarts and their
 * delays, giving up, the time from SIGTERM to SIGKILL.  A process begins in
 * the next kit_advance.  They are numbered from 0 in the order in which the
 * module asked for them.  Pids are numbers only, from 1,000,001 on.  One that
 * runs when the kit is closed is killed, as with a worker whose time is over;
 * with .strict that is a failure, PORTICO_GLOBAL_STOP being the time to stop
 * it.
 */
#ifndef PORTICO_TESTKIT_PROCESS_H
#define PORTICO_TESTKIT_PROCESS_H

#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Processes that the module has asked for.  Since 1.0. */
unsigned kit_processes(const struct kit *kit);

/* The index-th argument, 0 is the program; NULL: there is none. */
const char *kit_process_argument(const struct kit *kit, unsigned number,
				 unsigned index);
/* What its environment will say of the name; NULL: nothing. */
const char *kit_process_environment(const struct kit *kit, unsigned number,
				    const char *name);
/* Its directory; NULL: the worker's. */
const char *kit_process_directory(const struct kit *kit, unsigned number);
/* It runs now: started, and has not exited. */
bool kit_process_runs(const struct kit *kit, unsigned number);
/* Times that it was started. */
uint64_t kit_process_starts(const struct kit *kit, unsigned number);
/* The last signal that it was sent; 0: none. */
int kit_process_signal(const struct kit *kit, unsigned number);

/* These want one that runs.  It writes a line. */
void kit_process_line(struct kit *kit, unsigned number, const char *line);
/* It exits with this status; its function is told. */
void kit_process_exit(struct kit *kit, unsigned number, int status);
/* A signal ends it; so SIGKILL does by itself. */
void kit_process_kill(struct kit *kit, unsigned number, int signal_number);

/* Starts fail from now on with this errno, as when there is no memory for one
 * more process; 0: they do not. */
void kit_process_refuse(struct kit *kit, int error);

#ifdef __cplusplus
}
#endif

#endif
