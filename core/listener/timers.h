/* SPDX-License-Identifier: Apache-2.0
 *
 * Time-outs of a loop's connections: one list for each kind.  All entries of
 * a list last equally long, so it is in order of its deadlines by itself:
 * setting and clearing are a few stores, and one coarse timer looks at heads.
 * Sites may have durations of their own: each has a list too.
 */
#ifndef CORE_LISTENER_TIMERS_H
#define CORE_LISTENER_TIMERS_H

#include <stdint.h>

#include "core/base/list.h"

enum timer_kind {
	TIMER_IDLE, /* keep-alive, nothing in progress */
	TIMER_HEADER, /* a head has begun */
	TIMER_BODY, /* request body is wanted */
	TIMER_DRAIN, /* request body is thrown away */
	TIMER_LINGER, /* the client is told that we close */
	TIMER_ASK, /* it has closed its side, and may not mean it */
	TIMER_HALF_CLOSED, /* it has, and has not shown that it is there */
	TIMER_ASK_AGAIN, /* it had, then */
	TIMER_KINDS
};

/* Entries of a kind that last otherwise than the kind does. */
struct timer_class {
	struct list link; /* in timers.others */
	struct list list;
	enum timer_kind kind;
	uint64_t duration; /* ns */
};

struct timers {
	struct list lists[TIMER_KINDS];
	uint64_t durations[TIMER_KINDS]; /* ns; 0 = never */
	struct list others; /* of timer_class.link, as many as there are
			       different durations in use */
};

/* In the object that times out; in at most one list. */
struct timer_entry {
	struct list link;
	uint64_t deadline; /* ns, monotonic */
};

void timers_init(struct timers *timers);

/* Nothing is set any more. */
void timers_fini(struct timers *timers);

/* For entries set from now on; none that is set already lasts longer than
 * that from now.  0 clears them. */
void timers_set_duration(struct timers *timers, enum timer_kind kind,
			 uint64_t duration, uint64_t now);

static inline void
timer_entry_init(struct timer_entry *entry)
{
	list_init(&entry->link);
}

/* Sets or sets anew. */
static inline void
timers_set(struct timers *timers, struct timer_entry *entry,
	   enum timer_kind kind, uint64_t now)
{
	list_remove(&entry->link);
	if (timers->durations[kind] == 0)
		return;
	entry->deadline = now + timers->durations[kind];
	list_add_tail(&timers->lists[kind], &entry->link);
}

/* A class is made for a duration that no other entry has. */
void timers_set_other(struct timers *timers, struct timer_entry *entry,
		      enum timer_kind kind, uint64_t duration, uint64_t now);

/* The same for an entry that lasts `duration`, whatever others of the kind do;
 * 0: it is cleared.  A new duration of the kind does not shorten it. */
static inline void
timers_set_for(struct timers *timers, struct timer_entry *entry,
	       enum timer_kind kind, uint64_t duration, uint64_t now)
{
	if (duration == timers->durations[kind])
		timers_set(timers, entry, kind, now);
	else
		timers_set_other(timers, entry, kind, duration, now);
}

static inline void
timers_clear(struct timer_entry *entry)
{
	list_remove(&entry->link);
}

/* Takes out the first entry whose time has come; NULL: none. */
struct timer_entry *timers_take_expired(struct timers *timers,
					enum timer_kind kind, uint64_t now);

#endif
