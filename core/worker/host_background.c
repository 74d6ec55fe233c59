/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers and blocking work of modules on the main loop.
 */
#include "core/worker/host_background.h"

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/list.h"
#include "core/base/memory.h"
#include "core/worker/main_loop.h"
#include "core/worker/offload.h"

#define WORKER_TIMER_MAGIC 0x57544d52u

struct portico_worker_timer {
	unsigned magic;
	bool once;
	uv_timer_t uv;
	portico_worker_timer_fn *fn;
	void *arg;
	struct list link;
};

struct background_work {
	struct offload_work work;
	struct list link;
	portico_work_fn *function, *done;
	void *arg, *done_arg;
};

static struct {
	struct offload_pool *pool; /* NULL: stopped, or never begun */
	struct list timers, works;
} background = {
	.timers = LIST_INIT(background.timers),
	.works = LIST_INIT(background.works),
};

/* ---- timers ----------------------------------------------------------------- */

static void
on_timer_closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

static void
timer_stop(struct portico_worker_timer *timer)
{
	if (timer == NULL)
		return;
	CHECK(timer, WORKER_TIMER_MAGIC);
	timer->magic = 0;
	list_remove(&timer->link);
	uv_timer_stop(&timer->uv);
	uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
}

static void
on_timer(uv_timer_t *uv)
{
	struct portico_worker_timer *timer = uv->data;

	CHECK(timer, WORKER_TIMER_MAGIC);
	timer->fn(timer, timer->arg);
	/* The memory stays until the handle is closed, in a later turn. */
	if (timer->magic == WORKER_TIMER_MAGIC && timer->once)
		timer_stop(timer);
}

static uint64_t
milliseconds(uint64_t ns)
{
	return ns / CLOCK_NS_PER_MS + (ns % CLOCK_NS_PER_MS != 0);
}

static struct portico_worker_timer *
timer_start(uint64_t delay_ns, uint64_t interval_ns,
	    portico_worker_timer_fn *fn, void *arg)
{
	struct portico_worker_timer *timer;

	if (!main_loop_is_here() || background.pool == NULL)
		return NULL;
	timer = mem_zalloc(sizeof(*timer));
	timer->magic = WORKER_TIMER_MAGIC;
	timer->once = interval_ns == 0;
	timer->fn = fn;
	timer->arg = arg;
	timer->uv.data = timer;
	list_init(&timer->link);
	list_add_tail(&background.timers, &timer->link);
	uv_timer_init(main_loop_uv(), &timer->uv);
	uv_update_time(main_loop_uv());
	uv_timer_start(&timer->uv, on_timer, milliseconds(delay_ns),
		       milliseconds(interval_ns));
	return timer;
}

/* ---- work -------------------------------------------------------------------- */

static void
run(struct offload_work *work)
{
	struct background_work *mine =
		CONTAINER_OF(work, struct background_work, work);

	mine->function(mine->arg);
}

static void
on_done(struct offload_work *work)
{
	struct background_work *mine =
		CONTAINER_OF(work, struct background_work, work);

	list_remove(&mine->link);
	if (background.pool != NULL)
		mine->done(mine->done_arg);
	mem_free(mine);
}

static enum portico_status
offload(portico_work_fn *function, void *arg, portico_work_fn *done,
	void *done_arg)
{
	struct background_work *work;

	if (!main_loop_is_here() || background.pool == NULL)
		return PORTICO_STATE;
	work = mem_zalloc(sizeof(*work));
	work->function = function;
	work->arg = arg;
	work->done = done;
	work->done_arg = done_arg;
	work->work.work = run;
	work->work.done = on_done;
	list_init(&work->work.link);
	list_init(&work->link);
	list_add_tail(&background.works, &work->link);
	offload_submit(background.pool, &work->work);
	return PORTICO_OK;
}

/* ---- life --------------------------------------------------------------------- */

void
background_open(struct offload_pool *pool)
{
	background.pool = pool;
}

void
background_stop(void)
{
	background.pool = NULL;
	while (!list_empty(&background.timers))
		timer_stop(LIST_FIRST(struct portico_worker_timer, link,
				      &background.timers));
}

void
background_close(void)
{
	while (!list_empty(&background.works)) {
		struct background_work *work = LIST_FIRST(
			struct background_work, link, &background.works);

		list_remove(&work->link);
		mem_free(work);
	}
}

const struct portico_host_background worker_host_background = {
	.size = sizeof(struct portico_host_background),
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.offload = offload,
};
