/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a multipart/form-data message.
 *
 * A delimiter is CR LF "--" boundary; no boundary holds a CR.  So when bytes
 * that looked like the beginning of a delimiter turn out to be none, they are
 * data as a whole, and the search begins anew behind them: nothing has to be
 * looked at twice, and what was held back needs no memory, being equal to the
 * delimiter's own beginning.
 */
#include "core/http/multipart.h"

#include <string.h>

#include "core/base/check.h"
#include "core/http/multipart_priv.h"

enum state {
	STATE_BEGIN, /* before the first delimiter */
	STATE_FIRST, /* within it */
	STATE_DELIMITED, /* behind a delimiter: CR LF or "--" */
	STATE_DELIMITED_CR,
	STATE_DELIMITED_DASH,
	STATE_HEADER,
	STATE_DATA,
	STATE_CLOSED, /* behind the last: nothing, or CR LF */
	STATE_CLOSED_CR,
	STATE_CLOSED_LF,
	STATE_FAILED,
};

void
http_multipart_init(struct http_multipart *parser,
		    struct portico_slice boundary, char *storage,
		    uint32_t header_max, uint32_t parts_max,
		    uint64_t part_bytes_max)
{
	ASSERT(boundary.length <= HTTP_BOUNDARY_LENGTH_MAX);
	memset(parser, 0, sizeof(*parser));
	memcpy(parser->delimiter, "\r\n--", 4);
	memcpy(parser->delimiter + 4, boundary.data, boundary.length);
	parser->delimiter_length = (uint8_t)(4 + boundary.length);
	parser->header = storage;
	parser->header_max = header_max;
	parser->parts_max = parts_max;
	parser->part_bytes_max = part_bytes_max;
	parser->state = STATE_BEGIN;
}

static enum http_multipart_event
fail(struct http_multipart *parser, enum portico_status status)
{
	parser->state = STATE_FAILED;
	parser->status = status;
	return HTTP_MULTIPART_ERROR;
}

/* Takes as much of the delimiter as comes now; true: it is whole. */
static bool
match(struct http_multipart *parser, struct portico_slice *input)
{
	size_t i = 0;

	while (i < input->length &&
	       parser->matched < parser->delimiter_length &&
	       input->data[i] == parser->delimiter[parser->matched]) {
		parser->matched++;
		i++;
	}
	input->data += i;
	input->length -= i;
	return parser->matched == parser->delimiter_length;
}

/* ---- data -------------------------------------------------------------------- */

static enum http_multipart_event
give(struct http_multipart *parser, const char *data, size_t length,
     struct portico_slice *data_r)
{
	parser->part_bytes += length;
	if (parser->part_bytes_max != 0 &&
	    parser->part_bytes > parser->part_bytes_max)
		return fail(parser, PORTICO_TOO_LARGE);
	*data_r = (struct portico_slice){ data, length };
	return HTTP_MULTIPART_DATA;
}

/* Bytes before the next delimiter, or what may be the beginning of one at the
 * end of the input. */
static size_t
plain_length(const struct http_multipart *parser, struct portico_slice input)
{
	const char *at = input.data, *end = input.data + input.length;

	while (at < end) {
		size_t left, compared;

		at = memchr(at, '\r', (size_t)(end - at));
		if (at == NULL)
			return input.length;
		left = (size_t)(end - at);
		compared = left < parser->delimiter_length ?
				   left :
				   parser->delimiter_length;
		if (memcmp(at, parser->delimiter, compared) == 0)
			break;
		at++;
	}
	return (size_t)(at - input.data);
}

/* Input is not empty. */
static enum http_multipart_event
next_data(struct http_multipart *parser, struct portico_slice *input,
	  struct portico_slice *data_r)
{
	const char *begin = input->data;
	size_t length, skip;

	if (parser->matched == 0) {
		length = plain_length(parser, *input);
		if (length > 0) {
			input->data += length;
			input->length -= length;
			parser->fresh = false;
			return give(parser, begin, length, data_r);
		}
	}
	if (match(parser, input)) {
		/* Right behind the header, its line end would be the header's
		 * too: readers disagree about that. */
		if (parser->fresh)
			return fail(parser, PORTICO_SYNTAX);
		parser->state = STATE_DELIMITED;
		return HTTP_MULTIPART_PART_END;
	}
	if (input->length == 0)
		return HTTP_MULTIPART_MORE;
	/* It was none.  The CR LF before fresh data is not of the data. */
	skip = parser->fresh ? 2 : 0;
	length = parser->matched - skip;
	parser->matched = 0;
	parser->fresh = false;
	if (length == 0)
		return next_data(parser, input, data_r);
	return give(parser, parser->delimiter + skip, length, data_r);
}

/* ---- header ------------------------------------------------------------------- */

static enum http_multipart_event
begin_part(struct http_multipart *parser)
{
	enum portico_status status;

	if (++parser->parts > parser->parts_max)
		return fail(parser, PORTICO_TOO_LARGE);
	status = multipart_header_read(parser);
	if (status != PORTICO_OK)
		return fail(parser, status);
	parser->state = STATE_DATA;
	parser->part_bytes = 0;
	parser->fresh = true;
	parser->matched = 2; /* as if the empty line's end were a delimiter's */
	return HTTP_MULTIPART_PART;
}

static enum http_multipart_event
next_header(struct http_multipart *parser, struct portico_slice *input)
{
	while (input->length > 0) {
		uint32_t length = parser->header_length;

		if (length == parser->header_max)
			return fail(parser, PORTICO_TOO_LARGE);
		parser->header[length++] = *input->data++;
		input->length--;
		parser->header_length = length;
		if (length >= 4 &&
		    memcmp(parser->header + length - 4, "\r\n\r\n", 4) == 0)
			return begin_part(parser);
		/* No field at all: without a name it is no part of a form. */
		if (length == 2 && memcmp(parser->header, "\r\n", 2) == 0)
			return fail(parser, PORTICO_SYNTAX);
	}
	return HTTP_MULTIPART_MORE;
}

/* ---- between the parts ---------------------------------------------------------- */

/* One byte that leads to another state; false: it may not stand here. */
static bool
step(struct http_multipart *parser, char c)
{
	switch ((enum state)parser->state) {
	case STATE_DELIMITED:
		parser->state = c == '\r' ? STATE_DELIMITED_CR :
					    STATE_DELIMITED_DASH;
		return c == '\r' || c == '-';
	case STATE_DELIMITED_CR:
		parser->state = STATE_HEADER;
		parser->header_length = 0;
		return c == '\n';
	case STATE_DELIMITED_DASH:
		parser->state = STATE_CLOSED;
		return c == '-';
	case STATE_CLOSED:
		parser->state = STATE_CLOSED_CR;
		return c == '\r';
	case STATE_CLOSED_CR:
		parser->state = STATE_CLOSED_LF;
		return c == '\n';
	case STATE_CLOSED_LF:
	case STATE_BEGIN:
	case STATE_FIRST:
	case STATE_HEADER:
	case STATE_DATA:
	case STATE_FAILED:
		break;
	}
	return false;
}

static bool
first_delimiter(struct http_multipart *parser, struct portico_slice *input)
{
	if (parser->state == STATE_BEGIN) {
		/* One line end may stand before it. */
		parser->matched = input->data[0] == '-' ? 2 : 0;
		parser->state = STATE_FIRST;
	}
	if (match(parser, input))
		parser->state = STATE_DELIMITED;
	else if (input->length > 0)
		return false;
	return true;
}

enum http_multipart_event
http_multipart_next(struct http_multipart *parser, struct portico_slice *input,
		    struct portico_slice *data_r)
{
	while (input->length > 0) {
		enum http_multipart_event event = HTTP_MULTIPART_MORE;

		switch ((enum state)parser->state) {
		case STATE_BEGIN:
		case STATE_FIRST:
			if (!first_delimiter(parser, input))
				return fail(parser, PORTICO_SYNTAX);
			break;
		case STATE_HEADER:
			event = next_header(parser, input);
			break;
		case STATE_DATA:
			event = next_data(parser, input, data_r);
			break;
		case STATE_FAILED:
			return HTTP_MULTIPART_ERROR;
		case STATE_DELIMITED:
		case STATE_DELIMITED_CR:
		case STATE_DELIMITED_DASH:
		case STATE_CLOSED:
		case STATE_CLOSED_CR:
		case STATE_CLOSED_LF:
			if (!step(parser, input->data[0]))
				return fail(parser, PORTICO_SYNTAX);
			input->data++;
			input->length--;
			break;
		}
		if (event != HTTP_MULTIPART_MORE)
			return event;
	}
	return HTTP_MULTIPART_MORE;
}

enum portico_status
http_multipart_finish(struct http_multipart *parser)
{
	if (parser->state == STATE_CLOSED || parser->state == STATE_CLOSED_LF)
		return PORTICO_END;
	if (parser->state != STATE_FAILED)
		fail(parser, PORTICO_SYNTAX);
	return parser->status;
}
