/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at values, and describing them to people.
 */
#include "core/config/config_priv.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/slice.h"

#define DESCRIBE_MAX 60 /* bytes of a scalar that are shown */
#define PATH_DEPTH_MAX 64 /* deeper paths are cut at the root's end */

enum config_kind
config_value_kind(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->kind;
}

size_t
config_value_count(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->count;
}

const struct config_value *
config_value_first(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->first;
}

const struct config_value *
config_value_next(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->next;
}

const struct config_value *
config_value_find(const struct config_value *value, const char *key)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	if (value->kind != CONFIG_KIND_OBJECT)
		return NULL;
	for (const struct config_value *v = value->first; v != NULL;
	     v = v->next) {
		if (strcmp(v->key, key) == 0)
			return v;
	}
	return NULL;
}

const char *
config_value_key(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->key;
}

const char *
config_value_string(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return json_string_value(value->json);
}

bool
config_value_integer(const struct config_value *value, int64_t *number_r)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	if (!json_is_integer(value->json))
		return false;
	*number_r = json_integer_value(value->json);
	return true;
}

bool
config_value_boolean(const struct config_value *value, bool *truth_r)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	if (!json_is_boolean(value->json))
		return false;
	*truth_r = json_is_true(value->json);
	return true;
}

struct json_t *
config_value_json(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->json;
}

struct portico_slice
config_value_text(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->text;
}

const char *
config_value_file(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->document->name;
}

uint32_t
config_value_line(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->line;
}

uint32_t
config_value_column(const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	return value->column;
}

void
config_error_place(struct portico_error *err, const struct config_value *value)
{
	CHECK(value, CONFIG_VALUE_MAGIC);
	error_place(err, value->document->name, value->line, value->column);
}

/* A key that needs no quotes in a path. */
static bool
is_plain(const char *key)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-";

	return key[0] != '\0' && key[strspn(key, plain)] == '\0';
}

/* One step of a path: ".key", "[\"odd key\"]" or "[0]". */
static const char *
path_step(const struct config_value *value, bool first, struct arena *arena)
{
	if (value->key == NULL)
		return arena_printf(arena, "[%zu]", value->index);
	if (!is_plain(value->key))
		return arena_printf(arena, "[\"%.*s\"]", DESCRIBE_MAX,
				    value->key);
	return arena_printf(arena, "%s%s", first ? "" : ".", value->key);
}

const char *
config_value_path(const struct config_value *value, struct arena *arena)
{
	const struct config_value *chain[PATH_DEPTH_MAX];
	const char *path = "";
	size_t depth = 0;

	CHECK(value, CONFIG_VALUE_MAGIC);
	for (; value != NULL && depth < PATH_DEPTH_MAX; value = value->parent)
		if (value->parent != NULL || value->key != NULL)
			chain[depth++] = value;
	while (depth-- > 0)
		path = arena_printf(arena, "%s%s", path,
				    path_step(chain[depth], path[0] == '\0',
					      arena));
	return path;
}

/* At most `max` bytes, not cutting a UTF-8 sequence. */
static size_t
cut_utf8(struct portico_slice text, size_t max)
{
	size_t length = max;

	if (text.length <= max)
		return text.length;
	while (length > 0 && ((unsigned char)text.data[length] & 0xc0) == 0x80)
		length--;
	return length;
}

const char *
config_describe(const struct config_value *value, struct arena *arena)
{
	size_t length;

	switch (value->kind) {
	case CONFIG_KIND_OBJECT:
		return "an object";
	case CONFIG_KIND_LIST:
		return "a list";
	case CONFIG_KIND_STRING:
	case CONFIG_KIND_INTEGER:
	case CONFIG_KIND_REAL:
	case CONFIG_KIND_BOOLEAN:
	case CONFIG_KIND_NULL:
		break;
	}
	length = cut_utf8(value->text, DESCRIBE_MAX);
	return arena_printf(arena, "%.*s%s", (int)length, value->text.data,
			    length < value->text.length ? "..." : "");
}
