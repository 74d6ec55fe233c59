/* SPDX-License-Identifier: Apache-2.0
 *
 * A module's section of an application becomes the module's configuration
 * struct, by the table of directives in its descriptor.
 *
 * Start-up only, main thread.  The rows are translated to a table of
 * core/config, so that messages, units, suggestions and bounds are the same
 * as everywhere in portico.json.
 */
#ifndef CORE_WORKER_MODULE_CONFIG_H
#define CORE_WORKER_MODULE_CONFIG_H

#include <portico/module.h>

struct arena;
struct buffer;
struct config_problems; /* core/config/config.h */
struct settings_place; /* core/config/settings.h */
struct settings_section;

/*
 * Fills a new struct of `module->configuration_size` bytes in `arena`.
 * `section` NULL: defaults; what is outside of it is read before it.  `*configuration_r` is NULL if that size is 0.
 * PORTICO_CONFIG: problems were added, with places in the section's file.
 * OWNERSHIP: the struct and all it points to are the arena's.
 */
enum portico_status module_config_fill(const struct portico_module *module,
				       const struct settings_section *section,
				       struct arena *arena,
				       void **configuration_r,
				       struct config_problems *problems);

/*
 * Is the module's table itself sane?  Names, types, offsets inside the struct,
 * no two members on one place, prose, defaults that fit.  PORTICO_INVALID:
 * err says what.
 */
enum portico_status module_config_check_table(const struct portico_module *,
					      size_t directive_count,
					      struct portico_error *err);

/* JSON Schema of the module's section, appended. */
enum portico_status module_config_schema(const struct portico_module *module,
					 struct buffer *buffer);

/* What the setting takes, for people: "a whole number from -10 to 100".
 * OWNERSHIP: the arena's. */
const char *module_config_describe(const struct portico_module *module,
				   size_t index, struct arena *arena);

/* The file of a place for a problem; what stands nowhere gets a word. */
const char *module_place_file(const struct settings_place *place);

/* "size", "duration": for texts. */
const char *module_directive_type_name(enum portico_directive_type type);

#endif
