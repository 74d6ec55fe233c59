/* SPDX-License-Identifier: Apache-2.0
 *
 * What all TLS connections of a snapshot have in common: protocols, ciphers,
 * tickets, and how the certificate is chosen.
 */
#ifndef CORE_LISTENER_TLS_CONTEXT_H
#define CORE_LISTENER_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include <portico/types.h>

struct listener_connection;

/* Sessions may go on for `lifetime_s`.  NULL: err. */
SSL_CTX *tls_context_new(uint64_t lifetime_s, struct portico_error *err);

/*
 * Which protocol is spoken, of those that the client offers (ALPN's list, each
 * with its length before it): one of its elements, NULL when there is none.
 * *length_r is its length.
 */
const unsigned char *
tls_choose_protocol(const struct listener_connection *connection,
		    const unsigned char *offered, size_t size,
		    size_t *length_r);

#endif
