/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: what is accepted, and the sentence for what is not.
 */
#include "t/unit/worker/modules.h"

#include <sys/stat.h>

#include "core/base/memory.h"

static char *
built(const char *name)
{
	const char *directory = getenv("PORTICO_BUILDDIR");
	static char path[1024];

	snprintf(path, sizeof(path), "%s/t/sdk/modules/.libs/%s.so",
		 directory == NULL ? "." : directory, name);
	return path;
}

/* Adding `name` from the file of module `file` fails with these words. */
static void
assert_refused(const char *name, const char *file, enum portico_status status,
	       const char *words)
{
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	error_clear(&err);
	assert_int_equal(module_set_add(set, name, file, NULL, &err), status);
	assert_int_equal(err.status, status);
	assert_says(&err, file);
	assert_says(&err, words);
	assert_int_equal(module_set_count(set), 0);
	module_set_free(set);
}

static void
a_module_of_another_abi_is_refused_with_both_numbers(void **state)
{
	(void)state;
	assert_refused("abi-two", built("abi-two"), PORTICO_ABI,
		       ".so: ABI 2.0, this server has 1.0");
}

static void
a_later_minor_is_refused(void **state)
{
	struct portico_module later = TEST_MODULE(.name = "later");
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	(void)state;
	later.abi_minor = PORTICO_ABI_MINOR + 1;
	assert_int_equal(test_add(set, "later", &later, &err), PORTICO_ABI);
	assert_says(&err, "ABI 1.1, this server has 1.0");
	module_set_free(set);
}

static void
an_object_without_the_entry_is_refused(void **state)
{
	(void)state;
	assert_refused("no-symbol", built("no-symbol"), PORTICO_INVALID,
		       "no symbol portico_module_entry");
}

static void
a_missing_function_is_found_when_loading(void **state)
{
	(void)state;
	assert_refused("undefined", built("undefined"), PORTICO_INVALID,
		       "portico_test_function_that_nobody_has");
}

static void
files_that_cannot_be_read_are_named(void **state)
{
	char path[] = "/tmp/portico-module-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "not an ELF file\n", 16), 16);
	assert_refused("text", path, PORTICO_INVALID, "not loadable: ");
	assert_int_equal(fchmod(fd, 0), 0);
	/* root may read everything, so be somebody else for a moment */
	assert_int_equal(seteuid(geteuid() == 0 ? 65534 : geteuid()), 0);
	assert_refused("text", path, PORTICO_DENIED,
		       "not readable: Permission denied");
	assert_int_equal(seteuid(getuid()), 0);
	close(fd);
	unlink(path);
	assert_refused("gone", path, PORTICO_NOT_FOUND,
		       "not readable: No such file or directory");
	assert_refused("directory", "/tmp", PORTICO_INVALID,
		       "not a regular file");
}

static void
the_configured_name_must_be_its_own(void **state)
{
	(void)state;
	assert_refused("circle-b", built("circle-a"), PORTICO_INVALID,
		       "names itself \"circle-a\", configured as \"circle-b\"");
	assert_refused("Circle", built("circle-a"), PORTICO_INVALID,
		       "found the name \"Circle\"");
}

static void
one_file_is_one_module_whatever_its_path(void **state)
{
	struct module_set *set = module_set_new(&test_host);
	struct module_record *first, *again;
	struct portico_error err;
	char link[] = "/tmp/portico-link-XXXXXX";
	int fd = mkstemp(link);
	char *file = mem_strdup(built("circle-a"));

	(void)state;
	close(fd);
	unlink(link);
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(module_set_add(set, "circle-a", file, &first, &err),
			 PORTICO_OK);
	assert_int_equal(module_set_add(set, "circle-a", link, &again, &err),
			 PORTICO_OK);
	assert_ptr_equal(first, again);
	assert_int_equal(module_set_add(set, "other", link, NULL, &err),
			 PORTICO_EXISTS);
	assert_says(&err, "configured as \"circle-a\" and as \"other\"");
	assert_int_equal(module_set_add(set, "circle-a", built("circle-b"),
					NULL, &err),
			 PORTICO_EXISTS);
	assert_says(&err, "the name \"circle-a\" is taken by ");
	assert_int_equal(module_set_count(set), 1);
	unlink(link);
	mem_free(file);
	module_set_free(set);
}

static void
a_record_holds_a_copy_of_what_the_module_says(void **state)
{
	struct module_set *set = module_set_new(&test_host);
	struct module_record *record;
	struct portico_error err;

	(void)state;
	assert_int_equal(module_set_add(set, "every-directive",
					built("every-directive"), &record,
					&err),
			 PORTICO_OK);
	assert_string_equal(record->module.version, "1.0.0");
	assert_int_equal(record->directive_count, 12);
	assert_int_equal(record->handler_count, 1);
	assert_int_equal(record->subscription_count, 0);
	assert_ptr_equal(module_of(&record->self), record);
	assert_ptr_equal(module_set_find(set, "every-directive"), record);
	assert_null(module_set_find(set, "every"));
	assert_string_equal(module_find_handler(record, NULL)->name, "show");
	assert_string_equal(module_find_handler(record, "show")->name, "show");
	assert_null(module_find_handler(record, "hide"));
	module_set_free(set);
}

/* ---- descriptors --------------------------------------------------------- */

static void
assert_descriptor(const struct portico_module *descriptor, const char *words)
{
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	error_clear(&err);
	assert_int_equal(test_add(set, "m", descriptor, &err), PORTICO_INVALID);
	assert_says(&err, words);
	module_set_free(set);
}

static void
a_broken_head_is_refused(void **state)
{
	struct portico_module m = TEST_MODULE(.name = "m");

	(void)state;
	assert_descriptor(NULL, "returned no descriptor");
	m.magic = 0x12345678;
	assert_descriptor(&m, "begins with 12345678");
	m.magic = PORTICO_MODULE_MAGIC;
	m.size = 8;
	assert_descriptor(&m, "8 bytes, too short to tell its ABI");
	/* What came later need not be there. */
	m.size = offsetof(struct portico_module, global_subscriptions) - 1;
	assert_descriptor(&m, "bytes, this server expects at least ");
	m.size = 0x10000000;
	assert_descriptor(&m, "bytes, this server expects at least ");
}

static void
a_longer_descriptor_is_read_as_far_as_known(void **state)
{
	static const struct {
		struct portico_module module;
		uintptr_t later;
	} longer = { .module = TEST_MODULE(.name = "m"), .later = 1 };
	struct portico_module copy = longer.module;
	struct module_set *set = module_set_new(&test_host);

	(void)state;
	copy.size = sizeof(longer);
	assert_string_equal(test_module(set, &copy)->name, "m");
	module_set_free(set);
}

static void
identity_must_be_complete(void **state)
{
	struct portico_module m = TEST_MODULE(.name = "m");

	(void)state;
	m.name = NULL;
	assert_descriptor(&m, "name of the descriptor");
	m.name = "m";
	m.version = NULL;
	assert_descriptor(&m, "no version");
	m.version = "1\n";
	assert_descriptor(&m, "no version");
	m.version = "1";
	m.summary = "";
	assert_descriptor(&m, "no summary");
	m.summary = "s";
	m.flags = 0x80;
	assert_descriptor(&m, "unknown flags 00000080");
	m.flags = PORTICO_MODULE_INTERNAL;
	m.build_id = "0.0.0-other";
	assert_descriptor(&m, "built for exactly 0.0.0-other, this server is ");
	m.flags = 0;
	m.request_size = 1024 * 1024;
	assert_descriptor(&m, "request_size is 1048576");
	m.request_size = 0;
	m.configuration_size = 0xffffffff;
	assert_descriptor(&m, "configuration_size is 4294967295");
}

static void
arrays_must_end_and_be_sane(void **state)
{
	static struct portico_subscription rows[200];
	static struct portico_handler handlers[3] = {
		{ .name = "h", .function = test_event }
	};
	static const char *names[100];
	struct portico_module m = TEST_MODULE(.name = "m");

	(void)state;
	for (size_t i = 0; i < 200; i++)
		rows[i] = (struct portico_subscription){
			.event = PORTICO_EVENT_BEGIN, .function = test_event
		};
	m.subscriptions = rows;
	assert_descriptor(&m, "subscriptions have no end within 128 rows");
	rows[1].event = (enum portico_event)99;
	assert_descriptor(&m, "subscription 1: event 99");
	rows[1].event = PORTICO_EVENT_SEND_RESPONSE;
	rows[1].phase = PORTICO_PHASE_POST;
	assert_descriptor(&m, "SEND_RESPONSE has no post-event");
	rows[1].phase = PORTICO_PHASE_EVENT;
	rows[1].name = "a.b";
	assert_descriptor(&m, "subscription 1: SEND_RESPONSE has no name");
	rows[1].event = PORTICO_EVENT_CUSTOM;
	rows[1].name = "a B";
	assert_descriptor(&m, "subscription 1: CUSTOM without a name of the");
	rows[1].name = "";
	assert_descriptor(&m, "subscription 1: CUSTOM without a name of the");
	rows[1].name = NULL;
	assert_descriptor(&m, "subscription 1: CUSTOM without a name of the");
	rows[1] = (struct portico_subscription){ .event = PORTICO_EVENT_LOG };
	assert_descriptor(&m, "subscription 1: LOG without a function");
	rows[1].event = PORTICO_EVENT_NONE;
	for (size_t i = 0; i < 100; i++)
		names[i] = "other";
	rows[0].after = names;
	assert_descriptor(&m, "after has no end within 64 names");
	names[3] = "No Name";
	assert_descriptor(&m, "after[3] is not a name");
	m.subscriptions = NULL;

	m.handlers = handlers;
	handlers[1] = handlers[0];
	assert_descriptor(&m, "handler \"h\" occurs twice");
	handlers[1].name = "H";
	assert_descriptor(&m, "handler 1: name");
	handlers[1].name = "i";
	handlers[1].methods = "GET,,HEAD";
	assert_descriptor(&m, "handler \"i\": methods are not");
	handlers[1].methods = NULL;
	handlers[1].function = NULL;
	assert_descriptor(&m, "handler \"i\" without a function");
}

static void
a_filter_must_do_something(void **state)
{
	static const struct portico_filter filter = { .name = "f" };
	struct portico_module m = TEST_MODULE(.name = "m", .filter = &filter);

	(void)state;
	assert_descriptor(&m, "filter \"f\" has neither head nor data");
}

/* ---- features and load() ------------------------------------------------- */

static const char *const storage[] = { "storage", NULL };
static const char *const cache_and_storage[] = { "cache", "storage", NULL };
static const char *const a_name[] = { "a", NULL };
static const char *const b_name[] = { "b", NULL };

static char trail[64];

static enum portico_status
load_a(struct portico_error *err)
{
	(void)err;
	trail[strlen(trail)] = 'a';
	return PORTICO_OK;
}

static enum portico_status
load_b(struct portico_error *err)
{
	(void)err;
	trail[strlen(trail)] = 'b';
	return PORTICO_OK;
}

static enum portico_status
load_refusing(struct portico_error *err)
{
	snprintf(err->message, sizeof(err->message), "no disk today");
	return PORTICO_FULL;
}

static enum portico_status
load_silent(struct portico_error *err)
{
	(void)err;
	return PORTICO_SYSTEM;
}

static void
providers_are_loaded_first_and_nothing_before_all_is_resolved(void **state)
{
	struct portico_module a =
		TEST_MODULE(.name = "a", .needs = storage, .load = load_a);
	struct portico_module b = TEST_MODULE(.name = "b",
					      .provides = cache_and_storage,
					      .load = load_b);
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	(void)state;
	memset(trail, 0, sizeof(trail));
	test_module(set, &a);
	assert_int_equal(module_set_resolve(set, &err), PORTICO_CONFIG);
	assert_says(&err, "module a: needs \"storage\", which no loaded "
			  "module provides");
	test_module(set, &b);
	assert_int_equal(module_set_resolve(set, &err), PORTICO_OK);
	assert_string_equal(trail, "");
	assert_int_equal(module_set_load(set, &err), PORTICO_OK);
	assert_string_equal(trail, "ba");
	assert_string_equal(module_set_get(set, 0)->name, "a");
	assert_string_equal(module_set_get_ordered(set, 0)->name, "b");
	assert_int_equal(module_set_load(set, &err), PORTICO_OK);
	assert_string_equal(trail, "ba");
	module_set_free(set);
}

static void
a_circle_of_needs_is_named(void **state)
{
	struct portico_module a = TEST_MODULE(.name = "a", .needs = b_name);
	struct portico_module b = TEST_MODULE(.name = "b", .needs = a_name);
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	(void)state;
	test_module(set, &a);
	test_module(set, &b);
	assert_int_equal(module_set_resolve(set, &err), PORTICO_CONFIG);
	assert_says(&err, "module b: needs \"a\" of module a, which needs b "
			  "itself");
	module_set_free(set);
}

static void
two_providers_of_a_feature_are_refused(void **state)
{
	struct portico_module a = TEST_MODULE(.name = "a", .provides = storage);
	struct portico_module b = TEST_MODULE(.name = "b", .provides = storage);
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	(void)state;
	test_module(set, &a);
	test_module(set, &b);
	assert_int_equal(module_set_resolve(set, &err), PORTICO_CONFIG);
	assert_says(&err, "module b: provides \"storage\", which module a "
			  "provides too");
	module_set_free(set);
}

static void
what_a_module_says_when_it_refuses_is_kept(void **state)
{
	struct portico_module a =
		TEST_MODULE(.name = "a", .load = load_refusing);
	struct portico_module b = TEST_MODULE(.name = "b", .load = load_silent);
	struct module_set *set = module_set_new(&test_host);
	struct portico_error err;

	(void)state;
	test_module(set, &a);
	assert_int_equal(module_set_resolve(set, &err), PORTICO_OK);
	assert_int_equal(module_set_load(set, &err), PORTICO_FULL);
	assert_string_equal(err.message, "module a: no disk today");
	module_set_free(set);

	set = module_set_new(&test_host);
	test_module(set, &b);
	assert_int_equal(module_set_resolve(set, &err), PORTICO_OK);
	assert_int_equal(module_set_load(set, &err), PORTICO_SYSTEM);
	assert_string_equal(err.message,
			    "module b: load failed: system call failed");
	module_set_free(set);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_module_of_another_abi_is_refused_with_both_numbers),
	cmocka_unit_test(a_later_minor_is_refused),
	cmocka_unit_test(an_object_without_the_entry_is_refused),
	cmocka_unit_test(a_missing_function_is_found_when_loading),
	cmocka_unit_test(files_that_cannot_be_read_are_named),
	cmocka_unit_test(the_configured_name_must_be_its_own),
	cmocka_unit_test(one_file_is_one_module_whatever_its_path),
	cmocka_unit_test(a_record_holds_a_copy_of_what_the_module_says),
	cmocka_unit_test(a_broken_head_is_refused),
	cmocka_unit_test(a_longer_descriptor_is_read_as_far_as_known),
	cmocka_unit_test(identity_must_be_complete),
	cmocka_unit_test(arrays_must_end_and_be_sane),
	cmocka_unit_test(a_filter_must_do_something),
	cmocka_unit_test(
		providers_are_loaded_first_and_nothing_before_all_is_resolved),
	cmocka_unit_test(a_circle_of_needs_is_named),
	cmocka_unit_test(two_providers_of_a_feature_are_refused),
	cmocka_unit_test(what_a_module_says_when_it_refuses_is_kept),
};

UNIT_MAIN(tests)
