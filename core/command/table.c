/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables.
 */
#include "core/command/table.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"

#define TABLE_MAGIC 0x7ab1e001u
#define COLUMNS_MAX 16

struct table {
	unsigned magic;
	size_t columns;
	bool right[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
	char **cells; /* titles first */
	size_t count, capacity;
};

/* Characters, not bytes, of UTF-8. */
static size_t
width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			width++;
	return width;
}

void
table_text(struct table *table, const char *text)
{
	size_t column = table->count % table->columns;
	size_t width = width_of(text);

	CHECK(table, TABLE_MAGIC);
	if (table->count == table->capacity) {
		table->capacity = table->capacity * 2 + 64;
		table->cells = mem_realloc(
			table->cells, table->capacity * sizeof *table->cells);
	}
	table->cells[table->count++] = mem_strdup(text);
	if (width > table->width[column])
		table->width[column] = width;
}

struct table *
table_new(const char *titles)
{
	struct table *table = mem_zalloc(sizeof *table);
	char *copy = mem_strdup(titles), *rest = copy;
	char *names[COLUMNS_MAX];

	table->magic = TABLE_MAGIC;
	for (char *name = strsep(&rest, " "); name != NULL;
	     name = strsep(&rest, " ")) {
		ASSERT(table->columns < COLUMNS_MAX);
		table->right[table->columns] = name[0] == '>';
		names[table->columns] = name[0] == '>' ? name + 1 : name;
		table->columns++;
	}
	for (size_t i = 0; i < table->columns; i++)
		table_text(table, names[i]);
	mem_free(copy);
	return table;
}

void
table_free(struct table *table)
{
	CHECK(table, TABLE_MAGIC);
	for (size_t i = 0; i < table->count; i++)
		mem_free(table->cells[i]);
	mem_free(table->cells);
	table->magic = 0;
	mem_free(table);
}

void
table_number(struct table *table, long long number)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", number);
	table_text(table, text);
}

void
table_member(struct table *table, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_integer(value))
		table_number(table, json_integer_value(value));
	else if (json_is_real(value))
		table_number(table, (long long)(json_real_value(value) + 0.5));
	else if (json_is_boolean(value))
		table_text(table, json_is_true(value) ? "yes" : "no");
	else if (json_is_string(value) && json_string_length(value) > 0)
		table_text(table, json_string_value(value));
	else
		table_text(table, "-");
}

void
table_milliseconds(struct table *table, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	char text[32];

	snprintf(text, sizeof text, "%.1f",
		 (double)json_integer_value(value) / 1000);
	table_text(table, json_is_integer(value) ? text : "-");
}

void
table_print(const struct table *table, FILE *stream)
{
	CHECK(table, TABLE_MAGIC);
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;
		const char *cell = table->cells[i];
		bool last = column + 1 == table->columns;
		int pad = (int)(table->width[column] - width_of(cell));

		if (table->right[column])
			fprintf(stream, "%*s%s", pad, "", cell);
		else
			fprintf(stream, "%s%*s", cell, last ? 0 : pad, "");
		fputs(last ? "\n" : "  ", stream);
	}
}
