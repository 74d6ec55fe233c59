/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspension, offloaded work, timers and watches, all in the test's hands.
 * Timers and watches stay until kit_close, so that late uses are known.
 */
#include <fcntl.h>

#include "core/worker/host_priv.h"
#include "core/worker/offload.h"
#include "core/worker/service.h"
#include "core/worker/tunnel.h"
#include "sdk/testkit/clock.h"
#include "sdk/testkit/guard.h"

/* ---- suspension ------------------------------------------------------------------- */

enum portico_status
wait_begin(struct portico_request *request, enum wait_kind kind,
	   portico_resume_fn *resume, void *arg)
{
	const char *why =
		request->wait.kind != WAIT_NONE ? "is suspended already" :
		request->cannot_wait > 0 ? "cannot be suspended in this event" :
					   NULL;

	if (why != NULL) {
		kit_fail("%s: the request %s", kit_of(request)->line, why);
		return PORTICO_STATE;
	}
	request->wait.kind = kind;
	request->wait.resume = resume;
	request->wait.self = request->current;
	request->wait.arg = arg;
	if (request->response.tunnel)
		tunnel_flush(request);
	return PORTICO_OK;
}

void
wait_cancel(struct portico_request *request)
{
	if (request->wait.kind == WAIT_TOKEN)
		kit_token_cancel(request);
	if (request->wait.kind == WAIT_OFFLOAD)
		kit_work_drop(kit_of(request));
	if (request->wait.ready)
		list_remove(&request->ready_link);
	request->wait.ready = false;
	request->wait.kind = WAIT_NONE;
}

enum portico_status
host_suspend(struct portico_request *request, portico_resume_fn *resume,
	     void *arg, struct portico_token *token_r)
{
	enum portico_status status =
		wait_begin(request, WAIT_TOKEN, resume, arg);

	if (status == PORTICO_OK)
		*token_r = kit_token_make(request);
	return status;
}

/* ---- offloaded work ----------------------------------------------------------------- */

struct kit_work {
	struct list link;
	portico_work_fn *function;
	void *arg;
};

enum portico_status
host_offload(struct portico_request *request, portico_work_fn *function,
	     void *work_arg, portico_resume_fn *resume, void *resume_arg)
{
	enum portico_status status =
		wait_begin(request, WAIT_OFFLOAD, resume, resume_arg);
	struct kit_work *work;

	if (status != PORTICO_OK)
		return status;
	work = mem_zalloc(sizeof(*work));
	work->function = function;
	work->arg = work_arg;
	list_init(&work->link);
	list_add_tail(&kit_of(request)->work, &work->link);
	return PORTICO_OK;
}

void
kit_work_drop(struct kit_request *request)
{
	LIST_FOREACH_SAFE(struct kit_work, link, work, &request->work) {
		list_remove(&work->link);
		mem_free(work);
	}
}

static struct kit_work *
work_take(struct kit_request *request)
{
	struct kit_work *work;

	CHECK(request, KIT_REQUEST_MAGIC);
	work = LIST_FIRST(struct kit_work, link, &request->work);
	if (work != NULL)
		list_remove(&work->link);
	return work;
}

static void
work_done(struct kit_request *request, struct kit_work *work)
{
	mem_free(work);
	request_ready(&request->request);
	kit_turn(request->kit);
}

static void *
work_run(void *arg)
{
	struct kit_work *work = arg;

	kit_offloaded++;
	work->function(work->arg);
	kit_offloaded--;
	return NULL;
}

bool
kit_work(struct kit_request *request)
{
	struct kit_work *work = work_take(request);

	if (work == NULL)
		return false;
	work_run(work);
	work_done(request, work);
	return true;
}

bool
kit_work_on_thread(struct kit_request *request)
{
	struct kit_work *work = work_take(request);
	pthread_t thread;

	if (work == NULL)
		return false;
	if (pthread_create(&thread, NULL, work_run, work) != 0) {
		kit_fail("kit_work_on_thread: there are no threads");
		work_run(work);
	} else {
		pthread_join(thread, NULL);
	}
	work_done(request, work);
	return true;
}

/* Of the core: files on their way through filters (run.c). */
void
offload_submit(struct offload_pool *pool, struct offload_work *work)
{
	(void)pool;
	list_add_tail(&kit_now->pumps, &work->link);
}

/* ---- timers ---------------------------------------------------------------------------- */

struct portico_timer {
	unsigned magic;
	struct list link; /* kit->timers */
	struct portico_request *request; /* NULL: over */
	const char *over; /* how */
	portico_timer_fn *function;
	void *arg;
	struct kit_due due;
};

static void
on_due(struct kit_due *due)
{
	struct portico_timer *timer =
		CONTAINER_OF(due, struct portico_timer, due);
	struct portico_request *request = timer->request;
	enum kit_place outer = kit_enter(KIT_PLACE_REQUEST);

	timer->request = NULL;
	timer->over = "the timer has fired";
	timer->function(request, timer->arg);
	kit_leave(outer);
}

struct portico_timer *
host_timer_start(struct portico_request *request, uint64_t delay_ns,
		 portico_timer_fn *function, void *arg)
{
	struct kit *kit = kit_of(request)->kit;
	struct portico_timer *timer = mem_zalloc(sizeof(*timer));

	timer->magic = KIT_TIMER_MAGIC;
	timer->request = request;
	timer->function = function;
	timer->arg = arg;
	kit_due_set(&timer->due, delay_ns, on_due);
	list_init(&timer->link);
	list_add_tail(&kit->timers, &timer->link);
	return timer;
}

void
host_timer_stop(struct portico_timer *timer)
{
	if (timer == NULL)
		return;
	LIST_FOREACH(struct portico_timer, link, known, &kit_now->timers) {
		if (known != timer)
			continue;
		if (timer->request == NULL)
			kit_fail("portico_timer_stop: %s", timer->over);
		kit_due_unset(&timer->due);
		timer->request = NULL;
		timer->over = "the timer was stopped before";
		return;
	}
	kit_fail("portico_timer_stop: this is no timer");
}

void
timers_stop_all(struct portico_request *request)
{
	LIST_FOREACH(struct portico_timer, link, timer, &kit_now->timers) {
		if (timer->request != request)
			continue;
		kit_due_unset(&timer->due);
		timer->request = NULL;
		timer->over = "its request has ended, and the timer with it";
	}
}

unsigned
kit_timers(const struct kit_request *request)
{
	unsigned count = 0;

	CHECK(request, KIT_REQUEST_MAGIC);
	LIST_FOREACH(struct portico_timer, link, timer, &request->kit->timers)
		count += timer->request == &request->request;
	return count;
}

/* ---- watches ------------------------------------------------------------------------------ */

struct portico_watch {
	unsigned magic;
	struct list link; /* kit->watches */
	struct portico_request *request; /* NULL: over */
	portico_watch_fn *function;
	void *arg;
	int fd, events;
};

struct portico_watch *
host_watch_start(struct portico_request *request, int fd, int events,
		 portico_watch_fn *function, void *arg)
{
	struct portico_watch *watch;

	if (fcntl(fd, F_GETFD) < 0) {
		kit_fail("portico_watch_start: %d is no open descriptor", fd);
		return NULL;
	}
	watch = mem_zalloc(sizeof(*watch));
	watch->magic = KIT_WATCH_MAGIC;
	watch->request = request;
	watch->function = function;
	watch->arg = arg;
	watch->fd = fd;
	watch->events = events;
	list_init(&watch->link);
	list_add_tail(&kit_of(request)->kit->watches, &watch->link);
	return watch;
}

static void
watch_end(struct portico_watch *watch)
{
	if (fcntl(watch->fd, F_GETFD) < 0)
		kit_fail("%s: the descriptor %d was closed while it is "
			 "watched; portico_watch_stop comes first",
			 kit_of(watch->request)->line, watch->fd);
	watch->request = NULL;
}

void
host_watch_stop(struct portico_watch *watch)
{
	if (watch == NULL)
		return;
	LIST_FOREACH(struct portico_watch, link, known, &kit_now->watches) {
		if (known != watch)
			continue;
		if (watch->request == NULL)
			kit_fail("portico_watch_stop: the watch was stopped "
				 "before, or its request has ended");
		else
			watch_end(watch);
		return;
	}
	kit_fail("portico_watch_stop: this is no watch");
}

void
watches_stop_all(struct portico_request *request)
{
	LIST_FOREACH(struct portico_watch, link, watch, &kit_now->watches)
		if (watch->request == request)
			watch_end(watch);
}

unsigned
kit_watches(const struct kit_request *request)
{
	unsigned count = 0;

	CHECK(request, KIT_REQUEST_MAGIC);
	LIST_FOREACH(struct portico_watch, link, watch, &request->kit->watches)
		count += watch->request == &request->request;
	return count;
}

unsigned
kit_fire(struct kit_request *request, int fd, int events)
{
	unsigned count = 0;
	enum kit_place outer;

	CHECK(request, KIT_REQUEST_MAGIC);
	LIST_FOREACH(struct portico_watch, link, watch,
		     &request->kit->watches) {
		if (watch->request != &request->request || watch->fd != fd ||
		    (watch->events & events) == 0)
			continue;
		outer = kit_enter(KIT_PLACE_REQUEST);
		watch->function(watch->request, watch->events & events,
				watch->arg);
		kit_leave(outer);
		count++;
	}
	kit_turn(request->kit);
	return count;
}

void
kit_timers_free(struct kit *kit)
{
	LIST_FOREACH_SAFE(struct portico_timer, link, timer, &kit->timers) {
		list_remove(&timer->link);
		mem_free(timer);
	}
	LIST_FOREACH_SAFE(struct portico_watch, link, watch, &kit->watches) {
		list_remove(&watch->link);
		mem_free(watch);
	}
}

/* ---- services (areas) ---------------------------------------------------------------------- */

void
service_add(struct portico_request *request, struct service *service)
{
	list_init(&service->link);
	list_add_head(&request->services, &service->link);
}

void
services_abort(struct portico_request *request)
{
	LIST_FOREACH(struct service, link, service, &request->services)
		service->abort(service);
}

void
services_end(struct portico_request *request)
{
	while (!list_empty(&request->services)) {
		struct service *service =
			LIST_FIRST(struct service, link, &request->services);

		list_remove(&service->link);
		service->end(service);
	}
}
