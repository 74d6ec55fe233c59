/* SPDX-License-Identifier: Apache-2.0
 *
 * A directive's member may be of a type that core/config does not fill (a
 * NULL-terminated list, a pair array, JSON text).  So the tables fill a shadow:
 * the module's struct as it is, and behind it one cell for each directive of
 * such a type.  Afterwards the cells are turned into what the module expects.
 *
 * Defaults are JSON text, so they are read as a section of their own, and the
 * configured one is read over them.
 */
#include "core/worker/module_config.h"

#include <inttypes.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <jansson.h>
#include <pcre2.h>
#include <stdlib.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/worker/module_validate.h"

#define DIRECTIVE_NAME_LENGTH_MAX 64

union cell {
	struct config_strings strings;
	struct config_pairs pairs;
	const struct config_value *json;
};

struct shadow {
	const struct portico_module *module;
	size_t count; /* directives */
	size_t cells; /* offset of the first cell */
	struct config_field *fields;
	struct config_table table;
};

/* By enum portico_directive_type. */
static const struct {
	const char *name;
	enum config_type type;
	size_t size, alignment; /* of the module's member */
	bool in_cell;
} types[] = {
	[PORTICO_DIRECTIVE_BOOL] = { "boolean", CONFIG_TYPE_BOOL, sizeof(bool),
				     _Alignof(bool), false },
	[PORTICO_DIRECTIVE_INTEGER] = { "integer", CONFIG_TYPE_INTEGER,
					sizeof(int64_t), _Alignof(int64_t),
					false },
	[PORTICO_DIRECTIVE_SIZE] = { "size", CONFIG_TYPE_SIZE, sizeof(uint64_t),
				     _Alignof(uint64_t), false },
	[PORTICO_DIRECTIVE_DURATION] = { "duration", CONFIG_TYPE_DURATION,
					 sizeof(uint64_t), _Alignof(uint64_t),
					 false },
	[PORTICO_DIRECTIVE_STRING] = { "string", CONFIG_TYPE_STRING,
				       sizeof(char *), _Alignof(char *),
				       false },
	[PORTICO_DIRECTIVE_ENUM] = { "enum", CONFIG_TYPE_ENUM, sizeof(int),
				     _Alignof(int), false },
	[PORTICO_DIRECTIVE_LIST] = { "list", CONFIG_TYPE_STRINGS,
				     sizeof(char **), _Alignof(char **), true },
	[PORTICO_DIRECTIVE_MAP] = { "map", CONFIG_TYPE_PAIRS,
				    sizeof(struct portico_pair *),
				    _Alignof(struct portico_pair *), true },
	[PORTICO_DIRECTIVE_JSON] = { "json", CONFIG_TYPE_JSON, sizeof(char *),
				     _Alignof(char *), true },
	[PORTICO_DIRECTIVE_PATH] = { "path", CONFIG_TYPE_STRING, sizeof(char *),
				     _Alignof(char *), false },
	[PORTICO_DIRECTIVE_REGEX] = { "regex", CONFIG_TYPE_STRING,
				      sizeof(char *), _Alignof(char *), false },
	[PORTICO_DIRECTIVE_SECRET] = { "secret", CONFIG_TYPE_STRING,
				       sizeof(char *), _Alignof(char *),
				       false },
};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

const char *
module_directive_type_name(enum portico_directive_type type)
{
	return (size_t)type < TYPE_COUNT ? types[type].name : "unknown";
}

const char *
module_place_file(const struct settings_place *place)
{
	return place->file != NULL ? place->file : "configuration";
}

static size_t
count_directives(const struct portico_module *module)
{
	size_t count = 0;

	while (module->directives != NULL &&
	       module->directives[count].name != NULL)
		count++;
	return count;
}

/* ---- translation --------------------------------------------------------- */

static void
translate(const struct shadow *shadow, size_t index)
{
	const struct portico_directive *row =
		&shadow->module->directives[index];
	struct config_field *field = &shadow->fields[index];

	field->name = row->name;
	field->type = types[row->type].type;
	field->offset = row->offset;
	field->size = types[row->type].size;
	field->is_signed = true;
	field->min = row->minimum;
	field->max = row->maximum;
	field->words = row->values;
	field->prose = row->summary;
	if (row->type == PORTICO_DIRECTIVE_SECRET)
		field->flags = CONFIG_SECRET;
	if (!types[row->type].in_cell)
		return;
	field->offset = shadow->cells + index * sizeof(union cell);
	field->size = row->type == PORTICO_DIRECTIVE_LIST ?
			      sizeof(struct config_strings) :
		      row->type == PORTICO_DIRECTIVE_MAP ?
			      sizeof(struct config_pairs) :
			      sizeof(const struct config_value *);
}

static void
shadow_init(struct shadow *shadow, const struct portico_module *module,
	    struct arena *arena)
{
	shadow->module = module;
	shadow->count = count_directives(module);
	shadow->cells = (module->configuration_size + ARENA_ALIGNMENT - 1) /
			ARENA_ALIGNMENT * ARENA_ALIGNMENT;
	shadow->fields = arena_zalloc(arena, (shadow->count + 1) *
						     sizeof(*shadow->fields));
	for (size_t i = 0; i < shadow->count; i++)
		translate(shadow, i);
	shadow->table = (struct config_table){
		.prose = module->summary,
		.size = shadow->cells + shadow->count * sizeof(union cell),
		.fields = shadow->fields,
		.count = shadow->count,
	};
}

/* ---- texts that have a meaning -------------------------------------------- */

static bool
check_regex(const char *text, const struct config_value *value,
	    struct config_problems *problems)
{
	PCRE2_SIZE offset;
	int number;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text,
					 PCRE2_ZERO_TERMINATED, PCRE2_UTF,
					 &number, &offset, NULL);
	PCRE2_UCHAR reason[160];

	if (code != NULL) {
		pcre2_code_free(code);
		return true;
	}
	pcre2_get_error_message(number, reason, sizeof(reason));
	config_problem(problems, value,
		       "found \"%s\", allowed is a regular expression: %s at "
		       "its byte %zu",
		       text, (const char *)reason, (size_t)offset + 1);
	return false;
}

/* `member` holds what the section `value` says. */
static bool
finish_path(const char **member, const struct config_value *value,
	    struct arena *arena, struct config_problems *problems)
{
	if ((*member)[0] == '\0') {
		config_problem(problems, value,
			       "found an empty text, allowed is a path");
		return false;
	}
	if ((*member)[0] != '/')
		*member = arena_printf(
			arena, "%s/%s",
			config_directory_of(arena, config_value_file(value)),
			*member);
	return true;
}

/* Paths and expressions that this section says; an inherited one was looked at
 * where it stands. */
static bool
finish_texts(const struct shadow *shadow, const struct config_value *section,
	     unsigned char *filled, struct arena *arena,
	     struct config_problems *problems)
{
	bool good = true;

	for (size_t i = 0; i < shadow->count; i++) {
		const struct portico_directive *row =
			&shadow->module->directives[i];
		const struct config_value *value =
			config_value_find(section, row->name);
		const char *text;

		if (value == NULL || (row->type != PORTICO_DIRECTIVE_PATH &&
				      row->type != PORTICO_DIRECTIVE_REGEX))
			continue;
		memcpy(&text, filled + row->offset, sizeof(text));
		if (row->type == PORTICO_DIRECTIVE_REGEX) {
			good = check_regex(text, value, problems) && good;
			continue;
		}
		good = finish_path(&text, value, arena, problems) && good;
		memcpy(filled + row->offset, &text, sizeof(text));
	}
	return good;
}

/* The defaults as a section: an object with one member for each. */
static enum portico_status
write_defaults(const struct shadow *shadow, struct buffer *text)
{
	enum portico_status status = buffer_append_char(text, '{');

	for (size_t i = 0; i < shadow->count && status == PORTICO_OK; i++) {
		const struct portico_directive *row =
			&shadow->module->directives[i];

		if (row->default_value != NULL)
			status = buffer_printf(text, "%s\"%s\": %s",
					       text->length == 1 ? "" : ", ",
					       row->name, row->default_value);
	}
	if (status != PORTICO_OK)
		return status;
	return buffer_append_char(text, '}');
}

/* A shadow filled with the directives' defaults, or NULL: problems. */
static void *
fill_defaults(const struct shadow *shadow, struct arena *arena,
	      struct config_problems *problems)
{
	void *base = arena_zalloc(arena, shadow->table.size + 1);
	const struct config_document *document;
	struct buffer text;
	bool filled = false;

	buffer_init(&text, 0);
	if (write_defaults(shadow, &text) != PORTICO_OK) {
		config_problem_at(problems, "configuration", 0, 0,
				  "module %s: out of memory for its settings",
				  shadow->module->name);
		buffer_fini(&text);
		return NULL;
	}
	document = config_read_text(arena, "(defaults)", buffer_slice(&text),
				    problems);
	if (document != NULL)
		filled = config_parse_object(&shadow->table,
					     config_root(document), base, arena,
					     problems) &&
			 finish_texts(shadow, config_root(document), base,
				      arena, problems);
	buffer_fini(&text);
	return filled ? base : NULL;
}

/* ---- from the cells to the module's struct ------------------------------- */

static const char *const *
take_strings(const struct config_strings *strings, struct arena *arena)
{
	const char **items =
		arena_zalloc(arena, (strings->count + 1) * sizeof(*items));

	for (size_t i = 0; i < strings->count; i++)
		items[i] = strings->items[i];
	return items;
}

static const struct portico_pair *
take_pairs(const struct config_pairs *pairs, struct arena *arena)
{
	struct portico_pair *items =
		arena_zalloc(arena, (pairs->count + 1) * sizeof(*items));

	for (size_t i = 0; i < pairs->count; i++) {
		items[i].name = pairs->items[i].name;
		items[i].value = pairs->items[i].text;
	}
	return items;
}

static const char *
take_json(const struct config_value *value, struct arena *arena)
{
	struct portico_slice text;

	if (value == NULL)
		return NULL;
	text = config_value_text(value);
	return arena_strndup(arena, text.data, text.length);
}

/* The member's place holds no object of its type yet, hence memcpy(). */
static void
take_cell(const struct portico_directive *row, const union cell *cell,
	  unsigned char *target, struct arena *arena)
{
	const void *pointer = NULL;

	switch (row->type) {
	case PORTICO_DIRECTIVE_LIST:
		pointer = take_strings(&cell->strings, arena);
		break;
	case PORTICO_DIRECTIVE_MAP:
		pointer = take_pairs(&cell->pairs, arena);
		break;
	case PORTICO_DIRECTIVE_JSON:
		pointer = take_json(cell->json, arena);
		break;
	case PORTICO_DIRECTIVE_BOOL:
	case PORTICO_DIRECTIVE_INTEGER:
	case PORTICO_DIRECTIVE_SIZE:
	case PORTICO_DIRECTIVE_DURATION:
	case PORTICO_DIRECTIVE_STRING:
	case PORTICO_DIRECTIVE_ENUM:
	case PORTICO_DIRECTIVE_PATH:
	case PORTICO_DIRECTIVE_REGEX:
	case PORTICO_DIRECTIVE_SECRET:
		return;
	}
	memcpy(target + row->offset, &pointer, sizeof(pointer));
}

static void
take_cells(const struct shadow *shadow, unsigned char *filled,
	   struct arena *arena)
{
	for (size_t i = 0; i < shadow->count; i++) {
		const void *cell =
			filled + shadow->cells + i * sizeof(union cell);

		take_cell(&shadow->module->directives[i], cell, filled, arena);
	}
}

/* A field's maximum of 0 means none; with a minimum below it, ours means 0. */
static bool
check_zero_maximum(const struct shadow *shadow,
		   const struct config_value *section,
		   struct config_problems *problems)
{
	bool good = true;

	for (size_t i = 0; i < shadow->count; i++) {
		const struct portico_directive *row =
			&shadow->module->directives[i];
		const struct config_value *value =
			config_value_find(section, row->name);
		int64_t number;

		if (row->minimum >= 0 || row->maximum != 0 || value == NULL ||
		    !config_value_integer(value, &number) || number <= 0)
			continue;
		config_problem(problems, value,
			       "found %" PRId64 ", allowed are %" PRId64
			       " to 0",
			       number, row->minimum);
		good = false;
	}
	return good;
}

/* ---- filling -------------------------------------------------------------- */

/* Reads one section over what is outside of it; NULL: problems. */
static void *
fill_section(const struct shadow *shadow,
	     const struct settings_section *section, const void *base,
	     struct arena *arena, struct config_problems *problems)
{
	const struct config_document *document = config_read_piece(
		arena, module_place_file(&section->place), section->module,
		section->place.line, section->place.column,
		slice_make(section->json, section->json_length), problems);
	void *filled;

	if (document == NULL)
		return NULL;
	filled = arena_zalloc(arena, shadow->table.size + 1);
	if (config_parse_over(&shadow->table, config_root(document), base,
			      filled, arena, problems) &&
	    check_zero_maximum(shadow, config_root(document), problems) &&
	    finish_texts(shadow, config_root(document), filled, arena,
			 problems))
		return filled;
	return NULL;
}

/* The outermost first.  NULL: problems. */
static void *
fill_levels(const struct shadow *shadow, const struct settings_section *section,
	    void *base, struct arena *arena, struct config_problems *problems)
{
	if (section == NULL || section->json == NULL)
		return base;
	base = fill_levels(shadow, section->outer, base, arena, problems);
	return base == NULL ?
		       NULL :
		       fill_section(shadow, section, base, arena, problems);
}

enum portico_status
module_config_fill(const struct portico_module *module,
		   const struct settings_section *section, struct arena *arena,
		   void **configuration_r, struct config_problems *problems)
{
	struct shadow shadow;
	void *filled;

	shadow_init(&shadow, module, arena);
	filled = fill_defaults(&shadow, arena, problems);
	if (filled != NULL)
		filled = fill_levels(&shadow, section, filled, arena, problems);
	if (filled == NULL)
		return PORTICO_CONFIG;
	take_cells(&shadow, filled, arena);
	*configuration_r = module->configuration_size == 0 ? NULL : filled;
	return PORTICO_OK;
}

/* ---- the table itself ---------------------------------------------------- */

static bool
directive_name_is_valid(const char *name)
{
	size_t length = strnlen(name, DIRECTIVE_NAME_LENGTH_MAX + 1);

	return length <= DIRECTIVE_NAME_LENGTH_MAX && name[0] >= 'a' &&
	       name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == length;
}

static enum portico_status
check_values(const struct portico_directive *row, struct portico_error *err)
{
	size_t count = 0;

	while (row->values != NULL && row->values[count] != NULL &&
	       count < MODULE_VALUES_MAX)
		count++;
	if (count == 0)
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": enum without values",
				 row->name);
	if (count == MODULE_VALUES_MAX)
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": values have no end within "
				 "%d words",
				 row->name, MODULE_VALUES_MAX);
	return PORTICO_OK;
}

static enum portico_status
check_row(const struct portico_module *module, size_t index,
	  struct portico_error *err)
{
	const struct portico_directive *row = &module->directives[index];
	size_t size = module->configuration_size;

	if (!directive_name_is_valid(row->name))
		return error_set(err, PORTICO_INVALID,
				 "directive %zu: name is not of the form "
				 "[a-z][a-zA-Z0-9]{0,63}",
				 index);
	if ((size_t)row->type >= TYPE_COUNT)
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": type %u, this server knows "
				 "0 to %zu",
				 row->name, (unsigned)row->type,
				 TYPE_COUNT - 1);
	if (row->offset > size || size - row->offset < types[row->type].size)
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": offset %" PRIu32
				 " is outside the struct of %zu bytes",
				 row->name, row->offset, size);
	if (row->offset % types[row->type].alignment != 0)
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": offset %" PRIu32
				 " is not aligned for its type",
				 row->name, row->offset);
	if (row->summary == NULL || row->summary[0] == '\0')
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\" has no summary", row->name);
	if ((row->maximum != 0 && row->minimum > row->maximum) ||
	    (row->minimum < 0 && row->type != PORTICO_DIRECTIVE_INTEGER))
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": bounds %" PRId64
				 " to %" PRId64 " admit nothing",
				 row->name, row->minimum, row->maximum);
	if (row->type == PORTICO_DIRECTIVE_ENUM)
		return check_values(row, err);
	if (row->type == PORTICO_DIRECTIVE_SECRET && row->default_value != NULL)
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": a secret with a default "
				 "is none",
				 row->name);
	if (row->type == PORTICO_DIRECTIVE_PATH && row->default_value != NULL &&
	    strncmp(row->default_value, "\"/", 2) != 0)
		return error_set(err, PORTICO_INVALID,
				 "directive \"%s\": the default of a path has "
				 "to be absolute",
				 row->name);
	return PORTICO_OK;
}

static enum portico_status
check_against_earlier(const struct portico_module *module, size_t index,
		      struct portico_error *err)
{
	const struct portico_directive *row = &module->directives[index];

	for (size_t i = 0; i < index; i++) {
		const struct portico_directive *other = &module->directives[i];

		if (strcmp(row->name, other->name) == 0)
			return error_set(err, PORTICO_INVALID,
					 "directive \"%s\" occurs twice",
					 row->name);
		if (row->offset < other->offset + types[other->type].size &&
		    other->offset < row->offset + types[row->type].size)
			return error_set(
				err, PORTICO_INVALID,
				"directives \"%s\" and \"%s\" fill the "
				"same member",
				other->name, row->name);
	}
	return PORTICO_OK;
}

static enum portico_status
check_defaults(const struct portico_module *module, struct portico_error *err)
{
	struct arena *arena = arena_new("module-check", 0);
	struct config_problems *problems = config_problems_new(arena);
	enum portico_status status = PORTICO_OK;
	struct portico_error problem;
	struct shadow shadow;

	shadow_init(&shadow, module, arena);
	if (fill_defaults(&shadow, arena, problems) == NULL) {
		config_problems_to_error(problems, &problem);
		status = error_set(err, PORTICO_INVALID,
				   "default of a directive: %s",
				   problem.message);
	}
	arena_free(arena);
	return status;
}

enum portico_status
module_config_check_table(const struct portico_module *module,
			  size_t directive_count, struct portico_error *err)
{
	for (size_t i = 0; i < directive_count; i++) {
		enum portico_status status = check_row(module, i, err);

		if (status == PORTICO_OK)
			status = check_against_earlier(module, i, err);
		if (status != PORTICO_OK)
			return status;
	}
	return check_defaults(module, err);
}

/* The defaults are the module's JSON, which the table cannot say. */
static void
add_defaults(const struct portico_module *module, json_t *schema)
{
	json_t *properties = json_object_get(schema, "properties");

	for (size_t i = 0; i < count_directives(module); i++) {
		const struct portico_directive *row = &module->directives[i];

		if (row->default_value != NULL)
			json_object_set_new(json_object_get(properties,
							    row->name),
					    "default",
					    json_loads(row->default_value,
						       JSON_DECODE_ANY, NULL));
	}
}

enum portico_status
module_config_schema(const struct portico_module *module, struct buffer *buffer)
{
	struct arena *arena = arena_new("module-schema", 0);
	enum portico_status status;
	struct buffer plain;
	struct shadow shadow;
	json_t *schema;
	char *text;

	buffer_init(&plain, 0);
	shadow_init(&shadow, module, arena);
	status = config_schema(&shadow.table, module->name, &plain);
	if (status == PORTICO_OK) {
		schema = json_loadb(plain.data, plain.length, 0, NULL);
		add_defaults(module, schema);
		text = json_dumps(schema, JSON_INDENT(2));
		json_decref(schema);
		status = buffer_printf(buffer, "%s\n", text);
		free(text); /* jansson's */
	}
	buffer_fini(&plain);
	arena_free(arena);
	return status;
}

const char *
module_config_describe(const struct portico_module *module, size_t index,
		       struct arena *arena)
{
	const struct portico_directive *row = &module->directives[index];
	struct shadow shadow;
	const char *text;

	shadow_init(&shadow, module, arena);
	text = config_describe_field(&shadow.fields[index], arena);
	switch (row->type) {
	case PORTICO_DIRECTIVE_PATH:
		return arena_printf(arena,
				    "%s: a path; a relative one starts from "
				    "the directory of the configuration",
				    text);
	case PORTICO_DIRECTIVE_REGEX:
		return arena_printf(arena, "%s: a regular expression (PCRE2)",
				    text);
	case PORTICO_DIRECTIVE_SECRET:
		return arena_printf(arena, "%s, and is never shown", text);
	case PORTICO_DIRECTIVE_BOOL:
	case PORTICO_DIRECTIVE_INTEGER:
	case PORTICO_DIRECTIVE_SIZE:
	case PORTICO_DIRECTIVE_DURATION:
	case PORTICO_DIRECTIVE_STRING:
	case PORTICO_DIRECTIVE_ENUM:
	case PORTICO_DIRECTIVE_LIST:
	case PORTICO_DIRECTIVE_MAP:
	case PORTICO_DIRECTIVE_JSON:
		break;
	}
	return text;
}
