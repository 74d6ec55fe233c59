/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks of IP addresses: "10.0.0.0/8", "2001:db8::/32", or one address.
 */
#ifndef CORE_CONFIG_SETTINGS_NETWORK_H
#define CORE_CONFIG_SETTINGS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings_network {
	const char *text; /* as written */
	bool v6;
	uint8_t bits; /* that count */
	uint8_t bytes[16]; /* network byte order; IPv4: the first 4 */
};

/* NULL when it is one, else what it has to be.  Keeps `text`. */
const char *settings_network_parse(const char *text,
				   struct settings_network *network_r);

/* Whether one of them has the address: 4 bytes, or 16 with `v6`. */
bool settings_networks_have(const struct settings_network *networks,
			    size_t count, const uint8_t *bytes, bool v6);

#endif
