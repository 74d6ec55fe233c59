/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspension, offloaded work, timers and watches of requests.
 */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/worker/calls.h"
#include "core/worker/host_priv.h"
#include "core/worker/offload.h"
#include "core/worker/request.h"
#include "core/worker/token.h"
#include "core/worker/tunnel.h"
#include "core/worker/worker.h"

#define TIMER_MAGIC 0x54494d52u
#define WATCH_MAGIC 0x57415443u

/* ---- suspension ------------------------------------------------------------- */

enum portico_status
wait_begin(struct portico_request *request, enum wait_kind kind,
	   portico_resume_fn *resume, void *arg)
{
	if (request->wait.kind != WAIT_NONE || request->cannot_wait > 0 ||
	    request->ended)
		return PORTICO_STATE;
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
	if (request->wait.kind == WAIT_TOKEN && !request->wait.ready)
		token_cancel(request->loop->tokens, request->wait.token);
	if (request->wait.ready)
		list_remove(&request->ready_link);
	request->wait.ready = false;
	request->wait.kind = WAIT_NONE;
}

enum portico_status
host_suspend(struct portico_request *request, portico_resume_fn *resume,
	     void *arg, struct portico_token *token_r)
{
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	status = wait_begin(request, WAIT_TOKEN, resume, arg);
	if (status != PORTICO_OK)
		return status;
	status = token_new(request->loop->tokens, request, token_r,
			   &request->wait.token);
	if (status != PORTICO_OK)
		request->wait.kind = WAIT_NONE;
	return status;
}

/* ---- offload ------------------------------------------------------------------ */

struct request_work {
	struct offload_work work;
	struct portico_request *request;
	portico_work_fn *function;
	void *arg;
};

static void
work_run(struct offload_work *work)
{
	struct request_work *mine =
		CONTAINER_OF(work, struct request_work, work);

	mine->function(mine->arg);
}

static void
work_done(struct offload_work *work)
{
	struct request_work *mine =
		CONTAINER_OF(work, struct request_work, work);
	struct portico_request *request = mine->request;

	CHECK(request, REQUEST_MAGIC);
	if (request->wait.kind == WAIT_OFFLOAD)
		request_ready(request);
	request_unhold(request);
}

enum portico_status
host_offload(struct portico_request *request, portico_work_fn *function,
	     void *work_arg, portico_resume_fn *resume, void *resume_arg)
{
	struct request_work *work;
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	status = wait_begin(request, WAIT_OFFLOAD, resume, resume_arg);
	if (status != PORTICO_OK)
		return status;
	work = arena_zalloc(request->arena, sizeof(*work));
	list_init(&work->work.link);
	work->work.loop = request->loop;
	work->work.work = work_run;
	work->work.done = work_done;
	work->request = request;
	work->function = function;
	work->arg = work_arg;
	request->holds++;
	offload_submit(request->loop->worker->offload, &work->work);
	return PORTICO_OK;
}

/* ---- timers --------------------------------------------------------------------- */

struct portico_timer {
	unsigned magic;
	uv_timer_t uv;
	struct portico_request *request;
	portico_timer_fn *function;
	void *arg;
	const struct portico_self *self; /* who started it; or NULL */
	struct list link; /* request->timers or loop->spare_timers */
};

static void
timer_to_spare(struct portico_timer *timer)
{
	struct worker_loop *loop = timer->request->loop;

	uv_timer_stop(&timer->uv);
	list_remove(&timer->link);
	timer->request = NULL;
	list_add_head(&loop->spare_timers, &timer->link);
}

static void
on_timer(uv_timer_t *uv)
{
	struct portico_timer *timer = uv->data;
	struct portico_request *request = timer->request;
	portico_timer_fn *function = timer->function;
	struct worker_loop *loop = request->loop;
	void *arg = timer->arg;
	const struct portico_self *self;
	struct callback callback;

	CHECK(timer, TIMER_MAGIC);
	CHECK(request, REQUEST_MAGIC);
	self = timer->self;
	timer_to_spare(timer);
	callback_begin(&callback, loop, self);
	function(request, arg);
	callback_end(&callback);
}

struct portico_timer *
host_timer_start(struct portico_request *request, uint64_t delay_ns,
		 portico_timer_fn *function, void *arg)
{
	struct worker_loop *loop = request->loop;
	struct portico_timer *timer =
		LIST_FIRST(struct portico_timer, link, &loop->spare_timers);
	uint64_t ms =
		delay_ns / CLOCK_NS_PER_MS + (delay_ns % CLOCK_NS_PER_MS != 0);

	CHECK(request, REQUEST_MAGIC);
	if (timer != NULL) {
		list_remove(&timer->link);
	} else {
		timer = mem_zalloc(sizeof(*timer));
		timer->magic = TIMER_MAGIC;
		list_init(&timer->link);
		uv_timer_init(&loop->uv, &timer->uv);
		timer->uv.data = timer;
	}
	timer->request = request;
	timer->self = request->current;
	timer->function = function;
	timer->arg = arg;
	list_add_tail(&request->timers, &timer->link);
	uv_update_time(&loop->uv);
	uv_timer_start(&timer->uv, on_timer, ms, 0);
	return timer;
}

void
host_timer_stop(struct portico_timer *timer)
{
	if (timer == NULL)
		return;
	CHECK(timer, TIMER_MAGIC);
	ASSERT(timer->request != NULL);
	timer_to_spare(timer);
}

void
timers_stop_all(struct portico_request *request)
{
	while (!list_empty(&request->timers))
		timer_to_spare(LIST_FIRST(struct portico_timer, link,
					  &request->timers));
}

void
timers_free_spare(struct worker_loop *loop)
{
	/* Their handles are closed already. */
	while (!list_empty(&loop->spare_timers)) {
		struct portico_timer *timer = LIST_FIRST(
			struct portico_timer, link, &loop->spare_timers);

		list_remove(&timer->link);
		timer->magic = 0;
		mem_free(timer);
	}
}

/* ---- watches ---------------------------------------------------------------------- */

struct portico_watch {
	unsigned magic;
	uv_poll_t uv;
	struct portico_request *request;
	portico_watch_fn *function;
	void *arg;
	const struct portico_self *self; /* who started it; or NULL */
	struct list link; /* request->watches */
};

static void
on_watch_closed(uv_handle_t *handle)
{
	struct portico_watch *watch = handle->data;

	watch->magic = 0;
	mem_free(watch);
}

static void
on_watch(uv_poll_t *uv, int status, int events)
{
	struct portico_watch *watch = uv->data;
	struct callback callback;
	int ready = 0;

	CHECK(watch, WATCH_MAGIC);
	/* An error shows at the next read or write. */
	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	if ((events & UV_READABLE) != 0)
		ready |= PORTICO_WATCH_READ;
	if ((events & UV_WRITABLE) != 0)
		ready |= PORTICO_WATCH_WRITE;
	if (ready == 0)
		return;
	callback_begin(&callback, watch->request->loop, watch->self);
	watch->function(watch->request, ready, watch->arg);
	callback_end(&callback);
}

struct portico_watch *
host_watch_start(struct portico_request *request, int fd, int events,
		 portico_watch_fn *function, void *arg)
{
	struct portico_watch *watch = mem_zalloc(sizeof(*watch));
	int wanted = 0;

	CHECK(request, REQUEST_MAGIC);
	if (uv_poll_init(&request->loop->uv, &watch->uv, fd) != 0) {
		mem_free(watch);
		return NULL;
	}
	if ((events & PORTICO_WATCH_READ) != 0)
		wanted |= UV_READABLE;
	if ((events & PORTICO_WATCH_WRITE) != 0)
		wanted |= UV_WRITABLE;
	watch->magic = WATCH_MAGIC;
	watch->uv.data = watch;
	watch->request = request;
	watch->self = request->current;
	watch->function = function;
	watch->arg = arg;
	list_init(&watch->link);
	list_add_tail(&request->watches, &watch->link);
	uv_poll_start(&watch->uv, wanted, on_watch);
	return watch;
}

void
host_watch_stop(struct portico_watch *watch)
{
	if (watch == NULL)
		return;
	CHECK(watch, WATCH_MAGIC);
	list_remove(&watch->link);
	uv_poll_stop(&watch->uv);
	uv_close((uv_handle_t *)&watch->uv, on_watch_closed);
}

void
watches_stop_all(struct portico_request *request)
{
	while (!list_empty(&request->watches))
		host_watch_stop(LIST_FIRST(struct portico_watch, link,
					   &request->watches));
}

/* ---- services ---------------------------------------------------------------------- */

void
service_add(struct portico_request *request, struct service *service)
{
	CHECK(request, REQUEST_MAGIC);
	list_init(&service->link);
	list_add_head(&request->services, &service->link);
}

/* None of them calls a module or leaves the list. */
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
