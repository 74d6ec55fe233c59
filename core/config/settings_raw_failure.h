/* SPDX-License-Identifier: Apache-2.0
 *
 * What portico.json says about pools that fail; part of settings_priv.h, which
 * includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_FAILURE_H
#define CORE_CONFIG_SETTINGS_RAW_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config/table.h"

struct raw_probe {
	const struct config_value *source;
	uint64_t after;
	uint64_t at_most;
};

struct raw_failure {
	const struct config_value *source;
	int load_balancer_capabilities;
	const char *auto_shutdown_exe;
	struct config_strings auto_shutdown_params;
	bool orphan_worker_process;
	const char *orphan_action_exe;
	struct config_strings orphan_action_params;
	struct raw_probe probe;
	int core_dump;
	const char *core_directory;
	uint32_t core_files;
};

extern const struct config_table settings_failure_table;
extern const char *const settings_affinities[];

#endif
