/* SPDX-License-Identifier: Apache-2.0
 *
 * See address.h.
 */
#include "core/listener/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void
address_from_sockaddr(struct http_address *address, const struct sockaddr *from)
{
	memset(address, 0, sizeof(*address));
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *in =
			(const struct sockaddr_in *)(const void *)from;

		address->family = HTTP_FAMILY_IPV4;
		address->port = ntohs(in->sin_port);
		memcpy(address->bytes, &in->sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 =
			(const struct sockaddr_in6 *)(const void *)from;

		address->port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			address->family = HTTP_FAMILY_IPV4;
			memcpy(address->bytes, &in6->sin6_addr.s6_addr[12], 4);
		} else {
			address->family = HTTP_FAMILY_IPV6;
			address->scope = in6->sin6_scope_id;
			memcpy(address->bytes, &in6->sin6_addr, 16);
		}
	} else if (from->sa_family == AF_UNIX) {
		address->family = HTTP_FAMILY_UNIX;
	}
}

static size_t
format_ipv4(const uint8_t *bytes, char *text)
{
	char *p = text;

	for (unsigned i = 0; i < 4; i++) {
		unsigned value = bytes[i];

		if (i > 0)
			*p++ = '.';
		if (value >= 100)
			*p++ = (char)('0' + value / 100);
		if (value >= 10)
			*p++ = (char)('0' + value / 10 % 10);
		*p++ = (char)('0' + value % 10);
	}
	*p = '\0';
	return (size_t)(p - text);
}

size_t
address_format(const struct http_address *address, char text[ADDRESS_TEXT_SIZE])
{
	size_t length;

	if (address->family == HTTP_FAMILY_IPV4)
		return format_ipv4(address->bytes, text);
	if (address->family != HTTP_FAMILY_IPV6 ||
	    inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_SIZE) ==
		    NULL) {
		memcpy(text, "-", 2);
		return 1;
	}
	length = strlen(text);
	if (address->scope != 0)
		length += (size_t)snprintf(text + length,
					   ADDRESS_TEXT_SIZE - length, "%%%u",
					   address->scope);
	return length;
}
