/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-worker as a throw-away process that looks into modules.
 */
#ifndef CORE_COMMAND_WORKER_H
#define CORE_COMMAND_WORKER_H

#include <stdbool.h>

/* A module's constructor may do anything, also never return. */
#define WORKER_LIMIT_S 20

/* The user that root gives such a process when nobody says otherwise. */
#define WORKER_DEFAULT_USER "nobody"

struct worker_run {
	const char *const *arguments; /* after the program's name; NULL ends */
	const char *user; /* for root; NULL: WORKER_DEFAULT_USER */
	const char *about; /* file or URL, for sentences */
	int fd; /* becomes descriptor 3; -1: none */
	int output; /* becomes its standard output; -1: ours */
	bool json; /* its standard output is to be one JSON object */
};

/*
 * Runs it and waits; its output goes where ours goes.  Returns its exit
 * status.  When it crashed, hung or could not be started, that is said on the
 * standard error output (with `json` as { "ok": false, "problems": [ ... ] }
 * on the standard output, too) and the status is EXIT_FAILED.
 */
int worker_run(const struct worker_run *run);

/* Says why it cannot be done, in the same ways; returns EXIT_FAILED. */
int worker_fail(const struct worker_run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
