/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks and the segments that hold them: which are whose (block.c), as the
 * files of this folder see them.  Private memory, but for segment.base.
 */
#ifndef PORTICO_CHANNEL_BLOCK_PRIV_H
#define PORTICO_CHANNEL_BLOCK_PRIV_H

#include "core/channel/channel.h"
#include "core/channel/limits.h"

/* The producer's view of a block, or the consumer's (FREE and HELD). */
enum block_state {
	BLOCK_FREE,
	BLOCK_OWN, /* allocated, not sent */
	BLOCK_SENT, /* with the other side, comes back by RELEASE */
	BLOCK_HEAD, /* with the other side, comes back by END */
	BLOCK_HELD, /* the other side's, not yet released by us */
};

struct block_note {
	uint16_t generation;
	uint8_t state; /* enum block_state */
	bool touched; /* producer: its pages may be there */
};

struct segment {
	unsigned char *base; /* NULL: there is none under this number */
	size_t size; /* bytes mapped */
	uint32_t first[CHANNEL_BLOCK_CLASSES + 1]; /* index; the last: all */
	uint64_t offset[CHANNEL_BLOCK_CLASSES]; /* of a class, from base */
	struct block_note *notes; /* first[CHANNEL_BLOCK_CLASSES] of them */
	uint32_t used; /* notes that are not FREE */

	/* Producer only. */
	uint16_t *free; /* one stack per class, at first[class] */
	uint32_t free_count[CHANNEL_BLOCK_CLASSES];
	/* The least that was free since the last channel_trim: so many at the
	 * bottom of the stack were not used. */
	uint32_t free_least[CHANNEL_BLOCK_CLASSES];
	uint32_t touched; /* blocks */
	bool idle; /* not used since the last channel_trim */
	/* The number may be used again when the other side is that far. */
	uint64_t dropped_at;
};

/* All blocks of one region. */
struct space {
	struct segment segments[CHANNEL_SEGMENTS_MAX];
	uint64_t bytes; /* of all segments */
	uint32_t block_count; /* in all segments */
	uint32_t segment_count;
	/* Producer only. */
	uint64_t used_bytes; /* of blocks that are not free */
	/* Bit n: segment n has a free block of that class. */
	uint64_t room[CHANNEL_BLOCK_CLASSES];
	uint32_t total[CHANNEL_BLOCK_CLASSES];
	uint32_t in_use[CHANNEL_BLOCK_CLASSES];
};

/* Where the parts of a first segment lie; the one place that computes it. */
struct geometry {
	uint32_t slots, ring_size, window, files;
	uint32_t block_count[CHANNEL_BLOCK_CLASSES];
	uint64_t slot_offset, ring_offset;
	uint64_t block_offset[CHANNEL_BLOCK_CLASSES];
	uint64_t size;
	uint64_t memory_max;
};

static inline uint32_t
block_size(unsigned block_class)
{
	return 4096u << (2 * block_class);
}

/* What can wait leaves this share of the memory to what cannot, and goes on
 * when there is a little more than that. */
static inline bool
space_is_scarce(const struct space *space, uint64_t memory_max)
{
	return space->used_bytes > memory_max - memory_max / 4;
}

static inline bool
space_has_plenty(const struct space *space, uint64_t memory_max)
{
	return space->used_bytes <= memory_max - memory_max / 8 * 3;
}

/* The segment of a block, NULL if there is none or the index is beyond it. */
static inline struct segment *
space_segment(const struct space *space, uint32_t block)
{
	const struct segment *segment =
		&space->segments[CHANNEL_BLOCK_SEGMENT(block)];

	if (segment->base == NULL ||
	    CHANNEL_BLOCK_INDEX(block) >= segment->first[CHANNEL_BLOCK_CLASSES])
		return NULL;
	return (struct segment *)(uintptr_t)segment;
}

static inline unsigned
segment_class(const struct segment *segment, uint32_t index)
{
	return (unsigned)(index >= segment->first[1]) +
	       (unsigned)(index >= segment->first[2]);
}

static inline unsigned char *
segment_memory(const struct segment *segment, uint32_t index)
{
	unsigned block_class = segment_class(segment, index);

	return segment->base + segment->offset[block_class] +
	       (size_t)(index - segment->first[block_class]) *
		       block_size(block_class);
}

void space_add_first(struct space *space, unsigned char *base,
		     const struct geometry *geometry, bool producer);
void space_add(struct space *space, uint32_t number, unsigned char *base,
	       enum channel_block_class block_class, bool producer);
/* Unmaps it.  All its blocks are free. */
void space_remove(struct space *space, uint32_t number, bool producer);
void space_fini(struct space *space);

void block_mark_sent(struct channel *channel, uint32_t block, bool head);
/* A RELEASE of the other side; false: a lie, said in channel->lie. */
bool block_take_back(struct channel *channel, uint32_t block);
/* Blocks arrive in a descriptor; false: a lie. */
bool block_hold(struct channel *channel, uint32_t block, bool head);

#endif
