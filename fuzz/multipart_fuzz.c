/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the multipart parser.  What it makes of a body does not depend
 * on how the body was cut into pieces; what it accepts agrees with a second,
 * slow and simple reader that looks at the whole body; and no byte is lost.
 * The first line of the input is the Content-Type.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http/multipart.h"
#include "fuzz/fuzz.h"

#define HEADER_MAX 512
#define PARTS_MAX 8
#define PART_BYTES_MAX 4096

/* What came out of one run: texts and data one after the other, each with its
 * kind and length before it. */
struct record {
	char *bytes;
	size_t length;
	enum portico_status status;
	size_t parts;
	struct {
		size_t data, length; /* in `bytes` */
	} part[PARTS_MAX];
};

static void
put(struct record *record, const void *data, size_t length)
{
	if (length > 0)
		memcpy(record->bytes + record->length, data, length);
	record->length += length;
}

static void
put_text(struct record *record, char kind, struct portico_slice text)
{
	put(record, &kind, 1);
	put(record, &text.length, sizeof(text.length));
	put(record, text.data, text.length);
	ASSERT(text.data == NULL || text.data[text.length] == '\0');
}

static void
on_event(struct record *record, const struct http_multipart *parser,
	 enum http_multipart_event event, struct portico_slice data)
{
	if (event == HTTP_MULTIPART_PART) {
		ASSERT(parser->name.data != NULL && record->parts < PARTS_MAX);
		put_text(record, 'n', parser->name);
		put_text(record, 'f', parser->filename);
		put_text(record, 't', parser->type);
		for (uint32_t i = 0; i < parser->field_count; i++) {
			put_text(record, 'F', parser->fields[i].name);
			put_text(record, 'V', parser->fields[i].value);
		}
		record->part[record->parts].data = record->length;
		record->part[record->parts++].length = 0;
	} else if (event == HTTP_MULTIPART_DATA) {
		ASSERT(data.length > 0);
		put(record, data.data, data.length);
		record->part[record->parts - 1].length += data.length;
	}
}

/* The body in pieces of `piece` bytes, each a copy of its own so that the
 * sanitizer sees what is read beyond it. */
static void
run(struct portico_slice boundary, struct portico_slice body, size_t piece,
    struct record *record)
{
	static char storage[HTTP_MULTIPART_STORAGE(HEADER_MAX)];
	struct http_multipart parser;

	http_multipart_init(&parser, boundary, storage, HEADER_MAX, PARTS_MAX,
			    PART_BYTES_MAX);
	record->length = record->parts = 0;
	record->status = PORTICO_OK;
	for (size_t at = 0; at < body.length; at += piece) {
		size_t length = body.length - at < piece ? body.length - at :
							   piece;
		char *copy = mem_dup(body.data + at, length);
		struct portico_slice input = { copy, length }, data;
		enum http_multipart_event event = HTTP_MULTIPART_MORE;

		while (input.length > 0 && event != HTTP_MULTIPART_ERROR) {
			event = http_multipart_next(&parser, &input, &data);
			on_event(record, &parser, event, data);
		}
		mem_free(copy);
		if (event == HTTP_MULTIPART_ERROR)
			break;
	}
	record->status = http_multipart_finish(&parser);
}

/* Each part of an accepted body ends at the first delimiter behind its
 * header, and is what lies between. */
static void
compare(struct portico_slice boundary, struct portico_slice body,
	const struct record *record)
{
	char delimiter[4 + HTTP_BOUNDARY_LENGTH_MAX];
	struct portico_slice mark = { delimiter, 4 + boundary.length };
	struct portico_slice rest = body;
	ptrdiff_t at;

	memcpy(delimiter, "\r\n--", 4);
	memcpy(delimiter + 4, boundary.data, boundary.length);
	rest = slice_skip(rest,
			  rest.data[0] == '\r' ? mark.length : mark.length - 2);
	for (size_t i = 0; i < record->parts; i++) {
		ASSERT(slice_starts_with(rest, PORTICO_SLICE("\r\n")));
		at = slice_find(rest, PORTICO_SLICE("\r\n\r\n"));
		ASSERT(at > 0);
		rest = slice_skip(rest, (size_t)at + 4);
		at = slice_find(rest, mark);
		ASSERT(at >= 0 && (size_t)at == record->part[i].length);
		ASSERT(memcmp(rest.data, record->bytes + record->part[i].data,
			      (size_t)at) == 0);
		rest = slice_skip(rest, (size_t)at + mark.length);
	}
	ASSERT(slice_equal(rest, PORTICO_SLICE("--")) ||
	       slice_equal(rest, PORTICO_SLICE("--\r\n")));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64, 1000 };
	struct portico_slice body = { (const char *)data, size };
	struct portico_slice line, boundary;
	struct record whole, cut;

	if (size > 65536)
		return 0;
	line = slice_split(&body, '\n');
	if (http_multipart_boundary(line, &boundary) != PORTICO_OK)
		return 0;
	ASSERT(boundary.length >= 1 &&
	       boundary.length <= HTTP_BOUNDARY_LENGTH_MAX);
	/* Texts are at most twice the header, and with each goes a length. */
	whole.bytes = mem_alloc(size * 4 + PARTS_MAX * 64 * 16);
	cut.bytes = mem_alloc(size * 4 + PARTS_MAX * 64 * 16);
	run(boundary, body, size + 1, &whole);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		run(boundary, body, pieces[i], &cut);
		ASSERT(cut.status == whole.status);
		/* Where it fails, a piece before may have been given out. */
		if (whole.status != PORTICO_END)
			continue;
		ASSERT(cut.length == whole.length &&
		       memcmp(cut.bytes, whole.bytes, cut.length) == 0);
	}
	if (whole.status == PORTICO_END)
		compare(boundary, body, &whole);
	mem_free(whole.bytes);
	mem_free(cut.bytes);
	return 0;
}
