/* SPDX-License-Identifier: Apache-2.0
 *
 * What the processes of sessions use, by looking at /proc: a worker and what
 * its modules have started are a session.  A process that has begun a session
 * of its own is not seen; time of its children that nobody has waited for is
 * lost.
 */
#ifndef CORE_ACTIVATION_USAGE_H
#define CORE_ACTIVATION_USAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct usage {
	pid_t session; /* asked for */
	uint64_t cpu_ns; /* with that of children that were waited for */
	uint64_t memory; /* bytes that are theirs alone, paged out or not */
	uint64_t tasks; /* threads */
};

/* Sums for each of them, by one walk through /proc; one that is gone has
 * nothing.  Sorts them by session. */
void usage_read(struct usage *usages, size_t count);

/* Of one that usage_read() has seen; NULL: it is not among them. */
struct usage *usage_find(struct usage *usages, size_t count, pid_t session);

#endif
