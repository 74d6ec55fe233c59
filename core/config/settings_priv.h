/* SPDX-License-Identifier: Apache-2.0
 *
 * What portico.json says, by the tables of settings_tables.c, before
 * settings.c resolves it into struct settings.
 */
#ifndef CORE_CONFIG_SETTINGS_PRIV_H
#define CORE_CONFIG_SETTINGS_PRIV_H

#include <jansson.h>

#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/config/settings_raw_events.h"
#include "core/config/settings_raw_failure.h"
#include "core/config/settings_raw_health.h"
#include "core/config/settings_raw_initialization.h"
#include "core/config/settings_raw_isolation.h"
#include "core/config/settings_raw_log.h"
#include "core/config/settings_raw_recycling.h"
#include "core/config/settings_raw_tls.h"

struct raw_site_limits {
	const struct config_value *source; /* NULL: says nothing */
	struct settings_site_limits limits;
};
extern const struct config_table settings_site_limits_table;

struct raw_site_defaults {
	struct raw_site_limits limits;
	struct raw_access_log log;
};

struct raw_cache {
	uint64_t size;
	uint64_t entry_size;
};

struct raw_listener {
	const struct config_value *source;
	uint32_t threads;
	struct settings_limits limits;
	uint64_t max_connections;
	uint64_t startup_time_limit;
	uint64_t shutdown_time_limit;
	uint32_t backlog;
	struct settings_http2 http2;
	uint64_t ticket_key_rotation;
	struct raw_access_log access_log;
	struct raw_error_log error_log;
	struct raw_cache cache;
	struct raw_system_calls system_calls;
};

struct raw_pool {
	const struct config_value *source;
	uint32_t queue_length;
	uint32_t workers, start_workers, another_at, affinity;
	uint32_t threads;
	uint32_t offload_threads;
	uint32_t max_concurrent_requests;
	uint64_t shared_memory;
	int start_mode;
	uint64_t startup_time_limit;
	uint64_t shutdown_time_limit;
	uint64_t queue_timeout;
	uint64_t activation_timeout;
	uint64_t execution_timeout;
	uint64_t response_idle_timeout;
	uint64_t tunnel_idle_timeout;
	uint64_t revoke_after;
	uint64_t loop_block_limit;
	bool replay;
	bool rapid_fail_protection;
	uint32_t rapid_fail_max_crashes;
	uint64_t rapid_fail_interval;
	uint64_t idle_timeout;
	int idle_action;
	bool pinging_enabled;
	uint64_t ping_interval;
	uint64_t ping_response_time;
	struct raw_recycling recycling;
	struct raw_failure failure;
	uint64_t max_request_body;
	struct raw_confinement confinement;
	struct config_pairs environment;
};

struct raw_handler {
	const struct config_value *source;
	const char *path;
	const char *methods;
	const char *module;
	const char *handler;
};

struct raw_order {
	const struct config_value *source;
	int event;
	struct config_strings modules;
};

/* A section as porticod hands it on. */
struct raw_section {
	const char *text;
	const char *file;
	uint32_t line, column;
};

/* Sections for modules of all applications. */
struct raw_module_defaults {
	struct config_rest rest;
};

struct raw_location {
	struct config_map sections; /* of struct raw_section, handed on */
	struct config_rest rest; /* sections as in the file */
};

struct raw_application {
	const struct config_value *source;
	uint32_t id; /* 0: to be chosen */
	const char *pool;
	const char *root;
	struct config_strings modules;
	struct config_list handlers; /* of struct raw_handler */
	struct config_list order; /* of struct raw_order */
	struct config_pairs on_error; /* by module */
	bool preload_enabled;
	struct raw_initialization *initialization; /* or NULL */
	struct raw_health *health; /* or NULL */
	struct config_map locations; /* of struct raw_location */
	/* of struct raw_section, as handed on: its own, its site's and the
	 * server's */
	struct config_map sections, site_sections, server_sections;
	struct config_rest rest; /* sections as in the file */
};

struct raw_binding {
	const struct config_value *source;
	const char *url;
	const char *address;
	const char *certificate;
	struct config_strings proxies;
	enum settings_client_certificate client_certificate;
	const char *client_authorities;
};

struct raw_site {
	const struct config_value *source;
	uint32_t id; /* 0: to be chosen */
	bool auto_start;
	struct config_list bindings; /* of struct raw_binding */
	struct config_map applications; /* of struct raw_application */
	struct config_strings elsewhere; /* handed on */
	struct raw_site_limits limits;
	struct raw_module_defaults module_defaults;
	struct raw_hsts hsts;
	struct raw_access_log log;
};

struct raw_module {
	const struct config_value *source;
	const char *file;
};

struct raw_root {
	const struct config_value *source;
	uint32_t generation; /* handed on */
	const char *module_directory;
	const char *log_directory;
	const char *runtime_directory;
	const char *control_socket;
	struct raw_events events;
	const char *user;
	const char *group;
	struct raw_dynamic_identities dynamic_identities;
	struct raw_listener listener;
	struct raw_pool pool_defaults;
	struct config_map pools; /* of struct raw_pool */
	struct raw_site_defaults site_defaults;
	struct config_map sites; /* of struct raw_site */
	struct config_map certificates; /* of struct raw_certificate */
	struct config_map modules; /* of struct raw_module */
	struct raw_module_defaults module_defaults;
};

extern const struct config_table settings_root_table;
extern const char *const settings_log_periods[];
extern const struct config_table settings_recycling_table;

/* Directories used when the file names none. */
#define SETTINGS_LOG_DIRECTORY "/var/log/portico"
#define SETTINGS_CONTROL_SOCKET "control.sock"

/* The pool of an application that names none. */
#define SETTINGS_DEFAULT_POOL "default"

#define SETTINGS_THREADS_MAX 4 /* of those chosen by ourselves */

/*
 * Reads "scheme://host[:port][/prefix]" into the binding (not place and
 * certificate).  NULL when it is right, else a phrase that says what is
 * allowed.
 */
const char *settings_parse_binding(struct arena *arena, const char *url,
				   struct settings_binding *binding_r);

/* Whether `text` is an address to listen on: "*", IPv4, IPv6. */
bool settings_is_address(const char *text);

struct settings_place settings_place_of(const struct config_value *value);

struct hash_table;

/* What goes on while settings are made from what the file says. */
struct settings_resolver {
	struct settings *settings;
	struct raw_root raw;
	struct arena *arena; /* the settings' own */
	struct config_problems *problems;
	const char *directory; /* that relative paths start from */
	bool handed_on; /* made by settings_to_memfd */
	struct hash_table *site_ids; /* text -> struct settings_site */
	struct hash_table *bindings; /* text -> struct settings_binding */
	struct hash_table *ports; /* address:port -> struct settings_binding */
	struct hash_table *tls_names; /* host and port -> the same */
	struct hash_table *modules; /* name -> anything */
	struct hash_table *certificates; /* name -> struct settings_certificate */
	uint32_t next_application;
	struct raw_site_limits site_limits; /* of a site that says nothing */
};

/* The steps, each in a file of its own: settings_resolve.c, settings_site.c,
 * settings_limits.c, settings_certificate.c. */
void settings_resolve(struct settings_resolver *resolver);
/* Whether the site says anything that does not hold for all. */
bool settings_limits_differ(const struct settings_site_limits *site,
			    const struct settings_limits *all);
void settings_resolve_limit_defaults(struct settings_resolver *resolver);
void settings_resolve_limits(struct settings_resolver *resolver,
			     const struct raw_site *raw,
			     struct settings_site *site);
void settings_resolve_access_log(struct settings_resolver *resolver,
				 const struct raw_access_log *raw,
				 struct settings_access_log *log);
struct settings_log_rotation
settings_rotation(const struct raw_log_rotation *raw);
json_t *settings_write_access_log(const struct settings_access_log *log);
void settings_resolve_failure(struct settings_resolver *resolver,
			      const struct raw_failure *raw,
			      struct settings_failure *failure);
/* Before the sites. */
void settings_resolve_certificates(struct settings_resolver *resolver);
/* What a binding says of them, when its url is known. */
void settings_resolve_binding_tls(struct settings_resolver *resolver,
				  const struct raw_binding *raw,
				  struct settings_binding *binding);
void settings_resolve_sites(struct settings_resolver *resolver);
/* After the application's modules and sections. */
void settings_resolve_locations(struct settings_resolver *resolver,
				const struct raw_application *raw,
				struct settings_application *application);

/* The section of a module as the file has it, or as porticod handed it on;
 * NULL: none, or a problem that was added. */
struct settings_section *
settings_written_section(struct settings_resolver *resolver,
			 const struct config_rest *rest, const char *module);
struct settings_section *
settings_handed_section(struct settings_resolver *resolver,
			const struct config_map *sections, const char *module);
bool settings_has_module(const struct settings_application *application,
			 const char *name);

/* Zeroed memory of a size that the configuration chose, one element more than
 * asked for; NULL is a problem that was added. */
void *settings_array(struct settings_resolver *resolver, size_t count,
		     size_t size);

/* `path` if it is absolute (or NULL), else below `directory`. */
const char *settings_absolute(struct settings_resolver *resolver,
			      const char *directory, const char *path);

/* A problem if the name of a thing cannot be one. */
void settings_check_name(struct settings_resolver *resolver, const char *what,
			 const struct config_entry *entry);

/* Remembers that a module is used; a problem if it cannot be one's name. */
void settings_use_module(struct settings_resolver *resolver, const char *name,
			 const struct config_value *value);

/* New objects, as of settings_recycling_table and so on. */
json_t *settings_write_failure(const struct settings_failure *failure);
json_t *settings_write_recycling(const struct settings_recycling *recycling);

/* Members of it: nothing for NULL; "...ns". */
void settings_put_duration(json_t *object, const char *key, uint64_t ns);

#endif
