/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels: see portico/tunnel.h.  What the client sends is the request's body,
 * what is written its response; `response.tunnel` says that it is one, and the
 * rest hangs on the request's changes.
 */
#ifndef CORE_WORKER_TUNNEL_H
#define CORE_WORKER_TUNNEL_H

#include <portico/tunnel.h>

struct portico_request;

extern const struct portico_host_tunnel worker_host_tunnel;

/* For a request that waits in portico_tunnel_wait: go on if what it waits for
 * is there. */
void tunnel_look(struct portico_request *request);

/* The module's function suspends: what it has written leaves. */
void tunnel_flush(struct portico_request *request);

/* WINDOW has come. */
void tunnel_window(struct portico_request *request);

/* A token of this request was completed, perhaps the tunnel's. */
void tunnel_woken(struct portico_request *request, uint32_t slot);

#endif
