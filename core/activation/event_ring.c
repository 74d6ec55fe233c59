/* SPDX-License-Identifier: Apache-2.0
 *
 * See event_ring.h.
 */
#include "core/activation/event_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#define SEQUENCE_HEAD "{\"sequence\":"
#define SEQUENCE_HEAD_LENGTH (sizeof SEQUENCE_HEAD - 1)

static off_t
place_of(uint64_t sequence)
{
	return (off_t)(sequence % EVENT_RING_SLOTS) * EVENT_RING_SLOT_BYTES;
}

/* 0 when no event begins there. */
static uint64_t
sequence_at(const char *slot)
{
	char digits[24];

	if (memcmp(slot, SEQUENCE_HEAD, SEQUENCE_HEAD_LENGTH) != 0)
		return 0;
	memcpy(digits, slot + SEQUENCE_HEAD_LENGTH, sizeof digits - 1);
	digits[sizeof digits - 1] = '\0';
	return strtoull(digits, NULL, 10);
}

/* An event that lies in the slot of another is none of ours. */
static void
find_end(struct event_ring *ring)
{
	char head[64];

	ring->next = 1;
	for (uint64_t i = 0; i < EVENT_RING_SLOTS; i++) {
		uint64_t sequence;

		if (pread(ring->fd, head, sizeof head, place_of(i)) !=
		    (ssize_t)sizeof head)
			continue;
		sequence = sequence_at(head);
		if (sequence % EVENT_RING_SLOTS == i &&
		    sequence >= ring->next && sequence < UINT64_MAX / 2)
			ring->next = sequence + 1;
	}
}

enum portico_status
event_ring_open(struct event_ring *ring, const char *path,
		struct portico_error *err)
{
	*ring = (struct event_ring){ .fd = -1, .next = 1 };
	ring->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (ring->fd < 0)
		return error_system(err, "opening the events %s", path);
	find_end(ring);
	return PORTICO_OK;
}

void
event_ring_close(struct event_ring *ring)
{
	io_close(&ring->fd);
}

uint64_t
event_ring_oldest(const struct event_ring *ring)
{
	return ring->next > EVENT_RING_SLOTS ? ring->next - EVENT_RING_SLOTS :
					       1;
}

/* Cuts the message until the event fits; false when nothing helps. */
static bool
dump(json_t *event, char *slot)
{
	for (;;) {
		const char *message =
			json_string_value(json_object_get(event, "message"));
		size_t got = json_dumpb(event, slot, EVENT_RING_SLOT_BYTES - 1,
					JSON_COMPACT | JSON_PRESERVE_ORDER);
		size_t length = message == NULL ? 0 : strlen(message);
		char *shorter;

		if (got > 0 && got < EVENT_RING_SLOT_BYTES) {
			memset(slot + got, ' ', EVENT_RING_SLOT_BYTES - got);
			slot[EVENT_RING_SLOT_BYTES - 1] = '\n';
			return true;
		}
		if (length == 0)
			return false;
		/* Not within a character. */
		length = length * 3 / 4;
		while (length > 0 &&
		       ((unsigned char)message[length] & 0xc0) == 0x80)
			length--;
		shorter = mem_alloc(length + 1);
		memcpy(shorter, message, length);
		shorter[length] = '\0';
		json_object_set_new(event, "message", json_string(shorter));
		mem_free(shorter);
	}
}

void
event_ring_put(struct event_ring *ring, json_t *event)
{
	char slot[EVENT_RING_SLOT_BYTES];
	json_t *whole = json_pack("{s:I}", "sequence", (json_int_t)ring->next);
	ssize_t done = -1;

	/* The sequence first: find_end() looks there. */
	json_object_update(whole, event);
	if (ring->fd >= 0 && dump(whole, slot))
		done = pwrite(ring->fd, slot, sizeof slot,
			      place_of(ring->next));
	if (done != (ssize_t)sizeof slot)
		ring->lost++;
	ring->next++;
	json_decref(whole);
}

json_t *
event_ring_get(const struct event_ring *ring, uint64_t sequence)
{
	char slot[EVENT_RING_SLOT_BYTES];

	if (sequence == 0 || sequence >= ring->next || ring->fd < 0 ||
	    pread(ring->fd, slot, sizeof slot, place_of(sequence)) !=
		    (ssize_t)sizeof slot ||
	    sequence_at(slot) != sequence)
		return NULL;
	return json_loadb(slot, sizeof slot, JSON_DISABLE_EOF_CHECK, NULL);
}
