/* SPDX-License-Identifier: Apache-2.0
 *
 * Cookies: those that the request carries, and those that the response sets
 * (RFC 6265).
 *
 * Threads: as request.h.  Lifetime: slices of the request's cookies point into
 * its Cookie fields, live until the request ends, and are NOT followed by a
 * NUL byte.
 */
#ifndef PORTICO_COOKIE_H
#define PORTICO_COOKIE_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The first cookie of that name (bytes compared, as browsers do); the value
 * is as sent: nothing is decoded, quotes stay.  Pieces of a Cookie field that
 * have no '=' or no name are no cookies.  False: there is none, and *value_r
 * is as it was.  Since 1.0.
 */
static inline bool
portico_cookie_get(struct portico_request *request, struct portico_slice name,
		   struct portico_slice *value_r)
{
	return portico_host->cookie_get(request, name, value_r);
}

/*
 * Call `fn` for each cookie in the order sent, until it returns false; the
 * same name may come more than once.  Since 1.0.
 */
static inline void
portico_cookie_each(struct portico_request *request, portico_field_fn *fn,
		    void *arg)
{
	portico_host->cookie_each(request, fn, arg);
}

/* With which requests of other sites a browser sends it.  Since 1.0. */
enum portico_same_site {
	PORTICO_SAME_SITE_UNSET, /* the browser's default */
	PORTICO_SAME_SITE_LAX,
	PORTICO_SAME_SITE_STRICT,
	PORTICO_SAME_SITE_NONE, /* needs `secure` */
};

/* A cookie to set.  Fill it with designated initialisers: members may be
 * appended, and 0 means what is said here. */
struct portico_cookie {
	struct portico_slice name; /* a token */
	struct portico_slice value; /* cookie-octets, or these in quotes */
	struct portico_slice path; /* begins with '/'; empty: not sent */
	struct portico_slice domain; /* a host name; empty: this host alone */
	int64_t max_age; /* seconds; 0: until the browser ends, -1: remove it */
	enum portico_same_site same_site;
	bool secure; /* over TLS only */
	bool http_only; /* hidden from scripts */
	bool partitioned; /* needs `secure` */
};

/*
 * Add a Set-Cookie field; everything is copied.  Setting a cookie twice sends
 * both fields, and browsers keep the later one.
 *   PORTICO_INVALID    a byte that may not stand there (nothing is escaped:
 *                      what could end the value or begin an attribute is
 *                      refused), or what a browser would ignore: SameSite=None
 *                      or Partitioned without `secure`, a name that begins
 *                      with __Secure- without `secure`, or with __Host- and
 *                      not secure, with a domain, or with a path other than "/"
 *   PORTICO_TOO_LARGE  name and value together above 4,096 bytes, an attribute
 *                      above 1,024, or no room in the head
 *   PORTICO_NO_MEMORY, PORTICO_STATE  as portico_response_add_field
 * Since 1.0.
 */
static inline enum portico_status
portico_cookie_set(struct portico_request *request,
		   const struct portico_cookie *cookie)
{
	return portico_host->cookie_set(request, cookie, sizeof(*cookie));
}

#ifdef __cplusplus
}
#endif

#endif
