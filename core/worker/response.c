/* SPDX-License-Identifier: Apache-2.0
 *
 * The response's status and fields, before the head leaves.
 */
#include "core/worker/response.h"

#include <string.h>

#include "core/base/slice.h"
#include "core/http/response_head.h"
#include "core/worker/application.h"
#include "core/worker/attachment.h"
#include "core/worker/changes.h"
#include "core/worker/request.h"

void
response_init(struct portico_request *request)
{
	struct response *response = &request->response;

	memset(response, 0, offsetof(struct response, last));
	response->status = 200;
	response->length = -1;
	response->fields = response->inline_fields;
	response->field_capacity = RESPONSE_FIELDS_INLINE;
	/* A child sets its own. */
	if (request->attachment != NULL)
		response->window = request->attachment->window;
	/* Where nobody has a say there is nothing to decide. */
	response->decided = !request->application->decides;
}

void
response_fini(struct portico_request *request)
{
	struct response *response = &request->response;

	if (response->filters != NULL)
		filter_fini(request);
	out_discard(request);
}

enum portico_status
response_set_status(struct portico_request *request, unsigned status,
		    unsigned substatus)
{
	struct response *response = &request->response;

	if (response->head_sent)
		return PORTICO_STATE;
	if (status < 200 || status > 599 || substatus > UINT16_MAX)
		return PORTICO_INVALID;
	response->status = (uint16_t)status;
	response->substatus = (uint16_t)substatus;
	response->made = true;
	return PORTICO_OK;
}

enum portico_status
response_set_length(struct portico_request *request, int64_t length)
{
	struct response *response = &request->response;

	if (response->head_sent)
		return PORTICO_STATE;
	if (length < -1)
		return PORTICO_INVALID;
	response->length = length;
	response->made = true;
	return PORTICO_OK;
}

/* ---- fields ------------------------------------------------------------------------- */

static bool
is_named(const struct response_field *field, enum http_header_id id,
	 struct portico_slice name)
{
	if (field->id != id)
		return false;
	return id != HTTP_HEADER_UNKNOWN ||
	       slice_equal_nocase(field->name, name);
}

static uint32_t
field_bytes(const struct response_field *field)
{
	return (uint32_t)(sizeof(struct http_response_field) +
			  field->name.length + field->value.length);
}

/* Takes all fields of that name out. */
static void
remove_all(struct response *response, enum http_header_id id,
	   struct portico_slice name)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < response->field_count; i++) {
		if (is_named(&response->fields[i], id, name)) {
			response->fields_bytes -=
				field_bytes(&response->fields[i]);
			continue;
		}
		if (kept != i)
			response->fields[kept] = response->fields[i];
		kept++;
	}
	if (kept != response->field_count && response->head_length > 0)
		response->head_stale = true;
	response->field_count = kept;
}

void
response_remove_id(struct portico_request *request, enum http_header_id id)
{
	if (!request->response.head_sent)
		remove_all(&request->response, id,
			   (struct portico_slice){ "", 0 });
}

static enum portico_status
fields_grow(struct portico_request *request)
{
	struct response *response = &request->response;
	uint16_t capacity = (uint16_t)(response->field_capacity * 2);
	struct response_field *larger;

	if (response->field_count >= RESPONSE_FIELDS_MAX)
		return PORTICO_TOO_LARGE;
	larger = arena_try_alloc(request->arena, capacity * sizeof(*larger));
	if (larger == NULL)
		return PORTICO_NO_MEMORY;
	memcpy(larger, response->fields,
	       response->field_count * sizeof(*larger));
	response->fields = larger;
	response->field_capacity = capacity;
	return PORTICO_OK;
}

static enum portico_status
field_append(struct portico_request *request, enum http_header_id id,
	     struct portico_slice name, struct portico_slice value)
{
	struct response *response = &request->response;
	struct response_field *field;
	size_t name_length = id == HTTP_HEADER_UNKNOWN ? name.length : 0;
	char *copy;

	if (value.length > RESPONSE_FIELDS_BYTES_MAX ||
	    response->fields_bytes + sizeof(struct http_response_field) +
			    name_length + value.length >
		    RESPONSE_FIELDS_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (response->field_count == response->field_capacity) {
		enum portico_status status = fields_grow(request);

		if (status != PORTICO_OK)
			return status;
	}
	copy = arena_try_alloc(request->arena, name_length + value.length + 1);
	if (copy == NULL)
		return PORTICO_NO_MEMORY;
	field = &response->fields[response->field_count++];
	field->id = id;
	field->name = (struct portico_slice){ copy, name_length };
	field->value =
		(struct portico_slice){ copy + name_length, value.length };
	if (name_length > 0)
		memcpy(copy, name.data, name_length);
	if (value.length > 0)
		memcpy(copy + name_length, value.data, value.length);
	response->fields_bytes += field_bytes(field);
	if (response->head_length > 0)
		response->head_stale = true;
	return PORTICO_OK;
}

enum portico_status
response_set_field(struct portico_request *request, struct portico_slice name,
		   struct portico_slice value, bool add)
{
	struct response *response = &request->response;
	enum http_header_id id;

	if (response->head_sent)
		return PORTICO_STATE;
	if (!field_is_sane(name, value, &id))
		return PORTICO_INVALID;
	if (!add && response->field_count > 0)
		remove_all(response, id, name);
	/* No bytes at all, not even an empty text: the field goes. */
	if (!add && value.data == NULL)
		return PORTICO_OK;
	return field_append(request, id, name, value);
}

enum portico_status
response_set_id(struct portico_request *request, enum http_header_id id,
		struct portico_slice value)
{
	response_remove_id(request, id);
	return field_append(request, id, PORTICO_SLICE(""), value);
}

bool
response_find_field(const struct portico_request *request,
		    struct portico_slice name, struct portico_slice *value_r)
{
	const struct response *response = &request->response;
	enum http_header_id id = http_header_find(name.data, name.length);

	for (uint16_t i = 0; i < response->field_count; i++) {
		if (is_named(&response->fields[i], id, name)) {
			*value_r = response->fields[i].value;
			return true;
		}
	}
	return false;
}

bool
response_is_bodiless(const struct portico_request *request)
{
	unsigned status = request->response.status;

	return request_is_head(request) || status == 204 || status == 304 ||
	       status == 205;
}
