/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a pool that say when its workers are replaced.
 */
#include "core/config/settings_priv.h"
#include "core/config/table.h"

#define SECOND 1000000000ll
#define DAY (86400 * SECOND)

static const struct config_field recycling_fields[] = {
	CONFIG_SOURCE(struct raw_recycling, source),
	CONFIG_DURATION(struct raw_recycling, unhealthy_interval,
			"unhealthyInterval", .fallback = "10s",
			.flags = CONFIG_ZERO, .min = SECOND / 1000, .max = DAY,
			.prose = "Shortest time between two replacements of "
				 "workers that are unhealthy or whose modules "
				 "say so; those that follow too soon wait."),
};
const struct config_table settings_recycling_table =
	CONFIG_TABLE(struct raw_recycling, recycling_fields,
		     "When workers of a pool are replaced by new ones.");

void
settings_resolve_recycling(struct settings_recycling *recycling,
			   const struct raw_recycling *raw)
{
	*recycling = (struct settings_recycling){
		.unhealthy_interval = raw->unhealthy_interval,
	};
}

json_t *
settings_write_recycling(const struct settings_recycling *recycling)
{
	json_t *json = json_object();

	settings_put_duration(json, "unhealthyInterval",
			      recycling->unhealthy_interval);
	return json;
}
