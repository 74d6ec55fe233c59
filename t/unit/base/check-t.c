/* SPDX-License-Identifier: Apache-2.0
 *
 * Assertions, the heap's refusal, the clock: what ends a process says why.
 */
#include "t/unit/unit.h"

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

#define THING_MAGIC 0x7e570001u

struct thing {
	unsigned magic;
};

static void
fail_assert(void)
{
	int answer = 41;

	ASSERT(answer == 42);
}

static void
check_null(void)
{
	struct thing *thing = NULL;

	CHECK(thing, THING_MAGIC);
}

static void
check_wrong_magic(void)
{
	struct thing thing = { .magic = 1 };

	CHECK(&thing, THING_MAGIC);
}

static void
dump_request(int fd, void *arg)
{
	dprintf(fd, "request %s\n", (const char *)arg);
}

static void
fail_with_dump(void)
{
	static char request[] = "GET /shop";

	check_set_dump(dump_request, request);
	UNREACHABLE();
}

static void
panic(void)
{
	check_panic("pool %s is upside down", "shop");
}

/* A sanitizer's heap has its own way to refuse. */
#if !defined(PORTICO_ASAN) && !defined(PORTICO_TSAN)
static void
exhaust_heap(void)
{
	volatile size_t absurd = SIZE_MAX / 2;

	mem_free(mem_alloc(absurd));
}

static void
overflow_array(void)
{
	volatile size_t absurd = SIZE_MAX / 2;

	mem_free(mem_zalloc_array(absurd, 16));
}

static void
an_exhausted_heap_ends_the_process_with_a_message(void **state)
{
	(void)state;
	unit_assert_aborts(exhaust_heap, "out of memory: 9223372036854775807");
	unit_assert_aborts(overflow_array, "out of memory");
}
#endif

static void
a_true_assertion_passes(void **state)
{
	struct thing thing = { .magic = THING_MAGIC };

	(void)state;
	ASSERT(1 + 1 == 2);
	CHECK(&thing, THING_MAGIC);
	DIAG(thing.magic == THING_MAGIC);
}

static void
a_false_one_says_expression_and_place(void **state)
{
	(void)state;
	unit_assert_aborts(fail_assert, "answer == 42 at ");
	unit_assert_aborts(fail_assert, "check-t.c:");
	unit_assert_aborts(fail_assert, "in fail_assert");
}

static void
objects_are_checked(void **state)
{
	(void)state;
	unit_assert_aborts(check_null, "magic == THING_MAGIC");
	unit_assert_aborts(check_wrong_magic, "magic == THING_MAGIC");
}

static void
the_report_tells_what_the_thread_was_doing(void **state)
{
	(void)state;
	unit_assert_aborts(fail_with_dump, "request GET /shop\n");
	unit_assert_aborts(panic, "panic: pool shop is upside down\n");
}

static void
a_fault_hits_the_nth_attempt_once(void **state)
{
	void *memory;

	(void)state;
	mem_fault_set(2);
	memory = mem_try_alloc(1);
	assert_non_null(memory);
	MEM_FREE(memory);
	assert_null(memory);
	assert_false(mem_fault_hit());
	assert_null(mem_try_zalloc(1));
	assert_true(mem_fault_hit());
	memory = mem_try_alloc_aligned(4096, 10);
	assert_int_equal((uintptr_t)memory % 4096, 0);
	MEM_FREE(memory);
	mem_fault_set(0);
}

static void
copies_on_the_heap(void **state)
{
	char *text = mem_strdup("portico");
	char *bytes = mem_dup("a\0b", 3);

	(void)state;
	assert_string_equal(text, "portico");
	assert_memory_equal(bytes, "a\0b", 3);
	text = mem_realloc(text, 100);
	assert_string_equal(text, "portico");
	mem_free(text);
	mem_free(bytes);
	mem_free(NULL);
}

static void
time_as_text(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	clock_format(0, text, sizeof text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_format(UINT64_C(1767323045678999999), text, sizeof text);
	assert_string_equal(text, "2026-01-02T03:04:05.678Z");
	assert_true(clock_monotonic_ns() <= clock_monotonic_ns());
	assert_true(clock_realtime_ns() > UINT64_C(1700000000000000000));
	assert_true(clock_process_cpu_ns() > 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_true_assertion_passes),
	cmocka_unit_test(a_false_one_says_expression_and_place),
	cmocka_unit_test(objects_are_checked),
	cmocka_unit_test(the_report_tells_what_the_thread_was_doing),
#if !defined(PORTICO_ASAN) && !defined(PORTICO_TSAN)
	cmocka_unit_test(an_exhausted_heap_ends_the_process_with_a_message),
#endif
	cmocka_unit_test(a_fault_hits_the_nth_attempt_once),
	cmocka_unit_test(copies_on_the_heap),
	cmocka_unit_test(time_as_text),
};

UNIT_MAIN(tests)
