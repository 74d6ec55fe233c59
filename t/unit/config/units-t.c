/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations, sizes, and the nearest word.
 */
#include "t/unit/unit.h"

#include "core/base/clock.h"
#include "core/base/slice.h"
#include "core/config/config.h"

static void
assert_duration(const char *text, uint64_t expected)
{
	char back[CONFIG_UNIT_TEXT_SIZE];
	uint64_t ns = 1, again = 2;

	if (!config_parse_duration(slice_from(text), &ns))
		fail_msg("\"%s\" was refused", text);
	assert_true(ns == expected);
	config_format_duration(ns, back, sizeof back);
	assert_true(config_parse_duration(slice_from(back), &again));
	assert_true(again == ns);
}

static void
assert_no_duration(const char *text)
{
	uint64_t ns = 4711;

	if (config_parse_duration(slice_from(text), &ns))
		fail_msg("\"%s\" was taken", text);
	assert_int_equal(ns, 4711);
}

static void
durations(void **state)
{
	const uint64_t s = CLOCK_NS_PER_S;

	(void)state;
	assert_duration("0", 0);
	assert_duration("0s", 0);
	assert_duration("90s", 90 * s);
	assert_duration("20m", 1200 * s);
	assert_duration("1.5h", 5400 * s);
	assert_duration("1h30m", 5400 * s);
	assert_duration("29d", 29 * 86400 * s);
	assert_duration("500ms", s / 2);
	assert_duration("0.001s", s / 1000);
	assert_duration("10us", 10000);
	assert_duration("7ns", 7);
	assert_no_duration("");
	assert_no_duration("90");
	assert_no_duration("s");
	assert_no_duration("-1s");
	assert_no_duration("1 s");
	assert_no_duration("1S");
	assert_no_duration("1.s");
	assert_no_duration(".5s");
	assert_no_duration("1.5");
	assert_no_duration("1min");
	assert_no_duration("1s ");
	assert_no_duration("0.5ns");
	assert_no_duration("1e3s");
	assert_no_duration("9999999999999999999999s");
	assert_no_duration("20000000000s");
	assert_no_duration("9000000000s9000000000s");
}

static void
duration_texts_are_short(void **state)
{
	char text[CONFIG_UNIT_TEXT_SIZE];
	const uint64_t s = CLOCK_NS_PER_S;

	(void)state;
	assert_string_equal(config_format_duration(0, text, sizeof text), "0");
	assert_string_equal(config_format_duration(90 * s, text, sizeof text),
			    "90s");
	assert_string_equal(config_format_duration(7200 * s, text, sizeof text),
			    "2h");
	assert_string_equal(config_format_duration(s / 4, text, sizeof text),
			    "250ms");
	assert_string_equal(config_format_size(65536, text, sizeof text),
			    "64KiB");
	assert_string_equal(config_format_size(65537, text, sizeof text),
			    "65537B");
	assert_string_equal(config_format_size(0, text, sizeof text), "0");
}

static void
assert_size(const char *text, bool valid, uint64_t expected)
{
	uint64_t bytes = 4711;

	assert_int_equal(config_parse_size(slice_from(text), &bytes), valid);
	if (bytes != (valid ? expected : 4711))
		fail_msg("\"%s\" gave %llu", text, (unsigned long long)bytes);
}

static void
sizes(void **state)
{
	(void)state;
	assert_size("0", true, 0);
	assert_size("512", true, 512);
	assert_size("10B", true, 10);
	assert_size("64KiB", true, 65536);
	assert_size("1.5MiB", true, 1536 * 1024);
	assert_size("2GiB", true, UINT64_C(2) << 30);
	assert_size("1TiB", true, UINT64_C(1) << 40);
	assert_size("9223372036854775807", true, INT64_MAX);
	assert_size("9223372036854775808", false, 0);
	assert_size("8388608TiB", false, 0);
	assert_size("64KB", false, 0);
	assert_size("64k", false, 0);
	assert_size("64 KiB", false, 0);
	assert_size("1KiB1KiB", false, 0);
	assert_size("1.0001KiB", false, 0);
	assert_size("KiB", false, 0);
	assert_size("", false, 0);
	assert_size("-1", false, 0);
}

static void
nearest_words(void **state)
{
	static const char *const words[] = { "queueLength", "workers",
					     "threads", "user" };

	(void)state;
	assert_string_equal(config_nearest("queueLenght", words, 4),
			    "queueLength");
	assert_string_equal(config_nearest("queuelength", words, 4),
			    "queueLength");
	assert_string_equal(config_nearest("queue_length", words, 4),
			    "queueLength");
	assert_string_equal(config_nearest("worker", words, 4), "workers");
	assert_string_equal(config_nearest("usr", words, 4), "user");
	assert_null(config_nearest("identity", words, 4));
	assert_null(config_nearest("", words, 4));
	assert_null(config_nearest("x", words, 4));
	assert_null(config_nearest("worker", words, 0));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(durations),
	cmocka_unit_test(duration_texts_are_short),
	cmocka_unit_test(sizes),
	cmocka_unit_test(nearest_words),
};

UNIT_MAIN(tests)
