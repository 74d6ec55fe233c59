/* SPDX-License-Identifier: Apache-2.0
 *
 * application/x-www-form-urlencoded and cookies, piece by piece.
 */
#include "t/unit/unit.h"

#include "core/base/slice.h"
#include "core/http/cookie.h"
#include "core/http/form.h"

static void
decodes_is(const char *text, const char *wanted, size_t length)
{
	char out[64];

	assert_int_equal(http_form_decode(slice_from(text), out), length);
	assert_memory_equal(out, wanted, length);
}

static void
decodes_escapes_once(void **unused)
{
	(void)unused;
	decodes_is("", "", 0);
	decodes_is("a+b%20c", "a b c", 5);
	decodes_is("%2B%2b", "++", 2);
	decodes_is("%2541", "%41", 3);
	decodes_is("%00%fF", "\0\xff", 2);
	decodes_is("%", "%", 1);
	decodes_is("%4", "%4", 2);
	decodes_is("%4g%g4%%41", "%4g%g4%A", 8);
}

static void
decodes_in_place(void **unused)
{
	char text[] = "%61+%62";
	size_t length = http_form_decode(slice_from(text), text);

	(void)unused;
	assert_int_equal(length, 3);
	assert_memory_equal(text, "a b", 3);
}

static void
pairs_are_cut(void **unused)
{
	struct portico_slice rest = PORTICO_SLICE("&&a=1&b&=c&d==&");
	struct portico_slice name, value;
	static const char *const wanted[][2] = {
		{ "a", "1" }, { "b", "" }, { "", "c" }, { "d", "=" }
	};

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		assert_true(http_form_next(&rest, &name, &value));
		assert_true(slice_equal(name, slice_from(wanted[i][0])));
		assert_true(slice_equal(value, slice_from(wanted[i][1])));
		assert_non_null(value.data);
	}
	assert_false(http_form_next(&rest, &name, &value));
}

static void
cookies_are_cut(void **unused)
{
	struct portico_slice rest =
		PORTICO_SLICE("a=1;b = 2 ; ; c ;=d; e=\"x\";f=");
	struct portico_slice name, value;
	static const char *const wanted[][2] = {
		{ "a", "1" }, { "b", "2" }, { "e", "\"x\"" }, { "f", "" }
	};

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		assert_true(http_cookie_next(&rest, &name, &value));
		assert_true(slice_equal(name, slice_from(wanted[i][0])));
		assert_true(slice_equal(value, slice_from(wanted[i][1])));
	}
	assert_false(http_cookie_next(&rest, &name, &value));
}

/* The longest that is accepted fits, and no byte of a value escapes. */
static void
set_cookie_fits_and_holds(void **unused)
{
	static char pair[HTTP_COOKIE_PAIR_BYTES_MAX];
	static char path[HTTP_COOKIE_ATTRIBUTE_BYTES_MAX];
	static char host[255];
	char out[HTTP_COOKIE_BYTES_MAX];
	struct portico_cookie cookie = {
		.name = PORTICO_SLICE("a"),
		.value = { pair, sizeof(pair) - 1 },
		.path = { path, sizeof(path) },
		.domain = { host, sizeof(host) },
		.max_age = -1,
		.same_site = PORTICO_SAME_SITE_STRICT,
		.secure = true,
		.http_only = true,
		.partitioned = true,
	};
	size_t length;

	(void)unused;
	memset(pair, 'v', sizeof(pair));
	memset(path, '/', sizeof(path));
	memset(host, 'h', sizeof(host));
	assert_int_equal(http_cookie_write(&cookie, out, &length), PORTICO_OK);
	assert_true(length <= sizeof(out));
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		bool good = c > 0x20 && c < 0x7f && !strchr("\",;\\", c);

		cookie.value = slice_make(&byte, 1);
		assert_int_equal(http_cookie_write(&cookie, out, &length),
				 good ? PORTICO_OK : PORTICO_INVALID);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_escapes_once),
		cmocka_unit_test(decodes_in_place),
		cmocka_unit_test(pairs_are_cut),
		cmocka_unit_test(cookies_are_cut),
		cmocka_unit_test(set_cookie_fits_and_holds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
