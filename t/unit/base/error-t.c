/* SPDX-License-Identifier: Apache-2.0
 *
 * Error records.
 */
#include "t/unit/unit.h"

#include <errno.h>

#include "core/base/error.h"

static void
every_status_has_name_and_text(void **state)
{
	(void)state;
	assert_string_equal(status_text(PORTICO_OK), "success");
	assert_string_equal(status_text(PORTICO_NO_MEMORY), "out of memory");
	assert_string_equal(status_name(PORTICO_TIMED_OUT), "TIMED_OUT");
	assert_string_equal(status_name((enum portico_status) - 9999),
			    "UNKNOWN");
	for (int n = PORTICO_END; n <= 0; n++)
		assert_string_not_equal(status_name((enum portico_status)n),
					"UNKNOWN");
}

static void
no_record_is_no_hindrance(void **state)
{
	(void)state;
	errno = EACCES;
	assert_int_equal(error_set(NULL, PORTICO_FULL, "x"), PORTICO_FULL);
	assert_int_equal(error_system(NULL, "x"), PORTICO_DENIED);
	error_place(NULL, "f", 1, 2);
	error_detail(NULL, "x");
	error_hint(NULL, "x");
	error_prefix(NULL, "x");
	error_clear(NULL);
	error_print(stdout, NULL);
	assert_int_equal(errno, EACCES);
}

static void
a_system_error_keeps_its_number_and_says_its_text(void **state)
{
	struct portico_error err;

	(void)state;
	errno = ENOENT;
	assert_int_equal(error_system(&err, "opening %s", "/x"),
			 PORTICO_NOT_FOUND);
	assert_int_equal(err.os_error, ENOENT);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(err.message,
			    "opening /x: No such file or directory");
	errno = EIO;
	assert_int_equal(error_system(&err, "reading"), PORTICO_SYSTEM);
	/* libuv's numbers are negative. */
	assert_int_equal(error_os(&err, -EADDRINUSE, "binding"),
			 PORTICO_EXISTS);
	assert_int_equal(err.os_error, EADDRINUSE);
}

static void
a_new_error_replaces_the_whole_old_one(void **state)
{
	struct portico_error err;
	char text[100];

	(void)state;
	errno = EIO;
	error_system(&err, "reading");
	error_place(&err, "a.json", 3, 4);
	error_detail(&err, "Detail.");
	error_hint(&err, "Hint.");
	error_set(&err, PORTICO_INVALID, "second");
	assert_int_equal(err.os_error, 0);
	assert_string_equal(err.detail, "");
	assert_string_equal(err.hint, "");
	assert_string_equal(error_format(&err, text, sizeof text), "second");
}

static void
the_place_comes_first(void **state)
{
	struct portico_error err;
	char text[100];

	(void)state;
	error_set(&err, PORTICO_CONFIG, "pool \"x\" is unknown");
	error_place(&err, "portico.json", 12, 7);
	assert_string_equal(error_format(&err, text, sizeof text),
			    "portico.json:12:7: pool \"x\" is unknown");
	error_place(&err, "portico.json", 12, 0);
	error_prefix(&err, "site %s", "shop");
	assert_string_equal(
		error_format(&err, text, sizeof text),
		"portico.json:12: site shop: pool \"x\" is unknown");
}

static void
long_texts_are_cut_not_overrun(void **state)
{
	struct portico_error err;
	char small[10];

	(void)state;
	error_set(&err, PORTICO_INVALID, "%2000d", 1);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	errno = EIO;
	error_system(&err, "%600d", 1);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	error_prefix(&err, "%600d", 1);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	error_format(&err, small, sizeof small);
	assert_int_equal(strlen(small), sizeof small - 1);
}

static void
printing_puts_detail_and_hint_on_lines_of_their_own(void **state)
{
	struct portico_error err;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	error_set(&err, PORTICO_INVALID, "loading module %s", "x.so");
	error_detail(&err, "It wants ABI 2.");
	error_hint(&err, "Build it again.");
	error_print(stream, &err);
	fclose(stream);
	assert_string_equal(text, "loading module x.so\n"
				  "    It wants ABI 2.\n"
				  "    Build it again.\n");
	free(text); /* open_memstream's */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_status_has_name_and_text),
	cmocka_unit_test(no_record_is_no_hindrance),
	cmocka_unit_test(a_system_error_keeps_its_number_and_says_its_text),
	cmocka_unit_test(a_new_error_replaces_the_whole_old_one),
	cmocka_unit_test(the_place_comes_first),
	cmocka_unit_test(long_texts_are_cut_not_overrun),
	cmocka_unit_test(printing_puts_detail_and_hint_on_lines_of_their_own),
};

UNIT_MAIN(tests)
