/* SPDX-License-Identifier: Apache-2.0
 *
 * The incremental HTTP/1.x request parser: one small function per state.
 *
 * Invariant: every function judges bytes strictly in order and stops only
 * at `parser->position`, so the verdict cannot depend on where the input was
 * cut.  No function looks past its line's limit, for the same reason: with a
 * limit of n, byte n + 1 is never seen, whether it has arrived or not.
 */
#include "core/http/parser.h"

#include <string.h>

#include "core/http/chars.h"
#include "core/http/method.h"
#include "core/http/parser_priv.h"

enum state {
	STATE_BLANK, /* before the request line */
	STATE_METHOD,
	STATE_TARGET,
	STATE_VERSION,
	STATE_FIELDS, /* at the start of a field line, or the empty line */
	STATE_NAME,
	STATE_VALUE_SPACE,
	STATE_VALUE,
	STATE_DONE,
	STATE_FAILED
};

const struct http_parser_limits http_parser_limits_default =
	HTTP_PARSER_LIMITS_DEFAULT;

void
http_parser_init(struct http_parser *parser,
		 const struct http_parser_limits *limits)
{
	memset(parser, 0, sizeof(*parser));
	parser->limits = limits;
}

bool
http_parser_is_idle(const struct http_parser *parser)
{
	return parser->state == STATE_BLANK;
}

enum http_parse_result
http_parser_fail(struct http_parser *parser, enum http_reason reason,
		 unsigned status)
{
	parser->state = STATE_FAILED;
	parser->reason = reason;
	if (status == 0)
		status = http_reason_status(reason);
	parser->status = (uint16_t)status;
	return HTTP_PARSE_ERROR;
}

static enum http_parse_result
fail(struct http_parser *parser, enum http_reason reason)
{
	return http_parser_fail(parser, reason, 0);
}

static void
head_reset(struct http_parsed_head *head)
{
	memset(head, 0, offsetof(struct http_parsed_head, fields));
	head->content_length = HTTP_LENGTH_NONE;
}

/* Where the current line may reach: `length` or its limit. */
static uint32_t
line_end(const struct http_parser *parser, uint32_t length, uint32_t limit)
{
	uint32_t room = length - parser->line;

	return room < limit ? length : parser->line + limit;
}

/* Everything up to `at` is judged and the bytes ran out at `end`: is that a
 * limit, or have more to come?  `length` was cut to the limit of the whole
 * head before, so `end` cannot pass it. */
static enum http_parse_result
starved(struct http_parser *parser, uint32_t at, uint32_t end, uint32_t limit,
	enum http_reason reason)
{
	parser->position = at;
	if (end - parser->line >= limit)
		return fail(parser, reason);
	if (end >= parser->limits->head)
		return fail(parser, HTTP_REASON_REQUEST_LENGTH);
	return HTTP_PARSE_MORE;
}

/* RFC 9112 section 2.2: a few empty lines before the request line. */
static enum http_parse_result
read_blank(struct http_parser *parser, struct http_parsed_head *head,
	   const char *data, uint32_t length)
{
	uint32_t at = parser->position;

	for (; at < length; at += 2) {
		if (data[at] == '\n')
			return fail(parser, HTTP_REASON_INVALID_CRLF);
		if (data[at] != '\r')
			break;
		if (at + 1 == length)
			break;
		if (data[at + 1] != '\n')
			return fail(parser, HTTP_REASON_INVALID_CRLF);
		if (++parser->blank_lines > HTTP_BLANK_LINES_MAX)
			return fail(parser, HTTP_REASON_BAD_REQUEST);
	}
	parser->position = at;
	parser->line = at;
	if (at == length || data[at] == '\r')
		return length < parser->limits->head ?
			       HTTP_PARSE_MORE :
			       fail(parser, HTTP_REASON_REQUEST_LENGTH);
	head_reset(head);
	head->start = at;
	parser->state = STATE_METHOD;
	return HTTP_PARSE_DONE;
}

static enum http_parse_result
read_method(struct http_parser *parser, struct http_parsed_head *head,
	    const char *data, uint32_t length)
{
	const uint32_t limit = parser->limits->request_line;
	uint32_t end = line_end(parser, length, limit);
	uint32_t at = parser->position;

	while (at < end && http_char_is(data[at], HTTP_CHAR_TOKEN)) {
		if (at - parser->line == HTTP_METHOD_LENGTH_MAX)
			return fail(parser, HTTP_REASON_VERB);
		at++;
	}
	if (at == end)
		return starved(parser, at, end, limit, HTTP_REASON_URL_LENGTH);
	if (data[at] != ' ' || at == parser->line)
		return fail(parser, HTTP_REASON_VERB);
	head->method_length = (uint8_t)(at - parser->line);
	head->method = (uint8_t)http_method_find(data + parser->line,
						 head->method_length);
	parser->position = at + 1;
	parser->mark = at + 1;
	parser->state = STATE_TARGET;
	return HTTP_PARSE_DONE;
}

static enum http_parse_result
read_target(struct http_parser *parser, struct http_parsed_head *head,
	    const char *data, uint32_t length)
{
	const uint32_t limit = parser->limits->request_line;
	uint32_t end = line_end(parser, length, limit);
	uint32_t at = (uint32_t)(http_scan_target(data + parser->position,
						  data + end) -
				 data);

	if (at == end)
		return starved(parser, at, end, limit, HTTP_REASON_URL_LENGTH);
	switch (data[at]) {
	case ' ':
		break;
	case '\r': /* HTTP/0.9 has no version */
		if (at + 1 == end)
			return starved(parser, at, end, limit,
				       HTTP_REASON_URL_LENGTH);
		return fail(parser, data[at + 1] == '\n' ?
					    HTTP_REASON_VERSION :
					    HTTP_REASON_INVALID_CRLF);
	case '\n':
		return fail(parser, HTTP_REASON_INVALID_CRLF);
	default:
		return fail(parser, HTTP_REASON_URL);
	}
	head->target_offset = parser->mark;
	head->target_length = at - parser->mark;
	if (http_parser_target(parser, head, data) != HTTP_PARSE_DONE)
		return HTTP_PARSE_ERROR;
	parser->position = at + 1;
	parser->mark = at + 1;
	parser->state = STATE_VERSION;
	return HTTP_PARSE_DONE;
}

/* The byte `i` of `text`, "HTTP/1.x" CR LF.  Another version is told from what
 * is none by its two digits. */
static enum http_parse_result
judge_version_byte(struct http_parser *parser, struct http_parsed_head *head,
		   uint32_t i, const char *text)
{
	static const char form[] = "HTTP/d.d\r\n";
	char c = text[i];

	if (form[i] == 'd') {
		if (!http_char_is(c, HTTP_CHAR_DIGIT))
			return fail(parser, HTTP_REASON_BAD_REQUEST);
		if (i == 7 && text[5] != '1')
			return fail(parser, HTTP_REASON_VERSION);
		head->minor = c == '0' ? 0 : 1;
		return HTTP_PARSE_DONE;
	}
	if (c == form[i])
		return HTTP_PARSE_DONE;
	return fail(parser, i > 7 || c == '\n' ? HTTP_REASON_INVALID_CRLF :
						 HTTP_REASON_BAD_REQUEST);
}

static enum http_parse_result
read_version(struct http_parser *parser, struct http_parsed_head *head,
	     const char *data, uint32_t length)
{
	const uint32_t limit = parser->limits->request_line;
	uint32_t end = line_end(parser, length, limit);
	uint32_t at = parser->position;

	if (at == parser->mark && end - at >= 10 &&
	    memcmp(data + at, "HTTP/1.1\r\n", 10) == 0) {
		head->minor = 1;
		at += 10;
	}
	for (; at - parser->mark < 10; at++) {
		if (at == end)
			return starved(parser, at, end, limit,
				       HTTP_REASON_URL_LENGTH);
		if (judge_version_byte(parser, head, at - parser->mark,
				       data + parser->mark) != HTTP_PARSE_DONE)
			return HTTP_PARSE_ERROR;
	}
	parser->position = at;
	parser->line = at;
	parser->state = STATE_FIELDS;
	return HTTP_PARSE_DONE;
}

/* The first byte of a field line, or the empty line that ends the head. */
static enum http_parse_result
read_line_start(struct http_parser *parser, struct http_parsed_head *head,
		const char *data, uint32_t length)
{
	const uint32_t limit = parser->limits->field;
	uint32_t at = parser->position;
	uint32_t end = line_end(parser, length, limit);

	if (at == end)
		return starved(parser, at, end, limit,
			       HTTP_REASON_FIELD_LENGTH);
	switch (data[at]) {
	case '\r':
		if (at + 1 == end)
			return starved(parser, at, end, limit,
				       HTTP_REASON_FIELD_LENGTH);
		if (data[at + 1] != '\n')
			return fail(parser, HTTP_REASON_INVALID_CRLF);
		head->length = at + 2;
		parser->position = at + 2;
		parser->state = STATE_DONE;
		return http_parser_finish(parser, head);
	case '\n':
		return fail(parser, HTTP_REASON_INVALID_CRLF);
	case ' ':
	case '\t': /* obs-fold, or white space before the first field */
		return fail(parser, HTTP_REASON_HEADER);
	}
	if (head->field_count == parser->limits->fields ||
	    head->field_count == HTTP_FIELDS_MAX)
		return fail(parser, HTTP_REASON_REQUEST_LENGTH);
	parser->state = STATE_NAME;
	return HTTP_PARSE_DONE;
}

/*
 * A name that the table knows is a token without a second look.  Anything
 * else is judged byte by byte, and comes to the same end if it is fed so.
 */
static enum http_parse_result
read_name(struct http_parser *parser, struct http_parsed_head *head,
	  const char *data, uint32_t length)
{
	const uint32_t limit = parser->limits->field;
	struct http_field *field = &head->fields[head->field_count];
	uint32_t start = parser->line;
	uint32_t end = line_end(parser, length, limit);
	uint32_t at = parser->position;
	enum http_header_id id = HTTP_HEADER_UNKNOWN;

	if (at == start) {
		const char *colon = http_scan_colon(data + at, data + end);

		if (colon != NULL)
			id = http_header_find(data + at,
					      (size_t)(colon - data) - at);
		if (id != HTTP_HEADER_UNKNOWN)
			at = (uint32_t)(colon - data);
	}
	if (id == HTTP_HEADER_UNKNOWN) {
		while (at < end && http_char_is(data[at], HTTP_CHAR_TOKEN)) {
			if (at - start == HTTP_NAME_LENGTH_MAX)
				return fail(parser, HTTP_REASON_FIELD_LENGTH);
			at++;
		}
		if (at == end)
			return starved(parser, at, end, limit,
				       HTTP_REASON_FIELD_LENGTH);
		if (data[at] == '\n')
			return fail(parser, HTTP_REASON_INVALID_CRLF);
		if (data[at] != ':' || at == start)
			return fail(parser, HTTP_REASON_HEADER);
		id = http_header_find(data + start, at - start);
	}
	field->name_offset = start;
	field->name_length = (uint16_t)(at - start);
	field->id = (uint16_t)id;
	parser->position = at + 1;
	parser->state = STATE_VALUE_SPACE;
	return HTTP_PARSE_DONE;
}

static enum http_parse_result
read_value_space(struct http_parser *parser, const char *data, uint32_t length)
{
	const uint32_t limit = parser->limits->field;
	uint32_t end = line_end(parser, length, limit);
	uint32_t at = parser->position;

	while (at < end && (data[at] == ' ' || data[at] == '\t'))
		at++;
	if (at == end)
		return starved(parser, at, end, limit,
			       HTTP_REASON_FIELD_LENGTH);
	parser->position = at;
	parser->mark = at;
	parser->state = STATE_VALUE;
	return HTTP_PARSE_DONE;
}

static enum http_parse_result
read_value(struct http_parser *parser, struct http_parsed_head *head,
	   const char *data, uint32_t length)
{
	const uint32_t limit = parser->limits->field;
	struct http_field *field = &head->fields[head->field_count];
	uint32_t end = line_end(parser, length, limit);
	uint32_t at = (uint32_t)(http_scan_value(data + parser->position,
						 data + end) -
				 data);
	uint32_t last = at;

	if (at == end || (data[at] == '\r' && at + 1 == end))
		return starved(parser, at, end, limit,
			       HTTP_REASON_FIELD_LENGTH);
	if (data[at] == '\n' || (data[at] == '\r' && data[at + 1] != '\n'))
		return fail(parser, HTTP_REASON_INVALID_CRLF);
	if (data[at] != '\r')
		return fail(parser, HTTP_REASON_HEADER);
	while (last > parser->mark &&
	       (data[last - 1] == ' ' || data[last - 1] == '\t'))
		last--;
	field->value_offset = parser->mark;
	field->value_length = last - parser->mark;
	head->field_count++;
	parser->position = at + 2;
	parser->line = at + 2;
	parser->state = STATE_FIELDS;
	if (http_parser_wants_field(field->id))
		return http_parser_field(parser, head, data, field);
	return HTTP_PARSE_DONE;
}

static enum http_parse_result
step(struct http_parser *parser, struct http_parsed_head *head,
     const char *data, uint32_t length)
{
	switch ((enum state)parser->state) {
	case STATE_BLANK:
		return read_blank(parser, head, data, length);
	case STATE_METHOD:
		return read_method(parser, head, data, length);
	case STATE_TARGET:
		return read_target(parser, head, data, length);
	case STATE_VERSION:
		return read_version(parser, head, data, length);
	case STATE_FIELDS:
		return read_line_start(parser, head, data, length);
	case STATE_NAME:
		return read_name(parser, head, data, length);
	case STATE_VALUE_SPACE:
		return read_value_space(parser, data, length);
	case STATE_VALUE:
		return read_value(parser, head, data, length);
	case STATE_DONE:
		return HTTP_PARSE_DONE;
	case STATE_FAILED:
		break;
	}
	return HTTP_PARSE_ERROR;
}

enum http_parse_result
http_parser_execute(struct http_parser *parser, struct http_parsed_head *head,
		    const char *data, size_t length)
{
	enum http_parse_result result = HTTP_PARSE_DONE;
	uint32_t cut = parser->limits->head;

	if (length < cut)
		cut = (uint32_t)length;
	while (result == HTTP_PARSE_DONE && parser->state != STATE_DONE)
		result = step(parser, head, data, cut);
	return result;
}

void
http_parsed_head_copy(struct http_parsed_head *to,
		      const struct http_parsed_head *from)
{
	/* And the one whose name has been read but not its value. */
	unsigned count = from->field_count < HTTP_FIELDS_MAX ?
				 from->field_count + 1u :
				 HTTP_FIELDS_MAX;

	memcpy(to, from,
	       offsetof(struct http_parsed_head, fields) +
		       count * sizeof(from->fields[0]));
}
