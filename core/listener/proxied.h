/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that a trusted proxy passes on: before anything else the PROXY
 * header is read, to its last byte, and its source is the client from then on.
 * The local address stays our own, since routes are found by it.
 */
#ifndef CORE_LISTENER_PROXIED_H
#define CORE_LISTENER_PROXIED_H

struct listener_connection;

/* A connection that was just accepted. */
void proxied_begin(struct listener_connection *connection);

/* CONNECTION_PROXIED, and the socket has bytes. */
void proxied_readable(struct listener_connection *connection);

/* The connection leaves that state, or ends. */
void proxied_end(struct listener_connection *connection);

#endif
