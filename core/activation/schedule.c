/* SPDX-License-Identifier: Apache-2.0
 *
 * Recycling at times of day.
 */
#include "core/activation/schedule.h"

#include <stdio.h>

#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/recycle.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

#define SCHEDULE_MAGIC 0x5c4ed01eu
#define LOOK_MS_MAX 60000

/* Nothing in it has to outlive porticod: it follows from the settings. */
struct schedule {
	unsigned magic;
	struct pool *pool;
	time_t next;
	uv_timer_t timer;
};

/* `days` after the day of `from`, at that second of it. */
static time_t
at(const struct tm *from, int days, uint32_t seconds)
{
	struct tm day = {
		.tm_year = from->tm_year,
		.tm_mon = from->tm_mon,
		.tm_mday = from->tm_mday + days,
		.tm_hour = (int)(seconds / 3600),
		.tm_min = (int)(seconds / 60 % 60),
		.tm_sec = (int)(seconds % 60),
		.tm_isdst = -1,
	};

	return mktime(&day);
}

time_t
schedule_next(const uint32_t *times, size_t count, time_t from)
{
	time_t next = (time_t)-1;
	struct tm day;

	tzset(); /* /etc/localtime may be another by now */
	if (localtime_r(&from, &day) == NULL)
		return next;
	for (int days = 0; days <= 2 && next == (time_t)-1; days++) {
		for (size_t i = 0; i < count; i++) {
			time_t time = at(&day, days, times[i]);

			if (time > from && (next == (time_t)-1 || time < next))
				next = time;
		}
	}
	return next;
}

static void on_timer(uv_timer_t *timer);

static void
wait(struct schedule *schedule, uint64_t now_ns)
{
	uint64_t next_ns = (uint64_t)schedule->next * CLOCK_NS_PER_S;
	uint64_t ms =
		next_ns > now_ns ? (next_ns - now_ns) / CLOCK_NS_PER_MS + 1 : 0;

	uv_update_time(schedule->timer.loop);
	uv_timer_start(&schedule->timer, on_timer,
		       ms < LOOK_MS_MAX ? ms : LOOK_MS_MAX, 0);
}

static void
on_timer(uv_timer_t *timer)
{
	struct schedule *schedule = timer->data;
	struct pool *pool = schedule->pool;
	const struct settings_recycling *settings = &pool->settings->recycling;
	uint64_t now_ns = clock_realtime_ns();
	time_t now = (time_t)(now_ns / CLOCK_NS_PER_S);
	struct tm day;
	char why[64];

	CHECK(schedule, SCHEDULE_MAGIC);
	if (now >= schedule->next &&
	    localtime_r(&schedule->next, &day) != NULL) {
		snprintf(why, sizeof why, "schedule: it is %02d:%02d:%02d",
			 day.tm_hour, day.tm_min, day.tm_sec);
		/* A pool without workers has nothing to be replaced. */
		(void)recycle_pool(pool, RECYCLE_SCHEDULE, why, false, NULL);
	}
	schedule->next = schedule_next(settings->schedule,
				       settings->schedule_count, now);
	wait(schedule, now_ns);
}

static void
on_closed(uv_handle_t *handle)
{
	struct schedule *schedule = handle->data;

	schedule->magic = 0;
	mem_free(schedule);
}

void
schedule_end(struct pool *pool)
{
	if (pool->schedule == NULL)
		return;
	CHECK(pool->schedule, SCHEDULE_MAGIC);
	uv_close((uv_handle_t *)&pool->schedule->timer, on_closed);
	pool->schedule = NULL;
}

void
schedule_set(struct pool *pool)
{
	const struct settings_recycling *settings = &pool->settings->recycling;
	struct schedule *schedule = pool->schedule;
	uint64_t now_ns = clock_realtime_ns();

	if (settings->schedule_count == 0) {
		schedule_end(pool);
		return;
	}
	if (schedule == NULL) {
		schedule = pool->schedule = mem_zalloc(sizeof *schedule);
		schedule->magic = SCHEDULE_MAGIC;
		schedule->pool = pool;
		uv_timer_init(&pool->manager->loop, &schedule->timer);
		schedule->timer.data = schedule;
	}
	schedule->next = schedule_next(settings->schedule,
				       settings->schedule_count,
				       (time_t)(now_ns / CLOCK_NS_PER_S));
	wait(schedule, now_ns);
}
