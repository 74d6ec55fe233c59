/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens when a pool fails; part of settings_pool.h, which includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_FAILURE_H
#define CORE_CONFIG_SETTINGS_FAILURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A program that is run. */
struct settings_action {
	const char *path; /* absolute; NULL = none */
	const char *const *arguments; /* "%1%" in them is replaced */
	size_t count;
};

/* Core files of workers that crash. */
enum settings_core_dump {
	SETTINGS_CORE_INHERIT, /* as porticod, or limits.coreFile, allow */
	SETTINGS_CORE_NONE,
	SETTINGS_CORE_FULL, /* up to limits.coreFile */
};

struct settings_failure {
	bool tcp_level; /* connections are reset, where 503 is the answer */
	struct settings_action auto_shutdown; /* when it is disabled */
	bool orphan_worker_process;
	struct settings_action orphan_action; /* when a worker is orphaned */
	uint64_t probe_after; /* ns, of the first probe; 0 = none */
	uint64_t probe_at_most; /* ns between two */
	enum settings_core_dump core_dump;
	const char *core_directory; /* absolute; NULL: none of ours */
	uint32_t core_files; /* kept of the pool in there */
};

#endif
