/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of one connection: the handshake, then a transport.
 */
#ifndef CORE_LISTENER_TLS_H
#define CORE_LISTENER_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

struct listener_connection;
struct tls_entry;

enum tls_result {
	TLS_DONE,
	TLS_READ, /* goes on when bytes come */
	TLS_WRITE, /* goes on when the socket takes some */
	TLS_FAILED, /* see tls_failure() */
	TLS_PLAIN, /* that was HTTP: the transport is the socket again */
};

/* A connection that was accepted on a port for https.  False: there are no
 * certificates. */
bool tls_open(struct listener_connection *connection);

/* The handshake, as far as it goes now. */
enum tls_result tls_handshake(struct listener_connection *connection);

/* Why it failed, for the error log; NULL: the client went before it had said
 * anything.  Valid until the next call of anything here on this thread. */
const char *tls_failure(const struct listener_connection *connection);

/* ---- what is known of a connection after its handshake ------------------------ */

/* Whether a request for this host and path may come over it: not if its binding
 * asks clients for something else than this one was asked for. */
bool tls_serves(const struct listener_connection *connection,
		struct portico_slice host, struct portico_slice path);

/* As they lie in a request head (enum http_tls); empty without TLS. */
struct portico_slice tls_details(const struct listener_connection *connection);

/* ---- called by tls_context ---------------------------------------------------- */

/* The client has named a host, or "".  NULL: it cannot be served. */
const struct tls_entry *
tls_connection_choose(struct listener_connection *connection,
		      struct portico_slice name);

#endif
