/* SPDX-License-Identifier: Apache-2.0
 *
 * See settings_network.h.
 */
#include "core/config/settings_network.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/slice.h"

static bool
is_same(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

const char *
settings_network_parse(const char *text, struct settings_network *network_r)
{
	static const char wanted[] = "has to be an address, or a network like "
				     "\"10.0.0.0/8\" or \"2001:db8::/32\"";
	struct portico_slice bits = slice_from(text);
	struct portico_slice address = slice_split(&bits, '/');
	char copy[INET6_ADDRSTRLEN];
	uint64_t number, most;

	memset(network_r, 0, sizeof *network_r);
	network_r->text = text;
	if (address.length == 0 || address.length >= sizeof copy)
		return wanted;
	memcpy(copy, address.data, address.length);
	copy[address.length] = '\0';
	network_r->v6 = memchr(copy, ':', address.length) != NULL;
	most = network_r->v6 ? 128 : 32;
	if (inet_pton(network_r->v6 ? AF_INET6 : AF_INET, copy,
		      network_r->bytes) != 1)
		return wanted;
	number = most;
	if (address.length < strlen(text) &&
	    (!slice_to_u64(bits, &number) || number > most))
		return wanted;
	network_r->bits = (uint8_t)number;
	/* "10.1.2.3/8" is most likely not what was meant. */
	for (unsigned i = network_r->bits; i < most; i++) {
		uint8_t one = (uint8_t)(0x80u >> i % 8);

		if ((network_r->bytes[i / 8] & one) != 0)
			return "has bits behind its prefix that are not 0";
	}
	return NULL;
}

bool
settings_networks_have(const struct settings_network *networks, size_t count,
		       const uint8_t *bytes, bool v6)
{
	for (size_t i = 0; i < count; i++) {
		if (networks[i].v6 == v6 &&
		    is_same(networks[i].bytes, bytes, networks[i].bits))
			return true;
	}
	return false;
}
