/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what follows HTTP/2's preface, read whole and byte by byte: both
 * ends are told the same and answer the same, and all streams are accounted
 * for.  fuzz/http2_fuzz.c has the listener around it.
 *
 * The first byte says what is answered: bits 0 and 1: how long a body, bit 2:
 * its end is held back, bit 3: trailers follow, bit 4: a long head, bit 5:
 * nothing; bit 6: SETTINGS come first.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "fuzz/fuzz.h"
#include "t/unit/http2/owner.h"

#define ROOM (1024 * 1024)

static const uint8_t settings[HTTP2_FRAME_HEAD_BYTES] = { 0, 0, 0,
							  HTTP2_SETTINGS };

static void
begin(struct owner *owner, uint8_t how)
{
	static const uint64_t bodies[] = { 0, 100, 70000, 16384 };

	owner_init(owner);
	owner->body = bodies[how & 3];
	owner->hold = (how & 4) != 0;
	owner->trailers = (how & 8) != 0;
	owner->head_bytes = (how & 16) != 0 ? 40000 : 0;
	owner->silent = (how & 32) != 0;
	if ((how & 64) != 0)
		ASSERT(owner_feed(owner, settings, sizeof(settings)));
}

/* WINDOW_UPDATE goes out when so much is due, which pieces do change. */
static void
forget_windows(struct buffer *sent)
{
	uint8_t *from = (uint8_t *)sent->data, *to = from;
	uint8_t *end = from + sent->length;

	while (from < end) {
		struct http2_frame_head head = http2_frame_read(from);
		size_t length = HTTP2_FRAME_HEAD_BYTES + head.length;

		ASSERT((size_t)(end - from) >= length);
		if (head.type != HTTP2_WINDOW_UPDATE) {
			memmove(to, from, length);
			to += length;
		}
		from += length;
	}
	sent->length = (size_t)(to - (uint8_t *)sent->data);
}

static void
check_streams(struct owner *owner)
{
	uint32_t open = 0;

	LIST_FOREACH(struct owned_stream, link, stream, &owner->streams) {
		if (!stream->flow.open)
			continue;
		open++;
		ASSERT(endpoint_find(&owner->endpoint, stream->flow.id) ==
		       &stream->flow);
		ASSERT(!stream->flow.remote_ended || !stream->flow.local_ended);
		ASSERT(stream->flow.window <= HTTP2_WINDOW_MAX);
	}
	ASSERT(open == owner->endpoint.streams);
	ASSERT(open <= owner->endpoint.limits.streams);
}

static void
finish(struct owner *owner)
{
	owner_drain(owner, ROOM);
	check_streams(owner);
	if (owner->sent.length > 0)
		forget_windows(&owner->sent);
}

static void
compare(const struct buffer *one, const struct buffer *other)
{
	ASSERT(one->length == other->length);
	ASSERT(one->length == 0 ||
	       memcmp(one->data, other->data, one->length) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner whole, pieces;
	bool good = true;

	if (size == 0)
		return 0;
	begin(&whole, data[0]);
	begin(&pieces, data[0]);
	for (size_t i = 1; i < size && good; i++)
		good = owner_feed(&pieces, data + i, 1);
	if (size > 1)
		ASSERT(owner_feed(&whole, data + 1, size - 1) == good);
	if (good) {
		finish(&whole);
		finish(&pieces);
		compare(&whole.sent, &pieces.sent);
	}
	compare(&whole.told, &pieces.told);
	owner_fini(&whole);
	owner_fini(&pieces);
	return 0;
}
