/* SPDX-License-Identifier: Apache-2.0
 *
 * Between fork and exec: nothing here is anything but async-signal-safe.
 */
#include "core/activation/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/activation/confinement.h"
#include "core/activation/identity.h"
#include "core/activation/process.h"
#include "core/base/io.h"

/* The exec pipe's end in the child; close-on-exec: that it ends without a byte
 * in it says that the program runs. */
static int exec_pipe_here;

static void
put(const char *text)
{
	ssize_t done = write(STDERR_FILENO, text, strlen(text));

	(void)done;
}

static _Noreturn void
give_up(int code, const char *doing, const char *object, int os_error)
{
	const char *name = strerrorname_np(os_error);

	put("starting the process failed: ");
	put(doing);
	put(object);
	put(": ");
	put(name == NULL ? "unknown error" : name);
	put("\n");
	(void)!write(exec_pipe_here, "", 1);
	_exit(io_is_exhaustion(os_error) ? PROCESS_EXIT_EXHAUSTED : code);
}

/* 0 from /dev/null, 1 and 2 to the pipe, 3 the control socket, no others. */
static void
arrange_descriptors(const struct child_setup *setup)
{
	int control = setup->options->control_fd;
	int null, last = STDERR_FILENO;

	/* The pipe first, so that complaints have somewhere to go. */
	if (dup2(setup->output, STDERR_FILENO) < 0)
		give_up(PROCESS_EXIT_SETUP, "opening ", "stderr", errno);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	null = open("/dev/null", O_RDONLY);
	if (null < 0)
		give_up(PROCESS_EXIT_SETUP, "opening ", "/dev/null", errno);
	if (null != STDIN_FILENO)
		dup2(null, STDIN_FILENO);
	if (control >= 0) {
		last = 3;
		/* dup2 of a descriptor to itself keeps close-on-exec. */
		if (control == 3)
			fcntl(3, F_SETFD, 0);
		else if (dup2(control, 3) < 0)
			give_up(PROCESS_EXIT_SETUP, "passing ", "a descriptor",
				errno);
	}
	/* One more that lives until exec. */
	if (setup->exec_pipe != ++last &&
	    dup3(setup->exec_pipe, last, O_CLOEXEC) < 0)
		give_up(PROCESS_EXIT_SETUP, "passing ", "a pipe", errno);
	exec_pipe_here = last;
	if (close_range((unsigned)last + 1, ~0u, 0) != 0) {
		for (int fd = last + 1; fd < 65536; fd++)
			close(fd);
	}
}

static void
reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What nobody but a child that keeps everything does without. */
static void
confine(const struct process_options *options)
{
	const struct confinement *confinement = options->confinement;
	const char *failed;

	failed = confinement_limits(confinement);
	if (failed != NULL)
		give_up(PROCESS_EXIT_SETUP, "setting ", failed, errno);
	/* Before a /tmp of its own may hide it. */
	failed = confinement_cores(confinement, options->identity);
	if (failed != NULL)
		give_up(PROCESS_EXIT_SETUP, "making ", failed, errno);
	failed = confinement_temporary(confinement, options->identity);
	if (failed != NULL)
		give_up(PROCESS_EXIT_SETUP, "making ", failed, errno);
	failed = confinement_paths(confinement);
	if (failed != NULL)
		give_up(PROCESS_EXIT_SETUP, "restricting ", failed, errno);
	failed = confinement_drop_capabilities();
	if (failed != NULL)
		give_up(PROCESS_EXIT_SETUP, failed, "", errno);
}

_Noreturn void
child_run(const struct child_setup *setup)
{
	const struct process_options *options = setup->options;
	int os_error;

	exec_pipe_here = setup->exec_pipe;
	/* First: what comes next needs some. */
	if (options->raise_files)
		io_raise_descriptor_limit();
	arrange_descriptors(setup);
	reset_signals();
	setsid();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		give_up(PROCESS_EXIT_SETUP, "setting ", "no_new_privs", errno);
	umask(options->confinement == NULL ? 027 : options->confinement->umask);
	if (options->confinement != NULL)
		confine(options);
	os_error = identity_assume(options->identity);
	if (os_error != 0)
		give_up(PROCESS_EXIT_SETUP, "assuming ", "the identity",
			os_error);
	execve(options->path, (char *const *)(uintptr_t)options->arguments,
	       (char *const *)(uintptr_t)options->environment);
	os_error = errno;
	if (os_error == EACCES && options->identity->change)
		put("the user that it would run as, who is not root, cannot "
		    "reach or not execute its program\n");
	give_up(PROCESS_EXIT_EXEC, "executing ", options->path, os_error);
}
