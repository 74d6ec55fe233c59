/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of the query, decoded.
 *
 * The query is read as browsers write it (application/x-www-form-urlencoded):
 * cut at '&', name and value parted by the first '=', '+' is a space, %XX a
 * byte.  What looks like an escape and is none ("%", "%4", "%zz") stays as it
 * is: there is no malformed query.  An empty piece ("a=1&&b=2") is passed
 * over; a piece without '=' is a parameter with an empty value.
 *
 * Decoded text may hold any byte, NUL included, and need not be UTF-8.  It is
 * followed by a NUL that the length does not count.
 *
 * Threads: as request.h.  Lifetime: the decoded texts live in the request's
 * memory until it ends; they are made once, at the first call, and again
 * after a rewrite (rewrite.h).
 */
#ifndef PORTICO_QUERY_H
#define PORTICO_QUERY_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The first parameter of that name; names are compared byte by byte.
 *   PORTICO_OK         *value_r is its value
 *   PORTICO_NOT_FOUND  there is none
 *   PORTICO_TOO_LARGE  the query has more than 1,000 parameters: none is given
 *   PORTICO_NO_MEMORY  the request has used up its memory
 * *value_r is changed with PORTICO_OK only.  Since 1.0.
 */
static inline enum portico_status
portico_query_get(struct portico_request *request, struct portico_slice name,
		  struct portico_slice *value_r)
{
	return portico_host->query_get(request, name, value_r);
}

/*
 * Call `fn` for each parameter in the order sent, until it returns false.
 * Status as portico_query_get, without NOT_FOUND.  Since 1.0.
 */
static inline enum portico_status
portico_query_each(struct portico_request *request, portico_field_fn *fn,
		   void *arg)
{
	return portico_host->query_each(request, fn, arg);
}

#ifdef __cplusplus
}
#endif

#endif
