/* SPDX-License-Identifier: Apache-2.0
 *
 * The one writer of request heads.
 */
#include "core/http/request_head.h"

#include <string.h>

#include "core/http/chars.h"

/* Where everything goes.  Measuring is computing this; writing follows it. */
struct layout {
	size_t raw; /* offset of the copied raw head */
	size_t raw_length;
	size_t path;
	size_t host;
	size_t tls;
	size_t size;
};

static void
layout_compute(const struct http_request_source *source, struct layout *l)
{
	const struct http_parsed_head *parsed = source->parsed;

	l->raw = sizeof(struct http_request_head) +
		 parsed->field_count * sizeof(struct http_field);
	l->raw_length = parsed->length - parsed->start;
	l->path = l->raw + l->raw_length;
	l->host = l->path + source->path.length + 1;
	l->tls = l->host + parsed->host_length + 1;
	l->size = l->tls + source->tls.length + (source->tls.length > 0);
}

static struct http_reference
reference(size_t offset, size_t length)
{
	return (struct http_reference){ (uint32_t)offset, (uint32_t)length };
}

static uint32_t
implied_flags(const struct http_request_source *source)
{
	const struct http_parsed_head *parsed = source->parsed;
	uint32_t flags = source->flags;

	if (parsed->chunked)
		flags |= HTTP_REQUEST_CHUNKED;
	if (parsed->keep_alive)
		flags |= HTTP_REQUEST_KEEP_ALIVE;
	if (parsed->expect_continue)
		flags |= HTTP_REQUEST_EXPECT_CONTINUE;
	if (http_parsed_may_upgrade(parsed))
		flags |= HTTP_REQUEST_UPGRADE;
	if (parsed->target_form == HTTP_TARGET_ASTERISK)
		flags |= HTTP_REQUEST_ASTERISK;
	if (parsed->target_form == HTTP_TARGET_ABSOLUTE)
		flags |= HTTP_REQUEST_ABSOLUTE;
	if (source->url != NULL && source->url->has_query)
		flags |= HTTP_REQUEST_HAS_QUERY;
	return flags;
}

static void
write_facts(struct http_request_head *head,
	    const struct http_request_source *source, const struct layout *l)
{
	const struct http_parsed_head *parsed = source->parsed;

	head->magic = HTTP_REQUEST_HEAD_MAGIC;
	head->version = HTTP_REQUEST_HEAD_VERSION;
	head->fixed_size = sizeof(*head);
	head->size = (uint32_t)l->size;
	head->flags = implied_flags(source);
	head->request_id = source->request_id;
	head->connection_id = source->connection_id;
	head->content_length = parsed->content_length;
	head->site_id = source->site_id;
	head->application_id = source->application_id;
	head->pool_generation = source->pool_generation;
	head->prefix_length = source->prefix_length;
	head->method = parsed->method;
	head->major = source->major;
	head->minor = parsed->minor;
	head->scheme = source->scheme;
	head->field_count = parsed->field_count;
	head->host_port = parsed->port;
	head->stream_id = source->stream_id;
	head->reserved = 0;
	head->client = *source->client;
	head->server = *source->server;
	memcpy(head->deadlines, source->deadlines, sizeof(head->deadlines));
	memcpy(head->times, source->times, sizeof(head->times));
}

/* Copies the raw head and cuts it into strings. */
static void
write_raw(struct http_request_head *head,
	  const struct http_request_source *source, const struct layout *l)
{
	const struct http_parsed_head *parsed = source->parsed;
	char *block = (char *)head;
	size_t base = l->raw - parsed->start; /* modulo 2^64 */
	size_t target = base + parsed->target_offset;
	size_t end = target + parsed->target_length;
	size_t query = end;
	size_t query_length = 0;

	memcpy(block + l->raw, source->raw + parsed->start, l->raw_length);
	block[l->raw + parsed->method_length] = '\0';
	block[end] = '\0';
	if (source->url != NULL && source->url->has_query) {
		query = base + parsed->path_offset + source->url->query_offset;
		query_length = source->url->query_length;
	}
	head->method_name = reference(l->raw, parsed->method_length);
	head->target = reference(target, parsed->target_length);
	head->query = reference(query, query_length);
	head->tls = reference(end, 0);
}

static void
write_fields(struct http_request_head *head,
	     const struct http_request_source *source, const struct layout *l)
{
	const struct http_parsed_head *parsed = source->parsed;
	uint32_t base = (uint32_t)(l->raw - parsed->start);
	char *block = (char *)head;
	unsigned i;

	memset(head->index, HTTP_NO_FIELD, sizeof(head->index));
	for (i = 0; i < parsed->field_count; i++) {
		struct http_field field = parsed->fields[i];

		field.name_offset += base;
		field.value_offset += base;
		head->fields[i] = field;
		block[field.name_offset + field.name_length] = '\0';
		block[field.value_offset + field.value_length] = '\0';
		if (field.id != HTTP_HEADER_UNKNOWN &&
		    head->index[field.id] == HTTP_NO_FIELD)
			head->index[field.id] = (uint8_t)i;
	}
}

static void
write_path_and_host(struct http_request_head *head,
		    const struct http_request_source *source,
		    const struct layout *l)
{
	const struct http_parsed_head *parsed = source->parsed;
	const char *host = source->raw + parsed->host_offset;
	char *out = (char *)head;
	uint32_t i;

	memcpy(out + l->path, source->path.data, source->path.length);
	out[l->path + source->path.length] = '\0';
	out += l->host;
	for (i = 0; i < parsed->host_length; i++) {
		char c = host[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	out[i] = '\0';
	head->path = reference(l->path, source->path.length);
	head->host = reference(l->host, parsed->host_length);
	if (source->tls.length == 0)
		return;
	memcpy((char *)head + l->tls, source->tls.data, source->tls.length);
	((char *)head)[l->tls + source->tls.length] = '\0';
	head->tls = reference(l->tls, source->tls.length);
}

size_t
http_request_head_write(const struct http_request_source *source, void *block,
			size_t capacity)
{
	struct http_request_head *head = block;
	struct layout layout;

	layout_compute(source, &layout);
	if (layout.size > capacity)
		return layout.size;
	write_facts(head, source, &layout);
	write_raw(head, source, &layout);
	write_fields(head, source, &layout);
	write_path_and_host(head, source, &layout);
	return layout.size;
}

struct portico_slice
http_request_head_tls(const struct http_request_head *head, enum http_tls which)
{
	struct portico_slice rest = http_request_head_slice(head, head->tls);

	for (unsigned i = 0; rest.length > 0; i++) {
		const char *end = memchr(rest.data, '\0', rest.length);
		size_t length = end == NULL ? rest.length :
					      (size_t)(end - rest.data);

		if (i == (unsigned)which && length > 0)
			return (struct portico_slice){ rest.data, length };
		if (i == (unsigned)which || end == NULL)
			break;
		rest.data += length + 1;
		rest.length -= length + 1;
	}
	return (struct portico_slice){ NULL, 0 };
}

static bool
string_is_valid(const struct http_request_head *head, uint32_t offset,
		uint32_t length)
{
	return offset < head->size && length < head->size - offset &&
	       ((const char *)head)[offset + length] == '\0';
}

static bool
reference_is_valid(const struct http_request_head *head,
		   struct http_reference reference)
{
	return string_is_valid(head, reference.offset, reference.length);
}

bool
http_request_head_is_valid(const void *block, size_t size)
{
	const struct http_request_head *head = block;
	unsigned i;

	if (size < sizeof(*head) || head->magic != HTTP_REQUEST_HEAD_MAGIC ||
	    head->version != HTTP_REQUEST_HEAD_VERSION ||
	    head->fixed_size != sizeof(*head) || head->size > size ||
	    head->size <
		    sizeof(*head) + head->field_count * sizeof(head->fields[0]))
		return false;
	if (!reference_is_valid(head, head->method_name) ||
	    !reference_is_valid(head, head->target) ||
	    !reference_is_valid(head, head->path) ||
	    !reference_is_valid(head, head->query) ||
	    !reference_is_valid(head, head->host) ||
	    !reference_is_valid(head, head->tls))
		return false;
	for (i = 0; i < HTTP_HEADER_ID_LIMIT; i++)
		if (head->index[i] != HTTP_NO_FIELD &&
		    head->index[i] >= head->field_count)
			return false;
	for (i = 0; i < head->field_count; i++) {
		const struct http_field *f = &head->fields[i];

		if (!string_is_valid(head, f->name_offset, f->name_length) ||
		    !string_is_valid(head, f->value_offset, f->value_length))
			return false;
	}
	return true;
}

const struct http_field *
http_request_head_find_next(const struct http_request_head *head,
			    const struct http_field *field)
{
	const struct http_field *end = head->fields + head->field_count;
	const struct http_field *f;

	for (f = field + 1; f < end; f++) {
		if (f->id != field->id)
			continue;
		if (f->id != HTTP_HEADER_UNKNOWN)
			return f;
		if (http_equal_names((const char *)head + f->name_offset,
				     f->name_length,
				     (const char *)head + field->name_offset,
				     field->name_length))
			return f;
	}
	return NULL;
}

const struct http_field *
http_request_head_find_name(const struct http_request_head *head,
			    const char *name, size_t length)
{
	enum http_header_id id = http_header_find(name, length);
	unsigned i;

	if (id != HTTP_HEADER_UNKNOWN)
		return http_request_head_find(head, id);
	for (i = 0; i < head->field_count; i++) {
		const struct http_field *f = &head->fields[i];

		if (f->id == HTTP_HEADER_UNKNOWN &&
		    http_equal_names((const char *)head + f->name_offset,
				     f->name_length, name, length))
			return f;
	}
	return NULL;
}
