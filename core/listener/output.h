/* SPDX-License-Identifier: Apache-2.0
 *
 * What waits to be sent to one client: a head, then pieces in order.  A piece
 * is a few bytes of framing, a worker's block (by reference, released when it
 * was sent), or a span of a file.  Nothing is copied for a slow client.
 */
#ifndef CORE_LISTENER_OUTPUT_H
#define CORE_LISTENER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache_entry;
struct channel;
struct channel_file;
struct transport;

enum output_kind {
	OUTPUT_BYTES,
	OUTPUT_BLOCK,
	OUTPUT_ENTRY, /* a part of a kept response */
	OUTPUT_TEXT, /* too long for BYTES */
	OUTPUT_FILE
};

struct output_item {
	uint8_t kind; /* enum output_kind */
	uint8_t size; /* of BYTES */
	uint32_t block; /* of BLOCK */
	uint32_t offset; /* of all but FILE: sent so far */
	union {
		char bytes[24];
		struct {
			const char *data; /* in shared memory: only sent */
			uint32_t length;
			uint32_t whole; /* counted against the window */
			union {
				struct cache_entry *entry; /* a reference */
				char *text; /* of TEXT: what `data` is */
			};
		};
		struct {
			struct channel_file *file; /* a reference */
			uint64_t position, left;
		};
	};
};

#define OUTPUT_FEW 3

struct output {
	char *head; /* NULL: sent or none */
	uint32_t head_length, head_sent;
	bool head_borrowed; /* within output_send_head: not ours to free */
	struct output_item *items; /* `few` or heap; a circle */
	uint32_t capacity, first, count;
	uint32_t turn; /* bytes that output_send() may send; 0: no limit but
			  that of files */
	uint64_t sent; /* bytes on the wire, head included */
	uint64_t file_sent; /* of files, not yet reported to the worker */
	struct output_item few[OUTPUT_FEW];
};

enum output_result {
	OUTPUT_DONE, /* all sent */
	OUTPUT_BLOCKED, /* the socket is full */
	OUTPUT_TURN, /* the socket is not full, but others wait */
	OUTPUT_LOST, /* the client is gone */
	OUTPUT_SHORT, /* a file ended before its span */
};

void output_init(struct output *output);

static inline bool
output_empty(const struct output *output)
{
	return output->head == NULL && output->count == 0;
}

/* Copies; at most once, before anything else. */
void output_set_head(struct output *output, const char *data, size_t length);

/* At most 24 bytes. */
void output_add_bytes(struct output *output, const char *data, size_t length);

/* OWNERSHIP: takes the text, from mem_alloc(). */
void output_add_text(struct output *output, char *text, uint32_t length);

/* OWNERSHIP: takes the block, which is released to `channel` when sent. */
void output_add_block(struct output *output, const char *data, uint32_t length,
		      uint32_t block, uint32_t whole);

/* Bytes of an entry.  OWNERSHIP: takes the reference. */
void output_add_entry(struct output *output, const char *data, uint32_t length,
		      struct cache_entry *entry);

/* OWNERSHIP: takes the reference. */
void output_add_file(struct output *output, struct channel_file *file,
		     uint64_t position, uint64_t length);

/*
 * Send what can be sent.  `channel` gets back its blocks (NULL if there are
 * none); *window_r is increased by the bytes that no longer count against the
 * worker's window.
 */
enum output_result output_send(struct output *output,
			       struct transport *transport,
			       struct channel *channel, uint32_t *window_r);

/*
 * The usual case in one call: a head that lies in `scratch` (LOOP_OUTPUT_BYTES
 * large) and the pieces, all sent at once if the socket takes them; what it
 * does not take is kept.
 */
enum output_result output_send_head(struct output *output,
				    struct transport *transport, char *scratch,
				    size_t head_length, struct channel *channel,
				    uint32_t *window_r);

/* Bytes that wait, head included, as far as `most` is exceeded. */
uint64_t output_waiting(const struct output *output, uint64_t most);

/* For those who frame the bytes themselves: `size` bytes that wait go to `to`,
 * as if sent.  False: a file ended before its span. */
bool output_copy(struct output *output, char *to, size_t size,
		 struct channel *channel, uint32_t *window_r);

/* All of the head was used in another way. */
void output_head_taken(struct output *output);

/* Throw everything away: blocks and files are released. */
void output_discard(struct output *output, struct channel *channel,
		    uint32_t *window_r);

#endif
