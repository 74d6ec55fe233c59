/* SPDX-License-Identifier: Apache-2.0
 *
 * From values to structs by a table.  Each row's type has one function that
 * takes the value; what does not fit becomes a problem and leaves the default
 * in place, so that the rest can be looked at too.
 */
#include "core/config/config_priv.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/slice.h"

struct parse {
	struct arena *arena;
	struct config_problems *problems;
	bool partial; /* required keys may be missing, no table checks */
};

static bool parse_object(struct parse *p, const struct config_table *table,
			 const struct config_value *value, const void *base,
			 void *target);

/* ---- what was found, what is allowed ------------------------------------ */

/* The kind of thing that a row takes, with its bounds. */
const char *
config_describe_field(const struct config_field *field, struct arena *arena)
{
	const char *bounds = config_describe_bounds(field, arena);
	const char *zero = (field->flags & CONFIG_ZERO) != 0 ? "0 or " : "";
	size_t count = 0;

	switch (field->type) {
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_INTEGER:
		return arena_printf(arena, "%sa whole number%s", zero, bounds);
	case CONFIG_TYPE_SIZE:
		return arena_printf(arena, "%sa size%s, such as \"64KiB\"",
				    zero, bounds);
	case CONFIG_TYPE_DURATION:
		return arena_printf(arena, "%sa duration%s, such as \"90s\"",
				    zero, bounds);
	case CONFIG_TYPE_STRING:
		return arena_printf(arena, "a text%s%s", bounds,
				    bounds[0] == '\0' ? "" : " bytes");
	case CONFIG_TYPE_ENUM:
		while (field->words[count] != NULL)
			count++;
		return config_describe_words(field->words, count, " or ",
					     arena);
	case CONFIG_TYPE_STRINGS:
		return "a list of texts";
	case CONFIG_TYPE_PAIRS:
		return "an object of texts: { \"NAME\": \"text\" }";
	case CONFIG_TYPE_OBJECT:
	case CONFIG_TYPE_OPTIONAL:
		return field->table->shorthand == NULL ? "an object" :
							 "an object or a text";
	case CONFIG_TYPE_LIST:
		return "a list: [ ... ]";
	case CONFIG_TYPE_MAP:
		return "an object: { \"NAME\": { ... } }";
	case CONFIG_TYPE_JSON:
	case CONFIG_TYPE_REST:
	case CONFIG_TYPE_SOURCE:
		break;
	}
	return "any value";
}

static void
refuse(struct parse *p, const struct config_field *field,
       const struct config_value *value)
{
	const char *found = "something that is not shown";

	if ((field->flags & CONFIG_SECRET) == 0)
		found = config_describe(value, p->arena);
	config_problem(p->problems, value, "found %s, allowed is %s", found,
		       config_describe_field(field, p->arena));
}

/* Lists and maps have bounds on their length. */
static void
check_count(struct parse *p, const struct config_field *field,
	    const struct config_value *value, size_t count)
{
	if (field->min == 0 && field->max == 0)
		return;
	if ((int64_t)count >= field->min &&
	    (field->max == 0 || (int64_t)count <= field->max))
		return;
	config_problem(p->problems, value, "found %zu entries, allowed are%s",
		       count, config_describe_bounds(field, p->arena));
}

/* ---- scalars ------------------------------------------------------------ */

static bool
in_bounds(const struct config_field *field, int64_t number)
{
	int64_t min, max;

	if (number == 0 && (field->flags & CONFIG_ZERO) != 0)
		return true;
	config_field_bounds(field, &min, &max);
	return number >= min && number <= max;
}

static bool
parse_integer(const struct config_field *field,
	      const struct config_value *value, void *member)
{
	int64_t number;

	if (!config_value_integer(value, &number) || !in_bounds(field, number))
		return false;
	config_store_integer(field, member, number);
	return true;
}

/* SIZE and DURATION: a text with a unit; a whole number where that says
 * enough (bytes, or 0 of any unit). */
static bool
parse_quantity(const struct config_field *field,
	       const struct config_value *value, void *member)
{
	const char *text = config_value_string(value);
	bool is_size = field->type == CONFIG_TYPE_SIZE;
	uint64_t quantity;
	int64_t number;

	if (config_value_integer(value, &number)) {
		if (number < 0 || (number != 0 && !is_size))
			return false;
		quantity = (uint64_t)number;
	} else if (text == NULL) {
		return false;
	} else if (is_size) {
		if (!config_parse_size(slice_from(text), &quantity))
			return false;
	} else if (!config_parse_duration(slice_from(text), &quantity)) {
		return false;
	}
	if (!in_bounds(field, (int64_t)quantity))
		return false;
	*(uint64_t *)member = quantity;
	return true;
}

static bool
parse_string(struct parse *p, const struct config_field *field,
	     const struct config_value *value, void *member)
{
	const char *text = config_value_string(value);

	if (text == NULL || !in_bounds(field, (int64_t)strlen(text)))
		return false;
	*(const char **)member = arena_strdup(p->arena, text);
	return true;
}

/* Says its problem itself, since it may know what was meant. */
static void
parse_enum(struct parse *p, const struct config_field *field,
	   const struct config_value *value, void *member)
{
	const char *text = config_value_string(value), *nearest;
	size_t count = 0;

	for (; field->words[count] != NULL; count++) {
		if (text != NULL && strcmp(text, field->words[count]) == 0) {
			config_store_integer(field, member, (int64_t)count);
			return;
		}
	}
	nearest = text == NULL ? NULL :
				 config_nearest(text, field->words, count);
	if (nearest == NULL || count < 4)
		refuse(p, field, value);
	else
		config_problem(p->problems, value,
			       "found %s, allowed is %s; did you mean \"%s\"?",
			       config_describe(value, p->arena),
			       config_describe_field(field, p->arena), nearest);
}

/* ---- lists of scalars --------------------------------------------------- */

static void
parse_strings(struct parse *p, const struct config_field *field,
	      const struct config_value *value, void *member)
{
	bool single = config_value_kind(value) == CONFIG_KIND_STRING;
	size_t count = single ? 1 : config_value_count(value), i = 0;
	struct config_strings *strings = member;
	const struct config_value *v;

	if (!single && config_value_kind(value) != CONFIG_KIND_LIST) {
		refuse(p, field, value);
		return;
	}
	strings->items =
		arena_zalloc(p->arena, (count + 1) * sizeof *strings->items);
	strings->values =
		arena_zalloc(p->arena, (count + 1) * sizeof *strings->values);
	v = single ? value : config_value_first(value);
	for (; i < count; i++, v = config_value_next(v)) {
		const char *text = config_value_string(v);

		if (text == NULL) {
			config_problem(p->problems, v,
				       "found %s, allowed is a text",
				       config_describe(v, p->arena));
			text = "";
		}
		strings->items[i] = arena_strdup(p->arena, text);
		strings->values[i] = v;
	}
	strings->count = count;
	check_count(p, field, value, count);
}

static void
parse_pairs(struct parse *p, const struct config_field *field,
	    const struct config_value *value, void *member)
{
	struct config_pairs *pairs = member;
	const struct config_value *v;
	size_t i = 0;

	if (config_value_kind(value) != CONFIG_KIND_OBJECT) {
		refuse(p, field, value);
		return;
	}
	pairs->count = config_value_count(value);
	pairs->items =
		arena_zalloc(p->arena, pairs->count * sizeof *pairs->items);
	for (v = config_value_first(value); v != NULL;
	     v = config_value_next(v), i++) {
		const char *text = config_value_string(v);

		if (text == NULL) {
			config_problem(p->problems, v,
				       "found %s, allowed is a text",
				       config_describe(v, p->arena));
			text = "";
		}
		pairs->items[i].name = config_value_key(v);
		pairs->items[i].text = arena_strdup(p->arena, text);
		pairs->items[i].value = v;
	}
	check_count(p, field, value, pairs->count);
}

/* ---- structs ------------------------------------------------------------ */

static void
parse_list(struct parse *p, const struct config_field *field,
	   const struct config_value *value, const void *base, void *member)
{
	struct config_list *list = member;
	const struct config_value *v;
	size_t i = 0;

	if (config_value_kind(value) != CONFIG_KIND_LIST) {
		refuse(p, field, value);
		return;
	}
	list->count = config_value_count(value);
	list->items = arena_zalloc(p->arena, list->count * sizeof *list->items);
	for (v = config_value_first(value); v != NULL;
	     v = config_value_next(v), i++) {
		list->items[i] = arena_zalloc(p->arena, field->table->size);
		parse_object(p, field->table, v, base, list->items[i]);
	}
	check_count(p, field, value, list->count);
}

static void
parse_map(struct parse *p, const struct config_field *field,
	  const struct config_value *value, const void *base, void *member)
{
	struct config_map *map = member;
	const struct config_value *v;
	size_t i = 0;

	if (config_value_kind(value) != CONFIG_KIND_OBJECT) {
		refuse(p, field, value);
		return;
	}
	map->count = config_value_count(value);
	map->items = arena_zalloc(p->arena, map->count * sizeof *map->items);
	for (v = config_value_first(value); v != NULL;
	     v = config_value_next(v), i++) {
		void *object = arena_zalloc(p->arena, field->table->size);

		map->items[i].name =
			arena_strdup(p->arena, config_value_key(v));
		map->items[i].object = object;
		map->items[i].value = v;
		parse_object(p, field->table, v, base, object);
	}
	check_count(p, field, value, map->count);
}

static void
parse_nested(struct parse *p, const struct config_field *field,
	     const struct config_value *value, const void *base, void *member)
{
	bool outer = p->partial;

	p->partial = outer || (field->flags & CONFIG_PARTIAL) != 0;
	parse_object(p, field->table, value, base, member);
	p->partial = outer;
}

/* ---- rows --------------------------------------------------------------- */

/* Of a row's own member, where an outer object was itself based on another;
 * or of the row that it names as what it inherits from. */
static const void *
find_base(const struct config_table *table, const struct config_field *field,
	  void *target, bool has_base)
{
	if (field->inherits != NULL) {
		for (size_t i = 0; i < table->count; i++) {
			const struct config_field *f = &table->fields[i];

			if (f->name != NULL &&
			    strcmp(f->name, field->inherits) == 0)
				return config_member(f, target);
		}
		UNREACHABLE();
	}
	if (!has_base)
		return NULL;
	if (field->type == CONFIG_TYPE_OBJECT)
		return config_member(field, target);
	if (field->type == CONFIG_TYPE_OPTIONAL)
		return *(void **)config_member(field, target);
	return NULL;
}

static void
parse_field(struct parse *p, const struct config_field *field,
	    const struct config_value *value, const void *base, void *member)
{
	bool fits = true;

	switch (field->type) {
	case CONFIG_TYPE_BOOL:
		fits = config_value_boolean(value, member);
		break;
	case CONFIG_TYPE_INTEGER:
		fits = parse_integer(field, value, member);
		break;
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_DURATION:
		fits = parse_quantity(field, value, member);
		break;
	case CONFIG_TYPE_STRING:
		fits = parse_string(p, field, value, member);
		break;
	case CONFIG_TYPE_ENUM:
		parse_enum(p, field, value, member);
		break;
	case CONFIG_TYPE_STRINGS:
		parse_strings(p, field, value, member);
		break;
	case CONFIG_TYPE_PAIRS:
		parse_pairs(p, field, value, member);
		break;
	case CONFIG_TYPE_OBJECT:
		parse_nested(p, field, value, base, member);
		break;
	case CONFIG_TYPE_OPTIONAL:
		*(void **)member = arena_zalloc(p->arena, field->table->size);
		parse_nested(p, field, value, base, *(void **)member);
		break;
	case CONFIG_TYPE_LIST:
		parse_list(p, field, value, base, member);
		break;
	case CONFIG_TYPE_MAP:
		parse_map(p, field, value, base, member);
		break;
	case CONFIG_TYPE_JSON:
		*(const struct config_value **)member = value;
		break;
	case CONFIG_TYPE_REST:
	case CONFIG_TYPE_SOURCE:
		UNREACHABLE();
	}
	if (!fits)
		refuse(p, field, value);
}

static void
parse_row(struct parse *p, const struct config_table *table,
	  const struct config_field *field, const struct config_value *value,
	  bool has_base, void *target)
{
	size_t before = config_problem_count(p->problems);
	void *member = config_member(field, target);

	parse_field(p, field, value, find_base(table, field, target, has_base),
		    member);
	if (field->check != NULL && config_problem_count(p->problems) == before)
		field->check(member, value, p->problems);
}

static void
require(struct parse *p, const struct config_field *field,
	const struct config_value *object, const void *target, bool has_base)
{
	if ((field->flags & CONFIG_REQUIRED) == 0 || p->partial)
		return;
	if (has_base &&
	    !config_is_absent(field, config_member_const(field, target)))
		return;
	config_problem(p->problems, object, "\"%s\" is missing, needed is %s",
		       field->name, config_describe_field(field, p->arena));
}

/* ---- keys that no row names --------------------------------------------- */

static const struct config_field *
find_field(const struct config_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->fields[i].name != NULL &&
		    strcmp(table->fields[i].name, name) == 0)
			return &table->fields[i];
	}
	return NULL;
}

static void
refuse_key(struct parse *p, const struct config_table *table,
	   const struct config_value *value)
{
	const char **names;
	const char *nearest;
	size_t count = 0;

	names = arena_zalloc(p->arena, table->count * sizeof *names);
	for (size_t i = 0; i < table->count; i++) {
		if (table->fields[i].name != NULL &&
		    (table->fields[i].flags & CONFIG_HIDDEN) == 0)
			names[count++] = table->fields[i].name;
	}
	nearest = config_nearest(config_value_key(value), names, count);
	if (nearest != NULL)
		config_problem_at_key(p->problems, value,
				      "unknown key, did you mean \"%s\"?",
				      nearest);
	else if (count == 0)
		config_problem_at_key(p->problems, value,
				      "unknown key, none is allowed here");
	else
		config_problem_at_key(
			p->problems, value, "unknown key, allowed are %s",
			config_describe_words(names, count, " and ", p->arena));
}

static void
parse_rest(struct parse *p, const struct config_table *table,
	   const struct config_value *object, void *target)
{
	const struct config_field *field = NULL;
	struct config_rest rest = { 0, NULL };
	const struct config_value *v;

	for (size_t i = 0; i < table->count; i++) {
		if (table->fields[i].type == CONFIG_TYPE_REST)
			field = &table->fields[i];
	}
	if (field != NULL)
		rest.values = arena_zalloc(p->arena,
					   (config_value_count(object) + 1) *
						   sizeof *rest.values);
	for (v = config_value_first(object); v != NULL;
	     v = config_value_next(v)) {
		const char *key = config_value_key(v);

		if (find_field(table, key) != NULL)
			continue;
		/* Editors look for their schema here. */
		if (object == config_root(object->document) &&
		    strcmp(key, "$schema") == 0)
			continue;
		if (field != NULL)
			rest.values[rest.count++] = v;
		else
			refuse_key(p, table, v);
	}
	if (field != NULL)
		*(struct config_rest *)config_member(field, target) = rest;
}

/* ---- objects ------------------------------------------------------------ */

static void
set_sources(const struct config_table *table, const struct config_value *value,
	    void *target)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];

		if (field->type == CONFIG_TYPE_SOURCE)
			*(const struct config_value **)config_member(
				field, target) = value;
	}
}

/* A text that stands for an object with one key. */
static bool
is_shorthand(const struct config_table *table, const struct config_value *value)
{
	return table->shorthand != NULL &&
	       config_value_kind(value) == CONFIG_KIND_STRING;
}

static void
parse_rows(struct parse *p, const struct config_table *table,
	   const struct config_value *value, bool has_base, void *target)
{
	bool shorthand = is_shorthand(table, value);

	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];
		const struct config_value *v = NULL;

		if (field->name == NULL)
			continue;
		if (!shorthand)
			v = config_value_find(value, field->name);
		else if (strcmp(field->name, table->shorthand) == 0)
			v = value;
		if (v != NULL)
			parse_row(p, table, field, v, has_base, target);
		else
			require(p, field, value, target, has_base);
	}
	if (!shorthand)
		parse_rest(p, table, value, target);
}

static bool
parse_object(struct parse *p, const struct config_table *table,
	     const struct config_value *value, const void *base, void *target)
{
	size_t before = config_problem_count(p->problems);

	if (base == NULL)
		config_set_defaults(table, target, p->arena);
	else if (base != target)
		memcpy(target, base, table->size);
	set_sources(table, value, target);
	if (config_value_kind(value) != CONFIG_KIND_OBJECT &&
	    !is_shorthand(table, value)) {
		config_problem(p->problems, value,
			       "found %s, allowed is an object: { ... }%s",
			       config_describe(value, p->arena),
			       table->shorthand == NULL ? "" : " or a text");
		return false;
	}
	parse_rows(p, table, value, base != NULL, target);
	if (config_problem_count(p->problems) != before)
		return false;
	if (table->check != NULL && !p->partial)
		table->check(target, value, p->problems);
	return config_problem_count(p->problems) == before;
}

bool
config_parse_object(const struct config_table *table,
		    const struct config_value *value, void *target,
		    struct arena *arena, struct config_problems *problems)
{
	return config_parse_over(table, value, NULL, target, arena, problems);
}

bool
config_parse_over(const struct config_table *table,
		  const struct config_value *value, const void *base,
		  void *target, struct arena *arena,
		  struct config_problems *problems)
{
	struct parse parse = { .arena = arena, .problems = problems };

	return parse_object(&parse, table, value, base, target);
}
