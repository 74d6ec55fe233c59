/* SPDX-License-Identifier: Apache-2.0
 *
 * What listener and worker write into the memory that they share: the layout
 * of the two regions, the 64-byte descriptors and the claim words.  Nothing
 * here allocates or calls; channel.h holds the functions.
 *
 * One channel joins one listener loop with one worker loop.  It has two
 * regions, both created and sealed by the listener:
 *
 *   down  written by the listener, mapped read-only by the worker
 *   up    written by the worker, and by the listener only in claim words
 *
 * A position that one side advances lies in the region which that side
 * writes: the consumer position of the down ring is therefore in the up
 * region, and the other way round.  All integers are host order: both
 * processes run on one machine.
 */
#ifndef PORTICO_CHANNEL_WIRE_H
#define PORTICO_CHANNEL_WIRE_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_MAGIC 0x504f4348u /* "POCH" */
#define CHANNEL_VERSION 7

/* The unit of sharing between two cores. */
#define CHANNEL_CACHE_LINE 64

/*
 * Blocks come in three sizes.  A block is named by 32 bits: segment, index in
 * the segment and a generation that its producer counts up at every use, so
 * that a release of an earlier use is seen as the lie it is.
 */
enum channel_block_class {
	CHANNEL_BLOCK_4K,
	CHANNEL_BLOCK_16K,
	CHANNEL_BLOCK_64K,
	CHANNEL_BLOCK_CLASSES
};

#define CHANNEL_SEGMENTS_MAX 64 /* of one region, the first one included */
#define CHANNEL_SEGMENT_BLOCKS_MAX 1024
#define CHANNEL_BLOCK_NONE 0xffffffffu

#define CHANNEL_BLOCK_SEGMENT(block) ((block) >> 26)
#define CHANNEL_BLOCK_INDEX(block) (((block) >> 16) & 0x3ffu)
#define CHANNEL_BLOCK_GENERATION(block) ((block)&0xffffu)
#define CHANNEL_BLOCK(segment, index, generation)                              \
	((uint32_t)(segment) << 26 | (uint32_t)(index) << 16 |                 \
	 ((uint32_t)(generation)&0xffffu))

/* Bytes in a block.  The block belongs to whoever the descriptor says. */
struct channel_reference {
	uint32_t block;
	uint32_t length; /* bytes used, from the start of the block */
};

/*
 * Descriptor types.  `slot` and `generation` name the request in all of them
 * that concern one.
 *
 * listener -> worker
 *   REQUEST  refs[0] is the request head, count is 1; the block stays
 *            readable until the worker's END, which returns it without a
 *            RELEASE.  flags: HAS_BODY.  The claim word of the slot is OFFERED.
 *   BODY     refs[0..count) are request body in order, flags: LAST.  Each block
 *            is returned by RELEASE.  count may be 0 with LAST.  With LAST
 *            the final `extra` bytes of the last reference are no body but
 *            the lines of the trailer section, each with its CRLF.
 *   WINDOW   `value` more bytes of response body may be handed over
 *   RELEASE  blocks[0..count) return to their producer; names no request
 *   ABORT    nobody waits for the answer any more; `value` is an
 *            enum channel_abort.  The worker still owes END.
 *   DRAIN    no REQUEST will follow on this channel
 *   SEGMENT_DROP  segment `value` of the down region is gone: unmap it
 *   FILE_SENT  `value` more bytes of the response's FILE spans have left.  Sent
 *            after every CHANNEL_FILE_REPORT_BYTES and when nothing waits any
 *            more, but not once the response is complete.
 *
 * worker -> listener
 *   RESPONSE refs[0] holds the response head in its first `extra` bytes; what
 *            follows it in refs[0] and all of refs[1..count) is body.
 *            flags: LAST, FLUSH.  At most one per request.
 *   BODY     refs[0..count) are response body in order.  flags: LAST, FLUSH.
 *            With LAST the final `extra` bytes of the last reference are the
 *            trailer section as core/http/trailer.h has it, which counts
 *            against no window
 *   UPGRADE  in the place of RESPONSE, for a request whose head has the flag
 *            HTTP_REQUEST_UPGRADE: as RESPONSE, with status 101 and without
 *            flags.  From here on request and response are a tunnel: BODY down
 *            is whatever the client sends (as far as WINDOW allows, LAST: it
 *            sends no more), BODY up goes to the client as it is.
 *   FILE     `value2` bytes at offset `value` of the file that was passed
 *            under the number `extra`.  flags: LAST.  Counts against no window
 *            (the worker goes by FILE_SENT); 65536 spans of a channel may wait
 *            to be sent.
 *   FILE_CLOSE  file number `extra` will not be named again
 *   FLUSH    what has been handed over so far shall leave at once; `value` is
 *            an enum channel_flush
 *   END      the request has ended; slot and head block are free.  flags:
 *            FAILED if the response is not complete (the client's connection
 *            is cut).  refs[0], if count is 1: log fields (log_fields.h).
 *   WINDOW   `value` more bytes of request body are wanted.  The first one
 *            makes the listener answer Expect: 100-continue.
 *   RELEASE, SEGMENT_DROP as above, in the other direction
 *   CACHE_FLUSH  what the listener's cache has of application `extra`, as far as
 *            it came from this worker's pool, is no longer true: the path in
 *            refs[0], and with `value` 1 all that lies below it; without a
 *            reference all of the application.  Names no request.
 *
 * LAST on RESPONSE, BODY or FILE says that the response is complete; END
 * still follows, unless flag END is set too, which saves that descriptor.
 */
enum channel_type {
	CHANNEL_REQUEST = 1,
	CHANNEL_RESPONSE,
	CHANNEL_BODY,
	CHANNEL_FILE,
	CHANNEL_FILE_CLOSE,
	CHANNEL_FLUSH,
	CHANNEL_WINDOW,
	CHANNEL_RELEASE,
	CHANNEL_ABORT,
	CHANNEL_END,
	CHANNEL_DRAIN,
	CHANNEL_SEGMENT_DROP,
	CHANNEL_UPGRADE,
	CHANNEL_CACHE_FLUSH,
	CHANNEL_FILE_SENT,
	CHANNEL_TYPES
};

enum channel_flag {
	CHANNEL_FLAG_HAS_BODY = 1,
	CHANNEL_FLAG_LAST = 2,
	CHANNEL_FLAG_END = 4,
	CHANNEL_FLAG_FLUSH = 8,
	CHANNEL_FLAG_FAILED = 16,
};

enum channel_abort {
	CHANNEL_ABORT_CLIENT = 1, /* the client has left */
	CHANNEL_ABORT_DEADLINE, /* executionTimeout */
	CHANNEL_ABORT_OPERATOR,
	CHANNEL_ABORT_SHUTDOWN,
	CHANNEL_ABORT_IDLE, /* responseIdleTimeout */
	CHANNEL_ABORT_SLOW, /* the client sends or takes too slowly */
	CHANNEL_ABORT_BODY, /* the request's body is malformed, or too large */
	CHANNEL_ABORT_OTHER,
	CHANNEL_ABORTS
};

/* WINDOW: the worker waits until the client has taken all of it, and is to get
 * the window back then, however small.  SHUTDOWN, of a tunnel: no more bytes
 * will come, the client is to be told when it has all; it may go on sending. */
enum channel_flush {
	CHANNEL_FLUSH_PLAIN,
	CHANNEL_FLUSH_WINDOW,
	CHANNEL_FLUSH_SHUTDOWN,
};

#define CHANNEL_REFERENCES_MAX 4
#define CHANNEL_RELEASES_MAX 12

struct channel_descriptor {
	uint8_t type;
	uint8_t flags;
	uint8_t count; /* of refs or of blocks */
	uint8_t reserved;
	uint32_t slot;
	uint32_t generation;
	uint32_t extra;
	union {
		struct {
			uint64_t value;
			uint64_t value2;
			struct channel_reference refs[CHANNEL_REFERENCES_MAX];
		};
		uint32_t blocks[CHANNEL_RELEASES_MAX];
	};
};

_Static_assert(sizeof(struct channel_descriptor) == 64,
	       "a descriptor is one cache line");
_Static_assert(offsetof(struct channel_descriptor, value) == 16,
	       "descriptor layout");
_Static_assert(offsetof(struct channel_descriptor, refs) == 32,
	       "descriptor layout");

/*
 * A claim word: generation in the upper 24 bits, state in the lower 8.  The
 * listener writes FREE and OFFERED; OFFERED becomes TAKEN by the worker's
 * compare-and-swap or REVOKED by the listener's, so exactly one of them has
 * the request.  TAKEN becomes STARTED by the worker's compare-and-swap before
 * its first module runs, or REVOKED by that of a listener that has lost it.
 * Only a worker that lies writes anything else, and hurts itself alone.
 */
enum channel_claim {
	CHANNEL_CLAIM_FREE,
	CHANNEL_CLAIM_OFFERED,
	CHANNEL_CLAIM_TAKEN,
	CHANNEL_CLAIM_STARTED,
	CHANNEL_CLAIM_REVOKED,
};

#define CHANNEL_CLAIM_WORD(generation, state)                                  \
	((uint32_t)(generation) << 8 | (uint32_t)(state))

/*
 * One request in flight, in the up region, so that it outlives the worker.
 * Trace buffers will be an area of their own (up header, trace_offset).
 */
#define CHANNEL_PROGRESS_CRASHED 0x80000000u

struct channel_slot {
	_Atomic uint32_t claim;
	/* event << 16 | module number, see below; a thread that dies of a
	 * signal adds CHANNEL_PROGRESS_CRASHED. */
	_Atomic uint32_t progress;
	_Atomic uint64_t progress_at; /* ns, monotonic: when progress changed */
	uint8_t reserved[48];
};

_Static_assert(sizeof(struct channel_slot) == CHANNEL_CACHE_LINE,
	       "slots must not share cache lines");

/*
 * What the consumer says about itself, in the region that it writes.
 * AWAKE: it will look at the ring again by itself.  ASLEEP: wake it for
 * anything but RELEASE.  STARVED: wake it for RELEASE too, and when it may
 * send again, since it waits for blocks or for room in the ring.
 *
 * The word holds the state in its lowest two bits and above them a count of
 * the times this side went to sleep, so that the other side can tell one
 * sleep from the next and writes to the wake-up descriptor once for each.
 */
enum channel_sleep {
	CHANNEL_AWAKE,
	CHANNEL_ASLEEP,
	CHANNEL_STARVED,
};

#define CHANNEL_SLEEP_WORD(sleeps, state)                                      \
	((uint64_t)(sleeps) << 2 | (uint64_t)(state))
#define CHANNEL_SLEEP_STATE(word) ((unsigned)((word)&3u))

/* One end of a ring, each word on the cache line of its only writer. */
struct channel_producer {
	_Atomic uint64_t tail; /* descriptors ever published */
	uint8_t pad[CHANNEL_CACHE_LINE - 8];
};

struct channel_consumer {
	_Atomic uint64_t head; /* descriptors ever consumed */
	_Atomic uint64_t sleeping; /* CHANNEL_SLEEP_WORD */
	uint8_t pad[CHANNEL_CACHE_LINE - 16];
};

/*
 * The start of both regions.  Everything but `producer`, `consumer` and
 * `heartbeat` is written by the listener before the other side maps it, and
 * the listener never reads it back: it keeps its own copy.
 */
struct channel_region_header {
	uint32_t magic;
	uint16_t version;
	uint16_t header_size; /* sizeof(struct channel_region_header) */
	uint32_t descriptor_size;
	uint32_t slot_size;
	uint64_t region_size; /* bytes, of the first segment */
	uint32_t slot_count; /* up only */
	uint32_t ring_size; /* descriptors, a power of two */
	uint64_t slot_offset; /* up only */
	uint64_t ring_offset;
	uint64_t trace_offset; /* up only; 0 = none */
	uint32_t trace_size; /* bytes per slot */
	uint32_t window; /* bytes of response body granted at first */
	uint32_t block_count[CHANNEL_BLOCK_CLASSES]; /* in the first segment */
	uint32_t memory_kib; /* that all segments together may have */
	uint64_t block_offset[CHANNEL_BLOCK_CLASSES]; /* page aligned */
	uint32_t files; /* that the worker may have passed at once */
	uint32_t reserved;
	_Alignas(CHANNEL_CACHE_LINE) struct channel_producer
		producer; /* of the ring in this region */
	struct channel_consumer consumer; /* of the ring in the other region */
	_Atomic uint64_t heartbeat; /* loop turns of the writer */
	uint8_t pad2[CHANNEL_CACHE_LINE - 8];
};

_Static_assert(offsetof(struct channel_region_header, producer) %
			       CHANNEL_CACHE_LINE ==
		       0,
	       "positions on cache lines of their own");
_Static_assert(sizeof(struct channel_region_header) % CHANNEL_CACHE_LINE == 0,
	       "header in whole cache lines");

#endif
