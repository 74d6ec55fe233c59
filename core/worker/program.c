/* SPDX-License-Identifier: Apache-2.0
 *
 * Building and running programs: see program.h.
 *
 * One rule holds the engine together: nothing that a module calls runs another
 * step.  A step's function returns its verdict here or has suspended; whoever
 * wakes it only puts the request into the loop's ready list.
 */
#include "core/worker/program.h"

#include "core/worker/application.h"
#include "core/worker/attachment.h"
#include "core/worker/calls.h"
#include "core/worker/changes.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

/* ---- building ------------------------------------------------------------------------ */

static uint64_t
part_of(const struct pipeline *pipeline, const struct module_record *module)
{
	uint32_t i = 0;

	while (i < pipeline->module_count && pipeline->modules[i] != module)
		i++;
	return program_part_of(i);
}

static void
add_stage(const struct pipeline *pipeline, unsigned stage,
	  struct program_step *steps, uint32_t *count)
{
	const struct pipeline_subscriber *subscribers =
		pipeline_stage_subscribers(pipeline, stage);

	for (unsigned i = 0; i < pipeline_stage_count(pipeline, stage); i++) {
		steps[(*count)++] = (struct program_step){
			.kind = PROGRAM_CALL,
			.function = subscribers[i].function,
			.self = &subscribers[i].module->self,
			.part = part_of(pipeline, subscribers[i].module),
			.stage = (uint8_t)stage,
			.event = (uint16_t)PIPELINE_STAGE_EVENT(stage),
			.after_finish = stage >=
					PIPELINE_STAGE(PORTICO_EVENT_LOG,
						       PORTICO_PHASE_EVENT),
		};
	}
}

static void
add_core(enum program_kind kind, enum portico_event event,
	 struct program_step *steps, uint32_t *count)
{
	steps[(*count)++] = (struct program_step){
		.kind = (uint8_t)kind,
		.stage = (uint8_t)PIPELINE_STAGE(event, PORTICO_PHASE_EVENT),
		.event = (uint16_t)event,
		.after_finish = kind != PROGRAM_EXECUTE,
	};
}

void
program_build(struct arena *arena, const struct pipeline *pipeline,
	      struct program *program_r)
{
	const unsigned execute =
		PIPELINE_STAGE(PORTICO_EVENT_EXECUTE, PORTICO_PHASE_EVENT);
	const unsigned log =
		PIPELINE_STAGE(PORTICO_EVENT_LOG, PORTICO_PHASE_EVENT);
	uint32_t subscribers = pipeline == NULL ? 0 :
						  pipeline->subscriber_count;
	struct program_step *steps =
		arena_alloc(arena, (subscribers + 3) * sizeof(*steps));
	uint32_t count = 0;

	for (unsigned stage = 0; stage < PIPELINE_REQUEST_STAGES; stage++) {
		if (stage == log) {
			program_r->finish = count;
			add_core(PROGRAM_FINISH, PORTICO_EVENT_LOG, steps,
				 &count);
		}
		if (pipeline == NULL)
			continue;
		add_stage(pipeline, stage, steps, &count);
		if (stage == execute)
			add_core(PROGRAM_EXECUTE, PORTICO_EVENT_EXECUTE, steps,
				 &count);
	}
	add_core(PROGRAM_END, PORTICO_EVENT_END, steps, &count);
	program_r->steps = steps;
	program_r->count = count;
}

void
program_leave_out(struct arena *arena, const struct portico_self *self,
		  struct program *program)
{
	struct program_step *steps =
		arena_alloc(arena, program->count * sizeof(*steps));
	uint32_t count = 0, finish = 0;

	for (uint32_t i = 0; i < program->count; i++) {
		if (i == program->finish)
			finish = count;
		if (program->steps[i].kind != PROGRAM_CALL ||
		    program->steps[i].self != self)
			steps[count++] = program->steps[i];
	}
	*program = (struct program){ steps, count, finish };
}

/* ---- calling a module ----------------------------------------------------------------- */

/* The verdict must agree with what the function has called. */
static enum portico_verdict
verdict_check(struct portico_request *request, enum portico_verdict verdict)
{
	bool suspended = request->wait.kind != WAIT_NONE;

	if (verdict == PORTICO_PENDING) {
		if (suspended)
			return verdict;
		request_blame(request, 4003,
			      "module returned PENDING without having "
			      "suspended the request");
		return PORTICO_ERROR;
	}
	if (suspended) {
		request_blame(request, 4004,
			      "module suspended the request and did not "
			      "return PENDING");
		wait_cancel(request);
		return PORTICO_ERROR;
	}
	if ((unsigned)verdict > PORTICO_ERROR) {
		request_blame(request, 4005,
			      "module returned something that is no verdict");
		return PORTICO_ERROR;
	}
	return verdict;
}

/* Where the request is, for others: without asking the clock each time. */
static inline void
progress_set(struct portico_request *request, uint16_t event,
	     const struct portico_self *self)
{
	struct worker_loop *loop = request->loop;
	struct channel_slot *slot = request->progress;

	if (__builtin_expect(slot == NULL, 0))
		return; /* a child: its parent is where it is */
	if (loop->calls_since_clock++ % CALLS_PER_CLOCK == 0)
		loop->progress_clock = channel_progress_clock();
	atomic_store_explicit(&slot->progress,
			      (uint32_t)event << 16 | (uint16_t)self->number,
			      memory_order_relaxed);
	atomic_store_explicit(&slot->progress_at, loop->progress_clock,
			      memory_order_release);
}

static inline enum portico_verdict
call(struct portico_request *request, portico_event_fn *function,
     const struct portico_self *self, uint16_t event)
{
	enum portico_verdict verdict;
	struct call count;

	request->current = self;
	progress_set(request, event, self);
	call_begin(&count, request->loop, self, event);
	verdict = function(request);
	if (__builtin_expect(request->wait.kind != WAIT_NONE ||
				     (unsigned)verdict >= PORTICO_PENDING,
			     0))
		verdict = verdict_check(request, verdict);
	call_end(&count, verdict == PORTICO_ERROR);
	return verdict;
}

void
program_pending(struct portico_request *request,
		const struct portico_self *self)
{
	struct module_calls *calls = request->loop->calls;

	if (request->pending == self)
		return;
	if (request->pending != NULL)
		calls_add(&calls[request->pending->number].resumed, 1);
	request->pending = self;
	if (self != NULL)
		calls_add(&calls[self->number].waits, 1);
}

/* Something of the request runs, or nothing any more. */
static inline void
running(struct portico_request *request, bool runs)
{
	struct worker_loop *loop = request->loop;

	loop->running = runs ? request : NULL;
	if (runs)
		loop->calls_since_clock = 0;
	loop_is_inside(loop, runs);
}

/*
 * What an error means, by onError: the verdict that counts.  To go on as if
 * nobody had been there is possible where it made nothing of the response;
 * `made`: somebody had before.
 */
static enum portico_verdict
judge(struct portico_request *request, const struct portico_self *self,
      bool made)
{
	const struct application_module *module =
		self == NULL ? NULL :
			       application_module(request->application, self);

	if (module == NULL || module->on_error == ON_ERROR_FAIL)
		return PORTICO_ERROR;
	request->current = self;
	if (module->on_error == ON_ERROR_RECYCLE) {
		worker_want_recycle(request->loop->worker, self->record->name);
		return PORTICO_ERROR;
	}
	if (request->response.made && !made)
		return PORTICO_ERROR;
	request_warn(request, 4080,
		     "module failed in this request, which goes on without it "
		     "(onError)");
	return PORTICO_NEXT;
}

enum portico_verdict
program_notify_one(struct portico_request *request,
		   const struct pipeline_subscriber *subscriber)
{
	const struct portico_self *outer = request->current;
	enum portico_verdict verdict;
	bool made = request->response.made;
	struct call count;

	if (request->application->modules[subscriber->module->number].absent)
		return PORTICO_NEXT;
	request->cannot_wait++;
	request->current = &subscriber->module->self;
	request_took_part(request, subscriber->module);
	call_begin(&count, request->loop, request->current,
		   subscriber->row->event);
	verdict = subscriber->function(request);
	if ((unsigned)verdict == PORTICO_PENDING ||
	    (unsigned)verdict > PORTICO_ERROR) {
		request_blame(request, 4006,
			      "module cannot suspend in this event");
		verdict = PORTICO_ERROR;
	}
	call_end(&count, verdict == PORTICO_ERROR);
	if (verdict == PORTICO_ERROR)
		verdict = judge(request, request->current, made);
	request->cannot_wait--;
	request->current = outer;
	return verdict;
}

enum portico_verdict
program_notify(struct portico_request *request, unsigned stage)
{
	const struct pipeline *pipeline = request->application->pipeline;
	enum portico_verdict verdict = PORTICO_NEXT;
	unsigned count;

	if (pipeline == NULL)
		return PORTICO_NEXT;
	count = pipeline_stage_count(pipeline, stage);
	for (unsigned i = 0; i < count && verdict == PORTICO_NEXT; i++)
		verdict = program_notify_one(
			request,
			&pipeline_stage_subscribers(pipeline, stage)[i]);
	return verdict;
}

/* ---- EXECUTE --------------------------------------------------------------------------- */

static const struct handler_target *
next_target(struct portico_request *request)
{
	const struct handler_target *target = request->chosen;

	if (target == NULL)
		return handler_map_next(&request->lookup);
	/* Chosen by a module: this one alone. */
	request->chosen = NULL;
	request->lookup.map = NULL;
	return target;
}

/* Nobody answered: 405 if it is for the method, else 404. */
static void
unanswered(struct portico_request *request)
{
	char text[256];
	struct portico_slice allow;

	if (request->response.made || request->aborted)
		return;
	if (request->lookup.map == NULL || !request->lookup.method_refused) {
		response_fail(request, 404, 0);
		return;
	}
	allow = handler_map_allow(request->lookup.map, request->lookup.path,
				  text, sizeof(text));
	response_set_field(request, PORTICO_SLICE("Allow"), allow, false);
	response_fail(request, 405, 0);
}

static enum portico_verdict
execute_next(struct portico_request *request)
{
	const struct handler_target *target;

	for (;;) {
		enum portico_verdict verdict;

		if (request->lookup.map == NULL && request->chosen == NULL)
			break;
		target = next_target(request);
		if (target == NULL)
			break;
		if (request->application->modules[target->module->number]
			    .absent) {
			request->current = &target->module->self;
			response_fail(request, 500, 0);
			return PORTICO_DONE;
		}
		request_took_part(request, target->module);
		verdict = call(request, target->handler->function,
			       &target->module->self, PORTICO_EVENT_EXECUTE);
		if (verdict != PORTICO_NEXT)
			return verdict;
	}
	request->current = NULL;
	unanswered(request);
	return PORTICO_DONE;
}

static enum portico_verdict
execute(struct portico_request *request)
{
	request->lookup.map = NULL;
	request->lookup.method_refused = false;
	if (request->chosen == NULL)
		handler_map_lookup(
			request->application->handlers,
			request_path_in_application(request),
			http_request_head_slice(request->head,
						request->head->method_name),
			&request->lookup);
	return execute_next(request);
}

/* ---- FINISH ------------------------------------------------------------------------------ */

static enum portico_verdict finish_again(struct portico_request *request,
					 void *arg);

static enum portico_verdict
finish(struct portico_request *request)
{
	request->current = NULL;
	if (response_finish(request) != PORTICO_AGAIN)
		return PORTICO_NEXT;
	wait_begin(request, WAIT_RESPONSE, finish_again, NULL);
	return PORTICO_PENDING;
}

static enum portico_verdict
finish_again(struct portico_request *request, void *arg)
{
	(void)arg;
	return finish(request);
}

/* ---- running ----------------------------------------------------------------------------- */

static inline enum portico_verdict
enter(struct portico_request *request, const struct program_step *step)
{
	switch ((enum program_kind)step->kind) {
	case PROGRAM_CALL:
		request->took_part |= step->part;
		return call(request, step->function, step->self, step->event);
	case PROGRAM_EXECUTE:
		return execute(request);
	case PROGRAM_FINISH:
		return finish(request);
	case PROGRAM_END:
		break;
	}
	UNREACHABLE();
}

/* Before the handler, for a client who has left: nobody works for that. */
static bool
is_in_vain(const struct portico_request *request,
	   const struct program_step *step)
{
	return request->aborted && step->kind == PROGRAM_CALL &&
	       step->stage <= PIPELINE_STAGE(PORTICO_EVENT_EXECUTE,
					     PORTICO_PHASE_EVENT);
}

/* Who makes the response cannot be skipped. */
static enum portico_verdict
judge_handler(struct portico_request *request)
{
	const struct application_module *module =
		request->current == NULL ?
			NULL :
			application_module(request->application,
					   request->current);

	if (module != NULL && module->on_error == ON_ERROR_RECYCLE)
		worker_want_recycle(request->loop->worker,
				    request->current->record->name);
	return PORTICO_ERROR;
}

/* Where a verdict leads. */
static const struct program_step *
after(struct portico_request *request, enum portico_verdict verdict)
{
	const struct program *program = &request->application->program;
	const struct program_step *step = request->step;

	if (verdict == PORTICO_ERROR)
		verdict = step->kind == PROGRAM_CALL ?
				  judge(request, step->self, false) :
				  judge_handler(request);
	if (verdict == PORTICO_ERROR && !step->after_finish)
		response_fail(request, 500, 0);
	if (step->after_finish)
		return step + 1;
	if (verdict == PORTICO_NEXT && !is_in_vain(request, step)) {
		if (request->changes == NULL ||
		    request->changes->rewritten_to == NULL)
			return step + 1;
		step = rewrite_follow(request);
		if (step != NULL)
			return step;
		request_blame(request, 4011,
			      "module has written a response after it had "
			      "rewritten the URL");
		response_fail(request, 500, 0);
		return program->steps + program->finish;
	}
	if (verdict == PORTICO_DONE && step->kind == PROGRAM_EXECUTE)
		return step + 1;
	return program->steps + program->finish;
}

/* The same; mostly a subscriber has nothing to say. */
static inline const struct program_step *
next_step(struct portico_request *request, enum portico_verdict verdict)
{
	if (__builtin_expect(verdict == PORTICO_NEXT && !request->aborted &&
				     request->changes == NULL,
			     1))
		return request->step + 1;
	return after(request, verdict);
}

/* The abort came first, so nothing else would tell the module that waits. */
static void
tell_late(struct portico_request *request)
{
	const struct portico_self *self = request->wait.self;

	if (!request->aborted || request->step->after_finish ||
	    request->wait.kind != WAIT_TOKEN || request->wait.ready)
		return;
	request_tell_abort(request, self->record);
}

static void
run(struct portico_request *request, enum portico_verdict verdict)
{
	while (verdict != PORTICO_PENDING) {
		request->step = next_step(request, verdict);
		if (request->step->kind == PROGRAM_END) {
			running(request, false);
			request_end(request);
			return;
		}
		verdict = enter(request, request->step);
	}
	if (request->aborted)
		tell_late(request);
	program_pending(request, request->wait.self);
	request->current = NULL;
	running(request, false);
	/* LOG or END takes its time: the client need not wait for it. */
	if (request->response.has_last)
		out_send_last(request, false);
}

void
program_start(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	running(request, true);
	request->step = request->application->program.steps;
	if (request->step->kind == PROGRAM_END) {
		running(request, false);
		request_end(request);
		return;
	}
	run(request, enter(request, request->step));
}

/* A child that was started in an earlier turn of the loop. */
static void
start_late(struct portico_request *request)
{
	const struct program *program = &request->application->program;

	request->wait.ready = false;
	request->wait.kind = WAIT_NONE;
	if (!request->aborted) {
		program_start(request);
		return;
	}
	running(request, true);
	request->step = program->steps + program->finish;
	run(request, enter(request, request->step));
}

/* The core waits as well: nobody is counted then. */
static enum portico_verdict
resume_module(struct portico_request *request, portico_resume_fn *resume)
{
	enum portico_verdict verdict;
	struct call count;

	if (request->current == NULL)
		return verdict_check(request,
				     resume(request, request->wait.arg));
	call_begin(&count, request->loop, request->current,
		   request->step->event);
	verdict = verdict_check(request, resume(request, request->wait.arg));
	call_end(&count, verdict == PORTICO_ERROR);
	return verdict;
}

void
program_resume(struct portico_request *request)
{
	portico_resume_fn *resume = request->wait.resume;
	const struct program_step *step = request->step;
	enum portico_verdict verdict;

	CHECK(request, REQUEST_MAGIC);
	ASSERT(request->wait.ready);
	if (step == NULL) {
		start_late(request);
		return;
	}
	running(request, true);
	program_pending(request, NULL);
	request->wait.ready = false;
	request->wait.kind = WAIT_NONE;
	request->current = request->wait.self;
	verdict = resume_module(request, resume);
	if (step->kind == PROGRAM_EXECUTE && verdict == PORTICO_NEXT &&
	    !request->aborted)
		verdict = execute_next(request);
	run(request, verdict);
}
