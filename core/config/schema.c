/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Schema from the tables, so that editors complete and check.
 */
#include "core/config/config_priv.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/check.h"

#define DURATION_PATTERN "^(0|([0-9]+(\\.[0-9]+)?(d|h|m|s|ms|us|ns))+)$"
#define SIZE_PATTERN "^[0-9]+((\\.[0-9]+)?(B|KiB|MiB|GiB|TiB))?$"

/* `partial`: what is required may come from elsewhere. */
static json_t *schema_of_table(const struct config_table *table, bool partial);

static void
set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *
typed(const char *type)
{
	json_t *schema = json_object();

	set(schema, "type", json_string(type));
	return schema;
}

static json_t *
integer_schema(const struct config_field *field)
{
	json_t *schema = typed("integer");
	int64_t min, max;

	config_field_bounds(field, &min, &max);
	if ((field->flags & CONFIG_ZERO) != 0 && min > 0)
		min = 0;
	if (min != INT64_MIN)
		set(schema, "minimum", json_integer(min));
	if (max != INT64_MAX)
		set(schema, "maximum", json_integer(max));
	return schema;
}

/* A text with a unit, or a number where that is enough. */
static json_t *
quantity_schema(const struct config_field *field)
{
	bool is_size = field->type == CONFIG_TYPE_SIZE;
	json_t *schema = json_object(), *text = typed("string");
	json_t *number = typed("integer"), *either = json_array();

	set(text, "pattern",
	    json_string(is_size ? SIZE_PATTERN : DURATION_PATTERN));
	set(number, "minimum", json_integer(0));
	if (!is_size)
		set(number, "maximum", json_integer(0));
	json_array_append_new(either, text);
	json_array_append_new(either, number);
	set(schema, "anyOf", either);
	return schema;
}

static json_t *
string_schema(const struct config_field *field)
{
	json_t *schema = typed("string");

	/* Our bounds are bytes, JSON Schema's are characters. */
	if (field->max != 0)
		set(schema, "maxLength", json_integer(field->max));
	if ((field->flags & CONFIG_SECRET) != 0)
		set(schema, "writeOnly", json_true());
	return schema;
}

static json_t *
enum_schema(const struct config_field *field)
{
	json_t *schema = json_object(), *words = json_array();

	for (size_t i = 0; field->words[i] != NULL; i++)
		json_array_append_new(words, json_string(field->words[i]));
	set(schema, "enum", words);
	return schema;
}

static json_t *
strings_schema(void)
{
	json_t *schema = json_object(), *list = typed("array");
	json_t *either = json_array();

	set(list, "items", typed("string"));
	json_array_append_new(either, typed("string"));
	json_array_append_new(either, list);
	set(schema, "anyOf", either);
	return schema;
}

static json_t *
holder_schema(const char *type, const char *keyword, json_t *element,
	      const struct config_field *field, const char *min_keyword,
	      const char *max_keyword)
{
	json_t *schema = typed(type);

	set(schema, keyword, element);
	if (field->min != 0)
		set(schema, min_keyword, json_integer(field->min));
	if (field->max != 0)
		set(schema, max_keyword, json_integer(field->max));
	return schema;
}

static json_t *
map_schema(const struct config_field *field, json_t *element)
{
	return holder_schema("object", "additionalProperties", element, field,
			     "minProperties", "maxProperties");
}

static json_t *
schema_of_type(const struct config_field *field, bool partial)
{
	partial = partial || field->inherits != NULL ||
		  (field->flags & CONFIG_PARTIAL) != 0;
	switch (field->type) {
	case CONFIG_TYPE_BOOL:
		return typed("boolean");
	case CONFIG_TYPE_INTEGER:
		return integer_schema(field);
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_DURATION:
		return quantity_schema(field);
	case CONFIG_TYPE_STRING:
		return string_schema(field);
	case CONFIG_TYPE_ENUM:
		return enum_schema(field);
	case CONFIG_TYPE_STRINGS:
		return strings_schema();
	case CONFIG_TYPE_PAIRS:
		return map_schema(field, typed("string"));
	case CONFIG_TYPE_OBJECT:
	case CONFIG_TYPE_OPTIONAL:
		return schema_of_table(field->table, partial);
	case CONFIG_TYPE_LIST:
		return holder_schema("array", "items",
				     schema_of_table(field->table, partial),
				     field, "minItems", "maxItems");
	case CONFIG_TYPE_MAP:
		return map_schema(field,
				  schema_of_table(field->table, partial));
	case CONFIG_TYPE_JSON:
		return json_object();
	case CONFIG_TYPE_REST:
	case CONFIG_TYPE_SOURCE:
		break;
	}
	UNREACHABLE();
}

/* The default as JSON: bare where it is a number or a truth. */
static json_t *
default_of(const struct config_field *field)
{
	json_t *json;

	if (field->type == CONFIG_TYPE_BOOL ||
	    field->type == CONFIG_TYPE_INTEGER)
		return json_loads(field->fallback, JSON_DECODE_ANY, NULL);
	if (field->type != CONFIG_TYPE_STRINGS)
		return json_string(field->fallback);
	json = json_array();
	for (const char *at = field->fallback; *at != '\0';) {
		size_t length = strcspn(at, ",");

		json_array_append_new(json, json_stringn(at, length));
		at += length;
		at += strspn(at, ", ");
	}
	return json;
}

static json_t *
schema_of_field(const struct config_field *field, bool partial)
{
	json_t *schema = schema_of_type(field, partial);

	set(schema, "description", json_string(field->prose));
	if (field->fallback != NULL)
		set(schema, "default", default_of(field));
	return schema;
}

static json_t *
schema_of_object(const struct config_table *table, bool partial)
{
	json_t *schema = typed("object");
	json_t *properties = json_object(), *required = json_array();
	bool open = false;

	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];

		if (field->type == CONFIG_TYPE_REST)
			open = true;
		if (field->name == NULL || (field->flags & CONFIG_HIDDEN) != 0)
			continue;
		set(properties, field->name, schema_of_field(field, partial));
		if ((field->flags & CONFIG_REQUIRED) != 0 && !partial)
			json_array_append_new(required,
					      json_string(field->name));
	}
	set(schema, "description", json_string(table->prose));
	set(schema, "properties", properties);
	if (!open)
		set(schema, "additionalProperties", json_false());
	if (json_array_size(required) > 0)
		set(schema, "required", required);
	else
		json_decref(required);
	return schema;
}

static json_t *
schema_of_table(const struct config_table *table, bool partial)
{
	json_t *object = schema_of_object(table, partial), *schema, *either;

	if (table->shorthand == NULL)
		return object;
	either = json_array();
	json_array_append_new(either, typed("string"));
	json_array_append_new(either, object);
	schema = json_object();
	set(schema, "anyOf", either);
	return schema;
}

enum portico_status
config_schema(const struct config_table *table, const char *title,
	      struct buffer *buffer)
{
	json_t *schema = json_object(), *body = schema_of_object(table, false);
	enum portico_status status;
	char *text;

	set(schema, "$schema",
	    json_string("https://json-schema.org/draft/2020-12/schema"));
	set(schema, "title", json_string(title));
	json_object_update(schema, body);
	json_decref(body);
	/* The document may name its schema. */
	set(json_object_get(schema, "properties"), "$schema", typed("string"));
	text = json_dumps(schema, JSON_INDENT(2));
	json_decref(schema);
	if (text == NULL)
		return PORTICO_NO_MEMORY;
	status = buffer_append_text(buffer, text);
	if (status == PORTICO_OK)
		status = buffer_append_char(buffer, '\n');
	free(text); /* jansson's */
	return status;
}
