/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of portico.json: names, types, defaults, bounds and prose.
 */
#include "core/config/settings_limit_rows.h"
#include "core/config/settings_log_rows.h"
#include "core/config/settings_priv.h"

#define SECOND 1000000000ll
#define DAY (86400 * SECOND)

static const struct config_field error_log_fields[] = {
	CONFIG_BOOL(struct raw_error_log, enabled, "enabled",
		    .fallback = "true",
		    .prose = "Whether requests that the listener itself "
			     "refused are written to the error log."),
	CONFIG_STRING(struct raw_error_log, file, "file",
		      .fallback = "httperr.log", .min = 1, .max = 1024,
		      .prose = "Name of the error log, relative to "
			       "logDirectory."),
	SETTINGS_ROTATION_ROWS(struct raw_error_log, rotation),
};
static const struct config_table error_log_table =
	CONFIG_TABLE(struct raw_error_log, error_log_fields,
		     "The log of requests that never reached a worker or were "
		     "cut.");

static const struct config_field cache_fields[] = {
	CONFIG_SIZE(struct raw_cache, size, "size", .fallback = "64MiB",
		    .flags = CONFIG_ZERO, .min = 64 * 1024,
		    .max = 1024ll * 1024 * 1024 * 1024,
		    .prose = "Memory for responses that are kept; each loop "
			     "has its part of it. 0: none are."),
	CONFIG_SIZE(struct raw_cache, entry_size, "entrySize",
		    .fallback = "256KiB", .min = 1, .max = 64 * 1024 * 1024,
		    .prose = "Largest body that is kept."),
};
static const struct config_table cache_table = CONFIG_TABLE(
	struct raw_cache, cache_fields,
	"Responses that modules allow the listener to keep and to answer with.");

static const struct config_field http2_fields[] = {
	CONFIG_BOOL(struct settings_http2, enabled, "enabled",
		    .fallback = "true",
		    .prose = "Whether clients may speak HTTP/2."),
	CONFIG_INTEGER(struct settings_http2, max_concurrent_streams,
		       "maxConcurrentStreams", .fallback = "100", .min = 1,
		       .max = 100000,
		       .prose = "Most requests at once on one connection."),
	CONFIG_SIZE(struct settings_http2, initial_window, "initialWindow",
		    .fallback = "64KiB", .min = 1024, .max = 16 << 20,
		    .prose = "What a client may send of a request's body "
			     "before it is wanted."),
	CONFIG_SIZE(struct settings_http2, connection_window,
		    "connectionWindow", .fallback = "1MiB", .min = 65535,
		    .max = 1 << 30,
		    .prose = "The same of all requests of a connection "
			     "together: what its bodies may take of memory."),
	CONFIG_INTEGER(struct settings_http2, reset_rate, "resetRate",
		       .fallback = "30", .min = 0, .max = 1000000,
		       .prose = "Requests per second that a client may take "
				"back, or break, on one connection; ten times "
				"as many at once. 0: no limit."),
	CONFIG_INTEGER(struct settings_http2, ping_rate, "pingRate",
		       .fallback = "20", .min = 0, .max = 1000000,
		       .prose = "PING frames per second, in the same way."),
	CONFIG_INTEGER(struct settings_http2, settings_rate, "settingsRate",
		       .fallback = "5", .min = 0, .max = 1000000,
		       .prose = "SETTINGS frames per second, in the same way."),
	CONFIG_INTEGER(struct settings_http2, empty_frame_rate,
		       "emptyFrameRate", .fallback = "50", .min = 0,
		       .max = 1000000,
		       .prose = "Frames per second that carry nothing (empty "
				"ones, priorities, unknown ones), in the same "
				"way."),
};
static const struct config_table http2_table =
	CONFIG_TABLE(struct settings_http2, http2_fields,
		     "HTTP/2, and what a connection of it may do.");

static const struct config_field listener_fields[] = {
	CONFIG_SOURCE(struct raw_listener, source),
	CONFIG_INTEGER(struct raw_listener, threads, "threads", .fallback = "0",
		       .min = 0, .max = 64,
		       .prose = "Loops of the listener. 0: one per core, at "
				"most 4."),
	SETTINGS_LIMIT_ROWS(struct raw_listener, limits),
	CONFIG_INTEGER(struct raw_listener, max_connections, "maxConnections",
		       .fallback = "0", .min = 0, .max = 100000000,
		       .prose = "Most connections at once. 0: no limit. A "
				"listener that was replaced counts its own."),
	CONFIG_DURATION(struct raw_listener, startup_time_limit,
			"startupTimeLimit", .fallback = "30s",
			.min = SECOND / 10, .max = DAY,
			.prose = "How long the listener may take to serve, and "
				 "to attach the workers when it replaces "
				 "another."),
	CONFIG_DURATION(struct raw_listener, shutdown_time_limit,
			"shutdownTimeLimit", .fallback = "90s",
			.min = SECOND / 10, .max = DAY,
			.prose = "How long a listener that was replaced may "
				 "take to finish its requests before they are "
				 "cut."),
	CONFIG_DURATION(struct raw_listener, ticket_key_rotation,
			"ticketKeyRotation", .fallback = "1h", .min = SECOND,
			.max = 7 * DAY,
			.prose = "How long a key encrypts TLS session tickets; "
				 "so long twice over it still opens them."),
	CONFIG_INTEGER(struct raw_listener, backlog, "backlog",
		       .fallback = "511", .min = 1, .max = 65535,
		       .prose = "Connections that the kernel keeps until they "
				"are accepted, per socket."),
	CONFIG_OBJECT(struct raw_listener, system_calls, "systemCalls",
		      &settings_system_calls_table,
		      .prose = "System calls of the listener; a change takes "
			       "effect with the next one (portico upgrade "
			       "listener)."),
	CONFIG_OBJECT(struct raw_listener, http2, "http2", &http2_table,
		      .prose = "HTTP/2."),
	CONFIG_OBJECT(struct raw_listener, access_log, "accessLog",
		      &settings_access_log_table, .prose = "The access log."),
	CONFIG_OBJECT(struct raw_listener, error_log, "errorLog",
		      &error_log_table, .prose = "The error log."),
	CONFIG_OBJECT(struct raw_listener, cache, "cache", &cache_table,
		      .prose = "Responses that are kept."),
};
static const struct config_table listener_table = CONFIG_TABLE(
	struct raw_listener, listener_fields,
	"The process that reads from the network: its threads, limits, "
	"timeouts and logs.");

const char *const settings_affinities[] = { "none", "cookie", "clientAddress",
					    NULL };

static const char *const start_modes[] = { "OnDemand", "AlwaysRunning", NULL };

static const char *const idle_actions[] = { "Terminate", "Suspend", NULL };

static const struct config_field pool_fields[] = {
	CONFIG_SOURCE(struct raw_pool, source),
	CONFIG_INTEGER(struct raw_pool, queue_length, "queueLength",
		       .fallback = "1000", .min = 10, .max = 65535,
		       .prose = "Most requests that may wait for a worker; "
				"more get 503."),
	CONFIG_INTEGER(struct raw_pool, workers, "workers", .fallback = "1",
		       .min = 1, .max = 256,
		       .prose = "Worker processes of the pool."),
	CONFIG_INTEGER(struct raw_pool, start_workers, "startWorkers",
		       .fallback = "0", .min = 0, .max = 256,
		       .prose = "So many of them are started at first; others "
				"one by one, up to workers, as load asks for "
				"them (startAnotherAt). They end when the pool "
				"is idle (idleTimeout). 0: all at once."),
	CONFIG_INTEGER(struct raw_pool, another_at, "startAnotherAt",
		       .fallback = "64", .min = 1, .max = 65536,
		       .prose = "So many requests in progress for each worker "
				"that there is ask for another one; at most "
				"one is started at a time."),
	CONFIG_ENUM(struct raw_pool, affinity, "affinity", .fallback = "none",
		    .words = settings_affinities,
		    .prose = "Whether the requests of a client go to the same "
			     "worker, where a pool has several: by a cookie "
			     "that the listener sets (PorticoAffinity, for the "
			     "application's path), or by the client's address. "
			     "Another one is chosen when that worker is "
			     "replaced, or has no room."),
	CONFIG_INTEGER(struct raw_pool, threads, "threads", .fallback = "1",
		       .min = 1, .max = 64,
		       .prose = "Loops of each worker process."),
	CONFIG_INTEGER(struct raw_pool, offload_threads, "offloadThreads",
		       .fallback = "4", .min = 1, .max = 1024,
		       .prose = "Threads of each worker for calls that block."),
	CONFIG_INTEGER(struct raw_pool, max_concurrent_requests,
		       "maxConcurrentRequests", .fallback = "5000", .min = 1,
		       .max = 65536,
		       .prose = "Requests that a worker process is given at "
				"once; others wait in the queue. While one "
				"listener replaces another, by each."),
	CONFIG_SIZE(struct raw_pool, shared_memory, "sharedMemory",
		    .fallback = "1MiB", .flags = CONFIG_ZERO,
		    .min = 64ll * 1024, .max = 1024ll * 1024 * 1024,
		    .prose = "Memory that the pool's workers share, for "
			     "counters and values of their modules. It "
			     "outlives them; another size begins with an "
			     "empty one. 0: none."),
	CONFIG_ENUM(struct raw_pool, start_mode, "startMode",
		    .fallback = "OnDemand", .words = start_modes,
		    .prose = "Whether workers start with the first request or "
			     "with the server."),
	CONFIG_DURATION(struct raw_pool, startup_time_limit, "startupTimeLimit",
			.fallback = "90s", .min = SECOND / 10, .max = DAY,
			.prose = "How long a worker may take to get ready."),
	CONFIG_DURATION(struct raw_pool, shutdown_time_limit,
			"shutdownTimeLimit", .fallback = "90s",
			.min = SECOND / 10, .max = DAY,
			.prose = "How long a worker that is replaced or "
				 "stopped may take to finish its requests. "
				 "Then they are aborted, and it gets SIGTERM "
				 "2 seconds later and SIGKILL after 3 more."),
	CONFIG_DURATION(struct raw_pool, queue_timeout, "queueTimeout",
			.fallback = "120s", .flags = CONFIG_ZERO,
			.min = SECOND / 1000, .max = DAY,
			.prose = "How long after its head a request may still "
				 "wait for a worker to take it; then 503 "
				 "Timer_ReqQueue. 0: no limit."),
	CONFIG_DURATION(struct raw_pool, activation_timeout,
			"activationTimeout", .fallback = "90s",
			.flags = CONFIG_ZERO, .min = SECOND / 1000, .max = DAY,
			.prose = "How long after its head a request may still "
				 "wait while no worker of the pool is ready; "
				 "then 503 Timer_AppPool. 0: no limit."),
	CONFIG_DURATION(struct raw_pool, execution_timeout, "executionTimeout",
			.fallback = "0", .flags = CONFIG_ZERO,
			.min = SECOND / 1000, .max = 365 * DAY,
			.prose = "How long after its head the last of a "
				 "request's response may come from the worker, "
				 "whatever it did meanwhile; then 504 "
				 "Timer_Response. 0: no limit."),
	CONFIG_DURATION(struct raw_pool, response_idle_timeout,
			"responseIdleTimeout", .fallback = "120s",
			.flags = CONFIG_ZERO, .min = SECOND / 1000, .max = DAY,
			.prose =
				"How long a worker that has a request, and "
				"does not wait for the client, may let nothing "
				"be heard of it; then 504 Timer_ResponseIdle. "
				"0: no limit."),
	CONFIG_DURATION(struct raw_pool, loop_block_limit, "loopBlockLimit",
			.fallback = "1s", .flags = CONFIG_ZERO,
			.min = SECOND / 100, .max = DAY,
			.prose = "How long a module may hold up a loop until "
				 "the log names it. 0: no limit."),
	CONFIG_DURATION(struct raw_pool, tunnel_idle_timeout,
			"tunnelIdleTimeout", .fallback = "0",
			.flags = CONFIG_ZERO, .min = SECOND / 1000,
			.max = 365 * DAY,
			.prose = "How long no byte may pass in either "
				 "direction of a tunnel (WebSocket and other "
				 "upgraded connections), to which "
				 "executionTimeout and responseIdleTimeout do "
				 "not apply; then it is cut, "
				 "Timer_ConnectionIdle. 0: no limit."),
	CONFIG_DURATION(struct raw_pool, revoke_after, "revokeAfter",
			.fallback = "50ms", .flags = CONFIG_ZERO,
			.min = SECOND / 1000, .max = DAY,
			.prose = "How long a worker may leave a request that "
				 "it was given untouched until another worker "
				 "gets it; looked at every 25 ms. 0: never."),
	CONFIG_BOOL(struct raw_pool, replay, "replay", .fallback = "true",
		    .prose =
			    "Whether a safe or idempotent request whose worker "
			    "died is run once more on another one."),
	CONFIG_BOOL(struct raw_pool, rapid_fail_protection,
		    "rapidFailProtection", .fallback = "true",
		    .prose =
			    "Whether a pool whose workers fail again and again "
			    "is disabled."),
	CONFIG_INTEGER(struct raw_pool, rapid_fail_max_crashes,
		       "rapidFailProtectionMaxCrashes", .fallback = "5",
		       .min = 1, .max = 64,
		       .prose = "So many failures within "
				"rapidFailProtectionInterval disable the "
				"pool."),
	CONFIG_DURATION(struct raw_pool, rapid_fail_interval,
			"rapidFailProtectionInterval", .fallback = "5m",
			.min = SECOND, .max = DAY,
			.prose = "Time within which failures are counted."),
	CONFIG_ENUM(struct raw_pool, idle_action, "idleTimeoutAction",
		    .fallback = "Terminate", .words = idle_actions,
		    .prose = "What becomes of workers that had no request for "
			     "idleTimeout: Terminate ends them, Suspend stops "
			     "them and offers their memory to be paged out, "
			     "with that of their control group (version 2), "
			     "until the next request wakes them."),
	CONFIG_DURATION(struct raw_pool, idle_timeout, "idleTimeout",
			.fallback = "20m", .flags = CONFIG_ZERO,
			.min = SECOND / 10, .max = 30 * DAY,
			.prose = "How long a pool may be without requests "
				 "until its workers are ended; the next "
				 "request starts one. Looked at each "
				 "pingInterval; not if startMode is "
				 "AlwaysRunning. 0: they stay."),
	CONFIG_BOOL(struct raw_pool, pinging_enabled, "pingingEnabled",
		    .fallback = "true",
		    .prose = "Whether a worker that does not answer is "
			     "replaced, and modules are told HEALTH. Without "
			     "that it is asked how many requests it has, and "
			     "may take its time."),
	CONFIG_DURATION(struct raw_pool, ping_interval, "pingInterval",
			.fallback = "30s", .min = SECOND / 100, .max = DAY,
			.prose = "How often a worker is asked whether all its "
				 "loops still turn; its modules are told "
				 "HEALTH each time."),
	CONFIG_DURATION(struct raw_pool, ping_response_time, "pingResponseTime",
			.fallback = "90s", .min = SECOND / 10, .max = DAY,
			.prose = "How long a worker may take to answer. Then "
				 "it is replaced, which counts as a failure; "
				 "with recycling.disallowOverlappingRotation "
				 "it is killed, so that the next one can be "
				 "started."),
	CONFIG_OBJECT(struct raw_pool, recycling, "recycling",
		      &settings_recycling_table,
		      .prose = "When its workers are replaced."),
	CONFIG_OBJECT(struct raw_pool, failure, "failure",
		      &settings_failure_table,
		      .prose = "What happens when they fail."),
	CONFIG_SIZE(struct raw_pool, max_request_body, "maxRequestBody",
		    .fallback = "30000000", .flags = CONFIG_ZERO, .min = 1,
		    .prose = "Largest request body. 0: no limit."),
	SETTINGS_CONFINEMENT_ROWS(struct raw_pool, confinement),
	CONFIG_PAIRS(struct raw_pool, environment, "environment",
		     .prose = "Environment variables of the workers."),
};
static const struct config_table pool_table =
	CONFIG_TABLE(struct raw_pool, pool_fields,
		     "A pool: worker processes that share a queue, an identity "
		     "and their limits.");

static const struct config_field handler_fields[] = {
	CONFIG_SOURCE(struct raw_handler, source),
	CONFIG_STRING(struct raw_handler, path, "path", .fallback = "*",
		      .min = 1, .max = 1024,
		      .prose = "Paths below the application: \"*\", "
			       "\"*.ext\", \"/prefix/*\" or one path."),
	CONFIG_STRING(struct raw_handler, methods, "methods", .min = 1,
		      .max = 1024,
		      .prose = "Methods, with commas; without it all."),
	CONFIG_STRING(struct raw_handler, module, "module",
		      .flags = CONFIG_REQUIRED, .min = 1, .max = 32,
		      .prose = "Module that has the handler."),
	CONFIG_STRING(struct raw_handler, handler, "handler", .min = 1,
		      .max = 64,
		      .prose = "Handler of that module; without it its first."),
};
static const struct config_table handler_table = CONFIG_TABLE(
	struct raw_handler, handler_fields,
	"One row of the handler map: which handler answers which requests.");

const char *const settings_order_events[] = {
	"BEGIN",	 "POST_BEGIN",
	"AUTHENTICATE",	 "POST_AUTHENTICATE",
	"AUTHORIZE",	 "POST_AUTHORIZE",
	"RESOLVE_CACHE", "POST_RESOLVE_CACHE",
	"MAP_HANDLER",	 "POST_MAP_HANDLER",
	"ACQUIRE_STATE", "POST_ACQUIRE_STATE",
	"PRE_EXECUTE",	 "POST_PRE_EXECUTE",
	"EXECUTE",	 "POST_EXECUTE",
	"RELEASE_STATE", "POST_RELEASE_STATE",
	"UPDATE_CACHE",	 "POST_UPDATE_CACHE",
	"LOG",		 "POST_LOG",
	"END",		 "POST_END",
	"MAP_PATH",	 "READ_ENTITY",
	"SEND_RESPONSE", "CUSTOM",
	"FILTERS",	 NULL,
};
_Static_assert(sizeof settings_order_events / sizeof *settings_order_events ==
		       SETTINGS_ORDER_FILTERS + 2,
	       "the filters come after all events");

static const struct config_field order_fields[] = {
	CONFIG_SOURCE(struct raw_order, source),
	CONFIG_ENUM(struct raw_order, event, "event", .flags = CONFIG_REQUIRED,
		    .words = settings_order_events,
		    .prose = "Event, or FILTERS for the response filters."),
	CONFIG_STRINGS(struct raw_order, modules, "modules",
		       .flags = CONFIG_REQUIRED, .min = 2, .max = 256,
		       .prose = "Modules in the order in which they run there; "
				"of filters the one nearest to the handler "
				"first."),
};
static const struct config_table order_table = CONFIG_TABLE(
	struct raw_order, order_fields,
	"The order of some modules on one event.  Between those that it names, "
	"it replaces what the modules themselves say in before and after.");

static const struct config_field section_fields[] = {
	CONFIG_STRING(struct raw_section, text, "text",
		      .flags = CONFIG_REQUIRED, .prose = "The section."),
	CONFIG_STRING(struct raw_section, file, "file", .prose = "Its file."),
	CONFIG_INTEGER(struct raw_section, line, "line", .prose = "Its line."),
	CONFIG_INTEGER(struct raw_section, column, "column",
		       .prose = "Its column."),
};
static const struct config_table section_table =
	CONFIG_TABLE(struct raw_section, section_fields,
		     "A module's section with its place.");

static const struct config_field module_defaults_fields[] = {
	CONFIG_REST(struct raw_module_defaults, rest,
		    .prose = "A section for each module, named as it."),
};
static const struct config_table module_defaults_table = CONFIG_TABLE(
	struct raw_module_defaults, module_defaults_fields,
	"Settings of modules, setting by setting, where an application does "
	"not say them itself.");

static const struct config_field location_fields[] = {
	CONFIG_MAP(struct raw_location, sections, "sections", &section_table,
		   .flags = CONFIG_HIDDEN,
		   .prose = "Sections as porticod hands them on."),
	CONFIG_REST(struct raw_location, rest,
		    .prose = "A section for each module, named as it."),
};
static const struct config_table location_table = CONFIG_TABLE(
	struct raw_location, location_fields,
	"Settings of modules for a path and those below it, by whole segments "
	"and with case: \"/a\" has \"/a/b\", but not \"/ab\" and \"/A\"; the "
	"longest counts.  What it does not say is as in the next shorter "
	"location, then as in the application.");

static const struct config_field application_fields[] = {
	CONFIG_SOURCE(struct raw_application, source),
	CONFIG_INTEGER(struct raw_application, id, "id", .fallback = "0",
		       .flags = CONFIG_HIDDEN,
		       .prose = "Number of the application; chosen by "
				"porticod."),
	CONFIG_STRING(struct raw_application, pool, "pool",
		      .fallback = SETTINGS_DEFAULT_POOL, .min = 1, .max = 64,
		      .prose = "Pool whose workers run the application, of "
			       "those in pools; default need not be there, "
			       "and is as poolDefaults say then."),
	CONFIG_STRING(struct raw_application, root, "root", .min = 1,
		      .max = 4095,
		      .prose = "Directory of its files; relative to the file "
			       "that says it."),
	CONFIG_STRINGS(struct raw_application, modules, "modules", .max = 256,
		       .prose = "Modules that run in the application; those "
				"named by handlers are added."),
	CONFIG_LIST(struct raw_application, handlers, "handlers",
		    &handler_table, .max = 10000,
		    .prose = "The handler map; the first that fits wins. "
			     "Without it the module \"static\" gets all."),
	CONFIG_LIST(struct raw_application, order, "order", &order_table,
		    .max = 1000,
		    .prose = "The order of modules on events where that of "
			     "\"modules\", and what the modules say of each "
			     "other, is not what is wanted; portico module "
			     "order shows what results."),
	CONFIG_PAIRS(struct raw_application, on_error, "onError",
		     .prose = "What an error of a module means, by its name: "
			      "\"fail\" (the request gets 500; without its "
			      "application_init no worker starts), \"skip\" "
			      "(logged, the request goes on; the application "
			      "runs without it), \"recycle\" (500, and the "
			      "pool gets new workers). Without it \"fail\"."),
	CONFIG_BOOL(struct raw_application, preload_enabled, "preloadEnabled",
		    .fallback = "false",
		    .prose = "Whether \"/\" is requested in each new worker "
			     "where initialization names no pages."),
	CONFIG_OPTIONAL(struct raw_application, initialization,
			"initialization", &settings_initialization_table,
			.prose = "How a new worker is warmed up."),
	CONFIG_OPTIONAL(struct raw_application, health, "healthCheck",
			&settings_health_table,
			.prose = "How a worker sees whether it is well."),
	CONFIG_MAP(struct raw_application, locations, "locations",
		   &location_table, .max = 10000,
		   .prose = "Settings of modules by path below the "
			    "application; the longest that fits counts, by "
			    "whole segments: \"/a\" is for /a and /a/b, not "
			    "for /ab."),
	CONFIG_MAP(struct raw_application, sections, "sections", &section_table,
		   .flags = CONFIG_HIDDEN,
		   .prose = "Sections as porticod hands them on."),
	CONFIG_MAP(struct raw_application, site_sections, "siteSections",
		   &section_table, .flags = CONFIG_HIDDEN,
		   .prose = "Those of its site."),
	CONFIG_MAP(struct raw_application, server_sections, "serverSections",
		   &section_table, .flags = CONFIG_HIDDEN,
		   .prose = "Those of the server."),
	CONFIG_REST(struct raw_application, rest,
		    .prose = "A section for each module, named as it."),
};
static const struct config_table application_table = CONFIG_TABLE(
	struct raw_application, application_fields,
	"An application: a part of a site's paths, run by a pool.");

static const char *const client_certificates[] = { "none", "accept", "require",
						   NULL };

static const struct config_field binding_fields[] = {
	CONFIG_SOURCE(struct raw_binding, source),
	CONFIG_STRING(struct raw_binding, url, "url", .flags = CONFIG_REQUIRED,
		      .min = 1, .max = 1024,
		      .prose = "scheme://host:port/prefix; host \"*\" takes "
			       "what no other binding takes."),
	CONFIG_STRING(struct raw_binding, address, "address", .min = 1,
		      .max = 64,
		      .prose = "Address to listen on; without it that of the "
			       "url, or all."),
	CONFIG_STRING(struct raw_binding, certificate, "certificate", .min = 1,
		      .max = 255,
		      .prose = "Name of the certificate, of those in "
			       "\"certificates\" (https)."),
	CONFIG_ENUM(struct raw_binding, client_certificate, "clientCertificate",
		    .fallback = "none", .words = client_certificates,
		    .prose = "Whether clients are asked for a certificate, and "
			     "may do without one."),
	CONFIG_STRING(struct raw_binding, client_authorities,
		      "clientCertificateAuthorities", .min = 1, .max = 4095,
		      .prose = "PEM file of the certificates that have to have "
			       "issued the client's."),
	CONFIG_STRINGS(struct raw_binding, proxies, "proxyProtocol", .min = 1,
		       .max = 1000,
		       .prose = "Addresses or networks of proxies whose "
				"connections begin with a PROXY header, "
				"version 1 or 2, which says who the client is. "
				"Nobody else may connect then."),
};
static const struct config_table binding_table =
	CONFIG_TABLE(struct raw_binding, binding_fields,
		     "Where a site is reached.", .shorthand = "url");

static const struct config_field hsts_fields[] = {
	CONFIG_BOOL(struct raw_hsts, enabled, "enabled",
		    .prose = "Tell browsers over https to use nothing else "
			     "(Strict-Transport-Security)."),
	CONFIG_DURATION(struct raw_hsts, max_age, "maxAge", .fallback = "0s",
			.min = 0, .max = 10 * 366 * DAY,
			.prose = "How long they remember it."),
	CONFIG_BOOL(struct raw_hsts, include_subdomains, "includeSubDomains",
		    .prose = "Of all names below the host's, too."),
	CONFIG_BOOL(struct raw_hsts, preload, "preload",
		    .prose = "The host may stand in the lists that browsers "
			     "come with."),
	CONFIG_BOOL(struct raw_hsts, redirect, "redirectHttpToHttps",
		    .prose = "Answer what comes over http with a redirect to "
			     "the same address over https."),
};
static const struct config_table hsts_table = CONFIG_TABLE(
	struct raw_hsts, hsts_fields, "Transport security of a site.");

static const struct config_field certificate_files_fields[] = {
	CONFIG_SOURCE(struct raw_certificate_files, source),
	CONFIG_STRING(struct raw_certificate_files, certificate, "certificate",
		      .flags = CONFIG_REQUIRED, .min = 1, .max = 4095,
		      .prose = "PEM file of the certificate, followed by those "
			       "of its issuers."),
	CONFIG_STRING(struct raw_certificate_files, key, "key",
		      .flags = CONFIG_REQUIRED, .min = 1, .max = 4095,
		      .prose = "PEM file of its private key."),
};
static const struct config_table certificate_files_table =
	CONFIG_TABLE(struct raw_certificate_files, certificate_files_fields,
		     "Another certificate for the same names.");

static const struct config_field certificate_fields[] = {
	CONFIG_SOURCE(struct raw_certificate, source),
	CONFIG_STRING(struct raw_certificate, certificate, "certificate",
		      .flags = CONFIG_REQUIRED, .min = 1, .max = 4095,
		      .prose = "PEM file of the certificate, followed by those "
			       "of its issuers."),
	CONFIG_STRING(struct raw_certificate, key, "key",
		      .flags = CONFIG_REQUIRED, .min = 1, .max = 4095,
		      .prose = "PEM file of its private key."),
	CONFIG_LIST(struct raw_certificate, alternatives, "alternatives",
		    &certificate_files_table, .max = 4,
		    .prose = "Certificates with other kinds of keys (ECDSA "
			     "beside RSA); the client's abilities decide."),
	CONFIG_BOOL(struct raw_certificate, ocsp_stapling, "ocspStapling",
		    .fallback = "true",
		    .prose = "Whether clients are shown what the responder "
			     "says of the certificate, if it has one."),
	CONFIG_STRING(struct raw_certificate, ocsp_responder, "ocspResponder",
		      .min = 8, .max = 2047,
		      .prose = "An http URL to ask instead of the one that the "
			       "certificate names."),
};
static const struct config_table certificate_table = CONFIG_TABLE(
	struct raw_certificate, certificate_fields,
	"A certificate that bindings name; porticod alone reads its files.");

static const struct config_field site_fields[] = {
	CONFIG_SOURCE(struct raw_site, source),
	CONFIG_INTEGER(struct raw_site, id, "id", .fallback = "0", .min = 0,
		       .max = UINT32_MAX,
		       .prose = "Number of the site; without it the lowest "
				"free one."),
	CONFIG_BOOL(struct raw_site, auto_start, "serverAutoStart",
		    .fallback = "true",
		    .prose = "Whether the site takes requests from the start; "
			     "else from \"portico site start\" on."),
	CONFIG_LIST(struct raw_site, bindings, "bindings", &binding_table,
		    .flags = CONFIG_REQUIRED, .min = 1, .max = 10000,
		    .prose = "Where the site is reached."),
	CONFIG_MAP(struct raw_site, applications, "applications",
		   &application_table, .flags = CONFIG_REQUIRED, .min = 1,
		   .max = 10000,
		   .prose = "Applications by path; the longest that fits "
			    "wins."),
	CONFIG_STRINGS(struct raw_site, elsewhere, "elsewhere", .max = 10000,
		       .flags = CONFIG_HIDDEN,
		       .prose = "Applications of other pools, as porticod "
				"hands them on."),
	CONFIG_OBJECT(struct raw_site, limits, "limits",
		      &settings_site_limits_table,
		      .prose = "Limits of the site; what it does not say is as "
			       "in siteDefaults, then as in listener."),
	CONFIG_OBJECT(struct raw_site, module_defaults, "moduleDefaults",
		      &module_defaults_table,
		      .prose = "Settings of modules for all applications of "
			       "the site."),
	CONFIG_OBJECT(struct raw_site, log, "log", &settings_access_log_table,
		      .prose = "The site's part of the access log, or, with a "
			       "file, its own one; what it does not say is as "
			       "in siteDefaults, then as in "
			       "listener.accessLog."),
	CONFIG_OBJECT(struct raw_site, hsts, "hsts", &hsts_table,
		      .prose = "Transport security: browsers are told to use "
			       "https alone."),
};
static const struct config_table site_table =
	CONFIG_TABLE(struct raw_site, site_fields, "A site.");

static const struct config_field site_defaults_fields[] = {
	CONFIG_OBJECT(struct raw_site_defaults, limits, "limits",
		      &settings_site_limits_table,
		      .prose = "Limits of sites that have no others."),
	CONFIG_OBJECT(struct raw_site_defaults, log, "log",
		      &settings_access_log_table,
		      .prose = "Access logs of sites that say nothing else; "
			       "with a file \"{site}/access.log\" each has its "
			       "own."),
};
static const struct config_table site_defaults_table =
	CONFIG_TABLE(struct raw_site_defaults, site_defaults_fields,
		     "What sites do not say themselves.");

static const struct config_field module_fields[] = {
	CONFIG_SOURCE(struct raw_module, source),
	CONFIG_STRING(struct raw_module, file, "file", .min = 1, .max = 4095,
		      .prose = "The module's .so; without it NAME.so in "
			       "moduleDirectory."),
};
static const struct config_table module_table =
	CONFIG_TABLE(struct raw_module, module_fields,
		     "A module that may be used.", .shorthand = "file");

static const struct config_field root_fields[] = {
	CONFIG_SOURCE(struct raw_root, source),
	CONFIG_INTEGER(struct raw_root, generation, "generation",
		       .fallback = "0", .flags = CONFIG_HIDDEN,
		       .prose = "Counts configurations; set by porticod."),
	CONFIG_STRING(struct raw_root, module_directory, "moduleDirectory",
		      .min = 1, .max = 4095,
		      .prose = "Directory of modules; without it that of the "
			       "installation."),
	CONFIG_STRING(struct raw_root, log_directory, "logDirectory",
		      .fallback = SETTINGS_LOG_DIRECTORY, .min = 1, .max = 4095,
		      .prose = "Directory of logs. A new or empty one is given "
			       "to the listener's user by a porticod that is "
			       "root; in any other that user has to be allowed "
			       "to write."),
	CONFIG_STRING(struct raw_root, runtime_directory, "runtimeDirectory",
		      .fallback = SETTINGS_RUNTIME_DIRECTORY, .min = 1,
		      .max = 4095,
		      .prose = "Directory of the process file and the control "
			       "socket."),
	CONFIG_STRING(struct raw_root, control_socket, "controlSocket",
		      .fallback = SETTINGS_CONTROL_SOCKET, .min = 1,
		      .max = 4095,
		      .prose = "Socket for the portico command, relative to "
			       "runtimeDirectory."),
	CONFIG_OBJECT(struct raw_root, events, "events", &settings_events_table,
		      .prose = "What happened."),
	CONFIG_STRING(struct raw_root, user, "user", .min = 1, .max = 255,
		      .prose = "User of the listener and of pools without "
			       "identity, when porticod is started as root; "
			       "without it nobody."),
	CONFIG_STRING(struct raw_root, group, "group", .min = 1, .max = 255,
		      .prose = "Group of those; without it the user's."),
	CONFIG_OBJECT(struct raw_root, dynamic_identities, "dynamicIdentities",
		      &settings_dynamic_identities_table,
		      .prose = "Numbers for identities that are dynamic."),
	CONFIG_OBJECT(struct raw_root, listener, "listener", &listener_table,
		      .prose = "The listener."),
	CONFIG_OBJECT(struct raw_root, pool_defaults, "poolDefaults",
		      &pool_table, .flags = CONFIG_PARTIAL,
		      .prose = "What pools do not say themselves."),
	CONFIG_MAP(struct raw_root, pools, "pools", &pool_table,
		   .inherits = "poolDefaults", .max = 100000,
		   .prose = "Pools by name."),
	CONFIG_OBJECT(struct raw_root, site_defaults, "siteDefaults",
		      &site_defaults_table,
		      .prose = "What sites do not say themselves."),
	CONFIG_MAP(struct raw_root, sites, "sites", &site_table, .max = 100000,
		   .prose = "Sites by name."),
	CONFIG_MAP(struct raw_root, certificates, "certificates",
		   &certificate_table, .max = 100000,
		   .prose = "Certificates by name."),
	CONFIG_MAP(struct raw_root, modules, "modules", &module_table,
		   .max = 1000, .prose = "Modules by name."),
	CONFIG_OBJECT(struct raw_root, module_defaults, "moduleDefaults",
		      &module_defaults_table,
		      .prose = "Settings of modules for all applications of "
			       "all sites."),
};
const struct config_table settings_root_table = CONFIG_TABLE(
	struct raw_root, root_fields, "The configuration of a server.");
