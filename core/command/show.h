/* SPDX-License-Identifier: Apache-2.0
 *
 * Showing answers of porticod to people.
 */
#ifndef CORE_COMMAND_SHOW_H
#define CORE_COMMAND_SHOW_H

#include <jansson.h>

typedef void show_fn(const json_t *answer);

show_fn show_status, show_pools, show_pool, show_pool_starts, show_pool_change,
	show_pool_recycle, show_pool_flush, show_workers, show_worker,
	show_stacks, show_sites, show_site_change, show_requests, show_modules,
	show_listener, show_reload, show_upgrade, show_upgrade_manager,
	show_logs, show_urls, show_connections, show_counters, show_timeouts,
	show_cache, show_cache_flush, show_certs, show_error;

/* Says so, if the listener's figures are missing or not complete. */
void show_silence(const json_t *answer, const char *member);

#endif
