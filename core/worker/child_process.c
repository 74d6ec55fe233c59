/* SPDX-License-Identifier: Apache-2.0
 *
 * One child process.
 *
 * uv_spawn() is not used: it has no place for PR_SET_PDEATHSIG, and passes on
 * the descriptors that libraries forgot to mark (libcurl's resolver does).
 */
#include "core/worker/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/io.h"
#include "core/base/memory.h"

/* ---- in the child: nothing but what is safe after fork() ---------------------- */

static void
say(const char *text)
{
	ssize_t wrote = write(STDERR_FILENO, text, strlen(text));

	(void)wrote;
}

static _Noreturn void
give_up(const char *what, const char *name, int error)
{
	const char *why = strerrordesc_np(error);

	say(what);
	say(name);
	say(": ");
	say(why == NULL ? "unknown error" : why);
	say("\n");
	_exit(127);
}

static void
default_signals(void)
{
	/* The kernel's struct, whatever its layout: SIG_DFL and nothing else.
	 * The C library would not touch 32 and 33, which whoever started us
	 * may have ignored. */
	const uint64_t plain[8] = { 0 };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		syscall(SYS_rt_sigaction, i, plain, NULL, sizeof(uint64_t));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Whoever made them, and whether or not they were marked. */
static void
mark_descriptors(void)
{
	if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = 3; fd < 65536; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static _Noreturn void
run(const struct child_command *command, int null, int output, pid_t parent)
{
	setpgid(0, 0);
	default_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it has died before that */
		_exit(127);
	if (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(127);
	mark_descriptors();
	if (command->directory != NULL && chdir(command->directory) != 0)
		give_up("cannot enter ", command->directory, errno);
	execvpe(command->argv[0], command->argv, command->environment);
	give_up("cannot run ", command->argv[0], errno);
}

/* ---- output -------------------------------------------------------------------- */

static void
end_line(struct child_process *child)
{
	child->line[child->length] = '\0';
	if (child->length > 0)
		child->on_line(child, child->line, child->arg);
	child->length = 0;
}

static void
take(struct child_process *child, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] == '\n')
			end_line(child);
		else if (child->length < sizeof(child->line) - 1)
			child->line[child->length++] = data[i];
	}
}

/* Bounded: a child that writes without pause must not hold the loop. */
static void
read_output(struct child_process *child)
{
	char data[16384];

	for (int i = 0; i < 16; i++) {
		ssize_t got = read(child->output, data, sizeof(data));

		if (got > 0) {
			take(child, data, (size_t)got);
			continue;
		}
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			uv_poll_stop(&child->output_poll);
		break;
	}
}

static void
on_output(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	read_output(poll->data);
}

/* ---- end ------------------------------------------------------------------------- */

void
child_process_signal(const struct child_process *child, int signal_number)
{
	CHECK(child, CHILD_PROCESS_MAGIC);
	kill(-child->pid, signal_number);
}

static void
on_pidfd(uv_poll_t *poll, int status, int events)
{
	struct child_process *child = poll->data;
	int how = 0;

	(void)status;
	(void)events;
	CHECK(child, CHILD_PROCESS_MAGIC);
	/* Not yet waited for, it keeps the group's number from others. */
	kill(-child->pid, SIGKILL);
	if (waitpid(child->pid, &how, WNOHANG) != child->pid)
		return;
	uv_poll_stop(&child->pidfd_poll);
	read_output(child);
	end_line(child);
	child->on_exit(child, how, child->arg);
}

static void
on_closed(uv_handle_t *handle)
{
	struct child_process *child = handle->data;

	if (--child->closing > 0)
		return;
	close(child->pidfd);
	close(child->output);
	child->magic = 0;
	mem_free(child);
}

void
child_process_free(struct child_process **child_p)
{
	struct child_process *child = *child_p;

	CHECK(child, CHILD_PROCESS_MAGIC);
	*child_p = NULL;
	child->closing = 2;
	uv_close((uv_handle_t *)&child->pidfd_poll, on_closed);
	uv_close((uv_handle_t *)&child->output_poll, on_closed);
}

void
child_process_kill(struct child_process **child_p)
{
	int how;

	child_process_signal(*child_p, SIGKILL);
	waitpid((*child_p)->pid, &how, 0);
	child_process_free(child_p);
}

/* ---- start ------------------------------------------------------------------------ */

/* It was started, and cannot be watched: nobody shall know of it. */
static void
end_unwatched(struct child_process *child)
{
	int how;

	kill(child->pid, SIGKILL);
	waitpid(child->pid, &how, 0);
}

/* 0, or errno. */
static int
watch(uv_loop_t *uv, struct child_process *child)
{
	int error;

	child->pidfd = io_pidfd_open(child->pid);
	if (child->pidfd < 0)
		return errno;
	error = uv_poll_init(uv, &child->pidfd_poll, child->pidfd);
	if (error != 0)
		return -error;
	child->closing = 1;
	error = uv_poll_init(uv, &child->output_poll, child->output);
	if (error == 0)
		child->closing = 0;
	return -error;
}

static int
child_process_new(uv_loop_t *uv, pid_t pid, int output,
		  struct child_process **child_r)
{
	struct child_process *child = mem_zalloc(sizeof(*child));
	int error;

	child->magic = CHILD_PROCESS_MAGIC;
	child->pid = pid;
	child->output = output;
	error = watch(uv, child);
	child->pidfd_poll.data = child->output_poll.data = child;
	if (error != 0) {
		end_unwatched(child);
		/* libuv may know one of the two handles, and only it can say
		 * when that may be freed. */
		if (child->closing > 0) {
			uv_close((uv_handle_t *)&child->pidfd_poll, on_closed);
			return error;
		}
		io_close(&child->pidfd);
		io_close(&child->output);
		mem_free(child);
		return error;
	}
	uv_poll_start(&child->pidfd_poll, UV_READABLE, on_pidfd);
	uv_poll_start(&child->output_poll, UV_READABLE, on_output);
	*child_r = child;
	return 0;
}

int
child_process_start(uv_loop_t *uv, const struct child_command *command,
		    struct child_process **child_r)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int ends[2] = { -1, -1 };
	pid_t pid = -1, parent = getpid();
	sigset_t all, before;
	int error;

	*child_r = NULL;
	if (null < 0 || pipe2(ends, O_CLOEXEC) != 0) {
		error = errno;
		io_close(&null);
		return error;
	}
	/* No handler of ours runs in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		run(command, null, ends[1], parent);
	error = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(null);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return error;
	}
	setpgid(pid, pid); /* whoever is first */
	io_set_nonblock(ends[0], true);
	return child_process_new(uv, pid, ends[0], child_r);
}
