/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels: a request that asked for an upgrade, which its worker has answered
 * with 101 (UPGRADE).  From then on its body is whatever the client sends
 * (BODY_TUNNEL), its response whatever the worker hands over
 * (HTTP_FRAMING_TUNNEL); nothing is parsed, both go by the windows.
 *
 * Each side may say that it sends no more and still be sent to.  When both
 * have, or when the worker ends the request, the connection is closed.
 */
#ifndef CORE_LISTENER_TUNNEL_H
#define CORE_LISTENER_TUNNEL_H

#include <stdbool.h>

struct listener_request;

/* The head with 101 is known to be good and waits to be sent. */
void tunnel_begin(struct listener_request *request);

/* The client sends no more and all that it sent was handed over.  The
 * connection may end. */
void tunnel_client_ended(struct listener_request *request);

/* FLUSH with SHUTDOWN: NULL or the lie. */
const char *tunnel_on_shutdown(struct listener_request *request);

/* The worker sends no more (tunnel_ending) and all that it sent has left.
 * True: the connection has ended. */
bool tunnel_all_sent(struct listener_request *request);

#endif
