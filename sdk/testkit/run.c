/* SPDX-License-Identifier: Apache-2.0
 *
 * Running requests: by the worker's engine, which is included so that single
 * calls are judged by the same functions as those of the whole pipeline.
 */
#include "core/worker/program.c" /* for its static functions */

#include "core/worker/offload.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

/* ---- one event or handler --------------------------------------------------------- */

static const struct program_step single_steps[PIPELINE_REQUEST_STAGES] = {
#define STEP(at) [at] = { .kind = PROGRAM_CALL, .stage = (at) }
	STEP(0),  STEP(1),  STEP(2),  STEP(3),	STEP(4),  STEP(5),
	STEP(6),  STEP(7),  STEP(8),  STEP(9),	STEP(10), STEP(11),
	STEP(12), STEP(13), STEP(14), STEP(15), STEP(16), STEP(17),
	STEP(18), STEP(19), STEP(20), STEP(21), STEP(22), STEP(23),
#undef STEP
};

/* The rest of the module's subscribers, while they say NEXT. */
static void
single_go_on(struct kit_request *request)
{
	struct portico_request *inner = &request->request;
	const struct pipeline *pipeline = inner->application->pipeline;
	struct kit_single *single = &request->single;
	const struct pipeline_subscriber *rows =
		pipeline_stage_subscribers(pipeline, single->stage);

	while (single->verdict == PORTICO_NEXT &&
	       single->next < pipeline_stage_count(pipeline, single->stage)) {
		const struct pipeline_subscriber *row = &rows[single->next++];

		request_took_part(inner, row->module);
		single->verdict =
			call(inner, row->function, &row->module->self,
			     (uint16_t)PIPELINE_STAGE_EVENT(single->stage));
	}
	if (single->verdict == PORTICO_PENDING && inner->aborted)
		tell_late(inner);
	inner->current = NULL;
}

static bool
single_begin(struct kit_request *request, const char *name, unsigned stage)
{
	if (!kit_begin(request))
		return false;
	if (request->request.wait.kind != WAIT_NONE) {
		kit_fail("%s: %s: the request still waits", name,
			 request->line);
		return false;
	}
	request->single = (struct kit_single){ .active = true, .stage = stage };
	if (stage < PIPELINE_REQUEST_STAGES)
		request->request.step = &single_steps[stage];
	return true;
}

enum portico_verdict
kit_event(struct kit_request *request, enum portico_event event,
	  enum portico_phase phase)
{
	unsigned stage = event >= PORTICO_EVENT_MAP_PATH ?
				 PIPELINE_STAGE_MAP_PATH +
					 (event - PORTICO_EVENT_MAP_PATH) :
				 PIPELINE_STAGE(event, phase);
	enum kit_place outer;

	CHECK(request, KIT_REQUEST_MAGIC);
	if (event == PORTICO_EVENT_NONE || event >= PORTICO_EVENT_CUSTOM) {
		kit_fail("kit_event: no such event (kit_raise is for custom "
			 "ones)");
		return PORTICO_ERROR;
	}
	if (!single_begin(request, "kit_event", stage))
		return PORTICO_ERROR;
	outer = kit_enter(KIT_PLACE_REQUEST);
	if (stage >= PIPELINE_REQUEST_STAGES)
		request->single.verdict =
			program_notify(&request->request, stage);
	else
		single_go_on(request);
	kit_leave(outer);
	kit_turn(request->kit);
	return request->single.verdict;
}

enum portico_verdict
kit_handle(struct kit_request *request, const char *name)
{
	const struct portico_handler *handler;
	struct module_record *record = request->kit->record;
	struct portico_request *inner = &request->request;
	enum kit_place outer;

	CHECK(request, KIT_REQUEST_MAGIC);
	handler = module_find_handler(record, name);
	if (handler == NULL) {
		kit_fail("kit_handle: the module has no handler \"%s\"",
			 name == NULL ? "" : name);
		return PORTICO_ERROR;
	}
	if (!single_begin(request, "kit_handle",
			  PIPELINE_STAGE(PORTICO_EVENT_EXECUTE,
					 PORTICO_PHASE_EVENT)))
		return PORTICO_ERROR;
	outer = kit_enter(KIT_PLACE_REQUEST);
	request->single.next = UINT32_MAX;
	request_took_part(inner, record);
	request->single.verdict = call(inner, handler->function, &record->self,
				       PORTICO_EVENT_EXECUTE);
	inner->current = NULL;
	kit_leave(outer);
	kit_turn(request->kit);
	return request->single.verdict;
}

enum portico_verdict
kit_verdict(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return request->single.verdict;
}

static void
single_resume(struct kit_request *request)
{
	struct portico_request *inner = &request->request;
	portico_resume_fn *resume = inner->wait.resume;

	inner->wait.ready = false;
	inner->wait.kind = WAIT_NONE;
	inner->current = inner->wait.self;
	request->single.verdict =
		verdict_check(inner, resume(inner, inner->wait.arg));
	single_go_on(request);
}

/* ---- the end after single calls ------------------------------------------------------ */

static enum portico_verdict
end_again(struct portico_request *inner, void *arg)
{
	(void)arg;
	if (response_finish(inner) == PORTICO_AGAIN) {
		wait_begin(inner, WAIT_RESPONSE, end_again, NULL);
		return PORTICO_PENDING;
	}
	request_end(inner);
	return PORTICO_DONE;
}

enum kit_state
kit_end(struct kit_request *request)
{
	struct portico_request *inner = &request->request;
	enum kit_place outer;

	CHECK(request, KIT_REQUEST_MAGIC);
	if (!kit_begin(request))
		return kit_state(request);
	if (inner->wait.kind != WAIT_NONE) {
		kit_fail("kit_end: %s: the request still waits", request->line);
		return kit_state(request);
	}
	if (request->single.verdict == PORTICO_ERROR)
		response_fail(inner, 500, 0);
	inner->current = NULL;
	outer = kit_enter(KIT_PLACE_REQUEST);
	end_again(inner, NULL);
	kit_leave(outer);
	kit_turn(request->kit);
	return kit_state(request);
}

/* ---- everything ----------------------------------------------------------------------- */

enum kit_state
kit_run(struct kit_request *request)
{
	enum kit_place outer;

	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->started && request->request.step != NULL) {
		kit_fail("kit_run: %s: the request has begun already",
			 request->line);
		return kit_state(request);
	}
	if (!kit_begin(request))
		return kit_state(request);
	outer = kit_enter(KIT_PLACE_REQUEST);
	program_start(&request->request);
	kit_leave(outer);
	kit_turn(request->kit);
	return kit_state(request);
}

enum kit_state
kit_state(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->ended)
		return KIT_ENDED;
	if (!request->started)
		return KIT_NEW;
	switch (request->request.wait.kind) {
	case WAIT_NONE:
		break;
	case WAIT_TOKEN:
		return KIT_TOKEN;
	case WAIT_OFFLOAD:
		return KIT_OFFLOAD;
	case WAIT_BODY:
		return KIT_BODY;
	case WAIT_RESPONSE:
		return KIT_ROOM;
	case WAIT_SERVICE:
		return KIT_SERVICE;
	case WAIT_CHILD:
		return KIT_CHILD;
	case WAIT_TUNNEL:
		return KIT_TUNNEL;
	}
	return KIT_OPEN;
}

static void
resume_one(struct portico_request *inner)
{
	struct kit_request *request = kit_of(inner);
	enum kit_place outer = kit_enter(KIT_PLACE_REQUEST);

	list_remove(&inner->ready_link);
	if (inner->wait.resume == end_again) {
		inner->wait.ready = false;
		inner->wait.kind = WAIT_NONE;
		end_again(inner, NULL);
	} else if (request->single.active) {
		single_resume(request);
	} else {
		program_resume(inner);
	}
	kit_leave(outer);
}

/* A piece of a file on its way through a filter. */
static bool
pump_one(struct kit *kit)
{
	struct offload_work *work =
		LIST_FIRST(struct offload_work, link, &kit->pumps);
	enum kit_place outer;

	if (work == NULL)
		return false;
	list_remove(&work->link);
	outer = kit_enter(KIT_PLACE_REQUEST);
	work->work(work);
	work->done(work);
	kit_leave(outer);
	return true;
}

void
kit_turn(struct kit *kit)
{
	struct list *ready = &kit->worker->loops[0].ready;

	CHECK(kit, KIT_MAGIC);
	for (;;) {
		kit_tokens_collect();
		if (!list_empty(ready))
			resume_one(LIST_FIRST(struct portico_request,
					      ready_link, ready));
		else if (!pump_one(kit) && !kit_client_turn() &&
			 !kit_global_turn() && !kit_process_turn() &&
			 !kit_shared_turn())
			return;
	}
}
