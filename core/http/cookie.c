/* SPDX-License-Identifier: Apache-2.0
 *
 * Nothing is ever escaped here: a byte that may not stand in a cookie makes
 * the cookie an error, since whoever reads it would not unescape it either.
 */
#include "core/http/cookie.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/http/limits.h"

bool
http_cookie_next(struct portico_slice *rest, struct portico_slice *name_r,
		 struct portico_slice *value_r)
{
	while (rest->length > 0) {
		struct portico_slice piece = slice_split(rest, ';');
		struct portico_slice value = piece;

		if (slice_find_char(piece, '=') < 0)
			continue;
		*name_r = slice_trim(slice_split(&value, '='));
		if (name_r->length == 0)
			continue;
		*value_r = slice_trim(value);
		return true;
	}
	return false;
}

/* ---- Set-Cookie -------------------------------------------------------------- */

/* cookie-octet */
static bool
is_octet(char c)
{
	uint8_t b = (uint8_t)c;

	return b > 0x20 && b < 0x7f && b != '"' && b != ',' && b != ';' &&
	       b != '\\';
}

static bool
is_value(struct portico_slice value)
{
	if (value.length >= 2 && value.data[0] == '"' &&
	    value.data[value.length - 1] == '"')
		value = slice_make(value.data + 1, value.length - 2);
	for (size_t i = 0; i < value.length; i++)
		if (!is_octet(value.data[i]))
			return false;
	return true;
}

static bool
is_path(struct portico_slice path)
{
	if (path.data[0] != '/')
		return false;
	for (size_t i = 0; i < path.length; i++) {
		uint8_t b = (uint8_t)path.data[i];

		if (b < 0x20 || b >= 0x7f || b == ';')
			return false;
	}
	/* White space at the end would not be the path's. */
	return path.data[path.length - 1] != ' ';
}

/* Letters, digits, hyphens, with a dot between each two labels; one before
 * the first is old usage, and ignored. */
static bool
is_domain(struct portico_slice domain)
{
	char before = '.';

	if (domain.length > HTTP_HOST_LENGTH_MAX)
		return false;
	if (domain.data[0] == '.')
		domain = slice_skip(domain, 1);
	for (size_t i = 0; i < domain.length; i++) {
		char c = domain.data[i];

		if (!http_char_is(c, HTTP_CHAR_HOST) || c == '_' ||
		    (c == '.' && before == '.'))
			return false;
		before = c;
	}
	return before != '.';
}

/* What a browser would not keep, and nobody would know why. */
static bool
is_kept(const struct portico_cookie *cookie)
{
	if (!cookie->secure &&
	    (cookie->same_site == PORTICO_SAME_SITE_NONE ||
	     cookie->partitioned ||
	     slice_starts_with_nocase(cookie->name,
				      PORTICO_SLICE("__Secure-"))))
		return false;
	if (!slice_starts_with_nocase(cookie->name, PORTICO_SLICE("__Host-")))
		return true;
	return cookie->secure && cookie->domain.length == 0 &&
	       slice_equal(cookie->path, PORTICO_SLICE("/"));
}

static enum portico_status
check(const struct portico_cookie *cookie)
{
	if (cookie->name.length > HTTP_COOKIE_PAIR_BYTES_MAX ||
	    cookie->value.length >
		    HTTP_COOKIE_PAIR_BYTES_MAX - cookie->name.length ||
	    cookie->path.length > HTTP_COOKIE_ATTRIBUTE_BYTES_MAX ||
	    cookie->domain.length > HTTP_COOKIE_ATTRIBUTE_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (!http_is_token(cookie->name.data, cookie->name.length) ||
	    !is_value(cookie->value) || cookie->max_age < -1 ||
	    (unsigned)cookie->same_site > PORTICO_SAME_SITE_NONE)
		return PORTICO_INVALID;
	if (cookie->path.length > 0 && !is_path(cookie->path))
		return PORTICO_INVALID;
	if (cookie->domain.length > 0 && !is_domain(cookie->domain))
		return PORTICO_INVALID;
	return is_kept(cookie) ? PORTICO_OK : PORTICO_INVALID;
}

static char *
put(char *at, struct portico_slice text)
{
	if (text.length > 0)
		memcpy(at, text.data, text.length);
	return at + text.length;
}

static char *
put_attribute(char *at, const char *name, struct portico_slice value)
{
	if (value.length == 0)
		return at;
	at = put(at, slice_from(name));
	return put(at, value);
}

/* To remove a cookie, Expires says it once more to what is very old. */
static char *
put_age(char *at, int64_t max_age)
{
	char number[24];
	int length;

	if (max_age == 0)
		return at;
	if (max_age < 0)
		return put(at, PORTICO_SLICE("; Max-Age=0; Expires=Thu, 01 Jan "
					     "1970 00:00:00 GMT"));
	length = snprintf(number, sizeof(number), "%" PRId64, max_age);
	at = put(at, PORTICO_SLICE("; Max-Age="));
	return put(at, slice_make(number, (size_t)length));
}

static const struct portico_slice same_sites[] = {
	[PORTICO_SAME_SITE_UNSET] = { "", 0 },
	[PORTICO_SAME_SITE_LAX] = { "Lax", 3 },
	[PORTICO_SAME_SITE_STRICT] = { "Strict", 6 },
	[PORTICO_SAME_SITE_NONE] = { "None", 4 },
};

enum portico_status
http_cookie_write(const struct portico_cookie *cookie, char *out,
		  size_t *length_r)
{
	enum portico_status status = check(cookie);
	char *at = out;

	if (status != PORTICO_OK)
		return status;
	at = put(at, cookie->name);
	*at++ = '=';
	at = put(at, cookie->value);
	at = put_attribute(at, "; Domain=", cookie->domain);
	at = put_attribute(at, "; Path=", cookie->path);
	at = put_age(at, cookie->max_age);
	if (cookie->secure)
		at = put(at, PORTICO_SLICE("; Secure"));
	if (cookie->http_only)
		at = put(at, PORTICO_SLICE("; HttpOnly"));
	at = put_attribute(at, "; SameSite=", same_sites[cookie->same_site]);
	if (cookie->partitioned)
		at = put(at, PORTICO_SLICE("; Partitioned"));
	*length_r = (size_t)(at - out);
	return PORTICO_OK;
}
