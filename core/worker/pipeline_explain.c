/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs for one request, in which order, and why.
 *
 * The reasons are found from the result: which wishes of which module, and
 * which line of the configuration, concern two modules of one event.
 */
#include "core/worker/pipeline_explain.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/config/settings.h"
#include "core/http/url.h"
#include "core/worker/handler_map.h"
#include "core/worker/module_load.h"
#include "core/worker/pipeline_order.h"

#define ALLOW_BYTES 256

/* ---- the question -------------------------------------------------------- */

static const struct settings_site *
find_site(const struct settings *settings, struct portico_slice name)
{
	for (size_t i = 0; i < settings->site_count; i++)
		if (slice_equal(slice_from(settings->sites[i].name), name))
			return &settings->sites[i];
	return NULL;
}

/* As the listener's routes have it: longest first, whole segments. */
static const struct settings_application *
find_application(const struct settings_site *site, struct portico_slice path)
{
	for (size_t i = 0; i < site->application_count; i++) {
		struct portico_slice own =
			slice_from(site->applications[i].path);

		if (own.length == 1 || (slice_starts_with(path, own) &&
					(path.length == own.length ||
					 path.data[own.length] == '/')))
			return &site->applications[i];
	}
	return NULL;
}

static struct portico_slice
path_below(const struct settings_application *application,
	   struct portico_slice path)
{
	size_t length = strlen(application->path);

	if (length == 1)
		return path;
	path = slice_skip(path, length);
	return path.length == 0 ? slice_make("/", 1) : path;
}

enum portico_status
pipeline_question_find(struct pipeline_question *question,
		       const struct settings *settings, const char *url,
		       struct arena *arena, struct portico_error *err)
{
	struct portico_slice whole = slice_from(url), name = whole;
	ptrdiff_t slash = slice_find_char(whole, '/');
	const struct settings_site *site;
	struct http_url cooked;
	char *path;

	if (slash >= 0)
		name = slice_take(whole, (size_t)slash);
	whole = slice_skip(whole, name.length);
	site = find_site(settings, name);
	if (site == NULL)
		return error_set(err, PORTICO_NOT_FOUND,
				 "there is no site \"%.*s\"; its name goes "
				 "before the first '/', as in SITE/PATH",
				 SLICE_ARGS(name));
	path = arena_zalloc(arena, whole.length + 2);
	if (http_url_cook(whole.data, whole.length, path,
			  &http_url_limits_default,
			  &cooked) != HTTP_REASON_NONE)
		return error_set(err, PORTICO_INVALID,
				 "the path %.*s is none that a request may "
				 "have",
				 SLICE_ARGS(whole));
	question->path = slice_make(path, cooked.path_length);
	question->application = find_application(site, question->path);
	if (question->application == NULL)
		return error_set(err, PORTICO_NOT_FOUND,
				 "site %s has no application for %.*s",
				 site->name, SLICE_ARGS(question->path));
	question->below = path_below(question->application, question->path);
	return PORTICO_OK;
}

/* ---- why ----------------------------------------------------------------- */

/* One that runs in a stage, or one filter. */
struct member {
	const char *module;
	const char *alias; /* of a filter, else the module's name */
	const char *const *before, *const *after;
};

static bool
names(const char *const *list, const struct member *member)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, member->module) == 0 ||
		    strcmp(*list, member->alias) == 0)
			return true;
	return false;
}

static size_t
rank(const struct settings_order *order, const struct member *member)
{
	size_t at = 0;

	while (at < order->count &&
	       strcmp(order->modules[at], member->module) != 0)
		at++;
	return at;
}

static void
add(json_t *reasons, const char *format, const char *word, const char *name)
{
	json_array_append_new(reasons, json_sprintf(format, word, name));
}

/* What is said about `one` with respect to `other`. */
static void
add_reasons(json_t *reasons, const struct settings_order *order,
	    const struct member *one, const struct member *other)
{
	size_t none = order == NULL ? 0 : order->count;
	size_t own = order == NULL ? 0 : rank(order, one);
	size_t its = order == NULL ? 0 : rank(order, other);
	bool fixed = order != NULL && own != none && its != none && own != its;

	if (fixed && own + 1 == its)
		add(reasons, "%s %s by configuration", "before", other->module);
	if (fixed && its + 1 == own)
		add(reasons, "%s %s by configuration", "after", other->module);
	if (names(one->before, other))
		add(reasons,
		    fixed && own > its ? "%s %s is overruled" : "%s %s",
		    "before", other->module);
	if (names(one->after, other))
		add(reasons,
		    fixed && own < its ? "%s %s is overruled" : "%s %s",
		    "after", other->module);
	if (names(other->before, one) && !(fixed && own < its))
		add(reasons, "%s %s, which says so", "after", other->module);
	if (names(other->after, one) && !(fixed && own > its))
		add(reasons, "%s %s, which says so", "before", other->module);
}

static json_t *
explain_member(const struct settings_order *order, const struct member *all,
	       size_t count, size_t index)
{
	json_t *reasons = json_array();

	for (size_t i = 0; i < count; i++)
		if (i != index)
			add_reasons(reasons, order, &all[index], &all[i]);
	if (json_array_size(reasons) == 0)
		json_array_append_new(reasons,
				      json_string("as listed in modules"));
	return json_pack("{s:s, s:o}", "module", all[index].module, "why",
			 reasons);
}

static json_t *
explain_members(const struct pipeline_question *question, unsigned event,
		const struct member *all, size_t count)
{
	const struct settings_application *application = question->application;
	const struct settings_order *order = pipeline_find_order(
		application->orders, application->order_count, event);
	json_t *modules = json_array(), *stage;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(modules,
				      explain_member(order, all, count, i));
	stage = json_pack("{s:s, s:o}", "event", settings_order_events[event],
			  "modules", modules);
	if (order != NULL && order->place.file != NULL)
		json_object_set_new(stage, "order",
				    json_sprintf("%s:%u:%u", order->place.file,
						 order->place.line,
						 order->place.column));
	return stage;
}

/* ---- the answer ---------------------------------------------------------- */

static json_t *
explain_events(const struct pipeline_question *question,
	       const struct pipeline *pipeline, struct arena *arena)
{
	json_t *events = json_array();

	for (unsigned stage = 0; stage < PIPELINE_STAGES; stage++) {
		const struct pipeline_subscriber *subscribers =
			pipeline_stage_subscribers(pipeline, stage);
		unsigned count = pipeline_stage_count(pipeline, stage);
		struct member *members =
			arena_zalloc(arena, (count + 1) * sizeof *members);

		if (count == 0)
			continue;
		for (unsigned i = 0; i < count; i++)
			members[i] = (struct member){
				.module = subscribers[i].module->name,
				.alias = subscribers[i].module->name,
				.before = subscribers[i].row->before,
				.after = subscribers[i].row->after,
			};
		json_array_append_new(events, explain_members(question, stage,
							      members, count));
	}
	return events;
}

static json_t *
explain_filters(const struct pipeline_question *question,
		const struct pipeline *pipeline, struct arena *arena)
{
	uint32_t count = pipeline->filter_count;
	struct member *members =
		arena_zalloc(arena, (count + 1) * sizeof *members);
	json_t *stage, *filters;

	for (uint32_t i = 0; i < count; i++)
		members[i] = (struct member){
			.module = pipeline->filters[i].module->name,
			.alias = pipeline->filters[i].filter->name,
			.before = pipeline->filters[i].filter->before,
			.after = pipeline->filters[i].filter->after,
		};
	stage = explain_members(question, SETTINGS_ORDER_FILTERS, members,
				count);
	filters = json_incref(json_object_get(stage, "modules"));
	json_decref(stage);
	return filters;
}

static json_t *
explain_handlers(const struct pipeline_question *question,
		 const struct handler_map *map)
{
	json_t *handlers = json_array();
	const struct handler_target *target;
	struct handler_lookup lookup;

	handler_map_lookup(map, question->below, slice_from(question->method),
			   &lookup);
	for (;;) {
		target = handler_map_next(&lookup);
		if (target == NULL)
			return handlers;
		json_array_append_new(
			handlers, json_pack("{s:s, s:s, s:s?}", "module",
					    target->module->name, "handler",
					    target->handler->name, "methods",
					    target->handler->methods));
	}
}

/* Whose settings count: the longest is the last.  NULL: the application's
 * own. */
static const struct settings_location *
find_location(const struct pipeline_question *question)
{
	const struct settings_application *application = question->application;

	for (size_t i = application->location_count; i-- > 0;)
		if (settings_path_covers(
			    slice_from(application->locations[i].path),
			    question->below))
			return &application->locations[i];
	return NULL;
}

json_t *
pipeline_explain(const struct pipeline_question *question,
		 const struct pipeline *pipeline, const struct handler_map *map)
{
	const struct settings_application *application = question->application;
	struct arena *arena = arena_new("explain", 0);
	const struct settings_location *location = find_location(question);
	char allow[ALLOW_BYTES];
	json_t *json;

	handler_map_allow(map, question->below, allow, sizeof allow);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s%, s:o, s:o, s:o, s:s}",
			 "site", application->site->name, "application",
			 application->path, "pool", application->pool->name,
			 "method", question->method, "path",
			 question->path.data, question->path.length, "events",
			 explain_events(question, pipeline, arena), "filters",
			 explain_filters(question, pipeline, arena), "handlers",
			 explain_handlers(question, map), "allow", allow);
	if (location != NULL)
		json_object_set_new(json, "location",
				    json_string(location->path));
	arena_free(arena);
	return json;
}

/* ---- for people ---------------------------------------------------------- */

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

static void
print_modules(FILE *out, const json_t *modules)
{
	size_t i, k;
	json_t *module, *reason;

	json_array_foreach(modules, i, module)
	{
		fprintf(out, "  %-18s", text_of(module, "module"));
		json_array_foreach(json_object_get(module, "why"), k, reason)
			fprintf(out, "%s%s", k == 0 ? "" : "; ",
				json_string_value(reason));
		fputc('\n', out);
	}
}

static void
print_handlers(FILE *out, const json_t *explanation)
{
	const json_t *handlers = json_object_get(explanation, "handlers");
	const char *allow = text_of(explanation, "allow");
	size_t i;
	json_t *handler;

	fprintf(out, "handlers, each asked until one answers\n");
	json_array_foreach(handlers, i, handler)
		fprintf(out, "  %-18s%s, methods %s\n",
			text_of(handler, "module"), text_of(handler, "handler"),
			json_is_string(json_object_get(handler, "methods")) ?
				text_of(handler, "methods") :
				"all");
	if (json_array_size(handlers) != 0)
		return;
	if (allow[0] == '\0')
		fprintf(out, "  none is mapped to the path: 404\n");
	else
		fprintf(out, "  none for %s, but for %s: 405\n",
			text_of(explanation, "method"), allow);
}

void
pipeline_explain_print(FILE *out, const json_t *explanation)
{
	const json_t *filters = json_object_get(explanation, "filters");
	const char *location = text_of(explanation, "location");
	size_t i;
	json_t *stage;

	fprintf(out, "%s %s: site %s, application %s, pool %s\n",
		text_of(explanation, "method"), text_of(explanation, "path"),
		text_of(explanation, "site"),
		text_of(explanation, "application"),
		text_of(explanation, "pool"));
	if (location[0] != '\0')
		fprintf(out, "settings of location %s\n", location);
	json_array_foreach(json_object_get(explanation, "events"), i, stage)
	{
		const char *order = text_of(stage, "order");

		fprintf(out, "%s%s%s\n", text_of(stage, "event"),
			order[0] == '\0' ? "" : ", order given at ", order);
		print_modules(out, json_object_get(stage, "modules"));
	}
	print_handlers(out, explanation);
	if (json_array_size(filters) == 0)
		return;
	fprintf(out, "FILTERS, from the handler to the client\n");
	print_modules(out, filters);
}
