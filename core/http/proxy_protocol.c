/* SPDX-License-Identifier: Apache-2.0
 *
 * See proxy_protocol.h.  Strict: what two readers could understand differently
 * is refused.
 */
#include "core/http/proxy_protocol.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/slice.h"

/* Version 1 with its CRLF, in its longest form. */
#define LINE_MAX_BYTES 107

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				       0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

enum {
	FIXED_BYTES = 16, /* of version 2: signature, what, length */
	COMMAND_LOCAL = 0x20,
	COMMAND_PROXY = 0x21,
	FAMILY_UNSPEC = 0x00,
	FAMILY_TCP4 = 0x11,
	FAMILY_TCP6 = 0x21,
	BYTES_TCP4 = 12,
	BYTES_TCP6 = 36,
};

static enum proxy_protocol_result
done(struct proxy_protocol *header, size_t length, bool known)
{
	header->length = length;
	header->known = known;
	return PROXY_PROTOCOL_DONE;
}

/* ---- version 1 ---------------------------------------------------------------- */

/* Only as the protocol writes it: no sign, no leading zero. */
static bool
read_port(struct portico_slice text, uint16_t *port_r)
{
	uint64_t number;

	if (text.length == 0 || text.length > 5 ||
	    (text.length > 1 && text.data[0] == '0') ||
	    !slice_to_u64(text, &number) || number > UINT16_MAX)
		return false;
	*port_r = (uint16_t)number;
	return true;
}

static bool
read_address(struct portico_slice text, bool v6, struct http_address *address)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.length == 0 || text.length >= sizeof copy ||
	    memchr(text.data, '\0', text.length) != NULL)
		return false;
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	address->family = v6 ? HTTP_FAMILY_IPV6 : HTTP_FAMILY_IPV4;
	return inet_pton(v6 ? AF_INET6 : AF_INET, copy, address->bytes) == 1;
}

/* "TCP4 source destination port port" */
static bool
read_line(struct portico_slice line, struct proxy_protocol *header)
{
	struct portico_slice protocol = slice_split(&line, ' ');
	bool v6 = slice_equal(protocol, PORTICO_SLICE("TCP6"));

	if (!v6 && !slice_equal(protocol, PORTICO_SLICE("TCP4")))
		return false;
	return read_address(slice_split(&line, ' '), v6, &header->source) &&
	       read_address(slice_split(&line, ' '), v6,
			    &header->destination) &&
	       read_port(slice_split(&line, ' '), &header->source.port) &&
	       read_port(line, &header->destination.port);
}

static enum proxy_protocol_result
read_v1(const uint8_t *data, size_t length, struct proxy_protocol *header)
{
	size_t most = length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES;
	const uint8_t *end = memchr(data, '\n', most);
	struct portico_slice line;
	size_t whole;

	if (end == NULL)
		return length < LINE_MAX_BYTES ? PROXY_PROTOCOL_MORE :
						 PROXY_PROTOCOL_ERROR;
	whole = (size_t)(end + 1 - data);
	if (whole < 8 || end[-1] != '\r')
		return PROXY_PROTOCOL_ERROR;
	/* Between "PROXY " and CRLF. */
	line = slice_make((const char *)data + 6, whole - 8);
	/* What follows UNKNOWN is to be ignored. */
	if (slice_equal(line, PORTICO_SLICE("UNKNOWN")) ||
	    slice_starts_with(line, PORTICO_SLICE("UNKNOWN ")))
		return done(header, whole, false);
	if (!read_line(line, header))
		return PROXY_PROTOCOL_ERROR;
	return done(header, whole, true);
}

/* ---- version 2 ---------------------------------------------------------------- */

static uint16_t
big_endian(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void
take_addresses(const uint8_t *at, bool v6, struct proxy_protocol *header)
{
	size_t size = v6 ? 16 : 4;
	uint16_t family = v6 ? HTTP_FAMILY_IPV6 : HTTP_FAMILY_IPV4;

	header->source.family = header->destination.family = family;
	memcpy(header->source.bytes, at, size);
	memcpy(header->destination.bytes, at + size, size);
	header->source.port = big_endian(at + 2 * size);
	header->destination.port = big_endian(at + 2 * size + 2);
}

/* What follows the addresses are TLVs, of which none is needed. */
static enum proxy_protocol_result
read_v2(const uint8_t *data, size_t length, struct proxy_protocol *header)
{
	size_t rest, whole;

	if (length < FIXED_BYTES)
		return PROXY_PROTOCOL_MORE;
	rest = big_endian(data + 14);
	whole = FIXED_BYTES + rest;
	if ((data[12] != COMMAND_LOCAL && data[12] != COMMAND_PROXY) ||
	    whole > PROXY_PROTOCOL_BYTES_MAX)
		return PROXY_PROTOCOL_ERROR;
	if (length < whole)
		return PROXY_PROTOCOL_MORE;
	if (data[12] == COMMAND_LOCAL)
		return done(header, whole, false);
	switch (data[13]) {
	case FAMILY_TCP4:
		if (rest < BYTES_TCP4)
			return PROXY_PROTOCOL_ERROR;
		take_addresses(data + FIXED_BYTES, false, header);
		return done(header, whole, true);
	case FAMILY_TCP6:
		if (rest < BYTES_TCP6)
			return PROXY_PROTOCOL_ERROR;
		take_addresses(data + FIXED_BYTES, true, header);
		return done(header, whole, true);
	case FAMILY_UNSPEC:
		return done(header, whole, false);
	}
	/* Datagrams, UNIX sockets: not what we listen on. */
	return PROXY_PROTOCOL_ERROR;
}

enum proxy_protocol_result
proxy_protocol_read(const uint8_t *data, size_t length,
		    struct proxy_protocol *header_r)
{
	static const char word[6] = "PROXY ";
	size_t of_word = length < sizeof word ? length : sizeof word;
	size_t of_signature = length < sizeof signature ? length :
							  sizeof signature;

	memset(header_r, 0, sizeof *header_r);
	if (memcmp(data, word, of_word) == 0)
		return of_word < sizeof word ? PROXY_PROTOCOL_MORE :
					       read_v1(data, length, header_r);
	if (memcmp(data, signature, of_signature) == 0)
		return read_v2(data, length, header_r);
	return PROXY_PROTOCOL_ERROR;
}
