/* SPDX-License-Identifier: Apache-2.0
 *
 * When OCSP responders are asked again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/activation/staple_times.h"

#define DAY 86400
#define NOW 1000000000ll

static void
test_half(void **state)
{
	(void)state;
	assert_int_equal(staple_refresh(NOW, NOW + 4 * DAY, NOW),
			 NOW + 2 * DAY);
	assert_int_equal(staple_refresh(NOW - DAY, NOW + 3 * DAY, NOW),
			 NOW + DAY);
	assert_int_equal(staple_refresh(NOW, NOW + 4, NOW), NOW + 2);
}

/* Responders that make answers beforehand give the same one for days. */
static void
test_late(void **state)
{
	(void)state;
	assert_int_equal(staple_refresh(NOW - 6 * DAY, NOW + 1 * DAY, NOW),
			 NOW + DAY / 8);
	assert_int_equal(staple_refresh(NOW - 7 * DAY, NOW + 100, NOW),
			 NOW + STAPLE_REFRESH_LEAST_S);
}

static void
test_always_later(void **state)
{
	(void)state;
	assert_int_equal(staple_refresh(NOW - 2, NOW + 1, NOW), NOW + 1);
	assert_int_equal(staple_refresh(0, 0, NOW), NOW + 1);
	assert_int_equal(staple_refresh(NOW, NOW - DAY, NOW), NOW + 1);
	assert_true(staple_refresh(0, STAPLE_TIME_MAX, NOW) > NOW);
}

static void
test_retry(void **state)
{
	uint64_t before = 0;

	(void)state;
	assert_int_equal(staple_retry_s(1), 1);
	assert_int_equal(staple_retry_s(2), 2);
	assert_int_equal(staple_retry_s(5), 16);
	for (unsigned i = 1; i < 100; i++) {
		uint64_t wait = staple_retry_s(i);

		assert_true(wait >= before);
		assert_true(wait <= STAPLE_RETRY_MAX_S);
		before = wait;
	}
	assert_int_equal(before, STAPLE_RETRY_MAX_S);
	assert_int_equal(staple_retry_s(UINT32_MAX), STAPLE_RETRY_MAX_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_always_later),
		cmocka_unit_test(test_retry),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
