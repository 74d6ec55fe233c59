/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that a worker passes: which are taken, how long they live.
 */
#include "t/unit/channel/pair.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int
regular(const char *text)
{
	char name[] = "/tmp/portico-file-t-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void
pass(struct pair *pair, uint32_t number, int fd)
{
	assert_int_equal(channel_file_pass(pair->worker, number, fd),
			 PORTICO_OK);
	close(fd);
}

static void
file_close(struct pair *pair, uint32_t number)
{
	struct channel_descriptor descriptor = { .type = CHANNEL_FILE_CLOSE,
						 .extra = number };

	pair_send(pair->worker, &descriptor);
	channel_flush(pair->worker);
}

static void
a_regular_file_is_passed_once_and_read(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor;
	struct channel_file *file;
	char bytes[8] = "";
	int fd;

	(void)state;
	pass(&pair, 4000000000u, regular("hello"));
	/* Without having waited for the socket to become readable. */
	file = channel_file_find(pair.listener, 4000000000u);
	assert_non_null(file);
	assert_int_equal(channel_file_size(file), 5);
	fd = channel_file_fd(file);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	file_close(&pair, 4000000000u);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_OK);
	assert_int_equal(descriptor.type, CHANNEL_FILE_CLOSE);
	assert_null(channel_file_find(pair.listener, 4000000000u));
	/* Whoever still sends from it keeps it, beyond the channel's end. */
	pair_close(&pair);
	assert_int_equal(pread(fd, bytes, 5, 0), 5);
	assert_string_equal(bytes, "hello");
	channel_file_unref(&file);
	assert_null(file);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
a_number_may_be_used_again_before_its_close_was_read(void **state)
{
	struct pair pair = pair_open();
	struct channel_file *file;
	struct channel_descriptor descriptor;
	struct channel_usage usage;

	(void)state;
	pass(&pair, 3, regular("first"));
	file_close(&pair, 3);
	pass(&pair, 3, regular("second!"));
	assert_int_equal(channel_socket_readable(pair.listener), PORTICO_OK);
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.files, 2);
	/* The ring has not yet spoken of the second. */
	file = channel_file_find(pair.listener, 3);
	assert_int_equal(channel_file_size(file), 5);
	channel_file_unref(&file);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_OK);
	file = channel_file_find(pair.listener, 3);
	assert_int_equal(channel_file_size(file), 7);
	channel_file_unref(&file);
	pair_close(&pair);
}

static void
expect_refused(int fd, const char *text)
{
	struct pair pair = pair_open();

	assert_true(fd >= 0);
	pass(&pair, 1, fd);
	assert_int_equal(channel_socket_readable(pair.listener),
			 PORTICO_PROTOCOL);
	assert_string_equal(channel_lie(pair.listener), text);
	assert_null(channel_file_find(pair.listener, 1));
	pair_close(&pair);
}

#define NOT_REGULAR "passed a file that is not a regular one"
#define NOT_READABLE "passed a file that is not open for reading"

static void
anything_but_a_readable_regular_file_is_a_lie(void **state)
{
	int fds[2];

	(void)state;
	expect_refused(open("/tmp", O_RDONLY | O_DIRECTORY), NOT_REGULAR);
	expect_refused(open("/dev/null", O_RDONLY), NOT_REGULAR);
	assert_int_equal(pipe(fds), 0);
	close(fds[1]);
	expect_refused(fds[0], NOT_REGULAR);
	expect_refused(eventfd(0, 0), NOT_REGULAR);
	expect_refused(socket(AF_UNIX, SOCK_STREAM, 0), NOT_REGULAR);
	expect_refused(open("/proc/self/exe", O_PATH), NOT_READABLE);
	expect_refused(open("/tmp", O_WRONLY | O_TMPFILE, 0600), NOT_READABLE);
}

static void
files_have_a_limit(void **state)
{
	struct pair pair = pair_open();
	struct channel_usage usage;
	int fd = regular("x");
	uint32_t passed = 0;

	(void)state;
	while (channel_lie(pair.listener) == NULL && passed < 10000) {
		assert_int_equal(channel_file_pass(pair.worker, passed, fd),
				 PORTICO_OK);
		passed++;
		(void)channel_socket_readable(pair.listener);
	}
	assert_int_equal(passed, 2 * CHANNEL_FILES_MAX + 1);
	assert_string_equal(channel_lie(pair.listener),
			    "passed more files than are allowed");
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.files, 2 * CHANNEL_FILES_MAX);
	close(fd);
	pair_close(&pair);
}

static void
a_full_socket_is_told(void **state)
{
	struct pair pair = pair_open();
	int fd = regular("x");
	uint32_t passed = 0;

	(void)state;
	while (channel_file_pass(pair.worker, passed, fd) == PORTICO_OK)
		passed++;
	assert_int_equal(channel_file_pass(pair.worker, passed, fd),
			 PORTICO_AGAIN);
	assert_true(passed > 0);
	assert_int_equal(channel_socket_readable(pair.listener), PORTICO_OK);
	assert_int_equal(channel_file_pass(pair.worker, passed, fd),
			 PORTICO_OK);
	close(fd);
	pair_close(&pair);
}

/* That the listener has no descriptor left is not the worker's lie. */
static void
lack_of_descriptors_fails_the_file_and_not_the_worker(void **state)
{
	struct pair pair = pair_open();
	struct rlimit before, none;
	struct channel_file *file;
	enum portico_status status;

	(void)state;
	pass(&pair, 1, regular("x"));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	status = channel_socket_readable(pair.listener);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(status, PORTICO_OK);
	file = channel_file_find(pair.listener, 1);
	assert_non_null(file);
	assert_int_equal(channel_file_fd(file), -1);
	channel_file_unref(&file);
	pair_close(&pair);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_regular_file_is_passed_once_and_read),
	cmocka_unit_test(a_number_may_be_used_again_before_its_close_was_read),
	cmocka_unit_test(anything_but_a_readable_regular_file_is_a_lie),
	cmocka_unit_test(files_have_a_limit),
	cmocka_unit_test(a_full_socket_is_told),
	cmocka_unit_test(lack_of_descriptors_fails_the_file_and_not_the_worker),
};

UNIT_MAIN(tests)
