/* SPDX-License-Identifier: Apache-2.0
 *
 * One child process: its start, what it writes, its end.  Main thread: the
 * kernel ends the child with the thread that made it.
 */
#ifndef CORE_WORKER_CHILD_PROCESS_H
#define CORE_WORKER_CHILD_PROCESS_H

#include <sys/types.h>
#include <uv.h>

#define CHILD_PROCESS_MAGIC 0x43485052u

struct child_process {
	unsigned magic;
	pid_t pid; /* and number of its process group */
	int pidfd, output;
	uv_poll_t pidfd_poll, output_poll;
	int closing; /* handles that are not closed yet */
	size_t length; /* of what follows */
	char line[1000]; /* begun, not complete */
	void (*on_line)(struct child_process *child, const char *line,
			void *arg);
	/* It has exited, its group was killed, its output was read. */
	void (*on_exit)(struct child_process *child, int status, void *arg);
	void *arg;
};

struct child_command {
	char *const *argv; /* ends with NULL */
	char *const *environment; /* ends with NULL */
	const char *directory; /* NULL: ours */
};

/* 0, or errno.  What exec says the child writes to its output. */
int child_process_start(uv_loop_t *uv, const struct child_command *command,
			struct child_process **child_r);

/* To its group. */
void child_process_signal(const struct child_process *child, int signal_number);

/* Frees what the end of the child has left; *p = NULL. */
void child_process_free(struct child_process **child_p);

/* Kills it and waits for that; nobody is told.  *p = NULL. */
void child_process_kill(struct child_process **child_p);

#endif
