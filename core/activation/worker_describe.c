/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker is, for people who ask: as JSON, with names for numbers; and for
 * the log.
 */
#include <jansson.h>
#include <stdio.h>

#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"

#define NS_PER_MS 1000000ull

const struct log_context *
worker_process_about(const struct worker_process *worker,
		     struct worker_context *context)
{
	snprintf(context->id, sizeof context->id, "%u", worker->id);
	context->pool = (struct log_context){ .name = "pool",
					      .value = worker->pool->name };
	context->worker = (struct log_context){ .parent = &context->pool,
						.name = "worker",
						.value = context->id };
	return &context->worker;
}

/* A member that is a number becomes the element of that number; without one
 * (0xffff is the worker itself) it becomes "". */
static void
name_member(json_t *object, const char *member, const json_t *names)
{
	json_t *number = json_object_get(object, member);
	json_t *name;

	if (!json_is_integer(number))
		return;
	name = json_array_get(names, (size_t)json_integer_value(number));
	if (json_is_string(name))
		json_object_set(object, member, name);
	else
		json_object_set_new(object, member, json_string(""));
}

void
worker_process_name_progress(const struct worker_process *worker,
			     json_t *request)
{
	name_member(request, "module", worker->modules);
	name_member(request, "event", worker->events);
}

json_t *
worker_process_to_json(const struct worker_process *worker)
{
	return json_pack(
		"{s:I, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "id",
		(json_int_t)worker->id, "pid",
		(int)process_pid(worker->process), "pool", worker->pool->name,
		"state", worker_process_state_name(worker->state), "generation",
		(json_int_t)worker->generation, "loops",
		(json_int_t)worker->loops, "uptimeMs",
		(json_int_t)((clock_monotonic_ns() - worker->started_ns) /
			     NS_PER_MS),
		"replaces", (json_int_t)worker->replaces, "recycling",
		worker->marked != RECYCLE_NONE);
}

void
worker_process_add_modules(const struct worker_process *worker, json_t *modules)
{
	size_t i;
	json_t *module, *row;

	json_array_foreach(worker->loaded, i, module)
	{
		if (!json_is_object(module))
			continue; /* a worker may say anything */
		row = json_copy(module);
		json_object_set_new(row, "pool",
				    json_string(worker->pool->name));
		json_object_set_new(row, "worker", json_integer(worker->id));
		json_object_set_new(row, "pid",
				    json_integer(process_pid(worker->process)));
		json_object_set_new(row, "generation",
				    json_integer(worker->generation));
		json_object_set_new(
			row, "state",
			json_string(worker_process_state_name(worker->state)));
		json_array_append_new(modules, row);
	}
}
