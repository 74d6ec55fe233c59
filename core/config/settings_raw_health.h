/* SPDX-License-Identifier: Apache-2.0
 *
 * What portico.json says about the health of applications; part of
 * settings_priv.h, which includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_HEALTH_H
#define CORE_CONFIG_SETTINGS_RAW_HEALTH_H

#include <stdint.h>

#include <jansson.h>

#include "core/config/table.h"

struct settings_health;

struct raw_health {
	const struct config_value *source;
	const char *path;
	const char *host;
	uint64_t interval;
	uint64_t timeout;
	uint32_t failures;
};

extern const struct config_table settings_health_table;

/* `raw` may be NULL. */
void settings_resolve_health(const struct raw_health *raw,
			     struct settings_health *health);

/* A new object, for a worker. */
json_t *settings_write_health(const struct settings_health *health);

#endif
