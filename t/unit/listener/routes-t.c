/* SPDX-License-Identifier: Apache-2.0
 *
 * Routing: the order of the host categories, the longest prefix on a segment
 * boundary, and that many sites do not get in each other's way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/slice.h"
#include "core/listener/routes.h"

static uint32_t
find(const struct routes *routes, const char *host, const char *path)
{
	const struct route_application *found =
		routes_find(routes, false, 80, PORTICO_SLICE("192.0.2.1"),
			    slice_from(host), slice_from(path));

	return found == NULL ? 0 : found->id;
}

/* A site of its own, with one application of that id, for each binding. */
static void
bind_host(struct routes *routes, uint32_t id, enum route_host kind,
	  const char *host, const char *prefix)
{
	struct route_site *site = routes_add_site(routes, id, "site", 0);

	assert_int_equal(routes_add_application(routes, site, id, "/", 0),
			 PORTICO_OK);
	assert_int_equal(routes_add_binding(routes, false, 80, kind, host,
					    prefix, site),
			 PORTICO_OK);
}

static void
test_order_of_categories(void **state)
{
	struct routes *routes = routes_new();

	(void)state;
	assert_int_equal(find(routes, "a.example.com", "/"), 0);
	bind_host(routes, 5, ROUTE_HOST_WEAK, "", "/");
	assert_int_equal(find(routes, "a.example.com", "/"), 5);
	bind_host(routes, 4, ROUTE_HOST_ADDRESS, "192.0.2.1", "/");
	assert_int_equal(find(routes, "a.example.com", "/"), 4);
	bind_host(routes, 3, ROUTE_HOST_SUBDOMAIN, "example.com", "/");
	assert_int_equal(find(routes, "a.example.com", "/"), 3);
	assert_int_equal(find(routes, "a.b.example.com", "/"), 3);
	assert_int_equal(find(routes, "example.com", "/"), 4);
	bind_host(routes, 2, ROUTE_HOST_NAME, "a.example.com", "/");
	assert_int_equal(find(routes, "a.example.com", "/"), 2);
	assert_int_equal(find(routes, "A.Example.COM", "/"), 2);
	assert_int_equal(find(routes, "b.example.com", "/"), 3);
	assert_int_equal(find(routes, "", "/"), 4);
	bind_host(routes, 1, ROUTE_HOST_STRONG, "", "/only");
	assert_int_equal(find(routes, "a.example.com", "/only/x"), 1);
	/* A category without a matching prefix does not take part. */
	assert_int_equal(find(routes, "a.example.com", "/other"), 2);
	routes_free(routes);
}

static void
test_longest_subdomain(void **state)
{
	struct routes *routes = routes_new();

	(void)state;
	bind_host(routes, 1, ROUTE_HOST_SUBDOMAIN, "com", "/");
	bind_host(routes, 2, ROUTE_HOST_SUBDOMAIN, "example.com", "/");
	bind_host(routes, 3, ROUTE_HOST_SUBDOMAIN, "x.example.com", "/deep");
	assert_int_equal(find(routes, "a.x.example.com", "/deep"), 3);
	assert_int_equal(find(routes, "a.x.example.com", "/"), 2);
	assert_int_equal(find(routes, "x.example.com", "/deep"), 2);
	assert_int_equal(find(routes, "example.com", "/"), 1);
	assert_int_equal(find(routes, "com", "/"), 0);
	routes_free(routes);
}

static void
test_segments(void **state)
{
	struct routes *routes = routes_new();
	struct route_site *site = routes_add_site(routes, 1, "site", 0);
	static const char *const paths[] = { "/", "/shop", "/shop/cart/",
					     "/shop/cart/items" };

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(routes_add_application(routes, site, i + 1,
							paths[i], i),
				 PORTICO_OK);
	assert_int_equal(routes_add_application(routes, site, 9, "/shop/", 0),
			 PORTICO_EXISTS);
	routes_add_binding(routes, false, 80, ROUTE_HOST_WEAK, "", "/", site);
	assert_int_equal(find(routes, "", "/"), 1);
	assert_int_equal(find(routes, "", "/sho"), 1);
	assert_int_equal(find(routes, "", "/shopping"), 1);
	assert_int_equal(find(routes, "", "/Shop"), 1);
	assert_int_equal(find(routes, "", "/shop"), 2);
	assert_int_equal(find(routes, "", "/shop/"), 2);
	assert_int_equal(find(routes, "", "/shop/cartoon"), 2);
	assert_int_equal(find(routes, "", "/shop/cart"), 3);
	assert_int_equal(find(routes, "", "/shop/cart/"), 3);
	assert_int_equal(find(routes, "", "/shop/cart/item"), 3);
	assert_int_equal(find(routes, "", "/shop/cart/items/7/8/9"), 4);
	assert_int_equal(find(routes, "", "*"), 1);
	routes_free(routes);
}

static void
test_prefix_length_and_names(void **state)
{
	struct routes *routes = routes_new();
	struct route_site *site = routes_add_site(routes, 77, "store", 5);
	const struct route_application *found;

	(void)state;
	routes_add_application(routes, site, 1, "/", 3);
	routes_add_application(routes, site, 2, "/api", 4);
	routes_add_binding(routes, false, 80, ROUTE_HOST_WEAK, "", "/", site);
	found = routes_find(routes, false, 80, PORTICO_SLICE(""),
			    PORTICO_SLICE(""), PORTICO_SLICE("/api/x"));
	assert_non_null(found);
	assert_int_equal(found->prefix_length, 4);
	assert_int_equal(found->site_id, 77);
	assert_int_equal(found->pool, 4);
	assert_string_equal(found->path, "/api");
	assert_string_equal(found->site_name, "store");
	found = routes_find(routes, false, 80, PORTICO_SLICE(""),
			    PORTICO_SLICE(""), PORTICO_SLICE("/"));
	assert_int_equal(found->prefix_length, 0);
	assert_null(routes_find(routes, true, 80, PORTICO_SLICE(""),
				PORTICO_SLICE(""), PORTICO_SLICE("/")));
	assert_null(routes_find(routes, false, 81, PORTICO_SLICE(""),
				PORTICO_SLICE(""), PORTICO_SLICE("/")));
	routes_free(routes);
}

static void
test_refusals(void **state)
{
	struct routes *routes = routes_new();
	struct route_site *site = routes_add_site(routes, 1, "a", 0);
	char deep[200] = "";

	(void)state;
	assert_int_equal(routes_add_binding(routes, false, 80, ROUTE_HOST_NAME,
					    "a", "/", site),
			 PORTICO_OK);
	assert_int_equal(routes_add_binding(routes, false, 80, ROUTE_HOST_NAME,
					    "A", "/", site),
			 PORTICO_EXISTS);
	assert_int_equal(routes_add_binding(routes, true, 80, ROUTE_HOST_NAME,
					    "a", "/", site),
			 PORTICO_OK);
	for (unsigned i = 0; i < 40; i++)
		memcpy(deep + 2 * i, "/x", 3);
	assert_int_equal(routes_add_application(routes, site, 2, deep, 0),
			 PORTICO_TOO_LARGE);
	routes_free(routes);
}

static void
test_ten_thousand_sites(void **state)
{
	struct routes *routes = routes_new();
	char host[64];

	(void)state;
	for (uint32_t i = 1; i <= 10000; i++) {
		snprintf(host, sizeof(host), "site-%u.example.com", i);
		bind_host(routes, i, ROUTE_HOST_NAME, host, "/");
	}
	for (uint32_t i = 1; i <= 10000; i += 7) {
		snprintf(host, sizeof(host), "SITE-%u.example.com", i);
		assert_int_equal(find(routes, host, "/a/b/c"), i);
	}
	assert_int_equal(find(routes, "site-0.example.com", "/"), 0);
	routes_free(routes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_categories),
		cmocka_unit_test(test_longest_subdomain),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_prefix_length_and_names),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_ten_thousand_sites),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
