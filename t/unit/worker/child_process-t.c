/* SPDX-License-Identifier: Apache-2.0
 *
 * A child process that cannot be started, whatever it fails for: a reason, and
 * nothing is left of it, no process, descriptor or handle.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <uv.h>

#include "core/base/io.h"
#include "core/worker/child_process.h"
#include "t/unit/descriptors.h"

/* What is to fail next; 0: nothing. */
static int fork_error, pidfd_error;
static unsigned poll_failure; /* the n-th */

static uv_loop_t loop;
static int exit_status;

pid_t __wrap_fork(void);
pid_t __real_fork(void);
int __wrap_io_pidfd_open(pid_t pid);
int __real_io_pidfd_open(pid_t pid);
int __wrap_uv_poll_init(uv_loop_t *uv, uv_poll_t *poll, int fd);
int __real_uv_poll_init(uv_loop_t *uv, uv_poll_t *poll, int fd);

pid_t
__wrap_fork(void)
{
	if (fork_error == 0)
		return __real_fork();
	errno = fork_error;
	return -1;
}

int
__wrap_io_pidfd_open(pid_t pid)
{
	if (pidfd_error == 0)
		return __real_io_pidfd_open(pid);
	errno = pidfd_error;
	return -1;
}

int
__wrap_uv_poll_init(uv_loop_t *uv, uv_poll_t *poll, int fd)
{
	if (poll_failure == 0 || --poll_failure > 0)
		return __real_uv_poll_init(uv, poll, fd);
	/* As it is for who has not been asked. */
	memset(poll, 0xa5, sizeof(*poll));
	errno = 0;
	return UV_ENOSPC;
}

static void
on_line(struct child_process *child, const char *line, void *arg)
{
	(void)child;
	snprintf(arg, 64, "%s", line);
}

static void
on_exit_seen(struct child_process *child, int status, void *arg)
{
	(void)arg;
	exit_status = status;
	child_process_free(&child);
}

static int
start(struct child_process **child_r)
{
	static char shell[] = "/bin/sh", c[] = "-c";
	static char script[] = "echo alive; exit 3";
	static char *argv[] = { shell, c, script, NULL };
	static char *environment[] = { NULL };
	const struct child_command command = { .argv = argv,
					       .environment = environment };

	return child_process_start(&loop, &command, child_r);
}

static int
setup(void **state)
{
	(void)state;
	fork_error = pidfd_error = 0;
	poll_failure = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	/* What libuv opens with the first use of a loop. */
	uv_run(&loop, UV_RUN_NOWAIT);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

/* One runs, says something and ends. */
static void
assert_works(void)
{
	struct child_process *child;
	char line[64] = "";

	assert_int_equal(start(&child), 0);
	child->on_line = on_line;
	child->on_exit = on_exit_seen;
	child->arg = line;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(line, "alive");
	assert_true(WIFEXITED(exit_status));
	assert_int_equal(WEXITSTATUS(exit_status), 3);
}

/* It fails for this reason, and leaves nothing. */
static void
assert_fails(int error, unsigned before)
{
	struct child_process *child = (void *)&loop;
	int status;

	assert_int_equal(start(&child), error);
	assert_null(child);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_alive(&loop), 0);
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	if (before > 0)
		assert_int_equal(descriptors_open(), before);
}

static void
no_process(void **state)
{
	unsigned before = descriptors_open();

	(void)state;
	fork_error = EAGAIN;
	assert_fails(EAGAIN, before);
	fork_error = ENOMEM;
	assert_fails(ENOMEM, before);
	fork_error = 0;
	assert_works();
	assert_int_equal(descriptors_open(), before);
}

static void
no_pidfd(void **state)
{
	unsigned before = descriptors_open();

	(void)state;
	pidfd_error = EMFILE;
	assert_fails(EMFILE, before);
	pidfd_error = 0;
	assert_works();
}

/* It runs already, and its end or its output cannot be watched. */
static void
no_poll(void **state)
{
	unsigned before = descriptors_open();

	(void)state;
	for (unsigned n = 1; n <= 2; n++) {
		poll_failure = n;
		assert_fails(ENOSPC, before);
		assert_int_equal(poll_failure, 0);
	}
	assert_works();
}

/* With 0, 1, 2 ... descriptors left, until there are enough. */
static void
no_descriptors(void **state)
{
	unsigned before = descriptors_open();
	struct rlimit limit, few;
	unsigned left;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (left = 0; left < 16; left++) {
		int lowest = fcntl(0, F_DUPFD_CLOEXEC, 0);
		struct child_process *child;
		int error;

		assert_true(lowest > 0);
		close(lowest);
		few = limit;
		few.rlim_cur = (rlim_t)lowest + left;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		error = start(&child);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (error == 0) {
			child_process_kill(&child);
			break;
		}
		assert_int_equal(error, EMFILE);
		assert_null(child);
		uv_run(&loop, UV_RUN_DEFAULT);
		assert_int_equal(descriptors_open(), before);
	}
	assert_in_range(left, 3, 8);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(descriptors_open(), before);
}

#define CHILD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	CHILD_TEST(no_process),
	CHILD_TEST(no_pidfd),
	CHILD_TEST(no_poll),
	CHILD_TEST(no_descriptors),
};

UNIT_MAIN(tests)
