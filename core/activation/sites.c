/* SPDX-License-Identifier: Apache-2.0
 *
 * See sites.h.
 */
#include "core/activation/sites.h"

#include <string.h>

#include "core/activation/events.h"
#include "core/activation/listener_process.h"
#include "core/activation/listeners.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/settings.h"

struct site_state {
	char *name;
	bool stopped;
};

static void
add(struct hash_table *table, const char *name, bool stopped)
{
	struct site_state *site = mem_zalloc(sizeof *site);

	site->name = mem_strdup(name);
	site->stopped = stopped;
	if (hash_add(table, slice_from(site->name), site) != PORTICO_OK)
		check_panic("out of memory for site %s", name);
}

static void
free_all(struct hash_table *table)
{
	size_t cursor = 0;
	void *value;

	while (table != NULL && hash_next(table, &cursor, NULL, &value)) {
		struct site_state *site = value;

		mem_free(site->name);
		mem_free(site);
	}
	hash_free(table);
}

void
sites_init(struct sites *sites, const struct settings *settings)
{
	sites->by_name = hash_new("sites", 0);
	for (size_t i = 0; i < settings->site_count; i++)
		add(sites->by_name, settings->sites[i].name,
		    !settings->sites[i].auto_start);
}

void
sites_fini(struct sites *sites)
{
	free_all(sites->by_name);
	sites->by_name = NULL;
}

static void
tell_all(struct listeners *listeners, const char *name, bool stopped)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		listener_process_site_state(listener, name, stopped);
}

void
sites_apply(struct sites *sites, const struct settings *settings,
	    struct listeners *listeners)
{
	struct hash_table *old = sites->by_name;
	size_t cursor = 0;
	void *value;

	sites->by_name = hash_new("sites", 0);
	sites->changes++;
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];
		const struct site_state *before =
			hash_find_text(old, site->name);
		bool stopped = before != NULL ? before->stopped :
						!site->auto_start;

		add(sites->by_name, site->name, stopped);
		if (before == NULL && stopped)
			tell_all(listeners, site->name, true);
	}
	/* A listener keeps the name of a site that is removed: should there be
	 * one of that name again, it begins anew. */
	while (hash_next(old, &cursor, NULL, &value)) {
		const struct site_state *site = value;

		if (site->stopped &&
		    hash_find_text(sites->by_name, site->name) == NULL)
			tell_all(listeners, site->name, false);
	}
	free_all(old);
}

enum portico_status
sites_set(struct sites *sites, const char *name, bool stopped,
	  struct listeners *listeners, struct portico_error *err)
{
	struct site_state *site =
		name == NULL ? NULL : hash_find_text(sites->by_name, name);
	const struct log_context ctx = { .name = "site", .value = name };

	if (site == NULL) {
		error_set(err, PORTICO_NOT_FOUND, "there is no site \"%s\"",
			  name == NULL ? "" : name);
		error_hint(err, "\"portico site list\" shows all.");
		return PORTICO_NOT_FOUND;
	}
	if (site->stopped == stopped)
		return PORTICO_OK;
	site->stopped = stopped;
	sites->changes++;
	tell_all(listeners, name, stopped);
	log_write(LOG_LEVEL_INFO,
		  stopped ? EVENT_SITE_STOPPED : EVENT_SITE_STARTED, &ctx,
		  "site \"%s\" is %s", name, stopped ? "stopped" : "started");
	return PORTICO_OK;
}

json_t *
sites_stopped(const struct sites *sites)
{
	json_t *names = json_array();
	size_t cursor = 0;
	void *value;

	while (hash_next(sites->by_name, &cursor, NULL, &value)) {
		const struct site_state *site = value;

		if (site->stopped)
			json_array_append_new(names, json_string(site->name));
	}
	return names;
}

void
sites_restore(struct sites *sites, const json_t *stopped)
{
	size_t cursor = 0, i;
	void *value;
	json_t *name;

	while (hash_next(sites->by_name, &cursor, NULL, &value))
		((struct site_state *)value)->stopped = false;
	json_array_foreach(stopped, i, name)
	{
		struct site_state *site =
			hash_find_text(sites->by_name, json_string_value(name));

		if (site != NULL)
			site->stopped = true;
	}
}

void
sites_tell(const struct sites *sites, struct listener_process *listener)
{
	size_t cursor = 0;
	void *value;

	while (hash_next(sites->by_name, &cursor, NULL, &value)) {
		const struct site_state *site = value;

		if (site->stopped)
			listener_process_site_state(listener, site->name, true);
	}
}

/* ---- for people ---------------------------------------------------------- */

static json_t *
pools_of(const struct settings_site *site)
{
	json_t *pools = json_array(), *seen = json_object();

	for (size_t i = 0; i < site->application_count; i++) {
		const char *name = site->applications[i].pool->name;

		if (json_object_get(seen, name) != NULL)
			continue;
		json_object_set_new(seen, name, json_true());
		json_array_append_new(pools, json_string(name));
	}
	json_decref(seen);
	return pools;
}

json_t *
sites_to_json(const struct sites *sites, const struct settings *settings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];
		const struct site_state *state =
			hash_find_text(sites->by_name, site->name);
		json_t *bindings = json_array();

		for (size_t k = 0; k < site->binding_count; k++)
			json_array_append_new(
				bindings, json_string(site->bindings[k].url));
		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:s, s:o, s:I, s:o}", "name",
				  site->name, "id", (json_int_t)site->id,
				  "state",
				  state != NULL && state->stopped ? "stopped" :
								    "started",
				  "bindings", bindings, "applications",
				  (json_int_t)site->application_count, "pools",
				  pools_of(site)));
	}
	return list;
}
