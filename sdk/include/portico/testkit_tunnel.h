/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: tunnels (tunnel.h).  The test is the client.
 *
 *	struct kit_request *request = kit_request(kit, "GET", "/echo");
 *
 *	kit_offer(request, "echo");
 *	assert(kit_run(request) == KIT_TUNNEL);
 *	assert(kit_status(request) == 101);
 *	kit_tunnel_send(request, "abc", 3);
 *	assert(memcmp(kit_tunnel_received(request).data, "abc", 3) == 0);
 *	kit_tunnel_end(request);
 *	assert(kit_state(request) == KIT_ENDED);
 *
 * The functions that modules call are the worker's own, so bytes leave when
 * they do in a server: when the module's function suspends.  The client takes
 * at once what its window lets through: kit_window(request, 0) makes the next
 * portico_tunnel_write say AGAIN, kit_window(request, n) goes on.  kit_abort is
 * the client's reset.
 *
 * Calls on what is no tunnel, writes behind portico_tunnel_shutdown, and waits
 * that would end at once over and over (see portico_tunnel_wait) are failures.
 * portico_tunnel_open fails with KIT_FAULT_MEMORY, reads, writes and shutdowns
 * with KIT_FAULT_IO, waits and tokens with KIT_FAULT_WAIT; a read, write or
 * shutdown that fails has cut the tunnel.
 */
#ifndef PORTICO_TESTKIT_TUNNEL_H
#define PORTICO_TESTKIT_TUNNEL_H

#include <portico/testkit.h>
#include <portico/tunnel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The client wishes to change to that protocol ("Connection: upgrade" and
 * "Upgrade").  Before it runs.  Since 1.0. */
void kit_offer(struct kit_request *request, const char *protocol);

/* It was answered with 101. */
bool kit_is_tunnel(const struct kit_request *request);

/*
 * The client sends a piece, which portico_tunnel_read gives as it is; what
 * waits for it goes on.  Before there is a tunnel: it comes right behind the
 * head, and is there when the tunnel opens.
 */
void kit_tunnel_send(struct kit_request *request, const void *data,
		     size_t length);
/* The client sends no more.  It still reads. */
void kit_tunnel_end(struct kit_request *request);
/* Bytes that the client has sent and the module not read: back-pressure is when
 * these stay. */
size_t kit_tunnel_unread(const struct kit_request *request);

/* What the client got since this was called last, until the next call of the
 * kit; kit_response_body has all of it. */
struct portico_slice kit_tunnel_received(struct kit_request *request);
/* The client has seen the end of the stream: portico_tunnel_shutdown. */
bool kit_tunnel_is_shut(const struct kit_request *request);

/* Complete the token that the module has taken (portico_tunnel_token), as
 * another thread would.  False: there is none that was not completed. */
bool kit_tunnel_wake(struct kit_request *request);

/* The worker is being recycled: PORTICO_TUNNEL_DRAIN in each tunnel, from now
 * on.  The end of shutdownTimeLimit is kit_abort. */
void kit_drain(struct kit *kit);

/* From now on the tunnel is cut when no byte has gone either way for `ns` of
 * virtual time (tunnelIdleTimeout of a pool); 0: never. */
void kit_tunnel_idle(struct kit_request *request, uint64_t ns);

#ifdef __cplusplus
}
#endif

#endif
