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
	CONFIG_DURATION(struct raw_recycling, time, "time", .fallback = "29h",
			.flags = CONFIG_ZERO, .min = SECOND / 10,
			.max = 300 * DAY,
			.prose = "How long a worker lives until it is "
				 "replaced; up to a twentieth less or more, so "
				 "that pools that began together do not do it "
				 "together. 0: for ever."),
	CONFIG_INTEGER(struct raw_recycling, requests, "requests",
		       .fallback = "0", .min = 0, .max = 1000000000000ll,
		       .prose = "So many requests a worker serves until it is "
				"replaced; looked at each pingInterval, so "
				"that there may be more; not without "
				"pingingEnabled. 0: any number."),
	CONFIG_SIZE(struct raw_recycling, memory, "memory", .fallback = "0",
		    .flags = CONFIG_ZERO, .min = 1024 * 1024,
		    .prose = "Address space of a worker above which it is "
			     "replaced; looked at each pingInterval. 0: any."),
	CONFIG_SIZE(struct raw_recycling, private_memory, "privateMemory",
		    .fallback = "0", .flags = CONFIG_ZERO, .min = 1024 * 1024,
		    .prose = "Memory that is a worker's own, in RAM and "
			     "swapped out, above which it is replaced; looked "
			     "at each pingInterval. At nine tenths of it its "
			     "modules are told CLEANUP. 0: any."),
	CONFIG_BOOL(struct raw_recycling, disallow_overlapping_rotation,
		    "disallowOverlappingRotation", .fallback = "false",
		    .prose = "Whether a worker has to be gone before the one "
			     "that replaces it is started; requests wait "
			     "meanwhile."),
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
		.time = raw->time,
		.requests = raw->requests,
		.memory = raw->memory,
		.private_memory = raw->private_memory,
		.disallow_overlapping_rotation =
			raw->disallow_overlapping_rotation,
		.unhealthy_interval = raw->unhealthy_interval,
	};
}

json_t *
settings_write_recycling(const struct settings_recycling *recycling)
{
	json_t *json = json_object();

	settings_put_duration(json, "time", recycling->time);
	json_object_set_new(json, "requests",
			    json_integer((json_int_t)recycling->requests));
	json_object_set_new(json, "memory",
			    json_integer((json_int_t)recycling->memory));
	json_object_set_new(
		json, "privateMemory",
		json_integer((json_int_t)recycling->private_memory));
	json_object_set_new(
		json, "disallowOverlappingRotation",
		json_boolean(recycling->disallow_overlapping_rotation));
	settings_put_duration(json, "unhealthyInterval",
			      recycling->unhealthy_interval);
	return json;
}
