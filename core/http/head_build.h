/* SPDX-License-Identifier: Apache-2.0
 *
 * A request head from fields that come one by one (HTTP/2), in the form in
 * which the parser of HTTP/1 leaves its own: text with offsets into it.  The
 * same rules hold for both, so nobody behind has to ask which it was.
 *
 * The text is method, target, names and values, each followed by a NUL.  Host
 * is there whatever it was called; the pieces of Cookie are one field.
 *
 * An extended CONNECT (RFC 8441) becomes what it stands for: GET with Connection
 * and Upgrade, and for WebSocket a Sec-WebSocket-Key, which HTTP/2 has no need
 * of but modules expect.
 */
#ifndef CORE_HTTP_HEAD_BUILD_H
#define CORE_HTTP_HEAD_BUILD_H

#include <portico/types.h>

#include "core/http/parser.h"

struct http_head_build {
	struct http_parser *parser; /* borrowed: limits, and the fault */
	struct http_parsed_head *head; /* borrowed */
	char *data; /* borrowed, may be exchanged for a larger copy */
	uint32_t capacity;
	uint32_t used;
	bool has_authority; /* Host has to say the same */
	bool tunnel; /* an extended CONNECT, which asks for one */
	int16_t cookie; /* its index; -1: none so far */
};

/* What comes before the fields.  NULL data: was not sent. */
struct http_head_first {
	struct portico_slice method, authority, path;
	struct portico_slice protocol; /* of an extended CONNECT */
};

void http_head_build_init(struct http_head_build *build,
			  struct http_parser *parser,
			  struct http_parsed_head *head, char *data,
			  uint32_t capacity);

/* Bytes of `data` that the next call needs at most, those used included. */
size_t http_head_build_first_room(const struct http_head_build *build,
				  const struct http_head_first *first);
size_t http_head_build_field_room(const struct http_head_build *build,
				  struct portico_slice name,
				  struct portico_slice value);

/* Each once, fields in between.  False: parser->reason and status tell. */
bool http_head_build_first(struct http_head_build *build,
			   const struct http_head_first *first);
bool http_head_build_field(struct http_head_build *build,
			   struct portico_slice name,
			   struct portico_slice value);
/* `ended`: no body follows. */
bool http_head_build_end(struct http_head_build *build, bool ended);

#endif
