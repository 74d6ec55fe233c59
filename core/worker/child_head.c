/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a child request: laid out as a parser would have found it, and
 * written by the writer that the listener uses.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/child_priv.h"
#include "core/worker/request.h"

struct making {
	struct portico_request *parent;
	const struct portico_child_options *options;
	struct buffer raw;
	struct http_parsed_head parsed;
	uint32_t field_bytes;
	enum portico_status status; /* of what was appended */
};

/* The bytes, and one that the writer makes a NUL. */
static uint32_t
append(struct making *making, struct portico_slice text)
{
	uint32_t offset = (uint32_t)making->raw.length;

	if (making->status == PORTICO_OK)
		making->status = buffer_append_slice(&making->raw, text);
	if (making->status == PORTICO_OK)
		making->status = buffer_append_char(&making->raw, ' ');
	return offset;
}

static bool
add_field(struct making *making, enum http_header_id id,
	  struct portico_slice name, struct portico_slice value)
{
	struct http_parsed_head *parsed = &making->parsed;
	struct http_field *field = &parsed->fields[parsed->field_count];

	if (making->status != PORTICO_OK)
		return false;
	if (parsed->field_count == HTTP_FIELDS_MAX ||
	    name.length > UINT16_MAX ||
	    name.length + value.length >
		    CHILD_FIELDS_BYTES_MAX - making->field_bytes) {
		making->status = PORTICO_TOO_LARGE;
		return false;
	}
	making->field_bytes += (uint32_t)(name.length + value.length);
	field->id = (uint16_t)id;
	field->name_offset = append(making, name);
	field->name_length = (uint16_t)name.length;
	field->value_offset = append(making, value);
	field->value_length = (uint32_t)value.length;
	parsed->field_count++;
	return making->status == PORTICO_OK;
}

/* ---- fields ------------------------------------------------------------------ */

static bool
is_given(const struct portico_child_options *options, struct portico_slice name)
{
	for (uint32_t i = 0; i < options->field_count; i++)
		if (slice_equal_nocase(options->fields[i].name, name))
			return true;
	return false;
}

/* About the message of the parent itself. */
static bool
is_own(enum http_header_id id, struct portico_slice name)
{
	if (field_is_framing(id))
		return true;
	switch ((int)id) {
	case HTTP_HEADER_HOST: /* is set in any case */
	case HTTP_HEADER_ACCEPT_ENCODING:
	case HTTP_HEADER_EXPECT:
	case HTTP_HEADER_RANGE:
	case HTTP_HEADER_TE:
		return true;
	}
	return (name.length > 3 && strncasecmp(name.data, "if-", 3) == 0) ||
	       (name.length > 8 && strncasecmp(name.data, "content-", 8) == 0);
}

static bool
inherit(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct making *making = arg;
	enum http_header_id id = http_header_find(name.data, name.length);

	if (is_own(id, name) || is_given(making->options, name))
		return true;
	return add_field(making, id, name, value);
}

static void
add_fields(struct making *making)
{
	const struct portico_child_options *options = making->options;
	struct portico_slice host;
	char length[24];

	if (fields_find(making->parent, PORTICO_SLICE("Host"), &host))
		add_field(making, HTTP_HEADER_HOST, PORTICO_SLICE("Host"),
			  host);
	for (uint32_t i = 0; i < options->field_count; i++) {
		const struct portico_child_field *one = &options->fields[i];
		enum http_header_id id;

		if (one->name.data == NULL || one->value.data == NULL ||
		    !field_is_sane(one->name, one->value, &id) ||
		    id == HTTP_HEADER_HOST) {
			making->status = PORTICO_INVALID;
			return;
		}
		add_field(making, id, one->name, one->value);
	}
	if ((options->flags & PORTICO_CHILD_INHERIT_FIELDS) != 0)
		fields_each(making->parent, inherit, making);
	if (options->body.length == 0)
		return;
	snprintf(length, sizeof(length), "%zu", options->body.length);
	add_field(making, HTTP_HEADER_CONTENT_LENGTH,
		  PORTICO_SLICE("Content-Length"), slice_from(length));
}

/* ---- method and target --------------------------------------------------------- */

static enum portico_status
add_line(struct making *making)
{
	const struct http_request_head *from = making->parent->head;
	struct portico_slice method = making->options->method;
	struct portico_slice target = making->options->target;
	struct http_parsed_head *parsed = &making->parsed;

	if (method.length == 0)
		method = PORTICO_SLICE("GET");
	if (method.length > HTTP_NAME_LENGTH_MAX || method.length > UINT8_MAX ||
	    !http_is_token(method.data, method.length))
		return PORTICO_INVALID;
	parsed->method = (uint8_t)http_method_find(method.data, method.length);
	if (parsed->method == HTTP_METHOD_CONNECT)
		return PORTICO_INVALID;
	if (target.length > REWRITE_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (target.length == 0 || target.data[0] != '/')
		return PORTICO_SYNTAX;
	parsed->start = append(making, method);
	parsed->method_length = (uint8_t)method.length;
	parsed->target_offset = append(making, target);
	parsed->target_length = (uint32_t)target.length;
	parsed->path_offset = parsed->target_offset;
	parsed->path_length = parsed->target_length;
	parsed->target_form = HTTP_TARGET_ORIGIN;
	parsed->minor = from->minor;
	parsed->keep_alive = true;
	parsed->content_length = making->options->body.length > 0 ?
					 making->options->body.length :
					 HTTP_LENGTH_NONE;
	return making->status;
}

static enum portico_status
write_head(struct making *making, struct arena *arena,
	   const struct http_request_head **head_r)
{
	const struct http_request_head *from = making->parent->head;
	const struct http_parsed_head *parsed = &making->parsed;
	struct portico_slice target = making->options->target;
	char *path = arena_try_alloc(arena, target.length + 1);
	struct portico_application *application;
	struct http_request_source source = {
		.raw = making->raw.data,
		.parsed = parsed,
		.client = &from->client,
		.server = &from->server,
		.request_id = from->request_id,
		.connection_id = from->connection_id,
		.flags = from->flags &
			 (HTTP_REQUEST_CLIENT_LOCAL | HTTP_REQUEST_WARMUP),
		.site_id = from->site_id,
		.pool_generation = from->pool_generation,
		.scheme = from->scheme,
		.major = from->major,
	};
	enum portico_status status;
	struct http_url url;
	size_t size;
	void *head;

	if (path == NULL)
		return PORTICO_NO_MEMORY;
	if (http_url_cook(target.data, target.length, path,
			  &http_url_limits_default, &url) != HTTP_REASON_NONE)
		return PORTICO_SYNTAX;
	source.url = &url;
	source.path = slice_make(path, url.path_length);
	status = rewrite_resolve(making->parent->application, source.path,
				 &application, &source.prefix_length);
	if (status != PORTICO_OK)
		return status;
	source.application_id = application->id;
	memcpy(source.deadlines, from->deadlines, sizeof(source.deadlines));
	memcpy(source.times, from->times, sizeof(source.times));
	size = http_request_head_write(&source, NULL, 0);
	head = arena_try_alloc(arena, size);
	if (head == NULL)
		return PORTICO_NO_MEMORY;
	http_request_head_write(&source, head, size);
	DIAG(http_request_head_is_valid(head, size));
	*head_r = head;
	return PORTICO_OK;
}

enum portico_status
child_head_make(struct portico_request *parent,
		const struct portico_child_options *options,
		struct arena *arena, const struct http_request_head **head_r)
{
	struct portico_slice host = { "", 0 };
	struct making making;
	enum portico_status status;

	memset(&making, 0, offsetof(struct making, parsed.fields));
	making.field_bytes = 0;
	making.status = PORTICO_OK;
	making.parent = parent;
	making.options = options;
	buffer_init(&making.raw, 2 * CHILD_FIELDS_BYTES_MAX);
	status = add_line(&making);
	if (status == PORTICO_OK) {
		add_fields(&making);
		if (parent->head->host.length > 0)
			host = http_request_head_slice(parent->head,
						       parent->head->host);
		making.parsed.host_offset = append(&making, host);
		making.parsed.host_length = (uint32_t)host.length;
		making.parsed.port = parent->head->host_port;
		making.parsed.length = (uint32_t)making.raw.length;
		status = making.status;
	}
	if (status == PORTICO_OK)
		status = write_head(&making, arena, head_r);
	buffer_fini(&making.raw);
	return status;
}
