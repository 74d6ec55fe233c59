/* SPDX-License-Identifier: Apache-2.0
 *
 * From an accepted connection on a port for https to one that can have
 * requests, or its end and a line in the error log that says why.
 */
#ifndef CORE_LISTENER_HANDSHAKE_H
#define CORE_LISTENER_HANDSHAKE_H

struct listener_connection;

/* The connection is open and nothing was read.  It may be closed after this. */
void handshake_begin(struct listener_connection *connection);

/* In CONNECTION_HANDSHAKE: the socket is ready, or its time is over. */
void handshake_go_on(struct listener_connection *connection);
void handshake_expired(struct listener_connection *connection);

#endif
