/* SPDX-License-Identifier: Apache-2.0
 *
 * The last events, in a file of fixed size that outlives porticod: slots of
 * equal length, each an event as JSON on a line of its own, filled up with
 * blanks; the oldest is overwritten.  Written by pwrite(), so that neither a
 * crash of porticod nor a disk that is full can harm more than the event that
 * is being written; a slot that cannot be read is taken as empty.
 *
 *   {"sequence":17,"time":"2026-01-02T03:04:05.678Z","number":5002,
 *   "level":"error","message":"...","fields":{"pool":"shop"}}
 */
#ifndef CORE_ACTIVATION_EVENT_RING_H
#define CORE_ACTIVATION_EVENT_RING_H

#include <jansson.h>
#include <stdint.h>

#include <portico/types.h>

#define EVENT_RING_SLOTS (2u << 10)
#define EVENT_RING_SLOT_BYTES (2u << 10)

struct event_ring {
	int fd; /* -1: closed */
	uint64_t next; /* sequence of the next event; they count from 1 */
	uint64_t lost; /* could not be written */
};

/* Goes on where the file ends; makes it (mode 0640) if it is missing. */
enum portico_status event_ring_open(struct event_ring *ring, const char *path,
				    struct portico_error *err);
void event_ring_close(struct event_ring *ring);

/*
 * Gives `event` its "sequence" and writes it; a message that is too long for
 * the slot is cut.  What cannot be written is counted and keeps its sequence.
 */
void event_ring_put(struct event_ring *ring, json_t *event);

/* The event of that sequence.  OWNERSHIP: the caller's.  NULL: there is none
 * any more, or not yet. */
json_t *event_ring_get(const struct event_ring *ring, uint64_t sequence);

/* The oldest sequence that may still be there. */
uint64_t event_ring_oldest(const struct event_ring *ring);

#endif
