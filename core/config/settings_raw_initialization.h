/* SPDX-License-Identifier: Apache-2.0
 *
 * What portico.json says about warming up; part of settings_priv.h, which
 * includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_INITIALIZATION_H
#define CORE_CONFIG_SETTINGS_RAW_INITIALIZATION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "core/config/table.h"

struct settings_initialization;
struct settings_resolver;

struct raw_page {
	const struct config_value *source;
	const char *path;
	const char *host;
};

struct raw_initialization {
	const struct config_value *source;
	struct config_list pages; /* of struct raw_page */
	bool required;
	bool after_restart;
	const char *remap;
	uint32_t remap_status;
	const char *splash; /* handed on: the file's contents */
};

extern const struct config_table settings_initialization_table;

/* For what names a page of an application: config_field.check. */
void settings_check_page_path(const void *target,
			      const struct config_value *value,
			      struct config_problems *problems);
void settings_check_page_host(const void *target,
			      const struct config_value *value,
			      struct config_problems *problems);

/* `raw` may be NULL. */
void
settings_resolve_initialization(struct settings_resolver *resolver,
				const struct raw_initialization *raw,
				bool preload,
				struct settings_initialization *initialization);

/* A new object: what a worker has to know of it, or what the listener has. */
json_t *settings_write_initialization(
	const struct settings_initialization *initialization, bool of_worker);

#endif
