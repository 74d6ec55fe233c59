/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-worker as a throw-away process that looks into modules.
 *
 * Between fork() and exec() the child gives up what root has, before a byte
 * of a module is read.
 */
#include "core/command/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/io.h"
#include "core/command/installation.h"
#include "core/command/options.h"

#define ARGUMENTS_MAX 16
#define EXIT_NOT_STARTED 127

int
worker_fail(const struct worker_run *run, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	fprintf(stderr, "portico: %s: %s\n", run->about, text);
	if (run->json) {
		json_t *json =
			json_pack("{s:b, s:[s]}", "ok", 0, "problems", text);

		json_dumpf(json, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(json);
	}
	return EXIT_FAILED;
}

/* In the child.  False: it stays root, and must not go on. */
static bool
give_up_root(const struct passwd *account)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	if (account == NULL)
		return true;
	return setgroups(0, NULL) == 0 &&
	       setresgid(account->pw_gid, account->pw_gid, account->pw_gid) ==
		       0 &&
	       setresuid(account->pw_uid, account->pw_uid, account->pw_uid) ==
		       0;
}

static void
become(const struct worker_run *run, const struct passwd *account,
       const char *program)
{
	const char *arguments[ARGUMENTS_MAX + 2] = { "portico-worker" };
	sigset_t none;

	for (unsigned i = 0; run->arguments[i] != NULL && i < ARGUMENTS_MAX;
	     i++)
		arguments[i + 1] = run->arguments[i];
	if (!give_up_root(account)) {
		fprintf(stderr, "portico: becoming user %s: %s\n",
			account == NULL ? "?" : account->pw_name,
			strerror(errno));
		_exit(EXIT_NOT_STARTED);
	}
	/* After the change of user, which would undo it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (run->output >= 0)
		dup2(run->output, STDOUT_FILENO);
	if (run->fd == 3)
		fcntl(3, F_SETFD, 0); /* dup2() to itself would not */
	else if (run->fd >= 0)
		dup2(run->fd, 3);
	execv(program, (char *const *)arguments);
	fprintf(stderr, "portico: starting %s%s%s: %s\n", program,
		account == NULL ? "" : " as user ",
		account == NULL ? "" : account->pw_name, strerror(errno));
	_exit(EXIT_NOT_STARTED);
}

static int
await(const struct worker_run *run, pid_t pid)
{
	int fd = io_pidfd_open(pid), status = 0, ready = 1;

	if (fd >= 0) {
		struct pollfd waiter = { .fd = fd, .events = POLLIN };

		do
			ready = poll(&waiter, 1, WORKER_LIMIT_S * 1000);
		while (ready < 0 && errno == EINTR);
		io_close(&fd);
	}
	if (ready == 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ready == 0)
		return worker_fail(
			run,
			"loading it took more than %d s; code of a module "
			"that runs when it is loaded must not wait",
			WORKER_LIMIT_S);
	if (WIFSIGNALED(status))
		return worker_fail(
			run,
			"portico-worker was killed by signal %d (%s) while "
			"it looked into it",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == EXIT_NOT_STARTED)
		return worker_fail(run, "portico-worker could not be started");
	return WEXITSTATUS(status);
}

int
worker_run(const struct worker_run *run)
{
	const char *user = run->user == NULL ? WORKER_DEFAULT_USER : run->user;
	const struct passwd *account = NULL;
	char program[INSTALLATION_PATH_BYTES];
	pid_t pid;

	installation_path(INSTALLATION_LIBEXEC, "portico-worker", program);
	if (geteuid() == 0) {
		account = getpwnam(user);
		if (account == NULL)
			return worker_fail(run, "user \"%s\" does not exist",
					   user);
	} else if (run->user != NULL) {
		return worker_fail(
			run, "only root can have it looked into by user \"%s\"",
			user);
	}
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return worker_fail(run, "starting portico-worker: %s",
				   strerror(errno));
	if (pid == 0)
		become(run, account, program);
	return await(run, pid);
}
