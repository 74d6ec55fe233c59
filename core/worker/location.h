/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of modules by location, in the worker: a table per application,
 * made when the configuration is read, which a request is looked up in once
 * for each application and path that it has.
 */
#ifndef CORE_WORKER_LOCATION_H
#define CORE_WORKER_LOCATION_H

#include <portico/portico.h>

struct arena;
struct config_problems;
struct module_record;
struct settings_application;

struct location {
	struct portico_slice path; /* below the application */
	const struct location *outer; /* the longest that has it, or NULL */
	/* By the module's number; one that says nothing here has what counts
	 * outside of it. */
	const void **configurations;
};

/* Those of one application, by settings_path_order. */
struct locations {
	size_t count;
	struct location *items;
};

/*
 * Fills the settings of `count` modules, whose `configurations` are those of
 * the application.  NULL: the application has no locations.  OWNERSHIP: the
 * arena's.
 */
const struct locations *
locations_make(const struct settings_application *application,
	       struct module_record *const *modules,
	       const void *const *configurations, size_t count,
	       struct arena *arena, struct config_problems *problems);

/*
 * The longest that has `path`, which is below the application; or NULL.  By
 * halves, then outwards: the cost is the logarithm of their number and how
 * deep they are one in the other.
 */
const struct location *locations_find(const struct locations *locations,
				      struct portico_slice path);

#endif
