/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: defaults, each type, bounds, inheritance, and what problems say.
 */
#include "t/unit/unit.h"

#include <jansson.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "t/unit/config/sample.h"

static struct arena *arena;
static struct config_problems *problems;
static struct sample sample;

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new("t", 0);
	problems = config_problems_new(arena);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static bool
parse(const char *text)
{
	struct config_document *document =
		config_read_text(arena, "f.json", slice_from(text), problems);

	assert_non_null(document);
	return config_parse_object(&sample_table, config_root(document),
				   &sample, arena, problems);
}

static void
assert_accepted(const char *text)
{
	if (!parse(text))
		fail_msg("%s", config_problem_text(problems, 0));
	assert_int_equal(config_problem_count(problems), 0);
}

/* Parsing `text` gives exactly these problems, one per line. */
static void
assert_problems(const char *text, const char *expected)
{
	char *found = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&found, &size);

	problems = config_problems_new(arena);
	assert_false(parse(text));
	config_print_problems(problems, stream);
	fclose(stream);
	assert_string_equal(found, expected);
	free(found); /* open_memstream's */
}

static struct sample_pool *
pool(size_t i)
{
	assert_true(i < sample.pools.count);
	return sample.pools.items[i].object;
}

static void
an_empty_object_gives_the_defaults(void **state)
{
	const struct sample_pool *defaults = &sample.pool_defaults;

	(void)state;
	assert_accepted("{}");
	assert_int_equal(defaults->queue_length, 1000);
	assert_int_equal(defaults->workers, 1);
	assert_true(defaults->idle_timeout == 1200 * CLOCK_NS_PER_S);
	assert_int_equal(defaults->memory_limit, 0);
	assert_int_equal(defaults->mode, SAMPLE_ON_DEMAND);
	assert_true(defaults->enabled);
	assert_int_equal(defaults->identity.nice, -5);
	assert_null(defaults->identity.user);
	assert_int_equal(sample.pools.count, 0);
	assert_int_equal(sample.methods.count, 2);
	assert_string_equal(sample.methods.items[1], "HEAD");
	assert_null(sample.methods.items[2]);
	assert_null(sample.limits);
	assert_null(sample.proxy);
}

static void
every_type_is_stored(void **state)
{
	const struct sample_binding *binding;

	(void)state;
	assert_accepted(
		"{ \"$schema\": \"portico.schema.json\","
		"  \"pools\": { \"shop\": {"
		"    \"queueLength\": 50, \"workers\": 65535,"
		"    \"idleTimeout\": \"90s\", \"memoryLimit\": \"64MiB\","
		"    \"startMode\": \"never\", \"enabled\": false,"
		"    \"identity\": { \"user\": \"shop\", \"nice\": -20 },"
		"    \"environment\": { \"A\": \"1\", \"B\": \"\" } } },"
		"  \"bindings\": [ \"http://*:80\","
		"    { \"url\": \"https://x\", \"certificate\": \"x\" } ],"
		"  \"methods\": [ \"PUT\" ],"
		"  \"limits\": { \"connections\": -7, \"wait\": 0 },"
		"  \"proxy\": [ 1, 2 ] }");
	assert_int_equal(sample.pools.count, 1);
	assert_string_equal(sample.pools.items[0].name, "shop");
	assert_int_equal(pool(0)->queue_length, 50);
	assert_int_equal(pool(0)->workers, 65535);
	assert_true(pool(0)->idle_timeout == 90 * CLOCK_NS_PER_S);
	assert_true(pool(0)->memory_limit == 64 << 20);
	assert_int_equal(pool(0)->mode, SAMPLE_NEVER);
	assert_false(pool(0)->enabled);
	assert_string_equal(pool(0)->identity.user, "shop");
	assert_int_equal(pool(0)->identity.nice, -20);
	assert_int_equal(pool(0)->environment.count, 2);
	assert_string_equal(pool(0)->environment.items[1].name, "B");
	assert_string_equal(pool(0)->environment.items[1].text, "");
	assert_ptr_equal(pool(0)->source, sample.pools.items[0].value);
	assert_int_equal(sample.bindings.count, 2);
	binding = sample.bindings.items[0];
	assert_string_equal(binding->url, "http://*:80");
	binding = sample.bindings.items[1];
	assert_string_equal(binding->certificate, "x");
	assert_int_equal(sample.methods.count, 1);
	assert_string_equal(config_value_path(sample.methods.values[0], arena),
			    "methods[0]");
	assert_int_equal(sample.limits->connections, -7);
	assert_int_equal(sample.limits->wait, 0);
	assert_int_equal(config_value_count(sample.proxy), 2);
}

static void
entries_inherit_what_they_do_not_say(void **state)
{
	(void)state;
	assert_accepted("{ \"poolDefaults\": { \"workers\": 4,"
			"    \"identity\": { \"user\": \"www\" } },"
			"  \"pools\": { \"a\": {},"
			"    \"b\": { \"workers\": 2,"
			"             \"identity\": { \"nice\": 3 } },"
			"    \"c\": { \"identity\": \"carl\" } } }");
	assert_int_equal(pool(0)->workers, 4);
	assert_string_equal(pool(0)->identity.user, "www");
	assert_int_equal(pool(1)->workers, 2);
	assert_string_equal(pool(1)->identity.user, "www");
	assert_int_equal(pool(1)->identity.nice, 3);
	assert_string_equal(pool(2)->identity.user, "carl");
	assert_int_equal(pool(2)->identity.nice, -5);
	assert_int_equal(sample.pool_defaults.workers, 4);
}

static void
numbers_have_bounds(void **state)
{
	(void)state;
	assert_problems("{ \"poolDefaults\": { \"queueLength\": 9 } }",
			"f.json:1:36: poolDefaults.queueLength: found 9, "
			"allowed is a whole number from 10 to 65535\n");
	assert_problems("{ \"poolDefaults\": { \"queueLength\": 65536 } }",
			"f.json:1:36: poolDefaults.queueLength: found 65536, "
			"allowed is a whole number from 10 to 65535\n");
	assert_problems("{ \"poolDefaults\": { \"queueLength\": 10.5 } }",
			"f.json:1:36: poolDefaults.queueLength: found 10.5, "
			"allowed is a whole number from 10 to 65535\n");
	assert_problems("{ \"poolDefaults\": { \"queueLength\": \"10\" } }",
			"f.json:1:36: poolDefaults.queueLength: found \"10\", "
			"allowed is a whole number from 10 to 65535\n");
	/* Here the width of the member is the upper bound. */
	assert_problems("{ \"poolDefaults\": { \"workers\": 65536 } }",
			"f.json:1:32: poolDefaults.workers: found 65536, "
			"allowed is a whole number from 1 to 65535\n");
	assert_problems("{ \"limits\": { \"connections\": null } }",
			"f.json:1:30: limits.connections: found null, allowed "
			"is a whole number\n");
}

static void
quantities_need_units_and_have_bounds(void **state)
{
	(void)state;
	assert_problems("{ \"poolDefaults\": { \"idleTimeout\": 90 } }",
			"f.json:1:36: poolDefaults.idleTimeout: found 90, "
			"allowed is 0 or a duration from 1s to 1d, such as "
			"\"90s\"\n");
	assert_problems("{ \"poolDefaults\": { \"idleTimeout\": \"2d\" } }",
			"f.json:1:36: poolDefaults.idleTimeout: found \"2d\", "
			"allowed is 0 or a duration from 1s to 1d, such as "
			"\"90s\"\n");
	assert_problems("{ \"poolDefaults\": { \"memoryLimit\": \"64MB\" } }",
			"f.json:1:36: poolDefaults.memoryLimit: found "
			"\"64MB\", allowed is 0 or a size of at least 1MiB, "
			"such as \"64KiB\"\n");
	assert_problems("{ \"limits\": { \"wait\": \"soon\" } }",
			"f.json:1:23: limits.wait: found \"soon\", allowed is "
			"a duration, such as \"90s\"\n");
	problems = config_problems_new(arena);
	assert_accepted("{ \"poolDefaults\": { \"memoryLimit\": 1048576,"
			" \"idleTimeout\": 0 } }");
}

static void
a_single_text_is_a_list_of_one(void **state)
{
	(void)state;
	assert_problems("{ \"methods\": 5 }",
			"f.json:1:14: methods: found 5, allowed is a list of "
			"texts\n");
	problems = config_problems_new(arena);
	assert_accepted("{ \"methods\": \"GET\" }");
	assert_int_equal(sample.methods.count, 1);
}

static void
truths_texts_and_words(void **state)
{
	(void)state;
	assert_problems("{ \"poolDefaults\": { \"enabled\": \"yes\" } }",
			"f.json:1:32: poolDefaults.enabled: found \"yes\", "
			"allowed is true or false\n");
	assert_problems("{ \"poolDefaults\": { \"startMode\": \"onDemnad\" } }",
			"f.json:1:34: poolDefaults.startMode: found "
			"\"onDemnad\", allowed is \"onDemand\", "
			"\"alwaysRunning\", \"never\" or \"sometimes\"; did "
			"you mean \"onDemand\"?\n");
	assert_problems("{ \"poolDefaults\": { \"startMode\": true } }",
			"f.json:1:34: poolDefaults.startMode: found true, "
			"allowed is \"onDemand\", \"alwaysRunning\", \"never\" "
			"or \"sometimes\"\n");
	assert_problems("{ \"poolDefaults\": { \"identity\": \"\" } }",
			"f.json:1:33: poolDefaults.identity: found \"\", "
			"allowed is a text from 1 to 32 bytes\n");
	assert_problems("{ \"poolDefaults\": { \"identity\": [] } }",
			"f.json:1:33: poolDefaults.identity: found a list, "
			"allowed is an object: { ... } or a text\n");
}

static void
lists_and_maps(void **state)
{
	(void)state;
	assert_problems("{ \"methods\": [ \"A\", 1, {} ] }",
			"f.json:1:21: methods[1]: found 1, allowed is a text\n"
			"f.json:1:24: methods[2]: found an object, allowed is "
			"a text\n");
	assert_problems("{ \"methods\": [ \"A\",\"B\",\"C\",\"D\",\"E\" ] }",
			"f.json:1:14: methods: found 5 entries, allowed are "
			"from 0 to 4\n");
	assert_problems("{ \"pools\": [] }",
			"f.json:1:12: pools: found a list, allowed is an "
			"object: { \"NAME\": { ... } }\n");
	assert_problems("{ \"pools\": { \"a\": 1 } }",
			"f.json:1:19: pools.a: found 1, allowed is an object: "
			"{ ... }\n");
	assert_problems("{ \"bindings\": {} }",
			"f.json:1:15: bindings: found an object, allowed is a "
			"list: [ ... ]\n");
	assert_problems("{ \"poolDefaults\":\n{ \"environment\":\n"
			"{ \"A\": 1 } } }",
			"f.json:3:8: poolDefaults.environment.A: found 1, "
			"allowed is a text\n");
	assert_problems("{ \"limits\": 3 }",
			"f.json:1:13: limits: found 3, allowed is an object: "
			"{ ... }\n");
}

static void
missing_keys_are_told_where_they_belong(void **state)
{
	(void)state;
	assert_problems("{ \"bindings\": [ {\n\"certificate\": \"x\" } ] }",
			"f.json:1:17: bindings[0]: \"url\" is missing, needed "
			"is a text\n");
	/* In the defaults it may be missing, in what inherits it may not. */
	assert_problems("{ \"poolDefaults\": { \"identity\": {} },\n"
			"  \"pools\": { \"a\": { \"identity\": {} } } }",
			"f.json:2:33: pools.a.identity: \"user\" is missing, "
			"needed is a text from 1 to 32 bytes\n");
}

static void
unknown_keys_are_problems_with_a_suggestion(void **state)
{
	(void)state;
	assert_problems("{ \"pools\": { \"shop\": {\n"
			"  \"queueLenght\": 5 } } }",
			"f.json:2:3: pools.shop.queueLenght: unknown key, did "
			"you mean \"queueLength\"?\n");
	assert_problems("{ \"limits\": { \"colour\": 5 } }",
			"f.json:1:15: limits.colour: unknown key, allowed are "
			"\"connections\" and \"wait\"\n");
	/* Only the document itself names its schema. */
	assert_problems("{ \"limits\": { \"$schema\": \"x\" } }",
			"f.json:1:15: limits[\"$schema\"]: unknown key, "
			"allowed are \"connections\" and \"wait\"\n");
}

static void
all_problems_are_told_at_once_in_the_order_of_the_file(void **state)
{
	(void)state;
	assert_problems("{ // a broken file\n"
			"  \"limits\": { \"wait\": 7 },\n"
			"  \"bindigns\": [],\n"
			"  \"pools\": {\n"
			"    \"a\": { \"workers\": 0, \"enabled\": 1 },\n"
			"    \"b\": { \"identity\": { \"usr\": \"x\" } }\n"
			"  }\n"
			"}\n",
			"f.json:2:23: limits.wait: found 7, allowed is a "
			"duration, such as \"90s\"\n"
			"f.json:3:3: bindigns: unknown key, did you mean "
			"\"bindings\"?\n"
			"f.json:5:23: pools.a.workers: found 0, allowed is a "
			"whole number from 1 to 65535\n"
			"f.json:5:37: pools.a.enabled: found 1, allowed is "
			"true or false\n"
			"f.json:6:24: pools.b.identity: \"user\" is missing, "
			"needed is a text from 1 to 32 bytes\n"
			"f.json:6:26: pools.b.identity.usr: unknown key, did "
			"you mean \"user\"?\n");
}

static void
checks_add_their_own_problems(void **state)
{
	(void)state;
	assert_problems("{ \"pools\": { \"a\": { \"workers\": 13 },\n"
			"  \"b\": { \"queueLength\": 666 } } }",
			"f.json:1:32: pools.a.workers: found 13, allowed is "
			"luck\n"
			"f.json:2:8: pools.b: 666 is no length for a queue\n");
}

static void
long_values_are_cut_in_messages(void **state)
{
	char text[400], *at = text;

	(void)state;
	at += snprintf(text, sizeof text, "{ \"limits\": { \"wait\": \"");
	for (int i = 0; i < 100; i++)
		at += snprintf(at, 3, "\xc3\xa4");
	snprintf(at, 10, "\" } }");
	assert_false(parse(text));
	at = strstr(config_problem_text(problems, 0), "...");
	assert_non_null(at);
	/* Whole characters, so that terminals and logs stay readable. */
	assert_int_equal((unsigned char)at[-1], 0xa4);
}

struct open {
	struct config_rest rest;
	uint64_t number;
};

static const struct config_field rest_fields[] = {
	CONFIG_INTEGER(struct open, number, "number", .prose = "A number."),
	CONFIG_REST(struct open, rest, .prose = "Modules' own keys."),
};

static void
other_keys_can_be_kept_for_others(void **state)
{
	static const struct config_table table =
		CONFIG_TABLE(struct open, rest_fields, "Open.");
	struct config_document *document = config_read_text(
		arena, "f.json",
		PORTICO_SLICE("{ \"a\": 1, \"number\": 2, \"b\": {} }"),
		problems);
	struct open open;

	(void)state;
	assert_true(config_parse_object(&table, config_root(document), &open,
					arena, problems));
	assert_int_equal(open.number, 2);
	assert_int_equal(open.rest.count, 2);
	assert_string_equal(config_value_key(open.rest.values[0]), "a");
	assert_string_equal(config_value_key(open.rest.values[1]), "b");
}

static unsigned json_countdown;
static bool json_hit;

static void *
fail_at_last(size_t size)
{
	if (json_countdown > 0 && --json_countdown == 0) {
		json_hit = true;
		return NULL;
	}
	return malloc(size); /* for jansson */
}

/* Each allocation of ours or of jansson's fails once: the text is refused with
 * a problem, or is understood as ever. */
static void
every_failing_allocation_is_told(void **state)
{
	static const char text[] =
		"{ \"pools\": { \"a\": { \"work\\u0065rs\": 3 } },"
		"  \"methods\": [ \"A\", \"B\" ], \"limits\": {} }";
	unsigned faults = 0;

	(void)state;
	json_set_alloc_funcs(fail_at_last, free);
	for (unsigned n = 1; n < 1000; n++) {
		struct arena *own = arena_new("t", 0);
		struct config_problems *list = config_problems_new(own);
		struct config_document *document;
		bool good;

		json_hit = false;
		json_countdown = n % 2 == 0 ? n / 2 : 0;
		mem_fault_set(n % 2 == 1 ? n / 2 + 1 : 0);
		document =
			config_read_text(own, "f.json", slice_from(text), list);
		good = document != NULL &&
		       config_parse_object(&sample_table, config_root(document),
					   &sample, own, list);
		if (mem_fault_hit() || json_hit)
			faults++;
		/* Keys that could not be compared are a document's problem. */
		good = good && config_problem_count(list) == 0;
		if (good) {
			assert_int_equal(pool(0)->workers, 3);
			assert_int_equal(sample.methods.count, 2);
		} else {
			assert_true(mem_fault_hit() || json_hit);
			assert_true(config_problem_count(list) > 0);
		}
		arena_free(own);
	}
	mem_fault_set(0);
	json_set_alloc_funcs(malloc, free);
	assert_true(faults > 20);
}

#define PARSE_TEST(function)                                                   \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	PARSE_TEST(an_empty_object_gives_the_defaults),
	PARSE_TEST(every_type_is_stored),
	PARSE_TEST(entries_inherit_what_they_do_not_say),
	PARSE_TEST(numbers_have_bounds),
	PARSE_TEST(quantities_need_units_and_have_bounds),
	PARSE_TEST(a_single_text_is_a_list_of_one),
	PARSE_TEST(truths_texts_and_words),
	PARSE_TEST(lists_and_maps),
	PARSE_TEST(missing_keys_are_told_where_they_belong),
	PARSE_TEST(unknown_keys_are_problems_with_a_suggestion),
	PARSE_TEST(all_problems_are_told_at_once_in_the_order_of_the_file),
	PARSE_TEST(checks_add_their_own_problems),
	PARSE_TEST(long_values_are_cut_in_messages),
	PARSE_TEST(other_keys_can_be_kept_for_others),
	PARSE_TEST(every_failing_allocation_is_told),
};

UNIT_MAIN(tests)
