/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings as JSON for another process, cut down to what it may know.  The
 * text is read back by the tables that read portico.json.
 */
#include "core/config/settings.h"
#include "core/config/settings_priv.h"

#include <jansson.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/config/config.h"

struct writer {
	const struct settings *settings;
	enum settings_audience audience;
	const struct settings_pool *pool; /* of a worker */
};

/* All of these take NULL for an absent value and leave it out. */
static void
put_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL)
		json_object_set_new(object, key, json_string(text));
}

static void
put_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new(object, key, json_integer((json_int_t)number));
}

void
settings_put_duration(json_t *object, const char *key, uint64_t ns)
{
	char text[CONFIG_UNIT_TEXT_SIZE];

	put_text(object, key, config_format_duration(ns, text, sizeof text));
}

static void
write_limits(json_t *json, const struct settings_limits *limits)
{
	put_number(json, "maxRequestBytes", limits->max_request_bytes);
	put_number(json, "maxRequestLine", limits->max_request_line);
	put_number(json, "maxHeaderCount", limits->max_header_count);
	put_number(json, "urlSegmentMaxCount", limits->url_segment_max_count);
	put_number(json, "urlSegmentMaxLength", limits->url_segment_max_length);
	put_number(json, "maxRequestsPerConnection",
		   limits->max_requests_per_connection);
	settings_put_duration(json, "headerWaitTimeout",
			      limits->header_wait_timeout);
	settings_put_duration(json, "connectionTimeout",
			      limits->connection_timeout);
	settings_put_duration(json, "entityBodyTimeout",
			      limits->entity_body_timeout);
	settings_put_duration(json, "drainEntityBodyTimeout",
			      limits->drain_entity_body_timeout);
	put_number(json, "minSendRate", limits->min_send_rate);
	settings_put_duration(json, "minSendRateWindow",
			      limits->min_send_rate_window);
	put_number(json, "minReceiveRate", limits->min_receive_rate);
}

static json_t *
write_site_limits(const struct settings_site_limits *limits)
{
	json_t *json = json_object();

	put_number(json, "maxConnections", limits->max_connections);
	put_number(json, "maxBandwidth", limits->max_bandwidth);
	write_limits(json, &limits->request);
	return json;
}

static void
write_rotation(json_t *json, const struct settings_log_rotation *rotation)
{
	put_text(json, "period", settings_log_periods[rotation->period]);
	put_number(json, "truncateSize", rotation->truncate_size);
	json_object_set_new(json, "localTimeRollover",
			    json_boolean(rotation->local));
	put_number(json, "keepFiles", rotation->keep_files);
	settings_put_duration(json, "keepFor", rotation->keep_for);
}

static json_t *
write_http2(const struct settings_http2 *http2)
{
	json_t *json = json_object();

	json_object_set_new(json, "enabled", json_boolean(http2->enabled));
	put_number(json, "maxConcurrentStreams", http2->max_concurrent_streams);
	put_number(json, "initialWindow", http2->initial_window);
	put_number(json, "connectionWindow", http2->connection_window);
	put_number(json, "resetRate", http2->reset_rate);
	put_number(json, "pingRate", http2->ping_rate);
	put_number(json, "settingsRate", http2->settings_rate);
	put_number(json, "emptyFrameRate", http2->empty_frame_rate);
	return json;
}

static json_t *
write_log(const struct settings_access_log *log)
{
	json_t *json = settings_write_access_log(log);

	write_rotation(json, &log->rotation);
	return json;
}

static json_t *
write_listener(const struct settings_listener *listener)
{
	json_t *json = json_object(), *log;

	put_number(json, "threads", listener->threads);
	write_limits(json, &listener->limits);
	put_number(json, "maxConnections", listener->max_connections);
	settings_put_duration(json, "startupTimeLimit",
			      listener->startup_time_limit);
	settings_put_duration(json, "shutdownTimeLimit",
			      listener->shutdown_time_limit);
	put_number(json, "backlog", listener->backlog);
	json_object_set_new(
		json, "systemCalls",
		settings_write_system_calls(&listener->system_calls));
	json_object_set_new(json, "http2", write_http2(&listener->http2));
	settings_put_duration(json, "ticketKeyRotation",
			      listener->ticket_key_rotation);
	json_object_set_new(json, "accessLog",
			    write_log(&listener->access_log));
	log = json_pack("{s:b, s:s}", "enabled", listener->error_log.enabled,
			"file", listener->error_log.file);
	write_rotation(log, &listener->error_log.rotation);
	json_object_set_new(json, "errorLog", log);
	json_object_set_new(json, "cache",
			    json_pack("{s:I, s:I}", "size",
				      (json_int_t)listener->cache.size,
				      "entrySize",
				      (json_int_t)listener->cache.entry_size));
	return json;
}

static json_t *
write_pool(const struct writer *writer, const struct settings_pool *pool)
{
	json_t *json = json_object();

	put_number(json, "queueLength", pool->queue_length);
	put_number(json, "workers", pool->workers);
	put_number(json, "startWorkers", pool->start_workers);
	put_number(json, "startAnotherAt", pool->another_at);
	put_text(json, "affinity", settings_affinities[pool->affinity]);
	put_number(json, "threads", pool->threads);
	put_number(json, "offloadThreads", pool->offload_threads);
	put_number(json, "maxConcurrentRequests",
		   pool->max_concurrent_requests);
	put_number(json, "sharedMemory", pool->shared_memory);
	put_text(json, "startMode",
		 pool->start_mode == SETTINGS_START_ALWAYS_RUNNING ?
			 "AlwaysRunning" :
			 "OnDemand");
	settings_put_duration(json, "startupTimeLimit",
			      pool->startup_time_limit);
	settings_put_duration(json, "shutdownTimeLimit",
			      pool->shutdown_time_limit);
	settings_put_duration(json, "queueTimeout", pool->queue_timeout);
	settings_put_duration(json, "activationTimeout",
			      pool->activation_timeout);
	settings_put_duration(json, "executionTimeout",
			      pool->execution_timeout);
	settings_put_duration(json, "responseIdleTimeout",
			      pool->response_idle_timeout);
	settings_put_duration(json, "tunnelIdleTimeout",
			      pool->tunnel_idle_timeout);
	settings_put_duration(json, "revokeAfter", pool->revoke_after);
	settings_put_duration(json, "loopBlockLimit", pool->loop_block_limit);
	json_object_set_new(json, "replay", json_boolean(pool->replay));
	json_object_set_new(json, "rapidFailProtection",
			    json_boolean(pool->rapid_fail_protection));
	put_number(json, "rapidFailProtectionMaxCrashes",
		   pool->rapid_fail_max_crashes);
	settings_put_duration(json, "rapidFailProtectionInterval",
			      pool->rapid_fail_interval);
	settings_put_duration(json, "idleTimeout", pool->idle_timeout);
	put_text(json, "idleTimeoutAction",
		 pool->idle_suspend ? "Suspend" : "Terminate");
	json_object_set_new(json, "pingingEnabled",
			    json_boolean(pool->pinging_enabled));
	settings_put_duration(json, "pingInterval", pool->ping_interval);
	settings_put_duration(json, "pingResponseTime",
			      pool->ping_response_time);
	json_object_set_new(json, "recycling",
			    settings_write_recycling(&pool->recycling));
	json_object_set_new(json, "failure",
			    settings_write_failure(&pool->failure));
	put_number(json, "maxRequestBody", pool->max_request_body);
	settings_write_confinement(json, pool);
	if (writer->audience != SETTINGS_FOR_LISTENER) {
		json_t *environment = json_object();

		for (size_t i = 0; i < pool->environment_count; i++)
			put_text(environment, pool->environment[i].name,
				 pool->environment[i].value);
		json_object_set_new(json, "environment", environment);
	}
	return json;
}

static bool
is_of_one_pool(const struct writer *writer)
{
	return writer->audience == SETTINGS_FOR_WORKER ||
	       writer->audience == SETTINGS_FOR_COMPARISON;
}

static json_t *
write_hsts(const struct settings_hsts *hsts)
{
	json_t *json = json_pack("{s:b, s:b, s:b, s:b}", "enabled",
				 hsts->enabled, "includeSubDomains",
				 hsts->include_subdomains, "preload",
				 hsts->preload, "redirectHttpToHttps",
				 hsts->redirect);

	settings_put_duration(json, "maxAge", hsts->max_age * 1000000000u);
	return json;
}

static json_t *
write_certificate(const struct settings_certificate *certificate)
{
	json_t *json = json_object(), *others = json_array();

	for (size_t i = 0; i < certificate->file_count; i++) {
		json_t *files = i == 0 ? json : json_object();

		put_text(files, "certificate",
			 certificate->files[i].certificate);
		put_text(files, "key", certificate->files[i].key);
		if (i > 0)
			json_array_append_new(others, files);
	}
	json_object_set_new(json, "alternatives", others);
	return json;
}

static json_t *
write_binding(const struct writer *writer,
	      const struct settings_binding *binding)
{
	static const char *const client_certificates[] = { "none", "accept",
							   "require" };
	json_t *json = json_object();

	put_text(json, "url", binding->url);
	put_text(json, "address", binding->address);
	/* No concern of workers: they need not be replaced for it. */
	if (is_of_one_pool(writer))
		return json;
	put_text(json, "certificate", binding->certificate);
	if (binding->proxy_count > 0) {
		json_t *proxies = json_array();

		for (size_t i = 0; i < binding->proxy_count; i++)
			json_array_append_new(
				proxies, json_string(binding->proxies[i].text));
		json_object_set_new(json, "proxyProtocol", proxies);
	}
	put_text(json, "clientCertificate",
		 client_certificates[binding->client_certificate]);
	put_text(json, "clientCertificateAuthorities",
		 binding->client_authorities);
	return json;
}

static json_t *
write_handlers(const struct settings_application *application)
{
	json_t *handlers = json_array();

	for (size_t i = 0; i < application->handler_count; i++) {
		const struct settings_handler *row = &application->handlers[i];
		json_t *json = json_object();

		put_text(json, "path", row->path);
		put_text(json, "methods", row->methods);
		put_text(json, "module", row->module);
		put_text(json, "handler", row->handler);
		json_array_append_new(handlers, json);
	}
	return handlers;
}

static json_t *
write_on_error(const struct settings_application *application)
{
	json_t *json = json_object();

	for (size_t i = 0; i < application->on_error_count; i++)
		put_text(json, application->on_error[i].name,
			 application->on_error[i].value);
	return json;
}

static json_t *
write_orders(const struct settings_application *application)
{
	json_t *orders = json_array();

	for (size_t i = 0; i < application->order_count; i++) {
		const struct settings_order *row = &application->orders[i];
		json_t *names = json_array();

		for (size_t k = 0; k < row->count; k++)
			json_array_append_new(names,
					      json_string(row->modules[k]));
		json_array_append_new(
			orders, json_pack("{s:s, s:o}", "event",
					  settings_order_events[row->event],
					  "modules", names));
	}
	return orders;
}

static json_t *
write_section(const struct writer *writer,
	      const struct settings_section *section)
{
	json_t *json = json_object();

	json_object_set_new(json, "text",
			    json_stringn(section->json, section->json_length));
	if (writer->audience != SETTINGS_FOR_COMPARISON) {
		put_text(json, "file", section->place.file);
		put_number(json, "line", section->place.line);
		put_number(json, "column", section->place.column);
	}
	return json;
}

static void
write_sections(const struct writer *writer,
	       const struct settings_application *application, json_t *json)
{
	static const char *const keys[] = {
		[SETTINGS_LEVEL_SERVER] = "serverSections",
		[SETTINGS_LEVEL_SITE] = "siteSections",
		[SETTINGS_LEVEL_APPLICATION] = "sections",
	};
	const struct settings_section *section;

	for (size_t level = 0; level < sizeof keys / sizeof *keys; level++)
		json_object_set_new(json, keys[level], json_object());
	for (size_t i = 0; i < application->section_count; i++) {
		section = &application->sections[i];
		for (; section != NULL; section = section->outer)
			json_object_set_new(
				json_object_get(json, keys[section->level]),
				section->module,
				write_section(writer, section));
	}
}

static json_t *
write_locations(const struct writer *writer,
		const struct settings_application *application)
{
	json_t *locations = json_object();

	for (size_t i = 0; i < application->location_count; i++) {
		const struct settings_location *location =
			&application->locations[i];
		json_t *sections = json_object();

		for (size_t k = 0; k < location->section_count; k++)
			json_object_set_new(
				sections, location->sections[k].module,
				write_section(writer, &location->sections[k]));
		json_object_set_new(locations, location->path,
				    json_pack("{s:o}", "sections", sections));
	}
	return locations;
}

static json_t *
write_application(const struct writer *writer,
		  const struct settings_application *application)
{
	json_t *json = json_object(), *modules;

	put_number(json, "id", application->id);
	put_text(json, "pool", application->pool->name);
	put_text(json, "root", application->root);
	if (application->initialization.page_count > 0 ||
	    application->initialization.splash_status != 0)
		json_object_set_new(json, "initialization",
				    settings_write_initialization(
					    &application->initialization,
					    is_of_one_pool(writer)));
	if (writer->audience == SETTINGS_FOR_LISTENER)
		return json;
	if (application->health.page.path != NULL)
		json_object_set_new(
			json, "healthCheck",
			settings_write_health(&application->health));
	modules = json_array();
	for (size_t i = 0; i < application->module_count; i++)
		json_array_append_new(modules,
				      json_string(application->modules[i]));
	json_object_set_new(json, "modules", modules);
	json_object_set_new(json, "handlers", write_handlers(application));
	json_object_set_new(json, "order", write_orders(application));
	json_object_set_new(json, "onError", write_on_error(application));
	write_sections(writer, application, json);
	if (application->location_count > 0)
		json_object_set_new(json, "locations",
				    write_locations(writer, application));
	return json;
}

static bool
is_meant(const struct writer *writer, const struct settings_pool *pool)
{
	return !is_of_one_pool(writer) || pool == writer->pool;
}

static bool
is_site_meant(const struct writer *writer, const struct settings_site *site)
{
	for (size_t i = 0; i < site->application_count; i++)
		if (is_meant(writer, site->applications[i].pool))
			return true;
	return !is_of_one_pool(writer);
}

/* What the worker must not take for its own when a URL is rewritten. */
static json_t *
write_elsewhere(const struct writer *writer, const struct settings_site *site)
{
	json_t *paths = json_array();

	for (size_t i = 0; i < site->application_count; i++)
		if (site->applications[i].pool != writer->pool)
			json_array_append_new(
				paths, json_string(site->applications[i].path));
	return paths;
}

static json_t *
write_site(const struct writer *writer, const struct settings_site *site)
{
	json_t *json = json_object(), *bindings = json_array(),
	       *applications = json_object();

	for (size_t i = 0; i < site->application_count; i++) {
		const struct settings_application *application =
			&site->applications[i];

		if (is_meant(writer, application->pool))
			json_object_set_new(applications, application->path,
					    write_application(writer,
							      application));
	}
	for (size_t i = 0; i < site->binding_count; i++)
		json_array_append_new(
			bindings, write_binding(writer, &site->bindings[i]));
	put_number(json, "id", site->id);
	if (!site->auto_start && writer->audience == SETTINGS_FOR_ALL)
		json_object_set_new(json, "serverAutoStart", json_false());
	/* Not for comparison: a worker need not be replaced because another
	 * pool gets an application. */
	if (writer->audience == SETTINGS_FOR_WORKER)
		json_object_set_new(json, "elsewhere",
				    write_elsewhere(writer, site));
	/* Of no concern to a worker; and of ten thousand sites few have any. */
	if (!is_of_one_pool(writer) &&
	    settings_limits_differ(&site->limits,
				   &writer->settings->listener.limits))
		json_object_set_new(json, "limits",
				    write_site_limits(&site->limits));
	json_object_set_new(json, "bindings", bindings);
	if (!is_of_one_pool(writer))
		json_object_set_new(json, "hsts", write_hsts(&site->hsts));
	if (!is_of_one_pool(writer) && site->says_log)
		json_object_set_new(json, "log", write_log(&site->log));
	json_object_set_new(json, "applications", applications);
	return json;
}

/* Whether an application of the reader uses the module. */
static bool
uses_module(const struct writer *writer, const char *name)
{
	const struct settings *settings = writer->settings;

	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->application_count; k++) {
			const struct settings_application *application =
				&site->applications[k];

			if (!is_meant(writer, application->pool))
				continue;
			for (size_t m = 0; m < application->module_count; m++)
				if (strcmp(application->modules[m], name) == 0)
					return true;
		}
	}
	return false;
}

static json_t *
write_root(const struct writer *writer)
{
	const struct settings *settings = writer->settings;
	json_t *json = json_object(), *pools = json_object(),
	       *sites = json_object(), *modules = json_object();

	if (writer->audience != SETTINGS_FOR_COMPARISON)
		put_number(json, "generation", settings->generation);
	put_text(json, "moduleDirectory", settings->module_directory);
	put_text(json, "logDirectory", settings->log_directory);
	put_text(json, "runtimeDirectory", settings->runtime_directory);
	put_text(json, "controlSocket", settings->control_socket);
	if (writer->audience == SETTINGS_FOR_ALL)
		json_object_set_new(json, "events",
				    settings_write_events(&settings->events));
	put_text(json, "user", settings->user);
	put_text(json, "group", settings->group);
	json_object_set_new(json, "dynamicIdentities",
			    json_pack("{s:I, s:I}", "first",
				      (json_int_t)settings->dynamic_first,
				      "count",
				      (json_int_t)settings->dynamic_count));
	if (!is_of_one_pool(writer))
		json_object_set_new(json, "listener",
				    write_listener(&settings->listener));
	if (!is_of_one_pool(writer) && settings->site_log != NULL)
		json_object_set_new(json, "siteDefaults",
				    json_pack("{s:o}", "log",
					      write_log(settings->site_log)));
	for (size_t i = 0; i < settings->pool_count; i++)
		if (is_meant(writer, &settings->pools[i]))
			json_object_set_new(pools, settings->pools[i].name,
					    write_pool(writer,
						       &settings->pools[i]));
	json_object_set_new(json, "pools", pools);
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		if (is_site_meant(writer, site))
			json_object_set_new(sites, site->name,
					    write_site(writer, site));
	}
	json_object_set_new(json, "sites", sites);
	if (writer->audience == SETTINGS_FOR_ALL) {
		json_t *certificates = json_object();

		for (size_t i = 0; i < settings->certificate_count; i++)
			json_object_set_new(
				certificates, settings->certificates[i].name,
				write_certificate(&settings->certificates[i]));
		json_object_set_new(json, "certificates", certificates);
	}
	for (size_t i = 0; i < settings->module_count; i++) {
		const struct settings_module *module = &settings->modules[i];

		if (writer->audience != SETTINGS_FOR_LISTENER &&
		    uses_module(writer, module->name))
			json_object_set_new(modules, module->name,
					    json_pack("{s:s}", "file",
						      module->file));
	}
	json_object_set_new(json, "modules", modules);
	return json;
}

char *
settings_to_text(const struct settings *settings,
		 enum settings_audience audience,
		 const struct settings_pool *pool, size_t *length_r)
{
	const struct writer writer = { settings, audience, pool };
	json_t *json = write_root(&writer);
	size_t length = json_dumpb(json, NULL, 0, JSON_COMPACT);
	char *text = length == 0 ? NULL : mem_try_alloc(length + 1);

	if (text != NULL) {
		json_dumpb(json, text, length, JSON_COMPACT);
		text[length] = '\0';
		*length_r = length;
	}
	json_decref(json);
	return text;
}

int
settings_to_memfd(const struct settings *settings,
		  enum settings_audience audience,
		  const struct settings_pool *pool, struct portico_error *err)
{
	size_t length;
	char *text = settings_to_text(settings, audience, pool, &length);
	int fd;

	if (text == NULL)
		return (int)error_set(err, PORTICO_NO_MEMORY,
				      "handing on the configuration: out of "
				      "memory");
	fd = io_memfd_from("portico-settings", text, length, err);
	mem_free(text);
	return fd;
}
