/* SPDX-License-Identifier: Apache-2.0
 *
 * Incremental decoder of the chunked transfer coding (RFC 9112 section 7.1).
 * Payload is given out in place, never copied.  Extensions are skipped, the
 * trailer section is checked and kept if somebody wants it, both within limits.
 */
#ifndef CORE_HTTP_CHUNKED_H
#define CORE_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/http/reason.h"

enum http_chunked_result {
	HTTP_CHUNKED_MORE, /* all input consumed, the body goes on */
	HTTP_CHUNKED_DATA, /* payload_r holds bytes; call again with the rest */
	HTTP_CHUNKED_DONE, /* the body is complete; what follows is not ours */
	HTTP_CHUNKED_ERROR /* answer 400 and close; see `reason` */
};

struct buffer;

/* Embedded in a connection. */
struct http_chunked {
	/* Gets the lines of the trailer section as they were sent, each with
	 * its CRLF, without the empty one; NULL (after init): nobody does.
	 * Borrowed. */
	struct buffer *trailers;
	uint64_t remaining; /* of the current chunk */
	uint64_t total; /* payload bytes given out */
	uint32_t extension_bytes; /* of all chunks, for the limit */
	uint32_t trailer_bytes;
	uint16_t line_bytes; /* of the current size line */
	uint8_t digits; /* of the current size */
	uint8_t state;
	enum http_reason reason; /* after an error */
};

void http_chunked_init(struct http_chunked *state);

/*
 * Reads from `data` until it can give out one run of payload, is done, or has
 * used everything.  consumed_r says how many bytes are settled (payload
 * included): continue at data + *consumed_r.  payload_r points into `data`
 * and is empty unless the result is HTTP_CHUNKED_DATA.
 */
enum http_chunked_result http_chunked_decode(struct http_chunked *state,
					     const char *data, size_t length,
					     size_t *consumed_r,
					     struct portico_slice *payload_r);

/* "1a2b\r\n" for an outgoing chunk; returns its bytes, at most
 * HTTP_CHUNK_HEAD_MAX. Not NUL-terminated. */
#define HTTP_CHUNK_HEAD_MAX 18
size_t http_chunk_head_write(uint64_t size, char out[HTTP_CHUNK_HEAD_MAX]);

#endif
