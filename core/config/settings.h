/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a whole server as typed structs: what portico.json says,
 * with every default filled in and every reference resolved.
 *
 * porticod reads the file; the listener and the workers get the same shape,
 * cut down to what each may know, as JSON in a sealed memfd and read it by
 * the same tables.  A snapshot never changes after it was read, so any thread
 * may read it while it holds a reference.
 */
#ifndef CORE_CONFIG_SETTINGS_H
#define CORE_CONFIG_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/config/settings_binding.h"
#include "core/config/settings_events.h"
#include "core/config/settings_http2.h"
#include "core/config/settings_health.h"
#include "core/config/settings_initialization.h"
#include "core/config/settings_limits.h"
#include "core/config/settings_log.h"
#include "core/config/settings_pool.h"

struct arena;
struct config_problems;

/* Where nothing else is said. */
#define SETTINGS_RUNTIME_DIRECTORY "/run/portico"

struct settings_error_log {
	bool enabled;
	const char *file;
	struct settings_log_rotation rotation;
};

/* Of responses that the listener keeps. */
struct settings_cache {
	uint64_t size; /* bytes, of all loops together; 0 = none */
	uint64_t entry_size; /* bytes of one body */
};

/* Times in nanoseconds; 0 = no limit unless said otherwise. */
struct settings_listener {
	uint32_t threads; /* loops; resolved, never 0 */
	struct settings_limits limits; /* where a site has no others */
	uint64_t max_connections; /* of all loops together */
	uint64_t startup_time_limit; /* of a listener, to serve */
	uint64_t shutdown_time_limit; /* of one that was replaced */
	uint32_t backlog; /* of listen() */
	struct settings_http2 http2;
	uint64_t ticket_key_rotation; /* of TLS session tickets */
	struct settings_access_log access_log;
	struct settings_error_log error_log;
	struct settings_cache cache;
	struct settings_system_calls system_calls;
};

/* One row of the handler map, first match wins. */
struct settings_handler {
	const char *path; /* "*" (all), "*.ext", "/prefix/" + "*", or exact */
	const char *methods; /* "GET,HEAD"; NULL = all */
	const char *module;
	const char *handler; /* NULL = the module's first */
	struct settings_place place;
};

/* The order of modules on one event of an application, whatever they say. */
struct settings_order {
	unsigned event; /* index into settings_order_events */
	const char *const *modules; /* earlier first; at least two, no doubles */
	size_t count;
	struct settings_place place;
};

/*
 * The events whose order can be given: the stages of a worker's pipeline by
 * their numbers there (worker/pipeline_order.h), then FILTERS; NULL ends.
 */
extern const char *const settings_order_events[];
#define SETTINGS_ORDER_FILTERS 28u

/* Who says something for an application, from the outside. */
enum settings_level {
	SETTINGS_LEVEL_SERVER,
	SETTINGS_LEVEL_SITE,
	SETTINGS_LEVEL_APPLICATION,
	SETTINGS_LEVEL_LOCATION, /* of the application; may be several */
};

/* What the configuration says to one module in an application, or to it in all
 * applications of a site or of the server (moduleDefaults). */
struct settings_section {
	const char *module;
	const char *json; /* an object, as JSON text */
	size_t json_length;
	struct settings_place place; /* of the opening brace */
	/* What the site, or the server, says for all its applications; this
	 * one counts where both say something.  NULL: nothing. */
	const struct settings_section *outer;
	enum settings_level level;
};

/* What an application says for its paths below one. */
struct settings_location {
	const char *path; /* "/" or "/a/b", below the application */
	struct settings_place place;
	/* The longest that it is below itself, or NULL. */
	const struct settings_location *outer;
	/* What it says itself.  Outside of it come its outer ones, then the
	 * application. */
	const struct settings_section *sections;
	size_t section_count;
};

struct settings_site;

struct settings_application {
	uint32_t id; /* unique in the configuration, from 1 */
	const char *path; /* "/" or "/shop", without final slash */
	struct settings_place place;
	const struct settings_site *site;
	const struct settings_pool *pool;
	const char *root; /* absolute directory; NULL = none */
	struct settings_place root_place;
	const char *const *modules; /* names, in the order given, no doubles */
	size_t module_count;
	const struct settings_handler *handlers;
	size_t handler_count;
	const struct settings_order *orders;
	size_t order_count;
	/* Module and "fail", "skip" or "recycle"; "fail" where it is absent. */
	const struct settings_pair *on_error;
	size_t on_error_count;
	struct settings_initialization initialization;
	struct settings_health health;
	const struct settings_section *sections;
	size_t section_count;
	/* By settings_path_order: each behind those that it is below. */
	const struct settings_location *locations;
	size_t location_count;
};

struct settings_site {
	const char *name;
	uint32_t id; /* unique, from 1 */
	bool auto_start; /* takes requests from the start */
	struct settings_place place;
	const struct settings_binding *bindings;
	size_t binding_count;
	struct settings_site_limits limits;
	const struct settings_application *applications; /* longest path first */
	size_t application_count;
	struct settings_hsts hsts;
	struct settings_access_log log; /* as the listener's without a file */
	bool says_log; /* something that siteDefaults does not say */
	/* For a worker: paths of applications that other pools have. */
	const char *const *elsewhere;
	size_t elsewhere_count;
};

struct settings_module {
	const char *name;
	const char *file; /* absolute */
	struct settings_place place;
};

struct settings {
	unsigned magic;
	atomic_uint refs;
	struct arena *arena; /* everything below lives here */
	uint32_t generation; /* set by whoever hands it out */
	const char *file; /* where it was read from */
	const char *module_directory; /* these are absolute */
	const char *log_directory;
	struct settings_place log_place; /* of logDirectory */
	const struct settings_access_log *site_log; /* siteDefaults; no `file`;
						       NULL: says nothing */
	const char *runtime_directory;
	const char *control_socket;
	struct settings_events events;
	const char *user, *group; /* for pools without identity, or NULL */
	struct settings_place user_place;
	uint32_t dynamic_first, dynamic_count; /* identities of pools */
	struct settings_listener listener;
	struct settings_pool *pools;
	size_t pool_count;
	struct settings_site *sites;
	size_t site_count;
	/* For porticod's eyes only. */
	struct settings_certificate *certificates;
	size_t certificate_count;
	struct settings_module *modules; /* every module that is used */
	size_t module_count;
};

/*
 * Read a file.  NULL when there is a problem; `problems` (config.h) has all of
 * them, with their places.  The caller holds the reference.
 */
struct settings *settings_read_file(const char *path,
				    struct config_problems *problems);

/* The same from text; `file` is what places name. */
struct settings *settings_read_text(const char *text, size_t length,
				    const char *file,
				    struct config_problems *problems);

/*
 * Adds a problem for each thing outside the file that is not as it says:
 * roots that are no directories, module files that cannot be read, bindings
 * that this build cannot serve.  Blocks.
 */
void settings_check_world(const struct settings *settings,
			  struct config_problems *problems);

/* From what settings_to_memfd() made.  `fd` stays the caller's. */
struct settings *settings_read_memfd(int fd, struct portico_error *err);

/*
 * Gives applications and sites that were there before their old numbers, new
 * ones others: listener and workers name applications by them across a
 * reload.  Before `settings` is handed to anybody.
 */
void settings_keep_numbers(struct settings *settings,
			   const struct settings *old);

/* Any thread. */
struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings **settings_p);

/* Who a copy is for. */
enum settings_audience {
	SETTINGS_FOR_LISTENER, /* no module sections, no environment */
	SETTINGS_FOR_WORKER, /* one pool and what runs in it */
	SETTINGS_FOR_ALL, /* portico's own eyes: everything */
	/* As for a worker, without what it would not notice: places in the
	 * file and the generation.  To compare two settings. */
	SETTINGS_FOR_COMPARISON,
};

/*
 * A sealed memfd with the settings as JSON, or a negative status.  `pool` is
 * read for SETTINGS_FOR_WORKER only.  OWNERSHIP: the caller's.
 */
int settings_to_memfd(const struct settings *settings,
		      enum settings_audience audience,
		      const struct settings_pool *pool,
		      struct portico_error *err);

/* The same as text.  OWNERSHIP: the caller's, mem_free(); NULL: no memory. */
char *settings_to_text(const struct settings *settings,
		       enum settings_audience audience,
		       const struct settings_pool *pool, size_t *length_r);

/* NULL when there is none. */
const struct settings_pool *settings_find_pool(const struct settings *settings,
					       const char *name);
const struct settings_module *
settings_find_module(const struct settings *settings, const char *name);
const struct settings_application *
settings_find_application(const struct settings *settings, uint32_t id);
const struct settings_section *
settings_find_section(const struct settings_application *application,
		      const char *module);

/* What the location says itself. */
const struct settings_section *
settings_find_location_section(const struct settings_location *location,
			       const char *module);

/* Whether `path` is `prefix` or below it: "/a" has "/a/b", but not "/ab". */
bool settings_path_covers(struct portico_slice prefix,
			  struct portico_slice path);

/*
 * <0, 0, >0 by bytes, '/' before all others, a prefix before the longer: what
 * is below a path follows it without a gap.  So the longest prefix that covers
 * a path is the last one that is not behind it, or one that covers that.
 */
int settings_path_order(struct portico_slice a, struct portico_slice b);

#endif
