/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates: against the C library's calendar, round trips, and the three forms.
 */
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/http/date.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 */

static void
assert_parses(const char *text, int64_t wanted)
{
	int64_t second = -1;

	assert_true(http_date_parse(text, strlen(text), NOW, &second));
	assert_true(second == wanted);
}

static void
assert_refuses(const char *text)
{
	int64_t second;

	if (http_date_parse(text, strlen(text), NOW, &second))
		fail_msg("accepted \"%s\"", text);
}

static void
reads_the_three_forms(void **unused)
{
	(void)unused;
	assert_parses("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
	assert_parses("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
	assert_parses("Sun Nov  6 08:49:37 1994", 784111777);
	assert_parses("Wed Nov 16 08:49:37 1994", 784975777);
	assert_parses("Thu, 01 Jan 1970 00:00:00 GMT", 0);
	assert_parses("Thu, 29 Feb 2024 23:59:59 GMT", 1709251199);
	assert_parses("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
}

static void
settles_the_century(void **unused)
{
	(void)unused;
	assert_parses("Wednesday, 01-Jan-70 00:00:00 GMT", 3155760000);
	assert_parses("Saturday, 01-Jan-00 00:00:00 GMT", 946684800);
	assert_parses("Friday, 01-Jan-99 00:00:00 GMT", 915148800);
}

static void
refuses_everything_else(void **unused)
{
	(void)unused;
	assert_refuses("");
	assert_refuses("Sun");
	assert_refuses("0");
	assert_refuses("Sun, 06 Nov 1994 08:49:37 GMT ");
	assert_refuses("Sun, 06 Nov 1994 08:49:37 UTC");
	assert_refuses("Sun, 06 Nov 1994 08:49:37");
	assert_refuses("Sun, 6 Nov 1994 08:49:37 GMT");
	assert_refuses("sun, 06 nov 1994 08:49:37 gmt");
	assert_refuses("Sun, 06 Foo 1994 08:49:37 GMT");
	assert_refuses("Sun, 31 Nov 1994 08:49:37 GMT");
	assert_refuses("Wed, 29 Feb 2023 08:49:37 GMT");
	assert_refuses("Thu, 29 Feb 1900 08:49:37 GMT");
	assert_refuses("Sun, 00 Nov 1994 08:49:37 GMT");
	assert_refuses("Sun, 06 Nov 1994 24:49:37 GMT");
	assert_refuses("Sun, 06 Nov 1994 08:60:37 GMT");
	assert_refuses("Sun, 06 Nov 1994 08:49:61 GMT");
	assert_refuses("Sun, 06 Nov 0000 08:49:37 GMT");
	assert_refuses("Sun, 06 Nov 1994 08:49:-7 GMT");
	assert_refuses("Sun Nov 6 08:49:37 1994");
	assert_refuses("Sunday, 06 Nov 1994 08:49:37 GMT");
}

static void
agrees_with_the_c_library(void **unused)
{
	int64_t second;
	int round;

	(void)unused;
	/* Prime steps over all of 1 to 9999. */
	second = INT64_C(-62135596800);
	for (round = 0; second <= INT64_C(253402300799); round++) {
		char text[HTTP_DATE_LENGTH + 1], wanted[64];
		int64_t back = 0;
		time_t t = (time_t)second;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(wanted, sizeof(wanted), "%a, %d %b ", &tm);
		snprintf(wanted + strlen(wanted), 32, "%04d ",
			 tm.tm_year + 1900);
		strftime(wanted + strlen(wanted), 32, "%H:%M:%S GMT", &tm);
		http_date_format(second, text);
		assert_string_equal(text, wanted);
		assert_true(
			http_date_parse(text, HTTP_DATE_LENGTH, NOW, &back));
		assert_true(back == second);
		second += 5915587; /* about 68 days */
	}
	assert_true(round > 50000);
}

static void
clamps_what_four_digits_cannot_show(void **unused)
{
	char text[HTTP_DATE_LENGTH + 1];

	(void)unused;
	http_date_format(INT64_MAX, text);
	assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
	http_date_format(INT64_MIN, text);
	assert_string_equal(text, "Mon, 01 Jan 0001 00:00:00 GMT");
}

static void
cache_formats_once_per_second(void **unused)
{
	struct http_date_cache cache = { 0 };

	(void)unused;
	assert_string_equal(http_date_cached(&cache, 0),
			    "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_string_equal(http_date_cached(&cache, 784111777),
			    "Sun, 06 Nov 1994 08:49:37 GMT");
	cache.text[0] = 'X'; /* still the same second: not written again */
	assert_string_equal(http_date_cached(&cache, 784111777),
			    "Xun, 06 Nov 1994 08:49:37 GMT");
	assert_string_equal(http_date_cached(&cache, 784111778),
			    "Sun, 06 Nov 1994 08:49:38 GMT");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_three_forms),
		cmocka_unit_test(settles_the_century),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(agrees_with_the_c_library),
		cmocka_unit_test(clamps_what_four_digits_cannot_show),
		cmocka_unit_test(cache_formats_once_per_second),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
