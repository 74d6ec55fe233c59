/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer sections of responses: what the listener lets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/http/trailer.h"

static struct portico_slice
text(const char *string)
{
	return (struct portico_slice){ string, strlen(string) };
}

static void
accepts_sections(void **unused)
{
	static const char *const good[] = {
		"X-Sum: 42\r\n",
		"X-Sum: \r\n",
		"Server-Timing: a;dur=1\r\nX-A: b c\r\nX-A: \xc3\xa4\r\n",
		"Content-Digest: sha-256=:x:\r\n",
		"ETag: \"x\"\r\n",
		"x: y: z\r\n",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (http_trailers_fault(text(good[i])) != NULL)
			fail_msg("%s: %s", good[i],
				 http_trailers_fault(text(good[i])));
}

static void
refuses_lies(void **unused)
{
	static const char *const bad[] = {
		"",
		"\r\n",
		"X-A: b",
		"X-A: b\r",
		"X-A: b\n",
		"X-A: b\rX",
		"X-A: b\r\n\r\n",
		"X-A: b\r\nX-B",
		"X-A\r\n",
		"X-A:\r\n",
		"X-A:b\r\n",
		"X-A:  b\r\n",
		"X-A: b \r\n",
		"X-A: b\t\r\n",
		"X-A : b\r\n",
		" X-A: b\r\n",
		": b\r\n",
		"X-A: b\nX-B: c\r\n",
		"X-A: b\x01\r\n",
		"X-A: b\x7f\r\n",
		"Content-Length: 1\r\n",
		"transfer-encoding: chunked\r\n",
		"Trailer: X\r\n",
		"Host: x\r\n",
		"Set-Cookie: a=b\r\n",
		"Connection: close\r\n",
		"X-A: b\r\nUpgrade: x\r\n",
		"Location: /\r\n",
		"Access-Control-Allow-Origin: *\r\n",
		"Content-Type: text/html\r\n",
		"Vary: *\r\n",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (http_trailers_fault(text(bad[i])) == NULL)
			fail_msg("accepted: %s", bad[i]);
	assert_non_null(http_trailers_fault(
		(struct portico_slice){ "X-A: b\0c\r\n", 10 }));
}

static void
keeps_to_limits(void **unused)
{
	static char section[HTTP_TRAILER_BYTES_MAX + 2];
	size_t length = 0;

	(void)unused;
	for (unsigned i = 0; i < HTTP_TRAILERS_MAX; i++, length += 6)
		memcpy(section + length, "A: b\r\n", 6);
	assert_null(
		http_trailers_fault((struct portico_slice){ section, length }));
	memcpy(section + length, "A: b\r\n", 6);
	assert_non_null(http_trailers_fault(
		(struct portico_slice){ section, length + 6 }));

	memset(section, 'x', sizeof(section));
	memcpy(section, "A: ", 3);
	memcpy(section + HTTP_TRAILER_BYTES_MAX - 2, "\r\n", 2);
	assert_null(http_trailers_fault(
		(struct portico_slice){ section, HTTP_TRAILER_BYTES_MAX }));
	section[HTTP_TRAILER_BYTES_MAX - 2] = 'x';
	memcpy(section + HTTP_TRAILER_BYTES_MAX - 1, "\r\n", 2);
	assert_non_null(http_trailers_fault(
		(struct portico_slice){ section, HTTP_TRAILER_BYTES_MAX + 1 }));

	memset(section, 'n', HTTP_NAME_LENGTH_MAX + 1);
	memcpy(section + HTTP_NAME_LENGTH_MAX, ": v\r\n", 5);
	assert_null(http_trailers_fault(
		(struct portico_slice){ section, HTTP_NAME_LENGTH_MAX + 5 }));
	section[HTTP_NAME_LENGTH_MAX] = 'n';
	memcpy(section + HTTP_NAME_LENGTH_MAX + 1, ": v\r\n", 5);
	assert_non_null(http_trailers_fault(
		(struct portico_slice){ section, HTTP_NAME_LENGTH_MAX + 6 }));
}

static void
cuts_into_fields(void **unused)
{
	struct portico_slice section = text("X-A: b: c\r\nx-empty: \r\n");
	struct portico_slice name, value;
	size_t at = 0;

	(void)unused;
	assert_true(http_trailers_next(section, &at, &name, &value));
	assert_int_equal(name.length, 3);
	assert_memory_equal(name.data, "X-A", 3);
	assert_int_equal(value.length, 4);
	assert_memory_equal(value.data, "b: c", 4);
	assert_true(http_trailers_next(section, &at, &name, &value));
	assert_int_equal(name.length, 7);
	assert_int_equal(value.length, 0);
	assert_false(http_trailers_next(section, &at, &name, &value));
}

static void
judges_lists_of_names(void **unused)
{
	static const struct {
		const char *list;
		bool sane;
	} cases[] = {
		{ "X-A", true },
		{ "X-A, Server-Timing", true },
		{ "", false },
		{ "X-A,", false },
		{ "X-A, ", false },
		{ "X-A,X-B", false },
		{ "X-A,  X-B", false },
		{ ", X-A", false },
		{ "X-A, Content-Length", false },
		{ "Set-Cookie", false },
		{ "X A", false },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (http_trailer_list_is_sane(text(cases[i].list)) !=
		    cases[i].sane)
			fail_msg("\"%s\"", cases[i].list);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_sections),
		cmocka_unit_test(refuses_lies),
		cmocka_unit_test(keeps_to_limits),
		cmocka_unit_test(cuts_into_fields),
		cmocka_unit_test(judges_lists_of_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
