/* SPDX-License-Identifier: Apache-2.0
 *
 * recycling.schedule: times of the local day at which a pool is recycled.
 * They are looked up by the wall clock, at least once a minute, so that a
 * clock that is set and a machine that slept are noticed.
 */
#ifndef CORE_ACTIVATION_SCHEDULE_H
#define CORE_ACTIVATION_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct pool;
struct schedule;

/*
 * The first of the times (seconds of the local day) that is later than `from`.
 * One that does not exist on a day, for the clocks are put forward, is taken an
 * hour later; one that comes twice counts once.
 */
time_t schedule_next(const uint32_t *times, size_t count, time_t from);

/* As the pool's settings say; to be called when they change.  pool->schedule
 * is what runs, NULL when there are no times. */
void schedule_set(struct pool *pool);
void schedule_end(struct pool *pool);

#endif
