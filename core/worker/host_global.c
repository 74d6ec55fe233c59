/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about the whole process (globals.c).
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/worker/globals.h"
#include "core/worker/host_priv.h"
#include "core/worker/link.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

static enum portico_status
host_global_hold(struct portico_self *self, struct portico_worker *worker,
		 struct portico_token *token_r)
{
	CHECK(self, MODULE_SELF_MAGIC);
	CHECK(worker, WORKER_MAGIC);
	return globals_hold(self, worker, token_r);
}

static enum portico_status
host_global_release(struct portico_worker *worker, struct portico_token token,
		    enum portico_status status)
{
	CHECK(worker, WORKER_MAGIC);
	return globals_release(worker, token, status);
}

/* ---- events of modules --------------------------------------------------------- */

static enum portico_verdict
host_global_raise(struct portico_worker *worker, const char *name,
		  void *argument)
{
	CHECK(worker, WORKER_MAGIC);
	return globals_is_main(worker) ? globals_raise(worker, name, argument) :
					 PORTICO_ERROR;
}

struct posted {
	struct loop_message message;
	struct portico_worker *worker;
	void *argument;
	char name[GLOBAL_NAME_BYTES_MAX + 1];
};

static void
on_posted(struct loop_message *message)
{
	struct posted *posted = CONTAINER_OF(message, struct posted, message);

	globals_raise(posted->worker, posted->name, posted->argument);
	mem_free(posted);
}

static enum portico_status
host_global_post(struct portico_worker *worker, const char *name,
		 void *argument)
{
	size_t length = strlen(name);
	struct posted *posted;

	CHECK(worker, WORKER_MAGIC);
	if (worker->globals.mailbox == NULL)
		return PORTICO_UNSUPPORTED;
	if (length > GLOBAL_NAME_BYTES_MAX)
		return PORTICO_INVALID;
	posted = mem_try_zalloc(sizeof(*posted));
	if (posted == NULL)
		return PORTICO_NO_MEMORY;
	posted->message.run = on_posted;
	posted->worker = worker;
	posted->argument = argument;
	memcpy(posted->name, name, length + 1);
	mailbox_post(worker->globals.mailbox, &posted->message);
	return PORTICO_OK;
}

/* ---- unhealthy ------------------------------------------------------------------- */

struct report {
	struct loop_message message;
	struct portico_worker *worker;
	const char *reason, *module; /* live as long as the process */
	char text[REPORT_BYTES_MAX + 1];
};

static void
on_report(struct loop_message *message)
{
	struct report *report = CONTAINER_OF(message, struct report, message);
	struct globals *globals = &report->worker->globals;

	globals->report(globals->arg, report->reason, report->module,
			report->text);
	mem_free(report);
}

enum portico_status
globals_report(struct portico_worker *worker, const char *reason,
	       const char *module, const char *text)
{
	struct globals *globals = &worker->globals;
	uint64_t now = clock_monotonic_ns();
	uint64_t before = atomic_load(&globals->reported);
	struct report *report;

	if (globals->mailbox == NULL || globals->report == NULL)
		return PORTICO_UNSUPPORTED;
	/* Of two threads at the same time one is refused. */
	if ((before != 0 && now - before < REPORT_INTERVAL_NS) ||
	    !atomic_compare_exchange_strong(&globals->reported, &before, now))
		return PORTICO_STATE;
	report = mem_try_zalloc(sizeof(*report));
	if (report == NULL)
		return PORTICO_NO_MEMORY;
	report->message.run = on_report;
	report->worker = worker;
	report->reason = reason;
	report->module = module;
	snprintf(report->text, sizeof(report->text), "%s",
		 text == NULL ? "" : text);
	mailbox_post(globals->mailbox, &report->message);
	return PORTICO_OK;
}

static enum portico_status
host_report_unhealthy(struct portico_self *self, struct portico_worker *worker,
		      const char *reason)
{
	CHECK(self, MODULE_SELF_MAGIC);
	CHECK(worker, WORKER_MAGIC);
	return globals_report(worker, "unhealthy", self->record->name, reason);
}

static struct uv_loop_s *
host_main_loop(struct portico_worker *worker)
{
	CHECK(worker, WORKER_MAGIC);
	return worker->globals.uv;
}

static struct portico_worker *
host_request_worker(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->loop->worker;
}

const struct portico_host_global worker_host_global = {
	.size = sizeof(struct portico_host_global),
	.hold = host_global_hold,
	.release = host_global_release,
	.raise = host_global_raise,
	.post = host_global_post,
	.report_unhealthy = host_report_unhealthy,
	.loop = host_main_loop,
	.worker = host_request_worker,
};
