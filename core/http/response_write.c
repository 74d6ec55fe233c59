/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side of response heads.
 */
#include "core/http/response_head.h"

#include <string.h>

void
http_response_head_begin(struct http_response_writer *writer, void *block,
			 size_t capacity)
{
	writer->block = block;
	writer->capacity = capacity;
	writer->needed = sizeof(struct http_response_head);
	writer->count = 0;
	writer->overflow = capacity < sizeof(struct http_response_head);
}

static void
add(struct http_response_writer *writer, unsigned id, const char *name,
    size_t name_length, const char *value, size_t value_length)
{
	struct http_response_field field = { 0 };
	size_t start;
	char *out;

	if (name_length > UINT16_MAX ||
	    value_length > HTTP_RESPONSE_HEAD_BYTES_MAX ||
	    writer->needed > HTTP_RESPONSE_HEAD_BYTES_MAX ||
	    writer->count == HTTP_RESPONSE_FIELDS_MAX) {
		/* No block will ever hold it. */
		writer->needed = SIZE_MAX;
		writer->overflow = true;
		return;
	}
	start = writer->needed;
	writer->needed += sizeof(field) + name_length + value_length;
	writer->count++;
	if (writer->overflow || writer->needed > writer->capacity) {
		writer->overflow = true;
		return;
	}
	field.id = (uint8_t)id;
	field.name_length = (uint16_t)name_length;
	field.value_length = (uint32_t)value_length;
	out = writer->block + start;
	memcpy(out, &field, sizeof(field));
	out += sizeof(field);
	if (name_length > 0)
		memcpy(out, name, name_length);
	if (value_length > 0)
		memcpy(out + name_length, value, value_length);
}

void
http_response_head_add(struct http_response_writer *writer,
		       enum http_header_id id, const char *value,
		       size_t value_length)
{
	add(writer, (unsigned)id, NULL, 0, value, value_length);
}

void
http_response_head_add_name(struct http_response_writer *writer,
			    const char *name, size_t name_length,
			    const char *value, size_t value_length)
{
	enum http_header_id id = http_header_find(name, name_length);

	if (id == HTTP_HEADER_UNKNOWN)
		add(writer, 0, name, name_length, value, value_length);
	else
		add(writer, (unsigned)id, NULL, 0, value, value_length);
}

void
http_response_head_add_query(struct http_response_writer *writer,
			     struct portico_slice names)
{
	size_t start = writer->needed;

	if (names.length > UINT16_MAX ||
	    writer->needed > HTTP_RESPONSE_HEAD_BYTES_MAX) {
		writer->needed = SIZE_MAX;
		writer->overflow = true;
		return;
	}
	writer->needed += names.length;
	if (writer->overflow || writer->needed > writer->capacity)
		writer->overflow = true;
	else if (names.length > 0)
		memcpy(writer->block + start, names.data, names.length);
}

size_t
http_response_head_end(struct http_response_writer *writer,
		       const struct http_response_head *fixed)
{
	struct http_response_head head = *fixed;

	if (writer->overflow)
		return 0;
	head.magic = HTTP_RESPONSE_HEAD_MAGIC;
	head.version = HTTP_RESPONSE_HEAD_VERSION;
	head.size = (uint32_t)writer->needed;
	head.count = (uint16_t)writer->count;
	memcpy(writer->block, &head, sizeof(head));
	return writer->needed;
}
