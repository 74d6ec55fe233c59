/* SPDX-License-Identifier: Apache-2.0
 *
 * Showing answers of porticod to people.
 */
#ifndef CORE_COMMAND_SHOW_H
#define CORE_COMMAND_SHOW_H

#include <jansson.h>

typedef void show_fn(const json_t *answer);

show_fn show_status, show_pools, show_pool, show_pool_change, show_workers,
	show_requests, show_modules, show_listener, show_reload, show_upgrade,
	show_error;

#endif
