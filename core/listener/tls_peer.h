/* SPDX-License-Identifier: Apache-2.0
 *
 * What is told of a client's certificate and of those that vouch for it.  They
 * have been verified: nothing is told of others.
 *
 * OpenSSL keeps in a ticket the client's own certificate, not those above it.
 * What is told of these goes into the ticket as text, so that a session that
 * goes on says the same as the one that began.
 */
#ifndef CORE_LISTENER_TLS_PEER_H
#define CORE_LISTENER_TLS_PEER_H

#include <openssl/ssl.h>

struct buffer;

/* Appends the texts from HTTP_TLS_CLIENT_SUBJECT on, each behind a NUL. */
void tls_peer_describe(SSL *ssl, struct buffer *details);

/* For SSL_CTX_set_session_ticket_cb(): a ticket is about to be made. */
int tls_peer_on_ticket(SSL *ssl, void *unused);

#endif
