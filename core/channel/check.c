/* SPDX-License-Identifier: Apache-2.0
 *
 * What a descriptor may say, in one table for both directions.  The sender
 * asserts it of what it sends, the receiver checks its private copy.
 */
#include "core/channel/channel_priv.h"

enum shape_body {
	SHAPE_NONE,
	SHAPE_REFERENCES,
	SHAPE_BLOCKS,
};

struct shape {
	uint8_t body; /* enum shape_body */
	uint8_t flags; /* allowed */
	uint8_t count_min, count_max;
	bool request; /* slot and generation name one */
	bool allowed;
};

#define DONE_FLAGS (CHANNEL_FLAG_LAST | CHANNEL_FLAG_END | CHANNEL_FLAG_FLUSH)

static const struct shape from_listener_shapes[CHANNEL_TYPES] = {
	[CHANNEL_REQUEST] = { SHAPE_REFERENCES, CHANNEL_FLAG_HAS_BODY, 1, 1,
			      true, true },
	[CHANNEL_BODY] = { SHAPE_REFERENCES, CHANNEL_FLAG_LAST, 0,
			   CHANNEL_REFERENCES_MAX, true, true },
	[CHANNEL_WINDOW] = { SHAPE_NONE, 0, 0, 0, true, true },
	[CHANNEL_RELEASE] = { SHAPE_BLOCKS, 0, 1, CHANNEL_RELEASES_MAX, false,
			      true },
	[CHANNEL_ABORT] = { SHAPE_NONE, 0, 0, 0, true, true },
	[CHANNEL_DRAIN] = { SHAPE_NONE, 0, 0, 0, false, true },
	[CHANNEL_SEGMENT_DROP] = { SHAPE_NONE, 0, 0, 0, false, true },
	[CHANNEL_FILE_SENT] = { SHAPE_NONE, 0, 0, 0, true, true },
};

static const struct shape from_worker_shapes[CHANNEL_TYPES] = {
	[CHANNEL_RESPONSE] = { SHAPE_REFERENCES, DONE_FLAGS, 1,
			       CHANNEL_REFERENCES_MAX, true, true },
	[CHANNEL_UPGRADE] = { SHAPE_REFERENCES, 0, 1, CHANNEL_REFERENCES_MAX,
			      true, true },
	[CHANNEL_BODY] = { SHAPE_REFERENCES, DONE_FLAGS, 0,
			   CHANNEL_REFERENCES_MAX, true, true },
	[CHANNEL_FILE] = { SHAPE_NONE, DONE_FLAGS, 0, 0, true, true },
	[CHANNEL_FILE_CLOSE] = { SHAPE_NONE, 0, 0, 0, false, true },
	[CHANNEL_FLUSH] = { SHAPE_NONE, 0, 0, 0, true, true },
	[CHANNEL_END] = { SHAPE_REFERENCES, CHANNEL_FLAG_FAILED, 0, 1, true,
			  true },
	[CHANNEL_WINDOW] = { SHAPE_NONE, 0, 0, 0, true, true },
	[CHANNEL_RELEASE] = { SHAPE_BLOCKS, 0, 1, CHANNEL_RELEASES_MAX, false,
			      true },
	[CHANNEL_SEGMENT_DROP] = { SHAPE_NONE, 0, 0, 0, false, true },
	[CHANNEL_CACHE_FLUSH] = { SHAPE_REFERENCES, 0, 0, 1, false, true },
};

bool
descriptor_has_references(unsigned type)
{
	return from_listener_shapes[type].body == SHAPE_REFERENCES ||
	       from_worker_shapes[type].body == SHAPE_REFERENCES;
}

static const char *
references_fault(const struct space *space,
		 const struct channel_descriptor *descriptor)
{
	for (unsigned i = 0; i < descriptor->count; i++) {
		struct channel_reference reference = descriptor->refs[i];
		const struct segment *segment =
			space_segment(space, reference.block);

		if (segment == NULL)
			return "reference to a block that does not exist";
		if (reference.length == 0)
			return "reference without bytes";
		if (reference.length >
		    block_size(segment_class(
			    segment, CHANNEL_BLOCK_INDEX(reference.block))))
			return "reference beyond the end of its block";
	}
	return NULL;
}

static const char *
values_fault(const struct channel_descriptor *descriptor)
{
	switch ((enum channel_type)descriptor->type) {
	case CHANNEL_RESPONSE:
	case CHANNEL_UPGRADE:
		if (descriptor->extra == 0 ||
		    descriptor->extra > descriptor->refs[0].length)
			return "response head longer than its block's bytes";
		return NULL;
	case CHANNEL_BODY:
		if (descriptor->count == 0 &&
		    (descriptor->flags & CHANNEL_FLAG_LAST) == 0)
			return "body without bytes that is not the last";
		if (descriptor->extra == 0)
			return NULL;
		if (descriptor->count == 0 ||
		    (descriptor->flags & CHANNEL_FLAG_LAST) == 0 ||
		    descriptor->extra >
			    descriptor->refs[descriptor->count - 1].length)
			return "trailers without a place, or before the end";
		return NULL;
	case CHANNEL_FILE:
		if (descriptor->value2 == 0 || descriptor->value > INT64_MAX ||
		    descriptor->value2 > INT64_MAX - descriptor->value)
			return "file span empty or beyond all files";
		return NULL;
	case CHANNEL_WINDOW:
		if (descriptor->value == 0 ||
		    descriptor->value > CHANNEL_WINDOW_MAX_BYTES)
			return "window of 0 bytes or of more than allowed";
		return NULL;
	case CHANNEL_FILE_SENT:
		if (descriptor->value == 0 || descriptor->value > INT64_MAX)
			return "file bytes sent are 0 or more than any file's";
		return NULL;
	case CHANNEL_ABORT:
		if (descriptor->value < CHANNEL_ABORT_CLIENT ||
		    descriptor->value >= CHANNEL_ABORTS)
			return "unknown reason to abort";
		return NULL;
	case CHANNEL_SEGMENT_DROP:
		if (descriptor->value < 1 ||
		    descriptor->value >= CHANNEL_SEGMENTS_MAX)
			return "drop of a segment that cannot be dropped";
		return NULL;
	case CHANNEL_FLUSH:
		if (descriptor->value > CHANNEL_FLUSH_SHUTDOWN)
			return "unknown kind of flush";
		return NULL;
	case CHANNEL_CACHE_FLUSH:
		if (descriptor->value > 1 || descriptor->extra == 0)
			return "flush of a cache in an unknown way";
		return NULL;
	case CHANNEL_REQUEST:
	case CHANNEL_FILE_CLOSE:
	case CHANNEL_RELEASE:
	case CHANNEL_END:
	case CHANNEL_DRAIN:
	case CHANNEL_TYPES:
		return NULL;
	}
	return NULL;
}

const char *
descriptor_fault(const struct channel *channel,
		 const struct channel_descriptor *descriptor,
		 bool from_listener)
{
	const struct space *sender = from_listener == channel->listener ?
					     &channel->own :
					     &channel->peer;
	const struct shape *shape;
	const char *fault;

	if (descriptor->type >= CHANNEL_TYPES)
		return "unknown descriptor type";
	shape = from_listener ? &from_listener_shapes[descriptor->type] :
				&from_worker_shapes[descriptor->type];
	if (!shape->allowed)
		return "descriptor type not allowed from this side";
	if ((descriptor->flags & ~(unsigned)shape->flags) != 0 ||
	    descriptor->reserved != 0)
		return "descriptor flags not allowed for its type";
	if ((descriptor->flags & (CHANNEL_FLAG_LAST | CHANNEL_FLAG_END)) ==
	    CHANNEL_FLAG_END)
		return "flag END without LAST";
	if (descriptor->count < shape->count_min ||
	    descriptor->count > shape->count_max)
		return "descriptor count not allowed for its type";
	if (shape->request && descriptor->slot >= channel->slots)
		return "slot beyond the last";
	if (shape->request && (descriptor->generation == 0 ||
			       descriptor->generation > CHANNEL_GENERATION_MAX))
		return "generation beyond 24 bits or 0";
	if (shape->body == SHAPE_REFERENCES) {
		fault = references_fault(sender, descriptor);
		if (fault != NULL)
			return fault;
	}
	return values_fault(descriptor);
}
