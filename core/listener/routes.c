/* SPDX-License-Identifier: Apache-2.0
 *
 * See routes.h.  Three levels of tables: local port -> hosts of each category
 * -> path prefixes -> site, and in each site application path -> application.
 */
#include "core/listener/routes.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

#define ROUTES_MAGIC 0x70a7e501u
#define ROUTE_SITE_MAGIC 0x70a7e502u

/* Segments of a binding's or application's path. */
#define ROUTE_DEPTH_MAX 32

/* From path prefixes, without final slash, to whatever they lead to. */
struct prefixes {
	struct hash_table *table;
	void *root; /* what "" leads to */
	unsigned depth; /* most segments of any prefix */
};

struct route_site {
	unsigned magic;
	uint32_t id;
	unsigned number;
	const char *name;
	struct prefixes applications;
};

/* The hosts of one port, for http or https. */
struct route_port {
	struct prefixes *strong, *weak; /* NULL: none */
	struct hash_table *names, *subdomains, *addresses; /* -> prefixes */
};

struct routes {
	unsigned magic;
	struct arena *arena;
	struct hash_table *ports; /* key: struct port_key */
};

struct port_key {
	uint16_t port;
	uint16_t tls;
};

static void
free_table(void *table)
{
	hash_free(table);
}

static struct hash_table *
table_new(struct routes *routes, const char *name, unsigned flags)
{
	struct hash_table *table = hash_new(name, flags);

	arena_on_free(routes->arena, free_table, table);
	return table;
}

struct routes *
routes_new(void)
{
	struct arena *arena = arena_new("routes", 4096);
	struct routes *routes = arena_zalloc(arena, sizeof(*routes));

	routes->magic = ROUTES_MAGIC;
	routes->arena = arena;
	routes->ports = table_new(routes, "route ports", HASH_COPY_KEYS);
	return routes;
}

void
routes_free(struct routes *routes)
{
	if (routes == NULL)
		return;
	CHECK(routes, ROUTES_MAGIC);
	routes->magic = 0;
	arena_free(routes->arena);
}

/* ---- prefixes ------------------------------------------------------------- */

static struct portico_slice
without_slash(const char *path)
{
	struct portico_slice slice = slice_from(path);

	while (slice.length > 0 && slice.data[slice.length - 1] == '/')
		slice.length--;
	return slice;
}

static enum portico_status
prefixes_add(struct routes *routes, struct prefixes *prefixes, const char *path,
	     void *value)
{
	struct portico_slice key = without_slash(path);
	unsigned depth = 0;

	if (key.length == 0) {
		if (prefixes->root != NULL)
			return PORTICO_EXISTS;
		prefixes->root = value;
		return PORTICO_OK;
	}
	for (size_t i = 0; i < key.length; i++)
		depth += key.data[i] == '/';
	if (depth > ROUTE_DEPTH_MAX)
		return PORTICO_TOO_LARGE;
	if (depth > prefixes->depth)
		prefixes->depth = depth;
	if (prefixes->table == NULL)
		prefixes->table =
			table_new(routes, "path prefixes", HASH_COPY_KEYS);
	return hash_add(prefixes->table, key, value);
}

/* The value of the longest prefix of `path` that ends at a segment. */
static void *
prefixes_find(const struct prefixes *prefixes, struct portico_slice path)
{
	size_t ends[ROUTE_DEPTH_MAX];
	unsigned count = 0;

	if (prefixes->depth == 0)
		return prefixes->root;
	/* A segment ends before each slash but the first, and at the end. */
	for (size_t i = 1; i <= path.length && count < prefixes->depth; i++) {
		if ((i == path.length || path.data[i] == '/') &&
		    path.data[i - 1] != '/')
			ends[count++] = i;
	}
	while (count > 0) {
		void *value = hash_find(prefixes->table,
					slice_take(path, ends[--count]));

		if (value != NULL)
			return value;
	}
	return prefixes->root;
}

/* ---- building ------------------------------------------------------------- */

struct route_site *
routes_add_site(struct routes *routes, uint32_t id, const char *name,
		unsigned number)
{
	struct route_site *site;

	CHECK(routes, ROUTES_MAGIC);
	site = arena_zalloc(routes->arena, sizeof(*site));
	site->magic = ROUTE_SITE_MAGIC;
	site->id = id;
	site->number = number;
	site->name = arena_strdup(routes->arena, name);
	return site;
}

enum portico_status
routes_add_application(struct routes *routes, struct route_site *site,
		       uint32_t id, const char *path, unsigned pool)
{
	struct route_application *application;
	struct portico_slice prefix = without_slash(path);

	CHECK(routes, ROUTES_MAGIC);
	CHECK(site, ROUTE_SITE_MAGIC);
	application = arena_zalloc(routes->arena, sizeof(*application));
	application->id = id;
	application->site_id = site->id;
	application->site = site->number;
	application->site_name = site->name;
	application->pool = pool;
	application->prefix_length = (uint32_t)prefix.length;
	application->path = prefix.length == 0 ?
				    "/" :
				    arena_strndup(routes->arena, prefix.data,
						  prefix.length);
	return prefixes_add(routes, &site->applications, path, application);
}

static struct route_port *
port_get(struct routes *routes, bool tls, uint16_t port)
{
	struct port_key key = { port, tls };
	struct portico_slice slice =
		slice_make((const char *)&key, sizeof(key));
	struct route_port *found = hash_find(routes->ports, slice);

	if (found != NULL)
		return found;
	found = arena_zalloc(routes->arena, sizeof(*found));
	found->names =
		table_new(routes, "route hosts", HASH_COPY_KEYS | HASH_NOCASE);
	found->subdomains = table_new(routes, "route subdomains",
				      HASH_COPY_KEYS | HASH_NOCASE);
	found->addresses = table_new(routes, "route addresses",
				     HASH_COPY_KEYS | HASH_NOCASE);
	(void)hash_add(routes->ports, slice, found);
	return found;
}

static struct prefixes *
host_get(struct routes *routes, struct hash_table *table, const char *host)
{
	struct prefixes *found = hash_find_text(table, host);

	if (found != NULL)
		return found;
	found = arena_zalloc(routes->arena, sizeof(*found));
	(void)hash_add(table, slice_from(host), found);
	return found;
}

static struct prefixes *
wildcard_get(struct routes *routes, struct prefixes **wildcard)
{
	if (*wildcard == NULL)
		*wildcard = arena_zalloc(routes->arena, sizeof(**wildcard));
	return *wildcard;
}

enum portico_status
routes_add_binding(struct routes *routes, bool tls, uint16_t port,
		   enum route_host kind, const char *host, const char *prefix,
		   struct route_site *site)
{
	struct route_port *at;
	struct prefixes *prefixes = NULL;

	CHECK(routes, ROUTES_MAGIC);
	CHECK(site, ROUTE_SITE_MAGIC);
	at = port_get(routes, tls, port);
	switch (kind) {
	case ROUTE_HOST_STRONG:
		prefixes = wildcard_get(routes, &at->strong);
		break;
	case ROUTE_HOST_NAME:
		prefixes = host_get(routes, at->names, host);
		break;
	case ROUTE_HOST_SUBDOMAIN:
		prefixes = host_get(routes, at->subdomains, host);
		break;
	case ROUTE_HOST_ADDRESS:
		prefixes = host_get(routes, at->addresses, host);
		break;
	case ROUTE_HOST_WEAK:
		prefixes = wildcard_get(routes, &at->weak);
		break;
	}
	return prefixes_add(routes, prefixes, prefix, site);
}

/* ---- finding -------------------------------------------------------------- */

/* *.example.com takes every host below it, however deep; the longest wins. */
static struct route_site *
find_subdomain(const struct route_port *at, struct portico_slice host,
	       struct portico_slice path)
{
	if (hash_count(at->subdomains) == 0)
		return NULL;
	for (;;) {
		ptrdiff_t dot = slice_find_char(host, '.');
		const struct prefixes *prefixes;
		struct route_site *site;

		if (dot < 0)
			return NULL;
		host = slice_skip(host, (size_t)dot + 1);
		prefixes = hash_find(at->subdomains, host);
		if (prefixes == NULL)
			continue;
		site = prefixes_find(prefixes, path);
		if (site != NULL)
			return site;
	}
}

static struct route_site *
find_in(const struct prefixes *prefixes, struct portico_slice path)
{
	return prefixes == NULL ? NULL : prefixes_find(prefixes, path);
}

static struct route_site *
find_by_host(const struct route_port *at, struct portico_slice address,
	     struct portico_slice host, struct portico_slice path)
{
	struct route_site *site = find_in(at->strong, path);

	if (site == NULL && host.length > 0 && hash_count(at->names) > 0)
		site = find_in(hash_find(at->names, host), path);
	if (site == NULL && host.length > 0)
		site = find_subdomain(at, host, path);
	if (site == NULL && hash_count(at->addresses) > 0)
		site = find_in(hash_find(at->addresses, address), path);
	return site == NULL ? find_in(at->weak, path) : site;
}

const struct route_application *
routes_find(const struct routes *routes, bool tls, uint16_t port,
	    struct portico_slice address, struct portico_slice host,
	    struct portico_slice path)
{
	struct port_key key = { port, tls };
	const struct route_port *at;
	const struct route_site *site;

	CHECK(routes, ROUTES_MAGIC);
	at = hash_find(routes->ports,
		       slice_make((const char *)&key, sizeof(key)));
	if (at == NULL)
		return NULL;
	site = find_by_host(at, address, host, path);
	if (site == NULL)
		return NULL;
	CHECK(site, ROUTE_SITE_MAGIC);
	return prefixes_find(&site->applications, path);
}
