/* SPDX-License-Identifier: Apache-2.0
 *
 * What the workers of a pool may do and use: the settings of their isolation
 * and their limits; part of settings_pool.h, which includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_ISOLATION_H
#define CORE_CONFIG_SETTINGS_ISOLATION_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a worker finds its temporary files. */
enum settings_private_tmp {
	SETTINGS_TMP_AUTO, /* MOUNT if that can be, else DIRECTORY */
	SETTINGS_TMP_MOUNT, /* a /tmp of its own */
	SETTINGS_TMP_DIRECTORY, /* TMPDIR names one of its own */
	SETTINGS_TMP_OFF, /* with all others */
};

/* How much a means of the kernel matters. */
enum settings_means {
	SETTINGS_MEANS_AUTO, /* used where there is one */
	SETTINGS_MEANS_REQUIRED, /* no worker without */
	SETTINGS_MEANS_OFF,
};

/* Absolute paths, of files or of directories with all in them. */
struct settings_paths {
	const char *const *items;
	size_t count;
};

/* Which system calls a process may make. */
struct settings_system_calls {
	enum settings_means filter;
	const char *const *allow; /* names, besides the usual */
	size_t allow_count;
};

struct settings_isolation {
	enum settings_private_tmp private_tmp;
	uint32_t umask;
	enum settings_means file_system;
	/* Besides what its sites and modules need. */
	struct settings_paths read, write, execute;
	struct settings_system_calls system_calls;
};

/* Of each process; 0 = as porticod has it. */
struct settings_process_limits {
	uint64_t open_files;
	uint64_t processes; /* of its user */
	uint64_t address_space; /* bytes */
	uint64_t core; /* bytes of a core file */
	/* Of all processes of the pool together. */
	uint64_t memory, memory_high; /* bytes */
	uint64_t tasks;
	int groups; /* enum settings_means: by control groups */
};

/* What is done with a pool that has cpu.limit.  The first two count what it
 * uses within resetInterval. */
enum settings_cpu_action {
	SETTINGS_CPU_NO_ACTION,
	SETTINGS_CPU_KILL_WORKER,
	SETTINGS_CPU_THROTTLE,
	SETTINGS_CPU_THROTTLE_UNDER_LOAD,
};

struct settings_cpu {
	const char *affinity; /* as written, or NULL: any */
	cpu_set_t cpus; /* of it */
	uint32_t limit; /* 1/1000 of a percent of all cores; 0 = none */
	enum settings_cpu_action action;
	uint64_t reset_interval; /* ns; 0: nothing is counted */
};

/* "0-3,6" into a set; false when that is not what it says. */
bool settings_parse_cpus(const char *text, cpu_set_t *cpus_r);

#endif
