/* SPDX-License-Identifier: Apache-2.0
 *
 * Applications: built from their options on the main thread, before any loop
 * runs.
 */
#include "core/worker/application.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/worker/file.h"
#include "core/worker/handler_map.h"
#include "core/worker/worker.h"

#define STATE_ALIGNMENT 16u

static struct portico_slice
text_copy(struct arena *arena, const char *text)
{
	return arena_slice_dup(arena, slice_from(text == NULL ? "" : text));
}

static enum on_error
on_error_of(const struct application_options *options, const char *module)
{
	for (size_t i = 0; i < options->on_error_count; i++) {
		const struct settings_pair *pair = &options->on_error[i];

		if (strcmp(pair->name, module) != 0)
			continue;
		return strcmp(pair->value, "skip") == 0	   ? ON_ERROR_SKIP :
		       strcmp(pair->value, "recycle") == 0 ? ON_ERROR_RECYCLE :
							     ON_ERROR_FAIL;
	}
	return ON_ERROR_FAIL;
}

/* Per-module records by module number, and the places of request states. */
static void
modules_place(struct portico_application *application,
	      const struct application_options *options, struct arena *arena)
{
	uint32_t limit = 0, offset = 0;

	for (size_t i = 0; i < options->module_count; i++) {
		if (options->modules[i]->number >= limit)
			limit = options->modules[i]->number + 1;
	}
	application->module_limit = limit;
	application->modules = arena_zalloc(
		arena, (limit + 1) * sizeof(application->modules[0]));
	for (size_t i = 0; i < options->module_count; i++) {
		const struct module_record *record = options->modules[i];
		struct application_module *module =
			&application->modules[record->number];

		module->record = record;
		module->part = program_part_of((uint32_t)i);
		module->configuration = options->configurations == NULL ?
						NULL :
						options->configurations[i];
		module->on_error = on_error_of(options, record->name);
		module->state_offset = offset;
		offset += (record->module.request_size + STATE_ALIGNMENT - 1) &
			  ~(STATE_ALIGNMENT - 1);
	}
	application->state_size = offset;
}

static enum portico_status
pipeline_make(struct portico_application *application,
	      const struct application_options *options, struct arena *arena,
	      struct config_problems *problems, struct portico_error *err)
{
	const struct pipeline *pipeline;
	const struct pipeline_options parts = {
		.modules = options->modules,
		.module_count = options->module_count,
		.orders = options->orders,
		.order_count = options->order_count,
		.stops = PROGRAM_STOPS,
	};
	enum portico_status status =
		pipeline_build(arena, &parts, &pipeline, err);

	if (status != PORTICO_OK)
		return status;
	application->pipeline = pipeline;
	application->decides =
		pipeline->filter_count > 0 ||
		pipeline_stage_count(pipeline, PIPELINE_STAGE_SEND_RESPONSE) >
			0;
	application->reads_entity =
		pipeline_stage_count(pipeline, PIPELINE_STAGE_READ_ENTITY) > 0;
	application->maps_path =
		pipeline_stage_count(pipeline, PIPELINE_STAGE_MAP_PATH) > 0;
	program_build(arena, pipeline, &application->program);
	status = handler_map_build(arena, options->rules, options->rule_count,
				   options->modules, options->module_count,
				   &application->handlers, problems);
	if (status != PORTICO_OK)
		config_problems_to_error(problems, err);
	return status;
}

/* It opens without its files being within reach: every request would be
 * refused, and nobody would know why. */
static enum portico_status
open_root(struct portico_application *application, const char *root,
	  struct portico_error *err)
{
	application->root_fd = file_open_root(root, err);
	if (application->root_fd < 0)
		return (enum portico_status)application->root_fd;
	if (faccessat(application->root_fd, ".", X_OK, AT_EACCESS) != 0)
		log_warn(4021, NULL,
			 "root \"%s\" of site \"%.*s\" may not be entered by "
			 "this worker's user (%u): %s",
			 root, SLICE_ARGS(application->site),
			 (unsigned)geteuid(), strerror(errno));
	return PORTICO_OK;
}

static const char *const *
elsewhere_copy(struct arena *arena, const struct application_options *options)
{
	const char **copy = arena_zalloc(arena, (options->elsewhere_count + 1) *
							sizeof(*copy));

	for (size_t i = 0; i < options->elsewhere_count; i++)
		copy[i] = arena_strdup(arena, options->elsewhere[i]);
	return copy;
}

enum portico_status
application_new(struct portico_worker *worker,
		const struct application_options *options,
		struct portico_application **application_r,
		struct config_problems *problems, struct portico_error *err)
{
	struct arena *arena = worker->arena;
	struct portico_application *application =
		arena_zalloc(arena, sizeof(*application));
	enum portico_status status;

	application->magic = APPLICATION_MAGIC;
	application->id = options->id;
	application->worker = worker;
	application->path = text_copy(arena, options->path);
	application->root = text_copy(arena, options->root);
	application->site = text_copy(arena, options->site);
	application->pool = worker->pool;
	application->root_fd = -1;
	application->elsewhere = elsewhere_copy(arena, options);
	application->locations = options->locations;
	modules_place(application, options, arena);
	status = pipeline_make(application, options, arena, problems, err);
	if (status != PORTICO_OK)
		return status;
	if (options->root != NULL && options->root[0] != '\0')
		status = open_root(application, options->root, err);
	if (status == PORTICO_OK)
		*application_r = application;
	return status;
}

/* It is there, and never called. */
static void
leave_out(struct portico_application *application,
	  struct application_module *module, const struct portico_error *why)
{
	struct portico_worker *worker = application->worker;

	module->absent = true;
	program_leave_out(worker->arena, &module->record->self,
			  &application->program);
	log_warn(4082, NULL, "application %s of site \"%s\" runs without %s",
		 application->path.data, application->site.data, why->message);
	if (worker->degraded == NULL)
		worker->degraded =
			arena_printf(worker->arena,
				     "application %s of site \"%s\" runs "
				     "without %s",
				     application->path.data,
				     application->site.data, why->message);
}

enum portico_status
application_start(struct portico_application *application,
		  struct portico_error *err)
{
	const struct pipeline *pipeline = application->pipeline;

	CHECK(application, APPLICATION_MAGIC);
	for (uint32_t i = 0; i < pipeline->module_count; i++) {
		const struct module_record *record = pipeline->modules[i];
		struct application_module *module =
			&application->modules[record->number];
		struct portico_error failure;
		enum portico_status status;

		if (record->module.application_init == NULL) {
			module->initialised = true;
			continue;
		}
		error_clear(&failure);
		status = record->module.application_init(application,
							 module->configuration,
							 &module->state,
							 &failure);
		if (status != PORTICO_OK) {
			module_refused(err, record, "application_init", status,
				       &failure);
			if (module->on_error != ON_ERROR_SKIP)
				return status < 0 ? status : PORTICO_INVALID;
			leave_out(application, module, err);
			continue;
		}
		module->initialised = true;
	}
	return PORTICO_OK;
}

void
application_stop(struct portico_application *application)
{
	const struct pipeline *pipeline = application->pipeline;

	CHECK(application, APPLICATION_MAGIC);
	for (uint32_t i = pipeline == NULL ? 0 : pipeline->module_count;
	     i-- > 0;) {
		const struct module_record *record = pipeline->modules[i];
		struct application_module *module =
			&application->modules[record->number];

		if (module->initialised &&
		    record->module.application_fini != NULL)
			record->module.application_fini(application,
							module->state);
		module->initialised = false;
	}
	io_close(&application->root_fd);
}
