/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about requests: read in place from the head's block.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/slice.h"
#include "core/worker/application.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/location.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

struct portico_slice
host_request_text(struct portico_request *request, enum portico_text which)
{
	const struct http_request_head *head = request->head;

	CHECK(request, REQUEST_MAGIC);
	switch (which) {
	case PORTICO_TEXT_METHOD:
		return http_request_head_slice(head, head->method_name);
	case PORTICO_TEXT_TARGET:
		return http_request_head_slice(head, head->target);
	case PORTICO_TEXT_PATH:
		return request_path(request);
	case PORTICO_TEXT_QUERY:
		return request_query(request);
	case PORTICO_TEXT_HOST:
		if (head->host.length == 0)
			break;
		return http_request_head_slice(head, head->host);
	case PORTICO_TEXT_SCHEME:
		return head->scheme == HTTP_SCHEME_HTTPS ?
			       PORTICO_SLICE("https") :
			       PORTICO_SLICE("http");
	case PORTICO_TEXT_PATH_IN_APPLICATION:
		return request_path_in_application(request);
	case PORTICO_TEXT_APPLICATION_PATH:
	case PORTICO_TEXT_ROOT:
	case PORTICO_TEXT_SITE:
	case PORTICO_TEXT_POOL:
		return host_application_text(request->application, which);
	case PORTICO_TEXT_USER:
		return request->user;
	case PORTICO_TEXT_AUTHENTICATION:
		if (request->changes == NULL ||
		    !request->changes->authenticated)
			break;
		return request->changes->authentication;
	}
	return PORTICO_SLICE("");
}

uint64_t
host_request_id(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->head->request_id;
}

bool
host_request_field(struct portico_request *request, struct portico_slice name,
		   struct portico_slice *value_r)
{
	CHECK(request, REQUEST_MAGIC);
	return fields_find(request, name, value_r);
}

void
host_request_fields(struct portico_request *request, portico_field_fn *fn,
		    void *arg)
{
	CHECK(request, REQUEST_MAGIC);
	fields_each(request, fn, arg);
}

enum portico_status
host_request_set_field(struct portico_request *request,
		       struct portico_slice name, struct portico_slice value)
{
	CHECK(request, REQUEST_MAGIC);
	return fields_change(request, name, value, false);
}

enum portico_status
host_request_add_field(struct portico_request *request,
		       struct portico_slice name, struct portico_slice value)
{
	CHECK(request, REQUEST_MAGIC);
	return fields_change(request, name, value, true);
}

int64_t
host_request_content_length(struct portico_request *request)
{
	const struct http_request_head *head = request->head;

	CHECK(request, REQUEST_MAGIC);
	if (head->content_length != HTTP_LENGTH_NONE)
		return (int64_t)head->content_length;
	return request->body.expected ? -1 : 0;
}

bool
host_request_has_body(struct portico_request *request)
{
	const struct body *body = &request->body;

	CHECK(request, REQUEST_MAGIC);
	return body->expected && !body->ended &&
	       (body->count > 0 || body->memory.length > 0 || !body->complete);
}

void
host_request_address(struct portico_request *request, bool client,
		     struct portico_address *address_r)
{
	const struct http_address *address = client ? &request->head->client :
						      &request->head->server;

	CHECK(request, REQUEST_MAGIC);
	memset(address_r, 0, sizeof(*address_r));
	address_r->port = address->port;
	switch (address->family) {
	case HTTP_FAMILY_IPV4:
		address_r->family = 4;
		inet_ntop(AF_INET, address->bytes, address_r->text,
			  sizeof(address_r->text));
		break;
	case HTTP_FAMILY_IPV6:
		address_r->family = 6;
		inet_ntop(AF_INET6, address->bytes, address_r->text,
			  sizeof(address_r->text));
		break;
	}
}

/* ---- memory and state -------------------------------------------------------------- */

void *
host_request_alloc(struct portico_request *request, size_t size)
{
	CHECK(request, REQUEST_MAGIC);
	return arena_try_alloc(request->arena, size);
}

enum portico_status
host_request_on_free(struct portico_request *request, portico_cleanup_fn *fn,
		     void *arg)
{
	CHECK(request, REQUEST_MAGIC);
	arena_on_free(request->arena, fn, arg);
	return PORTICO_OK;
}

void *
host_request_state(struct portico_request *request, struct portico_self *self)
{
	const struct application_module *module;

	CHECK(request, REQUEST_MAGIC);
	CHECK(self, MODULE_SELF_MAGIC);
	module = application_module(request->application, self);
	if (module == NULL || module->record == NULL ||
	    module->record->module.request_size == 0)
		return NULL;
	/* Most requests meet no module that wants any. */
	if (request->states == NULL)
		request->states = arena_zalloc(
			request->arena, request->application->state_size);
	return (char *)request->states + module->state_offset;
}

const void *
host_request_configuration(struct portico_request *request,
			   struct portico_self *self)
{
	const struct application_module *module;

	CHECK(request, REQUEST_MAGIC);
	CHECK(self, MODULE_SELF_MAGIC);
	module = application_module(request->application, self);
	if (module == NULL)
		return NULL;
	return request->location == NULL ?
		       module->configuration :
		       request->location->configurations[self->number];
}

void *
host_application_state(struct portico_request *request,
		       struct portico_self *self)
{
	const struct application_module *module;

	CHECK(request, REQUEST_MAGIC);
	CHECK(self, MODULE_SELF_MAGIC);
	module = application_module(request->application, self);
	return module == NULL ? NULL : module->state;
}

bool
host_request_aborted(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->aborted;
}

enum portico_status
host_request_set_handler(struct portico_request *request, const char *handler)
{
	const struct handler_target *target;

	CHECK(request, REQUEST_MAGIC);
	if (request->step == NULL ||
	    request->step->stage >=
		    PIPELINE_STAGE(PORTICO_EVENT_EXECUTE, PORTICO_PHASE_EVENT))
		return PORTICO_STATE;
	if (handler == NULL || request->application->handlers == NULL)
		return PORTICO_NOT_FOUND;
	target = handler_map_find(request->application->handlers,
				  slice_from(handler));
	if (target == NULL)
		return PORTICO_NOT_FOUND;
	request->chosen = target;
	return PORTICO_OK;
}

/* ---- body ------------------------------------------------------------------------------ */

enum portico_status
host_body_read(struct portico_request *request, struct portico_slice *chunk_r)
{
	CHECK(request, REQUEST_MAGIC);
	return body_read(request, chunk_r);
}

enum portico_status
host_body_wait(struct portico_request *request, portico_resume_fn *resume,
	       void *arg)
{
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	status = wait_begin(request, WAIT_BODY, resume, arg);
	if (status == PORTICO_OK && body_readable(request))
		request_ready(request);
	return status;
}

struct uv_loop_s *
host_request_loop(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return &request->loop->uv;
}

uint32_t
host_request_loop_number(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->loop->number;
}
