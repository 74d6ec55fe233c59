/* SPDX-License-Identifier: Apache-2.0
 *
 * Priorities: what a field says, and what of it counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/http/priority.h"

#define NONE (-1)

static struct portico_slice
text(const char *string)
{
	return (struct portico_slice){ string, strlen(string) };
}

static void
reads(void **unused)
{
	static const struct {
		const char *text;
		int urgency, incremental;
	} cases[] = {
		{ "", NONE, NONE },
		{ "  ", NONE, NONE },
		{ "u=0", 0, NONE },
		{ "u=7", 7, NONE },
		{ "i", NONE, 1 },
		{ "i=?1", NONE, 1 },
		{ "i=?0", NONE, 0 },
		{ "u=5, i", 5, 1 },
		{ "u=5\t,\t i=?0  ", 5, 0 },
		{ "i;a;b=1;  c=\"x\\\"y\",u=1;q=0.5", 1, 1 },
		/* The last counts, even if it says nothing. */
		{ "u=1, u=2", 2, NONE },
		{ "u=1, u=8", NONE, NONE },
		{ "i, i=1", NONE, NONE },
		/* None of its own. */
		{ "u=8", NONE, NONE },
		{ "u=-1", NONE, NONE },
		{ "u=-0", 0, NONE },
		{ "u=999999999999999", NONE, NONE },
		{ "u=1.0", NONE, NONE },
		{ "u=?1", NONE, NONE },
		{ "u=\"1\"", NONE, NONE },
		{ "u", NONE, NONE },
		{ "i=yes", NONE, NONE },
		{ "u=(1 2), i", NONE, 1 },
		/* Others'. */
		{ "a=1, uu=2, u=3, ii, *x=:YQ==:, t=*/a, l=(1 \"b\";c  d)", 3,
		  NONE },
		{ "l=( ), l2=(a);p, u=4", 4, NONE },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_priority got = { 0 };

		if (!http_priority_read(text(cases[i].text), &got))
			fail_msg("%s", cases[i].text);
		if ((got.has_urgency ? got.urgency : NONE) !=
			    cases[i].urgency ||
		    (got.has_incremental ? got.incremental : NONE) !=
			    cases[i].incremental)
			fail_msg("%s: %d %d", cases[i].text, got.urgency,
				 got.incremental);
	}
}

static void
refuses(void **unused)
{
	static const char *const bad[] = {
		"\t",
		"u=",
		"u=5,",
		"u=5,,i",
		"U=5",
		"u=5 i",
		"u =5",
		"u= 5",
		",",
		"u=5;",
		"u=5;=1",
		"u=5;A",
		"1=2",
		"u=1.",
		"u=.5",
		"u=--1",
		"u=1.2345",
		"i=?",
		"i=?2",
		"i=?01",
		"u=(1",
		"u=(1\t2)",
		"u=(1,2)",
		"u=(1\"a\")",
		"u=((1))",
		"a=\"x",
		"a=\"\\x\"",
		"a=\"\xe4\"",
		"a=:YQ==",
		"a=:Y Q:",
		"a=@1",
		"u=5\r",
		"u=5\n",
		"u=0;i=1, (",
		"\xff\xff",
		"u=1000000000000000",
		"u=1234567890123.0",
		"u=12345678901234567890123456789012345678901234567890",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_priority got = { .has_urgency = true,
					     .urgency = 6 };

		if (http_priority_read(text(bad[i]), &got))
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(got.urgency, 6);
		assert_false(got.has_incremental);
	}
	assert_false(http_priority_read((struct portico_slice){ "u=1\0", 4 },
					&(struct http_priority){ 0 }));
}

static void
reads_lines_together(void **unused)
{
	struct http_priority got = { 0 };

	(void)unused;
	assert_true(http_priority_read(text("u=1"), &got));
	assert_true(http_priority_read(text("i"), &got));
	assert_int_equal(got.urgency, 1);
	assert_true(got.incremental);
	assert_true(http_priority_read(text("u=2"), &got));
	assert_int_equal(got.urgency, 2);
}

static void
merges(void **unused)
{
	static const struct {
		const char *asked, *answered;
		int urgency, incremental;
	} cases[] = {
		{ "", "", 3, 0 },	    { "u=5, i", "", 5, 1 },
		{ "", "u=1", 1, 0 },	    { "u=5, i", "u=0", 0, 1 },
		{ "u=5, i", "i=?0", 5, 0 }, { "u=1", "i", 1, 1 },
		{ "u=1", "u=3", 3, 0 },	    { "u=1", "u=9", 1, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_priority asked = { 0 }, answered = { 0 }, got;

		assert_true(http_priority_read(text(cases[i].asked), &asked));
		assert_true(
			http_priority_read(text(cases[i].answered), &answered));
		got = http_priority_merge(asked, answered);
		assert_int_equal(got.urgency, cases[i].urgency);
		assert_int_equal(got.incremental, cases[i].incremental);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(reads_lines_together),
		cmocka_unit_test(merges),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
