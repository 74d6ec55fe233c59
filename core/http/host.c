/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict reading of "host[:port]".
 */
#include "core/http/host.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/http/chars.h"
#include "core/http/limits.h"

/* `text` begins with '['. Returns the bytes with both brackets, or 0. */
static size_t
literal_length(const char *text, size_t length)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char binary[sizeof(struct in6_addr)];
	const char *close = memchr(text, ']', length);
	size_t n;

	if (close == NULL)
		return 0;
	n = (size_t)(close - text) - 1;
	if (n >= sizeof(address) || memchr(text + 1, '\0', n) != NULL)
		return 0;
	memcpy(address, text + 1, n);
	address[n] = '\0';
	return inet_pton(AF_INET6, address, binary) == 1 ? n + 2 : 0;
}

/* Bytes of a name at the front, or 0 when a label is empty. */
static size_t
name_length(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length && http_char_is(text[i], HTTP_CHAR_HOST); i++)
		if (text[i] == '.' && (i == 0 || text[i - 1] == '.'))
			return 0;
	return i;
}

/* Digits after the colon; none at all is allowed (RFC 3986 section 3.2.3). */
static bool
parse_port(const char *text, size_t length, uint16_t *port_r)
{
	uint32_t port = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		if (!http_char_is(text[i], HTTP_CHAR_DIGIT))
			return false;
		port = port * 10 + (uint32_t)(text[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	if (length > 0 && port == 0)
		return false;
	*port_r = (uint16_t)port;
	return true;
}

bool
http_host_parse(const char *text, size_t length, uint32_t *host_length_r,
		uint16_t *port_r)
{
	size_t n;

	*port_r = 0;
	if (length == 0)
		return false;
	if (text[0] == '[')
		n = literal_length(text, length);
	else
		n = name_length(text, length);
	if (n == 0 || n > HTTP_HOST_LENGTH_MAX)
		return false;
	if (n < length && (text[n] != ':' ||
			   !parse_port(text + n + 1, length - n - 1, port_r)))
		return false;
	if (text[n - 1] == '.')
		n--;
	if (n == 0)
		return false;
	*host_length_r = (uint32_t)n;
	return true;
}
