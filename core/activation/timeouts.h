/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's times and rates, as `portico listener timeouts` shows them.
 */
#ifndef CORE_ACTIVATION_TIMEOUTS_H
#define CORE_ACTIVATION_TIMEOUTS_H

#include <jansson.h>

#include "core/config/settings.h"

/* An array: those that hold for all, then each site that has others.
 * OWNERSHIP: the caller's. */
json_t *timeouts_to_json(const struct settings *settings);

#endif
