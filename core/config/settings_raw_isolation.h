/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity, isolation and limits of a pool as the tables read them.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_ISOLATION_H
#define CORE_CONFIG_SETTINGS_RAW_ISOLATION_H

#include <jansson.h>

#include "core/config/settings_isolation.h"
#include "core/config/table.h"

struct settings_pool;
struct settings_resolver;

struct raw_identity {
	const struct config_value *source;
	const char *user;
	const char *group;
	struct config_strings groups;
	bool dynamic;
};

/* Numbers of users that no account has, for pools with `dynamic`. */
struct raw_dynamic_identities {
	uint32_t first;
	uint32_t count;
};

struct raw_isolation_paths {
	struct config_strings read, write, execute;
};

struct raw_system_calls {
	int filter;
	struct config_strings allow;
};

struct raw_isolation {
	const struct config_value *source;
	int private_tmp;
	const char *umask;
	int file_system;
	struct raw_isolation_paths paths;
	struct raw_system_calls system_calls;
};

struct raw_cpu {
	const struct config_value *source;
	const char *affinity;
	uint32_t limit;
	int action;
	uint64_t reset_interval;
};

/* What of a pool this is about; in struct raw_pool. */
struct raw_confinement {
	struct raw_identity identity;
	struct raw_isolation isolation;
	struct settings_process_limits limits;
	struct raw_cpu cpu;
	int nice;
};

extern const char *const settings_means_words[];
extern const struct config_table settings_system_calls_table;
extern const struct config_table settings_identity_table;
extern const struct config_table settings_dynamic_identities_table;
extern const struct config_table settings_isolation_table;
extern const struct config_table settings_process_limits_table;
extern const struct config_table settings_cpu_table;

/* The rows of a pool that fill `member`, a struct raw_confinement. */
#define SETTINGS_CONFINEMENT_ROWS(structure, member)                            \
	CONFIG_OBJECT(structure, member.identity, "identity",                   \
		      &settings_identity_table,                                 \
		      .prose = "Whom the workers run as."),                     \
		CONFIG_OBJECT(                                                  \
			structure, member.isolation, "isolation",               \
			&settings_isolation_table,                              \
			.prose =                                                \
				"What keeps the workers apart from the rest."), \
		CONFIG_OBJECT(structure, member.limits, "limits",               \
			      &settings_process_limits_table,                   \
			      .prose = "What the workers may take."),           \
		CONFIG_OBJECT(structure, member.cpu, "cpu",                     \
			      &settings_cpu_table,                              \
			      .prose = "On which cores the workers run."),      \
		CONFIG_INTEGER(                                                 \
			structure, member.nice, "nice", .fallback = "0",        \
			.min = -20, .max = 19,                                  \
			.prose = "Priority of the workers: the higher, the "    \
				 "more they give way. Below 0 needs root.")

void settings_resolve_system_calls(struct settings_system_calls *calls,
				   const struct raw_system_calls *raw);
json_t *settings_write_system_calls(const struct settings_system_calls *calls);
void settings_resolve_confinement(struct settings_resolver *resolver,
				  const struct raw_confinement *raw,
				  struct settings_pool *pool);
/* After all pools: two that would have the same number. */
void settings_check_dynamic(struct settings_resolver *resolver);
/* Adds members to the object of a pool. */
void settings_write_confinement(json_t *json, const struct settings_pool *pool);

#endif
