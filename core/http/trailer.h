/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer sections: which names may stand in one, and those of responses on
 * their way from worker to listener.
 *
 * The worker writes a section as it goes to a client of HTTP/1.1, without the
 * blank line at its end: "Name: value" CRLF, again and again, with exactly one
 * space behind the colon and none at the end.  The listener copies it into
 * private memory and believes nothing: a section that http_trailers_fault()
 * accepts can be sent as it is.
 */
#ifndef CORE_HTTP_TRAILER_H
#define CORE_HTTP_TRAILER_H

#include <stdbool.h>
#include <stddef.h>

#include <portico/types.h>

#include "core/http/limits.h"

/*
 * RFC 9110 section 6.5.1: fields that frame or route a message, say who sends
 * it, or change what is done with it, have come too late behind its body.
 */
bool http_trailer_is_forbidden(struct portico_slice name);

/* The same, and what says how a response is to be taken, or kept. */
bool http_trailer_is_forbidden_in_response(struct portico_slice name);

/* May be the name, or the value, of a field in the trailers of a response?  A
 * value neither begins nor ends with a blank. */
bool http_trailer_name_is_sane(struct portico_slice name);
bool http_trailer_value_is_sane(struct portico_slice value);

/* The value of a field Trailer: names that may stand in the trailers of a
 * response, with ", " between them. */
bool http_trailer_list_is_sane(struct portico_slice list);

/* NULL, or what is wrong with a section; static text. */
const char *http_trailers_fault(struct portico_slice section);

/* The next field of a section that has no fault; *at is 0 at first.  False:
 * that was all. */
bool http_trailers_next(struct portico_slice section, size_t *at,
			struct portico_slice *name_r,
			struct portico_slice *value_r);

#endif
