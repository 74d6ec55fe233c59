/* SPDX-License-Identifier: Apache-2.0
 *
 * Cookie and Set-Cookie (RFC 6265).
 */
#ifndef CORE_HTTP_COOKIE_H
#define CORE_HTTP_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

#include <portico/cookie.h>
#include <portico/types.h>

/* Bytes: what browsers take. */
#define HTTP_COOKIE_PAIR_BYTES_MAX 4096
#define HTTP_COOKIE_ATTRIBUTE_BYTES_MAX 1024

/* Enough for every cookie that http_cookie_write accepts. */
#define HTTP_COOKIE_BYTES_MAX                                                  \
	(HTTP_COOKIE_PAIR_BYTES_MAX + 2 * HTTP_COOKIE_ATTRIBUTE_BYTES_MAX + 160)

/*
 * Takes the next cookie off *rest, the value of a Cookie field.  Pieces that
 * are none are passed over.  False at the end.
 */
bool http_cookie_next(struct portico_slice *rest, struct portico_slice *name_r,
		      struct portico_slice *value_r);

/*
 * Writes the value of a Set-Cookie field into `out`, which has room for
 * HTTP_COOKIE_BYTES_MAX bytes.  PORTICO_INVALID and PORTICO_TOO_LARGE as
 * portico_cookie_set says.
 */
enum portico_status http_cookie_write(const struct portico_cookie *cookie,
				      char *out, size_t *length_r);

#endif
