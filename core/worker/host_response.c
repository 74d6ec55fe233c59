/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about responses that are not the response's own
 * functions (response_front.c, response_error.c).
 */
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
