/* SPDX-License-Identifier: Apache-2.0
 *
 * The section "events" as it is written.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_EVENTS_H
#define CORE_CONFIG_SETTINGS_RAW_EVENTS_H

#include <jansson.h>

#include "core/config/settings_events.h"
#include "core/config/table.h"

struct raw_events {
	int target;
	const char *socket;
};
extern const struct config_table settings_events_table;

void settings_resolve_events(const struct raw_events *raw,
			     struct settings_events *events);
json_t *settings_write_events(const struct settings_events *events);

#endif
