/* SPDX-License-Identifier: Apache-2.0
 *
 * Binding URLs as HTTP.sys has them: scheme://host:port/prefix, where the host
 * may be a strong wildcard, a name, a wildcard below a name, an address or the
 * weak wildcard.
 */
#include "core/config/settings_priv.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/slice.h"

#define HOST_LENGTH_MAX 253
#define PORT_HTTP 80
#define PORT_HTTPS 443

bool
settings_is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return strcmp(text, "*") == 0 || inet_pton(AF_INET, text, bytes) == 1 ||
	       inet_pton(AF_INET6, text, bytes) == 1;
}

static bool
is_name(struct portico_slice name)
{
	bool dot = true;

	if (name.length == 0 || name.length > HOST_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < name.length; i++) {
		char c = slice_lower(name.data[i]);

		if (c == '.' && dot)
			return false;
		dot = c == '.';
		if (!dot && (c < 'a' || c > 'z') && (c < '0' || c > '9') &&
		    c != '-' && c != '_')
			return false;
	}
	return !dot;
}

/* Takes "[...]" or everything before ':' and '/'. */
static struct portico_slice
take_host(struct portico_slice *rest)
{
	size_t length = 0;
	struct portico_slice host;

	if (rest->length > 0 && rest->data[0] == '[') {
		ptrdiff_t end = slice_find_char(*rest, ']');

		length = end < 0 ? rest->length : (size_t)end + 1;
	} else {
		while (length < rest->length && rest->data[length] != ':' &&
		       rest->data[length] != '/')
			length++;
	}
	host = slice_take(*rest, length);
	*rest = slice_skip(*rest, length);
	return host;
}

static const char *
parse_host(struct arena *arena, struct portico_slice text,
	   struct settings_binding *binding)
{
	char *host;

	binding->host = "";
	binding->address = "*";
	if (slice_equal(text, PORTICO_SLICE("*"))) {
		binding->host_kind = SETTINGS_HOST_WEAK;
		return NULL;
	}
	if (slice_equal(text, PORTICO_SLICE("+"))) {
		binding->host_kind = SETTINGS_HOST_STRONG;
		return NULL;
	}
	if (text.length > 2 && text.data[0] == '[' &&
	    text.data[text.length - 1] == ']')
		text = slice_make(text.data + 1, text.length - 2);
	host = arena_strndup(arena, text.data, text.length);
	for (char *c = host; *c != '\0'; c++)
		*c = slice_lower(*c);
	if (settings_is_address(host)) {
		binding->host_kind = SETTINGS_HOST_ADDRESS;
		binding->host = host;
		binding->address = host;
		return NULL;
	}
	binding->host_kind = SETTINGS_HOST_NAME;
	if (slice_starts_with(text, PORTICO_SLICE("*."))) {
		binding->host_kind = SETTINGS_HOST_SUBDOMAIN;
		text = slice_skip(text, 2);
		host += 2;
	}
	if (!is_name(text))
		return "the host has to be \"*\", \"+\", a name, \"*.\" and a "
		       "name, an IPv4 address or an IPv6 address in brackets";
	binding->host = host;
	return NULL;
}

static const char *
parse_port(struct portico_slice *rest, struct settings_binding *binding)
{
	struct portico_slice digits;
	uint64_t port = binding->tls ? PORT_HTTPS : PORT_HTTP;
	ptrdiff_t slash;

	if (rest->length > 0 && rest->data[0] == ':') {
		digits = slice_skip(*rest, 1);
		slash = slice_find_char(digits, '/');
		if (slash >= 0)
			digits = slice_take(digits, (size_t)slash);
		if (!slice_to_u64(digits, &port) || port > UINT16_MAX)
			return "the port has to be a number from 1 to 65535, or "
			       "0 for any free one";
		*rest = slice_skip(*rest, 1 + digits.length);
	}
	binding->port = (uint16_t)port;
	return NULL;
}

const char *
settings_parse_binding(struct arena *arena, const char *url,
		       struct settings_binding *binding_r)
{
	struct portico_slice rest = slice_from(url);
	struct portico_slice host;
	const char *problem;

	memset(binding_r, 0, sizeof *binding_r);
	binding_r->url = arena_strdup(arena, url);
	binding_r->tls =
		slice_starts_with_nocase(rest, PORTICO_SLICE("https://"));
	if (!binding_r->tls &&
	    !slice_starts_with_nocase(rest, PORTICO_SLICE("http://")))
		return "a binding begins with http:// or https://";
	rest = slice_skip(rest, binding_r->tls ? 8 : 7);
	host = take_host(&rest);
	problem = parse_host(arena, host, binding_r);
	if (problem == NULL)
		problem = parse_port(&rest, binding_r);
	if (problem != NULL)
		return problem;
	if (rest.length > 0 && rest.data[0] != '/')
		return "after the host come only :port and /prefix";
	if (slice_find(rest, PORTICO_SLICE("//")) >= 0 ||
	    slice_find(rest, PORTICO_SLICE("/.")) >= 0 ||
	    slice_find_char(rest, '?') >= 0 ||
	    slice_find_char(rest, '#') >= 0 || slice_find_char(rest, '%') >= 0)
		return "the prefix has to be a plain path without \"//\", "
		       "\"/.\", '?', '#' and '%'";
	binding_r->path =
		rest.length == 0 ?
			"/" :
		rest.data[rest.length - 1] == '/' ?
			arena_strndup(arena, rest.data, rest.length) :
			arena_printf(arena, "%.*s/", SLICE_ARGS(rest));
	return NULL;
}
