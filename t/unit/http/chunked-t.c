/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunked decoder: what it gives out, what it refuses, and that the way
 * its input is cut makes no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/base/memory.h"
#include "core/http/chunked.h"
#include "core/http/limits.h"

struct outcome {
	enum http_chunked_result result;
	enum http_reason reason;
	size_t used; /* input bytes up to the end of the body */
	size_t length;
	char body[70000];
	char trailers[HTTP_TRAILER_BYTES_MAX + 1]; /* that were kept */
};

/* Feeds pieces of `step` bytes, each in memory of its own. */
static void
decode(struct outcome *o, const char *text, size_t length, size_t step)
{
	struct http_chunked state;
	struct portico_slice payload;
	size_t at = 0, used;

	struct buffer trailers;

	http_chunked_init(&state);
	buffer_init(&trailers, HTTP_TRAILER_BYTES_MAX);
	state.trailers = &trailers;
	o->result = HTTP_CHUNKED_MORE;
	o->length = 0;
	while (at < length && (o->result == HTTP_CHUNKED_MORE ||
			       o->result == HTTP_CHUNKED_DATA)) {
		size_t n = length - at < step ? length - at : step;
		char *piece = mem_dup(text + at, n);

		o->result =
			http_chunked_decode(&state, piece, n, &used, &payload);
		assert_true(used <= n);
		if (o->result == HTTP_CHUNKED_DATA) {
			assert_true(payload.length > 0);
			assert_true(payload.data >= piece);
			assert_true(payload.data + payload.length ==
				    piece + used);
			memcpy(o->body + o->length, payload.data,
			       payload.length);
			o->length += payload.length;
		} else {
			assert_int_equal(payload.length, 0);
		}
		if (o->result == HTTP_CHUNKED_MORE)
			assert_int_equal(used, n);
		at += used;
		mem_free(piece);
	}
	if (o->result == HTTP_CHUNKED_DATA)
		o->result = HTTP_CHUNKED_MORE;
	assert_true(state.total == o->length);
	snprintf(o->trailers, sizeof(o->trailers), "%.*s", (int)trailers.length,
		 trailers.data);
	buffer_fini(&trailers);
	o->used = at;
	o->reason = state.reason;
}

static void
decode_all(struct outcome *o, const char *text, size_t length)
{
	static struct outcome other;
	size_t step;

	decode(o, text, length, length == 0 ? 1 : length);
	for (step = 1; step < length && step < 40; step++) {
		decode(&other, text, length, step);
		assert_int_equal(other.result, o->result);
		assert_int_equal(other.reason, o->reason);
		assert_int_equal(other.length, o->length);
		assert_memory_equal(other.body, o->body, o->length);
		assert_int_equal(other.used, o->used);
		assert_string_equal(other.trailers, o->trailers);
	}
}

static struct outcome o;

static void
expect_body(const char *text, const char *body, size_t left)
{
	decode_all(&o, text, strlen(text));
	assert_int_equal(o.result, HTTP_CHUNKED_DONE);
	assert_int_equal(o.length, strlen(body));
	assert_memory_equal(o.body, body, o.length);
	assert_int_equal(o.used, strlen(text) - left);
}

static void
expect_error(const char *text, enum http_reason reason)
{
	decode_all(&o, text, strlen(text));
	if (o.result != HTTP_CHUNKED_ERROR)
		print_error("in: %s\n", text);
	assert_int_equal(o.result, HTTP_CHUNKED_ERROR);
	assert_string_equal(http_reason_name(o.reason),
			    http_reason_name(reason));
}

static void
decodes_bodies(void **unused)
{
	(void)unused;
	expect_body("0\r\n\r\n", "", 0);
	expect_body("5\r\nhello\r\n0\r\n\r\n", "hello", 0);
	expect_body("5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", "hello world",
		    0);
	expect_body("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0);
	expect_body("a\r\n0123\r\n6789\r\n0\r\n\r\n", "0123\r\n6789", 0);
	expect_body("0000000000000001\r\nx\r\n0\r\n\r\n", "x", 0);
	expect_body("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "x", 16);
}

static void
skips_extensions(void **unused)
{
	(void)unused;
	expect_body("1;a=b\r\nx\r\n0;c=\"d e\"\r\n\r\n", "x", 0);
	expect_body("1;\r\nx\r\n0\r\n\r\n", "x", 0);
	expect_body("1\t ;a\r\nx\r\n0 ;b\r\n\r\n", "x", 0);
	expect_error("1;a\nx\r\n0\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("1;a\rx\r\n0\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("1;a\x01\r\nx\r\n0\r\n\r\n", HTTP_REASON_BAD_REQUEST);
}

static void
keeps_trailers(void **unused)
{
	(void)unused;
	expect_body("0\r\nA: b\r\nContent-Length: 7\r\n\r\nrest", "", 4);
	assert_string_equal(o.trailers, "A: b\r\nContent-Length: 7\r\n");
	expect_body("1\r\nx\r\n0\r\nEmpty:\r\n\r\n", "x", 0);
	assert_string_equal(o.trailers, "Empty:\r\n");
	expect_body("1\r\nx\r\n0\r\n\r\n", "x", 0);
	assert_string_equal(o.trailers, "");
	expect_error("0\r\n folded\r\n\r\n", HTTP_REASON_HEADER);
	expect_error("0\r\nA : b\r\n\r\n", HTTP_REASON_HEADER);
	expect_error("0\r\n: b\r\n\r\n", HTTP_REASON_HEADER);
	expect_error("0\r\nA\r\n\r\n", HTTP_REASON_HEADER);
	expect_error("0\r\nA: b\x01\r\n\r\n", HTTP_REASON_HEADER);
	expect_error("0\r\nA: b\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("0\r\nA: b\rC\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("0\r\n\n", HTTP_REASON_INVALID_CRLF);
	expect_error("0\r\n\rX", HTTP_REASON_INVALID_CRLF);
}

static void
refuses_sizes(void **unused)
{
	(void)unused;
	expect_error("\r\n", HTTP_REASON_NUMBER);
	expect_error(";a\r\n", HTTP_REASON_NUMBER);
	expect_error("g\r\n", HTTP_REASON_NUMBER);
	expect_error("-1\r\n", HTTP_REASON_NUMBER);
	expect_error("+1\r\n", HTTP_REASON_NUMBER);
	expect_error("0x1\r\n", HTTP_REASON_NUMBER);
	expect_error(" 1\r\n", HTTP_REASON_NUMBER);
	expect_error("1 \r\n", HTTP_REASON_NUMBER);
	expect_error("1\t\r\n", HTTP_REASON_NUMBER);
	expect_error("1 1\r\n", HTTP_REASON_NUMBER);
	expect_error("1_0\r\n", HTTP_REASON_NUMBER);
	expect_error("8000000000000000\r\n", HTTP_REASON_NUMBER);
	expect_error("ffffffffffffffff\r\n", HTTP_REASON_NUMBER);
	expect_error("10000000000000000\r\n", HTTP_REASON_NUMBER);
	expect_error("00000000000000001\r\nx\r\n", HTTP_REASON_NUMBER);
}

static void
refuses_stray_line_ends(void **unused)
{
	(void)unused;
	expect_error("1\nx\r\n0\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("1\rx\r\n0\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("1\r\nx\n0\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("1\r\nxy\r\n0\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("1\r\nx\rZ0\r\n\r\n", HTTP_REASON_INVALID_CRLF);
	expect_error("0\n\r\n", HTTP_REASON_INVALID_CRLF);
}

static void
bounds_what_it_skips(void **unused)
{
	static char text[70000];
	size_t n;
	char *p;

	(void)unused;
	n = (size_t)snprintf(text, 16, "1;");
	memset(text + n, 'e', HTTP_CHUNK_LINE_BYTES_MAX + 1);
	text[n + HTTP_CHUNK_LINE_BYTES_MAX + 1] = '\0';
	expect_error(text, HTTP_REASON_REQUEST_LENGTH);
	text[n + HTTP_CHUNK_LINE_BYTES_MAX] = '\0';
	decode_all(&o, text, strlen(text));
	assert_int_equal(o.result, HTTP_CHUNKED_MORE);
	/* One byte of payload and a large extension, again and again. */
	for (p = text; p < text + 50000;) {
		p += snprintf(p, 4, "1;");
		memset(p, 'e', 1000);
		p += 1000;
		p += snprintf(p, 8, "\r\nx\r\n");
	}
	expect_error(text, HTTP_REASON_REQUEST_LENGTH);
	n = (size_t)snprintf(text, 16, "0\r\nA: ");
	memset(text + n, 'v', HTTP_TRAILER_BYTES_MAX);
	text[n + HTTP_TRAILER_BYTES_MAX] = '\0';
	expect_error(text, HTTP_REASON_REQUEST_LENGTH);
}

static void
waits_for_the_rest(void **unused)
{
	static const char text[] = "5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n";
	size_t n;

	(void)unused;
	for (n = 0; n < sizeof(text) - 1; n++) {
		decode_all(&o, text, n);
		assert_int_equal(o.result, HTTP_CHUNKED_MORE);
	}
}

static void
writes_chunk_heads(void **unused)
{
	static const uint64_t sizes[] = { 0,	  1,	     15,	16,
					  255,	  256,	     4095,	65536,
					  123456, INT64_MAX, UINT64_MAX };
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char out[HTTP_CHUNK_HEAD_MAX], wanted[32];
		size_t n = http_chunk_head_write(sizes[i], out);

		snprintf(wanted, sizeof(wanted), "%llx\r\n",
			 (unsigned long long)sizes[i]);
		assert_int_equal(n, strlen(wanted));
		assert_memory_equal(out, wanted, n);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_bodies),
		cmocka_unit_test(skips_extensions),
		cmocka_unit_test(keeps_trailers),
		cmocka_unit_test(refuses_sizes),
		cmocka_unit_test(refuses_stray_line_ends),
		cmocka_unit_test(bounds_what_it_skips),
		cmocka_unit_test(waits_for_the_rest),
		cmocka_unit_test(writes_chunk_heads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
