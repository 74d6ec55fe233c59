/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading documents: comments, places, syntax problems, duplicates.
 */
#include "t/unit/unit.h"

#include <jansson.h>

#include "core/base/arena.h"
#include "core/base/io.h"
#include "core/base/slice.h"
#include "core/config/config.h"

static struct arena *arena;
static struct config_problems *problems;

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

static const struct config_value *
read_text(const char *text)
{
	struct config_document *document =
		config_read_text(arena, "f.json", slice_from(text), problems);

	return document == NULL ? NULL : config_root(document);
}

/* The text is refused with exactly this problem. */
static void
assert_refused(const char *text, const char *expected)
{
	assert_null(read_text(text));
	assert_int_equal(config_problem_count(problems), 1);
	assert_string_equal(config_problem_text(problems, 0), expected);
	problems = config_problems_new(arena);
}

static void
assert_place(const struct config_value *value, unsigned line, unsigned column)
{
	assert_non_null(value);
	assert_int_equal(config_value_line(value), line);
	assert_int_equal(config_value_column(value), column);
}

static void
every_value_has_its_place(void **state)
{
	const struct config_value *root = read_text("{\n"
						    "  \"a\": 1,\n"
						    "\t\"b\": [ true,\n"
						    "    { \"c\": null } ]\n"
						    "}\n");
	const struct config_value *list, *object;

	(void)state;
	assert_place(root, 1, 1);
	assert_place(config_value_find(root, "a"), 2, 8);
	list = config_value_find(root, "b");
	assert_place(list, 3, 7);
	assert_int_equal(config_value_count(list), 2);
	assert_place(config_value_first(list), 3, 9);
	object = config_value_next(config_value_first(list));
	assert_place(object, 4, 5);
	assert_place(config_value_find(object, "c"), 4, 12);
	assert_null(config_value_next(object));
	assert_null(config_value_find(root, "c"));
	assert_null(config_value_find(list, "c"));
	assert_string_equal(config_value_path(config_value_find(object, "c"),
					      arena),
			    "b[1].c");
	assert_string_equal(config_value_path(root, arena), "");
	assert_string_equal(config_value_file(root), "f.json");
}

static void
values_are_what_they_say(void **state)
{
	const struct config_value *root, *v;
	int64_t number = 7;
	bool truth = true;

	(void)state;
	root = read_text("{\"s\":\"x\\u00e4\",\"i\":-5,\"r\":1.5,\"b\":false,"
			 "\"n\":null,\"o\":{},\"l\":[]}");
	v = config_value_find(root, "s");
	assert_int_equal(config_value_kind(v), CONFIG_KIND_STRING);
	assert_string_equal(config_value_string(v), "x\xc3\xa4");
	assert_true(slice_equal(config_value_text(v),
				PORTICO_SLICE("\"x\\u00e4\"")));
	assert_false(config_value_integer(v, &number));
	v = config_value_find(root, "i");
	assert_int_equal(config_value_kind(v), CONFIG_KIND_INTEGER);
	assert_true(config_value_integer(v, &number));
	assert_int_equal(number, -5);
	assert_null(config_value_string(v));
	v = config_value_find(root, "r");
	assert_int_equal(config_value_kind(v), CONFIG_KIND_REAL);
	v = config_value_find(root, "b");
	assert_true(config_value_boolean(v, &truth));
	assert_false(truth);
	assert_int_equal(config_value_kind(config_value_find(root, "n")),
			 CONFIG_KIND_NULL);
	assert_int_equal(config_value_kind(config_value_find(root, "o")),
			 CONFIG_KIND_OBJECT);
	assert_int_equal(config_value_kind(config_value_find(root, "l")),
			 CONFIG_KIND_LIST);
	assert_true(json_is_object(config_value_json(root)));
}

static void
comments_do_not_move_anything(void **state)
{
	const struct config_value *root =
		read_text("\xef\xbb\xbf// head\n"
			  "{ /* one\n"
			  "     two */ \"url\": \"http://x/*y*/\", // tail \"\n"
			  "  \"q\": \"\\\"//\" /**/ }// end");

	(void)state;
	assert_int_equal(config_problem_count(problems), 0);
	assert_place(root, 2, 1);
	assert_place(config_value_find(root, "url"), 3, 20);
	assert_string_equal(config_value_string(config_value_find(root, "url")),
			    "http://x/*y*/");
	assert_place(config_value_find(root, "q"), 4, 8);
	assert_string_equal(config_value_string(config_value_find(root, "q")),
			    "\"//");
}

static void
odd_keys_are_quoted_in_paths(void **state)
{
	const struct config_value *root =
		read_text("{\"sites\":{\"a.b\":{\"/\":{\"\":1}}}}");
	const struct config_value *v = root;

	(void)state;
	while (config_value_count(v) > 0)
		v = config_value_first(v);
	assert_string_equal(config_value_path(v, arena),
			    "sites[\"a.b\"][\"/\"][\"\"]");
}

static void
syntax_problems_have_a_place_and_a_hint(void **state)
{
	(void)state;
	assert_refused("{ \"a\": 1,\n  }",
		       "f.json:2:3: no valid JSON: string or '}' expected near "
		       "'}'; the comma before it is one too many");
	assert_refused("{ \"a\": [1,\n2,] }",
		       "f.json:2:3: no valid JSON: unexpected token near ']'; "
		       "the comma before it is one too many");
	assert_refused("{ \"a\": 1\n  \"b\": 2 }",
		       "f.json:2:3: no valid JSON: '}' expected near '\"b\"'; "
		       "a comma is missing before it");
	assert_refused("{ a: 1 }",
		       "f.json:1:3: no valid JSON: string or '}' expected near "
		       "'a'; keys and texts stand in double quotes");
	assert_refused("{ 'a': 1 }",
		       "f.json:1:3: no valid JSON: string or '}' expected near "
		       "'''; "
		       "texts stand in double quotes");
	assert_refused("{} {}", "f.json:1:4: no valid JSON: end of file "
				"expected near '{'");
	assert_refused("{ \"a\": 1 /* b }",
		       "f.json:1:10: a comment that does not end, expected is "
		       "*/");
	assert_refused("", "f.json:1:1: no valid JSON: '[' or '{' expected "
			   "near end of file");
	assert_refused("[ 1 ]", "f.json:1:1: found a list, expected is an "
				"object: { ... }");
}

static void
bytes_that_are_no_utf8_are_refused(void **state)
{
	(void)state;
	assert_null(read_text("{\"a\":\"\xff\"}"));
	assert_int_equal(config_problem_count(problems), 1);
	assert_non_null(strstr(config_problem_text(problems, 0), "UTF-8"));
	problems = config_problems_new(arena);
	/* A NUL would end texts early, and so hide what follows. */
	assert_null(read_text("{\"a\":\"x\\u0000y\"}"));
	assert_int_equal(config_problem_count(problems), 1);
}

static void
a_key_given_twice_is_a_problem_with_both_places(void **state)
{
	const struct config_value *root = read_text("{ \"a\": { \"x\": 1,\n"
						    "         \"\\u0078\": 2,\n"
						    "         \"x\": [] },\n"
						    "  \"b\": 1,\n"
						    "  \"a\": 3 }");

	(void)state;
	assert_int_equal(config_problem_count(problems), 3);
	assert_string_equal(config_problem_text(problems, 0),
			    "f.json:2:10: a.x: a second value for this key, "
			    "the first is on line 1");
	assert_string_equal(config_problem_text(problems, 1),
			    "f.json:3:10: a.x: a second value for this key, "
			    "the first is on line 2");
	assert_string_equal(config_problem_text(problems, 2),
			    "f.json:5:3: a: a second value for this key, the "
			    "first is on line 1");
	assert_null(config_problem_text(problems, 3));
	/* The last one counts, as jansson has it. */
	assert_int_equal(config_value_count(root), 2);
	assert_place(config_value_find(root, "a"), 5, 8);
}

static void
a_piece_keeps_the_places_of_the_whole(void **state)
{
	struct config_document *document =
		config_read_piece(arena, "f.json", "gate", 10, 5,
				  PORTICO_SLICE("{ \"a\":\n 1 }"), problems);

	(void)state;
	assert_place(config_root(document), 10, 5);
	assert_place(config_value_find(config_root(document), "a"), 11, 2);
	assert_string_equal(config_value_path(config_root(document), arena),
			    "gate");
	assert_string_equal(
		config_value_path(config_value_find(config_root(document), "a"),
				  arena),
		"gate.a");
	assert_null(config_read_piece(arena, "f.json", NULL, 10, 5,
				      PORTICO_SLICE("{ x }"), problems));
	assert_non_null(strstr(config_problem_text(problems, 0),
			       "f.json:10:7: no valid JSON"));
}

static void
files_are_read_or_their_absence_is_told(void **state)
{
	char path[] = "/tmp/portico-config-XXXXXX";
	int fd = mkstemp(path);
	struct config_document *document;
	char expected[200];

	(void)state;
	assert_int_equal(io_write_all(fd, "{ \"a\": 1 }", 10), PORTICO_OK);
	io_close(&fd);
	document = config_read(arena, path, problems);
	assert_non_null(document);
	assert_string_equal(config_value_file(config_root(document)), path);
	unlink(path);
	assert_null(config_read(arena, path, problems));
	snprintf(expected, sizeof expected,
		 "%s: opening %s: No such file or directory", path, path);
	assert_string_equal(config_problem_text(problems, 0), expected);
}

static void
problems_are_sorted_bounded_and_passed_on(void **state)
{
	const struct config_value *root = read_text("{ \"a\": 1,\n\"b\": 2 }");
	struct portico_error err;
	char *text = NULL;
	size_t size = 0, lines = 0;
	FILE *stream;

	(void)state;
	assert_int_equal(config_problems_to_error(problems, &err), PORTICO_OK);
	config_problem(problems, config_value_find(root, "b"), "late");
	config_problem(problems, config_value_find(root, "a"), "early %d", 1);
	assert_int_equal(config_problems_to_error(problems, &err),
			 PORTICO_CONFIG);
	assert_string_equal(err.message, "a: early 1");
	assert_int_equal(err.line, 1);
	assert_int_equal(err.column, 8);
	assert_string_equal(err.detail, "There are 1 more problems.");
	for (int i = 0; i < 500; i++)
		config_problem(problems, root, "more");
	assert_int_equal(config_problem_count(problems), 502);
	stream = open_memstream(&text, &size);
	config_print_problems(problems, stream);
	fclose(stream);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, CONFIG_PROBLEMS_MAX + 1);
	assert_non_null(strstr(text, "... and 302 more\n"));
	free(text); /* open_memstream's */
}

#define DOCUMENT_TEST(function)                                                \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	DOCUMENT_TEST(every_value_has_its_place),
	DOCUMENT_TEST(values_are_what_they_say),
	DOCUMENT_TEST(comments_do_not_move_anything),
	DOCUMENT_TEST(odd_keys_are_quoted_in_paths),
	DOCUMENT_TEST(syntax_problems_have_a_place_and_a_hint),
	DOCUMENT_TEST(bytes_that_are_no_utf8_are_refused),
	DOCUMENT_TEST(a_key_given_twice_is_a_problem_with_both_places),
	DOCUMENT_TEST(a_piece_keeps_the_places_of_the_whole),
	DOCUMENT_TEST(files_are_read_or_their_absence_is_told),
	DOCUMENT_TEST(problems_are_sorted_bounded_and_passed_on),
};

UNIT_MAIN(tests)
