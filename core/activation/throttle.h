/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu.limit with the action Throttle where there are no control groups: the
 * workers of a pool that has used more than its share are stopped (SIGSTOP)
 * until that is made good, for a second at most.  So a pool can always use
 * about a twentieth of a core, whatever its limit.
 *
 * Nobody stays stopped for want of porticod: who is to be continued when it
 * dies is in what the keeper has (keep.c).
 */
#ifndef CORE_ACTIVATION_THROTTLE_H
#define CORE_ACTIVATION_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct pool;

/* Of a pool; zeroed. */
struct throttled {
	uint64_t looked_ns; /* monotonic */
	uint64_t used_ns; /* time of cores since then, as polled */
	int64_t debt_ns; /* time of cores; below 0: it may use so much */
	uint64_t pause_ns; /* until the next look while nothing happens */
	bool stopped;
};

/* Whether the pool is throttled by us. */
bool throttle_is_wanted(const struct pool *pool);

/* When it is to be looked at again, monotonic; UINT64_MAX: not by itself. */
uint64_t throttle_look(struct pool *pool, uint64_t now);

/* Its workers run; the next look may stop them again. */
void throttle_continue(struct pool *pool);

#endif
