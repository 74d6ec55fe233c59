/* SPDX-License-Identifier: Apache-2.0
 *
 * What the processes of sessions use, by looking at /proc: a worker and what
 * its modules have started are a session.  A process that has begun a session
 * of its own is seen as long as those live through whom it descends from the
 * worker; time of children that nobody has waited for is lost.
 */
#ifndef CORE_ACTIVATION_USAGE_H
#define CORE_ACTIVATION_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct usage {
	pid_t session; /* asked for */
	uint64_t cpu_ns; /* with that of children that were waited for */
	uint64_t memory; /* bytes that are theirs alone, paged out or not */
	uint64_t tasks; /* threads */
};

/* Time of cores of a session, over its looks; zeroed. */
struct usage_time {
	uint64_t counted_ns; /* the sum up to which it is counted */
	uint64_t less_ns; /* the sum at the last look, if that was below it */
	bool is_less;
};

/*
 * What is new since the last look, where `sum_ns` is usage.cpu_ns now.  A child
 * that ends, and is waited for, between the looks at its parent and at itself
 * is in neither for once, and then in its parent's: what is missing is waited
 * for until the next look.  What is missing then, too, was a child's that nobody
 * waits for.
 */
uint64_t usage_grown(struct usage_time *time, uint64_t sum_ns);

/* Sums for each of them, by one walk through /proc; one that is gone has
 * nothing.  Sorts them by session. */
void usage_read(struct usage *usages, size_t count);

/* Of one that usage_read() has seen; NULL: it is not among them. */
struct usage *usage_find(struct usage *usages, size_t count, pid_t session);

#endif
