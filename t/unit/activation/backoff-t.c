/* SPDX-License-Identifier: Apache-2.0
 *
 * Rapid-fail protection and the delay before the next start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/activation/backoff.h"

#define SECOND 1000000000ull
#define MAXIMUM 5
#define INTERVAL (300 * SECOND)

static void
test_fifth_disables(void **state)
{
	struct backoff backoff;

	(void)state;
	backoff_init(&backoff, MAXIMUM, INTERVAL);
	for (uint64_t i = 1; i < MAXIMUM; i++)
		assert_false(backoff_failed(&backoff, i * SECOND));
	assert_true(backoff_failed(&backoff, MAXIMUM * SECOND));
	assert_int_equal(backoff.total, MAXIMUM);
}

/* Failures count by time, also when successes are between them. */
static void
test_interval(void **state)
{
	struct backoff backoff;
	uint64_t step = INTERVAL / (MAXIMUM - 1) + 1;

	(void)state;
	backoff_init(&backoff, MAXIMUM, INTERVAL);
	for (uint64_t i = 1; i < 100; i++)
		assert_false(backoff_failed(&backoff, i * step));
	assert_int_equal(backoff_recent(&backoff, 99 * step), MAXIMUM - 1);
	backoff_succeeded(&backoff);
	assert_true(backoff_failed(&backoff, 99 * step + 1));
	assert_int_equal(backoff_recent(&backoff, 99 * step + INTERVAL + 2), 0);
}

static void
test_switched_off(void **state)
{
	struct backoff backoff;

	(void)state;
	backoff_init(&backoff, 0, INTERVAL);
	for (uint64_t i = 1; i < 1000; i++)
		assert_false(backoff_failed(&backoff, i));
	assert_true(backoff_delay_ms(&backoff) > 0);
}

static void
test_delay(void **state)
{
	static const uint64_t delays[] = { 0, 0, 100, 500, 1000, 1000 };
	struct backoff backoff;

	(void)state;
	backoff_init(&backoff, MAXIMUM, INTERVAL);
	for (unsigned i = 0; i < sizeof delays / sizeof *delays; i++) {
		assert_true(backoff_delay_ms(&backoff) == delays[i]);
		backoff_failed(&backoff, i * INTERVAL);
	}
	backoff_succeeded(&backoff);
	assert_true(backoff_delay_ms(&backoff) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fifth_disables),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_delay),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
