/* SPDX-License-Identifier: Apache-2.0
 *
 * From the settings of a pool to loaded modules and built applications.  Runs
 * once, on the main thread; all problems are reported, not only the first.
 */
#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/worker/location.h"
#include "core/worker/module_config.h"
#include "core/worker/worker.h"

#define MODULES_MAX 256 /* of one application */

struct configure {
	struct portico_worker *worker;
	const struct settings *settings;
	struct config_problems *problems;
};

static void
add_problem(struct configure *configure, const struct settings_place *place,
	    const struct portico_error *failure)
{
	const struct portico_error *f = failure;
	bool placed = f->file[0] != '\0';

	config_problem_at(configure->problems,
			  placed	      ? f->file :
			  place->file != NULL ? place->file :
						configure->settings->file,
			  placed ? f->line : place->line,
			  placed ? f->column : place->column, "%s%s%s",
			  f->message, f->hint[0] != '\0' ? "; " : "", f->hint);
}

/* The record of a module by name; NULL: a problem was added. */
static struct module_record *
load(struct configure *configure,
     const struct settings_application *application, const char *name)
{
	const struct settings_module *module =
		settings_find_module(configure->settings, name);
	struct portico_error failure;
	struct module_record *record;

	error_clear(&failure);
	if (module == NULL) {
		error_set(&failure, PORTICO_CONFIG,
			  "module \"%s\" is not in the settings", name);
		add_problem(configure, &application->place, &failure);
		return NULL;
	}
	/* Refused before: said once. */
	record = module_set_find(configure->worker->modules, name);
	if (record != NULL)
		return record;
	if (module_set_add(configure->worker->modules, name, module->file,
			   &record, &failure) != PORTICO_OK) {
		add_problem(configure, &module->place, &failure);
		return NULL;
	}
	return record;
}

static void
build(struct configure *configure,
      const struct settings_application *application)
{
	struct portico_worker *worker = configure->worker;
	struct module_record *modules[MODULES_MAX];
	const void *configurations[MODULES_MAX];
	struct application_options options = {
		.id = application->id,
		.path = application->path,
		.root = application->root,
		.site = application->site->name,
		.modules = modules,
		.configurations = configurations,
		.rules = application->handlers,
		.rule_count = application->handler_count,
		.elsewhere = application->site->elsewhere,
		.elsewhere_count = application->site->elsewhere_count,
		.orders = application->orders,
		.order_count = application->order_count,
		.on_error = application->on_error,
		.on_error_count = application->on_error_count,
	};
	struct portico_application *made;
	struct portico_error failure;
	size_t before = config_problem_count(configure->problems);

	for (size_t i = 0; i < application->module_count && i < MODULES_MAX;
	     i++) {
		const char *name = application->modules[i];
		struct module_record *record =
			load(configure, application, name);
		void *configuration = NULL;

		if (record == NULL)
			continue;
		module_config_fill(&record->module,
				   settings_find_section(application, name),
				   worker->arena, &configuration,
				   configure->problems);
		modules[options.module_count] = record;
		configurations[options.module_count++] = configuration;
	}
	if (config_problem_count(configure->problems) == before)
		options.locations =
			locations_make(application, modules, configurations,
				       options.module_count, worker->arena,
				       configure->problems);
	if (config_problem_count(configure->problems) > before)
		return;
	error_clear(&failure);
	if (application_new(worker, &options, &made, configure->problems,
			    &failure) == PORTICO_OK)
		worker_add_application(worker, made);
	else if (config_problem_count(configure->problems) == before)
		add_problem(configure,
			    application->root_place.file != NULL ?
				    &application->root_place :
				    &application->place,
			    &failure);
}

enum portico_status
worker_configure(struct portico_worker *worker, const struct settings *settings,
		 const struct settings_pool *pool, struct portico_error *err)
{
	struct configure configure = {
		.worker = worker,
		.settings = settings,
		.problems = config_problems_new(worker->arena),
	};
	size_t count;

	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t j = 0; j < site->application_count; j++) {
			if (site->applications[j].pool == pool)
				build(&configure, &site->applications[j]);
		}
	}
	count = config_problem_count(configure.problems);
	/* The first one is the caller's to tell. */
	for (size_t i = 1; i < count; i++) {
		const char *text = config_problem_text(configure.problems, i);

		if (text != NULL)
			log_error(4020, NULL, "%s", text);
	}
	if (count > 0)
		return config_problems_to_error(configure.problems, err);
	return module_set_resolve(worker->modules, err);
}
