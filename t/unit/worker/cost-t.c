/* SPDX-License-Identifier: Apache-2.0
 *
 * The core's pipeline allocates nothing for a request: calls of the heap are
 * counted over ten thousand requests, with 120 subscribers and with none.
 */
#include "t/unit/worker/stage_many.h"

#include <stdatomic.h>

#define AT_ONCE 50
#define REQUESTS 10000

#if defined(PORTICO_ASAN) || defined(PORTICO_TSAN)
#define HAS_COUNTERS 0
#else
#define HAS_COUNTERS 1
#endif

static _Atomic unsigned long allocations;

#if HAS_COUNTERS
/* In place of the C library's, which are behind them. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_realloc(old, size);
}
#endif

static void
run(unsigned modules, unsigned long calls)
{
	unsigned long before;
	uint64_t ns = 0;
	unsigned done = 0;

	stage_begin();
	many_add_modules(modules);
	speed_start();
	/* What is kept for later is made by the first ones. */
	for (unsigned i = 0; i < 10; i++)
		speed_round(AT_ONCE, &ns);
	many_calls = 0;
	before = atomic_load(&allocations);
	while (done < REQUESTS)
		done += speed_round(AT_ONCE, &ns);
	before = atomic_load(&allocations) - before;
	assert_int_equal(before, 0);
	assert_int_equal(many_calls, calls * done);
	stage_end();
	if (HAS_COUNTERS)
		assert_true(atomic_load(&allocations) > 10);
}

static void
no_subscriber_allocates_nothing(void **state)
{
	(void)state;
	run(0, 0);
}

static void
many_subscribers_allocate_nothing(void **state)
{
	(void)state;
	run(MANY_MODULES, MANY_MODULES * 12);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(no_subscriber_allocates_nothing),
	cmocka_unit_test(many_subscribers_allocate_nothing),
};

UNIT_MAIN(tests)
