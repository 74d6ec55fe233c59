/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the response cache: what is found by what, that it keeps to its
 * bytes, what goes first, and what a flush takes along.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/slice.h"
#include "core/listener/cache.h"
#include "core/listener/limits.h"

uint64_t __real_hash_bytes(const void *data, size_t length);
uint64_t __wrap_hash_bytes(const void *data, size_t length);

/* All texts have one hash. */
static bool collide;

uint64_t
__wrap_hash_bytes(const void *data, size_t length)
{
	return collide ? 4711 : __real_hash_bytes(data, length);
}

static struct cache cache;
static uint64_t now;
static struct cache_policy policy;

static int
setup(void **state)
{
	(void)state;
	cache_init(&cache);
	cache_set_limits(&cache, 1 << 20, 4096);
	now = 1000 * CLOCK_NS_PER_S;
	memset(&policy, 0, sizeof(policy));
	policy.lifetime = CACHE_UNTIL_FLUSHED;
	collide = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	cache_fini(&cache);
	return 0;
}

static struct cache_key
key_of(uint32_t application, const char *host)
{
	return (struct cache_key){ .application = application,
				   .port = 80,
				   .host_length = (uint32_t)strlen(host) };
}

static struct portico_slice
text_of(const char *host, const char *path)
{
	static char text[4096];

	return slice_make(text, (size_t)snprintf(text, sizeof(text), "%s%s",
						 host, path));
}

/* `pool` is the application's hundreds. */
static bool
keep(uint32_t application, const char *host, const char *path,
     const char *variant, const char *body)
{
	struct cache_key key = key_of(application, host);
	struct cache_content content = {
		.policy = &policy,
		.variant = slice_from(variant),
		.wire = PORTICO_SLICE("wire"),
		.head = PORTICO_SLICE("head"),
		.body = slice_from(body),
		.status = 200,
		.worker = application,
		.now = now,
	};
	struct cache_url *url = cache_get_url(&cache, &key, text_of(host, path),
					      application / 100, &policy.vary);

	return url != NULL && cache_store(&cache, url, &content);
}

static const char *
look(uint32_t application, const char *host, const char *path,
     const char *variant)
{
	static char body[8192];
	struct cache_key key = key_of(application, host);
	struct cache_url *url =
		cache_find_url(&cache, &key, text_of(host, path));
	struct cache_entry *entry =
		url == NULL ? NULL :
			      cache_find(&cache, url, slice_from(variant), now);

	if (entry == NULL)
		return NULL;
	snprintf(body, sizeof(body), "%.*s", (int)entry->body_length,
		 cache_entry_body(entry).data);
	assert_true(
		slice_equal(cache_entry_head(entry), PORTICO_SLICE("head")));
	assert_true(
		slice_equal(cache_entry_wire(entry), PORTICO_SLICE("wire")));
	return body;
}

static void
check_all_apart(void)
{
	assert_true(keep(1, "a", "/x", "", "one"));
	assert_true(keep(2, "a", "/x", "", "two"));
	assert_true(keep(1, "b", "/x", "", "three"));
	assert_true(keep(1, "a", "/y", "", "four"));
	assert_true(keep(1, "a", "/x", "q", "five"));
	assert_true(keep(1, "a/", "x", "", "six"));
	assert_string_equal(look(1, "a", "/x", ""), "one");
	assert_string_equal(look(2, "a", "/x", ""), "two");
	assert_string_equal(look(1, "b", "/x", ""), "three");
	assert_string_equal(look(1, "a", "/y", ""), "four");
	assert_string_equal(look(1, "a", "/x", "q"), "five");
	assert_string_equal(look(1, "a/", "x", ""), "six");
	assert_null(look(3, "a", "/x", ""));
	assert_null(look(1, "c", "/x", ""));
	assert_null(look(1, "a", "/x", "Q"));
	assert_null(look(1, "a", "/x/", ""));
	/* In the place of the first. */
	assert_true(keep(1, "a", "/x", "", "new"));
	assert_string_equal(look(1, "a", "/x", ""), "new");
	assert_int_equal(cache.entries_by_key.count, 6);
}

static void
test_found_by_all_of_the_key(void **state)
{
	(void)state;
	check_all_apart();
}

static void
test_equal_hashes_do_not_matter(void **state)
{
	(void)state;
	collide = true;
	check_all_apart();
	assert_int_equal(cache_flush(&cache,
				     &(struct cache_flush){
					     .application = 1,
					     .pool = CACHE_ANY_POOL,
					     .path = PORTICO_SLICE("/x") }),
			 3);
	assert_null(look(1, "a", "/x", "q"));
	assert_string_equal(look(1, "a", "/y", ""), "four");
	assert_string_equal(look(2, "a", "/x", ""), "two");
}

static void
test_keeps_to_its_bytes(void **state)
{
	char path[32], body[1001];
	unsigned there = 0;

	(void)state;
	memset(body, 'b', 1000);
	body[1000] = '\0';
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		assert_true(keep(1, "a", path, "", body));
		assert_true(cache.bytes <= cache.limit);
		/* The first one is asked for again and again. */
		assert_non_null(look(1, "a", "/0", ""));
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		there += look(1, "a", path, "") != NULL;
	}
	/* About 1.3 KB each of 1 MiB. */
	assert_in_range(there, 600, 1000);
	assert_int_equal(cache.counters.evicted, 5000 - there);
	assert_non_null(look(1, "a", "/4999", ""));
	assert_null(look(1, "a", "/1", ""));
	/* Nothing that does not fit at all drives out the others. */
	cache_set_limits(&cache, 100 * 1024, 4096);
	assert_true(cache.bytes <= 100 * 1024);
	assert_true(cache.entries_by_key.count > 0);
	cache_set_limits(&cache, 0, 4096);
	assert_int_equal(cache.bytes, 0);
	assert_false(keep(1, "a", "/", "", "x"));
	assert_true(cache_is_empty(&cache));
}

static void
test_urls_without_entries_are_few(void **state)
{
	char path[32];

	(void)state;
	for (unsigned i = 0; i < 3 * CACHE_BARE_URLS_MAX; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		assert_true(keep(1, "a", path, "", "x"));
	}
	cache_flush(&cache, &(struct cache_flush){ .pool = CACHE_ANY_POOL });
	assert_int_equal(cache.entries_by_key.count, 0);
	assert_int_equal(cache.urls_by_key.count, CACHE_BARE_URLS_MAX);
	assert_int_equal(cache.bare_count, CACHE_BARE_URLS_MAX);
}

static void
test_time_ends_an_entry(void **state)
{
	(void)state;
	policy.lifetime = 10;
	assert_true(keep(1, "a", "/short", "", "x"));
	policy.lifetime = CACHE_UNTIL_FLUSHED;
	assert_true(keep(1, "a", "/long", "", "x"));
	now += 10 * CLOCK_NS_PER_S - 1;
	assert_non_null(look(1, "a", "/short", ""));
	now++;
	assert_null(look(1, "a", "/short", ""));
	assert_int_equal(cache.counters.expired, 1);
	assert_non_null(look(1, "a", "/long", ""));
	cache_sweep(&cache, now + CACHE_IDLE_NS - 1);
	assert_non_null(look(1, "a", "/long", ""));
	cache_sweep(&cache, now + CACHE_IDLE_NS + CACHE_SWEEP_NS);
	assert_null(look(1, "a", "/long", ""));
}

static unsigned
flush(uint32_t application, unsigned pool, const char *path, bool recursive)
{
	const struct cache_flush flush = {
		.application = application,
		.pool = pool,
		.path = slice_from(path),
		.recursive = recursive,
	};

	return cache_flush(&cache, &flush);
}

static void
test_flush_takes_what_it_names(void **state)
{
	static const char *const paths[] = { "/a", "/a/", "/a/b", "/ab",
					     "/a/b/c" };

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_true(keep(101, "h", paths[i], "", "x"));
		assert_true(keep(102, "h", paths[i], "", "x"));
	}
	/* Another pool's worker has no say. */
	assert_int_equal(flush(101, 2, "/a", true), 0);
	assert_int_equal(flush(101, 1, "/a", false), 1);
	assert_int_equal(flush(101, 1, "/a/", true), 3);
	assert_non_null(look(101, "h", "/ab", ""));
	assert_int_equal(flush(102, 1, "/a", true), 4);
	assert_non_null(look(102, "h", "/ab", ""));
	assert_int_equal(flush(102, 1, "", true), 1);
	assert_int_equal(flush(0, CACHE_ANY_POOL, "", true), 1);
}

static void
test_flush_is_remembered(void **state)
{
	uint64_t one = cache_epoch(&cache, 1), two = cache_epoch(&cache, 2);

	(void)state;
	flush(1, 0, "/", true);
	assert_int_not_equal(cache_epoch(&cache, 1), one);
	assert_int_equal(cache_epoch(&cache, 2), two);
	one = cache_epoch(&cache, 1);
	flush(0, CACHE_ANY_POOL, "", true);
	assert_int_not_equal(cache_epoch(&cache, 1), one);
	assert_int_not_equal(cache_epoch(&cache, 2), two);
}

static void
test_worker_takes_along_what_is_its_own(void **state)
{
	(void)state;
	assert_true(keep(7, "h", "/stays", "", "x"));
	policy.while_worker = true;
	assert_true(keep(7, "h", "/goes", "", "x"));
	assert_true(keep(8, "h", "/other", "", "x"));
	cache_drop_worker(&cache, 7, false);
	assert_non_null(look(7, "h", "/stays", ""));
	assert_null(look(7, "h", "/goes", ""));
	assert_non_null(look(8, "h", "/other", ""));
	cache_drop_worker(&cache, 7, true);
	assert_null(look(7, "h", "/stays", ""));
}

/* An entry that is being sent lives on. */
static void
test_reference_keeps_memory(void **state)
{
	struct cache_key key = key_of(1, "h");
	struct cache_entry *entry;

	(void)state;
	assert_true(keep(1, "h", "/", "", "body"));
	entry = cache_find(&cache,
			   cache_find_url(&cache, &key, text_of("h", "/")),
			   PORTICO_SLICE(""), now);
	cache_entry_ref(entry);
	flush(1, 0, "/", false);
	assert_null(entry->url);
	assert_memory_equal(cache_entry_body(entry).data, "body", 4);
	cache_entry_unref(entry);
}

static void
add_field(struct cache_vary *vary, const char *name)
{
	struct cache_vary more = { .count = 1 };

	more.fields[0].length = (uint8_t)strlen(name);
	memcpy(more.fields[0].name, name, strlen(name));
	assert_true(cache_vary_join(vary, &more));
}

/* What an URL differs by only grows, and what was found by less goes. */
static void
test_vary_grows(void **state)
{
	struct cache_key key = key_of(1, "h");
	struct cache_url *url;

	(void)state;
	assert_true(keep(1, "h", "/", "", "plain"));
	add_field(&policy.vary, "accept");
	assert_true(keep(1, "h", "/", "\n=text", "text"));
	assert_null(look(1, "h", "/", ""));
	assert_string_equal(look(1, "h", "/", "\n=text"), "text");
	memset(&policy.vary, 0, sizeof(policy.vary));
	add_field(&policy.vary, "cookie");
	assert_true(keep(1, "h", "/", "\n=text\n=c", "both"));
	assert_null(look(1, "h", "/", "\n=text"));
	/* One that has less to say changes nothing any more. */
	memset(&policy.vary, 0, sizeof(policy.vary));
	assert_true(keep(1, "h", "/", "\n=html\n=c", "html"));
	assert_string_equal(look(1, "h", "/", "\n=text\n=c"), "both");
	url = cache_find_url(&cache, &key, text_of("h", "/"));
	assert_int_equal(url->vary->count, 2);
	flush(1, 0, "/", false);
	url = cache_find_url(&cache, &key, text_of("h", "/"));
	assert_non_null(url);
	assert_int_equal(url->vary->count, 2);
}

static bool
keep_application_1(const struct cache_url *url, const struct cache_entry *entry,
		   void *arg)
{
	(void)entry;
	(void)arg;
	return url->key.application == 1;
}

static void
test_retain(void **state)
{
	uint64_t epoch = cache_epoch(&cache, 1);

	(void)state;
	assert_true(keep(1, "h", "/", "", "x"));
	assert_true(keep(2, "h", "/", "", "x"));
	cache_retain(&cache, keep_application_1, NULL);
	assert_non_null(look(1, "h", "/", ""));
	assert_null(look(2, "h", "/", ""));
	assert_int_not_equal(cache_epoch(&cache, 1), epoch);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found_by_all_of_the_key),
		TEST(test_equal_hashes_do_not_matter),
		TEST(test_keeps_to_its_bytes),
		TEST(test_urls_without_entries_are_few),
		TEST(test_time_ends_an_entry),
		TEST(test_flush_takes_what_it_names),
		TEST(test_flush_is_remembered),
		TEST(test_worker_takes_along_what_is_its_own),
		TEST(test_reference_keeps_memory),
		TEST(test_vary_grows),
		TEST(test_retain),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
