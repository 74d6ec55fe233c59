/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the response cache: which requests it has a part in, which
 * responses may be kept and how long, what two requests to one path differ by,
 * conditions and ranges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/slice.h"
#include "core/http/parser.h"
#include "core/listener/cache_rules.h"

/* Wed, 21 Oct 2015 07:28:00 GMT */
#define NOW 1445412480

static struct http_parsed_head head;
static char request_text[4096];

static struct cache_request
judge(const char *line, const char *fields)
{
	struct http_parser parser;
	struct cache_request request;

	snprintf(request_text, sizeof(request_text),
		 "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", line, fields);
	http_parser_init(&parser, &http_parser_limits_default);
	assert_int_equal(http_parser_execute(&parser, &head, request_text,
					     strlen(request_text)),
			 HTTP_PARSE_DONE);
	cache_rules_request(&head, request_text, &request);
	return request;
}

static void
test_requests(void **state)
{
	static const struct {
		const char *line, *fields;
		enum cache_use use;
	} cases[] = {
		{ "GET /", "", CACHE_USE_KEEP },
		{ "GET /?a=b", "Cookie: a=b\r\n", CACHE_USE_KEEP },
		{ "GET /", "Content-Length: 0\r\n", CACHE_USE_KEEP },
		{ "GET /", "Cache-Control: no-cache, max-age=0\r\n",
		  CACHE_USE_KEEP },
		{ "GET /", "If-None-Match: \"a\"\r\n", CACHE_USE_KEEP },
		{ "GET /", "Translate: x\r\nX-Translate: f\r\n",
		  CACHE_USE_NONE },
		{ "HEAD /", "", CACHE_USE_ANSWER },
		{ "GET /", "Range: bytes=0-1\r\n", CACHE_USE_ANSWER },
		{ "GET /", "If-Range: \"a\"\r\n", CACHE_USE_ANSWER },
		{ "GET /", "Cache-Control: max-age=0, No-Store\r\n",
		  CACHE_USE_ANSWER },
		{ "POST /", "Content-Length: 0\r\n", CACHE_USE_NONE },
		{ "OPTIONS /", "", CACHE_USE_NONE },
		{ "get /", "", CACHE_USE_NONE },
		{ "GET http://h/", "", CACHE_USE_NONE },
		{ "GET /", "Content-Length: 1\r\n", CACHE_USE_NONE },
		{ "GET /", "Transfer-Encoding: chunked\r\n", CACHE_USE_NONE },
		{ "GET /", "Authorization: Basic eDp5\r\n", CACHE_USE_NONE },
		{ "GET /", "Proxy-Authorization: Basic eDp5\r\n",
		  CACHE_USE_NONE },
		{ "GET /", "translate: f\r\n", CACHE_USE_NONE },
		{ "GET /", "Expect: 100-continue\r\n", CACHE_USE_NONE },
		{ "GET /", "If-Match: \"a\"\r\n", CACHE_USE_NONE },
		{ "GET /", "If-Unmodified-Since: x\r\n", CACHE_USE_NONE },
		{ "GET /", "Range: bytes=0-1\r\nRange: bytes=3-4\r\n",
		  CACHE_USE_NONE },
		{ "GET /", "Connection: upgrade\r\nUpgrade: websocket\r\n",
		  CACHE_USE_NONE },
	};
	struct cache_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request = judge(cases[i].line, cases[i].fields);
		if (request.use != cases[i].use)
			fail_msg("%s %s", cases[i].line, cases[i].fields);
	}
	request = judge("GET /", "If-None-Match: \"a\"\r\nRange: bytes=0-1\r\n"
				 "If-None-Match: \"b\"\r\n");
	assert_int_equal(request.if_none_match, 1);
	assert_true(request.if_none_match_more);
	assert_int_equal(request.range, 2);
	assert_int_equal(request.if_range, -1);
}

/* A head as the worker writes it; "Name: value\n" each. */
static const char *
rules(unsigned status, unsigned flags, uint32_t ttl, const char *fields,
      struct cache_policy *policy_r)
{
	static char block[8192];
	struct http_response_head fixed = { .status = (uint16_t)status,
					    .flags = (uint8_t)flags,
					    .cache_ttl = ttl };
	struct http_response_writer writer;
	struct http_response_info info;
	struct portico_slice rest = slice_from(fields);
	size_t length;

	http_response_head_begin(&writer, block, sizeof(block));
	while (rest.length > 0) {
		struct portico_slice value = slice_split(&rest, '\n');
		struct portico_slice name = slice_split(&value, ':');

		if (slice_equal(name, PORTICO_SLICE("query"))) {
			value = slice_trim(value);
			http_response_head_add_query(&writer, value);
			fixed.cache_query = (uint16_t)value.length;
			continue;
		}
		value = slice_trim(value);
		http_response_head_add_name(&writer, name.data, name.length,
					    value.data, value.length);
	}
	length = http_response_head_end(&writer, &fixed);
	assert_true(length > 0);
	assert_int_equal(http_response_head_open(block, length, false, &info),
			 0);
	return cache_rules_response(block, &info, NOW, policy_r);
}

#define MARK HTTP_RESPONSE_CACHEABLE

static void
test_responses_that_are_kept(void **state)
{
	static const struct {
		unsigned status;
		uint32_t ttl;
		const char *fields;
		uint64_t lifetime;
	} cases[] = {
		{ 200, 0, "", CACHE_UNTIL_FLUSHED },
		{ 200, 60, "", 60 },
		{ 404, 60, "", 60 },
		{ 301, 0, "Location: /x", CACHE_UNTIL_FLUSHED },
		{ 200, 60, "Cache-Control: max-age=10", 10 },
		{ 200, 5, "Cache-Control: public, max-age=10", 5 },
		{ 200, 0, "Cache-Control: max-age=10, s-maxage=\"20\"", 20 },
		{ 200, 0, "Cache-Control: max-age=99999999999999999999", 0 },
		{ 200, 0, "Cache-Control: max-age=10\nAge: 4", 6 },
		{ 200, 0, "Cache-Control: max-age=10, x=\"a, no-store\"", 10 },
		{ 200, 0, "Expires: Wed, 21 Oct 2015 07:28:30 GMT", 30 },
		{ 200, 0,
		  "Expires: Wed, 21 Oct 2015 07:28:00 GMT\n"
		  "Cache-Control: max-age=7",
		  7 },
		{ 200, 9, "Content-Encoding: gzip\nVary: accept-Encoding", 9 },
		{ 200, 9, "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT", 9 },
	};
	struct cache_policy policy;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = rules(cases[i].status, MARK, cases[i].ttl,
					cases[i].fields, &policy);

		if (why != NULL)
			fail_msg("%s: %s", cases[i].fields, why);
		if (cases[i].lifetime == 0)
			assert_true(policy.lifetime > INT32_MAX);
		else if (policy.lifetime != cases[i].lifetime)
			fail_msg("%s: %lu", cases[i].fields,
				 (unsigned long)policy.lifetime);
	}
	assert_null(rules(200, MARK | HTTP_RESPONSE_CACHE_WORKER, 0,
			  "ETag: W/\"a\"\n"
			  "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
			  &policy));
	assert_true(policy.while_worker);
	assert_true(slice_equal(policy.etag, PORTICO_SLICE("W/\"a\"")));
	assert_int_equal(policy.last_modified, NOW);
}

static void
test_responses_that_are_not(void **state)
{
	static const struct {
		unsigned status, flags;
		const char *fields;
	} cases[] = {
		{ 200, 0, "" },
		{ 200, MARK | HTTP_RESPONSE_CLOSE, "" },
		{ 206, MARK, "Content-Range: bytes 0-1/2" },
		{ 200, MARK, "Content-Range: bytes 0-1/2" },
		{ 304, MARK, "" },
		{ 401, MARK, "" },
		{ 500, MARK, "" },
		{ 200, MARK, "Set-Cookie: a=b" },
		{ 200, MARK, "WWW-Authenticate: Basic" },
		{ 200, MARK, "Cache-Control: no-store" },
		{ 200, MARK, "Cache-Control: max-age=5, PRIVATE" },
		{ 200, MARK,
		  "Cache-Control: max-age=5\n"
		  "Cache-Control: no-cache=\"x\"" },
		{ 200, MARK, "Cache-Control: max-age=0" },
		{ 200, MARK, "Cache-Control: max-age=x" },
		{ 200, MARK, "Cache-Control: max-age=9, s-maxage=0" },
		{ 200, MARK, "Cache-Control: max-age=9\nAge: 9" },
		{ 200, MARK, "Age: old" },
		{ 200, MARK, "Pragma: no-cache" },
		{ 200, MARK, "Expires: 0" },
		{ 200, MARK, "Expires: Wed, 21 Oct 2015 07:28:00 GMT" },
		{ 200, MARK, "Vary: *" },
		{ 200, MARK, "Vary: accept, *" },
		{ 200, MARK, "Vary: a,b,c,d,e,f,g,h,i" },
		{ 200, MARK, "Content-Encoding: gzip" },
		{ 200, MARK, "Content-Encoding: gzip\nVary: Accept" },
		{ 200, MARK, "Last-Modified: yesterday" },
	};
	struct cache_policy policy;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (rules(cases[i].status, cases[i].flags, 0, cases[i].fields,
			  &policy) == NULL)
			fail_msg("%u %s", cases[i].status, cases[i].fields);
	}
}

static long
variant(const char *line, const char *fields, const struct cache_vary *vary,
	char out[256])
{
	struct portico_slice query;
	long length;

	judge(line, fields);
	query = slice_make(request_text + head.path_offset, head.path_length);
	slice_split(&query, '?');
	length =
		cache_variant_write(vary, &head, request_text, query, out, 255);
	if (length >= 0)
		out[length] = '\0';
	return length;
}

static bool
same(const struct cache_vary *vary, const char *line_a, const char *fields_a,
     const char *line_b, const char *fields_b)
{
	char a[256], b[256];

	assert_true(variant(line_a, fields_a, vary, a) >= 0);
	assert_true(variant(line_b, fields_b, vary, b) >= 0);
	return strcmp(a, b) == 0;
}

static void
test_variants_by_field(void **state)
{
	struct cache_policy policy;
	const struct cache_vary *vary = &policy.vary;
	const char *get = "GET /";

	(void)state;
	assert_null(rules(200, MARK, 0, "Vary: X-b, accept\nVary: ACCEPT",
			  &policy));
	assert_int_equal(vary->count, 2);
	assert_true(same(vary, get, "Accept: a\r\nOther: 1\r\nx-B: c\r\n", get,
			 "X-B: c\r\nother: 2\r\naccept: a\r\n"));
	assert_false(same(vary, get, "Accept: a\r\n", get, "Accept: b\r\n"));
	assert_false(same(vary, get, "Accept: a\r\n", get, "X-b: a\r\n"));
	/* None is not the same as an empty one; two not as one. */
	assert_false(same(vary, get, "Accept:\r\n", get, ""));
	assert_false(
		same(vary, get, "X-B: a\r\nX-B: b\r\n", get, "X-B: ab\r\n"));
	assert_false(same(vary, get, "X-B: a\r\nX-B:\r\n", get, "X-B: a\r\n"));
	assert_false(same(vary, "GET /?a", "", "GET /?b", ""));
}

static void
test_variants_by_query(void **state)
{
	struct cache_policy policy;
	const struct cache_vary *vary = &policy.vary;
	unsigned flags = MARK | HTTP_RESPONSE_CACHE_QUERY;
	char out[256];

	(void)state;
	assert_true(same(NULL, "GET /?a=1", "", "GET /?a=1", "X: y\r\n"));
	assert_false(same(NULL, "GET /?a=1", "", "GET /?a=2", ""));
	assert_null(rules(200, flags, 0, "query: b&a&b", &policy));
	assert_memory_equal(vary->query, "a&b", 3);
	assert_int_equal(vary->query_length, 3);
	assert_true(same(vary, "GET /?a=1&x=2", "", "GET /?x=3&a=1&y", ""));
	assert_false(same(vary, "GET /?a=1", "", "GET /?a=2", ""));
	assert_false(same(vary, "GET /?a=1", "", "GET /?A=1", ""));
	assert_false(same(vary, "GET /?a=1&a=2", "", "GET /?a=2&a=1", ""));
	/* What decodes to a name that counts must count. */
	assert_false(same(vary, "GET /?%61=1", "", "GET /?%61=2", ""));
	assert_true(variant("GET /?x=1&ab=3", "", vary, out) == 0);
	/* No name at all: no parameter counts. */
	assert_null(rules(200, flags, 0, "", &policy));
	assert_true(same(vary, "GET /?a=1", "", "GET /?b=1", ""));
	/* There is no room for it. */
	memset(out, 'x', sizeof(out));
	memcpy(out, "GET /?", 6);
	out[255] = '\0';
	judge(out, "");
	assert_int_equal(cache_variant_write(NULL, &head, request_text,
					     slice_from(out + 6), out, 100),
			 -1);
}

static void
test_joining(void **state)
{
	struct cache_policy a, b, c;
	unsigned flags = MARK | HTTP_RESPONSE_CACHE_QUERY;

	(void)state;
	assert_null(rules(200, flags, 0, "Vary: y\nquery: b", &a));
	assert_null(rules(200, flags, 0, "Vary: x\nquery: a", &b));
	assert_null(rules(200, flags, 0, "Vary: x, y\nquery: a&b", &c));
	assert_true(cache_vary_join(&a.vary, &b.vary));
	assert_true(cache_vary_equal(&a.vary, &c.vary));
	assert_null(rules(200, MARK, 0, "", &b));
	assert_false(cache_vary_equal(&a.vary, &b.vary));
	assert_true(cache_vary_join(&a.vary, &b.vary));
	assert_false(a.vary.query_named);
	assert_int_equal(a.vary.count, 2);
	assert_null(rules(200, MARK, 0, "Vary: 1,2,3,4,5,6,7", &b));
	assert_false(cache_vary_join(&a.vary, &b.vary));
}

static void
test_etags(void **state)
{
	struct portico_slice tag = PORTICO_SLICE("W/\"a,b\"");
	struct portico_slice none = { NULL, 0 };

	(void)state;
	assert_true(cache_etag_listed(PORTICO_SLICE("\"x\", \"a,b\""), tag));
	assert_true(cache_etag_listed(PORTICO_SLICE("W/\"a,b\""), tag));
	assert_true(cache_etag_listed(PORTICO_SLICE(" * "), tag));
	assert_true(cache_etag_listed(PORTICO_SLICE("*"), none));
	assert_false(cache_etag_listed(PORTICO_SLICE("\"a\", b\""), tag));
	/* A backslash is a character as any other. */
	assert_true(cache_etag_listed(PORTICO_SLICE("\"x\\\", \"a,b\""), tag));
	assert_false(cache_etag_listed(PORTICO_SLICE("\"\""), none));
	assert_false(cache_etag_listed(PORTICO_SLICE(""), tag));
}

static void
test_ranges(void **state)
{
	static const struct {
		const char *field;
		uint64_t size;
		enum cache_range result;
		uint64_t first, length;
	} cases[] = {
		{ "bytes=0-0", 10, CACHE_RANGE_ONE, 0, 1 },
		{ "bytes=2-", 10, CACHE_RANGE_ONE, 2, 8 },
		{ "BYTES=2-100", 10, CACHE_RANGE_ONE, 2, 8 },
		{ " bytes=9-9 ", 10, CACHE_RANGE_ONE, 9, 1 },
		{ "bytes =9-9", 10, CACHE_RANGE_ALL, 0, 0 },
		{ "bytes= 9-9", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=9 -9", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=9- 9", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=-3", 10, CACHE_RANGE_ONE, 7, 3 },
		{ "bytes=-30", 10, CACHE_RANGE_ONE, 0, 10 },
		{ "items=0-1", 10, CACHE_RANGE_ALL, 0, 0 },
		{ "bytes=10-", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=-0", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=-1", 0, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=3-2", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=0-1,3-4", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=-", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=1", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=a-b", 10, CACHE_RANGE_OTHER, 0, 0 },
		{ "bytes=99999999999999999999-", 10, CACHE_RANGE_OTHER, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t first = 0, length = 0;

		if (cache_range_parse(slice_from(cases[i].field), cases[i].size,
				      &first, &length) != cases[i].result ||
		    (cases[i].result == CACHE_RANGE_ONE &&
		     (first != cases[i].first || length != cases[i].length)))
			fail_msg("%s", cases[i].field);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_responses_that_are_kept),
		cmocka_unit_test(test_responses_that_are_not),
		cmocka_unit_test(test_variants_by_field),
		cmocka_unit_test(test_variants_by_query),
		cmocka_unit_test(test_joining),
		cmocka_unit_test(test_etags),
		cmocka_unit_test(test_ranges),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
