/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a request is well-formed (RFC 9113 section 8.1.1): its pseudo-header
 * fields, the fields that HTTP/2 forbids, and a body as long as it was said to
 * be.  What HTTP/1.1 has as well (methods, targets, hosts) is not looked at.
 *
 * Every function that returns bool: false when the request is malformed.
 */
#ifndef CORE_HTTP2_MESSAGE_H
#define CORE_HTTP2_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

#define HTTP2_LENGTH_NONE (-1)

struct http2_message {
	uint16_t seen; /* of message.c */
	int64_t length; /* Content-Length, or HTTP2_LENGTH_NONE */
	int64_t received; /* bytes of the body */
};

void http2_message_init(struct http2_message *message);

/* A field of its head; then no more of them. */
bool http2_message_field(struct http2_message *message,
			 struct portico_slice name, struct portico_slice value);
bool http2_message_head(struct http2_message *message);

bool http2_message_trailer(struct portico_slice name,
			   struct portico_slice value);

/* So many bytes of the body; it is complete. */
bool http2_message_body(struct http2_message *message, uint32_t bytes);
bool http2_message_end(const struct http2_message *message);

#endif
