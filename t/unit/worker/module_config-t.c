/* SPDX-License-Identifier: Apache-2.0
 *
 * From a section of the configuration to a module's struct: every type,
 * defaults, all problems with their places; and tables that are wrong.
 */
#include "t/unit/worker/modules.h"

#include "core/base/buffer.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/worker/module_config.h"

struct everything {
	char guard_before[8]; /* belongs to no directive: stays zero */
	bool truth;
	int64_t number;
	int64_t below; /* minimum -5, maximum 0 */
	uint64_t size;
	uint64_t duration;
	const char *text;
	int choice;
	const char *const *list;
	const struct portico_pair *map;
	const char *json;
	const char *path;
	const char *regex;
	const char *secret;
	char guard_after[8];
};

static const char *const words[] = { "red", "green", "blue", NULL };

#define ROW(member, member_type, directive_type, ...)                          \
	{                                                                      \
		.name = #member, .type = PORTICO_DIRECTIVE_##directive_type,   \
		.offset = PORTICO_MEMBER(struct everything, member,            \
					 member_type),                         \
		.summary = "A setting.", __VA_ARGS__                           \
	}

static const struct portico_directive directives[] = {
	ROW(truth, bool, BOOL, .default_value = "true"),
	ROW(number, int64_t, INTEGER, .default_value = "7", .minimum = -10,
	    .maximum = 100),
	ROW(below, int64_t, INTEGER, .minimum = -5),
	ROW(size, uint64_t, SIZE, .default_value = "\"64KiB\"", .minimum = 1,
	    .maximum = 1 << 20),
	ROW(duration, uint64_t, DURATION, .default_value = "\"90s\""),
	ROW(text, const char *, STRING, .default_value = "\"\\\"quoted\\\"\""),
	ROW(choice, int, ENUM, .default_value = "\"green\"", .values = words),
	ROW(list, const char *const *, LIST,
	    .default_value = "[\"a\", \"b,c\"]"),
	ROW(map, const struct portico_pair *, MAP,
	    .default_value = "{\"k\": \"v\"}"),
	ROW(json, const char *, JSON, .default_value = "{ \"deep\": [1, 2] }"),
	ROW(path, const char *, PATH, .default_value = "\"/default\""),
	ROW(regex, const char *, REGEX, .default_value = "\"^a|b$\""),
	ROW(secret, const char *, SECRET, .minimum = 4, .maximum = 9),
	{ 0 }
};

static const struct portico_module everything_module =
	TEST_MODULE(.name = "everything", .directives = directives,
		    .configuration_size = sizeof(struct everything));

static struct arena *arena;
static struct config_problems *problems;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new("t-module-config", 0);
	problems = config_problems_new(arena);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static enum portico_status
fill(const struct portico_module *module, const char *json, void *result_r)
{
	const struct settings_section section = {
		.module = module->name,
		.json = json,
		.json_length = json == NULL ? 0 : strlen(json),
		.place = { "portico.json", 10, 21 },
	};

	return module_config_fill(module, json == NULL ? NULL : &section, arena,
				  result_r, problems);
}

static const struct everything *
fill_everything(const char *json)
{
	struct everything *filled = NULL;

	if (fill(&everything_module, json, &filled) != PORTICO_OK)
		fail_msg("%s", config_problem_text(problems, 0));
	assert_non_null(filled);
	return filled;
}

static void
assert_defaults(const struct everything *c)
{
	static const char zeros[8];

	assert_true(c->truth);
	assert_int_equal(c->number, 7);
	assert_int_equal(c->below, 0);
	assert_int_equal(c->size, 65536);
	assert_int_equal(c->duration, UINT64_C(90000000000));
	assert_string_equal(c->text, "\"quoted\"");
	assert_int_equal(c->choice, 1);
	assert_string_equal(c->list[0], "a");
	assert_string_equal(c->list[1], "b,c");
	assert_null(c->list[2]);
	assert_string_equal(c->map[0].name, "k");
	assert_string_equal(c->map[0].value, "v");
	assert_null(c->map[1].name);
	assert_string_equal(c->json, "{ \"deep\": [1, 2] }");
	assert_string_equal(c->path, "/default");
	assert_string_equal(c->regex, "^a|b$");
	assert_null(c->secret);
	assert_memory_equal(c->guard_before, zeros, 8);
	assert_memory_equal(c->guard_after, zeros, 8);
}

static void
defaults_fill_what_is_not_said(void **state)
{
	(void)state;
	assert_defaults(fill_everything(NULL));
	assert_defaults(fill_everything("{}"));
	assert_defaults(fill_everything("{ /* nothing */ }"));
}

static void
every_type_is_read(void **state)
{
	const struct everything *c = fill_everything(
		"{ \"truth\": false, \"number\": -10, \"below\": -1,\n"
		"  \"size\": \"1MiB\", \"duration\": \"1500ms\",\n"
		"  \"text\": \"caf\\u00e9\", \"choice\": \"blue\",\n"
		"  \"list\": [\"x\", \"y\", \"z\"],\n"
		"  \"map\": { \"a\": \"1\", \"b\": \"2\" },\n"
		"  \"json\": [ { \"q\": null } ] }");

	(void)state;
	assert_false(c->truth);
	assert_int_equal(c->number, -10);
	assert_int_equal(c->below, -1);
	assert_int_equal(c->size, 1 << 20);
	assert_int_equal(c->duration, 1500000000);
	assert_string_equal(c->text, "caf\xc3\xa9");
	assert_int_equal(c->choice, 2);
	assert_string_equal(c->list[2], "z");
	assert_null(c->list[3]);
	assert_string_equal(c->map[1].name, "b");
	assert_string_equal(c->map[1].value, "2");
	assert_null(c->map[2].name);
	assert_string_equal(c->json, "[ { \"q\": null } ]");
}

static void
lists_and_maps_without_default_are_empty_not_null(void **state)
{
	static const struct portico_directive rows[] = {
		ROW(list, const char *const *, LIST, .default_value = NULL),
		ROW(map, const struct portico_pair *, MAP,
		    .default_value = NULL),
		ROW(json, const char *, JSON, .default_value = NULL),
		ROW(text, const char *, STRING, .default_value = NULL),
		{ 0 }
	};
	const struct portico_module module =
		TEST_MODULE(.name = "empty", .directives = rows,
			    .configuration_size = sizeof(struct everything));
	struct everything *c = NULL;

	(void)state;
	assert_int_equal(fill(&module, NULL, &c), PORTICO_OK);
	assert_null(c->list[0]);
	assert_null(c->map[0].name);
	assert_null(c->json);
	assert_null(c->text);
}

/* ---- problems ------------------------------------------------------------ */

static void
assert_problem(const char *words)
{
	for (size_t i = 0; i < config_problem_count(problems); i++)
		if (strstr(config_problem_text(problems, i), words) != NULL)
			return;
	fail_msg("\"%s\" not among %zu problems, the first being: %s", words,
		 config_problem_count(problems),
		 config_problem_text(problems, 0));
}

static void
all_problems_are_told_at_once_with_their_places(void **state)
{
	struct everything *c = NULL;

	(void)state;
	assert_int_equal(fill(&everything_module,
			      "{ \"truth\": 1,\n"
			      "  \"number\": 101,\n"
			      "  \"below\": 1,\n"
			      "  \"size\": \"2MiB\",\n"
			      "  \"duration\": \"soon\",\n"
			      "  \"text\": [],\n"
			      "  \"choice\": \"geen\",\n"
			      "  \"list\": [1],\n"
			      "  \"map\": { \"a\": 1 },\n"
			      "  \"numbr\": 1 }",
			      &c),
			 PORTICO_CONFIG);
	assert_null(c);
	assert_problem("portico.json:10:32: everything.truth: ");
	assert_problem("portico.json:11:13: everything.number: ");
	assert_problem("portico.json:13:11: everything.size: ");
	assert_problem("portico.json:14:15: everything.duration: ");
	assert_problem("portico.json:15:11: everything.text: ");
	assert_problem("portico.json:16:13: everything.choice: ");
	assert_problem("\"green\"");
	assert_problem("portico.json:17:12: everything.list");
	assert_problem("portico.json:18:17: everything.map");
	assert_problem("portico.json:19:3: everything.numbr: ");
	assert_problem("\"number\"");
	assert_true(config_problem_count(problems) >= 9);
}

static void
a_maximum_of_zero_counts_below_zero(void **state)
{
	struct everything *c = NULL;

	(void)state;
	assert_int_equal(fill(&everything_module, "{ \"below\": 1 }", &c),
			 PORTICO_CONFIG);
	assert_problem("below: found 1, allowed are -5 to 0");
	assert_int_equal(fill(&everything_module, "{ \"below\": -6 }", &c),
			 PORTICO_CONFIG);
	assert_int_equal(config_problem_count(problems), 2);
}

/* Whatever is wrong with it or near it. */
static void
a_secret_is_in_no_message(void **state)
{
	static const char *const sections[] = {
		"{ \"secret\": \"hun\" }",
		"{ \"secret\": \"hunter2hunter2\" }",
		"{ \"secret\": 4711 }",
		"{ \"secret\": [ \"hunter2\" ] }",
		"{ \"secret\" \"hunter2\" }",
		"{ \"secret\": \"hunter2\" \"text\": \"\" }",
		"{ \"text\": \"\" \"hunter2\" }",
	};
	size_t count = sizeof(sections) / sizeof(*sections);
	struct everything *c = NULL;

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(fill(&everything_module, sections[i], &c),
				 PORTICO_CONFIG);
	assert_int_equal(config_problem_count(problems), count);
	for (size_t i = 0; i < count; i++) {
		assert_null(strstr(config_problem_text(problems, i), "hun"));
		assert_null(strstr(config_problem_text(problems, i), "4711"));
	}
	assert_problem("secret: found something that is not shown, allowed is "
		       "a text from 4 to 9 bytes");
	assert_int_equal(fill(&everything_module, "{ \"secret\": \"hunter2\" }",
			      &c),
			 PORTICO_OK);
	assert_string_equal(c->secret, "hunter2");
}

static void
an_expression_is_compiled(void **state)
{
	struct everything *c = NULL;

	(void)state;
	assert_int_equal(fill(&everything_module,
			      "{ \"regex\": \"^(caf\\u00e9|[a-z]{2,3})$\" }",
			      &c),
			 PORTICO_OK);
	assert_int_equal(fill(&everything_module,
			      "{ \"number\": 3,\n \"regex\": \"a(b\" }", &c),
			 PORTICO_CONFIG);
	assert_problem(
		"portico.json:11:11: everything.regex: found \"a(b\", allowed is a "
		"regular expression: missing closing parenthesis at its "
		"byte 4");
}

static void
a_path_starts_where_it_is_said(void **state)
{
	const struct settings_section server = {
		.json = "{ \"path\": \"keys/a\" }",
		.json_length = 20,
		.place = { "/etc/portico/portico.json", 1, 1 },
	};
	const struct settings_section site = {
		.json = "{ \"number\": 5 }",
		.json_length = 15,
		.place = { "/srv/site.json", 1, 1 },
		.outer = &server,
	};
	struct everything *c = NULL;

	(void)state;
	assert_int_equal(module_config_fill(&everything_module, &site, arena,
					    (void **)&c, problems),
			 PORTICO_OK);
	assert_string_equal(c->path, "/etc/portico/keys/a");
	assert_int_equal(fill(&everything_module, "{ \"path\": \"/abs\" }", &c),
			 PORTICO_OK);
	assert_string_equal(c->path, "/abs");
	assert_int_equal(fill(&everything_module, "{ \"path\": \"\" }", &c),
			 PORTICO_CONFIG);
	assert_problem("path: found an empty text, allowed is a path");
}

static void
what_is_not_said_comes_from_outside(void **state)
{
	struct settings_section levels[3] = {
		{ .json = "{ \"number\": 1, \"text\": \"server\", "
			  "\"list\": [ \"s\" ], \"choice\": \"blue\" }" },
		{ .json = "{ \"number\": 2, \"text\": \"site\" }",
		  .outer = &levels[0] },
		{ .json = "{ \"number\": 3 }", .outer = &levels[1] },
	};
	struct everything *c = NULL;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		levels[i].module = "everything";
		levels[i].json_length = strlen(levels[i].json);
		levels[i].place = (struct settings_place){ "portico.json",
							   10 * (uint32_t)i,
							   1 };
	}
	assert_int_equal(module_config_fill(&everything_module, &levels[2],
					    arena, (void **)&c, problems),
			 PORTICO_OK);
	assert_int_equal(c->number, 3);
	assert_string_equal(c->text, "site");
	assert_string_equal(c->list[0], "s");
	assert_null(c->list[1]);
	assert_int_equal(c->choice, 2);
	assert_int_equal(c->duration, UINT64_C(90000000000));

	levels[1].json = "{ \"number\": 200 }";
	levels[1].json_length = strlen(levels[1].json);
	assert_int_equal(module_config_fill(&everything_module, &levels[2],
					    arena, (void **)&c, problems),
			 PORTICO_CONFIG);
	assert_problem("portico.json:10:13: everything.number: found 200");
}

static void
a_section_for_a_module_without_settings_is_wrong(void **state)
{
	const struct portico_module module = TEST_MODULE(.name = "plain");
	void *c = &c;

	(void)state;
	assert_int_equal(fill(&module, NULL, &c), PORTICO_OK);
	assert_null(c);
	assert_int_equal(fill(&module, "{ \"a\": 1 }", &c), PORTICO_CONFIG);
	assert_problem("portico.json:10:23: plain.a: ");
}

static void
broken_json_is_placed_in_the_file(void **state)
{
	struct everything *c = NULL;

	(void)state;
	assert_int_equal(fill(&everything_module, "{ \"truth\": true,\n x }",
			      &c),
			 PORTICO_CONFIG);
	assert_problem("portico.json:11:");
}

static unsigned fault_at;

/* Exits with 1 when no allocation was left to fail, 0 when all is well. */
static void
fill_with_a_fault(void)
{
	struct everything *c = NULL;
	enum portico_status status;

	mem_fault_set(fault_at);
	status = fill(&everything_module, "{ \"list\": [\"a\", \"b,c\"] }", &c);
	if (!mem_fault_hit())
		_exit(status == PORTICO_OK ? 1 : 2);
	if (status == PORTICO_OK) {
		if (c->map[0].name == NULL || c->number != 7 ||
		    c->json == NULL || c->list[1] == NULL)
			_exit(3);
	} else if (config_problem_count(problems) == 0) {
		_exit(4);
	}
}

/* Each allocation fails once: then the process says so and ends, or there is
 * a problem, but never a struct with a setting missing. */
static void
an_exhausted_heap_is_no_secret(void **state)
{
	static char text[65536];
	int status = 0;

	(void)state;
	for (fault_at = 1; fault_at < 2000; fault_at++) {
		status = unit_run_child(fill_with_a_fault, text, sizeof(text));
		if (WIFSIGNALED(status)) {
			assert_int_equal(WTERMSIG(status), SIGABRT);
			assert_non_null(strstr(text, "out of memory"));
		} else if (WEXITSTATUS(status) != 0) {
			break;
		}
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(fault_at > 2);
}

/* ---- tables -------------------------------------------------------------- */

static void
assert_table_refused(const struct portico_directive *rows, const char *words)
{
	const struct portico_module module =
		TEST_MODULE(.name = "m", .directives = rows,
			    .configuration_size = sizeof(struct everything));
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	error_clear(&err);
	assert_int_equal(test_add(set, "m", &module, &err), PORTICO_INVALID);
	assert_says(&err, words);
	module_set_free(set);
}

#define ASSERT_ROW_REFUSED(words, ...)                                         \
	do {                                                                   \
		const struct portico_directive rows_[] = {                     \
			{ .name = "row", .summary = "A row.", __VA_ARGS__ },   \
			{ 0 }                                                  \
		};                                                             \
		assert_table_refused(rows_, (words));                          \
	} while (0)

static void
wrong_rows_are_refused(void **state)
{
	static const struct portico_directive unnamed[] = {
		{ .name = "No Name", .summary = "A row." }, { 0 }
	};
	static const struct portico_directive silent[] = { { .name = "row" },
							   { 0 } };

	(void)state;
	assert_table_refused(unnamed, "directive 0: name is not");
	ASSERT_ROW_REFUSED("\"row\": type 77", .type = 77);
	ASSERT_ROW_REFUSED("\"row\": offset 120 is outside the struct",
			   .type = PORTICO_DIRECTIVE_SIZE,
			   .offset = sizeof(struct everything));
	ASSERT_ROW_REFUSED("\"row\": offset 4294967288 is outside",
			   .type = PORTICO_DIRECTIVE_SIZE,
			   .offset = 0xfffffff8);
	ASSERT_ROW_REFUSED("\"row\": offset 4 is not aligned",
			   .type = PORTICO_DIRECTIVE_SIZE, .offset = 4);
	assert_table_refused(silent, "\"row\" has no summary");
	ASSERT_ROW_REFUSED("\"row\": bounds 9 to 8 admit nothing",
			   .type = PORTICO_DIRECTIVE_INTEGER, .minimum = 9,
			   .maximum = 8);
	ASSERT_ROW_REFUSED("\"row\": bounds -1 to 8 admit nothing",
			   .type = PORTICO_DIRECTIVE_SIZE, .minimum = -1,
			   .maximum = 8);
	ASSERT_ROW_REFUSED("\"row\": enum without values",
			   .type = PORTICO_DIRECTIVE_ENUM);
	ASSERT_ROW_REFUSED("\"row\": a secret with a default is none",
			   .type = PORTICO_DIRECTIVE_SECRET,
			   .default_value = "\"changeit\"");
	ASSERT_ROW_REFUSED("\"row\": the default of a path has to be absolute",
			   .type = PORTICO_DIRECTIVE_PATH,
			   .default_value = "\"keys\"");
	ASSERT_ROW_REFUSED("allowed is a regular expression",
			   .type = PORTICO_DIRECTIVE_REGEX,
			   .default_value = "\"(\"");
}

static void
defaults_must_fit_their_own_row(void **state)
{
	(void)state;
	ASSERT_ROW_REFUSED(
		"default of a directive: ", .type = PORTICO_DIRECTIVE_INTEGER,
		.default_value = "9", .minimum = 1, .maximum = 8);
	ASSERT_ROW_REFUSED(
		"default of a directive: ", .type = PORTICO_DIRECTIVE_INTEGER,
		.default_value = "nine");
	ASSERT_ROW_REFUSED(
		"default of a directive: ", .type = PORTICO_DIRECTIVE_ENUM,
		.default_value = "\"yellow\"", .values = words);
	ASSERT_ROW_REFUSED(
		"default of a directive: ", .type = PORTICO_DIRECTIVE_LIST,
		.default_value = "[1]");
}

static void
rows_must_not_meet(void **state)
{
	static const struct portico_directive twice[] = {
		ROW(text, const char *, STRING, .default_value = NULL),
		ROW(text, const char *, STRING, .default_value = NULL),
		{ 0 }
	};
	static const struct portico_directive overlapping[] = {
		ROW(text, const char *, STRING, .default_value = NULL),
		{ .name = "truth",
		  .type = PORTICO_DIRECTIVE_BOOL,
		  .offset = offsetof(struct everything, text) + 7,
		  .summary = "Lies in the text." },
		{ 0 }
	};

	(void)state;
	assert_table_refused(twice, "directive \"text\" occurs twice");
	assert_table_refused(overlapping, "directives \"text\" and \"truth\" "
					  "fill the same member");
}

static void
the_schema_knows_every_directive(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	assert_int_equal(module_config_schema(&everything_module, &buffer),
			 PORTICO_OK);
	for (size_t i = 0; directives[i].name != NULL; i++)
		assert_non_null(
			strstr(buffer_text(&buffer), directives[i].name));
	assert_non_null(strstr(buffer_text(&buffer), "\"default\": \"64KiB\""));
	assert_non_null(strstr(buffer_text(&buffer), "\"writeOnly\": true"));
	buffer_fini(&buffer);
}

#define CONFIG_TEST(function)                                                  \
	cmocka_unit_test_setup_teardown((function), setup, teardown)

static const struct CMUnitTest tests[] = {
	CONFIG_TEST(defaults_fill_what_is_not_said),
	CONFIG_TEST(every_type_is_read),
	CONFIG_TEST(lists_and_maps_without_default_are_empty_not_null),
	CONFIG_TEST(all_problems_are_told_at_once_with_their_places),
	CONFIG_TEST(a_secret_is_in_no_message),
	CONFIG_TEST(an_expression_is_compiled),
	CONFIG_TEST(a_path_starts_where_it_is_said),
	CONFIG_TEST(what_is_not_said_comes_from_outside),
	CONFIG_TEST(a_maximum_of_zero_counts_below_zero),
	CONFIG_TEST(a_section_for_a_module_without_settings_is_wrong),
	CONFIG_TEST(broken_json_is_placed_in_the_file),
	CONFIG_TEST(an_exhausted_heap_is_no_secret),
	CONFIG_TEST(wrong_rows_are_refused),
	CONFIG_TEST(defaults_must_fit_their_own_row),
	CONFIG_TEST(rows_must_not_meet),
	CONFIG_TEST(the_schema_knows_every_directive),
};

UNIT_MAIN(tests)
