/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening below a root where the kernel does not help: without openat2 the
 * worker refuses to start, says why and what to do, and opens nothing in
 * another way.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>

#include "core/base/error.h"
#include "core/worker/file.h"
#include "t/worker/refuse_call.h"

#define DETAIL                                                                 \
	"The kernel keeps requests inside the root of their application by "   \
	"openat2 with RESOLVE_BENEATH, and Portico does not serve files "      \
	"without it."
#define HINT                                                                   \
	"Linux 5.6 or newer is needed, and a container must permit the "       \
	"system call openat2."

static int refused_with;

/* In a child: what the caller sees goes to stderr. */
static void
check_without(void)
{
	struct portico_error err = { 0 };
	enum portico_status status;
	int fd = -1, root;

	if (refuse_call(SYS_openat2, refused_with) != 0) {
		perror("seccomp");
		return;
	}
	status = file_check_openat2(&err);
	fprintf(stderr, "check: %s, os_error %d\n%s\n%s\n%s\n",
		status_name(status), err.os_error, err.message, err.detail,
		err.hint);
	root = file_open_root("/", NULL);
	error_clear(&err);
	status = file_open_below(root, PORTICO_SLICE("etc/passwd"), &fd, &err);
	fprintf(stderr, "open: %s, %s, fd %d\n", status_name(status),
		err.message, fd);
}

static void
assert_refused(int with, const char *expected)
{
	static char text[4096];
	int status;

	refused_with = with;
	status = unit_run_child(check_without, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_string_equal(text, expected);
}

static void
a_kernel_without_openat2_is_refused(void **state)
{
	(void)state;
	assert_refused(ENOSYS,
		       "check: UNSUPPORTED, os_error 38\n"
		       "cannot open files below a directory (openat2): "
		       "Function not implemented\n" DETAIL "\n" HINT "\n"
		       "open: SYSTEM, cannot open \"etc/passwd\": "
		       "Function not implemented, fd -1\n");
}

static void
a_container_that_forbids_openat2_is_refused(void **state)
{
	(void)state;
	assert_refused(EPERM, "check: DENIED, os_error 1\n"
			      "cannot open files below a directory (openat2): "
			      "Operation not permitted\n" DETAIL "\n" HINT "\n"
			      "open: DENIED, cannot open \"etc/passwd\": "
			      "Operation not permitted, fd -1\n");
}

static void
this_kernel_has_it(void **state)
{
	struct portico_error err = { 0 };
	int fd = -1, root = file_open_root("/", &err);

	(void)state;
	assert_int_equal(file_check_openat2(&err), PORTICO_OK);
	assert_int_equal(err.status, PORTICO_OK);
	assert_int_equal(file_open_below(root, PORTICO_SLICE("etc/passwd"), &fd,
					 &err),
			 PORTICO_OK);
	assert_true(fd >= 0);
	close(fd);
	close(root);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_kernel_without_openat2_is_refused),
	cmocka_unit_test(a_container_that_forbids_openat2_is_refused),
	cmocka_unit_test(this_kernel_has_it),
};

UNIT_MAIN(tests)
