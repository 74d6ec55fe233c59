/* SPDX-License-Identifier: Apache-2.0
 *
 * What both sides of channel-stress share; see stress.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "t/channel/stress.h"

#define STILL_TICKS_MAX 160u /* 40 s: sanitizers on a busy machine are slow */

unsigned char stress_pattern[PATTERN_BYTES];
static _Thread_local uint64_t random_state = 1;

void
stress_random_init(uint64_t seed)
{
	random_state = seed * 2 + 1;
}

/* xorshift64*, Vigna 2016: good enough and cheap. */
uint32_t
stress_random(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >>
			  33) %
	       below;
}

void
stress_pattern_init(void)
{
	stress_random_init(20260102);
	for (uint32_t i = 0; i < PATTERN_PRIME; i++)
		stress_pattern[i] = (unsigned char)stress_random(256);
	memcpy(stress_pattern + PATTERN_PRIME, stress_pattern,
	       PATTERN_BYTES - PATTERN_PRIME < PATTERN_PRIME ?
		       PATTERN_BYTES - PATTERN_PRIME :
		       PATTERN_PRIME);
}

static const unsigned char *
pattern_at(uint32_t seed, uint64_t at)
{
	return stress_pattern + (seed + at) % PATTERN_PRIME;
}

/* Chunks of less than a prime, so that the table's copy always suffices. */
#define CHUNK 65521u

void
stress_fill(void *memory, uint32_t seed, uint64_t at, uint32_t length)
{
	unsigned char *to = memory;

	while (length > 0) {
		uint32_t n = length < CHUNK ? length : CHUNK;

		memcpy(to, pattern_at(seed, at), n);
		to += n;
		at += n;
		length -= n;
	}
}

bool
stress_is_right(const void *memory, uint32_t seed, uint64_t at, uint32_t length)
{
	const unsigned char *from = memory;

	while (length > 0) {
		uint32_t n = length < CHUNK ? length : CHUNK;

		if (memcmp(from, pattern_at(seed, at), n) != 0)
			return false;
		from += n;
		at += n;
		length -= n;
	}
	return true;
}

void
stress_delay(void)
{
	struct timespec time = { 0, 0 };

	if (stress_random(20000) != 0)
		return;
	time.tv_nsec = (long)stress_random(300000);
	nanosleep(&time, NULL);
}

void
stress_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "# ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	fflush(NULL);
	_Exit(1);
}

void
stress_show(const char *side, const struct channel *channel)
{
	struct channel_usage usage;

	channel_get_usage(channel, &usage);
	fprintf(stderr,
		"# %s: sent %llu, received %llu, wake-ups %llu, blocks %u+%u+%u "
		"in use, %u held, %u segments, %u in overflow\n",
		side, (unsigned long long)usage.sent,
		(unsigned long long)usage.received,
		(unsigned long long)usage.wakeups, usage.in_use[0],
		usage.in_use[1], usage.in_use[2], usage.held, usage.segments,
		usage.overflow);
}

static void
on_tick(uv_timer_t *timer)
{
	struct stress_watch *watch = timer->data;
	struct channel_usage usage;

	channel_get_usage(watch->channel, &usage);
	if (usage.received != watch->last)
		watch->still = 0;
	watch->last = usage.received;
	if (++watch->still == STILL_TICKS_MAX / 2)
		stress_show(watch->side, watch->channel);
	if (watch->still >= STILL_TICKS_MAX)
		stress_fail("%s: nothing has arrived for 40 s", watch->side);
	channel_trim(watch->channel);
}

void
stress_watch_start(struct stress_watch *watch, uv_loop_t *uv, const char *side,
		   struct channel *channel)
{
	watch->side = side;
	watch->channel = channel;
	uv_timer_init(uv, &watch->timer);
	watch->timer.data = watch;
	uv_timer_start(&watch->timer, on_tick, 250, 250);
	uv_unref((uv_handle_t *)&watch->timer);
}
