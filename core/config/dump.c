/* SPDX-License-Identifier: Apache-2.0
 *
 * The effective configuration as JSON, from the same tables that read it.
 */
#include "core/config/config_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/check.h"

#define LINE_WIDTH 78 /* of prose */

/* The first failure stays in `status`; later writes do nothing. */
struct dump {
	struct buffer *buffer;
	enum portico_status status;
	bool prose;
	int depth;
	bool partial; /* in an object that is only a base for others */
	bool empty; /* nothing yet in the current object or list */
};

static void dump_struct(struct dump *d, const struct config_table *table,
			const void *target);

static void
put(struct dump *d, const char *text)
{
	if (d->status == PORTICO_OK)
		d->status = buffer_append_text(d->buffer, text);
}

static void
put_quoted(struct dump *d, const char *text)
{
	json_t *json = json_string(text);
	char *quoted = json_dumps(json, JSON_ENCODE_ANY);

	if (quoted == NULL)
		d->status = PORTICO_NO_MEMORY;
	else
		put(d, quoted);
	free(quoted); /* jansson's */
	json_decref(json);
}

static void
new_line(struct dump *d)
{
	put(d, "\n");
	for (int i = 0; i < d->depth; i++)
		put(d, "\t");
}

/* Before each member or element. */
static void
separate(struct dump *d)
{
	if (!d->empty)
		put(d, ",");
	d->empty = false;
	new_line(d);
}

static void
open_bracket(struct dump *d, const char *bracket)
{
	put(d, bracket);
	d->depth++;
	d->empty = true;
}

static void
close_bracket(struct dump *d, const char *bracket)
{
	d->depth--;
	if (!d->empty)
		new_line(d);
	put(d, bracket);
	d->empty = false;
}

/* Sentences as comment lines, broken between words. */
static void
put_prose(struct dump *d, const char *prose)
{
	size_t width = (size_t)(LINE_WIDTH - 8 * d->depth - 3);

	while (*prose != '\0') {
		size_t length = strlen(prose);
		char line[LINE_WIDTH + 1];

		if (length > width) {
			length = width;
			while (length > 0 && prose[length] != ' ')
				length--;
			if (length == 0)
				length = width;
		}
		snprintf(line, sizeof line, "%.*s", (int)length, prose);
		put(d, "// ");
		put(d, line);
		new_line(d);
		prose += length;
		prose += strspn(prose, " ");
	}
}

static void
dump_strings(struct dump *d, const struct config_strings *strings)
{
	put(d, "[");
	for (size_t i = 0; i < strings->count; i++) {
		put(d, i == 0 ? " " : ", ");
		put_quoted(d, strings->items[i]);
	}
	put(d, strings->count == 0 ? "]" : " ]");
}

static void
dump_pairs(struct dump *d, const struct config_pairs *pairs)
{
	open_bracket(d, "{");
	for (size_t i = 0; i < pairs->count; i++) {
		separate(d);
		put_quoted(d, pairs->items[i].name);
		put(d, ": ");
		put_quoted(d, pairs->items[i].text);
	}
	close_bracket(d, "}");
}

static void
dump_list(struct dump *d, const struct config_field *field,
	  const struct config_list *list)
{
	open_bracket(d, "[");
	for (size_t i = 0; i < list->count; i++) {
		separate(d);
		dump_struct(d, field->table, list->items[i]);
	}
	close_bracket(d, "]");
}

static void
dump_map(struct dump *d, const struct config_field *field,
	 const struct config_map *map)
{
	open_bracket(d, "{");
	for (size_t i = 0; i < map->count; i++) {
		separate(d);
		put_quoted(d, map->items[i].name);
		put(d, ": ");
		dump_struct(d, field->table, map->items[i].object);
	}
	close_bracket(d, "}");
}

static void
dump_json(struct dump *d, const struct config_value *value)
{
	char *text = json_dumps(config_value_json(value),
				JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		d->status = PORTICO_NO_MEMORY;
	else
		put(d, text);
	free(text); /* jansson's */
}

static void
dump_quantity(struct dump *d, const struct config_field *field,
	      const void *member)
{
	char text[CONFIG_UNIT_TEXT_SIZE];
	uint64_t quantity = *(const uint64_t *)member;

	put_quoted(d,
		   field->type == CONFIG_TYPE_SIZE ?
			   config_format_size(quantity, text, sizeof text) :
			   config_format_duration(quantity, text, sizeof text));
}

static void
dump_member(struct dump *d, const struct config_field *field,
	    const void *member)
{
	char text[32];

	switch (field->type) {
	case CONFIG_TYPE_BOOL:
		put(d, *(const bool *)member ? "true" : "false");
		break;
	case CONFIG_TYPE_INTEGER:
		snprintf(text, sizeof text, "%" PRId64,
			 config_load_integer(field, member));
		put(d, text);
		break;
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_DURATION:
		dump_quantity(d, field, member);
		break;
	case CONFIG_TYPE_STRING:
		put_quoted(d, *(const char *const *)member);
		break;
	case CONFIG_TYPE_ENUM:
		put_quoted(d, field->words[config_load_integer(field, member)]);
		break;
	case CONFIG_TYPE_STRINGS:
		dump_strings(d, member);
		break;
	case CONFIG_TYPE_PAIRS:
		dump_pairs(d, member);
		break;
	case CONFIG_TYPE_OBJECT:
		dump_struct(d, field->table, member);
		break;
	case CONFIG_TYPE_OPTIONAL:
		dump_struct(d, field->table, *(void *const *)member);
		break;
	case CONFIG_TYPE_LIST:
		dump_list(d, field, member);
		break;
	case CONFIG_TYPE_MAP:
		dump_map(d, field, member);
		break;
	case CONFIG_TYPE_JSON:
		dump_json(d, *(const struct config_value *const *)member);
		break;
	case CONFIG_TYPE_REST:
	case CONFIG_TYPE_SOURCE:
		UNREACHABLE();
	}
}

/* An object that lacks a required key was not given: what is in it are the
 * defaults of the others, and it would not read back. */
static bool
is_complete(const struct config_table *table, const void *target)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];

		if ((field->flags & CONFIG_REQUIRED) != 0 &&
		    config_is_absent(field, config_member_const(field, target)))
			return false;
	}
	return true;
}

/* Keys that were not given and have no default stay away. */
static bool
is_shown(const struct dump *d, const struct config_field *field,
	 const void *member)
{
	if (field->name == NULL ||
	    (field->flags & (CONFIG_HIDDEN | CONFIG_SECRET)) != 0)
		return false;
	switch (field->type) {
	case CONFIG_TYPE_STRING:
	case CONFIG_TYPE_OPTIONAL:
	case CONFIG_TYPE_JSON:
		return *(void *const *)member != NULL;
	case CONFIG_TYPE_OBJECT:
		return d->partial || (field->flags & CONFIG_PARTIAL) != 0 ||
		       is_complete(field->table, member);
	case CONFIG_TYPE_BOOL:
	case CONFIG_TYPE_INTEGER:
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_DURATION:
	case CONFIG_TYPE_ENUM:
	case CONFIG_TYPE_STRINGS:
	case CONFIG_TYPE_PAIRS:
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_MAP:
	case CONFIG_TYPE_REST:
	case CONFIG_TYPE_SOURCE:
		break;
	}
	return true;
}

static void
dump_rest(struct dump *d, const struct config_rest *rest)
{
	for (size_t i = 0; i < rest->count; i++) {
		separate(d);
		put_quoted(d, config_value_key(rest->values[i]));
		put(d, ": ");
		dump_json(d, rest->values[i]);
	}
}

static void
dump_struct(struct dump *d, const struct config_table *table,
	    const void *target)
{
	bool partial = d->partial;

	open_bracket(d, "{");
	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];
		const void *member = config_member_const(field, target);

		if (field->type == CONFIG_TYPE_REST)
			dump_rest(d, member);
		if (!is_shown(d, field, member))
			continue;
		separate(d);
		if (d->prose)
			put_prose(d, field->prose);
		put_quoted(d, field->name);
		put(d, ": ");
		d->partial = partial || (field->flags & CONFIG_PARTIAL) != 0;
		dump_member(d, field, member);
		d->partial = partial;
	}
	close_bracket(d, "}");
}

enum portico_status
config_dump(const struct config_table *table, const void *target, bool prose,
	    struct buffer *buffer)
{
	struct dump dump = { .buffer = buffer, .prose = prose, .empty = true };

	if (prose) {
		put_prose(&dump, table->prose);
	}
	dump_struct(&dump, table, target);
	put(&dump, "\n");
	return dump.status;
}
