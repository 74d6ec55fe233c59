/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a site is reached.
 */
#ifndef CORE_CONFIG_SETTINGS_BINDING_H
#define CORE_CONFIG_SETTINGS_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config/settings_network.h"
#include "core/config/settings_pool.h"
#include "core/config/settings_tls.h"

/* What the host part of a binding is; in the order in which they win. */
enum settings_host_kind {
	SETTINGS_HOST_STRONG, /* "+": before everything */
	SETTINGS_HOST_NAME, /* an exact name */
	SETTINGS_HOST_SUBDOMAIN, /* "*.example.com"; host is "example.com" */
	SETTINGS_HOST_ADDRESS, /* an IP address, also what is listened on */
	SETTINGS_HOST_WEAK, /* "*": what nothing else took */
};

struct settings_binding {
	const char *url; /* as written */
	struct settings_place place;
	bool tls; /* https */
	enum settings_host_kind host_kind;
	const char *host; /* lower case; "" for the two wildcards; IPv6 without
			     brackets */
	uint16_t port; /* 0 = any free one (tests) */
	const char *path; /* prefix, begins and ends with '/' */
	const char *address; /* to listen on: "*" or an IP address */
	const char *certificate; /* name or NULL */
	/* Proxies whose connections begin with a PROXY header; nobody else may
	 * connect.  None: no such header. */
	const struct settings_network *proxies;
	size_t proxy_count;
	enum settings_client_certificate client_certificate;
	const char *client_authorities; /* file of CA certificates, absolute;
					   NULL: no client certificates */
};

#endif
