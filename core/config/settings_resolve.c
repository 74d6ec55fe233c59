/* SPDX-License-Identifier: Apache-2.0
 *
 * From what the file says to settings: references resolved, paths absolute,
 * numbers given.  Every problem is added with its place; the settings are
 * thrown away if there was one.
 */
#include "core/config/settings_priv.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/slice.h"

struct settings_place
settings_place_of(const struct config_value *value)
{
	if (value == NULL)
		return (struct settings_place){ NULL, 0, 0 };
	return (struct settings_place){ config_value_file(value),
					config_value_line(value),
					config_value_column(value) };
}

/* Zeroed, of a size that the configuration chose; NULL is a problem. */
void *
settings_array(struct settings_resolver *resolver, size_t count, size_t size)
{
	void *items = arena_try_alloc(resolver->arena, (count + 1) * size);

	if (items == NULL) {
		config_problem_at(resolver->problems, resolver->settings->file,
				  0, 0, "out of memory");
		return NULL;
	}
	memset(items, 0, (count + 1) * size);
	return items;
}

const char *
settings_absolute(struct settings_resolver *resolver, const char *directory,
		  const char *path)
{
	if (path == NULL || path[0] == '/')
		return path;
	return arena_printf(resolver->arena, "%s/%s", directory, path);
}

/* ---- the listener -------------------------------------------------------- */

static uint32_t
usual_threads(void)
{
	cpu_set_t cores;
	int count = 1;

	if (sched_getaffinity(0, sizeof cores, &cores) == 0)
		count = CPU_COUNT(&cores);
	return count > SETTINGS_THREADS_MAX ? SETTINGS_THREADS_MAX :
					      (uint32_t)count;
}

static void
resolve_listener(struct settings_resolver *resolver)
{
	const struct raw_listener *raw = &resolver->raw.listener;
	struct settings_listener *listener = &resolver->settings->listener;

	*listener = (struct settings_listener){
		.threads = raw->threads == 0 ? usual_threads() : raw->threads,
		.limits = raw->limits,
		.max_connections = raw->max_connections,
		.startup_time_limit = raw->startup_time_limit,
		.shutdown_time_limit = raw->shutdown_time_limit,
		.backlog = raw->backlog,
		.http2 = raw->http2,
		.ticket_key_rotation = raw->ticket_key_rotation,
		.error_log = { .enabled = raw->error_log.enabled,
			       .file = raw->error_log.file,
			       .rotation = settings_rotation(
				       &raw->error_log.rotation) },
		.cache = { .size = raw->cache.size,
			   .entry_size = raw->cache.entry_size },
	};
	settings_resolve_system_calls(&listener->system_calls,
				      &raw->system_calls);
	settings_resolve_access_log(resolver, &raw->access_log,
				    &listener->access_log);
}

/* ---- pools --------------------------------------------------------------- */

static void
resolve_pool(struct settings_resolver *resolver, const char *name,
	     const struct config_value *value, const struct raw_pool *raw)
{
	struct settings *settings = resolver->settings;
	struct settings_pool *pool = &settings->pools[settings->pool_count];
	struct settings_pair *environment = settings_array(
		resolver, raw->environment.count, sizeof *environment);

	if (environment == NULL)
		return;
	for (size_t i = 0; i < raw->environment.count; i++) {
		environment[i].name = raw->environment.items[i].name;
		environment[i].value = raw->environment.items[i].text;
		if (environment[i].name[0] == '\0' ||
		    strchr(environment[i].name, '=') != NULL)
			config_problem(resolver->problems,
				       raw->environment.items[i].value,
				       "\"%s\" cannot be the name of an "
				       "environment variable",
				       environment[i].name);
	}
	*pool = (struct settings_pool){
		.name = name,
		.index = (uint32_t)settings->pool_count,
		.place = settings_place_of(value),
		.queue_length = raw->queue_length,
		.workers = raw->workers,
		.start_workers = raw->start_workers,
		.another_at = raw->another_at,
		.affinity = (enum settings_affinity)raw->affinity,
		.threads = raw->threads,
		.offload_threads = raw->offload_threads,
		.max_concurrent_requests = raw->max_concurrent_requests,
		.shared_memory = raw->shared_memory,
		.start_mode = (enum settings_start_mode)raw->start_mode,
		.startup_time_limit = raw->startup_time_limit,
		.shutdown_time_limit = raw->shutdown_time_limit,
		.queue_timeout = raw->queue_timeout,
		.activation_timeout = raw->activation_timeout,
		.execution_timeout = raw->execution_timeout,
		.response_idle_timeout = raw->response_idle_timeout,
		.tunnel_idle_timeout = raw->tunnel_idle_timeout,
		.revoke_after = raw->revoke_after,
		.loop_block_limit = raw->loop_block_limit,
		.replay = raw->replay,
		.rapid_fail_protection = raw->rapid_fail_protection,
		.rapid_fail_max_crashes = raw->rapid_fail_max_crashes,
		.rapid_fail_interval = raw->rapid_fail_interval,
		.idle_timeout = raw->idle_timeout,
		.idle_suspend = raw->idle_action == 1,
		.pinging_enabled = raw->pinging_enabled,
		.ping_interval = raw->ping_interval,
		.ping_response_time = raw->ping_response_time,
		.max_request_body = raw->max_request_body,
		.environment = environment,
		.environment_count = raw->environment.count,
	};
	settings_resolve_recycling(resolver, &raw->recycling, &pool->recycling);
	settings_resolve_failure(resolver, &raw->failure, &pool->failure);
	settings_resolve_confinement(resolver, &raw->confinement, pool);
	settings->pool_count++;
}

/* Names go into paths of logs, messages and process titles. */
static bool
is_plain_name(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == '/' ||
		    name[i] == 0x7f)
			return false;
	return length > 0 && length <= 64;
}

void
settings_check_name(struct settings_resolver *resolver, const char *what,
		    const struct config_entry *entry)
{
	if (!is_plain_name(entry->name))
		config_problem_at_key(
			resolver->problems, entry->value,
			"\"%s\" cannot be the name of a %s: 1 to "
			"64 characters without blanks and '/' are "
			"allowed",
			entry->name, what);
}

/* Whether some application is in the pool that needs no entry. */
static bool
default_pool_is_meant(const struct settings_resolver *resolver)
{
	const struct config_map *sites = &resolver->raw.sites;

	for (size_t i = 0; i < sites->count; i++) {
		const struct raw_site *site = sites->items[i].object;

		for (size_t k = 0; k < site->applications.count; k++) {
			const struct raw_application *application =
				site->applications.items[k].object;

			if (strcmp(application->pool, SETTINGS_DEFAULT_POOL) ==
			    0)
				return true;
		}
	}
	return false;
}

static void
resolve_pools(struct settings_resolver *resolver)
{
	const struct config_map *pools = &resolver->raw.pools;
	struct settings *settings = resolver->settings;

	settings->pools = settings_array(resolver, pools->count + 1,
					 sizeof *settings->pools);
	if (settings->pools == NULL)
		return;
	for (size_t i = 0; i < pools->count; i++) {
		settings_check_name(resolver, "pool", &pools->items[i]);
		resolve_pool(resolver, pools->items[i].name,
			     pools->items[i].value, pools->items[i].object);
	}
	if (settings_find_pool(settings, SETTINGS_DEFAULT_POOL) == NULL &&
	    default_pool_is_meant(resolver))
		resolve_pool(resolver, SETTINGS_DEFAULT_POOL, NULL,
			     &resolver->raw.pool_defaults);
	settings_check_dynamic(resolver);
}

/* ---- modules ------------------------------------------------------------- */

static bool
is_module_name(const char *name)
{
	size_t length = strlen(name);

	if (length < 1 || length > 32 || name[0] < 'a' || name[0] > 'z')
		return false;
	for (size_t i = 1; i < length; i++)
		if ((name[i] < 'a' || name[i] > 'z') &&
		    (name[i] < '0' || name[i] > '9') && name[i] != '-')
			return false;
	return true;
}

/* Remembers that a module is used, and where it was named first. */
void
settings_use_module(struct settings_resolver *resolver, const char *name,
		    const struct config_value *value)
{
	struct settings_module *used;

	if (!is_module_name(name)) {
		config_problem(resolver->problems, value,
			       "\"%s\" cannot be a module: 1 to 32 lower case "
			       "letters, digits and '-' are allowed, a letter "
			       "first",
			       name);
		return;
	}
	if (hash_find(resolver->modules, slice_from(name)) != NULL)
		return;
	used = arena_zalloc(resolver->arena, sizeof *used);
	used->name = name;
	used->place = settings_place_of(value);
	hash_add(resolver->modules, slice_from(name), used);
}

static const struct raw_module *
find_raw_module(const struct settings_resolver *resolver, const char *name,
		const struct config_value **value_r)
{
	const struct config_map *modules = &resolver->raw.modules;

	for (size_t i = 0; i < modules->count; i++) {
		if (strcmp(modules->items[i].name, name) == 0) {
			*value_r = modules->items[i].value;
			return modules->items[i].object;
		}
	}
	*value_r = NULL;
	return NULL;
}

static int
by_module_name(const void *left, const void *right)
{
	const struct settings_module *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static void
resolve_modules(struct settings_resolver *resolver)
{
	struct settings *settings = resolver->settings;
	size_t cursor = 0;
	void *used;

	settings->modules = settings_array(resolver,
					   hash_count(resolver->modules),
					   sizeof *settings->modules);
	if (settings->modules == NULL)
		return;
	while (hash_next(resolver->modules, &cursor, NULL, &used)) {
		struct settings_module *module =
			&settings->modules[settings->module_count++];
		const struct config_value *value;
		const struct raw_module *raw;

		*module = *(const struct settings_module *)used;
		raw = find_raw_module(resolver, module->name, &value);
		if (value != NULL)
			module->place = settings_place_of(value);
		module->file = raw != NULL && raw->file != NULL ?
				       settings_absolute(resolver,
							 resolver->directory,
							 raw->file) :
				       arena_printf(resolver->arena, "%s/%s.so",
						    settings->module_directory,
						    module->name);
	}
	qsort(settings->modules, settings->module_count,
	      sizeof *settings->modules, by_module_name);
}

/* ---- the whole ----------------------------------------------------------- */

static void
resolve_directories(struct settings_resolver *resolver)
{
	const struct raw_root *raw = &resolver->raw;
	struct settings *settings = resolver->settings;
	const char *modules = raw->module_directory;

	if (modules == NULL)
		modules = getenv("PORTICO_MODULE_DIR");
	if (modules == NULL)
		modules = PORTICO_MODULEDIR;
	settings->module_directory =
		settings_absolute(resolver, resolver->directory, modules);
	if (settings->module_directory != raw->module_directory)
		settings->module_directory = arena_strdup(
			resolver->arena, settings->module_directory);
	settings->log_directory = settings_absolute(
		resolver, resolver->directory, raw->log_directory);
	settings->log_place = settings_place_of(
		config_value_find(raw->source, "logDirectory"));
	settings->runtime_directory = settings_absolute(
		resolver, resolver->directory, raw->runtime_directory);
	settings->control_socket = settings_absolute(
		resolver, settings->runtime_directory, raw->control_socket);
	settings_resolve_events(&raw->events, &settings->events);
	settings->user = raw->user;
	settings->group = raw->group;
	settings->user_place = settings_place_of(config_value_find(
		raw->source, raw->user != NULL ? "user" : "group"));
	settings->dynamic_first = raw->dynamic_identities.first;
	settings->dynamic_count = raw->dynamic_identities.count;
	settings->generation = raw->generation;
}

void
settings_resolve(struct settings_resolver *resolver)
{
	resolver->site_ids = hash_new("site ids", 0);
	resolver->bindings = hash_new("bindings", 0);
	resolver->ports = hash_new("ports", 0);
	resolver->tls_names = hash_new("hosts of https", 0);
	resolver->modules = hash_new("modules", 0);
	resolver->certificates = hash_new("certificates", 0);
	resolve_directories(resolver);
	resolve_listener(resolver);
	settings_resolve_limit_defaults(resolver);
	resolve_pools(resolver);
	settings_resolve_certificates(resolver);
	if (resolver->settings->pools != NULL)
		settings_resolve_sites(resolver);
	settings_resolve_site_logs(resolver);
	resolve_modules(resolver);
	hash_free(resolver->site_ids);
	hash_free(resolver->bindings);
	hash_free(resolver->ports);
	hash_free(resolver->tls_names);
	hash_free(resolver->modules);
	hash_free(resolver->certificates);
}
