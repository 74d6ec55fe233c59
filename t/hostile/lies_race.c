/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that changes the shared memory while the listener reads it and the
 * main thread works as an honest worker does: whatever is checked has to be
 * checked on a copy.
 */
#include "t/hostile/hostile.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum race_kind {
	RACE_DESCRIPTORS,
	RACE_SLOTS_OF_DESCRIPTORS,
	RACE_HEADS,
	RACE_BLOCKS,
	RACE_TAIL,
	RACE_HEAD,
	RACE_CLAIMS,
	RACE_SLEEP,
	RACE_HEARTBEAT,
	RACE_HOLES,
	RACE_WRITES,
	RACE_WAKES,
	RACES
};

static const char *const names[RACES] = {
	[RACE_DESCRIPTORS] = "race: descriptors",
	[RACE_SLOTS_OF_DESCRIPTORS] = "race: slots in descriptors",
	[RACE_HEADS] = "race: heads",
	[RACE_BLOCKS] = "race: blocks",
	[RACE_TAIL] = "race: tail",
	[RACE_HEAD] = "race: head",
	[RACE_CLAIMS] = "race: claim words",
	[RACE_SLEEP] = "race: sleep word",
	[RACE_HEARTBEAT] = "race: heartbeat",
	[RACE_HOLES] = "race: holes in the region",
	[RACE_WRITES] = "race: writes to the region",
	[RACE_WAKES] = "race: wake-ups",
};

struct race {
	enum race_kind kind;
	struct evil_channel *channel;
	struct evil evil; /* for its random numbers */
	atomic_bool stop;
};

static uint64_t
any(struct race *race, uint64_t below)
{
	return evil_draw(&race->evil, below);
}

static void
scribble_ring(struct race *race)
{
	struct channel *channel = race->channel->channel;
	uint64_t tail = atomic_load(&channel->out->producer.tail);
	/* The next ones are the ones that may be read now. */
	uint64_t at = tail + any(race, 8) - 4;
	struct channel_descriptor *descriptor =
		&channel->out_ring[at & channel->ring_mask];

	if (race->kind == RACE_SLOTS_OF_DESCRIPTORS) {
		uint32_t slot = descriptor->slot;

		descriptor->slot = (uint32_t)any(race, channel->slots * 2);
		descriptor->slot = slot;
		return;
	}
	((volatile unsigned char *)descriptor)[any(race, 64)] =
		(unsigned char)any(race, 256);
}

static void
scribble_block(struct race *race)
{
	const struct segment *segment =
		&race->channel->channel->own.segments[0];
	uint32_t cursor = race->channel->cursor[CHANNEL_BLOCK_4K];
	uint32_t index = (cursor + 508 + (uint32_t)any(race, 6)) % 512;
	volatile unsigned char *memory = segment_memory(segment, index);
	size_t most = race->kind == RACE_HEADS ? 64 : 4096;

	memory[any(race, most)] = (unsigned char)any(race, 256);
}

static void
scribble_words(struct race *race)
{
	struct channel *channel = race->channel->channel;
	struct channel_slot *slot = &channel->claims[any(
		race, channel->slots < 16 ? channel->slots : 16)];

	switch (race->kind) {
	case RACE_TAIL:
		atomic_fetch_add(&channel->out->producer.tail, any(race, 3));
		break;
	case RACE_HEAD:
		atomic_store(&channel->out->consumer.head,
			     atomic_load(&channel->in->producer.tail) -
				     any(race, 4));
		break;
	case RACE_CLAIMS:
		atomic_store(&slot->claim,
			     (atomic_load(&slot->claim) & ~0xffu) |
				     (uint32_t)any(race, 6));
		break;
	case RACE_SLEEP:
		atomic_store(&channel->out->consumer.sleeping,
			     any(race, UINT64_MAX));
		break;
	case RACE_HEARTBEAT:
		atomic_store(&channel->out->heartbeat, any(race, UINT64_MAX));
		break;
	default:
		break;
	}
}

static void
scribble_file(struct race *race)
{
	int up = race->channel->up;
	/* Behind header, slots and ring, so that it goes on. */
	off_t from = (off_t)race->channel->channel->own.segments[0]
			     .offset[CHANNEL_BLOCK_4K];
	unsigned char bytes[512];

	if (race->kind == RACE_HOLES) {
		(void)fallocate(up, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				from, 1 << 21);
		return;
	}
	evil_fill(&race->evil, bytes, 8);
	(void)!pwrite(up, bytes, sizeof(bytes),
		      from + (off_t)any(race, 1 << 20));
}

static void *
run(void *arg)
{
	struct race *race = arg;

	while (!atomic_load(&race->stop)) {
		switch (race->kind) {
		case RACE_DESCRIPTORS:
		case RACE_SLOTS_OF_DESCRIPTORS:
			scribble_ring(race);
			break;
		case RACE_HEADS:
		case RACE_BLOCKS:
			scribble_block(race);
			break;
		case RACE_HOLES:
		case RACE_WRITES:
			scribble_file(race);
			break;
		case RACE_WAKES:
			evil_wake(race->channel->channel);
			break;
		default:
			scribble_words(race);
			break;
		}
	}
	return NULL;
}

static bool
race(struct evil *evil, struct evil_request *request, int variant)
{
	static struct race race;
	unsigned milliseconds =
		2 + (unsigned)evil_draw(evil, evil->quick ? 5 : 30);
	uint64_t until = evil_now_ms() + milliseconds;
	pthread_t thread;

	race = (struct race){
		.kind = (enum race_kind)variant,
		.channel = &evil->channels[request->channel],
	};
	race.evil.random = evil_draw(evil, UINT64_MAX);
	if (pthread_create(&thread, NULL, run, &race) != 0)
		return false;
	while (evil_now_ms() < until) {
		evil_answer_all(evil);
		evil_gather(evil, 1);
	}
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	return true;
}

struct evil_kinds
evil_race_kinds(void)
{
	static struct evil_kind kinds[RACES];

	for (int i = 0; i < RACES; i++)
		kinds[i] = (struct evil_kind){ names[i],   race, i,
					       EVIL_MAYBE, true, 2 };
	return EVIL_KINDS(kinds);
}
