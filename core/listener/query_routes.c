/* SPDX-License-Identifier: Apache-2.0
 *
 * The bindings in force and what they lead to, as JSON.
 */
#include <jansson.h>

#include "core/base/slice.h"
#include "core/listener/listener.h"
#include "core/listener/query_priv.h"
#include "core/listener/snapshot.h"

static const char *
kind_name(enum settings_host_kind kind)
{
	static const char *const names[] = {
		[SETTINGS_HOST_STRONG] = "strong",
		[SETTINGS_HOST_NAME] = "host",
		[SETTINGS_HOST_SUBDOMAIN] = "subdomain",
		[SETTINGS_HOST_ADDRESS] = "address",
		[SETTINGS_HOST_WEAK] = "weak",
	};

	return names[kind];
}

/* Without the final slash, but for the root. */
static struct portico_slice
prefix_of(const struct settings_binding *binding)
{
	struct portico_slice path = slice_from(binding->path);

	if (path.length > 1)
		path.length--;
	return path;
}

static json_t *
describe_application(struct portico_slice below,
		     const struct settings_application *application)
{
	return json_pack("{s:s, s:s, s:I, s:s#}", "path", application->path,
			 "pool", application->pool->name, "id",
			 (json_int_t)application->id, "below", below.data,
			 (int)below.length);
}

/*
 * What can be reached through a binding: the applications below its prefix, at
 * their own paths, and the one that has the prefix, if none begins there.
 */
static json_t *
describe_applications(const struct settings_site *site,
		      const struct settings_binding *binding)
{
	struct portico_slice prefix = prefix_of(binding);
	json_t *all = json_array();

	/* Longest path first: the first that covers the prefix has it. */
	for (size_t i = 0; i < site->application_count; i++) {
		const struct settings_application *application =
			&site->applications[i];
		struct portico_slice path = slice_from(application->path);

		if (settings_path_covers(path, prefix)) {
			json_array_append_new(
				all, describe_application(prefix, application));
			break;
		}
		if (settings_path_covers(prefix, path))
			json_array_append_new(
				all, describe_application(path, application));
	}
	return all;
}

static json_t *
describe_binding(const struct settings_site *site,
		 const struct settings_binding *binding)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:b, s:s?, s:o}",
			 "url", binding->url, "site", site->name, "kind",
			 kind_name(binding->host_kind), "host", binding->host,
			 "port", (int)binding->port, "prefix", binding->path,
			 "tls", (int)binding->tls, "certificate",
			 binding->certificate, "applications",
			 describe_applications(site, binding));
}

json_t *
query_describe_routes(const struct listener *listener)
{
	json_t *bindings = json_array();
	const struct settings *settings;

	if (listener->snapshot == NULL)
		return json_pack("{s:o}", "bindings", bindings);
	settings = listener->snapshot->settings;
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t j = 0; j < site->binding_count; j++)
			json_array_append_new(
				bindings,
				describe_binding(site, &site->bindings[j]));
	}
	return json_pack("{s:o}", "bindings", bindings);
}
