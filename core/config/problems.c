/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of what is wrong with a configuration.
 */
#include "core/config/config_priv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/error.h"

struct problem {
	const char *file;
	uint32_t line, column; /* 0 = none */
	size_t number; /* order of arrival, for the sort */
	const char *message; /* "key: text", or "text" */
};

struct config_problems {
	unsigned magic;
	struct arena *arena;
	size_t count; /* also those beyond the array */
	bool sorted;
	struct problem items[CONFIG_PROBLEMS_MAX];
};

struct config_problems *
config_problems_new(struct arena *arena)
{
	struct config_problems *problems;

	problems = arena_zalloc(arena, sizeof *problems);
	problems->magic = CONFIG_PROBLEMS_MAGIC;
	problems->arena = arena;
	return problems;
}

struct arena *
config_problems_arena(const struct config_problems *problems)
{
	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	return problems->arena;
}

static void
add(struct config_problems *problems, const char *file, uint32_t line,
    uint32_t column, const char *key, const char *text)
{
	struct problem *problem;
	struct arena *arena = problems->arena;

	if (problems->count >= CONFIG_PROBLEMS_MAX) {
		problems->count++;
		return;
	}
	problem = &problems->items[problems->count];
	problem->number = problems->count++;
	problem->file = arena_strdup(arena, file);
	problem->line = line;
	problem->column = column;
	problem->message = key[0] == '\0' ?
				   text :
				   arena_printf(arena, "%s: %s", key, text);
	problems->sorted = false;
}

void
config_problem(struct config_problems *problems,
	       const struct config_value *value, const char *format, ...)
{
	const char *text;
	va_list args;

	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	CHECK(value, CONFIG_VALUE_MAGIC);
	va_start(args, format);
	text = arena_vprintf(problems->arena, format, args);
	va_end(args);
	add(problems, value->document->name, value->line, value->column,
	    config_value_path(value, problems->arena), text);
}

void
config_problem_at_key(struct config_problems *problems,
		      const struct config_value *value, const char *format, ...)
{
	const char *text;
	va_list args;

	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	CHECK(value, CONFIG_VALUE_MAGIC);
	va_start(args, format);
	text = arena_vprintf(problems->arena, format, args);
	va_end(args);
	add(problems, value->document->name, value->key_line, value->key_column,
	    config_value_path(value, problems->arena), text);
}

void
config_problem_at(struct config_problems *problems, const char *file,
		  uint32_t line, uint32_t column, const char *format, ...)
{
	const char *text;
	va_list args;

	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	va_start(args, format);
	text = arena_vprintf(problems->arena, format, args);
	va_end(args);
	add(problems, file, line, column, "", text);
}

size_t
config_problem_count(const struct config_problems *problems)
{
	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	return problems->count;
}

static int
by_place(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;
	int order = strcmp(a->file, b->file);

	if (order != 0)
		return order;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

static const struct problem *
get_sorted(struct config_problems *problems, size_t i)
{
	size_t kept = problems->count < CONFIG_PROBLEMS_MAX ?
			      problems->count :
			      CONFIG_PROBLEMS_MAX;

	if (!problems->sorted) {
		qsort(problems->items, kept, sizeof problems->items[0],
		      by_place);
		problems->sorted = true;
	}
	return i < kept ? &problems->items[i] : NULL;
}

const char *
config_problem_text(struct config_problems *problems, size_t i)
{
	const struct problem *problem;

	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	problem = get_sorted(problems, i);
	if (problem == NULL)
		return NULL;
	if (problem->line == 0)
		return arena_printf(problems->arena, "%s: %s", problem->file,
				    problem->message);
	return arena_printf(problems->arena, "%s:%u:%u: %s", problem->file,
			    problem->line, problem->column, problem->message);
}

void
config_print_problems(struct config_problems *problems, FILE *stream)
{
	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	for (size_t i = 0; i < problems->count && i < CONFIG_PROBLEMS_MAX; i++)
		fprintf(stream, "%s\n", config_problem_text(problems, i));
	if (problems->count > CONFIG_PROBLEMS_MAX)
		fprintf(stream, "... and %zu more\n",
			problems->count - CONFIG_PROBLEMS_MAX);
}

enum portico_status
config_problems_to_error(struct config_problems *problems,
			 struct portico_error *err)
{
	const struct problem *first;

	CHECK(problems, CONFIG_PROBLEMS_MAGIC);
	if (problems->count == 0)
		return PORTICO_OK;
	first = get_sorted(problems, 0);
	error_set(err, PORTICO_CONFIG, "%s", first->message);
	error_place(err, first->file, first->line, first->column);
	if (problems->count > 1)
		error_detail(err, "There are %zu more problems.",
			     problems->count - 1);
	return PORTICO_CONFIG;
}
