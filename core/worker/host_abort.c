/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: why a request was aborted.
 */
#include "core/worker/host_priv.h"
#include "core/worker/request.h"

static enum portico_abort
host_abort_reason(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->aborted ? request->abort_reason : PORTICO_ABORT_NONE;
}

const struct portico_host_abort worker_host_abort = {
	.size = sizeof(struct portico_host_abort),
	.reason = host_abort_reason,
};
