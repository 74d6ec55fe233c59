/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices: comparing, cutting, strict numbers.
 */
#include "t/unit/unit.h"

#include "core/base/slice.h"

#define S(literal) PORTICO_SLICE(literal)

static void
comparing(void **state)
{
	const struct portico_slice none = { NULL, 0 };

	(void)state;
	assert_true(slice_equal(S("abc"), S("abc")));
	assert_false(slice_equal(S("abc"), S("abd")));
	assert_false(slice_equal(S("abc"), S("abcd")));
	assert_true(slice_equal(none, S("")));
	assert_true(slice_equal(slice_from(NULL), none));
	assert_true(slice_equal_nocase(S("Host"), S("hOST")));
	assert_false(slice_equal_nocase(S("Host"), S("Hose")));
	/* '[' and '{' differ by the case bit and are not letters. */
	assert_false(slice_equal_nocase(S("["), S("{")));
	/* Nor are letters beyond ASCII folded. */
	assert_false(slice_equal_nocase(S("\xc3\x84"), S("\xc3\xa4")));
	assert_true(slice_compare(S("a"), S("b")) < 0);
	assert_true(slice_compare(S("ab"), S("a")) > 0);
	assert_int_equal(slice_compare(none, S("")), 0);
	assert_true(slice_compare(S("\xff"), S("a")) > 0);
}

static void
beginnings_and_ends(void **state)
{
	(void)state;
	assert_true(slice_starts_with(S("/api/v1"), S("/api")));
	assert_false(slice_starts_with(S("/ap"), S("/api")));
	assert_true(slice_starts_with(S("x"), slice_from(NULL)));
	assert_true(slice_starts_with_nocase(S("HTTP://x"), S("http://")));
	assert_false(slice_starts_with_nocase(S("htt"), S("http")));
	assert_true(slice_ends_with(S("index.html"), S(".html")));
	assert_false(slice_ends_with(S("html"), S("index.html")));
}

static void
cutting(void **state)
{
	struct portico_slice rest = S("a,b,,c");

	(void)state;
	assert_true(slice_equal(slice_trim(S(" \t a b \t")), S("a b")));
	assert_true(slice_empty(slice_trim(S("  \t"))));
	assert_true(slice_equal(slice_skip(S("abc"), 1), S("bc")));
	assert_true(slice_empty(slice_skip(S("abc"), 9)));
	assert_true(slice_equal(slice_take(S("abc"), 2), S("ab")));
	assert_true(slice_equal(slice_take(S("abc"), 9), S("abc")));
	assert_true(slice_equal(slice_split(&rest, ','), S("a")));
	assert_true(slice_equal(slice_split(&rest, ','), S("b")));
	assert_true(slice_equal(slice_split(&rest, ','), S("")));
	assert_true(slice_equal(slice_split(&rest, ','), S("c")));
	assert_true(slice_empty(rest));
}

static void
finding(void **state)
{
	const struct portico_slice none = { NULL, 0 };

	(void)state;
	assert_int_equal(slice_find_char(S("a.b.c"), '.'), 1);
	assert_int_equal(slice_find_last_char(S("a.b.c"), '.'), 3);
	assert_int_equal(slice_find_char(S("abc"), 'x'), -1);
	assert_int_equal(slice_find_char(none, 'x'), -1);
	assert_int_equal(slice_find_last_char(none, 'x'), -1);
	assert_int_equal(slice_find(S("a, b, c"), S(", ")), 1);
	assert_int_equal(slice_find(S("abc"), S("abcd")), -1);
	assert_int_equal(slice_find(S("abc"), S("")), 0);
}

static void
assert_number(const char *text, bool valid, uint64_t expected)
{
	uint64_t value = 4711;

	assert_int_equal(slice_to_u64(slice_from(text), &value), valid);
	assert_true(value == (valid ? expected : 4711));
}

static void
decimal_numbers_are_strict(void **state)
{
	(void)state;
	assert_number("0", true, 0);
	assert_number("007", true, 7);
	assert_number("18446744073709551615", true, UINT64_MAX);
	assert_number("18446744073709551616", false, 0);
	assert_number("99999999999999999999", false, 0);
	assert_number("", false, 0);
	assert_number("+1", false, 0);
	assert_number("-1", false, 0);
	assert_number(" 1", false, 0);
	assert_number("1 ", false, 0);
	assert_number("0x1", false, 0);
}

static void
hexadecimal_numbers_are_strict(void **state)
{
	uint64_t value = 4711;

	(void)state;
	assert_true(slice_to_u64_hex(S("fFfFfFfFffffffff"), &value));
	assert_true(value == UINT64_MAX);
	assert_true(slice_to_u64_hex(S("1aB"), &value));
	assert_int_equal(value, 0x1ab);
	assert_false(slice_to_u64_hex(S("10000000000000000"), &value));
	assert_false(slice_to_u64_hex(S(""), &value));
	assert_false(slice_to_u64_hex(S("g"), &value));
	assert_false(slice_to_u64_hex(S("0x1"), &value));
	assert_int_equal(value, 0x1ab);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(comparing),
	cmocka_unit_test(beginnings_and_ends),
	cmocka_unit_test(cutting),
	cmocka_unit_test(finding),
	cmocka_unit_test(decimal_numbers_are_strict),
	cmocka_unit_test(hexadecimal_numbers_are_strict),
};

UNIT_MAIN(tests)
