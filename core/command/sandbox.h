/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of its own for one module: a temporary directory with a
 * configuration, a copy of the module, and a porticod that runs in it.
 *
 * The module is copied so that its author may write over the file while the
 * workers have it mapped, and so that they may read it wherever it lies.
 */
#ifndef CORE_COMMAND_SANDBOX_H
#define CORE_COMMAND_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include <portico/types.h>

struct sandbox {
	const char *file; /* the module as its author has it */
	const char *root; /* directory of files; NULL: none */
	const char *settings; /* file of the module's section; NULL: none */
	const char *user; /* for root; NULL: nobody */
	int port; /* 0: a free one; the real one after sandbox_start() */
	char name[64]; /* of the module */
	bool has_handlers;
	char directory[64]; /* "": not made yet */
	char socket[96]; /* of porticod */
	bool single; /* listener and worker in one process: sandbox_split() */
	pid_t pid; /* of porticod; 0: none */
	int pidfd; /* -1: none */
};

#define SANDBOX_START_LIMIT_MS 30000
#define SANDBOX_STOP_LIMIT_MS 15000

/* Has the module looked into, in a throw-away process that says what is
 * wrong; false: it is not fit for use. */
bool sandbox_check(struct sandbox *sandbox);

/* The directory alone; sandbox_start() does it where it is not done. */
enum portico_status sandbox_make_directory(struct sandbox *sandbox,
					   struct portico_error *err);

/*
 * Has listener and worker run in this process (core/single): forks, and
 * returns in the child, which goes on in its place; the process itself becomes
 * portico-single and never returns.  *host_r ends, or is readable, when that
 * wants all of it to end.  Before sandbox_start().
 */
enum portico_status sandbox_split(struct sandbox *sandbox, int *host_r,
				  struct portico_error *err);

/* Makes all and waits until it serves; after sandbox_check(). */
enum portico_status sandbox_start(struct sandbox *sandbox,
				  struct portico_error *err);

/* Takes the file as it is now: new workers have it, the old ones finish. */
enum portico_status sandbox_renew(struct sandbox *sandbox,
				  struct portico_error *err);

/* Stops porticod gracefully and removes the directory.  False: it had to be
 * killed, or ended with a failure. */
bool sandbox_stop(struct sandbox *sandbox);

#endif
