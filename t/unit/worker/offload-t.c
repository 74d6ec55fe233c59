/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads for blocking work: fewer when there cannot be more, and a reason when
 * there can be none.
 */
#include "t/unit/unit.h"

#include "core/base/error.h"
#include "core/worker/offload.h"

#if !defined(PORTICO_ASAN) && !defined(PORTICO_TSAN)
/* From here on this process may map so much more. */
static void
leave_memory(size_t bytes)
{
	struct rlimit limit;
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = pages * 4096 + bytes;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

static void
start_with_little(void)
{
	struct portico_error err = { 0 };
	struct rlimit stack = { 8 << 20, 8 << 20 };
	struct offload_pool *pool;

	setrlimit(RLIMIT_STACK, &stack);
	leave_memory(64 << 20);
	pool = offload_pool_new(64, &err);
	fprintf(stderr, "little: %s\n", pool == NULL ? err.message : "some");
	offload_pool_free(pool);
}

static void
start_with_none(void)
{
	struct portico_error err = { 0 };
	struct offload_pool *pool;

	leave_memory(1 << 20);
	pool = offload_pool_new(64, &err);
	fprintf(stderr, "none: %s\n", pool == NULL ? err.message : "some");
	offload_pool_free(pool);
}
#endif

static void
threads_start_and_end(void **state)
{
	struct offload_pool *pool = offload_pool_new(3, NULL);

	(void)state;
	assert_non_null(pool);
	offload_pool_free(pool);
}

#if !defined(PORTICO_ASAN) && !defined(PORTICO_TSAN)
static void
few_threads_are_better_than_none(void **state)
{
	static char text[8192];

	(void)state;
	assert_int_equal(unit_run_child(start_with_little, text, sizeof text),
			 0);
	assert_non_null(strstr(text, " of 64 threads for blocking work could "
				     "be started"));
	assert_non_null(strstr(text, "little: some"));
}

static void
without_a_thread_there_is_a_reason(void **state)
{
	static char text[8192];

	(void)state;
	assert_int_equal(unit_run_child(start_with_none, text, sizeof text), 0);
	assert_non_null(strstr(text, "none: starting a thread for blocking "
				     "work: "));
}
#endif

static const struct CMUnitTest tests[] = {
/* The sanitizers map all there is.  First: the C library keeps the stacks of
 * threads that have ended. */
#if !defined(PORTICO_ASAN) && !defined(PORTICO_TSAN)
	cmocka_unit_test(few_threads_are_better_than_none),
	cmocka_unit_test(without_a_thread_there_is_a_reason),
#endif
	cmocka_unit_test(threads_start_and_end),
};

UNIT_MAIN(tests)
