/* SPDX-License-Identifier: Apache-2.0
 *
 * What portico.json says about replacing workers; part of settings_priv.h,
 * which includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_RECYCLING_H
#define CORE_CONFIG_SETTINGS_RAW_RECYCLING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config/table.h"

struct settings_recycling;
struct settings_resolver;

struct raw_recycling {
	const struct config_value *source;
	uint64_t time;
	uint64_t requests;
	uint64_t memory;
	uint64_t private_memory;
	struct config_strings schedule;
	struct config_strings log_events;
	bool disallow_overlapping_rotation;
	bool disallow_rotation_on_config_change;
	uint64_t unhealthy_interval;
};

void settings_resolve_recycling(struct settings_resolver *resolver,
				const struct raw_recycling *raw,
				struct settings_recycling *recycling);

#endif
