/* SPDX-License-Identifier: Apache-2.0
 *
 * See snapshot.h.
 */
#include "core/listener/snapshot.h"

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/clock.h"
#include "core/listener/hsts.h"
#include "core/listener/limits.h"
#include "core/listener/tls_context.h"
#include "core/listener/tls_store.h"

#define SNAPSHOT_MAGIC 0x5a9547a1u

/* A request head must fit the largest block of a channel, with the fixed part
 * and the cooked path that are added to it. */
#define HEAD_BYTES_MAX (48u * 1024)

enum route_host
snapshot_host_kind(enum settings_host_kind kind)
{
	switch (kind) {
	case SETTINGS_HOST_STRONG:
		return ROUTE_HOST_STRONG;
	case SETTINGS_HOST_NAME:
		return ROUTE_HOST_NAME;
	case SETTINGS_HOST_SUBDOMAIN:
		return ROUTE_HOST_SUBDOMAIN;
	case SETTINGS_HOST_ADDRESS:
		return ROUTE_HOST_ADDRESS;
	case SETTINGS_HOST_WEAK:
		return ROUTE_HOST_WEAK;
	}
	UNREACHABLE();
}

static enum portico_status
add_site(struct listener_snapshot *snapshot, unsigned number,
	 struct portico_error *err)
{
	const struct settings_site *from = &snapshot->settings->sites[number];
	struct route_site *site =
		routes_add_site(snapshot->routes, from->id, from->name, number);
	enum portico_status status;

	for (size_t i = 0; i < from->application_count; i++) {
		const struct settings_application *application =
			&from->applications[i];

		status = routes_add_application(
			snapshot->routes, site, application->id,
			application->path,
			snapshot->pools[application->pool->index]);
		if (status != PORTICO_OK)
			return error_set(err, status,
					 "site %s: adding application %s",
					 from->name, application->path);
	}
	for (size_t i = 0; i < from->binding_count; i++) {
		const struct settings_binding *binding = &from->bindings[i];

		status = routes_add_binding(
			snapshot->routes, binding->tls, binding->port,
			snapshot_host_kind(binding->host_kind), binding->host,
			binding->path, site);
		if (status != PORTICO_OK)
			return error_set(err, status,
					 "site %s: adding binding %s",
					 from->name, binding->url);
	}
	return PORTICO_OK;
}

/* Whether a head that the listener has let pass may be too much for it. */
static bool
is_strict(const struct settings_limits *limits,
	  const struct settings_limits *all)
{
	return limits->max_request_bytes != all->max_request_bytes ||
	       limits->max_request_line != all->max_request_line ||
	       limits->max_header_count != all->max_header_count ||
	       limits->url_segment_max_count != all->url_segment_max_count ||
	       limits->url_segment_max_length != all->url_segment_max_length;
}

static void
set_sites(struct listener_snapshot *snapshot, struct hash_table *sites)
{
	const struct settings *settings = snapshot->settings;

	for (size_t i = 0; i < settings->site_count; i++) {
		snapshot->sites[i] = (struct snapshot_site){
			.shared = site_get(sites, settings->sites[i].name),
			.limits = &settings->sites[i].limits,
			.strict = is_strict(&settings->sites[i].limits.request,
					    &settings->listener.limits),
		};
		hsts_init(&snapshot->sites[i], &settings->sites[i]);
	}
	snapshot->site_numbers = (unsigned)hash_count(sites);
}

static void
set_limits(struct listener_snapshot *snapshot)
{
	const struct settings_limits *from =
		&snapshot->settings->listener.limits;
	struct http_parser_limits *limits = &snapshot->parser_limits;
	uint64_t head = from->max_request_bytes, line = from->max_request_line;

	if (head > HEAD_BYTES_MAX)
		head = HEAD_BYTES_MAX;
	if (line == 0 || line > head)
		line = head;
	*limits = http_parser_limits_default;
	limits->head = (uint32_t)head;
	limits->request_line = (uint32_t)line;
	limits->field = (uint32_t)head;
	if (from->max_header_count > 0 &&
	    from->max_header_count < HTTP_FIELDS_MAX)
		limits->fields = (uint16_t)from->max_header_count;
	snapshot->url_limits.segments = from->url_segment_max_count == 0 ?
						UINT32_MAX :
						from->url_segment_max_count;
	snapshot->url_limits.segment_length =
		from->url_segment_max_length == 0 ?
			UINT32_MAX :
			from->url_segment_max_length;
	snapshot->input_max = (uint32_t)head + INPUT_SMALL_BYTES;
}

struct listener_snapshot *
snapshot_new(struct settings *settings, snapshot_pool_fn *pool_number,
	     void *arg, struct hash_table *sites, struct portico_error *err)
{
	struct listener_snapshot *snapshot = mem_zalloc(sizeof(*snapshot));

	snapshot->magic = SNAPSHOT_MAGIC;
	atomic_init(&snapshot->refs, 1);
	snapshot->settings = settings_ref(settings);
	snapshot->routes = routes_new();
	snapshot->pools =
		mem_zalloc_array(settings->pool_count + 1, sizeof(unsigned));
	snapshot->sites = mem_zalloc_array(settings->site_count + 1,
					   sizeof(*snapshot->sites));
	set_limits(snapshot);
	set_sites(snapshot, sites);
	for (size_t i = 0; i < settings->pool_count; i++)
		snapshot->pools[i] = pool_number(settings->pools[i].name, arg);
	for (size_t i = 0; i < settings->site_count; i++) {
		if (add_site(snapshot, (unsigned)i, err) != PORTICO_OK) {
			snapshot_unref(&snapshot);
			return NULL;
		}
	}
	return snapshot;
}

/* Sessions go on as long as their ticket can be opened at least. */
enum portico_status
snapshot_set_tls(struct listener_snapshot *snapshot,
		 struct tls_material *material, struct portico_error *err)
{
	uint64_t rotation = snapshot->settings->listener.ticket_key_rotation;

	CHECK(snapshot, SNAPSHOT_MAGIC);
	snapshot->tls_context =
		tls_context_new(2 * rotation / CLOCK_NS_PER_S, err);
	if (snapshot->tls_context == NULL)
		return err->status;
	snapshot->tls = tls_store_new(snapshot->settings, material);
	return PORTICO_OK;
}

struct listener_snapshot *
snapshot_ref(struct listener_snapshot *snapshot)
{
	CHECK(snapshot, SNAPSHOT_MAGIC);
	atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
	return snapshot;
}

void
snapshot_unref(struct listener_snapshot **snapshot_p)
{
	struct listener_snapshot *snapshot = *snapshot_p;

	*snapshot_p = NULL;
	if (snapshot == NULL)
		return;
	CHECK(snapshot, SNAPSHOT_MAGIC);
	if (atomic_fetch_sub_explicit(&snapshot->refs, 1,
				      memory_order_acq_rel) != 1)
		return;
	snapshot->magic = 0;
	routes_free(snapshot->routes);
	tls_store_free(&snapshot->tls);
	SSL_CTX_free(snapshot->tls_context);
	for (size_t i = 0; i < snapshot->settings->site_count; i++)
		hsts_fini(&snapshot->sites[i]);
	settings_unref(&snapshot->settings);
	mem_free(snapshot->pools);
	mem_free(snapshot->sites);
	mem_free(snapshot);
	mem_trim();
}

struct loop_snapshot *
loop_snapshot_new(struct listener_snapshot *shared)
{
	struct loop_snapshot *snapshot = mem_zalloc(sizeof(*snapshot));

	snapshot->shared = shared;
	snapshot->refs = 1;
	return snapshot;
}

void
loop_snapshot_unref(struct loop_snapshot **snapshot_p)
{
	struct loop_snapshot *snapshot = *snapshot_p;

	*snapshot_p = NULL;
	if (snapshot == NULL || --snapshot->refs > 0)
		return;
	snapshot_unref(&snapshot->shared);
	mem_free(snapshot);
}
