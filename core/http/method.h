/* SPDX-License-Identifier: Apache-2.0
 *
 * Request methods by number.  A method that is a valid token but not in this
 * list has the number 0 and travels by name.
 */
#ifndef CORE_HTTP_METHOD_H
#define CORE_HTTP_METHOD_H

#include <stdbool.h>
#include <stddef.h>

/* X(symbol, name, safe, idempotent): RFC 9110 section 9, RFC 4918, RFC 5789.
 * Numbers are written into shared memory: append only. */
#define HTTP_METHOD_MAP(X)                                                     \
	X(GET, "GET", 1, 1)                                                    \
	X(HEAD, "HEAD", 1, 1)                                                  \
	X(POST, "POST", 0, 0)                                                  \
	X(PUT, "PUT", 0, 1)                                                    \
	X(DELETE, "DELETE", 0, 1)                                              \
	X(CONNECT, "CONNECT", 0, 0)                                            \
	X(OPTIONS, "OPTIONS", 1, 1)                                            \
	X(TRACE, "TRACE", 1, 1)                                                \
	X(PATCH, "PATCH", 0, 0)                                                \
	X(PROPFIND, "PROPFIND", 1, 1)                                          \
	X(PROPPATCH, "PROPPATCH", 0, 1)                                        \
	X(MKCOL, "MKCOL", 0, 1)                                                \
	X(COPY, "COPY", 0, 1)                                                  \
	X(MOVE, "MOVE", 0, 1)                                                  \
	X(LOCK, "LOCK", 0, 0)                                                  \
	X(UNLOCK, "UNLOCK", 0, 1)                                              \
	X(SEARCH, "SEARCH", 1, 1)                                              \
	X(REPORT, "REPORT", 1, 1)                                              \
	X(QUERY, "QUERY", 1, 1)

enum http_method {
	HTTP_METHOD_UNKNOWN = 0,
#define HTTP_METHOD_ENUM(symbol, name, safe, idempotent) HTTP_METHOD_##symbol,
	HTTP_METHOD_MAP(HTTP_METHOD_ENUM)
#undef HTTP_METHOD_ENUM
	HTTP_METHOD_COUNT
};

/* The method spelled exactly so (methods are case-sensitive), or
 * HTTP_METHOD_UNKNOWN. */
enum http_method http_method_find(const char *name, size_t length);

/* Its name; "" for HTTP_METHOD_UNKNOWN. Static. */
const char *http_method_name(enum http_method method);

bool http_method_is_safe(enum http_method method);
bool http_method_is_idempotent(enum http_method method);

#endif
