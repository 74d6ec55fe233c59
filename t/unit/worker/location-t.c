/* SPDX-License-Identifier: Apache-2.0
 *
 * Which location a path is in, whose settings count there, and what it costs
 * to find among thousands.
 */
#include "t/unit/worker/modules.h"

#include "core/base/buffer.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"

static unsigned compared;

static int
counted_order(struct portico_slice a, struct portico_slice b)
{
	compared++;
	return settings_path_order(a, b);
}

static bool
counted_covers(struct portico_slice prefix, struct portico_slice path)
{
	compared++;
	return settings_path_covers(prefix, path);
}

/* locations_find() with a count. */
#define settings_path_order counted_order
#define settings_path_covers counted_covers
#include "core/worker/location.c"
#undef settings_path_order
#undef settings_path_covers

struct words {
	const char *a, *b, *c, *d;
};

#define ROW(member)                                                            \
	{                                                                      \
		.name = #member, .type = PORTICO_DIRECTIVE_STRING,             \
		.offset = PORTICO_MEMBER(struct words, member, const char *),  \
		.default_value = "\"none\"", .summary = "A word."              \
	}

static const struct portico_directive directives[] = { ROW(a),
						       ROW(b),
						       ROW(c),
						       ROW(d),
						       { 0 } };

static const struct portico_module module =
	TEST_MODULE(.name = "words", .directives = directives,
		    .configuration_size = sizeof(struct words));

struct world {
	struct arena *arena;
	struct settings *settings;
	struct module_set *set;
	const struct words *application; /* what it has outside of all */
	const struct locations *locations;
};

/* The application "/" of a site, with these locations (a JSON object). */
static void
world_make(struct world *world, const char *locations)
{
	static const char before[] =
		"{\"moduleDirectory\":\"/m\",\"pools\":{\"p\":{}},"
		"\"moduleDefaults\":{\"words\":{\"a\":\"server\","
		"\"b\":\"server\",\"c\":\"server\"}},"
		"\"sites\":{\"s\":{\"bindings\":[\"http://*:80\"],"
		"\"moduleDefaults\":{\"words\":{\"b\":\"site\",\"c\":\"site\"}},"
		"\"applications\":{\"/\":{\"pool\":\"p\","
		"\"modules\":[\"words\"],\"words\":{\"c\":\"application\"},"
		"\"locations\":";
	struct buffer text = { 0 };
	struct config_problems *problems;
	struct module_record *record;
	void *outer = NULL;
	const void *configuration;
	const struct settings_application *application;

	*world = (struct world){ .arena = arena_new("t-location", 0) };
	problems = config_problems_new(world->arena);
	buffer_append_text(&text, before);
	buffer_append_text(&text, locations);
	buffer_append_text(&text, "}}}}}");
	world->settings =
		settings_read_text(text.data, text.length, "x", problems);
	if (world->settings == NULL)
		fail_msg("%s", config_problem_text(problems, 0));
	buffer_fini(&text);
	application = &world->settings->sites[0].applications[0];
	world->set = module_set_new(&test_host);
	record = test_module(world->set, &module);
	assert_int_equal(
		module_config_fill(&module,
				   settings_find_section(application, "words"),
				   world->arena, &outer, problems),
		PORTICO_OK);
	configuration = outer;
	world->application = outer;
	world->locations = locations_make(application, &record, &configuration,
					  1, world->arena, problems);
	assert_int_equal(config_problem_count(problems), 0);
}

static void
world_free(struct world *world)
{
	module_set_free(world->set);
	settings_unref(&world->settings);
	arena_free(world->arena);
}

/* The path of the location found, or "-". */
static const char *
at(const struct world *world, const char *path)
{
	const struct location *location =
		locations_find(world->locations, slice_from(path));

	return location == NULL ? "-" : location->path.data;
}

static void
test_none(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, "{}");
	assert_null(world.locations);
	world_free(&world);
}

/* Bytes below '/' in paths, in which "/a-" comes before "/a/b" by bytes. */
static void
test_longest(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, "{\"/a\":{},\"/a-\":{},\"/a/b\":{},\"/a/b/c/d\":{},"
			   "\"/a/b.x\":{},\"/ab\":{},\"/b/c\":{},"
			   "\"/a/\xc3\xa9\":{}}");
	assert_string_equal(at(&world, "/"), "-");
	assert_string_equal(at(&world, "/0"), "-");
	assert_string_equal(at(&world, "/a"), "/a");
	assert_string_equal(at(&world, "/a/"), "/a");
	assert_string_equal(at(&world, "/a/a"), "/a");
	assert_string_equal(at(&world, "/a/z/b"), "/a");
	assert_string_equal(at(&world, "/a!"), "-");
	assert_string_equal(at(&world, "/aa"), "-");
	assert_string_equal(at(&world, "/a-"), "/a-");
	assert_string_equal(at(&world, "/a-/b"), "/a-");
	assert_string_equal(at(&world, "/a-b"), "-");
	assert_string_equal(at(&world, "/ab/c"), "/ab");
	assert_string_equal(at(&world, "/a/b"), "/a/b");
	assert_string_equal(at(&world, "/a/b.x/y"), "/a/b.x");
	assert_string_equal(at(&world, "/a/b.xy"), "/a");
	assert_string_equal(at(&world, "/a/b/"), "/a/b");
	assert_string_equal(at(&world, "/a/b/c"), "/a/b");
	assert_string_equal(at(&world, "/a/b/c/d/e/f"), "/a/b/c/d");
	assert_string_equal(at(&world, "/a/\xc3\xa9/x"), "/a/\xc3\xa9");
	assert_string_equal(at(&world, "/b"), "-");
	assert_string_equal(at(&world, "/b/c"), "/b/c");
	assert_string_equal(at(&world, "/zz"), "-");
	world_free(&world);
}

/* As paths of applications and handlers: case counts. */
static void
test_case(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, "{\"/Docs\":{},\"/docs/a\":{}}");
	assert_string_equal(at(&world, "/docs"), "-");
	assert_string_equal(at(&world, "/Docs/a"), "/Docs");
	assert_string_equal(at(&world, "/docs/a"), "/docs/a");
	assert_string_equal(at(&world, "/DOCS/a"), "-");
	world_free(&world);
}

static void
test_root(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, "{\"/\":{},\"/a\":{}}");
	assert_string_equal(at(&world, "/"), "/");
	assert_string_equal(at(&world, "/!"), "/");
	assert_string_equal(at(&world, "/ab"), "/");
	assert_string_equal(at(&world, "/a/b"), "/a");
	world_free(&world);
}

static void
assert_words(const struct words *words, const char *a, const char *b,
	     const char *c, const char *d)
{
	assert_string_equal(words->a, a);
	assert_string_equal(words->b, b);
	assert_string_equal(words->c, c);
	assert_string_equal(words->d, d);
}

static const struct words *
words_at(const struct world *world, const char *path)
{
	return locations_find(world->locations, slice_from(path))
		->configurations[0];
}

/* The server, the site, the application, then one location in the other. */
static void
test_inheritance(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, "{\"/x\":{\"words\":{\"d\":\"x\"}},"
			   "\"/x/y\":{},"
			   "\"/x/y/z\":{\"words\":{\"b\":\"z\"}},"
			   "\"/other\":{\"words\":{\"a\":\"other\"}}}");
	assert_words(world.application, "server", "site", "application",
		     "none");
	assert_words(words_at(&world, "/x"), "server", "site", "application",
		     "x");
	/* Says nothing: the very struct of the one outside. */
	assert_ptr_equal(words_at(&world, "/x/y"), words_at(&world, "/x"));
	assert_words(words_at(&world, "/x/y/z"), "server", "z", "application",
		     "x");
	assert_words(words_at(&world, "/other/x"), "other", "site",
		     "application", "none");
	world_free(&world);
}

#define COUNT 8000

/* By looking at each, with the public rule. */
static const struct location *
find_slowly(const struct locations *locations, struct portico_slice path)
{
	const struct location *best = NULL;

	for (size_t i = 0; i < locations->count; i++) {
		const struct location *one = &locations->items[i];

		if (settings_path_covers(one->path, path) &&
		    (best == NULL || one->path.length > best->path.length))
			best = one;
	}
	return best;
}

static void
name_of(unsigned i, char name[32])
{
	if (i % 4 == 0)
		snprintf(name, 32, "/%u", i / 100);
	else
		snprintf(name, 32, "/%u/%c%u", i / 100, "-!a"[i % 3], i);
}

static void
test_thousands(void **state)
{
	struct buffer text = { 0 };
	struct world world;
	unsigned worst = 0, found = 0;

	(void)state;
	buffer_append_text(&text, "{");
	for (unsigned i = 0; i < COUNT; i++) {
		char name[32];

		if (i % 4 == 0 && i % 100 != 0)
			continue; /* said already */
		name_of(i, name);
		if (i > 0)
			buffer_append_text(&text, ",");
		buffer_append_text(&text, "\"");
		buffer_append_text(&text, name);
		buffer_append_text(&text, "\":{}");
	}
	buffer_append(&text, "}", 2);
	world_make(&world, text.data);
	buffer_fini(&text);
	assert_true(world.locations->count > 6000);
	for (unsigned i = 0; i < COUNT; i += 7) {
		static const char *const ends[] = { "", "/x", "x", "!", "/" };
		char path[64], name[32];
		const struct location *location;

		name_of(i, name);
		snprintf(path, sizeof(path), "%s%s", name, ends[i % 5]);
		compared = 0;
		location = locations_find(world.locations, slice_from(path));
		worst = compared > worst ? compared : worst;
		assert_ptr_equal(location, find_slowly(world.locations,
						       slice_from(path)));
		found += location != NULL;
	}
	assert_true(found > 800);
	/* 13 halves of 6,080 and at most 3 steps outwards. */
	assert_in_range(worst, 10, 16);
	world_free(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_case),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_thousands),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
