/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking a configuration: what the file says, what it names in the world,
 * and what the modules say of their sections, asked in a throw-away process
 * (portico-worker --check-config), since porticod loads no module itself.
 * That process runs as the default user, never as root, and is given the
 * file's text: it may not be allowed to read the file.
 */
#ifndef CORE_ACTIVATION_CHECK_H
#define CORE_ACTIVATION_CHECK_H

#include <stdbool.h>
#include <uv.h>

#include <portico/types.h>

struct check;
struct settings;

/* One problem, a line without newline. */
typedef void check_problem_fn(const char *line, void *arg);

/*
 * The end: `settings` (a reference to be taken) when all is well, else NULL
 * after at least one problem was told.
 */
typedef void check_done_fn(struct settings *settings, void *arg);

struct check_options {
	const char *file;
	const char *worker; /* path of portico-worker */
	bool logs; /* also what does not hinder a start: logs that cannot be
		      written; forks */
	check_problem_fn *on_problem;
	check_done_fn *on_done; /* also from within check_start() */
	void *arg;
};

/* Asynchronous but for reading the file.  *check_r is NULL if it is over at
 * once; it frees itself before on_done. */
void check_start(uv_loop_t *loop, const struct check_options *options,
		 struct check **check_r);

/* on_done will not be called. */
void check_cancel(struct check **check_p);

/* The same, waiting: for the start or, with `all`, for who asks.  Problems are
 * lines on stderr or, with `json`, an object {"ok","problems"} on stdout. */
struct settings *check_now(const char *file, const char *worker, bool all,
			   bool json);

#endif
