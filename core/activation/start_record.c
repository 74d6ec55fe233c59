/* SPDX-License-Identifier: Apache-2.0
 *
 * Start records.
 */
#include "core/activation/start_record.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

static const char *const step_names[] = {
#define STEP_NAME(symbol, name) [START_STEP_##symbol] = (name),
	START_STEPS(STEP_NAME)
#undef STEP_NAME
};

const char *
start_step_name(enum start_step step)
{
	ASSERT((unsigned)step < START_STEP_COUNT);
	return step_names[step];
}

struct start_record *
start_history_begin(struct start_history *history, uint32_t worker,
		    uint64_t now_ns, uint64_t realtime_ns)
{
	struct start_record *record = history->records[START_RECORDS_MAX - 1];

	if (record == NULL)
		record = mem_try_alloc(sizeof *record);
	if (record == NULL)
		return NULL;
	memmove(&history->records[1], &history->records[0],
		sizeof history->records - sizeof *history->records);
	history->records[0] = record;
	memset(record, 0, sizeof *record);
	record->worker = worker;
	record->began_ns = now_ns;
	record->began_realtime_ns = realtime_ns;
	return record;
}

void
start_history_fini(struct start_history *history)
{
	for (unsigned i = 0; i < START_RECORDS_MAX; i++)
		MEM_FREE(history->records[i]);
}

struct start_record *
start_history_find(const struct start_history *history, uint32_t worker)
{
	for (unsigned i = 0; i < START_RECORDS_MAX; i++)
		if (history->records[i] != NULL &&
		    history->records[i]->worker == worker)
			return history->records[i];
	return NULL;
}

/* Since the record began; never 0, which means "not reached". */
static uint64_t
since(const struct start_record *record, uint64_t now_ns)
{
	return now_ns > record->began_ns ? now_ns - record->began_ns : 1;
}

void
start_record_step(struct start_record *record, enum start_step step,
		  uint64_t now_ns)
{
	ASSERT((unsigned)step < START_STEP_COUNT);
	if (record != NULL && record->step_ns[step] == 0)
		record->step_ns[step] = since(record, now_ns);
}

void
start_record_line(struct start_record *record, const char *line)
{
	if (record == NULL || record->ended_ns != 0)
		return;
	snprintf(record->lines[record->line_count % START_LINES_MAX],
		 START_LINE_BYTES, "%s", line);
	record->line_count++;
}

const char *
start_record_last_line(const struct start_record *record)
{
	if (record == NULL || record->line_count == 0)
		return NULL;
	return record->lines[(record->line_count - 1) % START_LINES_MAX];
}

void
start_record_succeed(struct start_record *record, uint64_t now_ns)
{
	if (record == NULL || record->ended_ns != 0)
		return;
	record->succeeded = true;
	record->ended_ns = since(record, now_ns);
}

void
start_record_fail(struct start_record *record, uint64_t now_ns,
		  const char *format, ...)
{
	va_list args;

	if (record == NULL || record->ended_ns != 0)
		return;
	record->ended_ns = since(record, now_ns);
	va_start(args, format);
	vsnprintf(record->outcome, sizeof record->outcome, format, args);
	va_end(args);
}

static json_t *
steps_to_json(const struct start_record *record)
{
	json_t *steps = json_array();
	bool reached = true;

	for (int i = 0; i < START_STEP_COUNT; i++) {
		const char *state = "done";

		/* Where nothing is warmed up there is no such step. */
		if (i == START_STEP_INITIALIZING && record->step_ns[i] == 0)
			continue;
		if (record->step_ns[i] == 0) {
			state = !reached	      ? "not started" :
				record->ended_ns == 0 ? "in progress" :
							"failed";
			reached = false;
		}
		json_array_append_new(
			steps, json_pack("{s:s, s:s, s:f}", "step",
					 step_names[i], "state", state, "ms",
					 (double)record->step_ns[i] / 1e6));
	}
	return steps;
}

static json_t *
lines_to_json(const struct start_record *record)
{
	unsigned count = record->line_count;
	unsigned first = count > START_LINES_MAX ? count - START_LINES_MAX : 0;
	json_t *lines = json_array();

	for (unsigned i = first; i < count; i++) {
		const char *line = record->lines[i % START_LINES_MAX];

		/* A child may write what is not UTF-8. */
		json_t *text = json_string(line);

		json_array_append_new(
			lines,
			text != NULL ? text : json_string("(not UTF-8)"));
	}
	return lines;
}

json_t *
start_history_to_json(const struct start_history *history)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < START_RECORDS_MAX; i++) {
		const struct start_record *record = history->records[i];
		char began[CLOCK_TEXT_SIZE];

		if (record == NULL)
			continue;
		clock_format(record->began_realtime_ns, began, sizeof began);
		json_array_append_new(
			all,
			json_pack("{s:I, s:i, s:s, s:b, s:b, s:f, s:s, s:o, "
				  "s:o}",
				  "worker", (json_int_t)record->worker, "pid",
				  (int)record->pid, "began", began, "ended",
				  record->ended_ns != 0, "succeeded",
				  record->succeeded, "ms",
				  (double)record->ended_ns / 1e6, "outcome",
				  record->outcome, "steps",
				  steps_to_json(record), "stderr",
				  lines_to_json(record)));
	}
	return all;
}

void
start_history_restore(struct start_history *history, const json_t *json)
{
	const json_t *steps = json_object_get(json, "steps");
	struct start_record *record;
	const char *outcome;
	json_t *line;
	size_t i;

	record = start_history_begin(
		history,
		(uint32_t)json_integer_value(json_object_get(json, "worker")),
		(uint64_t)json_integer_value(json_object_get(json, "beganNs")),
		(uint64_t)json_integer_value(
			json_object_get(json, "realtimeNs")));
	if (record == NULL)
		return;
	record->pid = (int32_t)json_integer_value(json_object_get(json, "pid"));
	record->ended_ns =
		(uint64_t)json_integer_value(json_object_get(json, "endedNs"));
	record->succeeded = json_is_true(json_object_get(json, "succeeded"));
	outcome = json_string_value(json_object_get(json, "outcome"));
	snprintf(record->outcome, sizeof record->outcome, "%s",
		 outcome == NULL ? "" : outcome);
	for (i = 0; i < START_STEP_COUNT; i++)
		record->step_ns[i] =
			(uint64_t)json_integer_value(json_array_get(steps, i));
	json_array_foreach(json_object_get(json, "lines"), i,
			   line) if (json_is_string(line))
		start_record_line(record, json_string_value(line));
}
