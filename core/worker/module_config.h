/* SPDX-License-Identifier: Apache-2.0
 *
 * A module's section of an application becomes the module's configuration
 * struct, by the table of directives in its descriptor.
 *
 * Start-up only, main thread.  Every problem of a section is reported before
 * the call returns, each with its place: `file:line:column: key: what was
 * found, what is allowed`.
 */
#ifndef CORE_WORKER_MODULE_CONFIG_H
#define CORE_WORKER_MODULE_CONFIG_H

#include <portico/module.h>

struct arena;

/*
 * A section as it stands in the configuration: JSON text (comments allowed)
 * of one object, and the place of its first byte.
 */
struct module_section {
	struct portico_slice text; /* empty: no section, defaults apply */
	const char *file; /* may be NULL */
	uint32_t line, column; /* from 1; 0 = not known */
	/* The text was written anew (not copied from the file), so every
	 * problem is placed at line and column above. */
	bool place_only;
};

/* Called once for each problem; the record is borrowed for the call. */
typedef void module_problem_fn(const struct portico_error *problem, void *arg);

/*
 * Fills a new struct of `module->configuration_size` bytes in `arena`.
 * `*configuration_r` is NULL if that size is 0.  PORTICO_CONFIG: there were
 * problems, all given to `report` (may be NULL), `err` has the first.
 * OWNERSHIP: the struct and all it points to are the arena's.
 */
enum portico_status module_config_fill(const struct portico_module *module,
				       const struct module_section *section,
				       struct arena *arena,
				       void **configuration_r,
				       module_problem_fn *report, void *arg,
				       struct portico_error *err);

/*
 * Is the table itself sane?  Names, types, offsets inside the struct, no two
 * members on one place, defaults that fit.  PORTICO_INVALID: err says what.
 */
enum portico_status module_config_check_table(const struct portico_module *,
					      size_t directive_count,
					      struct portico_error *err);

/* "size", "duration": for texts. */
const char *module_directive_type_name(enum portico_directive_type type);

#endif
