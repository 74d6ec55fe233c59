/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pieces of a request head mean: the target's form, and the fields
 * that decide where the message ends and whom it is for.  Everything that
 * could be read in two ways is refused here.
 */
#include "core/http/parser_priv.h"

#include <portico/types.h>

#include "core/http/chars.h"
#include "core/http/host.h"
#include "core/http/method.h"

static enum http_parse_result
fail(struct http_parser *parser, enum http_reason reason)
{
	return http_parser_fail(parser, reason, 0);
}

/* "http://authority/path" (RFC 9112 section 3.2.2): the authority replaces
 * the Host field. */
static enum http_parse_result
absolute_target(struct http_parser *parser, struct http_parsed_head *head,
		const char *data)
{
	const char *target = data + head->target_offset;
	uint32_t length = head->target_length;
	uint32_t start, end;

	if (length >= 7 && http_equal_nocase(target, 7, "http://", 7)) {
		start = 7;
	} else if (length >= 8 && http_equal_nocase(target, 8, "https://", 8)) {
		start = 8;
		head->absolute_https = true;
	} else {
		return fail(parser, HTTP_REASON_URL);
	}
	for (end = start; end < length; end++)
		if (target[end] == '/' || target[end] == '?' ||
		    target[end] == '#')
			break;
	if (!http_host_parse(target + start, end - start, &head->host_length,
			     &head->port))
		return fail(parser, HTTP_REASON_HOSTNAME);
	head->host_offset = head->target_offset + start;
	head->path_offset = head->target_offset + end;
	head->path_length = length - end;
	head->target_form = HTTP_TARGET_ABSOLUTE;
	return HTTP_PARSE_DONE;
}

enum http_parse_result
http_parser_target(struct http_parser *parser, struct http_parsed_head *head,
		   const char *data)
{
	const char *target = data + head->target_offset;

	if (head->method == HTTP_METHOD_CONNECT)
		return fail(parser, HTTP_REASON_NOT_IMPLEMENTED);
	if (head->target_length == 0)
		return fail(parser, HTTP_REASON_URL);
	if (target[0] != '/' && target[0] != '*')
		return absolute_target(parser, head, data);
	head->path_offset = head->target_offset;
	head->path_length = head->target_length;
	if (target[0] == '*') {
		if (head->target_length != 1 ||
		    head->method != HTTP_METHOD_OPTIONS)
			return fail(parser, HTTP_REASON_URL);
		head->target_form = HTTP_TARGET_ASTERISK;
	}
	return HTTP_PARSE_DONE;
}

static enum http_parse_result
field_host(struct http_parser *parser, struct http_parsed_head *head,
	   const char *data, const struct http_field *field)
{
	const char *value = data + field->value_offset;
	uint32_t length;
	uint16_t port;

	if (head->seen & SEEN_HOST)
		return fail(parser, HTTP_REASON_HOSTNAME);
	head->seen |= SEEN_HOST;
	if (!http_host_parse(value, field->value_length, &length, &port))
		return fail(parser, HTTP_REASON_HOSTNAME);
	if (head->target_form == HTTP_TARGET_ABSOLUTE)
		return HTTP_PARSE_DONE;
	head->host_offset = field->value_offset;
	head->host_length = length;
	head->port = port;
	return HTTP_PARSE_DONE;
}

/* Digits and nothing else; once; at most INT64_MAX.  A list of equal numbers
 * is allowed to be repaired by RFC 9110 section 8.6; we refuse it. */
static enum http_parse_result
field_content_length(struct http_parser *parser, struct http_parsed_head *head,
		     const char *data, const struct http_field *field)
{
	const char *value = data + field->value_offset;
	uint64_t number = 0;
	uint32_t i;

	if (head->seen & SEEN_CONTENT_LENGTH)
		return fail(parser, HTTP_REASON_HEADER);
	head->seen |= SEEN_CONTENT_LENGTH;
	if (field->value_length == 0)
		return fail(parser, HTTP_REASON_NUMBER);
	for (i = 0; i < field->value_length; i++) {
		if (!http_char_is(value[i], HTTP_CHAR_DIGIT))
			return fail(parser, HTTP_REASON_NUMBER);
		if (number > (INT64_MAX - (uint64_t)(value[i] - '0')) / 10)
			return fail(parser, HTTP_REASON_NUMBER);
		number = number * 10 + (uint64_t)(value[i] - '0');
	}
	head->content_length = number;
	return HTTP_PARSE_DONE;
}

/* Takes the next member of a comma-separated list (RFC 9110 section 5.6.1).
 * False at the end; empty members are skipped. */
static bool
next_member(const char **p, const char *end, struct portico_slice *member_r)
{
	const char *start, *last;

	while (*p < end && (**p == ',' || **p == ' ' || **p == '\t'))
		(*p)++;
	if (*p == end)
		return false;
	start = *p;
	while (*p < end && **p != ',')
		(*p)++;
	last = *p;
	while (last > start && (last[-1] == ' ' || last[-1] == '\t'))
		last--;
	*member_r = (struct portico_slice){ start, (size_t)(last - start) };
	return true;
}

/* "chunked", once, alone.  A coding that we do not know is 501 if chunked
 * still delimits the body; otherwise its end cannot be known and it is 400
 * (RFC 9112 section 6.3). */
static enum http_parse_result
field_transfer_encoding(struct http_parser *parser,
			struct http_parsed_head *head, const char *data,
			const struct http_field *field)
{
	const char *value = data + field->value_offset;
	const char *end = value + field->value_length;
	struct portico_slice member;
	unsigned chunked = 0, others = 0;
	bool last = false;

	if (head->seen & SEEN_TRANSFER_ENCODING)
		return fail(parser, HTTP_REASON_HEADER);
	head->seen |= SEEN_TRANSFER_ENCODING;
	if (http_equal_nocase(value, field->value_length, "chunked", 7)) {
		head->chunked = true;
		return HTTP_PARSE_DONE;
	}
	while (next_member(&value, end, &member)) {
		last = http_equal_nocase(member.data, member.length, "chunked",
					 7);
		if (last)
			chunked++;
		else
			others++;
	}
	if (others == 0 || chunked > 1 || (chunked == 1 && !last))
		return fail(parser, HTTP_REASON_HEADER);
	return fail(parser, HTTP_REASON_NOT_IMPLEMENTED);
}

static enum http_parse_result
field_connection(struct http_parsed_head *head, const char *data,
		 const struct http_field *field)
{
	const char *value = data + field->value_offset;
	const char *end = value + field->value_length;
	struct portico_slice m;

	while (next_member(&value, end, &m)) {
		if (http_equal_nocase(m.data, m.length, "close", 5))
			head->connection |= CONNECTION_CLOSE;
		else if (http_equal_nocase(m.data, m.length, "keep-alive", 10))
			head->connection |= CONNECTION_KEEP_ALIVE;
		else if (http_equal_nocase(m.data, m.length, "upgrade", 7))
			head->connection |= CONNECTION_UPGRADE;
	}
	return HTTP_PARSE_DONE;
}

/* RFC 9110 section 10.1.1. HTTP/1.0 knows no Expect: it is ignored there. */
static enum http_parse_result
field_expect(struct http_parser *parser, struct http_parsed_head *head,
	     const char *data, const struct http_field *field)
{
	if (head->minor == 0)
		return HTTP_PARSE_DONE;
	if (!http_equal_nocase(data + field->value_offset, field->value_length,
			       "100-continue", 12))
		return http_parser_fail(parser, HTTP_REASON_HEADER, 417);
	head->expect_continue = true;
	return HTTP_PARSE_DONE;
}

enum http_parse_result
http_parser_field(struct http_parser *parser, struct http_parsed_head *head,
		  const char *data, const struct http_field *field)
{
	switch (field->id) {
	case HTTP_HEADER_HOST:
		return field_host(parser, head, data, field);
	case HTTP_HEADER_CONTENT_LENGTH:
		return field_content_length(parser, head, data, field);
	case HTTP_HEADER_TRANSFER_ENCODING:
		return field_transfer_encoding(parser, head, data, field);
	case HTTP_HEADER_CONNECTION:
		return field_connection(head, data, field);
	case HTTP_HEADER_EXPECT:
		return field_expect(parser, head, data, field);
	case HTTP_HEADER_UPGRADE:
		head->seen |= SEEN_UPGRADE;
		break;
	}
	return HTTP_PARSE_DONE;
}

static bool
lacks_length(const struct http_parsed_head *head)
{
	return head->minor > 0 &&
	       !(head->seen & (SEEN_CONTENT_LENGTH | SEEN_TRANSFER_ENCODING)) &&
	       (head->method == HTTP_METHOD_POST ||
		head->method == HTTP_METHOD_PUT ||
		head->method == HTTP_METHOD_PATCH);
}

enum http_parse_result
http_parser_finish(struct http_parser *parser, struct http_parsed_head *head)
{
	/* RFC 9112 section 6.1: both at once is an attack or a broken
	 * proxy, and HTTP/1.0 has no transfer codings. */
	if (head->chunked &&
	    ((head->seen & SEEN_CONTENT_LENGTH) || head->minor == 0))
		return fail(parser, HTTP_REASON_HEADER);
	if (head->minor > 0 && !(head->seen & SEEN_HOST))
		return fail(parser, HTTP_REASON_HOSTNAME);
	if (parser->limits->require_length && lacks_length(head))
		return fail(parser, HTTP_REASON_LENGTH_REQUIRED);
	if (head->connection & CONNECTION_CLOSE)
		head->keep_alive = false;
	else
		head->keep_alive = head->minor > 0 ||
				   (head->connection & CONNECTION_KEEP_ALIVE);
	head->upgrade = head->minor > 0 && (head->seen & SEEN_UPGRADE) &&
			(head->connection & CONNECTION_UPGRADE);
	return HTTP_PARSE_DONE;
}
