/* SPDX-License-Identifier: Apache-2.0
 *
 * Start records: steps with times, the last lines of stderr, the outcome, and
 * that only the last few starts are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/activation/start_record.h"
#include "core/base/memory.h"

#define MS 1000000ull

static json_t *
step_of(const json_t *record, enum start_step step)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(record, "steps"), i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "step")),
			   start_step_name(step)) == 0)
			return one;
	}
	return NULL;
}

static const char *
state_of(const json_t *record, enum start_step step)
{
	json_t *one = step_of(record, step);

	return one == NULL ? "absent" :
			     json_string_value(json_object_get(one, "state"));
}

static void
test_success(void **state)
{
	struct start_history history = { { NULL } };
	struct start_record *record =
		start_history_begin(&history, 7, 10 * MS, 0);
	json_t *json;

	(void)state;
	for (int i = 0; i < START_STEP_COUNT; i++)
		start_record_step(record, (enum start_step)i,
				  (11 + (uint64_t)i) * MS);
	/* Again does not move it. */
	start_record_step(record, START_STEP_FORK, 99 * MS);
	start_record_succeed(record, 20 * MS);
	start_record_fail(record, 30 * MS, "too late");
	json = start_history_to_json(&history);
	assert_int_equal(json_array_size(json), 1);
	assert_true(json_is_true(
		json_object_get(json_array_get(json, 0), "succeeded")));
	assert_string_equal(state_of(json_array_get(json, 0), START_STEP_FORK),
			    "done");
	assert_string_equal(state_of(json_array_get(json, 0),
				     START_STEP_INITIALIZING),
			    "done");
	assert_true(json_real_value(json_object_get(
			    step_of(json_array_get(json, 0), START_STEP_READY),
			    "ms")) == 5.0);
	assert_string_equal(record->outcome, "");
	json_decref(json);
	start_history_fini(&history);
}

static void
test_failure(void **state)
{
	struct start_history history = { { NULL } };
	struct start_record *record = start_history_begin(&history, 1, 0, 0);
	json_t *json, *first;

	(void)state;
	start_record_step(record, START_STEP_FORK, 0);
	start_record_step(record, START_STEP_EXEC, MS);
	json = start_history_to_json(&history);
	first = json_array_get(json, 0);
	assert_string_equal(state_of(first, START_STEP_CONFIGURED),
			    "in progress");
	assert_string_equal(state_of(first, START_STEP_READY), "not started");
	/* Nothing is warmed up. */
	assert_string_equal(state_of(first, START_STEP_INITIALIZING), "absent");
	json_decref(json);
	start_record_fail(record, 2 * MS, "exited with status %d", 3);
	start_record_fail(record, 3 * MS, "the first reason stays");
	json = start_history_to_json(&history);
	first = json_array_get(json, 0);
	assert_string_equal(state_of(first, START_STEP_CONFIGURED), "failed");
	assert_string_equal(state_of(first, START_STEP_READY), "not started");
	assert_string_equal(
		json_string_value(json_object_get(first, "outcome")),
		"exited with status 3");
	assert_false(json_is_true(json_object_get(first, "succeeded")));
	json_decref(json);
	start_history_fini(&history);
}

static void
test_lines(void **state)
{
	struct start_history history = { { NULL } };
	struct start_record *record = start_history_begin(&history, 1, 0, 0);
	char line[START_LINE_BYTES * 2];
	json_t *json, *lines;

	(void)state;
	for (int i = 0; i < START_LINES_MAX + 3; i++) {
		snprintf(line, sizeof line, "line %d", i);
		start_record_line(record, line);
	}
	start_record_line(record, "\xff\xfe");
	json = start_history_to_json(&history);
	lines = json_object_get(json_array_get(json, 0), "stderr");
	assert_int_equal(json_array_size(lines), START_LINES_MAX);
	assert_string_equal(json_string_value(json_array_get(lines, 0)),
			    "line 4");
	assert_string_equal(
		json_string_value(json_array_get(lines, START_LINES_MAX - 1)),
		"(not UTF-8)");
	json_decref(json);
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	start_record_line(record, line);
	/* After the end a line belongs to the worker's life. */
	start_record_succeed(record, MS);
	start_record_line(record, "not kept");
	assert_int_equal(record->line_count, START_LINES_MAX + 5);
	start_history_fini(&history);
}

static void
test_last_few(void **state)
{
	struct start_history history = { { NULL } };

	(void)state;
	for (uint32_t i = 1; i <= START_RECORDS_MAX + 2; i++)
		start_history_begin(&history, i, 0, 0);
	assert_null(start_history_find(&history, 2));
	assert_non_null(start_history_find(&history, 3));
	assert_int_equal(history.records[0]->worker, START_RECORDS_MAX + 2);
	start_history_fini(&history);
}

/* Without memory a start goes on without its record. */
static void
test_no_memory(void **state)
{
	struct start_history history = { { NULL } };
	struct start_record *record;

	(void)state;
	mem_fault_set(1);
	record = start_history_begin(&history, 1, 0, 0);
	assert_true(mem_fault_hit());
	assert_null(record);
	start_record_step(record, START_STEP_FORK, 1);
	start_record_line(record, "x");
	start_record_succeed(record, 1);
	start_record_fail(record, 1, "x");
	start_history_fini(&history);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_last_few),
		cmocka_unit_test(test_no_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
