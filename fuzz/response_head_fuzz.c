/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the reader of response heads, as if the whole input came from
 * a hostile worker.  What is accepted must be one well-formed HTTP/1.1 head
 * whose lines all have a token, a colon and no control byte, and the emitter
 * must agree with the plain walk over the fields.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http/chars.h"
#include "core/http/date.h"
#include "core/http/response_head.h"
#include "fuzz/fuzz.h"

static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";

/* Lines as a client would cut them. Returns their number. */
static unsigned
check_lines(const char *out, size_t n)
{
	const char *p = out, *end = out + n;
	unsigned lines = 0;

	ASSERT(n > 15 && memcmp(out, "HTTP/1.1 ", 9) == 0);
	for (;;) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		const char *colon;

		ASSERT(line_end != NULL && line_end > out &&
		       line_end[-1] == '\r');
		if (line_end - p == 1)
			break;
		ASSERT(http_scan_value(p, line_end) == line_end - 1);
		if (lines++ > 0) {
			colon = memchr(p, ':', (size_t)(line_end - p));
			ASSERT(colon != NULL);
			ASSERT(http_is_token(p, (size_t)(colon - p)));
		}
		p = line_end + 1;
	}
	/* The blank line is the end of what was written. */
	ASSERT(p + 2 == end);
	return lines - 1;
}

static int
walk(const char *copy, size_t size, bool upgrade, unsigned *count_r,
     unsigned *skipped_r)
{
	struct http_response_cursor cursor = { 0, 0 };
	struct http_response_slice field;
	struct http_response_info info;
	int result;

	*count_r = *skipped_r = 0;
	result = http_response_head_open(copy, size, upgrade, &info);
	if (result < 0)
		return result;
	do {
		result = http_response_head_next(copy, &cursor, &field);
		/* Not emitted if no trailers can follow. */
		if (result > 0 && field.id != HTTP_HEADER_TRAILER)
			++*count_r;
		if (result > 0 && field.id == HTTP_HEADER_TRAILER)
			++*skipped_r;
	} while (result > 0);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_emit_options options = { .server = "Portico",
					     .server_length = 7 };
	struct http_response_info info;
	unsigned walked, skipped, emitted;
	size_t bound;
	char *copy, *out;
	ssize_t n;
	int fault;

	if (size < 1)
		return 0;
	options.minor = data[0] & 1;
	options.keep_alive = data[0] & 2;
	options.head_request = data[0] & 4;
	options.allow_upgrade = data[0] & 8;
	options.date = data[0] & 16 ? date : NULL;
	data++;
	size--;
	bound = http_response_head_emit_bound(size, &options);
	copy = mem_alloc(size + (size == 0));
	out = mem_alloc(bound);
	memcpy(copy, data, size);
	n = http_response_head_emit_h1(copy, size, &options, out, bound, &info);
	fault = walk(copy, size, options.allow_upgrade, &walked, &skipped);
	if (n >= 0) {
		ASSERT(fault == 0);
		emitted = check_lines(out, (size_t)n);
		ASSERT(emitted >= walked && emitted <= walked + skipped + 4);
		ASSERT(info.size <= size);
		ASSERT(info.status == 101 ||
		       (info.status >= 200 && info.status <= 599));
	} else {
		ASSERT(n != HTTP_RESPONSE_FAULT_ROOM);
		/* Only a 101 without Upgrade passes the walk. */
		ASSERT(fault == n || n == HTTP_RESPONSE_FAULT_PROTOCOL);
		ASSERT(http_response_fault_text((int)n)[0] != '\0');
	}
	mem_free(copy);
	mem_free(out);
	return 0;
}
