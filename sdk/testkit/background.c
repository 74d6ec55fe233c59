/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers and blocking work of the main loop.  Timers stay in memory until
 * kit_close, so that late uses are known.
 */
#include <portico/background.h>
#include <portico/testkit_background.h>

#include "sdk/testkit/area.h"
#include "sdk/testkit/clock.h"
#include "sdk/testkit/guard.h"

#define NS_PER_MS UINT64_C(1000000)

struct portico_worker_timer {
	struct list link; /* timers */
	struct kit_due due;
	uint64_t interval_ns; /* 0: once */
	const char *over; /* how; NULL: it is set */
	portico_worker_timer_fn *fn;
	void *arg;
};

struct work {
	struct list link; /* works */
	portico_work_fn *function, *done;
	void *arg, *done_arg;
};

static struct list timers = LIST_INIT(timers);
static struct list works = LIST_INIT(works);
static bool stopped; /* the worker ends */

/* ---- timers ----------------------------------------------------------------- */

static void
on_due(struct kit_due *due)
{
	struct portico_worker_timer *timer =
		CONTAINER_OF(due, struct portico_worker_timer, due);
	enum kit_place outer = kit_enter(KIT_PLACE_MAIN);

	if (timer->interval_ns > 0)
		kit_due_set(due, timer->interval_ns, on_due);
	timer->fn(timer, timer->arg);
	if (timer->interval_ns == 0 && timer->over == NULL)
		timer->over = "the timer has fired, and is gone";
	kit_leave(outer);
}

/* Intervals are whole milliseconds, as a loop has them. */
static uint64_t
interval(uint64_t ns)
{
	uint64_t over = ns % NS_PER_MS;

	return over == 0 || ns > UINT64_MAX - NS_PER_MS ? ns :
							  ns - over + NS_PER_MS;
}

static struct portico_worker_timer *
timer_start(uint64_t delay_ns, uint64_t interval_ns,
	    portico_worker_timer_fn *fn, void *arg)
{
	struct portico_worker_timer *timer;

	if (!kit_is_main() || stopped ||
	    kit_fault(KIT_FAULT_WAIT, "portico_worker_timer_start",
		      PORTICO_STATE, NULL))
		return NULL;
	timer = mem_zalloc(sizeof(*timer));
	timer->interval_ns = interval(interval_ns);
	timer->fn = fn;
	timer->arg = arg;
	list_init(&timer->link);
	list_add_tail(&timers, &timer->link);
	kit_due_set(&timer->due, delay_ns, on_due);
	return timer;
}

static void
timer_stop(struct portico_worker_timer *timer)
{
	if (timer == NULL)
		return;
	if (!kit_is_main()) {
		kit_fail("portico_worker_timer_stop: called elsewhere than on "
			 "the main loop");
		return;
	}
	LIST_FOREACH(struct portico_worker_timer, link, known, &timers) {
		if (known != timer)
			continue;
		if (timer->over != NULL)
			kit_fail("portico_worker_timer_stop: %s", timer->over);
		kit_due_unset(&timer->due);
		timer->over = "the timer was stopped before";
		return;
	}
	kit_fail("portico_worker_timer_stop: this is no timer");
}

unsigned
kit_worker_timers(const struct kit *kit)
{
	unsigned count = 0;

	CHECK(kit, KIT_MAGIC);
	LIST_FOREACH(struct portico_worker_timer, link, timer, &timers)
		count += timer->over == NULL;
	return count;
}

/* ---- work -------------------------------------------------------------------- */

static enum portico_status
offload(portico_work_fn *function, void *arg, portico_work_fn *done,
	void *done_arg)
{
	enum portico_status failed;
	struct work *work;

	if (!kit_is_main() || stopped)
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_WAIT, "portico_worker_offload", PORTICO_STATE,
		      &failed))
		return failed;
	work = mem_zalloc(sizeof(*work));
	work->function = function;
	work->arg = arg;
	work->done = done;
	work->done_arg = done_arg;
	list_init(&work->link);
	list_add_tail(&works, &work->link);
	return PORTICO_OK;
}

unsigned
kit_worker_works(const struct kit *kit)
{
	unsigned count = 0;

	CHECK(kit, KIT_MAGIC);
	for (const struct list *one = works.next; one != &works;
	     one = one->next)
		count++;
	return count;
}

static void *
run(void *arg)
{
	struct work *work = arg;

	kit_offloaded++;
	work->function(work->arg);
	kit_offloaded--;
	return NULL;
}

static void
run_on_thread(struct work *work)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, work) == 0)
		pthread_join(thread, NULL);
	else
		kit_fail("kit_worker_work_on_thread: there are no threads");
}

static bool
run_first(struct kit *kit, bool on_thread)
{
	struct work *work = LIST_FIRST(struct work, link, &works);
	enum kit_place outer;

	CHECK(kit, KIT_MAGIC);
	if (work == NULL)
		return false;
	list_remove(&work->link);
	if (on_thread)
		run_on_thread(work);
	else
		run(work);
	outer = kit_enter(KIT_PLACE_MAIN);
	work->done(work->done_arg);
	kit_leave(outer);
	mem_free(work);
	kit_turn(kit);
	return true;
}

bool
kit_worker_work(struct kit *kit)
{
	return run_first(kit, false);
}

bool
kit_worker_work_on_thread(struct kit *kit)
{
	return run_first(kit, true);
}

/* ---- the end ------------------------------------------------------------------ */

void
kit_background_stop(void)
{
	stopped = true;
	LIST_FOREACH(struct portico_worker_timer, link, timer, &timers) {
		if (timer->over != NULL)
			continue;
		kit_due_unset(&timer->due);
		timer->over = "the worker ends, and the timer has ended with "
			      "it";
	}
	LIST_FOREACH_SAFE(struct work, link, work, &works) {
		list_remove(&work->link);
		mem_free(work);
	}
}

void
kit_background_close(void)
{
	LIST_FOREACH_SAFE(struct portico_worker_timer, link, timer, &timers) {
		list_remove(&timer->link);
		mem_free(timer);
	}
	stopped = false;
}

const struct portico_host_background kit_host_background = {
	.size = sizeof(struct portico_host_background),
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.offload = offload,
};
