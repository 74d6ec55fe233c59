/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that the loop answers from its cache: whole, or as the client's
 * conditions and range want it (RFC 9110 sections 13 and 14).  No worker takes
 * part, and nothing is allocated.
 */
#ifndef CORE_LISTENER_CACHE_ANSWER_H
#define CORE_LISTENER_CACHE_ANSWER_H

#include <stdbool.h>

#include <portico/types.h>

#include "core/http/response_head.h"
#include "core/http/url.h"
#include "core/listener/cache.h"

struct listener_request;

/* A routed request, before it is given to a worker.  False: it is to be. */
bool cache_answer(struct listener_request *request, struct portico_slice path,
		  const struct http_url *url);

/* Where a request is looked for; the texts lie in the loop's scratch. */
struct cache_place {
	struct cache_key key;
	struct portico_slice text; /* host and path */
	struct portico_slice query;
};

/* `path` and `url` as cooked.  False: too long for the cache. */
bool cache_place_make(struct listener_request *request,
		      struct portico_slice path, const struct http_url *url,
		      struct cache_place *place_r);

/* What tells it from others to the same URL, behind the place's texts.  False:
 * too long. */
bool cache_place_variant(struct listener_request *request,
			 const struct cache_place *place,
			 const struct cache_vary *vary,
			 struct portico_slice *variant_r);

/*
 * Writes a head again: without the fields that `drop` names by their bit, or
 * with those of `only` alone (NULL: all); `fixed` is its fixed part.  Returns
 * the writer, to which fields may be added before http_response_head_end().
 */
void cache_head_copy(struct portico_slice wire, const bool *drop,
		     const bool *only, char *out, size_t capacity,
		     struct http_response_writer *writer_r);

#endif
