/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the request parser and what follows it.  The first byte says
 * how the rest is cut; the verdict must be that of the uncut input, the
 * offsets must lie inside, and the request head that is made of it must hold
 * together.  What comes after the head is decoded as a chunked body, whole
 * and in pieces.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http/chunked.h"
#include "core/http/parser.h"
#include "core/http/request_head.h"
#include "core/http/url.h"
#include "fuzz/fuzz.h"

struct outcome {
	enum http_parse_result result;
	struct http_parser parser;
	struct http_parsed_head head;
};

/* Small ones, so that inputs of a usual length meet them. */
static const struct http_parser_limits small_limits = { .request_line = 200,
							.field = 100,
							.head = 600,
							.fields = 12 };

static enum http_parse_result
feed(struct outcome *o, const uint8_t *data, size_t length)
{
	/* A new place each time, ending where the bytes end. */
	char *copy = mem_alloc(length + (length == 0));
	enum http_parse_result result;

	memcpy(copy, data, length);
	result = http_parser_execute(&o->parser, &o->head, copy, length);
	mem_free(copy);
	return result;
}

static void
parse(struct outcome *o, const uint8_t *data, size_t size, size_t step,
      const struct http_parser_limits *limits)
{
	size_t n = 0;

	memset(o, 0, sizeof(*o));
	http_parser_init(&o->parser, limits);
	do {
		n = size - n < step ? size : n + step;
		o->result = feed(o, data, n);
	} while (o->result == HTTP_PARSE_MORE && n < size);
}

static void
compare(const struct outcome *a, const struct outcome *b)
{
	ASSERT(a->result == b->result);
	if (a->result == HTTP_PARSE_ERROR) {
		ASSERT(a->parser.status == b->parser.status);
		ASSERT(a->parser.reason == b->parser.reason);
		ASSERT(a->parser.status >= 400 && a->parser.status <= 505);
	}
	if (a->result == HTTP_PARSE_DONE)
		ASSERT(memcmp(&a->head, &b->head,
			      offsetof(struct http_parsed_head, fields) +
				      a->head.field_count *
					      sizeof(a->head.fields[0])) == 0);
}

static void
check_request_head(const struct outcome *o, const uint8_t *data)
{
	static const struct http_address nowhere;
	const struct http_parsed_head *parsed = &o->head;
	struct http_request_source source = { .raw = (const char *)data,
					      .parsed = parsed,
					      .client = &nowhere,
					      .server = &nowhere };
	char *path = mem_alloc(parsed->path_length + 1);
	struct http_url url;
	size_t size;
	void *block;

	if (parsed->target_form == HTTP_TARGET_ASTERISK) {
		source.path = PORTICO_SLICE("*");
	} else if (http_url_cook((const char *)data + parsed->path_offset,
				 parsed->path_length, path,
				 &http_url_limits_default,
				 &url) == HTTP_REASON_NONE) {
		source.path = (struct portico_slice){ path, url.path_length };
		source.url = &url;
	} else {
		mem_free(path);
		return;
	}
	size = http_request_head_write(&source, NULL, 0);
	block = mem_alloc(size);
	ASSERT(http_request_head_write(&source, block, size) == size);
	ASSERT(http_request_head_is_valid(block, size));
	mem_free(block);
	mem_free(path);
}

struct body {
	enum http_chunked_result result;
	enum http_reason reason;
	uint64_t total;
	uint64_t hash;
	size_t used;
};

static void
decode(struct body *b, const uint8_t *data, size_t size, size_t step)
{
	struct http_chunked state;
	struct portico_slice payload;
	size_t used, i, at = 0;

	memset(b, 0, sizeof(*b));
	http_chunked_init(&state);
	while (at < size && (b->result == HTTP_CHUNKED_MORE ||
			     b->result == HTTP_CHUNKED_DATA)) {
		size_t n = size - at < step ? size - at : step;
		char *piece = mem_dup(data + at, n);

		b->result =
			http_chunked_decode(&state, piece, n, &used, &payload);
		ASSERT(used <= n && payload.length <= used);
		ASSERT(used > 0 || b->result == HTTP_CHUNKED_ERROR);
		for (i = 0; i < payload.length; i++)
			b->hash = b->hash * 31 + (uint8_t)payload.data[i];
		at += used;
		mem_free(piece);
	}
	if (b->result == HTTP_CHUNKED_DATA)
		b->result = HTTP_CHUNKED_MORE;
	b->reason = state.reason;
	b->total = state.total;
	b->used = at;
}

static void
check_body(const uint8_t *data, size_t size, size_t step)
{
	struct body whole, cut;

	decode(&whole, data, size, size == 0 ? 1 : size);
	decode(&cut, data, size, step);
	ASSERT(whole.result == cut.result && whole.reason == cut.reason);
	ASSERT(whole.total == cut.total && whole.hash == cut.hash);
	ASSERT(whole.used == cut.used);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, cut;
	const struct http_parser_limits *limits;
	size_t step;

	if (size < 1 || size > 20000)
		return 0;
	limits = data[0] & 0x80 ? &small_limits : &http_parser_limits_default;
	step = (data[0] & 0x7f) + 1u;
	data++;
	size--;
	parse(&whole, data, size, size + 1, limits);
	parse(&cut, data, size, step, limits);
	compare(&whole, &cut);
	if (whole.result != HTTP_PARSE_DONE) {
		check_body(data, size, step);
		return 0;
	}
	ASSERT(whole.head.length <= size);
	check_request_head(&whole, data);
	check_body(data + whole.head.length, size - whole.head.length, step);
	return 0;
}
