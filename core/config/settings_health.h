/* SPDX-License-Identifier: Apache-2.0
 *
 * The page that tells whether an application is well; part of settings.h, which
 * includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_HEALTH_H
#define CORE_CONFIG_SETTINGS_HEALTH_H

#include <stdint.h>

#include "core/config/settings_initialization.h"

struct settings_health {
	struct settings_page page; /* path NULL: there is no check */
	uint64_t interval, timeout; /* ns */
	uint32_t failures; /* in a row, until the worker is replaced */
};

#endif
