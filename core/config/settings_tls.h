/* SPDX-License-Identifier: Apache-2.0
 *
 * What settings say of certificates and transport security.
 */
#ifndef CORE_CONFIG_SETTINGS_TLS_H
#define CORE_CONFIG_SETTINGS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config/settings_pool.h"

/* Whether a client is asked for a certificate. */
enum settings_client_certificate {
	SETTINGS_CLIENT_CERTIFICATE_NONE,
	SETTINGS_CLIENT_CERTIFICATE_ACCEPT, /* asked; it may have none */
	SETTINGS_CLIENT_CERTIFICATE_REQUIRE,
};

/* A certificate with its chain, and its key, in PEM. */
struct settings_certificate_files {
	const char *certificate, *key; /* absolute */
	struct settings_place place;
};

/* What a binding names: one for each kind of key that clients may like. */
struct settings_certificate {
	const char *name;
	struct settings_place place;
	const struct settings_certificate_files *files;
	size_t file_count; /* at least 1 */
	bool ocsp_stapling;
	const char *ocsp_responder; /* instead of the certificate's, or NULL */
};

/* Strict-Transport-Security (RFC 6797), and what leads there. */
struct settings_hsts {
	bool enabled;
	uint64_t max_age; /* seconds */
	bool include_subdomains;
	bool preload;
	bool redirect; /* http is answered with a redirect to https */
};

#endif
