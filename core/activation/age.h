/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes a worker old: time, requests, memory (settings_recycling); and a
 * pool that nobody asks anything: idleTimeout.  Looked at each pingInterval.
 */
#ifndef CORE_ACTIVATION_AGE_H
#define CORE_ACTIVATION_AGE_H

#include <stdbool.h>
#include <stdint.h>

struct control_pong;
struct pool;
struct worker_process;

/* Of a worker. */
struct age {
	uint64_t born_ns; /* attached */
	uint32_t jitter; /* a random number */
	uint32_t served; /* requests, when it answered last */
	uint64_t idle_ns; /* it has had no request since; 0: it has one */
	uint64_t heard_ns; /* ... and that is when it answered; 0: never */
	uint64_t full_ns; /* when it will have served `requests`; 0: who knows */
	bool told_cleanup; /* its memory is near the limit */
};

void age_begin(struct worker_process *worker);
void age_on_pong(struct worker_process *worker,
		 const struct control_pong *message);

/* Looks at it, and at its pool; it may be draining afterwards. */
void age_look(struct worker_process *worker, uint64_t now);

/* Nanoseconds until it is to be looked at again, at most `most`. */
uint64_t age_due(const struct worker_process *worker, uint64_t now,
		 uint64_t most);
/* The same where it has answered, and is to be asked again then. */
uint64_t age_next(const struct worker_process *worker, uint64_t now,
		  uint64_t most);

#endif
