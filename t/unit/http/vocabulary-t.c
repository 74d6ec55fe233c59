/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary: header ids, methods, statuses, reasons.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/http/header_id.h"
#include "core/http/method.h"
#include "core/http/reason.h"
#include "core/http/status.h"

static void
change_case(char *text, unsigned pattern)
{
	for (; *text != '\0'; text++, pattern >>= 1) {
		if (*text >= 'a' && *text <= 'z' && (pattern & 1))
			*text = (char)(*text & ~0x20);
		else if (*text >= 'A' && *text <= 'Z' && !(pattern & 1))
			*text = (char)(*text | 0x20);
	}
}

static void
finds_every_header_in_any_case(void **unused)
{
	unsigned id, pattern;

	(void)unused;
	assert_true(HTTP_HEADER_COUNT > 70);
	for (id = 1; id < HTTP_HEADER_COUNT; id++) {
		const char *name = http_header_name(id);
		char text[64];

		assert_int_equal(strlen(name), http_header_name_length(id));
		assert_int_equal(http_header_find(name, strlen(name)), id);
		for (pattern = 0; pattern < 64; pattern++) {
			snprintf(text, sizeof(text), "%s", name);
			change_case(text, pattern * 0x9e3779b9u);
			assert_int_equal(http_header_find(text, strlen(text)),
					 id);
		}
	}
}

/* Every single-byte change of every name is either the other case of a
 * letter or another name. */
static void
finds_nothing_else(void **unused)
{
	unsigned id, c;
	size_t at;

	(void)unused;
	for (id = 1; id < HTTP_HEADER_COUNT; id++) {
		const char *name = http_header_name(id);
		size_t length = strlen(name);
		char text[64];

		for (at = 0; at < length; at++) {
			for (c = 0; c < 256; c++) {
				char old = name[at];
				bool letter = (old | 0x20) >= 'a' &&
					      (old | 0x20) <= 'z';

				if ((char)c == old ||
				    (letter && (char)(c ^ 0x20) == old))
					continue;
				memcpy(text, name, length + 1);
				text[at] = (char)c;
				assert_int_not_equal(
					http_header_find(text, length), id);
			}
		}
		assert_int_not_equal(http_header_find(name, length - 1), id);
		assert_int_not_equal(http_header_find(name, length + 1), id);
	}
	assert_int_equal(http_header_find("", 0), 0);
	assert_int_equal(http_header_find("X-Unheard-Of", 12), 0);
	assert_string_equal(http_header_name(HTTP_HEADER_UNKNOWN), "");
	assert_string_equal(http_header_name((enum http_header_id)999), "");
}

static void
names_a_few_headers(void **unused)
{
	(void)unused;
	assert_int_equal(http_header_find("content-length", 14),
			 HTTP_HEADER_CONTENT_LENGTH);
	assert_int_equal(http_header_find("TE", 2), HTTP_HEADER_TE);
	assert_string_equal(http_header_name(HTTP_HEADER_ETAG), "ETag");
}

static void
finds_every_method(void **unused)
{
	unsigned method;

	(void)unused;
	for (method = 1; method < HTTP_METHOD_COUNT; method++) {
		const char *name = http_method_name(method);

		assert_int_equal(http_method_find(name, strlen(name)), method);
		assert_int_equal(http_method_find(name, strlen(name) - 1), 0);
	}
	assert_int_equal(http_method_find("get", 3), HTTP_METHOD_UNKNOWN);
	assert_int_equal(http_method_find("", 0), HTTP_METHOD_UNKNOWN);
	assert_string_equal(http_method_name(HTTP_METHOD_UNKNOWN), "");
}

static void
knows_which_methods_may_be_repeated(void **unused)
{
	(void)unused;
	assert_true(http_method_is_safe(HTTP_METHOD_GET));
	assert_true(http_method_is_idempotent(HTTP_METHOD_GET));
	assert_false(http_method_is_safe(HTTP_METHOD_PUT));
	assert_true(http_method_is_idempotent(HTTP_METHOD_DELETE));
	assert_false(http_method_is_idempotent(HTTP_METHOD_POST));
	assert_false(http_method_is_idempotent(HTTP_METHOD_UNKNOWN));
}

static void
status_lines_match_their_phrases(void **unused)
{
	unsigned status, known = 0;
	char wanted[128];
	size_t length;

	(void)unused;
	for (status = 0; status < 1000; status++) {
		const char *line = http_status_line(status, &length);

		if (line == NULL) {
			assert_string_equal(http_status_reason(status), "");
			continue;
		}
		known++;
		snprintf(wanted, sizeof(wanted), "%u %s\r\n", status,
			 http_status_reason(status));
		assert_string_equal(line, wanted);
		assert_int_equal(length, strlen(wanted));
	}
	assert_true(known > 55);
	assert_string_equal(http_status_reason(404), "Not Found");
}

static void
reasons_have_names_and_statuses(void **unused)
{
	unsigned reason, other;

	(void)unused;
	for (reason = 1; reason < HTTP_REASON_COUNT; reason++) {
		unsigned status = http_reason_status(reason);
		const char *name = http_reason_name(reason);

		assert_true(name[0] >= 'A' && name[0] <= 'Z');
		assert_null(strchr(name, ' '));
		assert_true(status == 0 || http_status_reason(status)[0]);
		for (other = 1; other < reason; other++)
			assert_string_not_equal(name, http_reason_name(other));
	}
	assert_string_equal(http_reason_name(HTTP_REASON_NONE), "-");
	assert_string_equal(http_reason_name(HTTP_REASON_QUEUE_FULL),
			    "QueueFull");
	assert_int_equal(http_reason_status(HTTP_REASON_QUEUE_FULL), 503);
	assert_string_equal(http_reason_name(HTTP_REASON_INVALID_CRLF),
			    "Invalid_CR/LF");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_header_in_any_case),
		cmocka_unit_test(finds_nothing_else),
		cmocka_unit_test(names_a_few_headers),
		cmocka_unit_test(finds_every_method),
		cmocka_unit_test(knows_which_methods_may_be_repeated),
		cmocka_unit_test(status_lines_match_their_phrases),
		cmocka_unit_test(reasons_have_names_and_statuses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
