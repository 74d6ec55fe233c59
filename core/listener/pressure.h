/* SPDX-License-Identifier: Apache-2.0
 *
 * Times when something has run out.  Loops note each time that they had to do
 * without; an episode is told in the log when it begins and when it has been
 * over for a while, however often it was noted, and is shown to who asks.
 *
 * When one episode follows another soon, it takes longer for it to count as
 * over: a shortage that comes and goes does not fill the log.
 */
#ifndef CORE_LISTENER_PRESSURE_H
#define CORE_LISTENER_PRESSURE_H

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

struct listener;

enum pressure_kind {
	PRESSURE_ACCEPT, /* no descriptor or memory for a connection */
	PRESSURE_CONNECTIONS, /* maxConnections are open */
	PRESSURE_MEMORY, /* none for what is shared with workers */
	PRESSURE_KINDS
};

struct pressure {
	/* Any thread. */
	atomic_bool on;
	atomic_uint_fast64_t last; /* ns, noted */
	atomic_uint_fast64_t count; /* times noted, ever */
	atomic_int os_error; /* the last */
	/* Main thread. */
	uint64_t began, ended; /* ns; 0 = never */
	uint64_t count_before; /* of this episode */
	uint64_t quiet; /* ns without a note until it is over */
};

struct pressures {
	struct pressure kinds[PRESSURE_KINDS];
	uv_timer_t timer; /* active during an episode */
};

/* Main thread. */
void pressure_init(struct listener *listener);

/* Any thread. */
void pressure_note(struct listener *listener, enum pressure_kind kind,
		   int os_error);

/* Main thread: what is short now, for people; NULL when nothing is. */
const char *pressure_text(struct listener *listener, enum pressure_kind kind,
			  char *text, size_t size);

/* Of a process with this limit of descriptors, how many connections must leave
 * for workers, files and logs. */
uint64_t pressure_reserve(uint64_t limit);

#endif
