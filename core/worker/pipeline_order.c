/* SPDX-License-Identifier: Apache-2.0
 *
 * Subscribers and filters go through one sort: nodes in configuration order,
 * edges from the before/after names.  The sort always takes the first node
 * in configuration order that nothing unplaced must precede, so what is not
 * constrained stays as configured.  Quadratic; a stage has a handful of nodes.
 */
#include "core/worker/pipeline_order.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/worker/module_load.h"

/* More would not fit first[] nor the sort's edge matrix in sensible time. */
#define STAGE_NODES_MAX 1024

/* One thing to put in order. */
struct node {
	const struct module_record *module;
	const char *alias; /* filter's name, or the module's */
	const char *event; /* name of a custom event, or NULL */
	const char *const *before;
	const char *const *after;
	const void *row; /* struct portico_subscription or portico_filter */
};

struct sorter {
	struct node *nodes; /* in configuration order */
	size_t count;
	bool *edges; /* edges[a * count + b]: a must come before b */
	bool *placed;
	size_t *order; /* result: indexes of nodes */
	const char *stage; /* for the sentence */
	const struct settings_order *given; /* NULL: none is configured */
};

static const char *const event_names[PORTICO_EVENT_COUNT] = {
	[PORTICO_EVENT_NONE] = "NONE",
	[PORTICO_EVENT_BEGIN] = "BEGIN",
	[PORTICO_EVENT_AUTHENTICATE] = "AUTHENTICATE",
	[PORTICO_EVENT_AUTHORIZE] = "AUTHORIZE",
	[PORTICO_EVENT_RESOLVE_CACHE] = "RESOLVE_CACHE",
	[PORTICO_EVENT_MAP_HANDLER] = "MAP_HANDLER",
	[PORTICO_EVENT_ACQUIRE_STATE] = "ACQUIRE_STATE",
	[PORTICO_EVENT_PRE_EXECUTE] = "PRE_EXECUTE",
	[PORTICO_EVENT_EXECUTE] = "EXECUTE",
	[PORTICO_EVENT_RELEASE_STATE] = "RELEASE_STATE",
	[PORTICO_EVENT_UPDATE_CACHE] = "UPDATE_CACHE",
	[PORTICO_EVENT_LOG] = "LOG",
	[PORTICO_EVENT_END] = "END",
	[PORTICO_EVENT_MAP_PATH] = "MAP_PATH",
	[PORTICO_EVENT_READ_ENTITY] = "READ_ENTITY",
	[PORTICO_EVENT_SEND_RESPONSE] = "SEND_RESPONSE",
	[PORTICO_EVENT_CUSTOM] = "CUSTOM",
};

static const char *const post_names[PIPELINE_REQUEST_STAGES / 2 + 1] = {
	[PORTICO_EVENT_NONE] = "NONE",
	[PORTICO_EVENT_BEGIN] = "POST_BEGIN",
	[PORTICO_EVENT_AUTHENTICATE] = "POST_AUTHENTICATE",
	[PORTICO_EVENT_AUTHORIZE] = "POST_AUTHORIZE",
	[PORTICO_EVENT_RESOLVE_CACHE] = "POST_RESOLVE_CACHE",
	[PORTICO_EVENT_MAP_HANDLER] = "POST_MAP_HANDLER",
	[PORTICO_EVENT_ACQUIRE_STATE] = "POST_ACQUIRE_STATE",
	[PORTICO_EVENT_PRE_EXECUTE] = "POST_PRE_EXECUTE",
	[PORTICO_EVENT_EXECUTE] = "POST_EXECUTE",
	[PORTICO_EVENT_RELEASE_STATE] = "POST_RELEASE_STATE",
	[PORTICO_EVENT_UPDATE_CACHE] = "POST_UPDATE_CACHE",
	[PORTICO_EVENT_LOG] = "POST_LOG",
	[PORTICO_EVENT_END] = "POST_END",
};

_Static_assert(PIPELINE_STAGES == 28, "every event has a stage");
_Static_assert(SETTINGS_ORDER_FILTERS == PIPELINE_STAGES,
	       "portico.json knows the same stages");
_Static_assert(PORTICO_EVENT_COUNT - PORTICO_EVENT_MAP_PATH ==
		       PIPELINE_STAGES - PIPELINE_REQUEST_STAGES,
	       "every event that happens on its own has a stage");

const char *
pipeline_event_name(enum portico_event event)
{
	if ((unsigned)event >= PORTICO_EVENT_COUNT)
		return "UNKNOWN";
	return event_names[event];
}

const char *
pipeline_stage_name(unsigned stage)
{
	if (stage >= PIPELINE_STAGES)
		return "UNKNOWN";
	if (PIPELINE_STAGE_PHASE(stage) == PORTICO_PHASE_POST)
		return post_names[PIPELINE_STAGE_EVENT(stage)];
	return event_names[PIPELINE_STAGE_EVENT(stage)];
}

/* ---- sorting ------------------------------------------------------------- */

static bool
node_is_named(const struct node *node, const char *name)
{
	return strcmp(node->module->name, name) == 0 ||
	       strcmp(node->alias, name) == 0;
}

/* Those that one thing makes run: others need no order between them. */
static bool
run_together(const struct node *a, const struct node *b)
{
	return a->event == NULL || strcmp(a->event, b->event) == 0;
}

/* `forward`: `node` comes before those named, else after them. */
static void
add_edges(struct sorter *sorter, size_t node, const char *const *names,
	  bool forward)
{
	for (; names != NULL && *names != NULL; names++) {
		for (size_t i = 0; i < sorter->count; i++) {
			size_t first = forward ? node : i;
			size_t second = forward ? i : node;

			if (node_is_named(&sorter->nodes[i], *names) &&
			    run_together(&sorter->nodes[i],
					 &sorter->nodes[node]))
				sorter->edges[first * sorter->count + second] =
					true;
		}
	}
}

/* Place of a node in the configured order; its count when it has none. */
static size_t
rank_of(const struct sorter *sorter, size_t node)
{
	const char *name = sorter->nodes[node].module->name;
	size_t rank = 0;

	while (rank < sorter->given->count &&
	       strcmp(sorter->given->modules[rank], name) != 0)
		rank++;
	return rank;
}

/* Between the modules that it names, the configuration alone counts. */
static void
apply_order(struct sorter *sorter)
{
	size_t none = sorter->given->count;

	for (size_t a = 0; a < sorter->count; a++) {
		for (size_t b = 0; b < sorter->count; b++) {
			size_t first = rank_of(sorter, a);
			size_t second = rank_of(sorter, b);

			if (first != none && second != none && first != second)
				sorter->edges[a * sorter->count + b] = first <
								       second;
		}
	}
}

static enum portico_status
check_taking_part(const struct sorter *sorter, struct portico_error *err)
{
	const struct settings_order *order = sorter->given;

	for (size_t i = 0; i < order->count; i++) {
		size_t at = 0;

		while (at < sorter->count &&
		       strcmp(sorter->nodes[at].module->name,
			      order->modules[i]) != 0)
			at++;
		if (at < sorter->count)
			continue;
		error_set(err, PORTICO_CONFIG,
			  "order: module %s takes no part in %s",
			  order->modules[i], sorter->stage);
		if (order->place.file != NULL)
			error_place(err, order->place.file, order->place.line,
				    order->place.column);
		return PORTICO_CONFIG;
	}
	return PORTICO_OK;
}

/* An unplaced node that must come before `node`; count if there is none. */
static size_t
find_predecessor(const struct sorter *sorter, size_t node)
{
	for (size_t i = 0; i < sorter->count; i++)
		if (!sorter->placed[i] &&
		    sorter->edges[i * sorter->count + node])
			return i;
	return sorter->count;
}

/*
 * Every unplaced node has an unplaced predecessor now, so walking backwards
 * ends on a node met before, and from there on it is a circle.  Walks it once
 * more to name it.
 */
static enum portico_status
refuse_circle(const struct sorter *sorter, struct portico_error *err)
{
	char text[256] = "";
	size_t at = 0, start, used = 0;

	while (sorter->placed[at])
		at++;
	for (size_t steps = 0; steps < sorter->count; steps++)
		at = find_predecessor(sorter, at);
	start = at;
	do {
		int length = snprintf(text + used, sizeof(text) - used,
				      "%s after ",
				      sorter->nodes[at].module->name);

		if (length < 0 || (size_t)length >= sizeof(text) - used)
			break;
		used += (size_t)length;
		at = find_predecessor(sorter, at);
	} while (at != start);
	snprintf(text + used, sizeof(text) - used, "%s",
		 sorter->nodes[start].module->name);
	error_set(err, PORTICO_CONFIG,
		  "modules cannot be put in order for %s: %s", sorter->stage,
		  text);
	error_hint(err, "Give the order of these modules in \"order\", or "
			"leave one of them out of \"modules\".");
	return PORTICO_CONFIG;
}

static enum portico_status
sort_edges(struct sorter *sorter, struct portico_error *err)
{
	for (size_t i = 0; i < sorter->count; i++) {
		add_edges(sorter, i, sorter->nodes[i].before, true);
		add_edges(sorter, i, sorter->nodes[i].after, false);
	}
	if (sorter->given != NULL)
		apply_order(sorter);
	for (size_t done = 0; done < sorter->count; done++) {
		size_t next = 0;

		while (next < sorter->count &&
		       (sorter->placed[next] ||
			find_predecessor(sorter, next) != sorter->count))
			next++;
		if (next == sorter->count)
			return refuse_circle(sorter, err);
		sorter->placed[next] = true;
		sorter->order[done] = next;
	}
	return PORTICO_OK;
}

/* Puts `nodes` in order, in place. */
static enum portico_status
sort_nodes(struct node *nodes, size_t count, const char *stage,
	   const struct settings_order *order, struct portico_error *err)
{
	struct sorter sorter = {
		.nodes = nodes, .count = count, .stage = stage, .given = order
	};
	enum portico_status status;
	struct node *sorted;

	if (order != NULL) {
		status = check_taking_part(&sorter, err);
		if (status != PORTICO_OK)
			return status;
	}
	if (count == 0)
		return PORTICO_OK;
	if (count > STAGE_NODES_MAX)
		return error_set(err, PORTICO_CONFIG,
				 "%zu subscribers for %s, allowed are %d",
				 count, stage, STAGE_NODES_MAX);
	sorter.edges = mem_zalloc_array(count, count);
	sorter.placed = mem_zalloc_array(count, sizeof(*sorter.placed));
	sorter.order = mem_zalloc_array(count, sizeof(*sorter.order));
	status = sort_edges(&sorter, err);
	if (status == PORTICO_OK) {
		sorted = mem_dup(nodes, count * sizeof(*nodes));
		for (size_t i = 0; i < count; i++)
			nodes[i] = sorted[sorter.order[i]];
		mem_free(sorted);
	}
	mem_free(sorter.order);
	mem_free(sorter.placed);
	mem_free(sorter.edges);
	return status;
}

const struct settings_order *
pipeline_find_order(const struct settings_order *orders, size_t count,
		    unsigned stage)
{
	for (size_t i = 0; i < count; i++)
		if (orders[i].event == stage)
			return &orders[i];
	return NULL;
}

/* ---- collecting ---------------------------------------------------------- */

/* The build in progress.  `nodes` has room for every row of every module. */
struct build {
	const struct pipeline_options *options;
	struct module_record *const *modules;
	size_t module_count;
	struct node *nodes;
	struct pipeline_subscriber *subscribers;
	size_t subscriber_count;
	struct pipeline *pipeline;
};

static size_t
collect_stage(struct build *build, unsigned stage)
{
	size_t count = 0;

	for (size_t m = 0; m < build->module_count; m++) {
		const struct module_record *module = build->modules[m];
		const struct portico_subscription *rows =
			module->module.subscriptions;

		for (uint32_t i = 0; i < module->subscription_count; i++) {
			if (rows[i].event != PIPELINE_STAGE_EVENT(stage) ||
			    rows[i].phase != PIPELINE_STAGE_PHASE(stage))
				continue;
			build->nodes[count] =
				(struct node){ .module = module,
					       .alias = module->name,
					       .event = rows[i].name,
					       .before = rows[i].before,
					       .after = rows[i].after,
					       .row = &rows[i] };
			count++;
		}
	}
	return count;
}

static enum portico_status
build_stage(struct build *build, unsigned stage, struct portico_error *err)
{
	size_t count = collect_stage(build, stage);
	enum portico_status status = sort_nodes(
		build->nodes, count, pipeline_stage_name(stage),
		pipeline_find_order(build->options->orders,
				    build->options->order_count, stage),
		err);

	if (status != PORTICO_OK)
		return status;
	build->pipeline->first[stage] = (uint16_t)build->subscriber_count;
	for (size_t i = 0; i < count; i++) {
		const struct portico_subscription *row = build->nodes[i].row;

		build->subscribers[build->subscriber_count] =
			(struct pipeline_subscriber){
				.function = row->function,
				.module = build->nodes[i].module,
				.row = row
			};
		build->subscriber_count++;
	}
	build->pipeline->first[stage + 1] = (uint16_t)build->subscriber_count;
	return PORTICO_OK;
}

static enum portico_status
build_filters(struct build *build, struct arena *arena,
	      struct portico_error *err)
{
	struct pipeline_filter *filters;
	enum portico_status status;
	size_t count = 0;

	for (size_t m = 0; m < build->module_count; m++) {
		const struct portico_filter *filter =
			build->modules[m]->module.filter;

		if (filter == NULL)
			continue;
		build->nodes[count] =
			(struct node){ .module = build->modules[m],
				       .alias = filter->name,
				       .before = filter->before,
				       .after = filter->after,
				       .row = filter };
		count++;
	}
	status = sort_nodes(build->nodes, count, "response filters",
			    pipeline_find_order(build->options->orders,
						build->options->order_count,
						SETTINGS_ORDER_FILTERS),
			    err);
	if (status != PORTICO_OK || count == 0)
		return status;
	filters = arena_zalloc(arena, count * sizeof(*filters));
	for (size_t i = 0; i < count; i++) {
		filters[i].filter = build->nodes[i].row;
		filters[i].module = build->nodes[i].module;
	}
	build->pipeline->filters = filters;
	build->pipeline->filter_count = (uint32_t)count;
	return PORTICO_OK;
}

static void
fill_next(struct pipeline *pipeline, uint32_t stops)
{
	uint8_t next = PIPELINE_REQUEST_STAGES;

	pipeline->next[PIPELINE_REQUEST_STAGES] = next;
	for (unsigned stage = PIPELINE_REQUEST_STAGES; stage-- > 0;) {
		if (pipeline_stage_count(pipeline, stage) > 0 ||
		    (stops & PIPELINE_STAGE_BIT(stage)) != 0)
			next = (uint8_t)stage;
		pipeline->next[stage] = next;
	}
}

enum portico_status
pipeline_build(struct arena *arena, const struct pipeline_options *options,
	       const struct pipeline **pipeline_r, struct portico_error *err)
{
	struct module_record *const *modules = options->modules;
	size_t module_count = options->module_count;
	struct build build = { .options = options,
			       .modules = modules,
			       .module_count = module_count };
	size_t rows = module_count; /* one filter each, at most */
	enum portico_status status = PORTICO_OK;

	for (size_t m = 0; m < module_count; m++) {
		CHECK(modules[m], MODULE_RECORD_MAGIC);
		rows += modules[m]->subscription_count;
	}
	if (rows > UINT16_MAX)
		return error_set(err, PORTICO_CONFIG,
				 "%zu subscriptions in one application, "
				 "allowed are %d",
				 rows, UINT16_MAX);
	build.pipeline = arena_zalloc(arena, sizeof(*build.pipeline));
	build.nodes = mem_zalloc_array(rows + 1, sizeof(*build.nodes));
	build.subscribers =
		arena_zalloc(arena, (rows + 1) * sizeof(*build.subscribers));
	for (unsigned stage = 0; stage < PIPELINE_STAGES; stage++) {
		status = build_stage(&build, stage, err);
		if (status != PORTICO_OK)
			goto out;
	}
	status = build_filters(&build, arena, err);
	if (status != PORTICO_OK)
		goto out;
	fill_next(build.pipeline, options->stops);
	build.pipeline->subscribers = build.subscribers;
	build.pipeline->subscriber_count = (uint32_t)build.subscriber_count;
	build.pipeline->modules =
		arena_memdup(arena, modules, module_count * sizeof(*modules));
	build.pipeline->module_count = (uint32_t)module_count;
	build.pipeline->magic = PIPELINE_MAGIC;
	*pipeline_r = build.pipeline;
out:
	mem_free(build.nodes);
	return status;
}

void
pipeline_print(FILE *stream, const struct pipeline *pipeline)
{
	CHECK(pipeline, PIPELINE_MAGIC);
	for (unsigned stage = 0; stage < PIPELINE_STAGES; stage++) {
		const struct pipeline_subscriber *subscriber =
			pipeline_stage_subscribers(pipeline, stage);
		unsigned count = pipeline_stage_count(pipeline, stage);

		if (count == 0)
			continue;
		fprintf(stream, "%-20s", pipeline_stage_name(stage));
		for (unsigned i = 0; i < count; i++) {
			fprintf(stream, " %s", subscriber[i].module->name);
			if (subscriber[i].row->name != NULL)
				fprintf(stream, "(%s)",
					subscriber[i].row->name);
		}
		fputc('\n', stream);
	}
	if (pipeline->filter_count == 0)
		return;
	fprintf(stream, "%-20s", "filters");
	for (uint32_t i = 0; i < pipeline->filter_count; i++)
		fprintf(stream, " %s", pipeline->filters[i].module->name);
	fputc('\n', stream);
}
