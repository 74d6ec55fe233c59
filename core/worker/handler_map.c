/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules are few (one to a dozen), so a look-up walks them in order; each test
 * is a length and a memcmp.  What a rule permits and what its handler permits
 * are joined into one set of methods when the map is built.
 */
#include "core/worker/handler_map.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/http/method.h"
#include "core/worker/module_config.h"
#include "core/worker/module_load.h"

#define MAP_MAGIC 0x484d4150u

/* Methods without a number of ours that one rule may name. */
#define EXTRA_METHODS_MAX 16

_Static_assert(HTTP_METHOD_COUNT <= 64, "a method is a bit of 64");

enum pattern_kind {
	PATTERN_ALL,
	PATTERN_SUFFIX,
	PATTERN_PREFIX,
	PATTERN_EXACT,
};

struct method_set {
	bool all;
	uint64_t bits; /* 1 << enum http_method */
	const struct portico_slice *extra;
	size_t extra_count;
};

struct rule {
	enum pattern_kind kind;
	struct portico_slice text; /* what to compare, without the star */
	struct method_set methods;
	struct handler_target target;
};

struct handler_map {
	unsigned magic;
	struct rule *rules;
	size_t rule_count;
	struct handler_target *targets; /* every handler of every module */
	size_t target_count;
};

struct build {
	struct arena *arena;
	struct module_record *const *modules;
	size_t module_count;
	struct config_problems *problems;
	bool failed;
};

/* ---- building ------------------------------------------------------------ */

#define PROBLEM(build, rule, ...)                                              \
	do {                                                                   \
		(build)->failed = true;                                        \
		config_problem_at((build)->problems,                           \
				  module_place_file(&(rule)->place),           \
				  (rule)->place.line, (rule)->place.column,    \
				  __VA_ARGS__);                                \
	} while (0)

static bool
parse_pattern(const char *path, enum pattern_kind *kind_r,
	      struct portico_slice *text_r)
{
	struct portico_slice text = slice_from(path);

	if (path == NULL || strcmp(path, "*") == 0) {
		*kind_r = PATTERN_ALL;
		*text_r = slice_make("", 0);
		return true;
	}
	if (text.length >= 3 && path[0] == '*' && path[1] == '.') {
		*kind_r = PATTERN_SUFFIX;
		text = slice_skip(text, 1);
	} else if (path[0] == '/' && text.length >= 2 &&
		   strcmp(path + text.length - 2, "/*") == 0) {
		*kind_r = PATTERN_PREFIX;
		text.length--;
	} else if (path[0] == '/') {
		*kind_r = PATTERN_EXACT;
	} else {
		return false;
	}
	*text_r = text;
	return slice_find_char(text, '*') < 0;
}

static bool
is_method(struct portico_slice name)
{
	static const char other[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < name.length; i++) {
		char c = name.data[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9') && strchr(other, c) == NULL)
			return false;
	}
	return name.length > 0;
}

/* False: not a list of methods. */
static bool
parse_methods(struct arena *arena, const char *text, struct method_set *set)
{
	struct portico_slice rest = slice_from(text);
	struct portico_slice extra[EXTRA_METHODS_MAX];

	memset(set, 0, sizeof(*set));
	if (rest.length == 0 || strcmp(text, "*") == 0) {
		set->all = true;
		set->bits = UINT64_MAX;
		return true;
	}
	while (rest.length > 0) {
		struct portico_slice name = slice_trim(slice_split(&rest, ','));
		enum http_method number;

		if (!is_method(name))
			return false;
		number = http_method_find(name.data, name.length);
		if (number != HTTP_METHOD_UNKNOWN) {
			set->bits |= UINT64_C(1) << number;
			continue;
		}
		if (set->extra_count == EXTRA_METHODS_MAX)
			return false;
		extra[set->extra_count] = arena_slice_dup(arena, name);
		set->extra_count++;
	}
	if (set->extra_count > 0)
		set->extra = arena_memdup(arena, extra,
					  set->extra_count * sizeof(*extra));
	return true;
}

static bool
set_has_extra(const struct method_set *set, struct portico_slice method)
{
	if (set->all)
		return true;
	for (size_t i = 0; i < set->extra_count; i++)
		if (slice_equal(set->extra[i], method))
			return true;
	return false;
}

/* What both permit. */
static struct method_set
set_join(struct arena *arena, const struct method_set *a,
	 const struct method_set *b)
{
	const struct method_set *narrow = a->all ? b : a;
	const struct method_set *other = a->all ? a : b;
	struct method_set joined = { .all = a->all && b->all,
				     .bits = a->bits & b->bits };
	struct portico_slice *extra;

	if (narrow->extra_count == 0)
		return joined;
	extra = arena_zalloc(arena, narrow->extra_count * sizeof(*extra));
	for (size_t i = 0; i < narrow->extra_count; i++) {
		if (!set_has_extra(other, narrow->extra[i]))
			continue;
		extra[joined.extra_count] = narrow->extra[i];
		joined.extra_count++;
	}
	joined.extra = extra;
	return joined;
}

static bool
set_is_empty(const struct method_set *set)
{
	return !set->all && set->bits == 0 && set->extra_count == 0;
}

/* The target's module and handler, or a problem. */
static bool
resolve_target(struct build *build, const struct settings_handler *from,
	       struct handler_target *target_r)
{
	const struct module_record *module = NULL;

	for (size_t i = 0; i < build->module_count; i++)
		if (strcmp(build->modules[i]->name, from->module) == 0)
			module = build->modules[i];
	if (module == NULL) {
		PROBLEM(build, from,
			"module: found \"%s\", which is not among the "
			"modules of this application",
			from->module);
		return false;
	}
	target_r->module = module;
	target_r->handler = module_find_handler(module, from->handler);
	if (target_r->handler != NULL)
		return true;
	if (module->handler_count == 0) {
		PROBLEM(build, from,
			"module: found \"%s\", which has no handlers",
			from->module);
	} else {
		PROBLEM(build, from,
			"handler: found \"%s\", which module %s does not "
			"have; its first one is \"%s\"",
			from->handler, from->module,
			module->module.handlers[0].name);
	}
	return false;
}

static void
build_rule(struct build *build, const struct settings_handler *from,
	   struct rule *rule)
{
	struct method_set permitted, handled;

	if (!parse_pattern(from->path, &rule->kind, &rule->text)) {
		PROBLEM(build, from,
			"path: found \"%s\", allowed are \"*\", \"*.ext\", "
			"\"/prefix/*\" and \"/exact\"",
			from->path);
	}
	rule->text = arena_slice_dup(build->arena, rule->text);
	if (!parse_methods(build->arena, from->methods, &permitted)) {
		PROBLEM(build, from,
			"methods: found \"%s\", allowed are method names "
			"with commas between, at most %d of them unknown to "
			"HTTP",
			from->methods, EXTRA_METHODS_MAX);
		permitted.all = true;
		permitted.bits = UINT64_MAX;
	}
	if (!resolve_target(build, from, &rule->target))
		return;
	/* the descriptor's methods have been checked when it was loaded */
	if (!parse_methods(build->arena, rule->target.handler->methods,
			   &handled))
		memset(&handled, 0, sizeof(handled));
	rule->methods = set_join(build->arena, &permitted, &handled);
	if (set_is_empty(&rule->methods)) {
		PROBLEM(build, from,
			"methods: found \"%s\", but handler \"%s\" answers "
			"only %s",
			from->methods, rule->target.handler->name,
			rule->target.handler->methods);
	}
}

static void
build_targets(struct build *build, struct handler_map *map)
{
	size_t count = 0;

	for (size_t i = 0; i < build->module_count; i++)
		count += build->modules[i]->handler_count;
	map->targets =
		arena_zalloc(build->arena, (count + 1) * sizeof(*map->targets));
	for (size_t i = 0; i < build->module_count; i++) {
		const struct module_record *module = build->modules[i];

		for (uint32_t h = 0; h < module->handler_count; h++) {
			map->targets[map->target_count] =
				(struct handler_target){
					.module = module,
					.handler = &module->module.handlers[h]
				};
			map->target_count++;
		}
	}
}

enum portico_status
handler_map_build(struct arena *arena, const struct settings_handler *rules,
		  size_t rule_count, struct module_record *const *modules,
		  size_t module_count, const struct handler_map **map_r,
		  struct config_problems *problems)
{
	struct build build = { .arena = arena,
			       .modules = modules,
			       .module_count = module_count,
			       .problems = problems };
	struct handler_map *map = arena_zalloc(arena, sizeof(*map));

	map->magic = MAP_MAGIC;
	map->rule_count = rule_count;
	map->rules =
		arena_zalloc(arena, (rule_count + 1) * sizeof(*map->rules));
	for (size_t i = 0; i < rule_count; i++)
		build_rule(&build, &rules[i], &map->rules[i]);
	build_targets(&build, map);
	if (build.failed)
		return PORTICO_CONFIG;
	*map_r = map;
	return PORTICO_OK;
}

/* ---- looking up ---------------------------------------------------------- */

static bool
rule_matches(const struct rule *rule, struct portico_slice path)
{
	switch (rule->kind) {
	case PATTERN_ALL:
		return true;
	case PATTERN_SUFFIX:
		/* Any case: a script must not be served as text because
		 * somebody asks for it in capitals. */
		return path.length >= rule->text.length &&
		       slice_equal_nocase(
			       slice_skip(path,
					  path.length - rule->text.length),
			       rule->text);
	case PATTERN_PREFIX:
		return slice_starts_with(path, rule->text);
	case PATTERN_EXACT:
		return slice_equal(path, rule->text);
	}
	UNREACHABLE();
}

void
handler_map_lookup_number(const struct handler_map *map,
			  struct portico_slice path, unsigned number,
			  struct portico_slice method,
			  struct handler_lookup *lookup)
{
	CHECK(map, MAP_MAGIC);
	ASSERT(number < HTTP_METHOD_COUNT);
	lookup->map = map;
	lookup->path = path;
	lookup->method = method;
	lookup->method_bit =
		number == HTTP_METHOD_UNKNOWN ? 0 : UINT64_C(1) << number;
	lookup->position = 0;
	lookup->path_matched = false;
	lookup->method_refused = false;
}

void
handler_map_lookup(const struct handler_map *map, struct portico_slice path,
		   struct portico_slice method, struct handler_lookup *lookup)
{
	handler_map_lookup_number(map, path,
				  http_method_find(method.data, method.length),
				  method, lookup);
}

static bool
method_permitted(const struct method_set *set,
		 const struct handler_lookup *lookup)
{
	if (lookup->method_bit != 0)
		return (set->bits & lookup->method_bit) != 0;
	return set_has_extra(set, lookup->method);
}

const struct handler_target *
handler_map_next(struct handler_lookup *lookup)
{
	const struct handler_map *map = lookup->map;

	CHECK(map, MAP_MAGIC);
	while (lookup->position < map->rule_count) {
		const struct rule *rule = &map->rules[lookup->position];

		lookup->position++;
		if (!rule_matches(rule, lookup->path))
			continue;
		lookup->path_matched = true;
		if (method_permitted(&rule->methods, lookup))
			return &rule->target;
		lookup->method_refused = true;
	}
	return NULL;
}

/* Appends ", NAME" if all of it fits; false if not. */
static bool
append_method(char *text, size_t size, size_t *length,
	      struct portico_slice name)
{
	size_t comma = *length == 0 ? 0 : 2;

	if (*length + comma + name.length >= size)
		return false;
	if (comma != 0)
		memcpy(text + *length, ", ", comma);
	memcpy(text + *length + comma, name.data, name.length);
	*length += comma + name.length;
	text[*length] = '\0';
	return true;
}

/* CONNECT and TRACE never reach a handler, whatever a rule says. */
#define NEVER_ALLOWED                                                          \
	(UINT64_C(1) << HTTP_METHOD_CONNECT | UINT64_C(1) << HTTP_METHOD_TRACE)

struct portico_slice
handler_map_allow(const struct handler_map *map, struct portico_slice path,
		  char *text, size_t size)
{
	uint64_t bits = 0;
	size_t length = 0;

	CHECK(map, MAP_MAGIC);
	ASSERT(size > 0);
	text[0] = '\0';
	for (size_t i = 0; i < map->rule_count; i++)
		if (rule_matches(&map->rules[i], path))
			bits |= map->rules[i].methods.bits;
	bits &= ~NEVER_ALLOWED;
	for (unsigned m = 1; m < HTTP_METHOD_COUNT; m++)
		if ((bits & UINT64_C(1) << m) != 0)
			append_method(text, size, &length,
				      slice_from(http_method_name(m)));
	for (size_t i = 0; i < map->rule_count; i++) {
		const struct rule *rule = &map->rules[i];

		if (!rule_matches(rule, path))
			continue;
		for (size_t e = 0; e < rule->methods.extra_count; e++)
			append_method(text, size, &length,
				      rule->methods.extra[e]);
	}
	return slice_make(text, length);
}

const struct handler_target *
handler_map_find(const struct handler_map *map, struct portico_slice name)
{
	ptrdiff_t slash = slice_find_char(name, '/');
	struct portico_slice module = slice_make("", 0);

	CHECK(map, MAP_MAGIC);
	if (slash >= 0) {
		module = slice_take(name, (size_t)slash);
		name = slice_skip(name, (size_t)slash + 1);
	}
	for (size_t i = 0; i < map->target_count; i++) {
		const struct handler_target *target = &map->targets[i];

		if (slash >= 0 &&
		    !slice_equal(slice_from(target->module->name), module))
			continue;
		if (slice_equal(slice_from(target->handler->name), name))
			return target;
	}
	return NULL;
}
