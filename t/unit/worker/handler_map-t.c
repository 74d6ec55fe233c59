/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler map: patterns, methods, order, what is said when nothing fits.
 */
#include "t/unit/worker/modules.h"

#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/worker/handler_map.h"

static const struct portico_handler files_handlers[] = {
	{ .name = "files", .methods = "GET,HEAD", .function = test_event },
	{ .name = "upload", .methods = "PUT", .function = test_event },
	{ 0 }
};
static const struct portico_handler script_handlers[] = {
	{ .name = "script", .function = test_event },
	{ 0 }
};
static const struct portico_module files =
	TEST_MODULE(.name = "files", .handlers = files_handlers);
static const struct portico_module script =
	TEST_MODULE(.name = "script", .handlers = script_handlers);
static const struct portico_module gate = TEST_MODULE(.name = "gate");

static struct arena *arena;
static struct module_set *set;
static struct module_record *modules[3];

static int
setup(void **state)
{
	(void)state;
	arena = arena_new("t-handlers", 0);
	set = module_set_new(&test_host);
	modules[0] = test_module(set, &files);
	modules[1] = test_module(set, &script);
	modules[2] = test_module(set, &gate);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	module_set_free(set);
	arena_free(arena);
	return 0;
}

static const struct handler_map *
build(const struct settings_handler *rules, size_t count)
{
	const struct handler_map *map = NULL;
	struct config_problems *problems = config_problems_new(arena);

	if (handler_map_build(arena, rules, count, modules, 3, &map,
			      problems) != PORTICO_OK)
		fail_msg("%s", config_problem_text(problems, 0));
	assert_int_equal(config_problem_count(problems), 0);
	return map;
}

/* Names of all candidates, then what is left to say. */
static const char *
candidates(const struct handler_map *map, const char *method, const char *path)
{
	static char text[256];
	const struct handler_target *target;
	struct handler_lookup lookup;
	size_t used = 0;

	text[0] = '\0';
	handler_map_lookup(map, slice_from(path), slice_from(method), &lookup);
	while ((target = handler_map_next(&lookup)) != NULL)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s ", target->handler->name);
	snprintf(text + used, sizeof(text) - used, "%s",
		 lookup.method_refused ? "405" :
		 lookup.path_matched   ? "passed" :
					 "404");
	return text;
}

static void
patterns_match_what_they_say(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
	} rows[] = {
		{ "*", "/", true },
		{ "*", "/a/b.c", true },
		{ NULL, "/a", true },
		{ "*.php", "/index.php", true },
		{ "*.php", "/a/INDEX.PhP", true },
		{ "*.php", "/index.php5", false },
		{ "*.php", "/php", false },
		{ "*.php", "/a.php/b", false },
		{ "*.tar.gz", "/x.tar.gz", true },
		{ "*.tar.gz", "/x.gz", false },
		{ "/api/*", "/api/", true },
		{ "/api/*", "/api/v1/x", true },
		{ "/api/*", "/api", false },
		{ "/api/*", "/apiary", false },
		{ "/*", "/anything", true },
		{ "/exact", "/exact", true },
		{ "/exact", "/exact/", false },
		{ "/exact", "/Exact", false },
		{ "/", "/", true },
		{ "/", "/a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings_handler rule = { .path = rows[i].pattern,
						 .module = "script" };
		const char *got =
			candidates(build(&rule, 1), "GET", rows[i].path);

		if (strcmp(got, rows[i].matches ? "script passed" : "404") != 0)
			fail_msg("%s on %s: %s", rows[i].pattern, rows[i].path,
				 got);
	}
}

static void
candidates_come_in_the_order_of_the_rules(void **state)
{
	const struct settings_handler rules[] = {
		{ .path = "*.php", .module = "script" },
		{ .path = "/up/*", .module = "files", .handler = "upload" },
		{ .path = "*", .module = "files" },
		{ .path = "*", .module = "script" },
	};
	const struct handler_map *map = build(rules, 4);

	(void)state;
	assert_string_equal(candidates(map, "GET", "/a.php"),
			    "script files script passed");
	assert_string_equal(candidates(map, "GET", "/a"),
			    "files script passed");
	assert_string_equal(candidates(map, "PUT", "/up/a"),
			    "upload script 405");
	assert_string_equal(candidates(map, "GET", "/up/a.php"),
			    "script files script 405");
}

static void
methods_of_rule_and_handler_both_count(void **state)
{
	const struct settings_handler rules[] = {
		{ .path = "/a", .methods = "HEAD, POST", .module = "files" },
		{ .path = "/b", .methods = "POST", .module = "script" },
		{ .path = "/c", .module = "files" },
		{ .path = "/d", .methods = "*", .module = "script" },
		{ .path = "/e", .methods = "BREW,GET", .module = "script" },
	};
	const struct handler_map *map = build(rules, 5);

	(void)state;
	assert_string_equal(candidates(map, "HEAD", "/a"), "files passed");
	assert_string_equal(candidates(map, "GET", "/a"), "405");
	assert_string_equal(candidates(map, "POST", "/a"), "405");
	assert_string_equal(candidates(map, "POST", "/b"), "script passed");
	assert_string_equal(candidates(map, "GET", "/b"), "405");
	assert_string_equal(candidates(map, "GET", "/c"), "files passed");
	assert_string_equal(candidates(map, "BREW", "/c"), "405");
	assert_string_equal(candidates(map, "BREW", "/d"), "script passed");
	assert_string_equal(candidates(map, "BREW", "/e"), "script passed");
	assert_string_equal(candidates(map, "brew", "/e"), "405");
	assert_string_equal(candidates(map, "GET", "/f"), "404");
}

static void
allow_lists_what_would_be_answered(void **state)
{
	const struct settings_handler rules[] = {
		{ .path = "/a", .module = "files" },
		{ .path = "/a", .methods = "BREW,POST", .module = "script" },
		{ .path = "/b", .module = "script" },
	};
	const struct handler_map *map = build(rules, 3);
	char text[200], small[10];

	(void)state;
	handler_map_allow(map, slice_from("/a"), text, sizeof(text));
	assert_string_equal(text, "GET, HEAD, POST, BREW");
	assert_int_equal(handler_map_allow(map, slice_from("/c"), text,
					   sizeof(text))
				 .length,
			 0);
	handler_map_allow(map, slice_from("/a"), small, sizeof(small));
	assert_string_equal(small, "GET, HEAD");
	handler_map_allow(map, slice_from("/b"), text, sizeof(text));
	assert_non_null(strstr(text, "DELETE"));
	assert_null(strstr(text, "TRACE"));
	assert_null(strstr(text, "CONNECT"));
}

static void
handlers_are_found_by_name(void **state)
{
	const struct handler_map *map = build(NULL, 0);

	(void)state;
	assert_ptr_equal(handler_map_find(map, slice_from("upload"))->handler,
			 &files_handlers[1]);
	assert_ptr_equal(
		handler_map_find(map, slice_from("script/script"))->module,
		modules[1]);
	assert_null(handler_map_find(map, slice_from("script/upload")));
	assert_null(handler_map_find(map, slice_from("")));
	assert_null(handler_map_find(map, slice_from("/")));
	assert_string_equal(candidates(map, "GET", "/"), "404");
}

/* ---- problems ------------------------------------------------------------ */

static void
all_problems_are_told_with_their_places(void **state)
{
	const struct settings_handler rules[] = {
		{ .path = "a*", .module = "files", .place = { "p.json", 1, 5 } },
		{ .path = "*",
		  .methods = "GET HEAD",
		  .module = "files",
		  .place = { "p.json", 2, 5 } },
		{ .path = "*", .module = "ghost", .place = { "p.json", 3, 5 } },
		{ .path = "*",
		  .module = "files",
		  .handler = "download",
		  .place = { "p.json", 4, 5 } },
		{ .path = "*",
		  .methods = "POST",
		  .module = "files",
		  .place = { "p.json", 5, 5 } },
		{ .path = "*", .module = "gate", .place = { "p.json", 6, 5 } },
		{ .path = "/a*b/*",
		  .module = "files",
		  .place = { "p.json", 7, 5 } },
	};
	static const char *const expected[] = {
		"p.json:1:5: path: found \"a*\", allowed are \"*\", "
		"\"*.ext\", \"/prefix/*\" and \"/exact\"",
		"p.json:2:5: methods: found \"GET HEAD\", allowed are ",
		"p.json:3:5: module: found \"ghost\", which is not among the "
		"modules of this application",
		"p.json:4:5: handler: found \"download\", which module files "
		"does not have; its first one is \"files\"",
		"p.json:5:5: methods: found \"POST\", but handler \"files\" "
		"answers only GET,HEAD",
		"p.json:6:5: module: found \"gate\", which has no handlers",
		"p.json:7:5: path: found \"/a*b/*\", allowed are ",
	};
	const struct handler_map *map = NULL;
	struct config_problems *problems = config_problems_new(arena);

	(void)state;
	assert_int_equal(handler_map_build(arena, rules, 7, modules, 3, &map,
					   problems),
			 PORTICO_CONFIG);
	assert_null(map);
	assert_int_equal(config_problem_count(problems), 7);
	for (size_t i = 0; i < 7; i++) {
		const char *text = config_problem_text(problems, i);

		if (strncmp(text, expected[i], strlen(expected[i])) != 0)
			fail_msg("\"%s\" instead of \"%s\"", text, expected[i]);
	}
}

static void
a_rule_that_stands_nowhere_can_be_wrong_too(void **state)
{
	const struct settings_handler rule = { .module = "ghost" };
	const struct handler_map *map = NULL;
	struct config_problems *problems = config_problems_new(arena);

	(void)state;
	assert_int_equal(handler_map_build(arena, &rule, 1, modules, 3, &map,
					   problems),
			 PORTICO_CONFIG);
	assert_string_equal(config_problem_text(problems, 0),
			    "configuration: module: found \"ghost\", which is "
			    "not among the modules of this application");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(patterns_match_what_they_say, setup,
					teardown),
	cmocka_unit_test_setup_teardown(
		candidates_come_in_the_order_of_the_rules, setup, teardown),
	cmocka_unit_test_setup_teardown(methods_of_rule_and_handler_both_count,
					setup, teardown),
	cmocka_unit_test_setup_teardown(allow_lists_what_would_be_answered,
					setup, teardown),
	cmocka_unit_test_setup_teardown(handlers_are_found_by_name, setup,
					teardown),
	cmocka_unit_test_setup_teardown(all_problems_are_told_with_their_places,
					setup, teardown),
	cmocka_unit_test_setup_teardown(
		a_rule_that_stands_nowhere_can_be_wrong_too, setup, teardown),
};

UNIT_MAIN(tests)
