/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer fields of the response: kept until the body has ended, and written
 * for the listener then (core/http/trailer.h).
 */
#ifndef CORE_WORKER_RESPONSE_TRAILER_H
#define CORE_WORKER_RESPONSE_TRAILER_H

#include <portico/portico.h>

#include "core/http/limits.h"
#include "core/worker/changes.h"

struct response_trailers {
	uint32_t count;
	uint32_t bytes; /* as they will be written */
	struct portico_slice announced; /* names in the field Trailer */
	struct parameter items[HTTP_TRAILERS_MAX];
};

/* The response has another one's place: none of what was set belongs to it. */
void response_trailers_forget(struct portico_request *request);

/* Something was set or announced: the listener is not to keep it. */
bool response_trailers_wanted(const struct portico_request *request);

/* Bytes of the section that is to follow the body; 0: none will. */
uint32_t response_trailers_bytes(const struct portico_request *request);
/* Writes those bytes. */
void response_trailers_write(const struct portico_request *request, char *to);

/* In the order set, until `fn` returns false. */
void response_trailers_each(const struct portico_request *request,
			    portico_field_fn *fn, void *arg);

/* ---- what modules call ------------------------------------------------------ */

enum portico_status host_trailer_set(struct portico_request *request,
				     struct portico_slice name,
				     struct portico_slice value, bool add);
enum portico_status host_trailer_announce(struct portico_request *request,
					  struct portico_slice name);
void host_trailer_response_each(struct portico_request *request,
				portico_field_fn *fn, void *arg);

#endif
