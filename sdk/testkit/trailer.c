/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer fields, of requests and responses: cut and judged by the worker's own
 * functions.
 */
#include <portico/testkit_trailer.h>

#include "core/worker/host_priv.h"
#include "core/worker/response_trailer.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"
#include "sdk/testkit/kit_priv.h"

static enum portico_status
trailer_get(struct portico_request *request, struct portico_slice name,
	    struct portico_slice *value_r)
{
	enum portico_status failed;

	if (!guard_request(request, "portico_request_trailer"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_request_trailer",
		      PORTICO_NO_MEMORY, &failed))
		return failed;
	return worker_host_trailer.get(request, name, value_r);
}

static enum portico_status
trailer_each(struct portico_request *request, portico_field_fn *fn, void *arg)
{
	enum portico_status failed;

	if (!guard_request(request, "portico_request_trailers"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_request_trailers",
		      PORTICO_NO_MEMORY, &failed))
		return failed;
	return worker_host_trailer.each(request, fn, arg);
}

static enum portico_status
response_set(struct portico_request *request, struct portico_slice name,
	     struct portico_slice value, bool add)
{
	const char *call = add ? "portico_response_add_trailer" :
				 "portico_response_set_trailer";
	enum portico_status failed;

	if (!guard_request(request, call))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, call, PORTICO_NO_MEMORY, &failed))
		return failed;
	return worker_host_trailer.response_set(request, name, value, add);
}

static enum portico_status
response_announce(struct portico_request *request, struct portico_slice name)
{
	const char *call = "portico_response_announce_trailer";
	enum portico_status failed;

	if (!guard_request(request, call))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, call, PORTICO_NO_MEMORY, &failed))
		return failed;
	return worker_host_trailer.response_announce(request, name);
}

static void
response_each(struct portico_request *request, portico_field_fn *fn, void *arg)
{
	if (guard_request(request, "portico_response_trailers"))
		worker_host_trailer.response_each(request, fn, arg);
}

const struct portico_host_trailer kit_host_trailer = {
	.size = sizeof(struct portico_host_trailer),
	.get = trailer_get,
	.each = trailer_each,
	.response_set = response_set,
	.response_announce = response_announce,
	.response_each = response_each,
};

/* ---- what the test sees ------------------------------------------------------ */

static bool
keep_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	kit_field_add(arg, name, value);
	return true;
}

void
kit_trailers_leave(struct kit_request *request)
{
	kit_fields_free(&request->response_trailers);
	if (response_trailers_bytes(&request->request) > 0)
		response_trailers_each(&request->request, keep_field,
				       &request->response_trailers);
}

const char *
kit_response_trailer(const struct kit_request *request, const char *name)
{
	const struct kit_field *field;

	CHECK(request, KIT_REQUEST_MAGIC);
	field = kit_field_find(request->response_trailers, name);
	return field == NULL ? NULL : field->value;
}

unsigned
kit_response_trailer_count(const struct kit_request *request, const char *name)
{
	const struct kit_field *field;
	unsigned count = 0;

	CHECK(request, KIT_REQUEST_MAGIC);
	for (field = request->response_trailers; field != NULL;
	     field = field->next)
		count += name == NULL ||
			 slice_equal_nocase(slice_from(field->name),
					    slice_from(name));
	return count;
}
