/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock of a runtime directory: one porticod has it, also at the moment at
 * which another one ends and removes its process file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/activation/runtime.h"
#include "core/base/clock.h"
#include "core/base/error.h"

#define PROCESSES 4
#define ENOUGH 2000 /* locks of each */
#define LIMIT_NS (2 * CLOCK_NS_PER_S)

static char directory[] = "/tmp/portico-runtime-XXXXXX";
static char mark[64];

/* Exit status: how often another one had it, too. */
static int
lock_again_and_again(void)
{
	uint64_t end = clock_monotonic_ns() + LIMIT_NS;
	int locked = 0, together = 0;

	while (locked < ENOUGH && clock_monotonic_ns() < end) {
		struct runtime *runtime;
		struct portico_error err;
		int fd;

		if (runtime_lock(directory, -1, &runtime, &err) != PORTICO_OK)
			continue;
		locked++;
		fd = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0)
			together++;
		else
			close(fd);
		unlink(mark);
		runtime_close(&runtime);
	}
	return together > 100 ? 100 : together;
}

static void
test_one_has_it(void **state)
{
	pid_t pids[PROCESSES];

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(lock_again_and_again());
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void
test_the_other_is_named(void **state)
{
	struct runtime *runtime, *other = NULL;
	struct portico_error err;
	char number[32];

	(void)state;
	snprintf(number, sizeof number, "(process %d)", (int)getpid());
	assert_int_equal(runtime_lock(directory, -1, &runtime, &err),
			 PORTICO_OK);
	assert_int_equal(runtime_lock(directory, -1, &other, &err),
			 PORTICO_EXISTS);
	assert_non_null(strstr(err.message, number));
	assert_null(other);
	runtime_close(&runtime);
	assert_int_equal(runtime_lock(directory, -1, &runtime, &err),
			 PORTICO_OK);
	runtime_close(&runtime);
	assert_int_equal(rmdir(directory), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_has_it),
		cmocka_unit_test(test_the_other_is_named),
	};

	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(mark, sizeof mark, "%s/mark", directory);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
