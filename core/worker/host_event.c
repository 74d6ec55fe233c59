/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: events that modules raise for one another.
 */
#include <string.h>

#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/program.h"
#include "core/worker/request.h"

static enum portico_verdict
call_named(struct portico_request *request, const char *name)
{
	const struct pipeline *pipeline = request->application->pipeline;
	const struct pipeline_subscriber *subscribers =
		pipeline_stage_subscribers(pipeline, PIPELINE_STAGE_CUSTOM);
	unsigned count = pipeline_stage_count(pipeline, PIPELINE_STAGE_CUSTOM);
	enum portico_verdict verdict = PORTICO_NEXT;

	for (unsigned i = 0; i < count && verdict == PORTICO_NEXT; i++)
		if (strcmp(subscribers[i].row->name, name) == 0)
			verdict = program_notify_one(request, &subscribers[i]);
	return verdict;
}

enum portico_verdict
host_event_raise(struct portico_request *request, const char *name,
		 void *argument)
{
	const struct pipeline *pipeline = request->application->pipeline;
	enum portico_verdict verdict;
	struct changes *changes;
	void *outer;

	CHECK(request, REQUEST_MAGIC);
	if (pipeline == NULL ||
	    pipeline_stage_count(pipeline, PIPELINE_STAGE_CUSTOM) == 0)
		return PORTICO_NEXT;
	changes = changes_get(request);
	if (changes->event_depth >= EVENT_DEPTH_MAX) {
		request_blame(request, 4010,
			      "module raises an event within too many others");
		return PORTICO_ERROR;
	}
	outer = changes->event_argument;
	changes->event_argument = argument;
	changes->event_depth++;
	verdict = call_named(request, name);
	changes->event_depth--;
	changes->event_argument = outer;
	return verdict;
}

void *
host_event_argument(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->changes == NULL ? NULL :
					  request->changes->event_argument;
}
