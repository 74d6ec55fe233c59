/* SPDX-License-Identifier: Apache-2.0
 *
 * Global events: who is told, holds on the start.
 */
#include "core/worker/globals.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/worker/link.h"
#include "core/worker/module_load.h"
#include "core/worker/worker.h"

void
globals_init(struct portico_worker *worker, uv_loop_t *uv,
	     struct mailbox *mailbox)
{
	struct globals *globals = &worker->globals;

	globals->uv = uv;
	globals->mailbox = mailbox;
	globals->thread = uv_thread_self();
}

bool
globals_is_main(const struct portico_worker *worker)
{
	uv_thread_t self = uv_thread_self();

	return worker->globals.uv != NULL &&
	       uv_thread_equal(&self, &worker->globals.thread) != 0;
}

/* ---- telling ------------------------------------------------------------------ */

const char *
globals_event_name(enum portico_global_event event)
{
	static const char *const names[PORTICO_GLOBAL_COUNT] = {
		[PORTICO_GLOBAL_PRELOAD] = "PRELOAD",
		[PORTICO_GLOBAL_START] = "START",
		[PORTICO_GLOBAL_STOP] = "STOP",
		[PORTICO_GLOBAL_CONFIGURATION] = "CONFIGURATION",
		[PORTICO_GLOBAL_FILE_CHANGE] = "FILE_CHANGE",
		[PORTICO_GLOBAL_HEALTH] = "HEALTH",
		[PORTICO_GLOBAL_CLEANUP] = "CLEANUP",
		[PORTICO_GLOBAL_CUSTOM] = "CUSTOM",
	};

	return names[event];
}

static void
complain(const struct module_record *record, const char *what)
{
	const struct log_context context = { .name = "module",
					     .value = record->name };

	log_warn(4090, &context, "%s", what);
}

static enum portico_verdict
call(struct portico_worker *worker, const struct module_record *record,
     const struct portico_global_subscription *row,
     const struct portico_global *global)
{
	struct globals *globals = &worker->globals;
	/* One may raise another. */
	const struct module_record *outer = atomic_load(&globals->telling);
	int outer_event = atomic_load(&globals->event);
	enum portico_verdict verdict;

	atomic_store(&globals->event, (int)global->event);
	atomic_store(&globals->telling, record);
	atomic_fetch_add(&globals->told, 1);
	verdict = row->function(worker, global);
	atomic_store(&globals->event, outer_event);
	atomic_store(&globals->telling, outer);
	atomic_fetch_add(&globals->told, 1);
	return verdict;
}

/* The module's rows of this event; the verdict of the last one called. */
static enum portico_verdict
tell_module(struct portico_worker *worker, const struct module_record *record,
	    const struct portico_global *global)
{
	const struct portico_global_subscription *row =
		record->module.global_subscriptions;
	enum portico_verdict verdict = PORTICO_NEXT;
	char text[128];

	for (; row != NULL && row->event != PORTICO_GLOBAL_NONE; row++) {
		if (row->event != global->event ||
		    (row->name != NULL && strcmp(row->name, global->name) != 0))
			continue;
		verdict = call(worker, record, row, global);
		if ((unsigned)verdict > PORTICO_ERROR ||
		    verdict == PORTICO_PENDING)
			verdict = PORTICO_ERROR;
		if (verdict == PORTICO_NEXT)
			continue;
		snprintf(text, sizeof(text), "global event %s failed",
			 globals_event_name(global->event));
		if (verdict == PORTICO_ERROR)
			complain(record, text);
		break;
	}
	return verdict;
}

/* *failed_r: the first that said ERROR, or NULL. */
static enum portico_verdict
tell_all(struct portico_worker *worker, const struct portico_global *global,
	 const struct module_record **failed_r)
{
	size_t count = module_set_count(worker->modules);
	enum portico_verdict last = PORTICO_NEXT;

	*failed_r = NULL;
	for (size_t i = 0; i < count; i++) {
		size_t at = global->event == PORTICO_GLOBAL_STOP ?
				    count - 1 - i :
				    i;
		const struct module_record *record =
			module_set_get_ordered(worker->modules, at);

		last = tell_module(worker, record, global);
		if (last == PORTICO_ERROR && *failed_r == NULL)
			*failed_r = record;
		if (last != PORTICO_NEXT &&
		    global->event == PORTICO_GLOBAL_CUSTOM)
			break;
	}
	return last;
}

enum portico_verdict
globals_raise(struct portico_worker *worker, const char *name, void *argument)
{
	const struct portico_global global = {
		.size = sizeof(global),
		.event = PORTICO_GLOBAL_CUSTOM,
		.name = name,
		.text = "",
		.argument = argument,
	};
	const struct module_record *failed;

	return tell_all(worker, &global, &failed);
}

static const struct module_record *
tell(struct portico_worker *worker, enum portico_global_event event,
     const char *text, int64_t value)
{
	const struct portico_global global = {
		.size = sizeof(global),
		.event = event,
		.name = "",
		.text = text,
		.value = value,
	};
	const struct module_record *failed;

	CHECK(worker, WORKER_MAGIC);
	tell_all(worker, &global, &failed);
	return failed;
}

bool
globals_tell(struct portico_worker *worker, enum portico_global_event event,
	     const char *text, int64_t value)
{
	const struct module_record *failed = tell(worker, event, text, value);

	if (failed != NULL && event == PORTICO_GLOBAL_HEALTH)
		globals_report(worker, "unhealthy", failed->name,
			       "its health check failed");
	return failed == NULL;
}

void
globals_stop(struct portico_worker *worker, const char *why)
{
	if (worker->globals.stopped)
		return;
	worker->globals.stopped = true;
	globals_tell(worker, PORTICO_GLOBAL_STOP, why, 0);
}

/* ---- holds -------------------------------------------------------------------- */

static void
note_failure(struct globals *globals, const struct module_record *record,
	     const char *why)
{
	if (globals->preload_error.status == PORTICO_OK)
		error_set(&globals->preload_error, PORTICO_STATE,
			  "module %s: preparing the worker failed%s%s",
			  record->name, why == NULL ? "" : ": ",
			  why == NULL ? "" : why);
}

/* The last one is gone, or one failed. */
static void
check_preloaded(struct globals *globals)
{
	bool failed = globals->preload_error.status != PORTICO_OK;

	if (!globals->preloading || (globals->held > 0 && !failed))
		return;
	globals->preloading = false;
	globals->preloaded(globals->arg,
			   failed ? &globals->preload_error : NULL);
}

static void
on_released(struct loop_message *message)
{
	struct global_hold *hold =
		CONTAINER_OF(message, struct global_hold, message);
	struct globals *globals = &hold->worker->globals;

	CHECK(hold->worker, WORKER_MAGIC);
	ASSERT(globals->held > 0);
	globals->held--;
	if (hold->status < 0)
		note_failure(globals, hold->self->record,
			     status_text(hold->status));
	check_preloaded(globals);
}

enum portico_status
globals_hold(const struct portico_self *self, struct portico_worker *worker,
	     struct portico_token *token_r)
{
	struct globals *globals = &worker->globals;
	struct global_hold *hold;

	if (!globals->preloading || !globals_is_main(worker))
		return PORTICO_STATE;
	if (globals->hold_count == GLOBAL_HOLDS_MAX)
		return PORTICO_FULL;
	hold = &globals->holds[globals->hold_count++];
	hold->self = self;
	hold->worker = worker;
	hold->message.run = on_released;
	globals->held++;
	token_r->value = globals->hold_count;
	return PORTICO_OK;
}

enum portico_status
globals_release(struct portico_worker *worker, struct portico_token token,
		enum portico_status status)
{
	struct globals *globals = &worker->globals;
	struct global_hold *hold;

	if (token.value < 1 || token.value > GLOBAL_HOLDS_MAX)
		return PORTICO_INVALID;
	hold = &globals->holds[token.value - 1];
	if (hold->worker == NULL)
		return PORTICO_INVALID;
	if (atomic_exchange(&hold->released, true)) {
		complain(hold->self->record,
			 "module has released the start a second time");
		return PORTICO_STATE;
	}
	hold->status = status;
	mailbox_post(globals->mailbox, &hold->message);
	return PORTICO_OK;
}

void
globals_preload(struct portico_worker *worker)
{
	struct globals *globals = &worker->globals;
	const struct module_record *failed;

	globals->preloading = true;
	/* Nothing is released while it is told: that comes over the mailbox. */
	failed = tell(worker, PORTICO_GLOBAL_PRELOAD, "", 0);
	if (failed != NULL)
		note_failure(globals, failed, NULL);
	check_preloaded(globals);
}

void
globals_fini(struct portico_worker *worker)
{
	changes_stop_all(worker);
}
