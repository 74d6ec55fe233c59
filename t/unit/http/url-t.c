/* SPDX-License-Identifier: Apache-2.0
 *
 * The URL cooker: a table of targets and what becomes of them.
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
#include "core/http/url.h"

static struct http_url_limits limits = HTTP_URL_LIMITS_DEFAULT;

/* Cooks in memory of exactly the promised sizes. */
static enum http_reason
cook(const char *raw, char *path_r, struct http_url *url_r)
{
	size_t length = strlen(raw);
	char *in = mem_alloc(length + (length == 0));
	char *out = mem_alloc(length + 1);
	enum http_reason reason;

	memcpy(in, raw, length);
	reason = http_url_cook(in, length, out, &limits, url_r);
	if (reason == HTTP_REASON_NONE) {
		assert_true(url_r->path_length <= (length > 1 ? length : 1));
		assert_int_equal(out[0], '/');
		memcpy(path_r, out, url_r->path_length);
		path_r[url_r->path_length] = '\0';
	}
	mem_free(in);
	mem_free(out);
	return reason;
}

struct row {
	const char *raw;
	const char *path;
};

static void
check_rows(const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct http_url url;
		char path[1024];

		if (cook(rows[i].raw, path, &url) != HTTP_REASON_NONE)
			fail_msg("refused \"%s\"", rows[i].raw);
		assert_string_equal(path, rows[i].path);
	}
}

static void
check_refused(const char *const *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct http_url url;
		char path[1024];

		if (cook(rows[i], path, &url) != HTTP_REASON_URL)
			fail_msg("accepted \"%s\" as \"%s\"", rows[i], path);
	}
}

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

static void
passes_plain_paths(void **unused)
{
	static const struct row rows[] = {
		{ "/", "/" },
		{ "", "/" },
		{ "?x", "/" },
		{ "/index.html", "/index.html" },
		{ "/a/b/c/", "/a/b/c/" },
		{ "/a;p=1/b,c/~d/$-_.+!*'()", "/a;p=1/b,c/~d/$-_.+!*'()" },
		{ "/a:b@c=d&e", "/a:b@c=d&e" },
		{ "/{x}|^`\"<>", "/{x}|^`\"<>" },
	};

	(void)unused;
	check_rows(ROWS(rows));
}

static void
decodes_once(void **unused)
{
	static const struct row rows[] = {
		{ "/%61%62c", "/abc" },	    { "/a%20b", "/a b" },
		{ "/%25", "/%" },	    { "/%252e%252e/x", "/%2e%2e/x" },
		{ "/%252f", "/%2f" },	    { "/%3Fa%23b", "/?a#b" },
		{ "/%c3%A4", "/\xc3\xa4" }, { "/a+b", "/a+b" },
		{ "/%2541", "/%41" },
	};

	(void)unused;
	check_rows(ROWS(rows));
}

static void
removes_dot_segments(void **unused)
{
	static const struct row rows[] = {
		{ "/.", "/" },
		{ "/./", "/" },
		{ "/a/.", "/a/" },
		{ "/a/./b", "/a/b" },
		{ "/a/..", "/" },
		{ "/a/../", "/" },
		{ "/a/b/..", "/a/" },
		{ "/a/b/../c", "/a/c" },
		{ "/a/b/../../c", "/c" },
		{ "/a/./../b", "/b" },
		{ "/%2e/a/%2E%2e/b", "/b" },
		{ "/a/.%2e/b", "/b" },
		{ "/a/..%2fb", "/b" },
		{ "/a%2f..%2fb", "/b" },
		{ "/a//../b", "/b" },
		/* More than two dots, and dots with company, are names. */
		{ "/...", "/..." },
		{ "/.../a", "/.../a" },
		{ "/.a", "/.a" },
		{ "/a.", "/a." },
		{ "/..a", "/..a" },
		{ "/a..", "/a.." },
		{ "/.well-known/x", "/.well-known/x" },
		{ "/aaaa/bbbb/../../cc/../d", "/d" },
	};

	(void)unused;
	check_rows(ROWS(rows));
}

static void
merges_slashes(void **unused)
{
	static const struct row rows[] = {
		{ "//", "/" },		 { "///a", "/a" },
		{ "/a//b", "/a/b" },	 { "/a///", "/a/" },
		{ "/%2f/a", "/a" },	 { "/a%2Fb", "/a/b" },
		{ "/a%2f", "/a/" },	 { "//a.example/x", "/a.example/x" },
		{ "/a/.//./b", "/a/b" },
	};

	(void)unused;
	check_rows(ROWS(rows));
}

static void
refuses_paths_above_the_root(void **unused)
{
	static const char *const rows[] = {
		"/..",		 "/../",	 "/../a",  "/a/../..",
		"/a/../../b",	 "/./..",	 "//..",   "/%2e%2e",
		"/%2e%2e%2fetc", "/a/../%2e./b", "/%2f..", "/a/b/../../../c",
	};

	(void)unused;
	check_refused(ROWS(rows));
}

static void
refuses_bad_escapes(void **unused)
{
	static const char *const rows[] = {
		"/%",	 "/%4", "/%zz",	   "/%4g", "/%g4",
		"/%%41", "/a%", "/%u0041", "/% 1", "/%-1",
	};

	(void)unused;
	check_refused(ROWS(rows));
}

static void
refuses_controls(void **unused)
{
	static const char *const rows[] = {
		"/%00",	     "/a%00.html", "/%0a", "/%0d%0aX:y", "/%1f",
		"/%7f",	     "/\x01",	   "/a b", "/a\tb",	 "/\x7f",
		"/%c2%80",   "/%c2%9f",	   "/a#b", "/#",	 "/\r\n",
		"/\xc2\x85", "/%09",
	};

	(void)unused;
	check_refused(ROWS(rows));
}

static void
refuses_bad_utf8(void **unused)
{
	static const char *const rows[] = {
		"/%80",		  "/%bf",
		"/%ff",		  "/%fe",
		"/%c0%af",	  "/%c0%80",
		"/%c1%bf",	  "/%c3",
		"/%c3x",	  "/%e0%80%af",
		"/%e0%9f%bf",	  "/%ed%a0%80",
		"/%ed%bf%bf",	  "/%e2%82",
		"/%e2%82x",	  "/%f0%80%80%af",
		"/%f0%8f%bf%bf",  "/%f4%90%80%80",
		"/%f5%80%80%80",  "/%f8%88%80%80%80",
		"/%c0%ae%c0%ae/", "/\xff",
		"/a\xe2\x82/b",	  "/%c3/%a4",
	};

	(void)unused;
	check_refused(ROWS(rows));
}

static void
accepts_utf8(void **unused)
{
	static const struct row rows[] = {
		{ "/%c2%a0", "/\xc2\xa0" },
		{ "/%df%bf", "/\xdf\xbf" },
		{ "/%e0%a0%80", "/\xe0\xa0\x80" },
		{ "/%ed%9f%bf", "/\xed\x9f\xbf" },
		{ "/%ee%80%80", "/\xee\x80\x80" },
		{ "/%ef%bf%bf", "/\xef\xbf\xbf" },
		{ "/%f0%90%80%80", "/\xf0\x90\x80\x80" },
		{ "/%f4%8f%bf%bf", "/\xf4\x8f\xbf\xbf" },
		{ "/\xe2\x82\xac", "/\xe2\x82\xac" },
		{ "/\xe2%82\xac", "/\xe2\x82\xac" },
	};

	(void)unused;
	check_rows(ROWS(rows));
	assert_true(http_utf8_is_valid("", 0));
	assert_true(http_utf8_is_valid("a\0b", 3));
	assert_false(http_utf8_is_valid("\xe2\x82\xac", 2));
}

static void
guards_backslashes(void **unused)
{
	static const struct row good[] = {
		{ "/a\\b", "/a\\b" },
		{ "/a%5Cb", "/a\\b" },
		{ "/\\", "/\\" },
	};
	static const char *const bad[] = {
		"/..\\a", "/a\\..\\b", "/%5c..",  "/..%5c",
		"/a\\.",  "/.\\a",     "/%2e%5c", "/a%5c%2e%2e%5cb",
	};

	(void)unused;
	check_rows(ROWS(good));
	check_refused(ROWS(bad));
}

static void
refuses_what_is_no_path(void **unused)
{
	static const char *const rows[] = { "a", "*", "http://a/", "%2f", "." };

	(void)unused;
	check_refused(ROWS(rows));
}

static void
leaves_the_query_alone(void **unused)
{
	static const struct {
		const char *raw;
		const char *query;
	} rows[] = {
		{ "/a", NULL },		 { "/a?", "" },
		{ "/a?b=c&d", "b=c&d" }, { "/a?%00%zz/../?x", "%00%zz/../?x" },
		{ "?q", "q" },		 { "/a?\xff", "\xff" },
	};
	static const char *const bad[] = { "/?a b", "/?\x01", "/?a#b", "/?\x7f",
					   "/a?\n" };
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *raw = rows[i].raw;
		struct http_url url;
		char path[64];

		assert_int_equal(cook(raw, path, &url), HTTP_REASON_NONE);
		assert_int_equal(url.has_query, rows[i].query != NULL);
		if (rows[i].query == NULL) {
			assert_int_equal(url.query_length, 0);
			continue;
		}
		assert_int_equal(url.query_length, strlen(rows[i].query));
		assert_string_equal(raw + url.query_offset, rows[i].query);
	}
	check_refused(ROWS(bad));
}

static void
keeps_to_its_limits(void **unused)
{
	static const struct row good[] = {
		{ "/abcde", "/abcde" },
		{ "/abcde/abcde/x", "/abcde/abcde/x" },
		{ "/a/b/c/", "/a/b/c/" },
		{ "/%61%62%63%64%65", "/abcde" },
		{ "/a/b/c/../d/../e", "/a/b/e" },
		{ "/a///b/././c", "/a/b/c" },
	};
	static const char *const bad[] = { "/abcdef", "/abcdef/", "/a/b/c/d",
					   "/a/b/c/d/..", "/%61bcdef" };

	(void)unused;
	limits.segments = 3;
	limits.segment_length = 5;
	check_rows(ROWS(good));
	check_refused(ROWS(bad));
	limits = http_url_limits_default;
}

/* The cooked path of a cooked path (escaped again) is itself. */
static void
cooking_is_idempotent(void **unused)
{
	static const char bytes[] = "/.a%2eF5c\\?/";
	unsigned seed = 7;
	int round, i, accepted = 0;

	(void)unused;
	for (round = 0; round < 200000; round++) {
		char raw[24], path[64], escaped[200], again[200];
		struct http_url url;
		char *p = escaped;
		size_t n;

		raw[0] = '/';
		for (i = 1; i < 16; i++) {
			seed = seed * 1103515245u + 12345u;
			raw[i] = bytes[(seed >> 16) % (sizeof(bytes) - 1)];
		}
		raw[16] = '\0';
		if (cook(raw, path, &url) != HTTP_REASON_NONE)
			continue;
		accepted++;
		assert_null(strstr(path, "//"));
		assert_null(strstr(path, "/./"));
		assert_null(strstr(path, "/../"));
		n = url.path_length;
		assert_false(n >= 3 && strcmp(path + n - 3, "/..") == 0);
		assert_false(n >= 2 && strcmp(path + n - 2, "/.") == 0);
		for (i = 0; path[i] != '\0'; i++) {
			if (strchr("%?#", path[i]) != NULL)
				p += snprintf(p, 4, "%%%02x", path[i]);
			else
				*p++ = path[i];
		}
		*p = '\0';
		assert_int_equal(cook(escaped, again, &url), HTTP_REASON_NONE);
		assert_string_equal(again, path);
	}
	assert_true(accepted > 1000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_plain_paths),
		cmocka_unit_test(decodes_once),
		cmocka_unit_test(removes_dot_segments),
		cmocka_unit_test(merges_slashes),
		cmocka_unit_test(refuses_paths_above_the_root),
		cmocka_unit_test(refuses_bad_escapes),
		cmocka_unit_test(refuses_controls),
		cmocka_unit_test(refuses_bad_utf8),
		cmocka_unit_test(accepts_utf8),
		cmocka_unit_test(guards_backslashes),
		cmocka_unit_test(refuses_what_is_no_path),
		cmocka_unit_test(leaves_the_query_alone),
		cmocka_unit_test(keeps_to_its_limits),
		cmocka_unit_test(cooking_is_idempotent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
