/* SPDX-License-Identifier: Apache-2.0
 *
 * Lies in the ring: descriptors that cannot be, and positions that move
 * wrongly.
 */
#include "t/hostile/hostile.h"

#include <string.h>

#define EXISTING CHANNEL_BLOCK(0, 3, 1)
#define WITH_END (CHANNEL_FLAG_LAST | CHANNEL_FLAG_END)

struct forgery {
	const char *name;
	/* The request's slot and generation are added to these. */
	struct channel_descriptor descriptor;
};

#define ONE(...) .count = 1, .refs = { { __VA_ARGS__ } }

static const struct forgery forgeries[] = {
	{ "type unknown", { .type = CHANNEL_TYPES } },
	{ "type 255", { .type = 255 } },
	{ "type 0", { .type = 0 } },
	{ "request to the listener",
	  { .type = CHANNEL_REQUEST, ONE(EXISTING, 10) } },
	{ "abort to the listener", { .type = CHANNEL_ABORT, .value = 1 } },
	{ "drain to the listener", { .type = CHANNEL_DRAIN } },
	{ "upgrade without a head", { .type = CHANNEL_UPGRADE } },
	{ "cache flush of no application", { .type = CHANNEL_CACHE_FLUSH } },
	{ "cache flush of an unknown kind",
	  { .type = CHANNEL_CACHE_FLUSH, .extra = 1, .value = 2 } },
	{ "flags of another type",
	  { .type = CHANNEL_FLUSH, .flags = CHANNEL_FLAG_LAST } },
	{ "flags unknown", { .type = CHANNEL_END, .flags = 0x80 } },
	{ "reserved byte", { .type = CHANNEL_FLUSH, .reserved = 1 } },
	{ "end without last",
	  { .type = CHANNEL_BODY,
	    .flags = CHANNEL_FLAG_END,
	    ONE(EXISTING, 10) } },
	{ "five references",
	  { .type = CHANNEL_BODY, .count = 5, .refs = { { EXISTING, 10 } } } },
	{ "255 references", { .type = CHANNEL_RESPONSE, .count = 255 } },
	{ "response without block", { .type = CHANNEL_RESPONSE } },
	{ "13 releases", { .type = CHANNEL_RELEASE, .count = 13 } },
	{ "no release", { .type = CHANNEL_RELEASE } },
	{ "slot beyond the last", { .type = CHANNEL_FLUSH, .slot = 1u << 20 } },
	{ "slot 2^32-1", { .type = CHANNEL_END, .slot = UINT32_MAX } },
	{ "generation 2^24", { .type = CHANNEL_END, .generation = 1u << 24 } },
	{ "segment that is not there",
	  { .type = CHANNEL_BODY, ONE(CHANNEL_BLOCK(63, 0, 1), 10) } },
	{ "index beyond the segment",
	  { .type = CHANNEL_BODY, ONE(CHANNEL_BLOCK(0, 1023, 1), 10) } },
	{ "no block", { .type = CHANNEL_BODY, ONE(CHANNEL_BLOCK_NONE, 10) } },
	{ "reference of 0 bytes", { .type = CHANNEL_BODY, ONE(EXISTING, 0) } },
	{ "reference beyond its block",
	  { .type = CHANNEL_BODY, ONE(EXISTING, 4097) } },
	{ "reference of 2^32-1 bytes",
	  { .type = CHANNEL_BODY, ONE(EXISTING, UINT32_MAX) } },
	{ "block twice in one",
	  { .type = CHANNEL_BODY,
	    .count = 2,
	    .refs = { { EXISTING, 10 }, { EXISTING, 10 } } } },
	{ "empty body that is not the last", { .type = CHANNEL_BODY } },
	{ "head of 0 bytes", { .type = CHANNEL_RESPONSE, ONE(EXISTING, 100) } },
	{ "head beyond its block's bytes",
	  { .type = CHANNEL_RESPONSE, .extra = 101, ONE(EXISTING, 100) } },
	{ "head of 2^32-1 bytes",
	  { .type = CHANNEL_RESPONSE,
	    .extra = UINT32_MAX,
	    ONE(EXISTING, 100) } },
	{ "file of no bytes", { .type = CHANNEL_FILE, .extra = 1 } },
	{ "file beyond 2^63",
	  { .type = CHANNEL_FILE, .value = INT64_MAX, .value2 = 1 } },
	{ "file from 2^64-1",
	  { .type = CHANNEL_FILE, .value = UINT64_MAX, .value2 = 2 } },
	{ "close of an unknown file",
	  { .type = CHANNEL_FILE_CLOSE, .extra = 0xfeed } },
	{ "window of 0", { .type = CHANNEL_WINDOW } },
	{ "window of 2^31", { .type = CHANNEL_WINDOW, .value = 1u << 31 } },
	{ "window of 2^64-1", { .type = CHANNEL_WINDOW, .value = UINT64_MAX } },
	{ "drop of the first segment", { .type = CHANNEL_SEGMENT_DROP } },
	{ "drop of segment 64", { .type = CHANNEL_SEGMENT_DROP, .value = 64 } },
	{ "drop of an absent segment",
	  { .type = CHANNEL_SEGMENT_DROP, .value = 63 } },
	{ "release of a block that does not exist",
	  { .type = CHANNEL_RELEASE, .count = 1, .blocks = { 0xfffffffe } } },
};

#define FORGERIES (sizeof(forgeries) / sizeof(forgeries[0]))

static bool
forge(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor descriptor = forgeries[variant].descriptor;

	if (descriptor.slot == 0)
		descriptor.slot = request->request.slot;
	if (descriptor.generation == 0)
		descriptor.generation = request->request.generation;
	evil_forge(evil_channel_of(evil, request), &descriptor);
	return true;
}

/* ---- by chance --------------------------------------------------------------------- */

static bool
send_random(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = evil_channel_of(evil, request);
	struct channel_descriptor descriptor;
	unsigned count = 1 + (unsigned)evil_draw(evil, 8);

	for (unsigned i = 0; i < count; i++) {
		evil_fill(evil, &descriptor, sizeof(descriptor));
		if (variant > 0) {
			descriptor.type =
				(uint8_t)evil_draw(evil, CHANNEL_TYPES + 1);
			descriptor.flags &= 31;
			descriptor.reserved = 0;
			descriptor.count %= 6;
		}
		if (variant > 1) {
			descriptor.slot = request->request.slot;
			descriptor.generation = request->request.generation;
		}
		evil_write(channel, &descriptor);
	}
	evil_publish(channel);
	return true;
}

/* A good descriptor with one bit of it turned. */
static bool
turn_a_bit(struct evil *evil, struct evil_request *request, int variant)
{
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor descriptor = evil_describe(
		request, variant == 0 ? CHANNEL_RESPONSE : CHANNEL_BODY,
		variant == 0 ? WITH_END : 0);
	unsigned bit = (unsigned)evil_draw(evil, 8 * 40);
	unsigned char *memory;

	descriptor.refs[0] = evil_block(channel, CHANNEL_BLOCK_4K, NULL, 0);
	if (descriptor.refs[0].block == CHANNEL_BLOCK_NONE)
		return false;
	memory = evil_block_memory(channel, descriptor.refs[0].block);
	descriptor.count = 1;
	descriptor.refs[0].length = evil_head(memory, 200, 0);
	if (variant == 0)
		descriptor.extra = descriptor.refs[0].length;
	((unsigned char *)&descriptor)[bit / 8] ^=
		(unsigned char)(1u << bit % 8);
	evil_forge(channel->channel, &descriptor);
	return true;
}

/* ---- slots and generations ----------------------------------------------------------- */

enum {
	SLOT_FREE,
	GENERATION_LAST,
	GENERATION_NEXT,
	GENERATION_ANY
};

static bool
lie_about_slot(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = evil_channel_of(evil, request);
	struct channel_descriptor descriptor =
		evil_describe(request, CHANNEL_END, 0);

	switch (variant) {
	case SLOT_FREE:
		/* Slots are used from 0 on, the highest last. */
		descriptor.slot = channel->slots - 1;
		descriptor.generation = CHANNEL_GENERATION_MAX;
		break;
	case GENERATION_LAST:
		descriptor.generation--;
		break;
	case GENERATION_NEXT:
		descriptor.generation++;
		break;
	case GENERATION_ANY:
		descriptor.generation = CHANNEL_GENERATION_MAX -
					(uint32_t)evil_draw(evil, 1000);
		break;
	}
	evil_forge(channel, &descriptor);
	return true;
}

/* ---- blocks of the listener ------------------------------------------------------------ */

enum {
	RELEASE_HEAD, /* it comes back by END */
	RELEASE_TWICE,
	RELEASE_BEFORE, /* an earlier use */
	RELEASE_NOT_SENT,
	RELEASE_TWICE_IN_ONE
};

static bool
lie_about_release(struct evil *evil, struct evil_request *request, int variant)
{
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor descriptor = { .type = CHANNEL_RELEASE,
						 .count = 1 };
	uint32_t block = channel->received;

	if (variant == RELEASE_HEAD)
		block = request->request.refs[0].block;
	else if (variant == RELEASE_NOT_SENT)
		block = CHANNEL_BLOCK(0, 500 + evil_draw(evil, 12), 0);
	else if (block == CHANNEL_BLOCK_NONE)
		return false;
	descriptor.blocks[0] = descriptor.blocks[1] = block;
	if (variant == RELEASE_BEFORE)
		descriptor.blocks[0]--;
	else if (variant == RELEASE_TWICE_IN_ONE)
		descriptor.count = 2;
	else if (variant == RELEASE_TWICE)
		evil_write(channel->channel, &descriptor);
	evil_forge(channel->channel, &descriptor);
	channel->received = CHANNEL_BLOCK_NONE;
	return true;
}

/* ---- positions --------------------------------------------------------------------------- */

enum {
	TAIL_AHEAD,
	TAIL_FAR,
	TAIL_BACK,
	HEAD_AHEAD,
	HEAD_BACK
};

static bool
lie_about_position(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel =
		evil->channels[evil_draw(evil, evil->count)].channel;
	_Atomic uint64_t *tail = &channel->out->producer.tail;
	_Atomic uint64_t *head = &channel->out->consumer.head;

	(void)request;
	switch (variant) {
	case TAIL_AHEAD:
		atomic_store(tail, channel->tail + channel->ring_size + 1);
		break;
	case TAIL_FAR:
		atomic_store(tail, channel->tail + (UINT64_C(1) << 63));
		break;
	case TAIL_BACK:
		/* Behind what the listener has read. */
		atomic_store(tail,
			     atomic_load(&channel->in->consumer.head) - 1);
		break;
	case HEAD_AHEAD:
		atomic_store(head, channel->head + evil_draw(evil, UINT64_MAX));
		break;
	case HEAD_BACK:
		atomic_store(head, channel->head - evil_draw(evil, 1000));
		break;
	}
	evil_wake(channel);
	return true;
}

/* ---- words ---------------------------------------------------------------------------------- */

enum {
	WORD_CLAIM,
	WORD_SLEEP,
	WORD_HEARTBEAT,
	WORD_PROGRESS
};

/* Nothing here is believed, so nothing comes of it. */
static bool
scribble_words(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel =
		evil->channels[evil_draw(evil, evil->count)].channel;

	(void)request;
	for (uint32_t i = 0; i < channel->slots; i++) {
		struct channel_slot *slot = &channel->claims[i];
		uint64_t garbage = evil_draw(evil, UINT64_MAX);

		if (variant == WORD_CLAIM && evil_chance(evil, 2))
			/* Likely generations, any state. */
			atomic_store(&slot->claim,
				     CHANNEL_CLAIM_WORD(evil_draw(evil, 6),
							evil_draw(evil, 7)));
		else if (variant == WORD_CLAIM)
			atomic_store(&slot->claim, (uint32_t)garbage);
		else if (variant == WORD_PROGRESS)
			atomic_store(&slot->progress, (uint32_t)garbage);
		if (variant == WORD_PROGRESS)
			atomic_store(&slot->progress_at, garbage);
	}
	if (variant == WORD_SLEEP)
		atomic_store(&channel->out->consumer.sleeping,
			     evil_draw(evil, UINT64_MAX));
	if (variant == WORD_HEARTBEAT)
		atomic_store(&channel->out->heartbeat,
			     evil_draw(evil, UINT64_MAX));
	evil_wake(channel);
	return true;
}

/* ---- all --------------------------------------------------------------------------------------- */

static const struct evil_kind others[] = {
	{ "64 random bytes", send_random, 0, EVIL_MAYBE, true, 0 },
	{ "random of a known type", send_random, 1, EVIL_MAYBE, true, 0 },
	{ "random for a request", send_random, 2, EVIL_MAYBE, true, 0 },
	{ "a bit of a response", turn_a_bit, 0, EVIL_MAYBE, true, 0 },
	{ "a bit of a body", turn_a_bit, 1, EVIL_MAYBE, true, 0 },
	{ "slot not in use", lie_about_slot, SLOT_FREE, EVIL_CAUGHT, true, 0 },
	{ "last generation", lie_about_slot, GENERATION_LAST, EVIL_CAUGHT, true,
	  0 },
	{ "next generation", lie_about_slot, GENERATION_NEXT, EVIL_CAUGHT, true,
	  0 },
	{ "any generation", lie_about_slot, GENERATION_ANY, EVIL_CAUGHT, true,
	  0 },
	{ "release of a head", lie_about_release, RELEASE_HEAD, EVIL_CAUGHT,
	  true, 0 },
	{ "release twice", lie_about_release, RELEASE_TWICE, EVIL_CAUGHT, true,
	  0 },
	{ "release of an earlier use", lie_about_release, RELEASE_BEFORE,
	  EVIL_CAUGHT, true, 0 },
	{ "release of what was not sent", lie_about_release, RELEASE_NOT_SENT,
	  EVIL_CAUGHT, true, 0 },
	{ "release twice in one", lie_about_release, RELEASE_TWICE_IN_ONE,
	  EVIL_CAUGHT, true, 0 },
	{ "tail a ring ahead", lie_about_position, TAIL_AHEAD, EVIL_CAUGHT,
	  false, 0 },
	{ "tail far ahead", lie_about_position, TAIL_FAR, EVIL_CAUGHT, false,
	  0 },
	{ "tail back", lie_about_position, TAIL_BACK, EVIL_CAUGHT, false, 0 },
	{ "head ahead", lie_about_position, HEAD_AHEAD, EVIL_MAYBE, false, 0 },
	{ "head back", lie_about_position, HEAD_BACK, EVIL_MAYBE, false, 0 },
	{ "claim words", scribble_words, WORD_CLAIM, EVIL_MAYBE, false, 0 },
	{ "sleep word", scribble_words, WORD_SLEEP, EVIL_MAYBE, false, 0 },
	{ "heartbeat", scribble_words, WORD_HEARTBEAT, EVIL_MAYBE, false, 0 },
	{ "progress words", scribble_words, WORD_PROGRESS, EVIL_MAYBE, false,
	  0 },
};

#define OTHERS (sizeof(others) / sizeof(others[0]))

struct evil_kinds
evil_ring_kinds(void)
{
	static struct evil_kind kinds[FORGERIES + OTHERS];

	for (size_t i = 0; i < FORGERIES; i++)
		kinds[i] = (struct evil_kind){ forgeries[i].name, forge, (int)i,
					       EVIL_CAUGHT,	  true,	 0 };
	memcpy(kinds + FORGERIES, others, sizeof(others));
	return EVIL_KINDS(kinds);
}
