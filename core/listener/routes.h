/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes: which application a request is for.  Bindings are matched as
 * HTTP.sys does: strong wildcard, exact host, *.domain, IP address, weak
 * wildcard; the first category with a match wins, and in it the longest path
 * prefix on a segment boundary.  Then the longest application path of the
 * site.  Paths are compared byte by byte, hosts without regard to case.
 *
 * All look-ups are by hash: the cost grows with the depth of the path, not
 * with the number of sites.  Built once, then read by any thread.
 */
#ifndef CORE_LISTENER_ROUTES_H
#define CORE_LISTENER_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

struct routes;
struct route_site;

enum route_host {
	ROUTE_HOST_STRONG,
	ROUTE_HOST_NAME,
	ROUTE_HOST_SUBDOMAIN,
	ROUTE_HOST_ADDRESS,
	ROUTE_HOST_WEAK,
};

struct route_application {
	uint32_t id;
	uint32_t site_id;
	unsigned pool, site; /* the caller's numbers */
	const char *site_name;
	const char *path; /* "/" or "/shop" */
	uint32_t prefix_length; /* bytes of path; 0 for "/" */
};

struct routes *routes_new(void);
void routes_free(struct routes *routes);

/* `number` is the caller's. */
struct route_site *routes_add_site(struct routes *routes, uint32_t id,
				   const char *name, unsigned number);

/* `path` is "/" or "/a/b"; a final slash does not matter.  PORTICO_EXISTS
 * when the site has it already. */
enum portico_status routes_add_application(struct routes *routes,
					   struct route_site *site, uint32_t id,
					   const char *path, unsigned pool);

/*
 * `host` is "" for the two wildcards, "example.com" for SUBDOMAIN, an address
 * without brackets for ADDRESS.  `prefix` as a path above.  PORTICO_EXISTS
 * when another binding says the same.
 */
enum portico_status routes_add_binding(struct routes *routes, bool tls,
				       uint16_t port, enum route_host kind,
				       const char *host, const char *prefix,
				       struct route_site *site);

/*
 * NULL when no binding or no application matches.  `port` and `address` (text
 * without brackets) are those of the local end; `host` is what the client
 * asked for, empty if it did not say, an IPv6 address with its brackets;
 * `path` is cooked.
 */
const struct route_application *routes_find(const struct routes *routes,
					    bool tls, uint16_t port,
					    struct portico_slice address,
					    struct portico_slice host,
					    struct portico_slice path);

#endif
