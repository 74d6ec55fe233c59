/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's own answers: well formed, with the right length, and without
 * a word about the server's version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/http/reason.h"
#include "core/http/status.h"
#include "core/listener/error_page.h"

static void
test_every_status(void **state)
{
	char text[ERROR_PAGE_BYTES_MAX + 1];

	(void)state;
	for (unsigned status = 400; status < 600; status++) {
		struct error_page page = {
			.status = status,
			.request_id = UINT64_MAX,
			.retry_after = true,
			.date = "Sun, 06 Nov 1994 08:49:37 GMT",
		};
		size_t length =
			error_page_write(&page, text, ERROR_PAGE_BYTES_MAX);
		const char *body, *announced;

		text[length] = '\0';
		body = strstr(text, "\r\n\r\n");
		assert_non_null(body);
		announced = strstr(text, "\r\nContent-Length: ");
		assert_non_null(announced);
		assert_int_equal(strtoul(announced + 18, NULL, 10),
				 strlen(body + 4));
		assert_non_null(strstr(body, "ffffffffffffffff"));
		assert_non_null(strstr(text, http_status_reason(status)));
		assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
		assert_non_null(strstr(text, "text/html; charset=utf-8"));
	}
}

static void
test_variants(void **state)
{
	char text[ERROR_PAGE_BYTES_MAX + 1];
	struct error_page page = { .status = 503,
				   .request_id = 0xab,
				   .keep_alive = true,
				   .head_only = true,
				   .minor = 1 };
	size_t length = error_page_write(&page, text, ERROR_PAGE_BYTES_MAX);

	(void)state;
	text[length] = '\0';
	/* HEAD: the length is told, nothing follows. */
	assert_string_equal(text + length - 4, "\r\n\r\n");
	assert_null(strstr(text, "Content-Length: 0\r\n"));
	assert_null(strstr(text, "Connection:"));
	assert_null(strstr(text, "Retry-After"));
	assert_null(strstr(text, "Date:"));
	page.minor = 0;
	length = error_page_write(&page, text, ERROR_PAGE_BYTES_MAX);
	text[length] = '\0';
	assert_non_null(strstr(text, "\r\nConnection: keep-alive\r\n"));
}

static void
test_no_version(void **state)
{
	char text[ERROR_PAGE_BYTES_MAX + 1];
	struct error_page page = { .status = 400 };
	size_t length = error_page_write(&page, text, ERROR_PAGE_BYTES_MAX);

	(void)state;
	text[length] = '\0';
	assert_non_null(strstr(text, "\r\nServer: Portico\r\n"));
	assert_null(strstr(text, PORTICO_VERSION));
}

static void
test_request_id(void **state)
{
	char text[17];

	(void)state;
	request_id_format(0x0123456789abcdef, text);
	assert_string_equal(text, "0123456789abcdef");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_no_version),
		cmocka_unit_test(test_request_id),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
