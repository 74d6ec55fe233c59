/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of several listeners are added up: what counts is a sum, what is the
 * same in all stays, what has a name is found by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/activation/figures.h"

static void
assert_sum(const char *first, const char *second, const char *wanted)
{
	json_t *sum = json_loads(first, 0, NULL);
	json_t *more = json_loads(second, 0, NULL);
	json_t *expected = json_loads(wanted, 0, NULL);

	assert_non_null(sum);
	assert_non_null(more);
	assert_non_null(expected);
	figures_add(sum, more);
	if (!json_equal(sum, expected)) {
		char *text = json_dumps(sum, JSON_COMPACT);

		print_error("%s\n", text);
		free(text);
		fail();
	}
	json_decref(sum);
	json_decref(more);
	json_decref(expected);
}

static void
test_counters(void **state)
{
	(void)state;
	assert_sum("{\"connections\":{\"active\":1,\"accepted\":10},"
		   "\"threads\":2,\"draining\":false}",
		   "{\"connections\":{\"active\":2,\"accepted\":20,\"new\":3},"
		   "\"threads\":2,\"draining\":true}",
		   "{\"connections\":{\"active\":3,\"accepted\":30,\"new\":3},"
		   "\"threads\":2,\"draining\":false}");
}

static void
test_pools(void **state)
{
	(void)state;
	assert_sum("{\"pools\":[{\"name\":\"a\",\"queued\":1,\"queueLength\":9,"
		   "\"state\":\"started\"},{\"name\":\"b\",\"queued\":2}]}",
		   "{\"pools\":[{\"name\":\"b\",\"queued\":20},"
		   "{\"name\":\"a\",\"queued\":10,\"queueLength\":9,"
		   "\"state\":\"stopped\"},{\"name\":\"c\",\"queued\":5}]}",
		   "{\"pools\":[{\"name\":\"a\",\"queued\":11,"
		   "\"queueLength\":9,\"state\":\"started\"},"
		   "{\"name\":\"b\",\"queued\":22},"
		   "{\"name\":\"c\",\"queued\":5}]}");
}

/* Two write to one file; each accepts for itself, under the same limits. */
static void
test_logs_and_sockets(void **state)
{
	(void)state;
	assert_sum("{\"accepting\":{\"state\":\"yes\",\"sockets\":2,"
		   "\"descriptors\":1024},\"logs\":[{\"name\":\"access log\","
		   "\"lost\":1,\"failingMs\":5}]}",
		   "{\"accepting\":{\"state\":\"paused\",\"sockets\":1,"
		   "\"descriptors\":1024},\"logs\":[{\"name\":\"access log\","
		   "\"lost\":2,\"failingMs\":7}]}",
		   "{\"accepting\":{\"state\":\"yes\",\"sockets\":3,"
		   "\"descriptors\":1024},\"logs\":[{\"name\":\"access log\","
		   "\"lost\":3,\"failingMs\":5}]}");
}

/* What each has open is its own. */
static void
test_resources(void **state)
{
	(void)state;
	assert_sum("{\"resources\":{\"descriptors\":40,\"slots\":8,"
		   "\"blocksBySize\":{\"4KiB\":1}}}",
		   "{\"resources\":{\"descriptors\":50,\"slots\":8,"
		   "\"blocksBySize\":{\"4KiB\":2}}}",
		   "{\"resources\":{\"descriptors\":90,\"slots\":16,"
		   "\"blocksBySize\":{\"4KiB\":3}}}");
}

/* One worker has channels to both; the same numbers do not make them one. */
static void
test_workers(void **state)
{
	(void)state;
	assert_sum("{\"workers\":[{\"id\":1,\"pid\":70,\"attached\":1,"
		   "\"count\":1,\"generation\":4,"
		   "\"channels\":[{\"loop\":0,\"active\":3}]}]}",
		   "{\"workers\":[{\"id\":1,\"pid\":70,\"attached\":1,"
		   "\"count\":1,\"generation\":4,"
		   "\"channels\":[{\"loop\":0,\"active\":3}]},"
		   "{\"id\":2,\"channels\":[]}]}",
		   "{\"workers\":[{\"id\":1,\"pid\":70,\"attached\":1,"
		   "\"count\":1,\"generation\":4,"
		   "\"channels\":[{\"loop\":0,\"active\":3},"
		   "{\"loop\":0,\"active\":3}]},"
		   "{\"id\":2,\"channels\":[]}]}");
}

static void
test_requests(void **state)
{
	(void)state;
	assert_sum("{\"requests\":[{\"id\":\"x\"}]}",
		   "{\"requests\":[{\"id\":\"x\"},{\"id\":\"y\"}]}",
		   "{\"requests\":[{\"id\":\"x\"},{\"id\":\"x\"},"
		   "{\"id\":\"y\"}]}");
	assert_sum("{\"requests\":[]}", "{\"partial\":true}",
		   "{\"requests\":[],\"partial\":true}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_logs_and_sockets),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_requests),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
