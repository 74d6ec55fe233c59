/* SPDX-License-Identifier: Apache-2.0
 *
 * Which certificate a connection is shown: by its port and the name that the
 * client asks for (SNI), in this order:
 *
 *	the strong wildcard, the exact name, the longest *.name, the address that
 *	was connected to, the weak wildcard, the first binding of the port.
 *
 * That is the order of routes, and names are those of bindings.  Immutable; part
 * of a snapshot.
 */
#ifndef CORE_LISTENER_TLS_STORE_H
#define CORE_LISTENER_TLS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/config/settings.h"

struct tls_authorities;
struct tls_certificate;
struct tls_material;

/* Bindings with the same certificate and the same demands share one. */
struct tls_entry {
	const struct tls_certificate *certificate;
	const char *certificate_name;
	enum settings_client_certificate client_certificate;
	const struct tls_authorities *authorities; /* or NULL */
	/* What is asked of clients: the same number for the same demand and the
	 * same authorities, in every snapshot.  0: nothing. */
	uint64_t policy;
};

/* Where a client came and what it asks for. */
struct tls_target {
	uint16_t port; /* as configured */
	struct portico_slice address; /* the server's, as text */
	struct portico_slice host; /* lower case; empty: none was named */
};

struct tls_store;

/* With the certificates of `material` (a reference is taken).  Bindings of
 * which it has none are left out. */
struct tls_store *tls_store_new(const struct settings *settings,
				struct tls_material *material);
void tls_store_free(struct tls_store **store_p);

/* NULL: no certificate. */
const struct tls_entry *tls_store_find(const struct tls_store *store,
				       const struct tls_target *target);

/* What the binding that takes a request of this path asks of clients; its
 * connection may be another's, since a client may name one host to TLS and
 * another one in a request. */
uint64_t tls_store_policy(const struct tls_store *store,
			  const struct tls_target *target,
			  struct portico_slice path);

struct tls_material *tls_store_material(const struct tls_store *store);

/* Whether any binding asks clients for certificates. */
bool tls_store_has_policies(const struct tls_store *store);

#endif
