/* SPDX-License-Identifier: Apache-2.0
 *
 * Incremental decoder of the chunked transfer coding.  A state per byte of
 * the grammar; only payload is passed over in one go.
 *
 * Strict: no white space around the size but before an extension, where RFC 9112
 * section 7.1.1 wants it to be understood, no bare LF or CR anywhere, no sign,
 * no "0x", at most 16 digits and INT64_MAX in value.  Proxies that disagree
 * about any of these are what request smuggling is made of.
 */
#include "core/http/chunked.h"

#include <string.h>

#include "core/base/buffer.h"
#include "core/http/chars.h"
#include "core/http/limits.h"

enum state {
	STATE_SIZE,
	STATE_SIZE_BLANK, /* behind the size */
	STATE_EXTENSION,
	STATE_SIZE_LF,
	STATE_DATA,
	STATE_DATA_CR,
	STATE_DATA_LF,
	STATE_TRAILER, /* at the start of a line */
	STATE_TRAILER_NAME,
	STATE_TRAILER_VALUE,
	STATE_TRAILER_LF,
	STATE_END_LF,
	STATE_DONE,
	STATE_FAILED
};

void
http_chunked_init(struct http_chunked *state)
{
	memset(state, 0, sizeof(*state));
}

static bool
fail(struct http_chunked *s, enum http_reason reason)
{
	s->state = STATE_FAILED;
	s->reason = reason;
	return false;
}

static bool
expect(struct http_chunked *s, char c, char wanted, unsigned next)
{
	if (c != wanted)
		return fail(s, HTTP_REASON_INVALID_CRLF);
	s->state = (uint8_t)next;
	return true;
}

static bool
size_byte(struct http_chunked *s, char c)
{
	int digit = http_hex_value(c);

	if (digit >= 0) {
		if (++s->digits > 16 || s->remaining > (INT64_MAX >> 4))
			return fail(s, HTTP_REASON_NUMBER);
		s->remaining = s->remaining << 4 | (uint64_t)digit;
		return true;
	}
	if (s->digits == 0)
		return fail(s, HTTP_REASON_NUMBER);
	if (c == '\r') {
		s->state = STATE_SIZE_LF;
		return true;
	}
	if (c == '\n')
		return fail(s, HTTP_REASON_INVALID_CRLF);
	if (c != ';' && c != ' ' && c != '\t')
		return fail(s, HTTP_REASON_NUMBER);
	s->state = c == ';' ? STATE_EXTENSION : STATE_SIZE_BLANK;
	s->line_bytes = 0;
	return true;
}

static bool
extension_byte(struct http_chunked *s, char c)
{
	if (s->state == STATE_SIZE_BLANK && c == ';') {
		s->state = STATE_EXTENSION;
	} else if (s->state == STATE_SIZE_BLANK && c != ' ' && c != '\t') {
		return fail(s, c == '\n' ? HTTP_REASON_INVALID_CRLF :
					   HTTP_REASON_NUMBER);
	} else if (c == '\r') {
		s->state = STATE_SIZE_LF;
		return true;
	}
	if (c == '\n')
		return fail(s, HTTP_REASON_INVALID_CRLF);
	if (!http_char_is(c, HTTP_CHAR_VALUE))
		return fail(s, HTTP_REASON_BAD_REQUEST);
	if (++s->line_bytes > HTTP_CHUNK_LINE_BYTES_MAX ||
	    ++s->extension_bytes > HTTP_CHUNK_EXTENSION_BYTES_MAX)
		return fail(s, HTTP_REASON_REQUEST_LENGTH);
	return true;
}

static bool
trailer_keep(struct http_chunked *s, char c)
{
	if (s->trailers == NULL ||
	    buffer_append_char(s->trailers, c) == PORTICO_OK)
		return true;
	return fail(s, HTTP_REASON_REQUEST_LENGTH);
}

static bool
trailer_byte(struct http_chunked *s, char c)
{
	if (++s->trailer_bytes > HTTP_TRAILER_BYTES_MAX)
		return fail(s, HTTP_REASON_REQUEST_LENGTH);
	if ((s->state != STATE_TRAILER || c != '\r') && !trailer_keep(s, c))
		return false;
	if (c == '\n')
		return fail(s, HTTP_REASON_INVALID_CRLF);
	if (s->state == STATE_TRAILER_VALUE) {
		if (c == '\r')
			s->state = STATE_TRAILER_LF;
		else if (!http_char_is(c, HTTP_CHAR_VALUE))
			return fail(s, HTTP_REASON_HEADER);
		return true;
	}
	if (s->state == STATE_TRAILER && c == '\r') {
		s->state = STATE_END_LF;
		return true;
	}
	if (s->state == STATE_TRAILER_NAME && c == ':') {
		s->state = STATE_TRAILER_VALUE;
		return true;
	}
	if (!http_char_is(c, HTTP_CHAR_TOKEN))
		return fail(s, HTTP_REASON_HEADER);
	s->state = STATE_TRAILER_NAME;
	return true;
}

static void
size_complete(struct http_chunked *s)
{
	s->state = s->remaining == 0 ? STATE_TRAILER : STATE_DATA;
	s->digits = 0;
}

/* One byte outside the payload. False after an error. */
static bool
step(struct http_chunked *s, char c)
{
	switch ((enum state)s->state) {
	case STATE_SIZE:
		return size_byte(s, c);
	case STATE_SIZE_BLANK:
	case STATE_EXTENSION:
		return extension_byte(s, c);
	case STATE_SIZE_LF:
		if (!expect(s, c, '\n', STATE_DATA))
			return false;
		size_complete(s);
		return true;
	case STATE_DATA_CR:
		return expect(s, c, '\r', STATE_DATA_LF);
	case STATE_DATA_LF:
		return expect(s, c, '\n', STATE_SIZE);
	case STATE_TRAILER:
	case STATE_TRAILER_NAME:
	case STATE_TRAILER_VALUE:
		return trailer_byte(s, c);
	case STATE_TRAILER_LF:
		return expect(s, c, '\n', STATE_TRAILER) && trailer_keep(s, c);
	case STATE_END_LF:
		return expect(s, c, '\n', STATE_DONE);
	case STATE_DATA:
	case STATE_DONE:
	case STATE_FAILED:
		break;
	}
	return false;
}

static size_t
take_payload(struct http_chunked *s, const char *data, size_t length,
	     struct portico_slice *payload_r)
{
	size_t n = length;

	if (n > s->remaining)
		n = (size_t)s->remaining;
	s->remaining -= n;
	s->total += n;
	if (s->remaining == 0)
		s->state = STATE_DATA_CR;
	*payload_r = (struct portico_slice){ data, n };
	return n;
}

enum http_chunked_result
http_chunked_decode(struct http_chunked *state, const char *data, size_t length,
		    size_t *consumed_r, struct portico_slice *payload_r)
{
	size_t at = 0;

	*payload_r = (struct portico_slice){ NULL, 0 };
	*consumed_r = 0;
	if (state->state == STATE_FAILED)
		return HTTP_CHUNKED_ERROR;
	while (at < length && state->state != STATE_DONE) {
		if (state->state == STATE_DATA) {
			at += take_payload(state, data + at, length - at,
					   payload_r);
			*consumed_r = at;
			return HTTP_CHUNKED_DATA;
		}
		if (!step(state, data[at])) {
			*consumed_r = at;
			return HTTP_CHUNKED_ERROR;
		}
		at++;
	}
	*consumed_r = at;
	return state->state == STATE_DONE ? HTTP_CHUNKED_DONE :
					    HTTP_CHUNKED_MORE;
}

size_t
http_chunk_head_write(uint64_t size, char out[HTTP_CHUNK_HEAD_MAX])
{
	int digits = size == 0 ? 1 : (67 - __builtin_clzll(size)) / 4;
	int i;

	for (i = digits - 1; i >= 0; i--, size >>= 4)
		out[i] = "0123456789abcdef"[size & 15];
	out[digits] = '\r';
	out[digits + 1] = '\n';
	return (size_t)digits + 2;
}
