/* SPDX-License-Identifier: Apache-2.0
 *
 * A child process on a libuv loop: started with a control socket on
 * descriptor 3 and its stdout and stderr in a pipe that is read line by line,
 * watched by pidfd.  Nothing here waits: a program that cannot be executed
 * shows as an exit with a line that says why.
 */
#ifndef CORE_ACTIVATION_PROCESS_H
#define CORE_ACTIVATION_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include <portico/types.h>

struct confinement;
struct identity;
struct process;

/* The program runs: exec has succeeded. */
typedef void process_exec_fn(struct process *process, void *arg);

struct process_options {
	const char *path; /* of the program */
	const char *const *arguments; /* argv, ends with NULL */
	const char *const *environment; /* envp, ends with NULL */
	int control_fd; /* becomes 3 in the child, a socket as a rule;
			   -1 = none */
	const struct identity *identity;
	const struct confinement *confinement; /* NULL: it keeps all */
	bool raise_files; /* soft limit of open files up to the hard one */
	process_exec_fn *on_exec; /* may be NULL */
};

struct process_exit {
	bool unknown; /* how it ended was told to its parent, not to us */
	bool signalled;
	int status; /* exit status, when not signalled */
	int signal_number;
	bool core; /* dumped */
};

/* One line that the child wrote, without newline, control bytes escaped. */
typedef void process_line_fn(struct process *process, const char *line,
			     void *arg);

/* It has ended and all its lines were delivered.  The owner frees it. */
typedef void process_exit_fn(struct process *process,
			     const struct process_exit *result, void *arg);

/* Borrows everything in `options` for the call only. */
enum portico_status
process_start(uv_loop_t *loop, const struct process_options *options,
	      process_line_fn *on_line, process_exit_fn *on_exit, void *arg,
	      struct process **process_r, struct portico_error *err);

/* One that runs already, as another porticod started it (takeover.h). */
struct process_adoption {
	pid_t pid;
	int pidfd;
	int output; /* read end of its pipe, or -1 */
};

/* OWNERSHIP: takes the descriptors, also when it fails. */
enum portico_status
process_adopt(uv_loop_t *loop, const struct process_adoption *adoption,
	      process_line_fn *on_line, process_exit_fn *on_exit, void *arg,
	      struct process **process_r, struct portico_error *err);

/* Its descriptors, borrowed; -1: closed. */
struct process_adoption process_describe(const struct process *process);

/* To its process group; to itself alone if it has none yet.  No-op after its
 * end. */
void process_signal(struct process *process, int signal_number);

/* A process that still runs is left alone. *process_p becomes NULL; accepts
 * NULL in it. */
void process_free(struct process **process_p);

pid_t process_pid(const struct process *process);

/* "exited with status 3", "was killed by signal 9 (Killed)" */
const char *process_exit_text(const struct process_exit *result, char *text,
			      size_t size);

struct log_context;

/* A child's line to our log: as it is when it is a line of its own log, which
 * says its number, else as a message of ours with the context. */
void process_relay(const struct process *process,
		   const struct log_context *context, const char *line);
bool process_is_log_line(const char *line);

/* What a child says when it cannot execute its program. */
#define PROCESS_EXIT_EXHAUSTED 125 /* either, for lack of something */
#define PROCESS_EXIT_SETUP 126
#define PROCESS_EXIT_EXEC 127

#endif
