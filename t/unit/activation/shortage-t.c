/* SPDX-License-Identifier: Apache-2.0
 *
 * Shortages: told rarely, tried again with growing pauses, forgotten when
 * over.
 */
#include "t/unit/unit.h"

#include "core/activation/shortage.h"

#define SECOND 1000000000ull

static void
told_at_first_and_once_a_minute(void **state)
{
	struct shortage shortage = { 0 };
	unsigned told = 0;

	(void)state;
	for (uint64_t second = 1; second <= 150; second++)
		told += shortage_note(&shortage, "why", second * SECOND);
	assert_int_equal(told, 3);
	assert_int_equal(shortage.count, 150);
	assert_int_equal(shortage.began_ns, SECOND);
	assert_string_equal(shortage.why, "why");
	shortage_end(&shortage);
	assert_int_equal(shortage.count, 0);
	assert_string_equal(shortage.why, "");
	assert_true(shortage_note(&shortage, "other", 151 * SECOND));
	assert_int_equal(shortage.began_ns, 151 * SECOND);
}

static void
pauses_grow_and_have_an_end(void **state)
{
	struct shortage shortage = { 0 };
	uint64_t last = shortage_delay_ms(&shortage);

	(void)state;
	assert_int_equal(last, 0);
	for (int i = 0; i < 10; i++) {
		uint64_t delay;

		(void)shortage_note(&shortage, "", 1);
		delay = shortage_delay_ms(&shortage);
		/* Never at once. */
		assert_true(delay >= 100 && delay >= last);
		last = delay;
	}
	assert_int_equal(last, 2000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(told_at_first_and_once_a_minute),
	cmocka_unit_test(pauses_grow_and_have_an_end),
};

UNIT_MAIN(tests)
