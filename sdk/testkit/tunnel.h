/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels in the kit (tunnel.c): what its other files tell it.
 */
#ifndef SDK_TESTKIT_TUNNEL_H
#define SDK_TESTKIT_TUNNEL_H

struct kit_request;

/* Bytes have left. */
void kit_tunnel_sent(struct kit_request *request);
/* The request ends. */
void kit_tunnel_over(struct kit_request *request);
/* At kit_close. */
void kit_tunnel_release(struct kit_request *request);

#endif
