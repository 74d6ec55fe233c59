/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailers of a response: what a worker says behind the last byte of a body is
 * checked and kept until that byte goes to the client.
 *
 * They follow a chunked body of HTTP/1.1, and every body of HTTP/2.  Where they
 * cannot follow (HTTP/1.0, a body with a length over HTTP/1.1, HEAD, a status
 * without a body) they are left out.  A response that has some is not kept by
 * the cache.
 */
#ifndef CORE_LISTENER_RESPONSE_TRAILERS_H
#define CORE_LISTENER_RESPONSE_TRAILERS_H

struct channel_descriptor;
struct listener_request;

/* BODY with trailers; `descriptor` is the caller's copy, out of which they are
 * taken with the block that has nothing else.  NULL or the lie. */
const char *response_trailers_take(struct listener_request *request,
				   struct channel_descriptor *descriptor);

/* There are none, or no more. */
void response_trailers_drop(struct listener_request *request);

#endif
