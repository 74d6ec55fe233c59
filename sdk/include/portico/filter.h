/* SPDX-License-Identifier: Apache-2.0
 *
 * Response filters: see struct portico_filter in module.h.
 */
#ifndef PORTICO_FILTER_H
#define PORTICO_FILTER_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Pass a chunk to the next filter, or at the end to the client.  `chunk` is
 * borrowed for the call.  May be called only from the filter's data function.
 * A negative status must be returned by that function at once.  A filter that
 * changes the length says so in its head function with
 * portico_response_set_length(request, -1) and drops or weakens validators.
 * Since 1.0.
 */
static inline enum portico_status
portico_filter_pass(struct portico_filter_stream *next,
		    struct portico_slice chunk, uint32_t flags)
{
	return portico_host->filter_pass(next, chunk, flags);
}

#ifdef __cplusplus
}
#endif

#endif
