/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a pool that say whom its workers run as, what keeps them
 * apart from the rest, and what they may take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/config/settings_priv.h"

/* FNV-1a: a pool keeps its number as long as it keeps its name. */
#define HASH_START 0xcbf29ce484222325ull
#define HASH_PRIME 0x100000001b3ull
#define MS 1000000ll /* in ns */

static const struct config_field identity_fields[] = {
	CONFIG_SOURCE(struct raw_identity, source),
	CONFIG_STRING(struct raw_identity, user, "user", .min = 1, .max = 255,
		      .prose = "User that workers of the pool run as."),
	CONFIG_STRING(struct raw_identity, group, "group", .min = 1, .max = 255,
		      .prose = "Group; without it the user's. Alone it leaves "
			       "the user that of the configuration."),
	CONFIG_STRINGS(struct raw_identity, groups, "groups", .max = 32,
		       .prose = "Supplementary groups; without it the "
				"user's."),
	CONFIG_BOOL(struct raw_identity, dynamic, "dynamic",
		    .fallback = "false",
		    .prose = "Whether the workers run as a user and a group "
			     "that only this pool has: a number from "
			     "dynamicIdentities that follows from the pool's "
			     "name, and that no account needs to have. Needs "
			     "root; not with user and group."),
};
const struct config_table settings_identity_table =
	CONFIG_TABLE(struct raw_identity, identity_fields,
		     "Whom the workers of a pool run as.");

static const struct config_field dynamic_fields[] = {
	CONFIG_INTEGER(struct raw_dynamic_identities, first, "first",
		       .fallback = "1879048192", .min = 1000, .max = 4294967293,
		       .prose = "The lowest of them. The default lies where "
				"distributions, containers and systemd give "
				"none."),
	CONFIG_INTEGER(struct raw_dynamic_identities, count, "count",
		       .fallback = "268435456", .min = 1, .max = 4294966295,
		       .prose = "So many. Two pools whose names lead to the "
				"same number are a mistake that is told; the "
				"more there are, the rarer it is."),
};
const struct config_table settings_dynamic_identities_table =
	CONFIG_TABLE(struct raw_dynamic_identities, dynamic_fields,
		     "Numbers for users and groups of pools whose identity is "
		     "dynamic.");

static const char *const private_tmp_words[] = { "auto", "mount", "directory",
						 "off", NULL };

const char *const settings_means_words[] = { "auto", "required", "off", NULL };

static const struct config_field path_fields[] = {
	CONFIG_STRINGS(struct raw_isolation_paths, read, "read", .max = 1000,
		       .prose = "May be read."),
	CONFIG_STRINGS(struct raw_isolation_paths, write, "write", .max = 1000,
		       .prose = "May be read, written, made and removed."),
	CONFIG_STRINGS(struct raw_isolation_paths, execute, "execute",
		       .max = 1000, .prose = "May be read and executed."),
};
static const struct config_table path_table = CONFIG_TABLE(
	struct raw_isolation_paths, path_fields,
	"Files, and directories with all that is in them, that the workers "
	"may use besides those that the pool's sites and modules need. They "
	"have to exist when a worker starts; links are followed, but not below "
	"what the workers may write.");

static const struct config_field system_call_fields[] = {
	CONFIG_ENUM(struct raw_system_calls, filter, "filter",
		    .fallback = "auto", .words = settings_means_words,
		    .prose = "Whether the kernel (seccomp) refuses all system "
			     "calls but those that programs usually make: the "
			     "call fails with EPERM, and the log names it. "
			     "auto: where it can; required: the process does "
			     "not start without."),
	CONFIG_STRINGS(struct raw_system_calls, allow, "allow", .max = 500,
		       .prose = "Names of calls that are allowed besides."),
};
const struct config_table settings_system_calls_table =
	CONFIG_TABLE(struct raw_system_calls, system_call_fields,
		     "Which system calls a process may make.");

static const struct config_field isolation_fields[] = {
	CONFIG_SOURCE(struct raw_isolation, source),
	CONFIG_ENUM(
		struct raw_isolation, private_tmp, "privateTmp",
		.fallback = "auto", .words = private_tmp_words,
		.prose = "Temporary files. mount: each worker has a /tmp and "
			 "/var/tmp of its own, which needs root. directory: "
			 "TMPDIR names a directory that only it can enter. "
			 "auto: mount when it can be done and the pool needs "
			 "nothing that lies there, else directory. off: shared "
			 "with all. What a worker leaves is removed at its "
			 "end."),
	CONFIG_STRING(struct raw_isolation, umask, "umask", .fallback = "027",
		      .min = 1, .max = 4,
		      .prose = "Permissions that files of the workers do not "
			       "get, in octal."),
	CONFIG_ENUM(struct raw_isolation, file_system, "fileSystem",
		    .fallback = "auto", .words = settings_means_words,
		    .prose = "Whether the kernel (Landlock) lets the workers "
			     "see only what they need: roots of the pool's "
			     "applications, modules, the system's programs "
			     "and libraries, and paths; and lets them send "
			     "signals to themselves alone. auto: where it "
			     "can; required: no worker starts without."),
	CONFIG_OBJECT(struct raw_isolation, paths, "paths", &path_table,
		      .prose = "What they may use besides."),
	CONFIG_OBJECT(struct raw_isolation, system_calls, "systemCalls",
		      &settings_system_calls_table,
		      .prose = "System calls of the workers."),
};
const struct config_table settings_isolation_table =
	CONFIG_TABLE(struct raw_isolation, isolation_fields,
		     "What keeps the workers of a pool apart from the rest of "
		     "the machine.");

static const struct config_field limit_fields[] = {
	CONFIG_INTEGER(struct settings_process_limits, open_files, "openFiles",
		       .fallback = "0", .min = 0, .max = 1 << 30,
		       .prose = "Descriptors of each worker, at least 64. 0: "
				"as many as porticod may have."),
	CONFIG_INTEGER(struct settings_process_limits, processes, "processes",
		       .fallback = "0", .min = 0, .max = 1 << 22,
		       .prose = "Processes and threads that the user of the "
				"workers may have, all pools of it together. "
				"0: as porticod."),
	CONFIG_SIZE(struct settings_process_limits, address_space,
		    "addressSpace", .fallback = "0", .flags = CONFIG_ZERO,
		    .min = 16 << 20,
		    .prose = "Address space of each worker; what it cannot "
			     "have then fails. 0: any."),
	CONFIG_SIZE(struct settings_process_limits, core, "coreFile",
		    .fallback = "0", .flags = CONFIG_ZERO, .min = 1,
		    .prose = "Largest core file of a worker that crashes; 1 "
			     "means none. 0: as porticod."),
	CONFIG_SIZE(struct settings_process_limits, memory, "memory",
		    .fallback = "0", .flags = CONFIG_ZERO, .min = 4 << 20,
		    .prose = "Memory of all workers of the pool and their "
			     "children together; the kernel kills one that "
			     "wants more. Without control groups what is "
			     "theirs alone is looked at every 250 ms, and "
			     "the worker that has most is killed. 0: any."),
	CONFIG_SIZE(struct settings_process_limits, memory_high, "memoryHigh",
		    .fallback = "0", .flags = CONFIG_ZERO, .min = 4 << 20,
		    .prose = "Above so much of it the kernel takes memory "
			     "back, and slows them down, with version 1 of "
			     "control groups only when the machine is short "
			     "of it; without control groups modules are told "
			     "to clean up. 0: any."),
	CONFIG_INTEGER(struct settings_process_limits, tasks, "tasks",
		       .fallback = "0", .min = 0, .max = 1 << 22,
		       .prose = "Processes and threads of all of them "
				"together; the kernel refuses more. Without "
				"control groups they are counted every 250 "
				"ms, and the worker that has most is killed. "
				"0: any number."),
	CONFIG_ENUM(struct settings_process_limits, groups, "controlGroups",
		    .fallback = "auto", .words = settings_means_words,
		    .prose = "Whether the kernel's control groups hold the "
			     "limits of all of them together, cpu.limit "
			     "among them. auto: where it has them, else they "
			     "are watched by looking at /proc; required: no "
			     "worker starts without; off: by looking only. "
			     "`portico status` says for each limit which it "
			     "is."),
};
const struct config_table settings_process_limits_table =
	CONFIG_TABLE(struct settings_process_limits, limit_fields,
		     "What the workers of a pool may take.");

static const char *const cpu_actions[] = { "NoAction", "KillWorker", "Throttle",
					   "ThrottleUnderLoad", NULL };

static const struct config_field cpu_fields[] = {
	CONFIG_SOURCE(struct raw_cpu, source),
	CONFIG_STRING(struct raw_cpu, affinity, "affinity", .min = 1,
		      .max = 1024,
		      .prose = "Cores that the workers may run on, as "
			       "\"0-3,6\"; without it any."),
	CONFIG_INTEGER(struct raw_cpu, limit, "limit", .fallback = "0",
		       .min = 0, .max = 100000,
		       .prose = "Time of all cores that the pool's processes "
				"may use together, in thousandths of a "
				"percent: 50000 is half of the machine. 0: "
				"any."),
	CONFIG_ENUM(struct raw_cpu, action, "action", .fallback = "NoAction",
		    .words = cpu_actions,
		    .prose = "What the limit does. NoAction: that it was "
			     "exceeded within resetInterval is an event. "
			     "KillWorker: the workers are killed besides, and "
			     "the pool is disabled until the interval has "
			     "ended. Throttle: they get no more. "
			     "ThrottleUnderLoad: they give way to all others "
			     "that want cores."),
	CONFIG_DURATION(struct raw_cpu, reset_interval, "resetInterval",
			.fallback = "5m", .flags = CONFIG_ZERO, .min = 100 * MS,
			.max = 24 * 3600 * 1000 * MS,
			.prose = "NoAction and KillWorker: within each such "
				 "time the pool may use the limit's share of "
				 "it. 0: nothing is counted."),
};
const struct config_table settings_cpu_table =
	CONFIG_TABLE(struct raw_cpu, cpu_fields,
		     "On which cores the workers of a pool run, and how much "
		     "of them they may use.");

bool
settings_parse_cpus(const char *text, cpu_set_t *cpus_r)
{
	CPU_ZERO(cpus_r);
	for (;;) {
		unsigned long first, last;
		char *end;

		if (*text < '0' || *text > '9')
			return false;
		first = last = strtoul(text, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= CPU_SETSIZE)
			return false;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			CPU_SET(cpu, cpus_r);
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
}

/* ---- resolving ----------------------------------------------------------- */

static const struct config_value *
value_of(const struct config_value *source, const char *key)
{
	const struct config_value *value =
		source == NULL ? NULL : config_value_find(source, key);

	return value == NULL ? source : value;
}

static uint32_t
dynamic_number(const struct raw_dynamic_identities *range, const char *name)
{
	uint64_t hash = HASH_START;

	for (const char *c = name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * HASH_PRIME;
	return (uint32_t)(range->first + hash % range->count);
}

static void
resolve_identity(struct settings_resolver *resolver,
		 const struct raw_identity *raw, struct settings_pool *pool)
{
	const struct raw_dynamic_identities *range =
		&resolver->raw.dynamic_identities;

	pool->user = raw->user;
	pool->group = raw->group;
	pool->identity_place = settings_place_of(raw->source);
	pool->groups = raw->groups.items;
	pool->group_count = raw->groups.count;
	if (!raw->dynamic)
		return;
	pool->dynamic_id = dynamic_number(range, pool->name);
	if (raw->user != NULL || raw->group != NULL)
		config_problem(resolver->problems,
			       value_of(raw->source, "dynamic"),
			       "an identity that is dynamic has no user and no "
			       "group");
	if ((uint64_t)range->first + range->count > 4294967294u)
		config_problem(resolver->problems,
			       value_of(resolver->raw.source,
					"dynamicIdentities"),
			       "the highest of these numbers is above "
			       "4294967293");
}

static struct settings_paths
resolve_paths(struct settings_resolver *resolver,
	      const struct config_value *source,
	      const struct config_strings *raw)
{
	const char **items =
		settings_array(resolver, raw->count, sizeof *items);

	if (items == NULL)
		return (struct settings_paths){ NULL, 0 };
	for (size_t i = 0; i < raw->count; i++) {
		/* The directory of the configuration would become of it. */
		if (raw->items[i][0] == '\0')
			config_problem(resolver->problems,
				       value_of(source, "paths"),
				       "a path is empty");
		items[i] = settings_absolute(resolver, resolver->directory,
					     raw->items[i]);
	}
	return (struct settings_paths){ items, raw->count };
}

void
settings_resolve_system_calls(struct settings_system_calls *calls,
			      const struct raw_system_calls *raw)
{
	*calls = (struct settings_system_calls){
		.filter = (enum settings_means)raw->filter,
		.allow = raw->allow.items,
		.allow_count = raw->allow.count,
	};
}

void
settings_resolve_confinement(struct settings_resolver *resolver,
			     const struct raw_confinement *raw,
			     struct settings_pool *pool)
{
	char *end;
	unsigned long mask = strtoul(raw->isolation.umask, &end, 8);

	resolve_identity(resolver, &raw->identity, pool);
	if (*end != '\0' || raw->isolation.umask[0] < '0' || mask > 0777)
		config_problem(resolver->problems,
			       value_of(raw->isolation.source, "umask"),
			       "has to be an octal number up to 777");
	pool->isolation = (struct settings_isolation){
		.private_tmp =
			(enum settings_private_tmp)raw->isolation.private_tmp,
		.umask = (uint32_t)mask,
		.file_system = (enum settings_means)raw->isolation.file_system,
		.read = resolve_paths(resolver, raw->isolation.source,
				      &raw->isolation.paths.read),
		.write = resolve_paths(resolver, raw->isolation.source,
				       &raw->isolation.paths.write),
		.execute = resolve_paths(resolver, raw->isolation.source,
					 &raw->isolation.paths.execute),
	};
	settings_resolve_system_calls(&pool->isolation.system_calls,
				      &raw->isolation.system_calls);
	pool->limits = raw->limits;
	if (raw->limits.open_files > 0 && raw->limits.open_files < 64)
		config_problem_at(resolver->problems, pool->place.file,
				  pool->place.line, pool->place.column,
				  "limits.openFiles of pool \"%s\" has to be "
				  "0 or at least 64",
				  pool->name);
	if (raw->limits.memory > 0 &&
	    raw->limits.memory_high > raw->limits.memory)
		config_problem_at(resolver->problems, pool->place.file,
				  pool->place.line, pool->place.column,
				  "limits.memoryHigh of pool \"%s\" is above "
				  "limits.memory, and would never be reached",
				  pool->name);
	pool->cpu.limit = raw->cpu.limit;
	pool->cpu.action = (enum settings_cpu_action)raw->cpu.action;
	pool->cpu.reset_interval = raw->cpu.reset_interval;
	pool->cpu.affinity = raw->cpu.affinity;
	if (raw->cpu.affinity != NULL &&
	    !settings_parse_cpus(raw->cpu.affinity, &pool->cpu.cpus))
		config_problem(resolver->problems,
			       value_of(raw->cpu.source, "affinity"),
			       "has to be numbers of cores and ranges of them, "
			       "like \"0-3,6\"");
	pool->nice = raw->nice;
}

static int
by_dynamic_id(const void *left, const void *right)
{
	const struct settings_pool *a = *(struct settings_pool *const *)left;
	const struct settings_pool *b = *(struct settings_pool *const *)right;

	return (a->dynamic_id > b->dynamic_id) -
	       (a->dynamic_id < b->dynamic_id);
}

void
settings_check_dynamic(struct settings_resolver *resolver)
{
	struct settings *settings = resolver->settings;
	const struct settings_pool **pools =
		settings_array(resolver, settings->pool_count, sizeof(void *));

	if (pools == NULL)
		return;
	for (size_t i = 0; i < settings->pool_count; i++)
		pools[i] = &settings->pools[i];
	qsort(pools, settings->pool_count, sizeof(void *), by_dynamic_id);
	for (size_t i = 1; i < settings->pool_count; i++) {
		const struct settings_pool *a = pools[i - 1], *b = pools[i];

		if (b->dynamic_id != 0 && a->dynamic_id == b->dynamic_id)
			config_problem_at(resolver->problems,
					  b->identity_place.file,
					  b->identity_place.line,
					  b->identity_place.column,
					  "pools \"%s\" and \"%s\" have the "
					  "same dynamic identity, %u: enlarge "
					  "dynamicIdentities, rename one or "
					  "give it a user",
					  a->name, b->name, b->dynamic_id);
	}
}

/* ---- writing ------------------------------------------------------------- */

static void
put_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new(object, key, json_integer((json_int_t)number));
}

static json_t *
write_identity(const struct settings_pool *pool)
{
	json_t *json = json_object();

	if (pool->user != NULL)
		json_object_set_new(json, "user", json_string(pool->user));
	if (pool->group != NULL)
		json_object_set_new(json, "group", json_string(pool->group));
	if (pool->group_count > 0) {
		json_t *groups = json_array();

		for (size_t i = 0; i < pool->group_count; i++)
			json_array_append_new(groups,
					      json_string(pool->groups[i]));
		json_object_set_new(json, "groups", groups);
	}
	json_object_set_new(json, "dynamic",
			    json_boolean(pool->dynamic_id != 0));
	return json;
}

static json_t *
write_strings(const char *const *items, size_t count)
{
	json_t *json = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(json, json_string(items[i]));
	return json;
}

json_t *
settings_write_system_calls(const struct settings_system_calls *calls)
{
	return json_pack("{s:s, s:o}", "filter",
			 settings_means_words[calls->filter], "allow",
			 write_strings(calls->allow, calls->allow_count));
}

static json_t *
write_isolation(const struct settings_isolation *isolation)
{
	char mask[8];

	snprintf(mask, sizeof mask, "%03o", isolation->umask);
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:{s:o, s:o, s:o}}", "privateTmp",
		private_tmp_words[isolation->private_tmp], "umask", mask,
		"fileSystem", settings_means_words[isolation->file_system],
		"systemCalls",
		settings_write_system_calls(&isolation->system_calls), "paths",
		"read",
		write_strings(isolation->read.items, isolation->read.count),
		"write",
		write_strings(isolation->write.items, isolation->write.count),
		"execute",
		write_strings(isolation->execute.items,
			      isolation->execute.count));
}

void
settings_write_confinement(json_t *json, const struct settings_pool *pool)
{
	json_t *limits = json_object(), *cpu = json_object();

	json_object_set_new(json, "identity", write_identity(pool));
	json_object_set_new(json, "isolation",
			    write_isolation(&pool->isolation));
	put_number(limits, "openFiles", pool->limits.open_files);
	put_number(limits, "processes", pool->limits.processes);
	put_number(limits, "addressSpace", pool->limits.address_space);
	put_number(limits, "coreFile", pool->limits.core);
	put_number(limits, "memory", pool->limits.memory);
	put_number(limits, "memoryHigh", pool->limits.memory_high);
	put_number(limits, "tasks", pool->limits.tasks);
	json_object_set_new(
		limits, "controlGroups",
		json_string(settings_means_words[pool->limits.groups]));
	json_object_set_new(json, "limits", limits);
	put_number(cpu, "limit", pool->cpu.limit);
	json_object_set_new(cpu, "action",
			    json_string(cpu_actions[pool->cpu.action]));
	settings_put_duration(cpu, "resetInterval", pool->cpu.reset_interval);
	if (pool->cpu.affinity != NULL)
		json_object_set_new(cpu, "affinity",
				    json_string(pool->cpu.affinity));
	json_object_set_new(json, "cpu", cpu);
	json_object_set_new(json, "nice", json_integer(pool->nice));
}
