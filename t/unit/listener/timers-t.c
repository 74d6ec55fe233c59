/* SPDX-License-Identifier: Apache-2.0
 *
 * Time-out lists: order, setting anew, clearing, kinds that never expire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/listener/timers.h"

static void
test_order_and_reset(void **state)
{
	struct timers timers;
	struct timer_entry a, b, c;

	(void)state;
	timers_init(&timers);
	timers_set_duration(&timers, TIMER_IDLE, 100, 0);
	timer_entry_init(&a);
	timer_entry_init(&b);
	timer_entry_init(&c);
	timers_set(&timers, &a, TIMER_IDLE, 10);
	timers_set(&timers, &b, TIMER_IDLE, 20);
	timers_set(&timers, &c, TIMER_IDLE, 30);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 109));
	/* a had something to do: it goes behind the others. */
	timers_set(&timers, &a, TIMER_IDLE, 40);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 119));
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 120), &b);
	timers_clear(&c);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 139));
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 500), &a);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 500));
	/* Cleared twice, or never set, does no harm. */
	timers_clear(&a);
	timers_clear(&a);
}

static void
test_kinds_are_apart(void **state)
{
	struct timers timers;
	struct timer_entry entry;

	(void)state;
	timers_init(&timers);
	timers_set_duration(&timers, TIMER_HEADER, 5, 0);
	timers_set_duration(&timers, TIMER_BODY, 50, 0);
	timer_entry_init(&entry);
	timers_set(&timers, &entry, TIMER_HEADER, 0);
	timers_set(&timers, &entry, TIMER_BODY, 0);
	assert_null(timers_take_expired(&timers, TIMER_HEADER, 1000));
	assert_ptr_equal(timers_take_expired(&timers, TIMER_BODY, 50), &entry);
}

static void
test_zero_is_never(void **state)
{
	struct timers timers;
	struct timer_entry entry;

	(void)state;
	timers_init(&timers);
	timer_entry_init(&entry);
	timers_set(&timers, &entry, TIMER_DRAIN, 0);
	assert_null(timers_take_expired(&timers, TIMER_DRAIN, UINT64_MAX));
}

/* A reload: who waits already waits no longer than the new time, and nobody
 * waits behind him. */
static void
test_shorter_and_off(void **state)
{
	struct timers timers;
	struct timer_entry a, b;

	(void)state;
	timers_init(&timers);
	timer_entry_init(&a);
	timer_entry_init(&b);
	timers_set_duration(&timers, TIMER_IDLE, 1000, 0);
	timers_set(&timers, &a, TIMER_IDLE, 0);
	timers_set_duration(&timers, TIMER_IDLE, 10, 100);
	timers_set(&timers, &b, TIMER_IDLE, 105);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 109));
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 110), &a);
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 115), &b);
	/* Longer: those that wait are not made to wait longer. */
	timers_set(&timers, &a, TIMER_IDLE, 200);
	timers_set_duration(&timers, TIMER_IDLE, 1000, 201);
	timers_set(&timers, &b, TIMER_IDLE, 201);
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 210), &a);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 1200));
	timers_set_duration(&timers, TIMER_IDLE, 0, 1200);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, UINT64_MAX));
}

/* A site's own time: in order among its like, not behind longer ones; with as
 * many lists as there are durations in use. */
static void
test_other_durations(void **state)
{
	struct timers timers;
	struct timer_entry a, b, c, d;

	(void)state;
	timers_init(&timers);
	timer_entry_init(&a);
	timer_entry_init(&b);
	timer_entry_init(&c);
	timer_entry_init(&d);
	timers_set_duration(&timers, TIMER_IDLE, 1000, 0);
	timers_set_for(&timers, &a, TIMER_IDLE, 1000, 0);
	assert_true(list_empty(&timers.others));
	timers_set_for(&timers, &b, TIMER_IDLE, 50, 0);
	timers_set_for(&timers, &c, TIMER_IDLE, 20, 10);
	timers_set_for(&timers, &d, TIMER_IDLE, 50, 20);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 29));
	assert_null(timers_take_expired(&timers, TIMER_HEADER, 5000));
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 30), &c);
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 50), &b);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 69));
	timers_clear(&d);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, 999));
	assert_true(list_empty(&timers.others));
	assert_ptr_equal(timers_take_expired(&timers, TIMER_IDLE, 1000), &a);
	/* No limit. */
	timers_set_for(&timers, &b, TIMER_IDLE, 50, 0);
	timers_set_for(&timers, &b, TIMER_IDLE, 0, 0);
	assert_null(timers_take_expired(&timers, TIMER_IDLE, UINT64_MAX));
	timers_set_for(&timers, &b, TIMER_IDLE, 50, 0);
	timers_clear(&b);
	timers_fini(&timers);
	assert_true(list_empty(&timers.others));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_reset),
		cmocka_unit_test(test_kinds_are_apart),
		cmocka_unit_test(test_zero_is_never),
		cmocka_unit_test(test_shorter_and_off),
		cmocka_unit_test(test_other_durations),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
