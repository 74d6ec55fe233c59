/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer fields of a request: those that a client sends after a chunked body,
 * since it knows them only then (a digest, a signature).
 *
 * They are kept apart from the header fields, and only by modules that ask for
 * them: nobody else takes them for what stood in front of the body.  Dropped
 * are the names that may not stand there (RFC 9110 section 6.5.1), because they
 * frame or route the message, authenticate it, or change what is done with it:
 * Authorization, Cache-Control, Content-*, Cookie, Expect, Forwarded, Host,
 * If-*, Max-Forwards, Origin, Pragma, Range, Set-Cookie, TE, WWW-Authenticate,
 * X-Forwarded-*, X-Real-IP, Proxy-*, and those that portico_request_set_field
 * refuses.
 *
 * Threads: as request.h.
 * Lifetime: texts live until the request ends and are followed by a NUL byte.
 */
#ifndef PORTICO_TRAILER_H
#define PORTICO_TRAILER_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_host_trailer {
	uint32_t size;
	enum portico_status (*get)(struct portico_request *,
				   struct portico_slice name,
				   struct portico_slice *value_r);
	enum portico_status (*each)(struct portico_request *,
				    portico_field_fn *, void *arg);
};

/*
 * The first trailer field of that name (any case).
 *   PORTICO_OK         *value_r is it
 *   PORTICO_NOT_FOUND  there is none
 *   PORTICO_STATE      portico_body_read has not said END yet
 *   PORTICO_NO_MEMORY  they did not fit the request's memory
 * Since 1.0.
 */
static inline enum portico_status
portico_request_trailer(struct portico_request *request,
			struct portico_slice name,
			struct portico_slice *value_r)
{
	return portico_host->trailer->get(request, name, value_r);
}

/* Call `fn` for each trailer field in the order sent, until it returns false;
 * statuses as above, OK also if there is none.  All of them together have at
 * most 8 KiB; a client that sends more gets 400.  Since 1.0. */
static inline enum portico_status
portico_request_trailers(struct portico_request *request, portico_field_fn *fn,
			 void *arg)
{
	return portico_host->trailer->each(request, fn, arg);
}

#ifdef __cplusplus
}
#endif

#endif
