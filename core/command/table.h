/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables for people: columns as wide as their longest cell, numbers to the
 * right.
 */
#ifndef CORE_COMMAND_TABLE_H
#define CORE_COMMAND_TABLE_H

#include <jansson.h>
#include <stdio.h>

struct table;

/* `titles` with blanks between; one that begins with '>' is a column of
 * numbers. */
struct table *table_new(const char *titles);
void table_free(struct table *table);

/* The next cell, row by row; copied. */
void table_text(struct table *table, const char *text);
void table_number(struct table *table, long long number);

/* A member of a JSON object; "-" when it is absent or null. */
void table_member(struct table *table, const json_t *object, const char *name);

/* The same for one that is microseconds. */
void table_milliseconds(struct table *table, const json_t *object,
			const char *name);

void table_print(const struct table *table, FILE *stream);

#endif
