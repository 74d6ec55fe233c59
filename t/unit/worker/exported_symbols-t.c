/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what a shared object exports, also from files that lie.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/worker/exported_symbols.h"

static char found[1024];

static void
gather(const char *name, void *arg)
{
	size_t used = strlen(found);

	(void)arg;
	snprintf(found + used, sizeof(found) - used, "%s ", name);
}

static const char *
built(const char *name)
{
	const char *directory = getenv("PORTICO_BUILDDIR");
	static char path[1024];

	snprintf(path, sizeof(path), "%s/t/sdk/modules/.libs/%s.so",
		 directory == NULL ? "." : directory, name);
	return path;
}

static enum portico_status
visit(const char *path)
{
	struct portico_error err;
	enum portico_status status;

	error_clear(&err);
	found[0] = '\0';
	status = exported_symbols_visit(path, gather, NULL, &err);
	if (status != PORTICO_OK)
		assert_string_not_equal(err.message, "");
	return status;
}

static void
all_exported_names_are_found(void **state)
{
	(void)state;
	assert_int_equal(visit(built("two-symbols")), PORTICO_OK);
	assert_non_null(strstr(found, "portico_module_entry "));
	assert_non_null(strstr(found, "two_symbols_helper "));
	assert_int_equal(visit(built("no-symbol")), PORTICO_OK);
	assert_string_equal(found, "no_symbol_something_else ");
}

static void
other_files_are_refused(void **state)
{
	(void)state;
	assert_int_equal(visit("/nonexistent/x.so"), PORTICO_NOT_FOUND);
	assert_int_equal(visit("/dev/null"), PORTICO_INVALID);
}

/* Writes `length` bytes of a module, some of them changed, and reads that. */
static enum portico_status
visit_copy(const char *path, const struct buffer *module, size_t length)
{
	struct portico_error err;

	assert_int_equal(io_write_file(path, module->data, length, 0600, &err),
			 PORTICO_OK);
	return visit(path);
}

static void
a_file_that_ends_early_or_lies_is_survived(void **state)
{
	char path[] = "/tmp/portico-elf-XXXXXX";
	unsigned seed = 4711, refused = 0;
	struct portico_error err;
	struct buffer module;
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	buffer_init(&module, 0);
	assert_int_equal(io_read_file(built("two-symbols"), 1 << 24, &module,
				      &err),
			 PORTICO_OK);
	for (size_t length = 0; length < module.length;
	     length += 1 + module.length / 60)
		assert_int_equal(visit_copy(path, &module, length),
				 PORTICO_INVALID);
	/* headers at the start, section headers at the end */
	for (int i = 0; i < 200; i++) {
		size_t end = i % 2 == 0 ? 0 : module.length - 1600;
		size_t at = end + (size_t)rand_r(&seed) % (i % 2 ? 1600 : 64);
		char before = module.data[at];

		module.data[at] = (char)rand_r(&seed);
		if (visit_copy(path, &module, module.length) != PORTICO_OK)
			refused++;
		module.data[at] = before;
	}
	assert_true(refused > 10);
	assert_int_equal(visit_copy(path, &module, module.length), PORTICO_OK);
	buffer_fini(&module);
	unlink(path);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(all_exported_names_are_found),
	cmocka_unit_test(other_files_are_refused),
	cmocka_unit_test(a_file_that_ends_early_or_lies_is_survived),
};

UNIT_MAIN(tests)
