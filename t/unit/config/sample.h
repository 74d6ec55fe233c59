/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration with a row of every type, for the tests and the fuzz target.
 */
#ifndef T_UNIT_CONFIG_SAMPLE_H
#define T_UNIT_CONFIG_SAMPLE_H

#include "core/config/config.h"

enum sample_mode {
	SAMPLE_ON_DEMAND,
	SAMPLE_ALWAYS,
	SAMPLE_NEVER,
	SAMPLE_SOMETIMES
};

struct sample_identity {
	const char *user;
	int16_t nice;
};

struct sample_pool {
	uint32_t queue_length;
	uint16_t workers;
	uint64_t idle_timeout;
	uint64_t memory_limit;
	enum sample_mode mode;
	bool enabled;
	struct sample_identity identity;
	struct config_pairs environment;
	const struct config_value *source;
};

struct sample_binding {
	const char *url;
	const char *certificate;
};

struct sample_limits {
	int64_t connections;
	uint64_t wait;
};

struct sample {
	struct sample_pool pool_defaults;
	struct config_map pools;
	struct config_list bindings;
	struct config_strings methods;
	struct sample_limits *limits;
	const struct config_value *proxy;
	struct config_rest rest;
};

static const char *const sample_modes[] = { "onDemand", "alwaysRunning",
					    "never", "sometimes", NULL };

static const struct config_field sample_identity_fields[] = {
	CONFIG_STRING(struct sample_identity, user, "user",
		      .flags = CONFIG_REQUIRED, .min = 1, .max = 32,
		      .prose = "Account to run as."),
	CONFIG_INTEGER(struct sample_identity, nice, "nice", .fallback = "-5",
		       .min = -20, .max = 19, .prose = "Priority."),
};

static const struct config_table sample_identity_table =
	CONFIG_TABLE(struct sample_identity, sample_identity_fields,
		     "Who runs a pool.", .shorthand = "user");

static void
sample_check_pool(const void *target, const struct config_value *value,
		  struct config_problems *problems)
{
	const struct sample_pool *pool = target;

	if (pool->queue_length == 666)
		config_problem(problems, value, "666 is no length for a queue");
}

static void
sample_check_workers(const void *target, const struct config_value *value,
		     struct config_problems *problems)
{
	if (*(const uint16_t *)target == 13)
		config_problem(problems, value, "found 13, allowed is luck");
}

static const struct config_field sample_pool_fields[] = {
	CONFIG_INTEGER(struct sample_pool, queue_length, "queueLength",
		       .fallback = "1000", .min = 10, .max = 65535,
		       .prose = "Most requests that may wait."),
	CONFIG_INTEGER(struct sample_pool, workers, "workers", .fallback = "1",
		       .min = 1, .prose = "Processes.",
		       .check = sample_check_workers),
	CONFIG_DURATION(struct sample_pool, idle_timeout, "idleTimeout",
			.fallback = "20m", .flags = CONFIG_ZERO,
			.min = 1000000000, .max = 86400000000000,
			.prose = "Workers without requests end after it; 0: "
				 "they never do."),
	CONFIG_SIZE(struct sample_pool, memory_limit, "memoryLimit",
		    .fallback = "0", .flags = CONFIG_ZERO, .min = 1 << 20,
		    .prose = "Recycles a worker above it."),
	CONFIG_ENUM(struct sample_pool, mode, "startMode",
		    .fallback = "onDemand", .words = sample_modes,
		    .prose = "When workers are started."),
	CONFIG_BOOL(struct sample_pool, enabled, "enabled", .fallback = "true",
		    .prose = "Whether it takes requests."),
	CONFIG_OBJECT(struct sample_pool, identity, "identity",
		      &sample_identity_table, .prose = "Who runs it."),
	CONFIG_PAIRS(struct sample_pool, environment, "environment",
		     .prose = "Variables."),
	CONFIG_SOURCE(struct sample_pool, source),
};

static const struct config_table sample_pool_table =
	CONFIG_TABLE(struct sample_pool, sample_pool_fields, "A worker pool.",
		     .check = sample_check_pool);

static const struct config_field sample_binding_fields[] = {
	CONFIG_STRING(struct sample_binding, url, "url",
		      .flags = CONFIG_REQUIRED, .prose = "Where to listen."),
	CONFIG_STRING(struct sample_binding, certificate, "certificate",
		      .prose = "Name of a certificate."),
};

static const struct config_table sample_binding_table =
	CONFIG_TABLE(struct sample_binding, sample_binding_fields,
		     "An address.", .shorthand = "url");

static const struct config_field sample_limits_fields[] = {
	CONFIG_INTEGER(struct sample_limits, connections, "connections",
		       .fallback = "5", .prose = "At a time."),
	CONFIG_DURATION(struct sample_limits, wait, "wait", .fallback = "1s",
			.prose = "For each."),
};

static const struct config_table sample_limits_table =
	CONFIG_TABLE(struct sample_limits, sample_limits_fields, "Limits.");

static const struct config_field sample_fields[] = {
	CONFIG_OBJECT(struct sample, pool_defaults, "poolDefaults",
		      &sample_pool_table, .flags = CONFIG_PARTIAL,
		      .prose = "What pools do not say."),
	CONFIG_MAP(struct sample, pools, "pools", &sample_pool_table,
		   .inherits = "poolDefaults", .max = 3,
		   .prose = "Pools by name."),
	CONFIG_LIST(struct sample, bindings, "bindings", &sample_binding_table,
		    .prose = "Addresses."),
	CONFIG_STRINGS(struct sample, methods, "methods",
		       .fallback = "GET,HEAD", .max = 4,
		       .prose = "What may be asked."),
	CONFIG_OPTIONAL(struct sample, limits, "limits", &sample_limits_table,
			.prose = "Limits; none without it."),
	CONFIG_JSON(struct sample, proxy, "proxy", .prose = "Anything."),
};

static const struct config_table sample_table =
	CONFIG_TABLE(struct sample, sample_fields, "The sample.");

#endif
