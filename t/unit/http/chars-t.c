/* SPDX-License-Identifier: Apache-2.0
 *
 * The character table against the grammar, and the scanners against the
 * plain loop they replace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/http/chars.h"

static void
table_follows_the_grammar(void **unused)
{
	unsigned c;

	(void)unused;
	for (c = 0; c < 256; c++) {
		bool digit = c >= '0' && c <= '9';
		bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool hex = digit || (c >= 'a' && c <= 'f') ||
			   (c >= 'A' && c <= 'F');
		bool visible = c > 0x20 && c < 0x7f;
		char ch = (char)c;

		assert_int_equal(http_char_is(ch, HTTP_CHAR_DIGIT), digit);
		assert_int_equal(http_char_is(ch, HTTP_CHAR_HEX), hex);
		assert_int_equal(http_hex_value(ch) >= 0, hex);
		assert_int_equal(http_char_is(ch, HTTP_CHAR_TOKEN),
				 digit || alpha ||
					 (c != 0 &&
					  strchr("!#$%&'*+-.^_`|~", (int)c)));
		assert_int_equal(http_char_is(ch, HTTP_CHAR_VALUE),
				 visible || c == ' ' || c == '\t' || c >= 0x80);
		assert_int_equal(http_char_is(ch, HTTP_CHAR_TARGET),
				 visible || c >= 0x80);
		assert_int_equal(http_char_is(ch, HTTP_CHAR_HOST),
				 digit || alpha || c == '-' || c == '_' ||
					 c == '.');
		assert_int_equal(http_char_is(ch, HTTP_CHAR_PATH),
				 visible && !strchr("%/?#\\", (int)c));
	}
}

/* Each byte value at each place of texts that are shorter and longer than
 * one step, in memory that ends where the text ends. */
static void
scanners_agree_with_the_plain_loop(void **unused)
{
	size_t length, at;
	unsigned c;

	(void)unused;
	for (length = 1; length <= 40; length++) {
		char *text = mem_alloc(length);

		memset(text, 'x', length);
		for (at = 0; at < length; at++) {
			for (c = 0; c < 256; c++) {
				const char *end = text + length;

				text[at] = (char)c;
				assert_ptr_equal(
					http_scan_value(text, end),
					http_scan_plain(text, end,
							HTTP_CHAR_VALUE));
				assert_ptr_equal(
					http_scan_target(text, end),
					http_scan_plain(text, end,
							HTTP_CHAR_TARGET));
				if (c == ':' && http_scan_colon(text, end))
					assert_ptr_equal(http_scan_colon(text,
									 end),
							 text + at);
			}
			text[at] = 'x';
		}
		mem_free(text);
	}
}

static void
compares_without_case(void **unused)
{
	(void)unused;
	assert_true(http_equal_nocase("ChUnKeD", 7, "chunked", 7));
	assert_false(http_equal_nocase("chunked", 6, "chunked", 7));
	/* Bytes that differ from a letter by 0x20 are no letters. */
	assert_false(http_equal_nocase("@", 1, "`", 1));
	assert_false(http_equal_nocase("[", 1, "{", 1));
	assert_true(http_equal_names("aB-", 3, "Ab-", 3));
	assert_false(http_equal_names("aB-", 3, "Ab\r", 3));
	assert_true(http_is_token("a", 1));
	assert_false(http_is_token("", 0));
	assert_false(http_is_token("a:", 2));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_follows_the_grammar),
		cmocka_unit_test(scanners_agree_with_the_plain_loop),
		cmocka_unit_test(compares_without_case),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
