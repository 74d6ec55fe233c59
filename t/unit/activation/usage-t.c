/* SPDX-License-Identifier: Apache-2.0
 *
 * What processes of a session use: time, memory and threads are those of all
 * of them and of no other, and one that is gone has nothing.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/activation/usage.h"

#define MEMORY (64u << 20)
#define CPU_NS 300000000ull

static uint64_t
used_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
spin(uint64_t ns)
{
	while (used_ns() < ns)
		;
}

/* A session of two processes that live, one of which has left it for one of its
 * own, and one that has been waited for, with time of its own.  Says so when it has all, and waits to be killed. */
static _Noreturn void
run_session(int ready)
{
	pid_t child;
	char *memory;

	setsid();
	child = fork();
	if (child == 0) {
		spin(CPU_NS);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	child = memory == MAP_FAILED ? -1 : fork();
	if (child < 0)
		_exit(1);
	if (child == 0) {
		setsid();
		/* It is not of the group that is killed at the end. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	/* Each of the two has its own. */
	memset(memory, 'x', MEMORY);
	(void)!write(ready, "x", 1);
	for (;;)
		pause();
}

static pid_t
begin_session(void)
{
	int ends[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_session(ends[1]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static void
end_session(pid_t pid)
{
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_session(void **state)
{
	pid_t pid = begin_session(), other = begin_session();
	/* Not in order, and one that does not exist. */
	struct usage usages[3] = { { .session = pid > other ? pid : other },
				   { .session = pid > other ? other : pid },
				   { .session = 1 << 30 } };
	const struct usage *usage;

	(void)state;
	usage_read(usages, 3);
	usage = usage_find(usages, 3, pid);
	assert_non_null(usage);
	assert_int_equal(usage->tasks, 2);
	/* Its child's time, that is known in ticks only. */
	assert_true(usage->cpu_ns >= CPU_NS - 30000000u);
	assert_true(usage->memory >= 2ull * MEMORY);
	assert_true(usage->memory < 3ull * MEMORY);
	usage = usage_find(usages, 3, 1 << 30);
	assert_non_null(usage);
	assert_true(usage->tasks == 0 && usage->memory == 0 &&
		    usage->cpu_ns == 0);
	assert_null(usage_find(usages, 3, getpid()));
	assert_null(usage_find(usages, 0, pid));
	end_session(pid);
	end_session(other);
}

static void
test_time(void **state)
{
	struct usage_time time = { 0 };

	(void)state;
	assert_int_equal(usage_grown(&time, 100), 100);
	assert_int_equal(usage_grown(&time, 130), 30);
	/* A child was in neither: its 50 come back with its parent. */
	assert_int_equal(usage_grown(&time, 80), 0);
	assert_int_equal(usage_grown(&time, 135), 5);
	/* One that nobody waits for is lost, what follows is not. */
	assert_int_equal(usage_grown(&time, 60), 0);
	assert_int_equal(usage_grown(&time, 70), 10);
	assert_int_equal(usage_grown(&time, 75), 5);
	/* Again and again. */
	assert_int_equal(usage_grown(&time, 20), 0);
	assert_int_equal(usage_grown(&time, 10), 0);
	assert_int_equal(usage_grown(&time, 12), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_session),
					    cmocka_unit_test(test_time) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
