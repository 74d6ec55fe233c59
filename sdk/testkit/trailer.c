/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer fields of a request: cut and judged by the worker's own functions.
 */
#include <portico/trailer.h>

#include "core/worker/host_priv.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

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

const struct portico_host_trailer kit_host_trailer = {
	.size = sizeof(struct portico_host_trailer),
	.get = trailer_get,
	.each = trailer_each,
};
