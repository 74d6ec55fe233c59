/* SPDX-License-Identifier: Apache-2.0
 *
 * See url_whole.h.
 */
#include "core/http/url_whole.h"

#include "core/base/slice.h"
#include "core/http/host.h"

/* The text behind it; data NULL: another one. */
static struct portico_slice
skip_scheme(struct portico_slice text, bool *tls_r)
{
	*tls_r = slice_starts_with_nocase(text, PORTICO_SLICE("https://"));
	if (*tls_r)
		return slice_skip(text, 8);
	if (slice_starts_with_nocase(text, PORTICO_SLICE("http://")))
		return slice_skip(text, 7);
	return (struct portico_slice){ NULL, 0 };
}

static bool
read_host(struct portico_slice text, struct http_url_whole *whole)
{
	struct portico_slice rest = text;
	uint64_t port = whole->port;
	uint32_t length = 0;
	uint16_t named = 0;

	whole->any_host =
		slice_equal(slice_split(&rest, ':'), PORTICO_SLICE("*"));
	if (whole->any_host) {
		if (text.length > 1 && (!slice_to_u64(rest, &port) ||
					port == 0 || port > UINT16_MAX))
			return false;
		whole->port = (uint16_t)port;
		return true;
	}
	if (!http_host_parse(text.data, text.length, &length, &named))
		return false;
	whole->host = slice_take(text, length);
	if (named != 0)
		whole->port = named;
	return true;
}

bool
http_url_whole_parse(struct portico_slice text, char *path,
		     struct http_url_whole *whole_r)
{
	struct portico_slice rest, host;
	ptrdiff_t slash;

	*whole_r = (struct http_url_whole){ .port = 80 };
	rest = skip_scheme(text, &whole_r->tls);
	if (rest.data == NULL)
		return false;
	if (whole_r->tls)
		whole_r->port = 443;
	slash = slice_find_char(rest, '/');
	if (slash < 0)
		return false;
	host = slice_take(rest, (size_t)slash);
	rest = slice_skip(rest, (size_t)slash);
	return read_host(host, whole_r) &&
	       http_url_cook(rest.data, rest.length, path,
			     &http_url_limits_default,
			     &whole_r->url) == HTTP_REASON_NONE;
}
