/* SPDX-License-Identifier: Apache-2.0
 *
 * The request's fields as modules see them: those of the head, in place, until
 * a module changes one; from then on a list of the request's own.
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/request.h"

bool
field_is_framing(enum http_header_id id)
{
	switch ((int)id) {
	case HTTP_HEADER_CONNECTION:
	case HTTP_HEADER_CONTENT_LENGTH:
	case HTTP_HEADER_KEEP_ALIVE:
	case HTTP_HEADER_PROXY_CONNECTION:
	case HTTP_HEADER_TRAILER:
	case HTTP_HEADER_TRANSFER_ENCODING:
	case HTTP_HEADER_UPGRADE:
		return true;
	}
	return false;
}

bool
field_value_is_sane(struct portico_slice value)
{
	/* Without bytes there may be no address either. */
	return value.length == 0 ||
	       http_scan_value(value.data, value.data + value.length) ==
		       value.data + value.length;
}

bool
field_is_sane(struct portico_slice name, struct portico_slice value,
	      enum http_header_id *id_r)
{
	*id_r = http_header_find(name.data, name.length);
	if (*id_r == HTTP_HEADER_UNKNOWN &&
	    (name.length > HTTP_NAME_LENGTH_MAX ||
	     !http_is_token(name.data, name.length)))
		return false;
	return !field_is_framing(*id_r) && field_value_is_sane(value);
}

static bool
is_named(const struct changed_field *field, enum http_header_id id,
	 struct portico_slice name)
{
	return field->id == id && (id != HTTP_HEADER_UNKNOWN ||
				   slice_equal_nocase(field->name, name));
}

/* NULL while nothing was changed. */
static const struct changed_fields *
changed(const struct portico_request *request)
{
	return request->changes == NULL ? NULL : request->changes->fields;
}

bool
fields_find(const struct portico_request *request, struct portico_slice name,
	    struct portico_slice *value_r)
{
	const struct changed_fields *fields = changed(request);
	const struct http_field *field;
	enum http_header_id id;

	if (fields == NULL) {
		field = http_request_head_find_name(request->head, name.data,
						    name.length);
		if (field != NULL)
			*value_r =
				http_request_head_value(request->head, field);
		return field != NULL;
	}
	id = http_header_find(name.data, name.length);
	for (uint32_t i = 0; i < fields->count; i++) {
		if (is_named(&fields->items[i], id, name)) {
			*value_r = fields->items[i].value;
			return true;
		}
	}
	return false;
}

void
fields_each(const struct portico_request *request, portico_field_fn *fn,
	    void *arg)
{
	const struct changed_fields *fields = changed(request);
	const struct http_request_head *head = request->head;

	if (fields != NULL) {
		for (uint32_t i = 0; i < fields->count; i++)
			if (!fn(arg, fields->items[i].name,
				fields->items[i].value))
				return;
		return;
	}
	for (uint16_t i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (!fn(arg, http_request_head_name(head, field),
			http_request_head_value(head, field)))
			return;
	}
}

/* ---- changing ---------------------------------------------------------------- */

/* The head's fields as a list of the request's own; their texts stay where
 * they are.  NULL: no memory. */
static struct changed_fields *
copy_head(struct portico_request *request)
{
	const struct http_request_head *head = request->head;
	uint32_t capacity = head->field_count + REQUEST_FIELDS_SPARE;
	struct changed_fields *fields =
		arena_try_alloc(request->arena, sizeof(*fields));

	if (fields == NULL)
		return NULL;
	fields->items = arena_try_alloc(request->arena,
					capacity * sizeof(fields->items[0]));
	if (fields->items == NULL)
		return NULL;
	fields->capacity = capacity;
	fields->count = head->field_count;
	fields->bytes = 0;
	for (uint16_t i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		fields->items[i] = (struct changed_field){
			.id = (enum http_header_id)field->id,
			.name = http_request_head_name(head, field),
			.value = http_request_head_value(head, field),
		};
		fields->bytes += field->name_length + field->value_length;
	}
	return fields;
}

static void
remove_all(struct changed_fields *fields, enum http_header_id id,
	   struct portico_slice name)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < fields->count; i++) {
		const struct changed_field *field = &fields->items[i];

		if (is_named(field, id, name))
			fields->bytes -= (uint32_t)(field->name.length +
						    field->value.length);
		else
			fields->items[kept++] = *field;
	}
	fields->count = kept;
}

static bool
make_room(struct portico_request *request, struct changed_fields *fields)
{
	struct changed_field *larger;

	if (fields->count < fields->capacity)
		return true;
	larger = arena_try_alloc(request->arena,
				 2 * fields->capacity * sizeof(*larger));
	if (larger == NULL)
		return false;
	memcpy(larger, fields->items, fields->count * sizeof(*larger));
	fields->items = larger;
	fields->capacity *= 2;
	return true;
}

/* A copy with a NUL behind it. */
static bool
copy_text(struct portico_request *request, struct portico_slice text,
	  struct portico_slice *copy_r)
{
	char *copy = arena_try_alloc(request->arena, text.length + 1);

	if (copy == NULL)
		return false;
	if (text.length > 0)
		memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	*copy_r = slice_make(copy, text.length);
	return true;
}

/* Bytes that removing all of that name would give back, and how many. */
static uint32_t
bytes_of(const struct changed_fields *fields, enum http_header_id id,
	 struct portico_slice name, uint32_t *count_r)
{
	uint32_t bytes = 0;

	*count_r = 0;
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct changed_field *field = &fields->items[i];

		if (is_named(field, id, name)) {
			bytes += (uint32_t)(field->name.length +
					    field->value.length);
			++*count_r;
		}
	}
	return bytes;
}

/* Everything that may fail comes before the first thing that changes. */
enum portico_status
fields_change(struct portico_request *request, struct portico_slice name,
	      struct portico_slice value, bool add)
{
	struct changes *changes = changes_get(request);
	struct changed_field field;
	uint32_t bytes = 0, count = 0;

	if (!field_is_sane(name, value, &field.id))
		return PORTICO_INVALID;
	if (value.length > REQUEST_FIELDS_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (changes->fields == NULL)
		changes->fields = copy_head(request);
	if (changes->fields == NULL)
		return PORTICO_NO_MEMORY;
	if (!add)
		bytes = bytes_of(changes->fields, field.id, name, &count);
	if (add || value.data != NULL) {
		if (changes->fields->count - count >= REQUEST_FIELDS_MAX ||
		    changes->fields->bytes - bytes + name.length +
				    value.length >
			    REQUEST_FIELDS_BYTES_MAX)
			return PORTICO_TOO_LARGE;
		if (!make_room(request, changes->fields) ||
		    !copy_text(request, name, &field.name) ||
		    !copy_text(request, value, &field.value))
			return PORTICO_NO_MEMORY;
	}
	if (count > 0)
		remove_all(changes->fields, field.id, name);
	if (!add && value.data == NULL)
		return PORTICO_OK;
	changes->fields->items[changes->fields->count++] = field;
	changes->fields->bytes += (uint32_t)(name.length + value.length);
	return PORTICO_OK;
}
