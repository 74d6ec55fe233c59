/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading configuration: JSON with comments, every value with its place; and
 * tables that turn it into typed structs, collecting all problems at once.
 *
 *	problems = config_problems_new(arena);
 *	document = config_read(arena, "portico.json", problems);
 *	if (document != NULL)
 *		config_parse_object(&settings_table, config_root(document),
 *				    &settings, arena, problems);
 *	if (config_problem_count(problems) > 0)
 *		config_print_problems(problems, stderr);
 *
 * Each problem is one line `file:line:column: key: what was found, what is
 * allowed`.  Everything lives in the arena; one thread at a time.  The tables
 * are in table.h.
 */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <portico/types.h>

#include "core/config/table.h"

struct arena;
struct buffer;
struct json_t; /* jansson's json_t */

/* ---- problems ---------------------------------------------------------- */

/* OWNERSHIP: the arena's. */
struct config_problems *config_problems_new(struct arena *arena);

/*
 * Adds a problem at a value.  The text says what was found and what is
 * allowed; place and key are put before it.  Beyond
 * CONFIG_PROBLEMS_MAX they are only counted.
 */
void config_problem(struct config_problems *problems,
		    const struct config_value *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same at the value's key, for what concerns its name or presence. */
void config_problem_at_key(struct config_problems *problems,
			   const struct config_value *value, const char *format,
			   ...) __attribute__((format(printf, 3, 4)));

/* A problem without a value: the file as a whole, or syntax.  `line` 0 = no
 * place. */
void config_problem_at(struct config_problems *problems, const char *file,
		       uint32_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#define CONFIG_PROBLEMS_MAX 200

/* All, also those that are not kept. */
size_t config_problem_count(const struct config_problems *problems);

/* The i-th by file, line and column, as a line of text without newline; NULL
 * when there is none. */
const char *config_problem_text(struct config_problems *problems, size_t i);

/* One per line, and how many more there were. */
void config_print_problems(struct config_problems *problems, FILE *stream);

/*
 * For callers that pass one error on: fills `err` with the first problem, its
 * place, and how many there are.  Returns PORTICO_CONFIG, or PORTICO_OK when
 * there are none.
 */
enum portico_status config_problems_to_error(struct config_problems *problems,
					     struct portico_error *err);

/* ---- documents --------------------------------------------------------- */

/* Largest file that is read. */
#define CONFIG_FILE_BYTES_MAX (16u << 20)

/*
 * Reads a file: an object, with comments of either C kind, UTF-8.  NULL when
 * it cannot be read or is no JSON; a key given twice is a problem, but the
 * document is returned, so that more can be found.
 * OWNERSHIP: the arena's, as of everything reached from it.
 */
struct config_document *config_read(struct arena *arena, const char *path,
				    struct config_problems *problems);

/* The same from memory; `name` stands for the file in problems. */
struct config_document *config_read_text(struct arena *arena, const char *name,
					 struct portico_slice text,
					 struct config_problems *problems);

/*
 * The same for a piece of a larger file that begins at `line` and `column` of
 * it (both from 1), so that problems are placed in the whole.  `key` is what it
 * is the value of there, which problems say before the key within it; or NULL.
 */
struct config_document *config_read_piece(struct arena *arena, const char *name,
					  const char *key, uint32_t line,
					  uint32_t column,
					  struct portico_slice text,
					  struct config_problems *problems);

const struct config_value *config_root(const struct config_document *document);

/* ---- values ------------------------------------------------------------ */

enum config_kind {
	CONFIG_KIND_OBJECT,
	CONFIG_KIND_LIST,
	CONFIG_KIND_STRING,
	CONFIG_KIND_INTEGER,
	CONFIG_KIND_REAL,
	CONFIG_KIND_BOOLEAN,
	CONFIG_KIND_NULL,
};

enum config_kind config_value_kind(const struct config_value *value);

/* Members of an object, elements of a list, else 0. */
size_t config_value_count(const struct config_value *value);

/* The first of those, and the one after `value`; NULL at the end. */
const struct config_value *config_value_first(const struct config_value *value);
const struct config_value *config_value_next(const struct config_value *value);

/* A member by name; NULL if `value` is no object or has none. */
const struct config_value *config_value_find(const struct config_value *value,
					     const char *key);

/* Its name in an object, NULL elsewhere. */
const char *config_value_key(const struct config_value *value);

/* The text of a string; NULL for other kinds. */
const char *config_value_string(const struct config_value *value);

/* False when it is of another kind. */
bool config_value_integer(const struct config_value *value, int64_t *number_r);
bool config_value_boolean(const struct config_value *value, bool *truth_r);

/* jansson's value: borrowed, lives as long as the document. */
struct json_t *config_value_json(const struct config_value *value);

/* The value as it stands in the file, comments blanked. */
struct portico_slice config_value_text(const struct config_value *value);

/* Place of its first byte, from 1; the column in bytes. */
const char *config_value_file(const struct config_value *value);
uint32_t config_value_line(const struct config_value *value);
uint32_t config_value_column(const struct config_value *value);

/* Dotted path such as pools.shop.queueLength or bindings[0]; "" for the root.
 * OWNERSHIP: the arena's. */
const char *config_value_path(const struct config_value *value,
			      struct arena *arena);

/* The directory of a file, absolute; what is relative in it starts there.
 * OWNERSHIP: the arena's. */
const char *config_directory_of(struct arena *arena, const char *file);

/* Puts the value's place into a filled error record. */
void config_error_place(struct portico_error *err,
			const struct config_value *value);

/* ---- units ------------------------------------------------------------- */

/* "90s", "20m", "1.5h", "500ms", "10us", "7d", "1h30m", "0" -> nanoseconds. */
bool config_parse_duration(struct portico_slice text, uint64_t *ns_r);

/* "512", "64KiB", "1.5MiB", "2GiB", "1TiB", "10B" -> bytes. */
bool config_parse_size(struct portico_slice text, uint64_t *bytes_r);

/* The shortest exact text that the functions above read back. */
#define CONFIG_UNIT_TEXT_SIZE 32
const char *config_format_duration(uint64_t ns, char *text, size_t size);
const char *config_format_size(uint64_t bytes, char *text, size_t size);

/* The nearest of `count` words to one that is none of them, or NULL when none
 * is near enough to be meant. */
const char *config_nearest(const char *word, const char *const *words,
			   size_t count);

#endif
