/* SPDX-License-Identifier: Apache-2.0
 *
 * Sites, their bindings and their applications.
 */
#include "core/config/settings_priv.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/base/slice.h"

/* ---- applications -------------------------------------------------------- */

static const char *
check_application_path(const char *path)
{
	size_t length = strlen(path);

	if (path[0] != '/')
		return "the path of an application begins with '/'";
	if (length > 1 && path[length - 1] == '/')
		return "the path of an application ends without '/'";
	if (strstr(path, "//") != NULL || strstr(path, "/.") != NULL ||
	    strpbrk(path, "?#%") != NULL)
		return "the path of an application has no \"//\", \"/.\", '?', "
		       "'#' and '%'";
	return NULL;
}

static void
add_module(struct settings_application *application, const char **modules,
	   const char *name)
{
	for (size_t i = 0; i < application->module_count; i++)
		if (strcmp(modules[i], name) == 0)
			return;
	modules[application->module_count++] = name;
}

/* Handlers, and the modules that those and the list name. */
static void
resolve_handlers(struct settings_resolver *resolver,
		 const struct raw_application *raw,
		 struct settings_application *application)
{
	size_t count = raw->handlers.count == 0 ? 1 : raw->handlers.count;
	struct settings_handler *handlers =
		settings_array(resolver, count, sizeof *handlers);
	const char **modules = settings_array(
		resolver, raw->modules.count + count, sizeof *modules);

	if (handlers == NULL || modules == NULL)
		return;
	for (size_t i = 0; i < raw->modules.count; i++) {
		settings_use_module(resolver, raw->modules.items[i],
				    raw->modules.values[i]);
		add_module(application, modules, raw->modules.items[i]);
	}
	for (size_t i = 0; i < raw->handlers.count; i++) {
		const struct raw_handler *row = raw->handlers.items[i];

		handlers[i] = (struct settings_handler){
			.path = row->path,
			.methods = row->methods,
			.module = row->module,
			.handler = row->handler,
			.place = settings_place_of(row->source),
		};
		if (row->path[0] != '*' && row->path[0] != '/')
			config_problem(resolver->problems, row->source,
				       "path \"%s\" has to begin with '/' or "
				       "'*'",
				       row->path);
		if (row->module == NULL)
			continue; /* said already */
		settings_use_module(resolver, row->module, row->source);
		add_module(application, modules, row->module);
	}
	if (raw->handlers.count == 0) {
		handlers[0] = (struct settings_handler){ .path = "*",
							 .module = "static" };
		settings_use_module(resolver, "static", NULL);
		add_module(application, modules, "static");
	}
	application->handlers = handlers;
	application->handler_count = count;
	application->modules = modules;
}

bool
settings_has_module(const struct settings_application *application,
		    const char *name)
{
	for (size_t i = 0; i < application->module_count; i++)
		if (strcmp(application->modules[i], name) == 0)
			return true;
	return false;
}

/* The modules of one row, each one of the application's and once. */
static bool
check_order(struct settings_resolver *resolver,
	    const struct settings_application *application,
	    const struct raw_order *row)
{
	size_t before = config_problem_count(resolver->problems);

	for (size_t i = 0; i < row->modules.count; i++) {
		const char *name = row->modules.items[i];

		if (!settings_has_module(application, name))
			config_problem(resolver->problems,
				       row->modules.values[i],
				       "found \"%s\", which is not among the "
				       "modules of this application",
				       name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(row->modules.items[k], name) == 0)
				config_problem(resolver->problems,
					       row->modules.values[i],
					       "found \"%s\" a second time",
					       name);
	}
	return config_problem_count(resolver->problems) == before;
}

static void
resolve_on_error(struct settings_resolver *resolver,
		 const struct raw_application *raw,
		 struct settings_application *application)
{
	struct settings_pair *pairs =
		settings_array(resolver, raw->on_error.count, sizeof *pairs);

	if (pairs == NULL)
		return;
	for (size_t i = 0; i < raw->on_error.count; i++) {
		const struct config_pair *pair = &raw->on_error.items[i];

		pairs[i] = (struct settings_pair){ pair->name, pair->text };
		if (!settings_has_module(application, pair->name))
			config_problem(resolver->problems, pair->value,
				       "found \"%s\", which is not among the "
				       "modules of this application",
				       pair->name);
		if (strcmp(pair->text, "fail") != 0 &&
		    strcmp(pair->text, "skip") != 0 &&
		    strcmp(pair->text, "recycle") != 0)
			config_problem(resolver->problems, pair->value,
				       "found \"%s\", expected \"fail\", "
				       "\"skip\" or \"recycle\"",
				       pair->text);
	}
	application->on_error = pairs;
	application->on_error_count = raw->on_error.count;
}

static void
resolve_orders(struct settings_resolver *resolver,
	       const struct raw_application *raw,
	       struct settings_application *application)
{
	struct settings_order *orders =
		settings_array(resolver, raw->order.count, sizeof *orders);
	size_t count = 0;

	for (size_t i = 0; orders != NULL && i < raw->order.count; i++) {
		const struct raw_order *row = raw->order.items[i];

		for (size_t k = 0; k < count; k++)
			if (orders[k].event == (unsigned)row->event)
				config_problem(
					resolver->problems, row->source,
					"the order of %s is given in "
					"line %u already",
					settings_order_events[row->event],
					orders[k].place.line);
		if (check_order(resolver, application, row))
			orders[count++] = (struct settings_order){
				.event = (unsigned)row->event,
				.modules = row->modules.items,
				.count = row->modules.count,
				.place = settings_place_of(row->source),
			};
	}
	application->orders = orders;
	application->order_count = count;
}

/* Their names in one line: one may be the slip of the pen. */
static const char *
list_modules(struct arena *arena,
	     const struct settings_application *application)
{
	const char *text = "";

	for (size_t i = 0; i < application->module_count; i++)
		text = arena_printf(arena, "%s%s\"%s\"", text,
				    i == 0 ? "" : ", ",
				    application->modules[i]);
	return text;
}

/* A key that is neither a setting nor a module of the application. */
static void
refuse_section(struct settings_resolver *resolver,
	       const struct settings_application *application,
	       const struct config_value *value)
{
	static const char *const keys[] = { "pool",	      "root",
					    "modules",	      "handlers",
					    "order",	      "onError",
					    "locations",      "preloadEnabled",
					    "initialization", "healthCheck" };
	const char *key = config_value_key(value);
	const char *near =
		config_nearest(key, keys, sizeof keys / sizeof *keys);

	if (near == NULL)
		near = config_nearest(key, application->modules,
				      application->module_count);
	if (near != NULL)
		config_problem_at_key(resolver->problems, value,
				      "unknown key; did you mean \"%s\"?",
				      near);
	else
		config_problem_at_key(
			resolver->problems, value,
			"unknown key; allowed are pool, root, "
			"modules, handlers, order, onError, locations, "
			"preloadEnabled, initialization, healthCheck and "
			"the modules of this application: %s",
			list_modules(resolver->arena, application));
}

/* The section of the file as it is handed to modules; false: no object. */
static bool
take_section(struct settings_resolver *resolver,
	     const struct config_value *value, struct settings_section *section)
{
	struct portico_slice text = config_value_text(value);

	if (config_value_kind(value) != CONFIG_KIND_OBJECT) {
		config_problem(resolver->problems, value,
			       "the section of a module has to be an object");
		return false;
	}
	*section = (struct settings_section){
		.module = config_value_key(value),
		.json = arena_strndup(resolver->arena, text.data, text.length),
		.json_length = text.length,
		.place = settings_place_of(value),
	};
	return true;
}

/* One that porticod handed on; NULL: it said nothing there. */
struct settings_section *
settings_handed_section(struct settings_resolver *resolver,
			const struct config_map *sections, const char *module)
{
	struct settings_section *section;

	for (size_t i = 0; i < sections->count; i++) {
		const struct raw_section *raw = sections->items[i].object;

		if (strcmp(sections->items[i].name, module) != 0)
			continue;
		section = arena_zalloc(resolver->arena, sizeof *section);
		*section = (struct settings_section){
			.module = sections->items[i].name,
			.json = raw->text,
			.json_length = strlen(raw->text),
			.place = { raw->file, raw->line, raw->column },
		};
		return section;
	}
	return NULL;
}

struct settings_section *
settings_written_section(struct settings_resolver *resolver,
			 const struct config_rest *rest, const char *module)
{
	struct settings_section *section;

	for (size_t i = 0; i < rest->count; i++) {
		if (strcmp(config_value_key(rest->values[i]), module) != 0)
			continue;
		section = arena_zalloc(resolver->arena, sizeof *section);
		if (take_section(resolver, rest->values[i], section))
			return section;
	}
	return NULL;
}

/* Server, site, application: as far as they say something. */
static struct settings_section *
find_levels(struct settings_resolver *resolver, const struct raw_site *site,
	    const struct raw_application *raw, const char *module)
{
	struct settings_section *levels[3], *inner = NULL;

	if (resolver->handed_on) {
		levels[0] = settings_handed_section(
			resolver, &raw->server_sections, module);
		levels[1] = settings_handed_section(
			resolver, &raw->site_sections, module);
		levels[2] = settings_handed_section(resolver, &raw->sections,
						    module);
	} else {
		levels[0] = settings_written_section(
			resolver, &resolver->raw.module_defaults.rest, module);
		levels[1] = settings_written_section(
			resolver, &site->module_defaults.rest, module);
		levels[2] =
			settings_written_section(resolver, &raw->rest, module);
	}
	for (size_t i = 0; i < 3; i++) {
		if (levels[i] == NULL)
			continue;
		levels[i]->level = (enum settings_level)i;
		levels[i]->outer = inner;
		inner = levels[i];
	}
	return inner;
}

static void
resolve_sections(struct settings_resolver *resolver,
		 const struct raw_site *site, const struct raw_application *raw,
		 struct settings_application *application)
{
	struct settings_section *sections = settings_array(
		resolver, application->module_count, sizeof *sections);

	if (sections == NULL)
		return;
	application->sections = sections;
	for (size_t i = 0; i < raw->rest.count; i++)
		if (!settings_has_module(application,
					 config_value_key(raw->rest.values[i])))
			refuse_section(resolver, application,
				       raw->rest.values[i]);
	for (size_t i = 0; i < raw->sections.count && !resolver->handed_on; i++)
		config_problem_at_key(resolver->problems,
				      raw->sections.items[i].value,
				      "unknown key");
	for (size_t i = 0; i < application->module_count; i++) {
		const struct settings_section *section = find_levels(
			resolver, site, raw, application->modules[i]);

		if (section != NULL)
			sections[application->section_count++] = *section;
	}
}

/* A section for a module that nobody uses is a slip of the pen. */
static void
check_module_defaults(struct settings_resolver *resolver,
		      const struct raw_module_defaults *defaults,
		      const struct settings_site *sites, size_t site_count)
{
	for (size_t i = 0; i < defaults->rest.count; i++) {
		const struct config_value *value = defaults->rest.values[i];
		bool used = false;

		for (size_t s = 0; s < site_count; s++)
			for (size_t a = 0; a < sites[s].application_count; a++)
				used = used ||
				       settings_has_module(
					       &sites[s].applications[a],
					       config_value_key(value));
		if (!used)
			config_problem_at_key(resolver->problems, value,
					      "no application here uses a "
					      "module of that name");
	}
}

/* A pool whose settings are wrong: said already. */
static bool
pool_is_written(const struct settings_resolver *resolver, const char *name)
{
	const struct config_value *pools =
		config_value_find(resolver->raw.source, "pools");

	return pools != NULL && config_value_find(pools, name) != NULL;
}

static void
resolve_application(struct settings_resolver *resolver,
		    const struct settings_site *site,
		    const struct raw_site *raw_site,
		    const struct config_entry *entry,
		    struct settings_application *application)
{
	const struct raw_application *raw = entry->object;
	const char *problem = check_application_path(entry->name);
	const struct config_value *root =
		config_value_find(entry->value, "root");

	if (problem != NULL)
		config_problem_at_key(resolver->problems, entry->value, "%s",
				      problem);
	application->id = raw->id != 0 && resolver->handed_on ?
				  raw->id :
				  ++resolver->next_application;
	application->path = entry->name;
	application->place = settings_place_of(entry->value);
	application->site = site;
	application->root =
		settings_absolute(resolver, resolver->directory, raw->root);
	application->root_place = settings_place_of(root);
	application->pool = settings_find_pool(resolver->settings, raw->pool);
	if (application->pool == NULL && !pool_is_written(resolver, raw->pool))
		config_problem(
			resolver->problems,
			config_value_find(entry->value, "pool"),
			"pool \"%s\" does not exist; it has to be one of "
			"the names in pools",
			raw->pool);
	resolve_handlers(resolver, raw, application);
	resolve_orders(resolver, raw, application);
	resolve_on_error(resolver, raw, application);
	settings_resolve_initialization(resolver, raw->initialization,
					raw->preload_enabled,
					&application->initialization);
	settings_resolve_health(raw->health, &application->health);
	resolve_sections(resolver, raw_site, raw, application);
	settings_resolve_locations(resolver, raw, application);
}

/* ---- sites --------------------------------------------------------------- */

/* Adds under a text key; what is there already, or NULL. */
static void *
claim(struct settings_resolver *resolver, struct hash_table *table,
      const char *key, void *value)
{
	void *other = hash_find_text(table, key);

	if (other == NULL &&
	    hash_add(table, slice_from(key), value) != PORTICO_OK)
		config_problem_at(resolver->problems, resolver->settings->file,
				  0, 0, "out of memory");
	return other;
}

static void
resolve_proxies(struct settings_resolver *resolver,
		const struct raw_binding *raw, struct settings_binding *binding)
{
	struct settings_network *networks =
		settings_array(resolver, raw->proxies.count, sizeof *networks);

	if (networks == NULL)
		return;
	for (size_t i = 0; i < raw->proxies.count; i++) {
		const char *problem = settings_network_parse(
			raw->proxies.items[i], &networks[i]);

		if (problem != NULL)
			config_problem(resolver->problems,
				       raw->proxies.values[i], "\"%s\" %s",
				       raw->proxies.items[i], problem);
	}
	binding->proxies = networks;
	binding->proxy_count = raw->proxies.count;
}

/* They share a socket, and who may connect is known before the site is. */
static bool
has_same_proxies(const struct settings_binding *a,
		 const struct settings_binding *b)
{
	if (a->proxy_count != b->proxy_count)
		return false;
	for (size_t i = 0; i < a->proxy_count; i++)
		if (strcmp(a->proxies[i].text, b->proxies[i].text) != 0)
			return false;
	return true;
}

static void
resolve_binding(struct settings_resolver *resolver,
		const struct raw_binding *raw, struct settings_binding *binding)
{
	const struct settings_binding *other;
	const char *key, *problem;

	if (raw->url == NULL)
		return; /* said already */
	problem = settings_parse_binding(resolver->arena, raw->url, binding);
	binding->place = settings_place_of(raw->source);
	resolve_proxies(resolver, raw, binding);
	if (problem != NULL) {
		config_problem(resolver->problems, raw->source, "\"%s\": %s",
			       raw->url, problem);
		return;
	}
	settings_resolve_binding_tls(resolver, raw, binding);
	if (raw->address != NULL) {
		if (!settings_is_address(raw->address))
			config_problem(resolver->problems, raw->source,
				       "address \"%s\" has to be an IPv4 or "
				       "IPv6 address or \"*\"",
				       raw->address);
		binding->address = raw->address;
	}
	key = arena_printf(resolver->arena, "%d %s %s %u %s",
			   (int)binding->host_kind, binding->host,
			   binding->address, binding->port, binding->path);
	other = claim(resolver, resolver->bindings, key, binding);
	if (other != NULL)
		config_problem(resolver->problems, raw->source,
			       "\"%s\" is bound already in line %u",
			       binding->url, other->place.line);
	key = arena_printf(resolver->arena, "%s %u", binding->address,
			   binding->port);
	other = claim(resolver, resolver->ports, key, binding);
	if (other != NULL && !has_same_proxies(other, binding))
		config_problem(resolver->problems, raw->source,
			       "\"%s\" needs the same proxyProtocol as line "
			       "%u, which has the same port",
			       binding->url, other->place.line);
	if (other != NULL && other->tls != binding->tls)
		config_problem(
			resolver->problems, raw->source,
			"\"%s\" needs a port of its own: line %u uses it "
			"with %s",
			binding->url, other->place.line,
			other->tls ? "https" : "http");
}

static int
longer_path_first(const void *left, const void *right)
{
	const struct settings_application *a = left, *b = right;
	size_t length_a = strlen(a->path), length_b = strlen(b->path);

	if (length_a != length_b)
		return length_a < length_b ? 1 : -1;
	return strcmp(a->path, b->path);
}

/* Whoever is sent to https has to find it. */
static void
check_redirect(struct settings_resolver *resolver,
	       const struct config_value *hsts,
	       const struct settings_site *site)
{
	if (!site->hsts.redirect || resolver->handed_on)
		return;
	for (size_t i = 0; i < site->binding_count; i++)
		if (site->bindings[i].tls)
			return;
	config_problem(resolver->problems,
		       config_value_find(hsts, "redirectHttpToHttps"),
		       "redirectHttpToHttps needs a binding with https, and "
		       "site \"%s\" has none",
		       site->name);
}

static void
resolve_site(struct settings_resolver *resolver,
	     const struct config_entry *entry, struct settings_site *site)
{
	const struct raw_site *raw = entry->object;
	struct settings_binding *bindings =
		settings_array(resolver, raw->bindings.count, sizeof *bindings);
	struct settings_application *applications = settings_array(
		resolver, raw->applications.count, sizeof *applications);
	const struct settings_site *other;

	if (bindings == NULL || applications == NULL)
		return;
	settings_check_name(resolver, "site", entry);
	site->name = entry->name;
	site->id = raw->id;
	site->auto_start = raw->auto_start;
	site->place = settings_place_of(entry->value);
	site->bindings = bindings;
	site->binding_count = raw->bindings.count;
	site->applications = applications;
	site->application_count = raw->applications.count;
	settings_resolve_limits(resolver, raw, site);
	for (size_t i = 0; i < raw->bindings.count; i++)
		resolve_binding(resolver, raw->bindings.items[i], &bindings[i]);
	for (size_t i = 0; i < raw->applications.count; i++)
		resolve_application(resolver, site, raw,
				    &raw->applications.items[i],
				    &applications[i]);
	if (raw->elsewhere.count > 0 && !resolver->handed_on)
		config_problem_at_key(resolver->problems,
				      raw->elsewhere.values[0], "unknown key");
	site->hsts = (struct settings_hsts){
		.enabled = raw->hsts.enabled,
		.max_age = raw->hsts.max_age / 1000000000u,
		.include_subdomains = raw->hsts.include_subdomains,
		.preload = raw->hsts.preload,
		.redirect = raw->hsts.redirect,
	};
	check_redirect(resolver, config_value_find(entry->value, "hsts"), site);
	site->elsewhere = raw->elsewhere.items;
	site->elsewhere_count = raw->elsewhere.count;
	check_module_defaults(resolver, &raw->module_defaults, site, 1);
	qsort(applications, raw->applications.count, sizeof *applications,
	      longer_path_first);
	if (site->id == 0)
		return;
	other = claim(resolver, resolver->site_ids,
		      arena_printf(resolver->arena, "%u", site->id), site);
	if (other != NULL)
		config_problem(resolver->problems,
			       config_value_find(entry->value, "id"),
			       "id %u is that of site \"%s\" already", site->id,
			       other->name);
}

/* The lowest free ones for sites without. */
static void
number_sites(struct settings_resolver *resolver)
{
	struct settings *settings = resolver->settings;
	uint32_t next = 1;

	for (size_t i = 0; i < settings->site_count; i++) {
		if (settings->sites[i].id != 0)
			continue;
		while (hash_find_text(resolver->site_ids,
				      arena_printf(resolver->arena, "%u",
						   next)) != NULL)
			next++;
		settings->sites[i].id = next++;
	}
}

void
settings_resolve_sites(struct settings_resolver *resolver)
{
	const struct config_map *sites = &resolver->raw.sites;
	struct settings *settings = resolver->settings;

	settings->sites =
		settings_array(resolver, sites->count, sizeof *settings->sites);
	if (settings->sites == NULL)
		return;
	settings->site_count = sites->count;
	for (size_t i = 0; i < sites->count; i++)
		resolve_site(resolver, &sites->items[i], &settings->sites[i]);
	check_module_defaults(resolver, &resolver->raw.module_defaults,
			      settings->sites, settings->site_count);
	number_sites(resolver);
}
