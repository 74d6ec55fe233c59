/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a pool that say what happens when it fails.
 */
#include "core/config/settings_priv.h"
#include "core/config/table.h"

#define SECOND 1000000000ll
#define DAY (86400 * SECOND)

static const char *const levels[] = { "HttpLevel", "TcpLevel", NULL };

static const char *const core_dumps[] = { "inherit", "none", "full", NULL };

static void
check_program(const void *target, const struct config_value *value,
	      struct config_problems *problems)
{
	const char *path = *(const char *const *)target;

	if (path[0] != '/')
		config_problem(problems, value,
			       "found \"%s\", expected the absolute path of a "
			       "program",
			       path);
}

static const struct config_field probe_fields[] = {
	CONFIG_SOURCE(struct raw_probe, source),
	CONFIG_DURATION(struct raw_probe, after, "after", .fallback = "0",
			.flags = CONFIG_ZERO, .min = SECOND / 10, .max = DAY,
			.prose = "How long after a pool was disabled one start "
				 "is tried; twice as long after each one that "
				 "fails. The pool is enabled when the worker "
				 "is ready; if a worker fails within "
				 "rapidFailProtectionInterval it is disabled "
				 "again at once. 0: only a command enables "
				 "it."),
	CONFIG_DURATION(struct raw_probe, at_most, "atMost", .fallback = "1h",
			.min = SECOND / 10, .max = 30 * DAY,
			.prose = "Longest time between two such starts."),
};
static const struct config_table probe_table = CONFIG_TABLE(
	struct raw_probe, probe_fields,
	"Whether a pool that was disabled is tried again by itself.");

static const struct config_field failure_fields[] = {
	CONFIG_SOURCE(struct raw_failure, source),
	CONFIG_ENUM(struct raw_failure, load_balancer_capabilities,
		    "loadBalancerCapabilities", .fallback = "HttpLevel",
		    .words = levels,
		    .prose = "What a client gets of a pool that is stopped or "
			     "disabled, or whose queue is full: 503 "
			     "(HttpLevel), or its connection is reset "
			     "(TcpLevel), so that a load balancer that looks "
			     "at connections takes another server."),
	CONFIG_STRING(struct raw_failure, auto_shutdown_exe, "autoShutdownExe",
		      .min = 1, .max = 4095, .check = check_program,
		      .prose = "Program that is run when rapid-fail protection "
			       "disables the pool: as porticod's user, with "
			       "PORTICO_POOL and PORTICO_REASON in its "
			       "environment, for 30 s at most. Its output is "
			       "logged."),
	CONFIG_STRINGS(struct raw_failure, auto_shutdown_params,
		       "autoShutdownParams", .max = 64,
		       .prose = "Its arguments; \"%1%\" in them is the name of "
				"the pool."),
	CONFIG_BOOL(struct raw_failure, orphan_worker_process,
		    "orphanWorkerProcess", .fallback = "false",
		    .prose = "Whether a worker that does not answer its ping "
			     "is left alone, so that it can be looked at, "
			     "instead of being ended: its requests are lost "
			     "to it, another takes its place. At most 3 of a "
			     "pool, older ones are killed; all at the end of "
			     "the server."),
	CONFIG_STRING(struct raw_failure, orphan_action_exe, "orphanActionExe",
		      .min = 1, .max = 4095, .check = check_program,
		      .prose = "Program that is run then, like "
			       "autoShutdownExe, with PORTICO_PID, too."),
	CONFIG_STRINGS(struct raw_failure, orphan_action_params,
		       "orphanActionParams", .max = 64,
		       .prose = "Its arguments; \"%1%\" in them is the number "
				"of the process."),
	CONFIG_OBJECT(struct raw_failure, probe, "probe", &probe_table,
		      .prose = "Whether it is tried again by itself."),
	CONFIG_ENUM(struct raw_failure, core_dump, "coreDump",
		    .fallback = "inherit", .words = core_dumps,
		    .prose = "Core files of workers that crash. inherit: as "
			     "porticod's own limit, or limits.coreFile, has "
			     "it; none: none, also where kernel.core_pattern "
			     "gives them to a program; full: the whole of it, "
			     "or as much as limits.coreFile allows."),
	CONFIG_STRING(struct raw_failure, core_directory, "coreDirectory",
		      .min = 1, .max = 2048,
		      .prose = "Where they are kept, as POOL.PROCESS.core, for "
			       "porticod's user alone; it is made if it does "
			       "not exist. Each worker has a directory in it "
			       "as its working directory while it runs. Needs "
			       "a kernel.core_pattern that is the name of a "
			       "file: with a path or a program of its own the "
			       "kernel puts them there. Event 1000 says where "
			       "one is."),
	CONFIG_INTEGER(struct raw_failure, core_files, "coreFiles",
		       .fallback = "5", .min = 1, .max = 10000,
		       .prose = "So many of a pool are kept in there, the "
				"newest."),
};
const struct config_table settings_failure_table =
	CONFIG_TABLE(struct raw_failure, failure_fields,
		     "What happens when a pool's workers fail.");

static const char *const *
arguments(struct settings_resolver *resolver, const struct config_strings *raw)
{
	const char **copy = settings_array(resolver, raw->count, sizeof *copy);

	for (size_t i = 0; copy != NULL && i < raw->count; i++)
		copy[i] = raw->items[i];
	return copy;
}

void
settings_resolve_failure(struct settings_resolver *resolver,
			 const struct raw_failure *raw,
			 struct settings_failure *failure)
{
	*failure = (struct settings_failure){
		.tcp_level = raw->load_balancer_capabilities == 1,
		.auto_shutdown = { raw->auto_shutdown_exe,
				   arguments(resolver,
					     &raw->auto_shutdown_params),
				   raw->auto_shutdown_params.count },
		.orphan_worker_process = raw->orphan_worker_process,
		.orphan_action = { raw->orphan_action_exe,
				   arguments(resolver,
					     &raw->orphan_action_params),
				   raw->orphan_action_params.count },
		.probe_after = raw->probe.after,
		.probe_at_most = raw->probe.at_most > raw->probe.after ?
					 raw->probe.at_most :
					 raw->probe.after,
		.core_dump = (enum settings_core_dump)raw->core_dump,
		.core_directory =
			raw->core_directory == NULL ?
				NULL :
				settings_absolute(resolver, resolver->directory,
						  raw->core_directory),
		.core_files = raw->core_files,
	};
}

static void
write_action(json_t *json, const char *program, const char *parameters,
	     const struct settings_action *action)
{
	json_t *array = json_array();

	if (action->path != NULL)
		json_object_set_new(json, program, json_string(action->path));
	for (size_t i = 0; i < action->count; i++)
		json_array_append_new(array, json_string(action->arguments[i]));
	json_object_set_new(json, parameters, array);
}

json_t *
settings_write_failure(const struct settings_failure *failure)
{
	json_t *json = json_object(), *probe = json_object();

	json_object_set_new(json, "loadBalancerCapabilities",
			    json_string(levels[failure->tcp_level]));
	write_action(json, "autoShutdownExe", "autoShutdownParams",
		     &failure->auto_shutdown);
	json_object_set_new(json, "orphanWorkerProcess",
			    json_boolean(failure->orphan_worker_process));
	write_action(json, "orphanActionExe", "orphanActionParams",
		     &failure->orphan_action);
	settings_put_duration(probe, "after", failure->probe_after);
	settings_put_duration(probe, "atMost", failure->probe_at_most);
	json_object_set_new(json, "probe", probe);
	json_object_set_new(json, "coreDump",
			    json_string(core_dumps[failure->core_dump]));
	if (failure->core_directory != NULL)
		json_object_set_new(json, "coreDirectory",
				    json_string(failure->core_directory));
	json_object_set_new(json, "coreFiles",
			    json_integer(failure->core_files));
	return json;
}
