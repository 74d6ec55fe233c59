/* SPDX-License-Identifier: Apache-2.0
 *
 * Dump, schema, and the check of tables themselves.
 */
#include "t/unit/unit.h"

#include <jansson.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "t/unit/config/sample.h"

static const char full[] =
	"{ \"pools\": { \"shop\": { \"idleTimeout\": \"90s\",\n"
	"    \"identity\": { \"user\": \"sh\\\"op\" },\n"
	"    \"environment\": { \"A\": \"1\" } } },\n"
	"  \"bindings\": [ \"http://*:80\" ],\n"
	"  \"limits\": { \"wait\": \"1.5s\" },\n"
	"  \"proxy\": { \"deep\": [ 1, null ] } }\n";

/* Parses `text` and dumps what came of it.  OWNERSHIP: the caller's. */
static char *
dump_of(const char *text, bool prose)
{
	struct arena *arena = arena_new("t", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct config_document *document =
		config_read_text(arena, "f.json", slice_from(text), problems);
	struct sample sample;
	struct buffer buffer;
	char *dump;

	if (document == NULL ||
	    !config_parse_object(&sample_table, config_root(document), &sample,
				 arena, problems))
		fail_msg("%s", config_problem_text(problems, 0));
	buffer_init(&buffer, 0);
	assert_int_equal(config_dump(&sample_table, &sample, prose, &buffer),
			 PORTICO_OK);
	dump = buffer_take(&buffer, NULL);
	arena_free(arena);
	return dump;
}

static void
a_dump_has_the_defaults_and_the_given(void **state)
{
	char *text = dump_of(full, false);
	json_t *json = json_loads(text, 0, NULL);
	json_t *pool;

	(void)state;
	assert_non_null(json);
	pool = json_object_get(json_object_get(json, "pools"), "shop");
	assert_string_equal(
		json_string_value(json_object_get(pool, "idleTimeout")), "90s");
	assert_int_equal(
		json_integer_value(json_object_get(pool, "queueLength")), 1000);
	assert_string_equal(
		json_string_value(json_object_get(pool, "startMode")),
		"onDemand");
	assert_true(json_is_true(json_object_get(pool, "enabled")));
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(pool, "identity"), "user")),
			    "sh\"op");
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(json, "limits"), "wait")),
			    "1500ms");
	assert_int_equal(json_object_size(json_object_get(json, "proxy")), 1);
	json_decref(json);
	mem_free(text);
}

static void
a_dump_reads_back_to_itself(void **state)
{
	char *once = dump_of(full, true);
	char *twice = dump_of(once, true);

	(void)state;
	assert_string_equal(once, twice);
	assert_non_null(strstr(once, "// Most requests that may wait.\n"));
	mem_free(once);
	mem_free(twice);
	once = dump_of("{}", false);
	twice = dump_of(once, false);
	assert_string_equal(once, twice);
	assert_null(strstr(once, "limits"));
	mem_free(once);
	mem_free(twice);
}

static void
a_full_buffer_is_reported(void **state)
{
	struct arena *arena = arena_new("t", 0);
	struct sample sample;
	struct buffer buffer;

	(void)state;
	config_set_defaults(&sample_table, &sample, arena);
	buffer_init(&buffer, 100);
	assert_int_equal(config_dump(&sample_table, &sample, true, &buffer),
			 PORTICO_TOO_LARGE);
	buffer_fini(&buffer);
	arena_free(arena);
}

/* Follows `path`, keys with '/' between them. */
static json_t *
at(json_t *json, const char *path)
{
	struct portico_slice rest = slice_from(path);

	while (!slice_empty(rest)) {
		struct portico_slice key = slice_split(&rest, '/');
		char name[64];

		snprintf(name, sizeof name, "%.*s", SLICE_ARGS(key));
		json = json_object_get(json, name);
		if (json == NULL)
			fail_msg("no \"%s\" in %s", name, path);
	}
	return json;
}

#define POOL "properties/pools/additionalProperties/properties/"

static void
the_schema_says_what_the_tables_say(void **state)
{
	struct buffer buffer;
	json_t *schema;

	(void)state;
	buffer_init(&buffer, 0);
	assert_int_equal(config_schema(&sample_table, "sample", &buffer),
			 PORTICO_OK);
	schema = json_loads(buffer_text(&buffer), 0, NULL);
	assert_non_null(schema);
	assert_int_equal(
		json_integer_value(at(schema, POOL "queueLength/maximum")),
		65535);
	assert_int_equal(
		json_integer_value(at(schema, POOL "queueLength/default")),
		1000);
	assert_int_equal(json_integer_value(at(schema, POOL "workers/maximum")),
			 65535);
	assert_string_equal(
		json_string_value(at(schema, POOL "queueLength/description")),
		"Most requests that may wait.");
	assert_int_equal(json_array_size(at(schema, POOL "startMode/enum")), 4);
	assert_true(json_is_false(at(schema, "additionalProperties")));
	assert_int_equal(json_integer_value(at(schema, "properties/pools/"
						       "maxProperties")),
			 3);
	/* Required where nothing can be inherited, and only there. */
	assert_string_equal(
		json_string_value(json_array_get(
			at(json_array_get(at(schema,
					     "properties/bindings/items/anyOf"),
					  1),
			   "required"),
			0)),
		"url");
	assert_null(json_object_get(
		json_array_get(at(schema, POOL "identity/anyOf"), 1),
		"required"));
	assert_int_equal(
		json_array_size(at(schema, "properties/methods/default")), 2);
	json_decref(schema);
	buffer_fini(&buffer);
}

/* `config_check_table` refuses a table of these rows, for this reason. */
static void
assert_faulty(const struct config_field *fields, size_t count,
	      const char *expected)
{
	struct config_table table = {
		.prose = "Faulty.",
		.size = sizeof(struct sample_pool),
		.fields = fields,
		.count = count,
	};
	struct portico_error err;

	assert_int_equal(config_check_table(&table, &err), PORTICO_INVALID);
	if (strstr(err.message, expected) == NULL)
		fail_msg("\"%s\" is not in: %s", expected, err.message);
}

static void
tables_are_checked_themselves(void **state)
{
	const struct config_field good = CONFIG_INTEGER(
		struct sample_pool, queue_length, "a", .prose = "x");
	struct config_field rows[2] = { good, good };
	struct portico_error err;

	(void)state;
	if (config_check_table(&sample_table, &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	assert_faulty(rows, 2, "row 1 (a): its name is there twice");
	rows[1].name = "b";
	assert_faulty(rows, 2, "row 1 (b): its member overlaps");
	rows[0].prose = NULL;
	assert_faulty(rows, 1, "it has no prose");
	rows[0] = good;
	rows[0].offset = sizeof(struct sample_pool);
	assert_faulty(rows, 1, "outside the struct");
	rows[0] = good;
	rows[0].fallback = "5";
	rows[0].min = 6;
	assert_faulty(rows, 1, "its default does not fit");
	rows[0].max = 5;
	assert_faulty(rows, 1, "its bounds admit nothing");
	rows[0] = good;
	rows[0].type = CONFIG_TYPE_ENUM;
	assert_faulty(rows, 1, "it has no words");
	rows[0].type = CONFIG_TYPE_OBJECT;
	rows[0].table = &sample_binding_table;
	assert_faulty(rows, 1, "not the struct of its table");
	rows[0] = good;
	rows[0].inherits = "x";
	assert_faulty(rows, 1, "no earlier row has the name");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_dump_has_the_defaults_and_the_given),
	cmocka_unit_test(a_dump_reads_back_to_itself),
	cmocka_unit_test(a_full_buffer_is_reported),
	cmocka_unit_test(the_schema_says_what_the_tables_say),
	cmocka_unit_test(tables_are_checked_themselves),
};

UNIT_MAIN(tests)
