/* SPDX-License-Identifier: Apache-2.0
 *
 * An application in the worker: what its requests run through.  Immutable
 * after application_init() of its modules.
 */
#ifndef CORE_WORKER_APPLICATION_H
#define CORE_WORKER_APPLICATION_H

#include <portico/portico.h>

#include "core/worker/module_load.h"
#include "core/worker/pipeline_order.h"
#include "core/worker/program.h"

#define APPLICATION_MAGIC 0x4150504cu

struct arena;
struct config_problems;
struct handler_map;
struct locations;
struct settings_handler;
struct settings_order;
struct settings_pair;

/* What an error of a module means (onError). */
enum on_error {
	ON_ERROR_FAIL,
	ON_ERROR_SKIP,
	ON_ERROR_RECYCLE,
};

/* One module in one application, indexed by the module's number. */
struct application_module {
	const struct module_record *record; /* NULL: not used here */
	uint32_t state_offset; /* of its request state in request->states */
	uint64_t part; /* its bit in request->took_part */
	const void *configuration;
	void *state; /* from application_init */
	bool initialised;
	bool absent; /* application_init failed, and onError says skip */
	enum on_error on_error;
};

struct portico_application {
	unsigned magic;
	uint32_t id;
	struct portico_worker *worker;
	struct portico_slice path, root, site, pool; /* NUL-terminated */
	int root_fd; /* O_PATH directory, -1: no root */
	const struct pipeline *pipeline;
	const struct handler_map *handlers;
	struct program program;
	/* Paths of the site's applications in other pools, as configured when
	 * this worker began; NULL at the end. */
	const char *const *elsewhere;
	struct application_module *modules;
	const struct locations *locations; /* NULL: it has none */
	uint32_t module_limit; /* entries of `modules` */
	uint32_t state_size; /* bytes, of all modules' request states */
	bool decides; /* SEND_RESPONSE subscribers or filters */
	bool reads_entity; /* READ_ENTITY subscribers */
	bool maps_path; /* MAP_PATH subscribers */
};

struct application_options {
	uint32_t id;
	const char *path, *root, *site;
	struct module_record *const *modules; /* in configuration order */
	size_t module_count;
	const void *const *configurations; /* of each module, or NULL */
	const struct locations *locations; /* kept; NULL: none */
	const struct settings_handler *rules;
	size_t rule_count;
	const char *const *elsewhere; /* copied */
	size_t elsewhere_count;
	/* borrowed until application_new() returns */
	const struct settings_order *orders;
	size_t order_count;
	const struct settings_pair *on_error;
	size_t on_error_count;
};

/*
 * Builds pipeline, handler map and program in the worker's arena, and opens
 * the root.  A negative status: err has the first problem; those of single
 * handlers were added to `problems` too.
 */
enum portico_status application_new(struct portico_worker *worker,
				    const struct application_options *options,
				    struct portico_application **application_r,
				    struct config_problems *problems,
				    struct portico_error *err);

/* application_init() of its modules, in order. */
enum portico_status application_start(struct portico_application *application,
				      struct portico_error *err);

/* application_fini() in reverse order; closes the root. */
void application_stop(struct portico_application *application);

static inline const struct application_module *
application_module(const struct portico_application *application,
		   const struct portico_self *self)
{
	return self->number < application->module_limit ?
		       &application->modules[self->number] :
		       NULL;
}

#endif
