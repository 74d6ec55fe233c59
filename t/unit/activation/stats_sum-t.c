/* SPDX-License-Identifier: Apache-2.0
 *
 * What workers count is summed up by module and name, percentiles are those of
 * all of them, and one that says nonsense spoils nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/activation/stats_sum.h"

static void
assert_sums(json_t *sums, json_t *rows, const char *wanted)
{
	json_t *expected = json_loads(wanted, 0, NULL);

	assert_non_null(expected);
	if (!json_equal(sums, expected)) {
		char *text = json_dumps(sums, JSON_COMPACT);

		print_error("%s\n", text);
		free(text);
		fail();
	}
	json_decref(sums);
	json_decref(rows);
	json_decref(expected);
}

static void
assert_metrics(const char *rows, const char *wanted)
{
	json_t *json = json_loads(rows, 0, NULL);

	assert_non_null(json);
	assert_sums(stats_sum_metrics(json), json, wanted);
}

#define WORKER(name, metrics)                                                  \
	"{\"name\":\"" name "\",\"metrics\":[" metrics "]}"
#define VALUE(name, kind, value)                                               \
	"{\"name\":\"" name "\",\"kind\":\"" kind "\",\"unit\":\"u\","         \
	"\"help\":\"h\",\"value\":" value "}"

static void
test_values(void **state)
{
	(void)state;
	assert_metrics("[]", "[]");
	assert_metrics(
		"[" WORKER("m", VALUE("a", "counter", "3") "," VALUE("b", "gauge", "-5")) "," WORKER(
			"n",
			VALUE("a", "counter",
			      "7")) "," WORKER("m",
					       VALUE("a", "counter", "4") "," VALUE(
						       "b", "gauge",
						       "2")) ",{\"name\":\"silent\"}]",
		"[{\"module\":\"m\",\"name\":\"a\",\"kind\":\"counter\","
		"\"unit\":\"u\",\"help\":\"h\",\"value\":7},"
		"{\"module\":\"m\",\"name\":\"b\",\"kind\":\"gauge\","
		"\"unit\":\"u\",\"help\":\"h\",\"value\":-3},"
		"{\"module\":\"n\",\"name\":\"a\",\"kind\":\"counter\","
		"\"unit\":\"u\",\"help\":\"h\",\"value\":7}]");
}

/* Of two files of a module the same name may be two things. */
static void
test_kinds(void **state)
{
	(void)state;
	assert_metrics("[" WORKER("m", VALUE("a", "counter", "3")) "," WORKER(
			       "m", VALUE("a", "gauge", "4")) "]",
		       "[{\"module\":\"m\",\"name\":\"a\",\"kind\":\"counter\","
		       "\"unit\":\"u\",\"help\":\"h\",\"value\":3},"
		       "{\"module\":\"m\",\"name\":\"a\",\"kind\":\"gauge\","
		       "\"unit\":\"u\",\"help\":\"h\",\"value\":4}]");
}

#define HISTOGRAM(count, sum, max, buckets)                                    \
	"{\"name\":\"w\",\"kind\":\"histogram\",\"count\":" count              \
	",\"sum\":" sum ",\"max\":" max ",\"buckets\":" buckets "}"

/* One worker has 90 quick ones, the other 8 slow ones and 2 very slow. */
static void
test_histogram(void **state)
{
	(void)state;
	assert_metrics(
		"[" WORKER("m", HISTOGRAM("90", "180", "2", "[[2,90]]")) "," WORKER(
			"m", HISTOGRAM("10", "10800", "3000",
				       "[[639,8],[3071,2]]")) "]",
		"[{\"module\":\"m\",\"name\":\"w\",\"kind\":\"histogram\","
		"\"count\":100,\"sum\":10980,\"max\":3000,\"buckets\":"
		"[[2,90],[639,8],[3071,2]],\"p50\":2,\"p90\":2,"
		"\"p99\":3000}]");
	assert_metrics(
		"[" WORKER("m", HISTOGRAM("2", "9", "5", "[[4,1],[5,1]]")) "," WORKER(
			"m",
			HISTOGRAM("1", "5", "5",
				  "[[5,1]]")) "," WORKER("m",
							 HISTOGRAM("0", "0",
								   "0",
								   "[]")) "]",
		"[{\"module\":\"m\",\"name\":\"w\",\"kind\":\"histogram\","
		"\"count\":3,\"sum\":14,\"max\":5,\"buckets\":[[4,1],[5,2]],"
		"\"p50\":5,\"p90\":5,\"p99\":5}]");
}

static void
test_nonsense(void **state)
{
	(void)state;
	assert_metrics("[" WORKER("m",
				  "1, null, [], {}, \"x\"," VALUE(
					  "", "counter",
					  "1") "," VALUE("a", "toy", "1")) "]",
		       "[]");
	assert_metrics(
		"[" WORKER("m", VALUE("a", "counter", "\"x\"")) "," WORKER(
			"m", VALUE("a", "counter", "5")) "]",
		"[{\"module\":\"m\",\"name\":\"a\",\"kind\":\"counter\","
		"\"unit\":\"u\",\"help\":\"h\",\"value\":5}]");
	/* No number beyond the greatest. */
	assert_metrics(
		"[" WORKER("m", VALUE("a", "counter", "9223372036854775807")) "," WORKER(
			"m", VALUE("a", "counter", "9223372036854775807")) "]",
		"[{\"module\":\"m\",\"name\":\"a\",\"kind\":\"counter\","
		"\"unit\":\"u\",\"help\":\"h\","
		"\"value\":9223372036854775807}]");
	assert_metrics(
		"[" WORKER("m", HISTOGRAM("1", "1", "1", "7")) "," WORKER(
			"m", HISTOGRAM("1", "1", "1", "[7, [1], []]")) "]",
		"[{\"module\":\"m\",\"name\":\"w\",\"kind\":\"histogram\","
		"\"count\":2,\"sum\":2,\"max\":1,\"buckets\":"
		"[[0,0],[1,0],[0,0]],\"p50\":1,\"p90\":1,\"p99\":1}]");
}

static void
test_events(void **state)
{
	json_t *rows = json_loads(
		"[{\"name\":\"m\",\"events\":[{\"event\":\"begin\",\"calls\":1,"
		"\"errors\":0,\"wallUs\":10,\"cpuUs\":4},{\"event\":\"filter\","
		"\"calls\":9}]},{\"name\":\"m\",\"events\":[{\"event\":"
		"\"begin\",\"calls\":2,\"errors\":1,\"wallUs\":20,\"cpuUs\":5}]}"
		",{\"name\":\"n\",\"events\":3}]",
		0, NULL);

	(void)state;
	assert_non_null(rows);
	assert_sums(stats_sum_events(rows), rows,
		    "[{\"module\":\"m\",\"event\":\"begin\",\"calls\":3,"
		    "\"errors\":1,\"wallUs\":30,\"cpuUs\":9},{\"module\":\"m\","
		    "\"event\":\"filter\",\"calls\":9,\"errors\":0,"
		    "\"wallUs\":0,\"cpuUs\":0}]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_events),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
