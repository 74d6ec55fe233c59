/* SPDX-License-Identifier: Apache-2.0
 *
 * What every C unit test includes: cmocka with its prerequisites, and a way to
 * see that a function ends the process as it should.
 */
#ifndef T_UNIT_UNIT_H
#define T_UNIT_UNIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Runs `function` in a child and returns its wait status; what it wrote to
 * stderr goes to `text`, terminated.
 */
static inline int
unit_run_child(void (*function)(void), char *text, size_t size)
{
	const struct rlimit no_core = { 0, 0 };
	int fds[2], status = -1;
	size_t length = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		/* cmocka catches these signals; here they shall do their work. */
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		function();
		_exit(0);
	}
	close(fds[1]);
	while (length < size - 1) {
		got = read(fds[0], text + length, size - 1 - length);
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	text[length] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* `function` aborts and says `expected` on stderr. */
static inline void
unit_assert_aborts(void (*function)(void), const char *expected)
{
	static char text[65536];
	int status = unit_run_child(function, text, sizeof text);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	if (strstr(text, expected) == NULL)
		fail_msg("\"%s\" not found in: %s", expected, text);
}

/* main() of a test program: one TAP line per test of the array `tests`. */
#define UNIT_MAIN(tests)                                                       \
	int main(void)                                                         \
	{                                                                      \
		cmocka_set_message_output(CM_OUTPUT_TAP);                      \
		return cmocka_run_group_tests((tests), NULL, NULL);            \
	}

#endif
