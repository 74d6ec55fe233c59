/* SPDX-License-Identifier: Apache-2.0
 *
 * The server side of a control socket: a Unix SOCK_SEQPACKET socket in the
 * file system whose clients are control connections.  Who may connect is
 * decided by SO_PEERCRED: root and the user that the server runs as.
 */
#ifndef CORE_CONTROL_SERVER_H
#define CORE_CONTROL_SERVER_H

#include <sys/types.h>

#include "core/control/connection.h"

struct control_server;

/* A request from a client; the answer goes by control_send(), now or later. */
typedef void control_request_fn(struct control_connection *client,
				const char *type, json_t *message, void *arg);

/* The client has gone: forget it.  It is freed after this. */
typedef void control_gone_fn(struct control_connection *client, void *arg);

/*
 * A socket file that is there already is replaced: the caller holds the lock
 * that says it is stale.
 */
enum portico_status control_server_open(uv_loop_t *loop, const char *path,
					unsigned clients_max,
					control_request_fn *on_request,
					control_gone_fn *on_gone, void *arg,
					struct control_server **server_r,
					struct portico_error *err);

/* Ends all clients (with on_gone) and removes the file.  Accepts NULL in
 * *server_p. */
void control_server_close(struct control_server **server_p);

#endif
