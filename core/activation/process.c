/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes.  What they do between fork and exec is in child.c.  PR_SET_PDEATHSIG is not used: a worker ends itself when
 * its control socket hangs up and no listener is left, so that another manager
 * may take it over before.
 */
#include "core/activation/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/activation/child.h"
#include "core/activation/limits.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

#define PROCESS_MAGIC 0x9f0ce55au

/* Reads of a pipe before other handles get their turn. */
#define READ_BATCH 16

struct process {
	unsigned magic;
	pid_t pid;
	int pidfd; /* -1 after the end */
	int output; /* pipe; -1 after its end */
	int exec_pipe; /* ends when the program runs; -1 then */
	uv_poll_t exit_poll;
	uv_poll_t output_poll;
	uv_poll_t exec_poll;
	int handles; /* polls not yet closed */
	bool freed;
	process_exec_fn *on_exec; /* may be NULL */
	process_line_fn *on_line;
	process_exit_fn *on_exit;
	void *arg;
	char line[CHILD_LINE_BYTES + 1];
	size_t line_length;
};

/* ---- lines --------------------------------------------------------------- */

static void
deliver_line(struct process *process)
{
	char *line = process->line;

	if (process->line_length == 0)
		return;
	line[process->line_length] = '\0';
	for (size_t i = 0; i < process->line_length; i++) {
		size_t control = line[i] == '\0' ? 1 : slice_control(line + i);

		if (control > 0)
			memset(line + i, line[i] == '\t' ? ' ' : '?', control);
	}
	process->line_length = 0;
	if (!process->freed)
		process->on_line(process, line, process->arg);
}

static void
take_bytes(struct process *process, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] == '\n' ||
		    process->line_length == CHILD_LINE_BYTES) {
			deliver_line(process);
			if (data[i] == '\n')
				continue;
		}
		process->line[process->line_length++] = data[i];
	}
}

/* False at the pipe's end. */
static bool
read_output(struct process *process)
{
	char data[4096];

	for (int i = 0; i < READ_BATCH; i++) {
		ssize_t got = read(process->output, data, sizeof data);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN;
		if (got == 0)
			return false;
		take_bytes(process, data, (size_t)got);
	}
	return true;
}

/* ---- the handles --------------------------------------------------------- */

static void
on_handle_closed(uv_handle_t *handle)
{
	struct process *process = handle->data;

	process->handles--;
	if (process->handles == 0 && process->freed) {
		process->magic = 0;
		mem_free(process);
	}
}

static void
close_handle(uv_poll_t *poll, int *fd)
{
	/* One that could not be watched has no loop. */
	if (poll->loop != NULL && !uv_is_closing((uv_handle_t *)poll))
		uv_close((uv_handle_t *)poll, on_handle_closed);
	io_close(fd);
}

static void
on_output(uv_poll_t *poll, int status, int events)
{
	struct process *process = poll->data;

	(void)events;
	CHECK(process, PROCESS_MAGIC);
	if (status < 0 || !read_output(process)) {
		deliver_line(process);
		close_handle(&process->output_poll, &process->output);
	}
}

/* The pipe has ended: was that exec, rather than a complaint? */
static void
report_exec(struct process *process)
{
	char byte;
	bool runs = read(process->exec_pipe, &byte, 1) == 0;

	close_handle(&process->exec_poll, &process->exec_pipe);
	if (runs && !process->freed && process->on_exec != NULL)
		process->on_exec(process, process->arg);
}

static void
on_exec_poll(uv_poll_t *poll, int status, int events)
{
	struct process *process = poll->data;

	(void)status;
	(void)events;
	(void)poll;
	CHECK(process, PROCESS_MAGIC);
	report_exec(process);
}

static void
on_exit_poll(uv_poll_t *poll, int poll_status, int events)
{
	struct process *process = poll->data;
	struct process_exit result = { .signalled = false };
	int status = 0;

	(void)poll_status;
	(void)events;
	CHECK(process, PROCESS_MAGIC);
	switch (waitpid(process->pid, &status, WNOHANG)) {
	case 0:
		return; /* not yet */
	case -1:
		result.unknown = true; /* it is no child of ours */
	}
	result.signalled = WIFSIGNALED(status);
	if (result.signalled) {
		result.signal_number = WTERMSIG(status);
		result.core = WCOREDUMP(status);
	} else {
		result.status = WEXITSTATUS(status);
	}
	close_handle(&process->exit_poll, &process->pidfd);
	if (process->exec_pipe >= 0)
		report_exec(process);
	if (process->output >= 0) {
		/* Its children may hold the pipe: take what is there. */
		read_output(process);
		deliver_line(process);
		close_handle(&process->output_poll, &process->output);
	}
	if (!process->freed)
		process->on_exit(process, &result, process->arg);
}

/* 0 or libuv's error; then the handle was not added to the loop. */
static int
watch(struct process *process, uv_loop_t *loop, uv_poll_t *poll, int fd,
      uv_poll_cb on_event)
{
	int status = uv_poll_init(loop, poll, fd);

	if (status != 0)
		return status;
	poll->data = process;
	process->handles++;
	return uv_poll_start(poll, UV_READABLE, on_event);
}

static enum portico_status
watch_all(struct process *process, uv_loop_t *loop, struct portico_error *err)
{
	int status = watch(process, loop, &process->exit_poll, process->pidfd,
			   on_exit_poll);

	if (status == 0)
		status = watch(process, loop, &process->exec_poll,
			       process->exec_pipe, on_exec_poll);
	if (status == 0)
		status = watch(process, loop, &process->output_poll,
			       process->output, on_output);
	if (status == 0)
		return PORTICO_OK;
	return error_os(err, -status, "watching process %d", (int)process->pid);
}

static enum portico_status
do_fork(struct process *process, const struct child_setup *setup,
	struct portico_error *err)
{
	sigset_t all, old;
	enum portico_status status = PORTICO_OK;

	/* No handler of ours may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	process->pid = fork();
	if (process->pid == 0)
		child_run(setup);
	if (process->pid < 0)
		status = error_system(err, "starting %s", setup->options->path);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (status != PORTICO_OK)
		return status;
	process->pidfd = io_pidfd_open(process->pid);
	if (process->pidfd >= 0)
		return PORTICO_OK;
	status = error_system(err, "watching the process of %s",
			      setup->options->path);
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	return status;
}

enum portico_status
process_start(uv_loop_t *loop, const struct process_options *options,
	      process_line_fn *on_line, process_exit_fn *on_exit, void *arg,
	      struct process **process_r, struct portico_error *err)
{
	struct child_setup setup = { .options = options };
	struct process *process;
	enum portico_status status;
	int ends[2], exec_ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_system(err, "creating a pipe for %s",
				    options->path);
	if (pipe2(exec_ends, O_CLOEXEC) != 0) {
		status = error_system(err, "creating a pipe for %s",
				      options->path);
		io_close(&ends[0]);
		io_close(&ends[1]);
		return status;
	}
	io_set_nonblock(ends[0], true);
	io_set_nonblock(exec_ends[0], true);
	setup.output = ends[1];
	setup.exec_pipe = exec_ends[1];
	process = mem_zalloc(sizeof *process);
	process->magic = PROCESS_MAGIC;
	process->on_exec = options->on_exec;
	process->on_line = on_line;
	process->on_exit = on_exit;
	process->arg = arg;
	status = do_fork(process, &setup, err);
	io_close(&ends[1]);
	io_close(&exec_ends[1]);
	if (status != PORTICO_OK) {
		io_close(&ends[0]);
		io_close(&exec_ends[0]);
		mem_free(process);
		return status;
	}
	process->output = ends[0];
	process->exec_pipe = exec_ends[0];
	status = watch_all(process, loop, err);
	if (status != PORTICO_OK) {
		kill(process->pid, SIGKILL);
		waitpid(process->pid, NULL, 0);
		process_free(&process);
		return status;
	}
	*process_r = process;
	return PORTICO_OK;
}

enum portico_status
process_adopt(uv_loop_t *loop, const struct process_adoption *adoption,
	      process_line_fn *on_line, process_exit_fn *on_exit, void *arg,
	      struct process **process_r, struct portico_error *err)
{
	struct process *process = mem_zalloc(sizeof *process);
	int status;

	process->magic = PROCESS_MAGIC;
	process->pid = adoption->pid;
	process->pidfd = adoption->pidfd;
	process->output = adoption->output;
	process->exec_pipe = -1;
	process->on_line = on_line;
	process->on_exit = on_exit;
	process->arg = arg;
	status = watch(process, loop, &process->exit_poll, process->pidfd,
		       on_exit_poll);
	if (status == 0 && process->output >= 0) {
		io_set_nonblock(process->output, true);
		status = watch(process, loop, &process->output_poll,
			       process->output, on_output);
	}
	if (status == 0) {
		*process_r = process;
		return PORTICO_OK;
	}
	process_free(&process);
	return error_os(err, -status, "watching process %d",
			(int)adoption->pid);
}

struct process_adoption
process_describe(const struct process *process)
{
	CHECK(process, PROCESS_MAGIC);
	return (struct process_adoption){ .pid = process->pid,
					  .pidfd = process->pidfd,
					  .output = process->output };
}

void
process_signal(struct process *process, int signal_number)
{
	CHECK(process, PROCESS_MAGIC);
	/* Not reaped yet, so the number is still its own; one that is no child
	 * of ours may have been, by another. */
	if (process->pidfd < 0 ||
	    io_pidfd_signal(process->pidfd, 0) != PORTICO_OK)
		return;
	if (kill(-process->pid, signal_number) != 0)
		kill(process->pid, signal_number);
}

void
process_free(struct process **process_p)
{
	struct process *process = *process_p;

	if (process == NULL)
		return;
	CHECK(process, PROCESS_MAGIC);
	*process_p = NULL;
	process->freed = true;
	if (process->handles == 0) {
		io_close(&process->pidfd);
		io_close(&process->exec_pipe);
		io_close(&process->output);
		process->magic = 0;
		mem_free(process);
		return;
	}
	close_handle(&process->exit_poll, &process->pidfd);
	close_handle(&process->exec_poll, &process->exec_pipe);
	close_handle(&process->output_poll, &process->output);
}

pid_t
process_pid(const struct process *process)
{
	CHECK(process, PROCESS_MAGIC);
	return process->pid;
}

const char *
process_exit_text(const struct process_exit *result, char *text, size_t size)
{
	if (result->unknown) {
		snprintf(text, size, "ended, how is not known");
		return text;
	}
	if (!result->signalled) {
		snprintf(text, size, "exited with status %d", result->status);
		return text;
	}
	snprintf(text, size, "was killed by signal %d (%s)%s",
		 result->signal_number,
		 sigabbrev_np(result->signal_number) == NULL ?
			 "?" :
			 sigabbrev_np(result->signal_number),
		 result->core ? ", core dumped" : "");
	return text;
}

bool
process_is_log_line(const char *line)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";

	for (size_t i = 0; shape[i] != '\0'; i++)
		if (shape[i] == 'd' ? line[i] < '0' || line[i] > '9' :
				      line[i] != shape[i])
			return false;
	return true;
}

/* "TIME LEVEL PROGRAM[PID]: ", with the number of that process: a line says
 * whose it is, and what a child writes must not seem to be another's. */
static bool
is_log_line_of(const struct process *process, const char *line)
{
	char word[8] = "", program[32];
	enum log_level level;
	int pid = 0, end = 0;

	return process_is_log_line(line) &&
	       sscanf(line, "%*[^ ] %7[a-z] %31[a-z-][%d]: %n", word, program,
		      &pid, &end) == 3 &&
	       end > 0 && pid == (int)process->pid &&
	       log_level_parse(slice_from(word), &level);
}

void
process_relay(const struct process *process, const struct log_context *context,
	      const char *line)
{
	char text[CHILD_LINE_BYTES + 2];
	int length;

	CHECK(process, PROCESS_MAGIC);
	if (!is_log_line_of(process, line)) {
		log_info(context, "%s", line);
		return;
	}
	length = snprintf(text, sizeof text, "%s\n", line);
	log_put_line(text, (size_t)length);
}
