/* SPDX-License-Identifier: Apache-2.0
 *
 * What tables say without a document: defaults, bounds, and whether they are
 * in order themselves.
 */
#include "core/config/config_priv.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/slice.h"

#define TABLE_DEPTH_MAX 16 /* tables in tables; more is a cycle */

int64_t
config_load_integer(const struct config_field *field, const void *member)
{
	bool is_signed = field->is_signed;

	switch (field->size) {
	case 1:
		if (is_signed)
			return *(const int8_t *)member;
		return *(const uint8_t *)member;
	case 2:
		if (is_signed)
			return *(const int16_t *)member;
		return *(const uint16_t *)member;
	case 4:
		if (is_signed)
			return *(const int32_t *)member;
		return *(const uint32_t *)member;
	default:
		ASSERT(field->size == 8);
		return *(const int64_t *)member;
	}
}

void
config_store_integer(const struct config_field *field, void *member,
		     int64_t number)
{
	switch (field->size) {
	case 1:
		*(uint8_t *)member = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)member = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)member = (uint32_t)number;
		break;
	default:
		ASSERT(field->size == 8);
		*(int64_t *)member = number;
		break;
	}
}

void
config_field_bounds(const struct config_field *field, int64_t *min_r,
		    int64_t *max_r)
{
	int64_t min = 0, max = INT64_MAX;

	if (field->type == CONFIG_TYPE_INTEGER) {
		int bits = (int)field->size * 8;

		if (field->is_signed) {
			max = bits == 64 ? INT64_MAX :
					   (INT64_C(1) << (bits - 1)) - 1;
			min = -max - 1;
		} else if (bits < 64) {
			max = (INT64_C(1) << bits) - 1;
		}
	}
	if (field->min != 0 || field->max != 0) {
		min = field->min > min ? field->min : min;
		if (field->max != 0)
			max = field->max < max ? field->max : max;
	}
	*min_r = min;
	*max_r = max;
}

static const char *
format_bound(const struct config_field *field, int64_t bound,
	     struct arena *arena)
{
	char text[CONFIG_UNIT_TEXT_SIZE];

	if (field->type == CONFIG_TYPE_SIZE)
		return arena_strdup(arena,
				    config_format_size((uint64_t)bound, text,
						       sizeof text));
	if (field->type == CONFIG_TYPE_DURATION)
		return arena_strdup(arena,
				    config_format_duration((uint64_t)bound,
							   text, sizeof text));
	return arena_printf(arena, "%" PRId64, bound);
}

const char *
config_describe_bounds(const struct config_field *field, struct arena *arena)
{
	int64_t min, max;

	config_field_bounds(field, &min, &max);
	/* Bounds that only the member's width sets are told when small. */
	if (field->min == 0 && field->max == 0 &&
	    (field->type != CONFIG_TYPE_INTEGER || field->size > 4))
		return field->type == CONFIG_TYPE_INTEGER && !field->is_signed ?
			       " of at least 0" :
			       "";
	if (max == INT64_MAX)
		return arena_printf(arena, " of at least %s",
				    format_bound(field, min, arena));
	return arena_printf(arena, " from %s to %s",
			    format_bound(field, min, arena),
			    format_bound(field, max, arena));
}

const char *
config_describe_words(const char *const *words, size_t count,
		      const char *last_joint, struct arena *arena)
{
	const char *text = "";

	for (size_t i = 0; i < count; i++) {
		const char *joint = i == 0	   ? "" :
				    i + 1 == count ? last_joint :
						     ", ";

		text = arena_printf(arena, "%s%s\"%s\"", text, joint, words[i]);
	}
	return text;
}

/* ---- defaults ----------------------------------------------------------- */

static bool
within(const struct config_field *field, int64_t number)
{
	int64_t min, max;

	config_field_bounds(field, &min, &max);
	return (number == 0 && (field->flags & CONFIG_ZERO) != 0) ||
	       (number >= min && number <= max);
}

static bool
store_number_text(const struct config_field *field, const char *text,
		  void *member)
{
	bool negative = text[0] == '-';
	uint64_t number;

	if (field->type == CONFIG_TYPE_SIZE) {
		if (!config_parse_size(slice_from(text), &number))
			return false;
	} else if (field->type == CONFIG_TYPE_DURATION) {
		if (!config_parse_duration(slice_from(text), &number))
			return false;
	} else if (!slice_to_u64(slice_from(text + negative), &number) ||
		   number > INT64_MAX) {
		return false;
	}
	if (!within(field, negative ? -(int64_t)number : (int64_t)number))
		return false;
	config_store_integer(field, member,
			     negative ? -(int64_t)number : (int64_t)number);
	return true;
}

static bool
store_word(const struct config_field *field, const char *text, void *member)
{
	for (size_t i = 0; field->words[i] != NULL; i++) {
		if (strcmp(field->words[i], text) == 0) {
			config_store_integer(field, member, (int64_t)i);
			return true;
		}
	}
	return false;
}

/* Words with commas between them. */
static bool
store_strings(const char *text, struct config_strings *strings,
	      struct arena *arena)
{
	struct portico_slice rest = slice_from(text);
	size_t count = 1;

	for (const char *at = text; *at != '\0'; at++)
		count += *at == ',';
	strings->items =
		arena_zalloc(arena, (count + 1) * sizeof *strings->items);
	strings->values =
		arena_zalloc(arena, (count + 1) * sizeof *strings->values);
	strings->count = 0;
	while (!slice_empty(rest)) {
		struct portico_slice one = slice_trim(slice_split(&rest, ','));

		strings->items[strings->count++] =
			arena_strndup(arena, one.data, one.length);
	}
	return true;
}

bool
config_store_text(const struct config_field *field, const char *text,
		  void *member, struct arena *arena)
{
	switch (field->type) {
	case CONFIG_TYPE_BOOL:
		*(bool *)member = strcmp(text, "true") == 0;
		return *(bool *)member || strcmp(text, "false") == 0;
	case CONFIG_TYPE_INTEGER:
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_DURATION:
		return store_number_text(field, text, member);
	case CONFIG_TYPE_STRING:
		*(const char **)member = arena_strdup(arena, text);
		return within(field, (int64_t)strlen(text));
	case CONFIG_TYPE_ENUM:
		return store_word(field, text, member);
	case CONFIG_TYPE_STRINGS:
		return store_strings(text, member, arena);
	case CONFIG_TYPE_PAIRS:
	case CONFIG_TYPE_OBJECT:
	case CONFIG_TYPE_OPTIONAL:
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_MAP:
	case CONFIG_TYPE_JSON:
	case CONFIG_TYPE_REST:
	case CONFIG_TYPE_SOURCE:
		break;
	}
	return false;
}

void
config_set_defaults(const struct config_table *table, void *target,
		    struct arena *arena)
{
	memset(target, 0, table->size);
	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];
		void *member = config_member(field, target);

		if (field->type == CONFIG_TYPE_OBJECT)
			config_set_defaults(field->table, member, arena);
		else if (field->fallback != NULL)
			ASSERT(config_store_text(field, field->fallback, member,
						 arena));
	}
}

bool
config_is_absent(const struct config_field *field, const void *member)
{
	switch (field->type) {
	case CONFIG_TYPE_STRING:
	case CONFIG_TYPE_JSON:
	case CONFIG_TYPE_OPTIONAL:
		return *(void *const *)member == NULL;
	case CONFIG_TYPE_STRINGS:
	case CONFIG_TYPE_PAIRS:
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_MAP:
		/* Each of them begins with its count. */
		return *(const size_t *)member == 0;
	case CONFIG_TYPE_BOOL:
	case CONFIG_TYPE_INTEGER:
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_DURATION:
	case CONFIG_TYPE_ENUM:
	case CONFIG_TYPE_OBJECT:
	case CONFIG_TYPE_REST:
	case CONFIG_TYPE_SOURCE:
		break;
	}
	return false;
}

/* ---- is the table in order? --------------------------------------------- */

static const char *
field_fault(const struct config_table *table, size_t at)
{
	const struct config_field *field = &table->fields[at];
	bool named = field->type != CONFIG_TYPE_REST &&
		     field->type != CONFIG_TYPE_SOURCE;
	bool nested = field->type == CONFIG_TYPE_OBJECT ||
		      field->type == CONFIG_TYPE_OPTIONAL ||
		      field->type == CONFIG_TYPE_LIST ||
		      field->type == CONFIG_TYPE_MAP;

	if (named != (field->name != NULL))
		return "it has no name, or one that it may not have";
	if (named && (field->prose == NULL || field->prose[0] == '\0'))
		return "it has no prose";
	if (field->offset + field->size > table->size)
		return "its member lies outside the struct";
	if (nested != (field->table != NULL))
		return "it has no table, or one that it may not have";
	if ((field->type == CONFIG_TYPE_ENUM) != (field->words != NULL))
		return "it has no words, or ones that it may not have";
	if (field->type == CONFIG_TYPE_OBJECT &&
	    field->size != field->table->size)
		return "its member is not the struct of its table";
	if (field->max != 0 && field->min > field->max)
		return "its bounds admit nothing";
	if (field->fallback != NULL && (field->flags & CONFIG_REQUIRED) != 0)
		return "it is required and has a default";
	for (size_t i = 0; i < at; i++) {
		const struct config_field *f = &table->fields[i];

		if (named && f->name != NULL &&
		    strcmp(f->name, field->name) == 0)
			return "its name is there twice";
		if (f->offset < field->offset + field->size &&
		    field->offset < f->offset + f->size)
			return "its member overlaps with an earlier one";
	}
	return NULL;
}

static const char *
inherits_fault(const struct config_table *table, size_t at)
{
	const struct config_field *field = &table->fields[at];

	if (field->inherits == NULL)
		return NULL;
	for (size_t i = 0; i < at; i++) {
		const struct config_field *f = &table->fields[i];

		if (f->type == CONFIG_TYPE_OBJECT && f->name != NULL &&
		    strcmp(f->name, field->inherits) == 0)
			return f->table == field->table ?
				       NULL :
				       "it inherits from another kind of object";
	}
	return "no earlier row has the name that it inherits from";
}

static const char *
fallback_fault(const struct config_field *field)
{
	struct arena *arena;
	uint64_t member[4] = { 0 };
	bool fits;

	if (field->fallback == NULL)
		return NULL;
	ASSERT(field->size <= sizeof member);
	arena = arena_new("config-check", 0);
	fits = config_store_text(field, field->fallback, member, arena);
	arena_free(arena);
	return fits ? NULL : "its default does not fit its type and bounds";
}

static bool
has_field(const struct config_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->fields[i].name != NULL &&
		    strcmp(table->fields[i].name, name) == 0)
			return true;
	}
	return false;
}

static enum portico_status
check_table(const struct config_table *table, int depth,
	    struct portico_error *err)
{
	if (table->prose == NULL || table->prose[0] == '\0')
		return error_set(err, PORTICO_INVALID, "a table has no prose");
	if (table->shorthand != NULL && !has_field(table, table->shorthand))
		return error_set(err, PORTICO_INVALID,
				 "table \"%s\": no row has the name of the "
				 "shorthand %s",
				 table->prose, table->shorthand);
	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];
		const char *fault = field_fault(table, i);

		if (fault == NULL)
			fault = inherits_fault(table, i);
		if (fault == NULL)
			fault = fallback_fault(field);
		if (fault != NULL)
			return error_set(err, PORTICO_INVALID,
					 "table \"%s\", row %zu (%s): %s",
					 table->prose, i,
					 field->name == NULL ? "unnamed" :
							       field->name,
					 fault);
		if (field->table != NULL && depth < TABLE_DEPTH_MAX) {
			enum portico_status status =
				check_table(field->table, depth + 1, err);

			if (status != PORTICO_OK)
				return status;
		}
	}
	return PORTICO_OK;
}

enum portico_status
config_check_table(const struct config_table *table, struct portico_error *err)
{
	return check_table(table, 0, err);
}
