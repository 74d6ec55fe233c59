/* SPDX-License-Identifier: Apache-2.0
 *
 * Field blocks of responses (HPACK, RFC 7541), written.  Fields that servers
 * repeat with every response (Date, Server, Content-Type ...) go to a table of
 * 1 KiB and cost a byte from then on; all others are literals, those that are
 * secret so that no proxy puts them into a table either.  Nothing is coded by
 * Huffman: a client's line is not saved what it would cost here.
 *
 * Blocks are read by nghttp2's decoder (endpoint_head.c).
 */
#ifndef CORE_HTTP2_HPACK_H
#define CORE_HTTP2_HPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/http/header_id.h"

/* Of the table: each entry costs 32 bytes more than its text. */
#define HPACK_TABLE_BYTES 1024
#define HPACK_ENTRY_COST 32
#define HPACK_ENTRIES 32 /* a power of two, > HPACK_TABLE_BYTES / 33 */

/* Bytes that a field takes at most, besides those of its name and value. */
#define HPACK_FIELD_ROOM 12
/* And all that comes before the first field: sizes, and the status. */
#define HPACK_FIRST_ROOM 16

struct hpack_entry {
	uint16_t at, length; /* of its value, in `text` */
	uint16_t cost; /* as RFC 7541 section 4.1 has it */
	uint8_t id; /* enum http_header_id */
};

/* Of a connection. */
struct hpack_encoder {
	uint32_t limit; /* bytes that the table may cost */
	uint32_t lowest; /* that the limit has been since the last block */
	bool moved; /* the limit has, since then */
	uint32_t cost; /* of all entries */
	uint32_t newest, count; /* entries[newest % HPACK_ENTRIES] */
	uint32_t used; /* of `text`: it is packed when it is full */
	struct hpack_entry entries[HPACK_ENTRIES];
	char text[HPACK_TABLE_BYTES];
};

/* A block on its way.  The caller has made room for all of it. */
struct hpack_block {
	struct hpack_encoder *encoder; /* borrowed */
	uint8_t *at; /* where the next field goes */
};

void hpack_encoder_init(struct hpack_encoder *encoder);

/* The client has said how large a table it keeps. */
void hpack_encoder_limit(struct hpack_encoder *encoder, uint32_t bytes);

/* A block of a response begins, with its status: 100 to 999. */
void hpack_begin_response(struct hpack_block *block, unsigned status);
/* And of trailers, with nothing. */
void hpack_begin_trailers(struct hpack_block *block);

/* `name` counts where the id is HTTP_HEADER_UNKNOWN, in any case. */
void hpack_field(struct hpack_block *block, enum http_header_id id,
		 struct portico_slice name, struct portico_slice value);

#endif
