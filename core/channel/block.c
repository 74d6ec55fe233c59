/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks: which are free, ours, sent, or held.
 *
 * Which blocks of a region are free is known to its producer alone, in private
 * memory.  Free blocks are stacks, one per class and segment, so that the
 * block used last is used next while it is in the cache; segments with low
 * numbers are used first, so that the others become idle and can be dropped.
 */
#include <sys/mman.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/channel/channel_priv.h"

static void
segment_init(struct space *space, uint32_t number, unsigned char *base,
	     bool producer)
{
	struct segment *segment = &space->segments[number];
	uint32_t all = segment->first[CHANNEL_BLOCK_CLASSES];

	ASSERT(segment->base == NULL && all <= CHANNEL_SEGMENT_BLOCKS_MAX);
	segment->base = base;
	segment->used = segment->touched = 0;
	segment->idle = false;
	segment->notes = mem_zalloc(all * sizeof(*segment->notes));
	space->bytes += segment->size;
	space->block_count += all;
	space->segment_count++;
	if (!producer)
		return;
	segment->free = mem_zalloc(all * sizeof(*segment->free));
	for (unsigned c = 0; c < CHANNEL_BLOCK_CLASSES; c++) {
		uint32_t first = segment->first[c];
		uint32_t count = segment->first[c + 1] - first;

		segment->free_count[c] = segment->free_least[c] = count;
		for (uint32_t i = 0; i < count; i++)
			segment->free[first + i] =
				(uint16_t)(first + count - 1 - i);
		space->total[c] += count;
		if (count > 0)
			space->room[c] |= UINT64_C(1) << number;
	}
}

void
space_add_first(struct space *space, unsigned char *base,
		const struct geometry *geometry, bool producer)
{
	struct segment *segment = &space->segments[0];
	uint32_t index = 0;

	segment->size = geometry->size;
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		segment->first[i] = index;
		segment->offset[i] = geometry->block_offset[i];
		index += geometry->block_count[i];
	}
	segment->first[CHANNEL_BLOCK_CLASSES] = index;
	segment_init(space, 0, base, producer);
}

void
space_add(struct space *space, uint32_t number, unsigned char *base,
	  enum channel_block_class block_class, bool producer)
{
	struct segment *segment = &space->segments[number];
	uint32_t count = CHANNEL_SEGMENT_BYTES / block_size(block_class);

	segment->size = CHANNEL_SEGMENT_BYTES;
	for (unsigned i = 0; i <= CHANNEL_BLOCK_CLASSES; i++)
		segment->first[i] = i > (unsigned)block_class ? count : 0;
	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		segment->offset[i] = 0;
	segment_init(space, number, base, producer);
}

void
space_remove(struct space *space, uint32_t number, bool producer)
{
	struct segment *segment = &space->segments[number];

	ASSERT(segment->base != NULL);
	if (producer) {
		for (unsigned c = 0; c < CHANNEL_BLOCK_CLASSES; c++) {
			space->total[c] -=
				segment->first[c + 1] - segment->first[c];
			space->room[c] &= ~(UINT64_C(1) << number);
		}
	}
	space->bytes -= segment->size;
	space->block_count -= segment->first[CHANNEL_BLOCK_CLASSES];
	space->segment_count--;
	munmap(segment->base, segment->size);
	segment->base = NULL;
	MEM_FREE(segment->notes);
	MEM_FREE(segment->free);
}

void
space_fini(struct space *space)
{
	for (uint32_t i = 0; i < CHANNEL_SEGMENTS_MAX; i++) {
		if (space->segments[i].base != NULL)
			space_remove(space, i, false);
	}
}

/* Memory for a block that is used for the first time, or again after its pages
 * were given back. */
static bool
has_memory(struct segment *segment, uint32_t index, unsigned block_class)
{
	unsigned char *memory = segment_memory(segment, index);

	return segment->notes[index].touched ||
	       region_populate(memory, 0, block_size(block_class));
}

static bool
take_free(struct channel *channel, unsigned block_class, uint32_t *block_r)
{
	struct space *space = &channel->own;
	struct segment *segment;
	struct block_note *note;
	uint32_t index, left;
	unsigned number;

	if (space->room[block_class] == 0)
		return false;
	number = (unsigned)__builtin_ctzll(space->room[block_class]);
	segment = &space->segments[number];
	left = segment->free_count[block_class] - 1;
	index = segment->free[segment->first[block_class] + left];
	channel->memory_short = !has_memory(segment, index, block_class);
	if (channel->memory_short)
		return false;
	segment->free_count[block_class] = left;
	if (left == 0)
		space->room[block_class] &= ~(UINT64_C(1) << number);
	if (left < segment->free_least[block_class])
		segment->free_least[block_class] = left;
	note = &segment->notes[index];
	ASSERT(note->state == BLOCK_FREE);
	note->state = BLOCK_OWN;
	note->generation++;
	segment->touched += !note->touched;
	note->touched = true;
	segment->used++;
	segment->idle = false;
	space->in_use[block_class]++;
	space->used_bytes += block_size(block_class);
	*block_r = CHANNEL_BLOCK(number, index, note->generation);
	return true;
}

static void
put_free(struct channel *channel, uint32_t block)
{
	struct space *space = &channel->own;
	unsigned number = CHANNEL_BLOCK_SEGMENT(block);
	struct segment *segment = &space->segments[number];
	uint32_t index = CHANNEL_BLOCK_INDEX(block);
	unsigned block_class = segment_class(segment, index);

	segment->notes[index].state = BLOCK_FREE;
	segment->used--;
	segment->free[segment->first[block_class] +
		      segment->free_count[block_class]++] = (uint16_t)index;
	space->room[block_class] |= UINT64_C(1) << number;
	space->in_use[block_class]--;
	space->used_bytes -= block_size(block_class);
	if (channel->room_wanted ||
	    (channel->plenty_wanted &&
	     space_has_plenty(space, channel->memory_max)))
		channel->room_due = true;
}

/* The note of a block of ours, or NULL if it is none or of another use. */
static struct block_note *
own_note(struct channel *channel, uint32_t block)
{
	struct segment *segment = space_segment(&channel->own, block);
	struct block_note *note;

	if (segment == NULL)
		return NULL;
	note = &segment->notes[CHANNEL_BLOCK_INDEX(block)];
	return note->generation == CHANNEL_BLOCK_GENERATION(block) ? note :
								     NULL;
}

void *
channel_block_alloc(struct channel *channel,
		    enum channel_block_class block_class, uint32_t *block_r,
		    uint32_t *size_r)
{
	unsigned c = block_class;
	uint32_t index;
	struct segment *segment;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	ASSERT(c < CHANNEL_BLOCK_CLASSES);
	if (channel->lie != NULL)
		return NULL;
	if (!take_free(channel, c, block_r)) {
		/* More segments are of no use when there is no memory. */
		if (channel->own.room[c] != 0 ||
		    !segment_grow(channel, block_class) ||
		    !take_free(channel, c, block_r)) {
			/* A larger one does as well. */
			for (c++; c < CHANNEL_BLOCK_CLASSES; c++) {
				if (take_free(channel, c, block_r))
					break;
			}
			if (c == CHANNEL_BLOCK_CLASSES) {
				channel->room_wanted = true;
				channel_mark_dirty(channel);
				return NULL;
			}
		}
	}
	segment = &channel->own.segments[CHANNEL_BLOCK_SEGMENT(*block_r)];
	index = CHANNEL_BLOCK_INDEX(*block_r);
	*size_r = block_size(c);
	return segment_memory(segment, index);
}

void
channel_block_cancel(struct channel *channel, uint32_t block)
{
	struct block_note *note;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	note = own_note(channel, block);
	ASSERT(note != NULL && note->state == BLOCK_OWN);
	put_free(channel, block);
	if (channel->room_due)
		channel_mark_dirty(channel);
}

void
channel_block_returned(struct channel *channel, uint32_t block)
{
	struct block_note *note;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	note = own_note(channel, block);
	/* Its RELEASE may have come before. */
	if (note == NULL || note->state == BLOCK_FREE)
		return;
	ASSERT(note->state == BLOCK_HEAD || note->state == BLOCK_SENT);
	put_free(channel, block);
	if (channel->room_due)
		channel_mark_dirty(channel);
}

void
block_mark_sent(struct channel *channel, uint32_t block, bool head)
{
	struct block_note *note = own_note(channel, block);

	ASSERT(note != NULL && note->state == BLOCK_OWN);
	note->state = head ? BLOCK_HEAD : BLOCK_SENT;
}

bool
block_take_back(struct channel *channel, uint32_t block)
{
	struct block_note *note = own_note(channel, block);

	if (note == NULL) {
		channel_accuse(channel, "release of a block that does not "
					"exist, or of an earlier use of it");
		return false;
	}
	if (note->state != BLOCK_SENT) {
		channel_accuse(channel, "release of a block that was not sent "
					"or was released before");
		return false;
	}
	put_free(channel, block);
	return true;
}

/*
 * The listener notes every block that it holds: the worker may neither send it
 * twice nor drop its segment.  The worker does so too, for its own mistakes,
 * except for the head, which it gives back by END.
 */
bool
block_hold(struct channel *channel, uint32_t block, bool head)
{
	struct segment *segment = space_segment(&channel->peer, block);
	struct block_note *note;

	if (segment == NULL) {
		channel_accuse(channel, "reference to a block that does not "
					"exist");
		return false;
	}
	if (head)
		return true;
	note = &segment->notes[CHANNEL_BLOCK_INDEX(block)];
	if (note->state != BLOCK_FREE) {
		channel_accuse(channel, "block sent again before it was "
					"released");
		return false;
	}
	note->state = BLOCK_HELD;
	note->generation = (uint16_t)CHANNEL_BLOCK_GENERATION(block);
	segment->used++;
	return true;
}

enum portico_status
channel_release(struct channel *channel, uint32_t block)
{
	struct segment *segment;
	struct block_note *note;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	segment = space_segment(&channel->peer, block);
	ASSERT(segment != NULL);
	note = &segment->notes[CHANNEL_BLOCK_INDEX(block)];
	ASSERT(note->state == BLOCK_HELD &&
	       note->generation == CHANNEL_BLOCK_GENERATION(block));
	note->state = BLOCK_FREE;
	segment->used--;
	if (channel->lie != NULL)
		return PORTICO_PROTOCOL;
	channel->releases[channel->release_count++] = block;
	channel_mark_dirty(channel);
	if (channel->release_count == CHANNEL_RELEASES_MAX)
		ring_release_flush(channel);
	return PORTICO_OK;
}

const void *
channel_block_data(const struct channel *channel,
		   struct channel_reference reference)
{
	const struct segment *segment;
	uint32_t index = CHANNEL_BLOCK_INDEX(reference.block);

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	segment = space_segment(&channel->peer, reference.block);
	if (segment == NULL ||
	    reference.length > block_size(segment_class(segment, index)))
		return NULL;
	return segment_memory(segment, index);
}

void *
channel_block_own(struct channel *channel, uint32_t block)
{
	const struct block_note *note;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	note = own_note(channel, block);
	ASSERT(note != NULL && note->state != BLOCK_FREE);
	return segment_memory(
		&channel->own.segments[CHANNEL_BLOCK_SEGMENT(block)],
		CHANNEL_BLOCK_INDEX(block));
}
