/* SPDX-License-Identifier: Apache-2.0
 *
 * What portico.json says of logs.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_LOG_H
#define CORE_CONFIG_SETTINGS_RAW_LOG_H

#include "core/config/config.h"

struct raw_log_rotation {
	int period;
	uint64_t truncate_size;
	bool local;
	uint32_t keep_files;
	uint64_t keep_for;
};

struct raw_log_custom {
	const struct config_value *source;
	const char *name;
	const char *source_name;
	int source_type;
};

struct raw_access_log {
	const struct config_value *source;
	bool enabled;
	int format;
	const char *file;
	struct raw_log_rotation rotation;
	struct config_strings fields;
	struct config_list custom; /* of struct raw_log_custom */
};
extern const struct config_table settings_access_log_table;

/* When the sites have their numbers. */
struct settings_resolver;
void settings_resolve_site_logs(struct settings_resolver *resolver);

struct raw_error_log {
	bool enabled;
	const char *file;
	struct raw_log_rotation rotation;
};

#endif
