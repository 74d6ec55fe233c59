/* SPDX-License-Identifier: Apache-2.0
 *
 * The static module's arithmetic: ranges, preconditions, dates, media types
 * and the entry cache, driven with a fake host that knows one request.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "modules/static/static_priv.h"
#include "t/worker/refuse_call.h"

/* ---- the fake host -------------------------------------------------------- */

struct portico_request {
	const char *field_name;
	const char *field_value;
	const char *second_name;
	const char *second_value;
};

static bool
fake_field(struct portico_request *request, struct portico_slice name,
	   struct portico_slice *value_r)
{
	const char *const pairs[2][2] = {
		{ request->field_name, request->field_value },
		{ request->second_name, request->second_value }
	};

	for (int i = 0; i < 2; i++) {
		if (pairs[i][0] != NULL && strlen(pairs[i][0]) == name.length &&
		    memcmp(pairs[i][0], name.data, name.length) == 0) {
			value_r->data = pairs[i][1];
			value_r->length = strlen(pairs[i][1]);
			return true;
		}
	}
	return false;
}

static void
fake_fields(struct portico_request *request, portico_field_fn *fn, void *arg)
{
	const char *const pairs[2][2] = {
		{ request->field_name, request->field_value },
		{ request->second_name, request->second_value }
	};

	for (int i = 0; i < 2 && pairs[i][0] != NULL; i++)
		if (!fn(arg,
			(struct portico_slice){ pairs[i][0],
						strlen(pairs[i][0]) },
			(struct portico_slice){ pairs[i][1],
						strlen(pairs[i][1]) }))
			return;
}

static unsigned files_released;

static void
fake_file_unref(struct portico_file *file)
{
	(void)file;
	files_released++;
}

static const struct portico_host fake_host = {
	.size = sizeof(struct portico_host),
	.request_field = fake_field,
	.request_fields = fake_fields,
	.file_unref = fake_file_unref,
};

const struct portico_host *portico_host = &fake_host;
struct portico_self *portico_self;

/* ---- ranges --------------------------------------------------------------- */

struct range_case {
	const char *field;
	int count;
	uint64_t offset, length; /* of the first */
};

/* Size of the resource: 1000 bytes. */
static const struct range_case range_cases[] = {
	{ "bytes=0-0", 1, 0, 1 },
	{ "bytes=0-999", 1, 0, 1000 },
	{ "bytes=0-99999", 1, 0, 1000 },
	{ "bytes=500-", 1, 500, 500 },
	{ "bytes=-1", 1, 999, 1 },
	{ "bytes=-5000", 1, 0, 1000 },
	{ "BYTES=1-2", 1, 1, 2 },
	{ "bytes=0-0,-1", 2, 0, 1 },
	{ "bytes= 0-0 , 5-6 ,,", 2, 0, 1 },
	{ "bytes=2000-,3-4", 1, 3, 2 },
	{ "bytes=0-18446744073709551999", 1, 0, 1000 },
	{ "bytes=1000-", -1, 0, 0 },
	{ "bytes=-0", -1, 0, 0 },
	{ "bytes=18446744073709551999-", -1, 0, 0 },
	{ "bytes=", 0, 0, 0 },
	{ "bytes=-", 0, 0, 0 },
	{ "bytes=5-2", 0, 0, 0 },
	{ "bytes=a-b", 0, 0, 0 },
	{ "bytes=0-1x", 0, 0, 0 },
	{ "bytes=0-1 2-3", 0, 0, 0 },
	{ "bytes 0-1", 0, 0, 0 },
	{ "lines=0-1", 0, 0, 0 },
	{ "bytes=0-9,5-14", 0, 0, 0 },
	{ "bytes=0-,0-", 0, 0, 0 },
	{ "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
	  "24-24,26-26,28-28,30-30",
	  16, 0, 1 },
	{ "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,"
	  "24-24,26-26,28-28,30-30,32-32",
	  0, 0, 0 },
};

static void
ranges_are_read_as_the_rfc_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(range_cases) / sizeof(range_cases[0]);
	     i++) {
		const struct range_case *row = &range_cases[i];
		struct static_range ranges[STATIC_RANGES_MAX];
		int count = static_range_parse(
			(struct portico_slice){ row->field,
						strlen(row->field) },
			1000, ranges);

		if (count != row->count)
			print_error("%s\n", row->field);
		assert_int_equal(count, row->count);
		if (count > 0) {
			assert_int_equal(ranges[0].offset, row->offset);
			assert_int_equal(ranges[0].length, row->length);
		}
	}
}

static void
an_empty_resource_satisfies_a_suffix_alone(void **state)
{
	struct static_range ranges[STATIC_RANGES_MAX];

	(void)state;
	assert_int_equal(
		static_range_parse(PORTICO_SLICE("bytes=0-"), 0, ranges), -1);
	/* RFC 9110 section 14.1.2: by all of it, which is no part. */
	assert_int_equal(
		static_range_parse(PORTICO_SLICE("bytes=-5"), 0, ranges), 0);
	assert_int_equal(
		static_range_parse(PORTICO_SLICE("bytes=-0"), 0, ranges), -1);
}

/* ---- dates ---------------------------------------------------------------- */

static void
dates_are_written_and_read_in_all_three_forms(void **state)
{
	static const char *const forms[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
					     "Sunday, 06-Nov-94 08:49:37 GMT",
					     "Sun Nov  6 08:49:37 1994" };
	char text[STATIC_DATE_SIZE];
	time_t when;

	(void)state;
	static_date_format(784111777, text);
	assert_string_equal(text, forms[0]);
	for (int i = 0; i < 3; i++) {
		assert_true(static_date_parse(
			(struct portico_slice){ forms[i], strlen(forms[i]) },
			&when));
		assert_int_equal(when, 784111777);
	}
	assert_false(static_date_parse(PORTICO_SLICE("yesterday"), &when));
	assert_false(static_date_parse(
		PORTICO_SLICE("Sun, 06 Nov 1994 08:49:37 GMT+1"), &when));
	static_date_format(INT64_MAX, text);
	assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
}

/* ---- the page cache ------------------------------------------------------- */

enum {
	FILE_BYTES = 1 << 20
};

static int
sample_file(void)
{
	static char zeroes[FILE_BYTES];
	char path[] = "/var/tmp/portico-static-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, zeroes, sizeof(zeroes)), FILE_BYTES);
	assert_int_equal(fsync(fd), 0);
	return fd;
}

static void
what_was_fetched_is_cached(void **state)
{
	int fd = sample_file();
	struct static_fetch fetch = { .fd = fd, .length = FILE_BYTES };

	(void)state;
	/* Does nothing where /var/tmp is in memory. */
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	static_fetch_run(&fetch);
	assert_int_equal(fetch.os_error, 0);
	assert_true(static_span_is_cached(fd, 0, FILE_BYTES));
	assert_true(static_span_is_cached(fd, 12345, 1));
	assert_true(static_span_is_cached(fd, 0, 0));
	/* It has shrunk: nothing to wait for, and that is no error. */
	assert_int_equal(ftruncate(fd, 1000), 0);
	assert_true(static_span_is_cached(fd, 0, FILE_BYTES));
	static_fetch_run(&fetch);
	assert_int_equal(fetch.os_error, 0);
	close(fd);
}

static void
a_disk_that_fails_is_told(void **state)
{
	struct static_fetch fetch = { .length = FILE_BYTES };

	(void)state;
	/* Reading a directory fails as a disk does. */
	fetch.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static_fetch_run(&fetch);
	assert_int_equal(fetch.os_error, EISDIR);
	close(fetch.fd);
}

static void
fetch_without_nowait(void)
{
	int fd = sample_file();
	struct static_fetch fetch = { .fd = fd, .length = FILE_BYTES };

	if (refuse_call(SYS_preadv2, EOPNOTSUPP) != 0)
		_exit(1);
	if (static_span_is_cached(fd, 0, FILE_BYTES))
		_exit(2);
	static_fetch_run(&fetch);
	_exit(fetch.os_error == 0 ? 3 : 4);
}

/* A file system without RWF_NOWAIT: nothing is known to be cached, and
 * fetching works. */
static void
who_cannot_tell_fetches(void **state)
{
	char text[1024];
	int status = unit_run_child(fetch_without_nowait, text, sizeof(text));

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
}

/* ---- preconditions -------------------------------------------------------- */

#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"

struct condition_case {
	const char *name, *value, *second_name, *second_value;
	enum static_condition expected;
};

#define GO STATIC_CONDITION_GO_ON
#define SAME STATIC_CONDITION_NOT_MODIFIED
#define FAIL STATIC_CONDITION_FAILED

static const struct condition_case condition_cases[] = {
	{ NULL, NULL, NULL, NULL, GO },
	{ "If-None-Match", "\"a-1\"", NULL, NULL, SAME },
	{ "If-None-Match", "W/\"a-1\"", NULL, NULL, SAME },
	{ "If-None-Match", "*", NULL, NULL, SAME },
	{ "If-None-Match", "\"b\", \"a-1\"", NULL, NULL, SAME },
	{ "If-None-Match", "\"b\"", NULL, NULL, GO },
	{ "If-None-Match", "a-1", NULL, NULL, GO },
	{ "If-None-Match", "\"b\"", "If-None-Match", "\"a-1\"", SAME },
	{ "If-None-Match", "\"a-1", NULL, NULL, GO },
	{ "If-None-Match", "\"b\"", "If-Modified-Since", MODIFIED, GO },
	{ "If-Modified-Since", MODIFIED, NULL, NULL, SAME },
	{ "If-Modified-Since", LATER, NULL, NULL, SAME },
	{ "If-Modified-Since", EARLIER, NULL, NULL, GO },
	{ "If-Modified-Since", "nonsense", NULL, NULL, GO },
	{ "If-Match", "\"a-1\"", NULL, NULL, GO },
	{ "If-Match", "*", NULL, NULL, GO },
	{ "If-Match", "W/\"a-1\"", NULL, NULL, FAIL },
	{ "If-Match", "\"b\"", NULL, NULL, FAIL },
	{ "If-Match", "\"a-1\"", "If-None-Match", "\"a-1\"", SAME },
	{ "If-Match", "\"a-1\"", "If-Unmodified-Since", EARLIER, GO },
	{ "If-Unmodified-Since", MODIFIED, NULL, NULL, GO },
	{ "If-Unmodified-Since", EARLIER, NULL, NULL, FAIL },
	{ "If-Unmodified-Since", "nonsense", NULL, NULL, GO },
};

static struct static_entry *
sample_entry(const char *path)
{
	struct static_entry *entry =
		static_entry_new((struct portico_slice){ path, strlen(path) });

	assert_non_null(entry);
	snprintf(entry->etag, sizeof(entry->etag), "%s", "\"a-1\"");
	entry->etag_length = 5;
	entry->modified.tv_sec = 784111777;
	static_date_format(784111777, entry->last_modified);
	return entry;
}

static void
preconditions_follow_the_order_of_the_rfc(void **state)
{
	struct static_entry *entry = sample_entry("/a");

	(void)state;
	for (size_t i = 0;
	     i < sizeof(condition_cases) / sizeof(condition_cases[0]); i++) {
		const struct condition_case *row = &condition_cases[i];
		struct portico_request request = { row->name, row->value,
						   row->second_name,
						   row->second_value };

		if (static_precondition(&request, entry) != row->expected)
			print_error("%s: %s\n", row->name, row->value);
		assert_int_equal(static_precondition(&request, entry),
				 row->expected);
	}
	static_entry_unref(entry);
}

static void
if_range_wants_exactly_this_version(void **state)
{
	static const struct {
		const char *value;
		bool expected;
	} rows[] = { { "\"a-1\"", true },    { "\"b\"", false },
		     { "W/\"a-1\"", false }, { MODIFIED, true },
		     { LATER, false },	     { "", false } };
	struct static_entry *entry = sample_entry("/a");
	struct portico_request none = { 0 };

	(void)state;
	assert_true(static_if_range(&none, entry));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct portico_request request = { "If-Range", rows[i].value,
						   NULL, NULL };

		assert_int_equal(static_if_range(&request, entry),
				 rows[i].expected);
	}
	static_entry_unref(entry);
}

/* ---- media types ---------------------------------------------------------- */

static const char *
type_of(const struct static_configuration *configuration, const char *name)
{
	const char *type =
		static_content_type(configuration, name, strlen(name));

	return type == NULL ? "refused" : type;
}

static void
media_types_come_from_settings_then_table(void **state)
{
	static const struct portico_pair types[] = { { ".foo", "x/foo" },
						     { "html", "x/own" },
						     { NULL, NULL } };
	struct static_configuration plain = { .unknown_type = "x/unknown" };
	struct static_configuration own = { .types = types,
					    .unknown_type = "" };

	(void)state;
	assert_string_equal(type_of(&plain, "/a/index.html"), "text/html");
	assert_string_equal(type_of(&plain, "/a/INDEX.HTML"), "text/html");
	assert_string_equal(type_of(&plain, "/3gp.3gp"), "video/3gpp");
	assert_string_equal(type_of(&plain, "/x.zst"), "application/zstd");
	assert_string_equal(type_of(&plain, "/x.js"), "text/javascript");
	assert_string_equal(type_of(&plain, "/x.wasm"), "application/wasm");
	assert_string_equal(type_of(&plain, "/x.woff2"), "font/woff2");
	assert_string_equal(type_of(&plain, "/a.html/x"), "x/unknown");
	assert_string_equal(type_of(&plain, "/a."), "x/unknown");
	assert_string_equal(type_of(&plain, "/a.nobody-knows-this-one"),
			    "x/unknown");
	assert_string_equal(type_of(&own, "/a.foo"), "x/foo");
	assert_string_equal(type_of(&own, "/a.html"), "x/own");
	assert_string_equal(type_of(&own, "/a.css"), "text/css");
	assert_string_equal(type_of(&own, "/a.bar"), "refused");
}

/* ---- the cache ------------------------------------------------------------ */

static struct static_entry *
find(struct static_cache *cache, const char *path)
{
	return static_cache_find(cache,
				 (struct portico_slice){ path, strlen(path) });
}

static void
the_cache_forgets_what_was_used_longest_ago(void **state)
{
	struct static_configuration configuration = { .cache_entries = 3,
						      .cache_size = 1000 };
	struct static_cache *cache = static_cache_new(&configuration);
	struct static_entry *kept;

	(void)state;
	files_released = 0;
	for (int i = 0; i < 3; i++) {
		const char *names[] = { "/a", "/b", "/c" };
		struct static_entry *entry = sample_entry(names[i]);

		entry->file = (struct portico_file *)1; /* never followed */
		static_cache_add(cache, entry);
	}
	assert_non_null(find(cache, "/a")); /* now the newest */
	static_cache_add(cache, sample_entry("/d"));
	assert_null(find(cache, "/b"));
	assert_int_equal(files_released, 1);
	assert_non_null(find(cache, "/a"));
	assert_non_null(find(cache, "/c"));

	/* A transfer's reference outlives the cache's. */
	kept = find(cache, "/a");
	static_entry_ref(kept);
	static_cache_add(cache, sample_entry("/a"));
	assert_ptr_not_equal(find(cache, "/a"), kept);
	assert_int_equal(files_released, 1);
	static_entry_unref(kept);
	assert_int_equal(files_released, 2);
	static_cache_free(&cache);
	assert_null(cache);
	assert_int_equal(files_released, 3);
}

static void
the_cache_is_bounded_by_bytes(void **state)
{
	struct static_configuration configuration = { .cache_entries = 100,
						      .cache_size = 1000 };
	struct static_cache *cache = static_cache_new(&configuration);

	(void)state;
	for (int i = 0; i < 5; i++) {
		char name[] = { '/', (char)('a' + i), '\0' };
		struct static_entry *entry = sample_entry(name);

		entry->size = 400;
		entry->content = calloc(1, 400);
		static_cache_add(cache, entry);
	}
	assert_null(find(cache, "/a"));
	assert_null(find(cache, "/c"));
	assert_non_null(find(cache, "/d"));
	assert_non_null(find(cache, "/e"));
	static_cache_free(&cache);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ranges_are_read_as_the_rfc_says),
	cmocka_unit_test(an_empty_resource_satisfies_a_suffix_alone),
	cmocka_unit_test(what_was_fetched_is_cached),
	cmocka_unit_test(a_disk_that_fails_is_told),
	cmocka_unit_test(who_cannot_tell_fetches),
	cmocka_unit_test(dates_are_written_and_read_in_all_three_forms),
	cmocka_unit_test(preconditions_follow_the_order_of_the_rfc),
	cmocka_unit_test(if_range_wants_exactly_this_version),
	cmocka_unit_test(media_types_come_from_settings_then_table),
	cmocka_unit_test(the_cache_forgets_what_was_used_longest_ago),
	cmocka_unit_test(the_cache_is_bounded_by_bytes),
};

UNIT_MAIN(tests)
