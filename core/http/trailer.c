/* SPDX-License-Identifier: Apache-2.0
 *
 * See trailer.h.  http_trailers_fault() reads what a worker may have made up,
 * from a copy that it cannot change any more.
 */
#include "core/http/trailer.h"

#include <string.h>

#include "core/http/chars.h"
#include "core/http/header_id.h"

/* `prefixes` in lower case, NULL at the end. */
static bool
begins_with_one(struct portico_slice name, const char *const *prefixes)
{
	for (; *prefixes != NULL; prefixes++) {
		size_t length = strlen(*prefixes);

		if (name.length > length &&
		    http_equal_nocase(name.data, length, *prefixes, length))
			return true;
	}
	return false;
}

bool
http_trailer_is_forbidden(struct portico_slice name)
{
	static const char *const prefixes[] = { "content-", "if-", "proxy-",
						"x-forwarded-", NULL };
	static const char digest[] = "content-digest";

	/* Made for this place (RFC 9530 section 6.1). */
	if (http_equal_nocase(name.data, name.length, digest,
			      sizeof(digest) - 1))
		return false;
	if (begins_with_one(name, prefixes))
		return true;
	switch ((int)http_header_find(name.data, name.length)) {
	case HTTP_HEADER_AUTHORIZATION:
	case HTTP_HEADER_CACHE_CONTROL:
	case HTTP_HEADER_CONNECTION:
	case HTTP_HEADER_COOKIE:
	case HTTP_HEADER_EXPECT:
	case HTTP_HEADER_FORWARDED:
	case HTTP_HEADER_HOST:
	case HTTP_HEADER_KEEP_ALIVE:
	case HTTP_HEADER_MAX_FORWARDS:
	case HTTP_HEADER_ORIGIN:
	case HTTP_HEADER_PRAGMA:
	case HTTP_HEADER_RANGE:
	case HTTP_HEADER_SET_COOKIE:
	case HTTP_HEADER_TE:
	case HTTP_HEADER_TRAILER:
	case HTTP_HEADER_TRANSFER_ENCODING:
	case HTTP_HEADER_UPGRADE:
	case HTTP_HEADER_WWW_AUTHENTICATE:
	case HTTP_HEADER_X_REAL_IP:
		return true;
	}
	return false;
}

bool
http_trailer_is_forbidden_in_response(struct portico_slice name)
{
	static const char *const prefixes[] = { "access-control-", NULL };

	switch ((int)http_header_find(name.data, name.length)) {
	case HTTP_HEADER_AGE:
	case HTTP_HEADER_ALT_SVC:
	case HTTP_HEADER_DATE:
	case HTTP_HEADER_EXPIRES:
	case HTTP_HEADER_LOCATION:
	case HTTP_HEADER_RETRY_AFTER:
	case HTTP_HEADER_STRICT_TRANSPORT_SECURITY:
	case HTTP_HEADER_VARY:
		return true;
	}
	return begins_with_one(name, prefixes) ||
	       http_trailer_is_forbidden(name);
}

bool
http_trailer_name_is_sane(struct portico_slice name)
{
	return name.length <= HTTP_NAME_LENGTH_MAX &&
	       http_is_token(name.data, name.length) &&
	       !http_trailer_is_forbidden_in_response(name);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
http_trailer_value_is_sane(struct portico_slice value)
{
	const char *end = value.data + value.length;

	return value.length == 0 ||
	       (!is_blank(value.data[0]) && !is_blank(end[-1]) &&
		http_scan_value(value.data, end) == end);
}

bool
http_trailer_list_is_sane(struct portico_slice list)
{
	const char *at = list.data, *end = at + list.length;

	for (;;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *name_end = comma == NULL ? end : comma;

		if (!http_trailer_name_is_sane((struct portico_slice){
			    at, (size_t)(name_end - at) }))
			return false;
		if (comma == NULL)
			return true;
		at = comma + 1;
		if (at == end || *at++ != ' ')
			return false;
	}
}

const char *
http_trailers_fault(struct portico_slice section)
{
	const char *at = section.data, *end = at + section.length;
	unsigned count = 0;

	if (section.length == 0)
		return "trailers without a field";
	if (section.length > HTTP_TRAILER_BYTES_MAX)
		return "trailers longer than allowed";
	for (; at < end; count++) {
		const char *line_end = memchr(at, '\r', (size_t)(end - at));
		const char *colon;

		if (count == HTTP_TRAILERS_MAX)
			return "more trailers than allowed";
		if (line_end == NULL || end - line_end < 2 ||
		    line_end[1] != '\n')
			return "trailer that ends in the middle";
		colon = memchr(at, ':', (size_t)(line_end - at));
		if (colon == NULL || line_end - colon < 2 || colon[1] != ' ')
			return "trailer without a value";
		if (!http_trailer_name_is_sane(
			    (struct portico_slice){ at, (size_t)(colon - at) }))
			return "trailer with a name that may not stand there";
		if (!http_trailer_value_is_sane((struct portico_slice){
			    colon + 2, (size_t)(line_end - colon - 2) }))
			return "trailer with a value that is none";
		at = line_end + 2;
	}
	return NULL;
}

bool
http_trailers_next(struct portico_slice section, size_t *at,
		   struct portico_slice *name_r, struct portico_slice *value_r)
{
	const char *line = section.data + *at;
	const char *end = section.data + section.length;
	const char *colon, *line_end;

	if (line == end)
		return false;
	colon = memchr(line, ':', (size_t)(end - line));
	line_end = memchr(colon, '\r', (size_t)(end - colon));
	*name_r = (struct portico_slice){ line, (size_t)(colon - line) };
	*value_r = (struct portico_slice){ colon + 2,
					   (size_t)(line_end - colon - 2) };
	*at = (size_t)(line_end + 2 - section.data);
	return true;
}
