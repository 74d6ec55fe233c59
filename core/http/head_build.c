/* SPDX-License-Identifier: Apache-2.0
 *
 * See head_build.h.
 */
#include "core/http/head_build.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/http/parser_priv.h"

void
http_head_build_init(struct http_head_build *build, struct http_parser *parser,
		     struct http_parsed_head *head, char *data,
		     uint32_t capacity)
{
	*build = (struct http_head_build){
		.parser = parser,
		.head = head,
		.data = data,
		.capacity = capacity,
		.cookie = -1,
	};
	memset(head, 0, offsetof(struct http_parsed_head, fields));
	head->content_length = HTTP_LENGTH_NONE;
}

static bool
fail(struct http_head_build *build, enum http_reason reason)
{
	(void)http_parser_fail(build->parser, reason, 0);
	return false;
}

/* With its NUL; returns where it lies. */
static uint32_t
put(struct http_head_build *build, struct portico_slice text)
{
	uint32_t at = build->used;

	ASSERT(text.length < build->capacity - at);
	if (text.length > 0)
		memcpy(build->data + at, text.data, text.length);
	build->data[at + text.length] = '\0';
	build->used = at + (uint32_t)text.length + 1;
	build->head->length = build->used;
	return at;
}

/* ---- what comes first -------------------------------------------------------- */

/* Of RFC 6455: 16 bytes, which need not be secret, nor differ. */
#define WEBSOCKET_KEY "UG9ydGljby1vdmVyLWgyIQ=="

/* What put_upgrade() adds, besides the protocol; and GET. */
#define UPGRADE_FIELDS_BYTES                                                   \
	(sizeof("connection upgrade upgrade sec-websocket-key GET") +          \
	 sizeof(WEBSOCKET_KEY) + 16)

size_t
http_head_build_first_room(const struct http_head_build *build,
			   const struct http_head_first *first)
{
	size_t room = build->used + first->method.length + first->path.length +
		      first->authority.length + sizeof("host") + 4;

	if (first->protocol.data != NULL)
		room += first->protocol.length + UPGRADE_FIELDS_BYTES;
	return room;
}

static bool
put_target(struct http_head_build *build, struct portico_slice path)
{
	struct http_parsed_head *head = build->head;
	const char *end;

	if (path.length > build->parser->limits->request_line)
		return fail(build, HTTP_REASON_URL_LENGTH);
	head->target_offset = put(build, path);
	head->target_length = (uint32_t)path.length;
	end = build->data + head->target_offset + path.length;
	if (http_scan_target(build->data + head->target_offset, end) != end)
		return fail(build, HTTP_REASON_URL);
	/* A scheme and an authority have fields of their own. */
	if (path.length > 0 && path.data[0] != '/' && path.data[0] != '*')
		return fail(build, HTTP_REASON_URL);
	return http_parser_target(build->parser, head, build->data) ==
	       HTTP_PARSE_DONE;
}

/* What an upgrade of HTTP/1 would have said. */
static bool
put_upgrade(struct http_head_build *build, struct portico_slice protocol)
{
	build->tunnel = true;
	if (!http_head_build_field(build, PORTICO_SLICE("connection"),
				   PORTICO_SLICE("upgrade")) ||
	    !http_head_build_field(build, PORTICO_SLICE("upgrade"), protocol))
		return false;
	return !slice_equal_nocase(protocol, PORTICO_SLICE("websocket")) ||
	       http_head_build_field(build, PORTICO_SLICE("sec-websocket-key"),
				     PORTICO_SLICE(WEBSOCKET_KEY));
}

bool
http_head_build_first(struct http_head_build *build,
		      const struct http_head_first *first)
{
	struct http_parsed_head *head = build->head;
	/* The method is CONNECT then: core/http2/message.c. */
	struct portico_slice method = first->protocol.data != NULL ?
					      PORTICO_SLICE("GET") :
					      first->method;

	ASSERT(build->used == 0);
	if (method.length > HTTP_METHOD_LENGTH_MAX ||
	    !http_is_token(method.data, method.length))
		return fail(build, HTTP_REASON_VERB);
	(void)put(build, method);
	head->method_length = (uint8_t)method.length;
	head->method = (uint8_t)http_method_find(method.data, method.length);
	if (!put_target(build, first->path))
		return false;
	if (first->authority.data != NULL) {
		build->has_authority = http_head_build_field(
			build, PORTICO_SLICE("host"), first->authority);
		if (!build->has_authority)
			return false;
	}
	return first->protocol.data == NULL ||
	       put_upgrade(build, first->protocol);
}

/* ---- fields -------------------------------------------------------------------- */

size_t
http_head_build_field_room(const struct http_head_build *build,
			   struct portico_slice name,
			   struct portico_slice value)
{
	size_t room = build->used + name.length + value.length + 4;

	/* What there is of it may have to move behind the rest. */
	if (build->cookie >= 0)
		room += build->head->fields[build->cookie].value_length;
	return room;
}

/* RFC 9113 section 8.3.1: a Host that says something else is a fault. */
static bool
same_host(struct http_head_build *build, struct portico_slice value)
{
	const struct http_field *host = &build->head->fields[0];

	if (http_equal_nocase(build->data + host->value_offset,
			      host->value_length, value.data, value.length))
		return true;
	return fail(build, HTTP_REASON_HOSTNAME);
}

/* RFC 9113 section 8.2.3: the pieces are joined by "; ". */
static bool
add_cookie(struct http_head_build *build, struct portico_slice value)
{
	struct http_field *field = &build->head->fields[build->cookie];
	uint32_t end = field->value_offset + field->value_length;

	if (end + 1 != build->used) {
		struct portico_slice old = { build->data + field->value_offset,
					     field->value_length };

		field->value_offset = put(build, old);
		end = field->value_offset + field->value_length;
	}
	if (field->value_length + value.length + 2 >
	    build->parser->limits->field)
		return fail(build, HTTP_REASON_FIELD_LENGTH);
	memcpy(build->data + end, "; ", 2);
	build->used = end + 2;
	(void)put(build, value);
	field->value_length += 2 + (uint32_t)value.length;
	return true;
}

static bool
field_is_sane(struct http_head_build *build, struct portico_slice name,
	      struct portico_slice value)
{
	const struct http_parser_limits *limits = build->parser->limits;
	const char *end = value.data + value.length;

	if (name.length > HTTP_NAME_LENGTH_MAX ||
	    name.length + value.length + 4 > limits->field)
		return fail(build, HTTP_REASON_FIELD_LENGTH);
	if (!http_is_token(name.data, name.length) ||
	    (value.length > 0 && http_scan_value(value.data, end) != end))
		return fail(build, HTTP_REASON_HEADER);
	return true;
}

bool
http_head_build_field(struct http_head_build *build, struct portico_slice name,
		      struct portico_slice value)
{
	const struct http_parser_limits *limits = build->parser->limits;
	struct http_parsed_head *head = build->head;
	enum http_header_id id = http_header_find(name.data, name.length);
	struct http_field *field = &head->fields[head->field_count];

	if (!field_is_sane(build, name, value))
		return false;
	if (http_head_build_field_room(build, name, value) > limits->head)
		return fail(build, HTTP_REASON_REQUEST_LENGTH);
	if (id == HTTP_HEADER_COOKIE && build->cookie >= 0)
		return add_cookie(build, value);
	if (id == HTTP_HEADER_HOST && build->has_authority)
		return same_host(build, value);
	if (head->field_count == limits->fields ||
	    head->field_count == HTTP_FIELDS_MAX)
		return fail(build, HTTP_REASON_REQUEST_LENGTH);
	field->name_offset = put(build, name);
	field->name_length = (uint16_t)name.length;
	field->id = (uint16_t)id;
	field->value_offset = put(build, value);
	field->value_length = (uint32_t)value.length;
	if (id == HTTP_HEADER_COOKIE)
		build->cookie = (int16_t)head->field_count;
	head->field_count++;
	/* Expect has a meaning from HTTP/1.1 on; the version is set below. */
	head->minor = 1;
	return !http_parser_wants_field((uint16_t)id) ||
	       http_parser_field(build->parser, head, build->data, field) ==
		       HTTP_PARSE_DONE;
}

bool
http_head_build_end(struct http_head_build *build, bool ended)
{
	struct http_parsed_head *head = build->head;
	enum http_parse_result result;

	head->minor = 1;
	result = http_parser_finish(build->parser, head);
	head->minor = 0; /* HTTP/2.0 */
	if (result != HTTP_PARSE_DONE)
		return false;
	head->keep_alive = true;
	head->upgrade = build->tunnel && !ended;
	if (ended || build->tunnel)
		head->expect_continue = false;
	else if (head->content_length == HTTP_LENGTH_NONE)
		head->chunked = true; /* that is: of unknown length */
	return true;
}
