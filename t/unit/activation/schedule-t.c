/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of day: the next one, over midnight and where clocks are changed.
 */
#include "t/unit/unit.h"

#include <stdlib.h>

#include "core/activation/schedule.h"

#define HOUR 3600u
#define COUNT(times) (sizeof(times) / sizeof *(times))

/* 2026-11-23 00:00:00 in UTC. */
#define MONDAY 1795392000

static void
use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void
the_next_one_of_a_day(void **state)
{
	static const uint32_t times[] = { 3 * HOUR, 3 * HOUR + 15, 22 * HOUR };

	(void)state;
	use_zone("UTC0");
	assert_int_equal(schedule_next(times, COUNT(times), MONDAY),
			 MONDAY + (time_t)(3 * HOUR));
	/* The very second is over. */
	assert_int_equal(schedule_next(times, COUNT(times),
				       MONDAY + (time_t)(3 * HOUR)),
			 MONDAY + (time_t)(3 * HOUR) + 15);
	assert_int_equal(schedule_next(times, COUNT(times),
				       MONDAY + (time_t)(3 * HOUR) + 15),
			 MONDAY + (time_t)(22 * HOUR));
	assert_int_equal(schedule_next(times, COUNT(times),
				       MONDAY + (time_t)(23 * HOUR)),
			 MONDAY + (time_t)(27 * HOUR));
}

static void
over_midnight(void **state)
{
	static const uint32_t times[] = { 0 };

	(void)state;
	use_zone("UTC0");
	assert_int_equal(schedule_next(times, 1, MONDAY - 1), MONDAY);
	assert_int_equal(schedule_next(times, 1, MONDAY),
			 MONDAY + (time_t)(24 * HOUR));
	use_zone("EST5");
	assert_int_equal(schedule_next(times, 1, MONDAY),
			 MONDAY + (time_t)(5 * HOUR));
}

/* Central European rules: forward at 02:00 on 2026-03-29 (01:00 UTC), back at
 * 03:00 on 2026-10-25 (01:00 UTC). */
static void
where_clocks_are_changed(void **state)
{
	static const uint32_t times[] = { 2 * HOUR + HOUR / 2 };
	const time_t forward = 1774742400, back = 1792886400; /* 00:00 UTC */
	time_t next;

	(void)state;
	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	/* 02:30 does not exist: half past three, CEST. */
	next = schedule_next(times, 1, forward);
	assert_int_equal(next, forward + (time_t)(HOUR + HOUR / 2));
	assert_int_equal(schedule_next(times, 1, next),
			 forward + (time_t)(24 * HOUR + HOUR / 2));
	/* It comes twice: one of them. */
	next = schedule_next(times, 1, back - (time_t)HOUR);
	assert_true(next == back + (time_t)(HOUR / 2) ||
		    next == back + (time_t)(HOUR + HOUR / 2));
	assert_int_equal(schedule_next(times, 1, next),
			 back + (time_t)(25 * HOUR + HOUR / 2));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_next_one_of_a_day),
	cmocka_unit_test(over_midnight),
	cmocka_unit_test(where_clocks_are_changed),
};

UNIT_MAIN(tests)
