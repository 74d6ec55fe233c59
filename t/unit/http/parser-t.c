/* SPDX-License-Identifier: Apache-2.0
 *
 * The request parser: what it accepts and reads, everything it refuses, and
 * that the verdict never depends on how the bytes were cut.
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
#include "core/http/header_id.h"
#include "core/http/method.h"
#include "core/http/parser.h"

struct outcome {
	enum http_parse_result result;
	struct http_parser parser;
	struct http_parsed_head head;
};

static struct http_parser_limits limits = HTTP_PARSER_LIMITS_DEFAULT;

/* Feeds a copy that ends where its bytes end, so that a sanitizer sees a read
 * past them, and whose place differs in each call. */
static enum http_parse_result
feed(struct outcome *o, const char *text, size_t length)
{
	char *copy = mem_alloc(length + 1);
	enum http_parse_result result;

	memcpy(copy + 1, text, length);
	result = http_parser_execute(&o->parser, &o->head, copy + 1, length);
	mem_free(copy);
	return result;
}

static void
start(struct outcome *o)
{
	memset(o, 0xa5, sizeof(*o));
	http_parser_init(&o->parser, &limits);
}

static void
parse_whole(struct outcome *o, const char *text, size_t length)
{
	start(o);
	o->result = feed(o, text, length);
}

static void
parse_bytes(struct outcome *o, const char *text, size_t length)
{
	size_t n;

	start(o);
	o->result = HTTP_PARSE_MORE;
	for (n = 0; n <= length && o->result == HTTP_PARSE_MORE; n++)
		o->result = feed(o, text, n);
}

static void
parse_cut(struct outcome *o, const char *text, size_t length, size_t cut)
{
	start(o);
	o->result = feed(o, text, cut);
	if (o->result == HTTP_PARSE_MORE)
		o->result = feed(o, text, length);
}

static void
assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->result, b->result);
	if (a->result == HTTP_PARSE_ERROR) {
		assert_int_equal(a->parser.reason, b->parser.reason);
		assert_int_equal(a->parser.status, b->parser.status);
	}
	if (a->result == HTTP_PARSE_DONE)
		assert_memory_equal(&a->head, &b->head,
				    offsetof(struct http_parsed_head, fields) +
					    a->head.field_count *
						    sizeof(a->head.fields[0]));
}

/* Parses in every way and demands one result. */
static void
parse_all(struct outcome *o, const char *text, size_t length)
{
	struct outcome other;
	size_t cut;

	parse_whole(o, text, length);
	parse_bytes(&other, text, length);
	assert_same(o, &other);
	for (cut = 0; cut < length && length < 2000; cut++) {
		parse_cut(&other, text, length, cut);
		assert_same(o, &other);
	}
}

static void
expect_error(const char *text, enum http_reason reason, unsigned status)
{
	struct outcome o;

	parse_all(&o, text, strlen(text));
	if (o.result != HTTP_PARSE_ERROR || o.parser.reason != reason)
		print_error("in: %s", text);
	assert_int_equal(o.result, HTTP_PARSE_ERROR);
	assert_string_equal(http_reason_name(o.parser.reason),
			    http_reason_name(reason));
	assert_int_equal(o.parser.status, status);
	/* And it stays so. */
	assert_int_equal(feed(&o, text, strlen(text)), HTTP_PARSE_ERROR);
}

static void
expect_done(struct outcome *o, const char *text)
{
	parse_all(o, text, strlen(text));
	if (o->result != HTTP_PARSE_DONE)
		print_error("in: %s", text);
	assert_int_equal(o->result, HTTP_PARSE_DONE);
}

static void
assert_text(const char *text, uint32_t offset, uint32_t length,
	    const char *wanted)
{
	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(text + offset, wanted, length);
}

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a.example\r\n"
#define END "\r\n"

static void
reads_a_simple_request(void **unused)
{
	const char *text = "GET /a/b?c=d HTTP/1.1\r\n"
			   "Host: Example.com:8080\r\n"
			   "X-Odd: \t some value \t\r\n"
			   "accept:*/*\r\n"
			   "Empty:\r\n"
			   "\r\nBODY";
	struct outcome o;
	const struct http_parsed_head *h = &o.head;

	(void)unused;
	expect_done(&o, text);
	assert_int_equal(h->start, 0);
	assert_int_equal(h->length, strlen(text) - 4);
	assert_int_equal(h->method, HTTP_METHOD_GET);
	assert_int_equal(h->method_length, 3);
	assert_int_equal(h->minor, 1);
	assert_text(text, h->target_offset, h->target_length, "/a/b?c=d");
	assert_text(text, h->path_offset, h->path_length, "/a/b?c=d");
	assert_text(text, h->host_offset, h->host_length, "Example.com");
	assert_int_equal(h->port, 8080);
	assert_int_equal(h->field_count, 4);
	assert_int_equal(h->fields[0].id, HTTP_HEADER_HOST);
	assert_int_equal(h->fields[1].id, HTTP_HEADER_UNKNOWN);
	assert_text(text, h->fields[1].name_offset, h->fields[1].name_length,
		    "X-Odd");
	assert_text(text, h->fields[1].value_offset, h->fields[1].value_length,
		    "some value");
	assert_int_equal(h->fields[2].id, HTTP_HEADER_ACCEPT);
	assert_text(text, h->fields[2].value_offset, h->fields[2].value_length,
		    "*/*");
	assert_int_equal(h->fields[3].value_length, 0);
	assert_true(h->content_length == HTTP_LENGTH_NONE);
	assert_false(h->chunked);
	assert_true(h->keep_alive);
	assert_false(h->upgrade);
	assert_false(h->expect_continue);
}

static void
reads_body_framing(void **unused)
{
	struct outcome o;

	(void)unused;
	expect_done(&o,
		    "POST / HTTP/1.1\r\n" HOST "Content-Length: 0042\r\n" END);
	assert_true(o.head.content_length == 42);
	expect_done(&o, "POST / HTTP/1.1\r\n" HOST
			"Content-Length: 9223372036854775807\r\n" END);
	assert_true(o.head.content_length == INT64_MAX);
	expect_done(&o, "POST / HTTP/1.1\r\n" HOST
			"Transfer-Encoding: Chunked\r\n" END);
	assert_true(o.head.chunked);
	assert_true(o.head.content_length == HTTP_LENGTH_NONE);
	expect_done(&o, "POST / HTTP/1.1\r\n" HOST
			"Expect: 100-Continue\r\nContent-Length: 1\r\n" END);
	assert_true(o.head.expect_continue);
	/* HTTP/1.0 does not know it. */
	expect_done(&o, "POST / HTTP/1.0\r\nExpect: 100-continue\r\n" END);
	assert_false(o.head.expect_continue);
}

static void
reads_connection_options(void **unused)
{
	static const struct {
		const char *text;
		bool keep_alive;
		bool upgrade;
	} cases[] = {
		{ GET HOST END, true, false },
		{ GET HOST "Connection: close\r\n" END, false, false },
		{ GET HOST "Connection: foo , CLOSE\r\n" END, false, false },
		{ GET HOST "Connection: keep-alive, close\r\n" END, false,
		  false },
		{ GET HOST
		  "Connection: keep-alive\r\nConnection: close\r\n" END,
		  false, false },
		{ GET HOST "Connection: closed\r\n" END, true, false },
		{ "GET / HTTP/1.0\r\n" END, false, false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END, true,
		  false },
		{ GET HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n" END,
		  true, true },
		{ GET HOST "Upgrade: websocket\r\n" END, true, false },
		{ GET HOST "Connection: upgrade\r\n" END, true, false },
		{ "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n" END,
		  false, false },
		{ "GET / HTTP/1.7\r\n" HOST END, true, false },
	};
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o;

		expect_done(&o, cases[i].text);
		assert_int_equal(o.head.keep_alive, cases[i].keep_alive);
		assert_int_equal(o.head.upgrade, cases[i].upgrade);
	}
}

static void
reads_target_forms(void **unused)
{
	const char *text;
	struct outcome o;

	(void)unused;
	text = "GET http://User.example:81/x?y HTTP/1.1\r\n" HOST END;
	expect_done(&o, text);
	assert_int_equal(o.head.target_form, HTTP_TARGET_ABSOLUTE);
	assert_text(text, o.head.host_offset, o.head.host_length,
		    "User.example");
	assert_int_equal(o.head.port, 81);
	assert_text(text, o.head.path_offset, o.head.path_length, "/x?y");
	assert_false(o.head.absolute_https);

	text = "GET HTTPS://[::1]?q HTTP/1.1\r\n" HOST END;
	expect_done(&o, text);
	assert_text(text, o.head.host_offset, o.head.host_length, "[::1]");
	assert_text(text, o.head.path_offset, o.head.path_length, "?q");
	assert_true(o.head.absolute_https);

	text = "GET http://b.example HTTP/1.1\r\n" HOST END;
	expect_done(&o, text);
	assert_int_equal(o.head.path_length, 0);

	text = "OPTIONS * HTTP/1.1\r\n" HOST END;
	expect_done(&o, text);
	assert_int_equal(o.head.target_form, HTTP_TARGET_ASTERISK);
	assert_text(text, o.head.path_offset, o.head.path_length, "*");
}

static void
skips_blank_lines(void **unused)
{
	struct outcome o;

	(void)unused;
	expect_done(&o, "\r\n\r\n" GET HOST END);
	assert_int_equal(o.head.start, 4);
	assert_int_equal(o.head.length, 4 + strlen(GET HOST END));
	expect_error("\r\n\r\n\r\n" GET HOST END, HTTP_REASON_BAD_REQUEST, 400);
	expect_error("\n" GET HOST END, HTTP_REASON_INVALID_CRLF, 400);
	expect_error("\r" GET HOST END, HTTP_REASON_INVALID_CRLF, 400);
	start(&o);
	assert_true(http_parser_is_idle(&o.parser));
	assert_int_equal(feed(&o, "\r\n", 2), HTTP_PARSE_MORE);
	assert_true(http_parser_is_idle(&o.parser));
	assert_int_equal(feed(&o, "\r\nG", 3), HTTP_PARSE_MORE);
	assert_false(http_parser_is_idle(&o.parser));
}

static void
keeps_unknown_methods(void **unused)
{
	const char *text = "BREW!~x /pot HTTP/1.1\r\n" HOST END;
	struct outcome o;

	(void)unused;
	expect_done(&o, text);
	assert_int_equal(o.head.method, HTTP_METHOD_UNKNOWN);
	assert_text(text, o.head.start, o.head.method_length, "BREW!~x");
	/* Methods are case-sensitive. */
	expect_done(&o, "get / HTTP/1.1\r\n" HOST END);
	assert_int_equal(o.head.method, HTTP_METHOD_UNKNOWN);
}

static void
stops_at_the_end_of_the_head(void **unused)
{
	const char *text = GET HOST END "GET /second HTTP/1.1\r\n";
	struct outcome o;

	(void)unused;
	expect_done(&o, text);
	assert_int_equal(o.head.length, strlen(GET HOST END));
}

static void
refuses_request_lines(void **unused)
{
	(void)unused;
	expect_error(" GET / HTTP/1.1\r\n" HOST END, HTTP_REASON_VERB, 400);
	expect_error("GE\tT / HTTP/1.1\r\n" HOST END, HTTP_REASON_VERB, 400);
	expect_error("G(T / HTTP/1.1\r\n" HOST END, HTTP_REASON_VERB, 400);
	expect_error("GET\r\n" HOST END, HTTP_REASON_VERB, 400);
	expect_error("\x16\x03\x01\x02", HTTP_REASON_VERB, 400);
	expect_error("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		     "AAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" HOST END,
		     HTTP_REASON_VERB, 400);
	expect_error("GET  / HTTP/1.1\r\n" HOST END, HTTP_REASON_URL, 400);
	expect_error("GET /\t HTTP/1.1\r\n" HOST END, HTTP_REASON_URL, 400);
	expect_error("GET /a\x7f HTTP/1.1\r\n" HOST END, HTTP_REASON_URL, 400);
	expect_error("GET a HTTP/1.1\r\n" HOST END, HTTP_REASON_URL, 400);
	expect_error("GET ftp://a/ HTTP/1.1\r\n" HOST END, HTTP_REASON_URL,
		     400);
	expect_error("GET * HTTP/1.1\r\n" HOST END, HTTP_REASON_URL, 400);
	expect_error("OPTIONS ** HTTP/1.1\r\n" HOST END, HTTP_REASON_URL, 400);
	expect_error("GET http:///x HTTP/1.1\r\n" HOST END,
		     HTTP_REASON_HOSTNAME, 400);
	expect_error("GET http://u@h/x HTTP/1.1\r\n" HOST END,
		     HTTP_REASON_HOSTNAME, 400);
	expect_error("GET http://a:70000/ HTTP/1.1\r\n" HOST END,
		     HTTP_REASON_HOSTNAME, 400);
	expect_error("CONNECT a.example:443 HTTP/1.1\r\n" HOST END,
		     HTTP_REASON_NOT_IMPLEMENTED, 501);
	expect_error("GET / HTTP/1.1 \r\n" HOST END, HTTP_REASON_INVALID_CRLF,
		     400);
	expect_error("GET / HTTP/1.1\n" HOST END, HTTP_REASON_INVALID_CRLF,
		     400);
	expect_error("GET /\n" HOST END, HTTP_REASON_INVALID_CRLF, 400);
	expect_error("GET / HTTP/1.1\rX" HOST END, HTTP_REASON_INVALID_CRLF,
		     400);
	expect_error("GET / HTTP/1.1 HTTP/1.1\r\n" HOST END,
		     HTTP_REASON_INVALID_CRLF, 400);
	expect_error("GET / x HTTP/1.1\r\n" HOST END, HTTP_REASON_BAD_REQUEST,
		     400);
	expect_error("GET / http/1.1\r\n" HOST END, HTTP_REASON_BAD_REQUEST,
		     400);
	expect_error("GET / HTTP/a.1\r\n" HOST END, HTTP_REASON_BAD_REQUEST,
		     400);
	expect_error("GET / HTTP/1,1\r\n" HOST END, HTTP_REASON_BAD_REQUEST,
		     400);
}

static void
refuses_versions(void **unused)
{
	(void)unused;
	expect_error("GET /\r\n", HTTP_REASON_VERSION, 505);
	expect_error("GET / HTTP/0.9\r\n" HOST END, HTTP_REASON_VERSION, 505);
	expect_error("GET / HTTP/2.0\r\n" HOST END, HTTP_REASON_VERSION, 505);
	expect_error("GET / HTTP/3.1\r\n" HOST END, HTTP_REASON_VERSION, 505);
	expect_error("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_REASON_URL, 400);
}

static void
refuses_malformed_fields(void **unused)
{
	(void)unused;
	expect_error(GET "Host : a\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET "Host\t: a\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST " folded: x\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "A: b\r\n\tc\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET " Host: a\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST ": b\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "no colon\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "nocolon\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "nocolon\n" END, HTTP_REASON_INVALID_CRLF, 400);
	expect_error(GET HOST "a(b: c\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "a\xc3\xa4: c\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "A: b\x01\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "A: b\x7f\r\n" END, HTTP_REASON_HEADER, 400);
	expect_error(GET HOST "A: b\n" END, HTTP_REASON_INVALID_CRLF, 400);
	expect_error(GET HOST "A: b\rC: d\r\n" END, HTTP_REASON_INVALID_CRLF,
		     400);
	expect_error(GET HOST "A: b\r\r\n" END, HTTP_REASON_INVALID_CRLF, 400);
	expect_error(GET HOST "\n", HTTP_REASON_INVALID_CRLF, 400);
	expect_error(GET HOST "\rX", HTTP_REASON_INVALID_CRLF, 400);
	/* A well-known name gets no easier test. */
	expect_error(GET "Host\r: a\r\n" END, HTTP_REASON_HEADER, 400);
}

static void
refuses_nul(void **unused)
{
	static const char in_value[] = GET HOST "A: b\0c\r\n" END;
	static const char in_name[] = GET HOST "A\0b: c\r\n" END;
	static const char in_target[] = "GET /\0 HTTP/1.1\r\n" HOST END;
	struct outcome o;

	(void)unused;
	parse_all(&o, in_value, sizeof(in_value) - 1);
	assert_int_equal(o.result, HTTP_PARSE_ERROR);
	assert_int_equal(o.parser.reason, HTTP_REASON_HEADER);
	parse_all(&o, in_name, sizeof(in_name) - 1);
	assert_int_equal(o.result, HTTP_PARSE_ERROR);
	assert_int_equal(o.parser.reason, HTTP_REASON_HEADER);
	parse_all(&o, in_target, sizeof(in_target) - 1);
	assert_int_equal(o.result, HTTP_PARSE_ERROR);
	assert_int_equal(o.parser.reason, HTTP_REASON_URL);
}

static void
refuses_ambiguous_framing(void **unused)
{
	static const char *const bad[] = {
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		"Content-Length: 5\r\nContent-Length: 6\r\n",
		"Content-Length: 5\r\nContent-Length: 5\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked, chunked\r\n",
		"Transfer-Encoding: chunked, gzip\r\n",
		"Transfer-Encoding: chunked,\r\n",
		"Transfer-Encoding:\r\n",
		"Transfer-Encoding: ,\r\n",
	};
	static const char *const numbers[] = {
		"Content-Length: 5, 5\r\n",
		"Content-Length: 5,6\r\n",
		"Content-Length: +5\r\n",
		"Content-Length: -5\r\n",
		"Content-Length: 5 5\r\n",
		"Content-Length: 0x5\r\n",
		"Content-Length: 5.0\r\n",
		"Content-Length:\r\n",
		"Content-Length: 9223372036854775808\r\n",
		"Content-Length: 18446744073709551621\r\n",
		"Content-Length: 99999999999999999999999999\r\n",
	};
	static const char *const unknown[] = {
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: identity\r\n",
		"Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding: chunked;x=y\r\n",
		"Transfer-Encoding: \"chunked\"\r\n",
		"Transfer-Encoding: chunk ed\r\n",
	};
	char text[512];
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n%s%s\r\n",
			 HOST, bad[i]);
		expect_error(text, HTTP_REASON_HEADER, 400);
	}
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n%s%s\r\n",
			 HOST, numbers[i]);
		expect_error(text, HTTP_REASON_NUMBER, 400);
	}
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n%s%s\r\n",
			 HOST, unknown[i]);
		expect_error(text, HTTP_REASON_NOT_IMPLEMENTED, 501);
	}
	expect_error("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END,
		     HTTP_REASON_HEADER, 400);
	expect_error("POST / HTTP/1.1\r\n" HOST
		     "Transfer-Encoding : chunked\r\n" END,
		     HTTP_REASON_HEADER, 400);
	expect_error("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
		     "chunked\r\n" END,
		     HTTP_REASON_HEADER, 400);
}

static void
refuses_bad_hosts(void **unused)
{
	static const char *const hosts[] = {
		"Host:\r\n",
		"Host: \r\n",
		"Host: a\r\nHost: a\r\n",
		"Host: a\r\nhost: b\r\n",
		"Host: a b\r\n",
		"Host: a,b\r\n",
		"Host: a/b\r\n",
		"Host: a@b\r\n",
		"Host: a%41\r\n",
		"Host: .a\r\n",
		"Host: a..b\r\n",
		"Host: .\r\n",
		"Host: a:b\r\n",
		"Host: a:0\r\n",
		"Host: a:65536\r\n",
		"Host: a:-1\r\n",
		"Host: a:1:2\r\n",
		"Host: ::1\r\n",
		"Host: [::1\r\n",
		"Host: [::g]\r\n",
		"Host: [::1]x\r\n",
		"Host: [fe80::1%25eth0]\r\n",
		"Host: []\r\n",
		"Host: :80\r\n",
		"Host: a\xc3\xa4\r\n",
		"X: no host at all\r\n",
	};
	char text[512];
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		snprintf(text, sizeof(text), GET "%s\r\n", hosts[i]);
		expect_error(text, HTTP_REASON_HOSTNAME, 400);
	}
	expect_error("GET http://a/ HTTP/1.1\r\n" END, HTTP_REASON_HOSTNAME,
		     400);
	expect_error("GET http://a/ HTTP/1.1\r\nHost: b c\r\n" END,
		     HTTP_REASON_HOSTNAME, 400);
}

static void
accepts_good_hosts(void **unused)
{
	static const struct {
		const char *field;
		const char *host;
		uint16_t port;
	} cases[] = {
		{ "localhost", "localhost", 0 },
		{ "a_b.Example.com.", "a_b.Example.com", 0 },
		{ "a.:80", "a", 80 },
		{ "127.0.0.1:65535", "127.0.0.1", 65535 },
		{ "[2001:db8::1]:8080", "[2001:db8::1]", 8080 },
		{ "[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", 0 },
		{ "a:", "a", 0 },
		{ "a:0080", "a", 80 },
	};
	char text[512];
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o;

		snprintf(text, sizeof(text), GET "Host: %s\r\n\r\n",
			 cases[i].field);
		expect_done(&o, text);
		assert_text(text, o.head.host_offset, o.head.host_length,
			    cases[i].host);
		assert_int_equal(o.head.port, cases[i].port);
	}
}

static void
refuses_expectations(void **unused)
{
	(void)unused;
	expect_error(GET HOST "Expect: miracles\r\n" END, HTTP_REASON_HEADER,
		     417);
}

/* Fills `out` with a request whose request line has `target` bytes of path
 * and whose one field beside Host has `value` bytes. */
static void
sized_request(char *out, size_t target, size_t value)
{
	char *p = out;

	p += snprintf(p, 8, "GET /");
	memset(p, 'a', target - 1);
	p += target - 1;
	p += snprintf(p, 64, " HTTP/1.1\r\n" HOST "X: ");
	memset(p, 'b', value);
	p += value;
	memcpy(p, "\r\n\r\n", 5);
}

static void
keeps_to_its_limits(void **unused)
{
	static char text[8192];
	struct outcome o;
	/* "GET " target " HTTP/1.1\r\n", "X: " value "\r\n" */
	const size_t target = 100 - 4 - 11;
	const size_t value = 200 - 3 - 2;

	(void)unused;
	limits.request_line = 100;
	limits.field = 200;
	limits.head = 16384;
	sized_request(text, target, value);
	expect_done(&o, text);
	sized_request(text, target + 1, value);
	expect_error(text, HTTP_REASON_URL_LENGTH, 414);
	sized_request(text, target + 500, value);
	expect_error(text, HTTP_REASON_URL_LENGTH, 414);
	sized_request(text, target, value + 1);
	expect_error(text, HTTP_REASON_FIELD_LENGTH, 431);
	sized_request(text, target, value + 500);
	expect_error(text, HTTP_REASON_FIELD_LENGTH, 431);
	sized_request(text, target, value);
	limits.head = (uint32_t)strlen(text);
	expect_done(&o, text);
	limits.head--;
	expect_error(text, HTTP_REASON_REQUEST_LENGTH, 431);
	limits.head = 100;
	expect_error(text, HTTP_REASON_REQUEST_LENGTH, 431);
	limits = http_parser_limits_default;
	limits.fields = 3;
	expect_done(&o, GET HOST "A: b\r\nC: d\r\n" END);
	assert_int_equal(o.head.field_count, 3);
	expect_error(GET HOST "A: b\r\nC: d\r\nE: f\r\n" END,
		     HTTP_REASON_REQUEST_LENGTH, 431);
	limits = http_parser_limits_default;
}

static void
asks_for_length_when_told(void **unused)
{
	struct outcome o;

	(void)unused;
	expect_done(&o, "POST / HTTP/1.1\r\n" HOST END);
	limits.require_length = true;
	expect_error("POST / HTTP/1.1\r\n" HOST END,
		     HTTP_REASON_LENGTH_REQUIRED, 411);
	expect_done(&o, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" END);
	expect_done(&o, GET HOST END);
	limits.require_length = false;
}

/* A head may move to another place between calls. */
static void
head_survives_a_copy(void **unused)
{
	const char *text = GET HOST "User-Agent: me\r\nAccept: x\r\n" END;
	struct outcome whole, moved;
	struct http_parsed_head other;
	size_t length = strlen(text);
	size_t n;

	(void)unused;
	parse_whole(&whole, text, length);
	start(&moved);
	for (n = 0; n <= length; n++) {
		moved.result = feed(&moved, text, n);
		if (moved.result != HTTP_PARSE_MORE || n < 4)
			continue;
		memset(&other, 0x5a, sizeof(other));
		http_parsed_head_copy(&other, &moved.head);
		/* The name that has been read and waits for its value. */
		memset(&moved.head, 0xa5, sizeof(moved.head));
		http_parsed_head_copy(&moved.head, &other);
	}
	assert_same(&whole, &moved);
}

/* Random bytes with many of the significant ones: whatever the verdict is,
 * all ways of cutting come to it. */
static void
verdict_does_not_depend_on_cuts(void **unused)
{
	static const char *const pieces[] = { "GET ",
					      "/",
					      " HTTP/1.1",
					      "\r\n",
					      "Host: a",
					      "Content-Length: 1",
					      ":",
					      " ",
					      "\t",
					      "\r",
					      "\n",
					      "\r\n\r\n",
					      "Transfer-Encoding: chunked",
					      "x",
					      "http://b",
					      "\x80",
					      "Connection: close",
					      "?",
					      "HTTP/1.0" };
	unsigned seed = 1;
	int round, i;

	(void)unused;
	limits.request_line = 60;
	limits.field = 50;
	limits.head = 120;
	limits.fields = 5;
	for (round = 0; round < 3000; round++) {
		char text[400] = "";
		struct outcome o;

		if (round % 2 != 0)
			strncat(text, GET HOST, sizeof(text) - 1);
		for (i = 0; i < 12; i++) {
			seed = seed * 1103515245u + 12345u;
			strncat(text,
				pieces[(seed >> 16) %
				       (sizeof(pieces) / sizeof(pieces[0]))],
				sizeof(text) - strlen(text) - 1);
		}
		parse_all(&o, text, strlen(text));
	}
	limits = http_parser_limits_default;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_simple_request),
		cmocka_unit_test(reads_body_framing),
		cmocka_unit_test(reads_connection_options),
		cmocka_unit_test(reads_target_forms),
		cmocka_unit_test(skips_blank_lines),
		cmocka_unit_test(keeps_unknown_methods),
		cmocka_unit_test(stops_at_the_end_of_the_head),
		cmocka_unit_test(refuses_request_lines),
		cmocka_unit_test(refuses_versions),
		cmocka_unit_test(refuses_malformed_fields),
		cmocka_unit_test(refuses_nul),
		cmocka_unit_test(refuses_ambiguous_framing),
		cmocka_unit_test(refuses_bad_hosts),
		cmocka_unit_test(accepts_good_hosts),
		cmocka_unit_test(refuses_expectations),
		cmocka_unit_test(keeps_to_its_limits),
		cmocka_unit_test(asks_for_length_when_told),
		cmocka_unit_test(head_survives_a_copy),
		cmocka_unit_test(verdict_does_not_depend_on_cuts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
