/* SPDX-License-Identifier: Apache-2.0
 *
 * --check-config: what every worker of every pool would say when it starts,
 * all of it at once.
 */
#include "core/worker/module_check.h"

#include <string.h>

#include <jansson.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/worker/handler_map.h"
#include "core/worker/location.h"
#include "core/worker/module_config.h"
#include "core/worker/module_load.h"
#include "core/worker/pipeline_explain.h"
#include "core/worker/pipeline_order.h"

struct checker {
	struct arena *arena;
	const struct settings *settings;
	struct config_problems *problems;
	struct module_set *set; /* of the pool at hand */
	FILE *out; /* pipelines are printed here; NULL: not */
	json_t *applications; /* or gathered here; NULL: not */
	struct pipeline_question *question; /* only this one; NULL: all */
	json_t *explanation; /* and its answer */
};

/* The module's file is checked once for each pool that uses it, so a problem
 * is told once for each; the place is where the file is named, if it is. */
static struct module_record *
load_module(struct checker *checker,
	    const struct settings_application *application, const char *name)
{
	const struct settings_module *module =
		settings_find_module(checker->settings, name);
	struct module_record *record = NULL;
	const struct settings_place *place;
	struct portico_error err;

	ASSERT(module != NULL); /* settings know every module in use */
	if (module_set_add(checker->set, name, module->file, &record, &err) ==
	    PORTICO_OK)
		return record;
	place = module->place.file != NULL ? &module->place :
					     &application->place;
	config_problem_at(checker->problems, module_place_file(place),
			  place->line, place->column, "%s", err.message);
	return NULL;
}

static json_t *
json_pipeline(const struct pipeline *pipeline)
{
	json_t *stages = json_object();
	json_t *filters = json_array();

	for (unsigned stage = 0; stage < PIPELINE_STAGES; stage++) {
		const struct pipeline_subscriber *subscribers =
			pipeline_stage_subscribers(pipeline, stage);
		unsigned count = pipeline_stage_count(pipeline, stage);
		json_t *names;

		if (count == 0)
			continue;
		names = json_array();
		for (unsigned i = 0; i < count; i++)
			json_array_append_new(
				names,
				json_string(subscribers[i].module->name));
		json_object_set_new(stages, pipeline_stage_name(stage), names);
	}
	for (uint32_t i = 0; i < pipeline->filter_count; i++)
		json_array_append_new(
			filters,
			json_string(pipeline->filters[i].module->name));
	return json_pack("{s:o, s:o}", "events", stages, "filters", filters);
}

static void
show_pipeline(struct checker *checker,
	      const struct settings_application *application,
	      const struct pipeline *pipeline)
{
	if (checker->out != NULL) {
		fprintf(checker->out, "%s%s (pool %s)\n",
			application->site->name, application->path,
			application->pool->name);
		pipeline_print(checker->out, pipeline);
	}
	if (checker->applications != NULL)
		json_array_append_new(checker->applications,
				      json_pack("{s:s, s:s, s:s, s:o}", "site",
						application->site->name, "path",
						application->path, "pool",
						application->pool->name,
						"pipeline",
						json_pipeline(pipeline)));
}

/* NULL: a problem was added. */
static const struct pipeline *
build_pipeline(struct checker *checker,
	       const struct settings_application *application,
	       struct module_record *const *modules)
{
	const struct pipeline_options options = {
		.modules = modules,
		.module_count = application->module_count,
		.orders = application->orders,
		.order_count = application->order_count,
	};
	const struct settings_place *place = &application->place;
	const struct pipeline *pipeline = NULL;
	struct portico_error err;
	bool placed;

	error_clear(&err);
	if (pipeline_build(checker->arena, &options, &pipeline, &err) ==
	    PORTICO_OK)
		return pipeline;
	placed = err.file[0] != '\0';
	config_problem_at(checker->problems,
			  placed ? err.file : module_place_file(place),
			  placed ? err.line : place->line,
			  placed ? err.column : place->column, "%s%s%s",
			  err.message, err.hint[0] == '\0' ? "" : "; ",
			  err.hint);
	return NULL;
}

static bool
is_asked_for(const struct checker *checker,
	     const struct settings_application *application)
{
	return checker->question == NULL ||
	       checker->question->application == application;
}

static void
check_application(struct checker *checker,
		  const struct settings_application *application)
{
	struct module_record **modules = mem_zalloc_array(
		application->module_count + 1, sizeof(struct module_record *));
	const void **configurations = mem_zalloc_array(
		application->module_count + 1, sizeof(const void *));
	const struct pipeline *pipeline = NULL;
	const struct handler_map *map = NULL;
	size_t count = 0;

	for (size_t i = 0; i < application->module_count; i++) {
		const char *name = application->modules[i];
		void *configuration = NULL;

		modules[count] = load_module(checker, application, name);
		if (modules[count] == NULL)
			continue;
		module_config_fill(&modules[count]->module,
				   settings_find_section(application, name),
				   checker->arena, &configuration,
				   checker->problems);
		configurations[count++] = configuration;
	}
	locations_make(application, modules, configurations, count,
		       checker->arena, checker->problems);
	/* With a module missing, rows that name it would be blamed for it. */
	if (count == application->module_count) {
		pipeline = build_pipeline(checker, application, modules);
		handler_map_build(checker->arena, application->handlers,
				  application->handler_count, modules, count,
				  &map, checker->problems);
	}
	if (pipeline != NULL)
		show_pipeline(checker, application, pipeline);
	if (checker->question != NULL && pipeline != NULL && map != NULL)
		checker->explanation =
			pipeline_explain(checker->question, pipeline, map);
	mem_free(configurations);
	mem_free(modules);
}

static void
check_pool(struct checker *checker, const struct settings_pool *pool,
	   const struct portico_host *host)
{
	size_t before = config_problem_count(checker->problems);
	struct portico_error err;

	checker->set = module_set_new(host);
	for (size_t s = 0; s < checker->settings->site_count; s++) {
		const struct settings_site *site = &checker->settings->sites[s];

		for (size_t a = 0; a < site->application_count; a++)
			if (site->applications[a].pool == pool &&
			    is_asked_for(checker, &site->applications[a]))
				check_application(checker,
						  &site->applications[a]);
	}
	if (config_problem_count(checker->problems) == before &&
	    module_set_resolve(checker->set, &err) != PORTICO_OK)
		config_problem_at(checker->problems,
				  module_place_file(&pool->place),
				  pool->place.line, pool->place.column,
				  "pool %s: %s", pool->name, err.message);
	module_set_free(checker->set);
}

static json_t *
json_problems(struct checker *checker)
{
	json_t *problems = json_array();

	for (size_t i = 0; i < config_problem_count(checker->problems); i++) {
		const char *text = config_problem_text(checker->problems, i);

		if (text == NULL)
			break;
		json_array_append_new(problems, json_string(text));
	}
	return problems;
}

static void
print_json(FILE *out, struct checker *checker)
{
	json_t *problems = json_problems(checker);
	json_t *root = json_pack("{s:b, s:o, s:o}", "ok",
				 json_array_size(problems) == 0, "problems",
				 problems, "applications",
				 checker->applications);

	json_dumpf(root, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(root);
}

static struct settings *
read_settings(const char *path, int fd, struct config_problems *problems)
{
	struct settings *settings = NULL;
	struct portico_error err;
	struct buffer text;

	if (fd < 0)
		return settings_read_file(path, problems);
	buffer_init(&text, 0);
	if (io_memfd_read(fd, CONFIG_FILE_BYTES_MAX, &text, &err) == PORTICO_OK)
		settings = settings_read_text(text.data, text.length, path,
					      problems);
	else
		config_problem_at(problems, path, 0, 0, "%s", err.message);
	buffer_fini(&text);
	return settings;
}

int
module_check_config(FILE *out, const char *path, int fd, bool json,
		    const struct portico_host *host)
{
	/* porticod, who hands a descriptor, wants the problems only. */
	struct checker checker = { .out = json || fd >= 0 ? NULL : out };
	struct settings *settings;
	bool good;

	checker.arena = arena_new("config-check", 0);
	checker.problems = config_problems_new(checker.arena);
	if (json)
		checker.applications = json_array();
	settings = read_settings(path, fd, checker.problems);
	checker.settings = settings;
	for (size_t i = 0; settings != NULL && i < settings->pool_count; i++)
		check_pool(&checker, &settings->pools[i], host);
	good = config_problem_count(checker.problems) == 0;
	if (json)
		print_json(out, &checker);
	fflush(out);
	if (!good && !json)
		config_print_problems(checker.problems, stderr);
	if (settings != NULL)
		settings_unref(&settings);
	arena_free(checker.arena);
	return good ? 0 : 1;
}

static void
print_order(FILE *out, struct checker *checker, bool json)
{
	json_t *root = checker->explanation;

	if (json) {
		if (root == NULL)
			root = json_object();
		json_object_set_new(root, "ok",
				    json_boolean(checker->explanation != NULL));
		json_object_set_new(root, "problems", json_problems(checker));
		json_dumpf(root, out, JSON_INDENT(2));
		fputc('\n', out);
	} else if (root != NULL) {
		pipeline_explain_print(out, root);
	} else {
		config_print_problems(checker->problems, stderr);
	}
	fflush(out);
	json_decref(root);
}

int
module_show_order(FILE *out, const char *path, int fd, const char *url,
		  const char *method, bool json,
		  const struct portico_host *host)
{
	struct checker checker = { 0 };
	struct pipeline_question question = { .method = method };
	struct settings *settings;
	struct portico_error err;
	bool good = false;

	checker.arena = arena_new("order-show", 0);
	checker.problems = config_problems_new(checker.arena);
	checker.question = &question;
	settings = read_settings(path, fd, checker.problems);
	checker.settings = settings;
	if (settings != NULL) {
		if (pipeline_question_find(&question, settings, url,
					   checker.arena, &err) == PORTICO_OK)
			check_pool(&checker, question.application->pool, host);
		else
			config_problem_at(checker.problems, path, 0, 0, "%s",
					  err.message);
	}
	if (config_problem_count(checker.problems) > 0) {
		json_decref(checker.explanation);
		checker.explanation = NULL;
	}
	good = checker.explanation != NULL;
	print_order(out, &checker, json);
	if (settings != NULL)
		settings_unref(&settings);
	arena_free(checker.arena);
	return good ? 0 : 1;
}
