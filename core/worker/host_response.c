/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about responses that are not the response's own
 * functions (response_front.c, response_error.c).
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"

enum portico_status
host_response_set_status(struct portico_request *request, unsigned status,
			 unsigned substatus)
{
	CHECK(request, REQUEST_MAGIC);
	return response_set_status(request, status, substatus);
}

unsigned
host_response_status(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->response.made ? request->response.status : 0;
}

enum portico_status
host_response_set_field(struct portico_request *request,
			struct portico_slice name, struct portico_slice value)
{
	CHECK(request, REQUEST_MAGIC);
	return response_set_field(request, name, value, false);
}

enum portico_status
host_response_add_field(struct portico_request *request,
			struct portico_slice name, struct portico_slice value)
{
	CHECK(request, REQUEST_MAGIC);
	return response_set_field(request, name, value, true);
}

bool
host_response_field(struct portico_request *request, struct portico_slice name,
		    struct portico_slice *value_r)
{
	CHECK(request, REQUEST_MAGIC);
	return response_find_field(request, name, value_r);
}

enum portico_status
host_response_set_length(struct portico_request *request, int64_t length)
{
	CHECK(request, REQUEST_MAGIC);
	return response_set_length(request, length);
}

enum portico_status
host_response_wait(struct portico_request *request, portico_resume_fn *resume,
		   void *arg)
{
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	status = wait_begin(request, WAIT_RESPONSE, resume, arg);
	if (status == PORTICO_OK && response_writable(request))
		request_ready(request);
	return status;
}

bool
host_response_head_sent(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->response.head_sent || request->response.finished;
}

void
host_response_fields(struct portico_request *request, portico_field_fn *fn,
		     void *arg)
{
	const struct response *response = &request->response;

	CHECK(request, REQUEST_MAGIC);
	for (uint16_t i = 0; i < response->field_count; i++) {
		const struct response_field *field = &response->fields[i];
		struct portico_slice name = field->name;

		if (field->id != HTTP_HEADER_UNKNOWN)
			name = slice_from(http_header_name(field->id));
		if (!fn(arg, name, field->value))
			return;
	}
}

/* ---- why it is what it is ------------------------------------------------------- */

unsigned
host_response_substatus(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->response.made ? request->response.substatus : 0;
}

enum portico_status
host_response_set_reason(struct portico_request *request,
			 struct portico_slice reason)
{
	char *copy;

	CHECK(request, REQUEST_MAGIC);
	if (reason.length > REASON_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (!field_value_is_sane(reason))
		return PORTICO_INVALID;
	copy = arena_try_alloc(request->arena, reason.length + 1);
	if (copy == NULL)
		return PORTICO_NO_MEMORY;
	if (reason.length > 0)
		memcpy(copy, reason.data, reason.length);
	copy[reason.length] = '\0';
	changes_get(request)->reason = slice_make(copy, reason.length);
	return PORTICO_OK;
}

struct portico_slice
host_response_reason(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	if (request->changes == NULL || request->changes->reason.data == NULL)
		return PORTICO_SLICE("");
	return request->changes->reason;
}
