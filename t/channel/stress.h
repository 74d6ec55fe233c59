/* SPDX-License-Identifier: Apache-2.0
 *
 * What both sides of channel-stress share: the plan of a request, which travels
 * in its head, and the bytes of its bodies.
 *
 * Every byte of a body is determined by the request's seed and its position,
 * so each side can compare what arrives with what must arrive.
 */
#ifndef T_CHANNEL_STRESS_H
#define T_CHANNEL_STRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/channel/channel.h"
#include "core/channel/channel_loop.h"

#define STRESS_SLOTS 256u
#define STRESS_RING 256u
#define STRESS_WINDOW (48u * 1024)
#define STRESS_MEMORY (9u * 1024 * 1024)
#define STRESS_FILES 8u
#define STRESS_FILE_BYTES (256u * 1024)

#define PATTERN_PRIME 65521u
#define PATTERN_BYTES (PATTERN_PRIME + 65536u)

enum stress_kind {
	STRESS_BLOCKS, /* the response body comes in blocks */
	STRESS_FILE, /* it is a span of a passed file */
};

struct stress_plan {
	uint32_t magic;
	uint32_t kind; /* enum stress_kind */
	uint32_t seed;
	uint32_t head_bytes; /* of this head, pattern after the plan */
	uint32_t request_bytes;
	uint32_t response_bytes;
	uint32_t file, file_at; /* STRESS_FILE */
	uint32_t end_alone; /* END as a descriptor of its own */
	uint32_t reserved;
};

#define STRESS_PLAN_MAGIC 0x504c414eu

extern unsigned char stress_pattern[PATTERN_BYTES];

/* Fills stress_pattern; the same for both sides. */
void stress_pattern_init(void);

void stress_fill(void *memory, uint32_t seed, uint64_t at, uint32_t length);
bool stress_is_right(const void *memory, uint32_t seed, uint64_t at,
		     uint32_t length);

/* Deterministic random numbers, one state per thread. */
void stress_random_init(uint64_t seed);
uint32_t stress_random(uint32_t below);

/* Now and then stop for up to a third of a millisecond, to shift the two
 * sides against each other. */
void stress_delay(void);

/* Prints the sentence and ends the process with 1. */
void stress_fail(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* The state of a side for a person, when it stalls. */
void stress_show(const char *side, const struct channel *channel);

/* Watchdog and trimming, four times a second. */
struct stress_watch {
	uv_timer_t timer;
	const char *side;
	struct channel *channel;
	uint64_t last; /* descriptors at the last progress */
	unsigned still; /* ticks without progress */
};

void stress_watch_start(struct stress_watch *watch, uv_loop_t *uv,
			const char *side, struct channel *channel);

/* The worker's side, until DRAIN and all is answered; takes the handles. */
void stress_worker(struct channel_handles *handles, uint64_t seed);

struct stress_result {
	uint64_t messages; /* descriptors received by both sides */
	uint64_t requests, finished, aborted, revoked, failed;
	uint64_t request_bytes, response_bytes, file_bytes;
	uint64_t wakeups;
	uint32_t blocks_left, blocks_held, segments_most, overflow_most;
	bool worker_closed; /* with nothing left behind */
};

/* The listener's side, until `messages` have been moved. */
void stress_listener(struct channel *channel, uint64_t messages,
		     struct stress_result *result_r);

/* ---- one mapping for both sides (stress_mapping.c) -------------------------- */

/*
 * From now on each memory file is mapped once in this process, however often it
 * is asked for: two threads that are the two sides then use the same addresses,
 * which is what ThreadSanitizer needs to see them race.
 */
void stress_mapping_share(void);

/* How often a mapping was shared since then. */
unsigned stress_mapping_shared(void);

#endif
