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

#include "t/unit/lingering.h"

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
	int before = lingering_count_fds();
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
	assert_int_equal(lingering_count_fds(), before);
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

/* The listener must not have to wait for what a worker made of a socket. */
static void
a_socket_that_lingers_holds_up_nobody(void **state)
{
	struct pair pair = pair_open();
	int peers[2];
	double start;

	(void)state;
	pass(&pair, 1, lingering_open(&peers[0]));
	pass(&pair, 2, lingering_open(&peers[1]));
	start = lingering_seconds();
	assert_int_equal(channel_socket_readable(pair.listener),
			 PORTICO_PROTOCOL);
	/* The second is still unread. */
	channel_free(&pair.listener);
	assert_true(lingering_seconds() - start < LINGERING_SECONDS / 2);
	channel_free(&pair.worker);
	close(peers[0]);
	close(peers[1]);
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

/* Passes files until the listener takes no more; how many it has then. */
static uint32_t
pass_all(struct pair *pair, uint32_t first)
{
	struct channel_usage usage;
	int fd = regular("x");

	for (uint32_t i = first; i < first + 20; i++) {
		assert_int_equal(channel_file_pass(pair->worker, i, fd),
				 PORTICO_OK);
		assert_int_equal(channel_socket_readable(pair->listener),
				 PORTICO_OK);
	}
	close(fd);
	channel_get_usage(pair->listener, &usage);
	return usage.files_open;
}

/* One pool does not get what others need: each channel has its share, and
 * what is beyond comes out of a common budget. */
static void
each_channel_has_its_share(void **state)
{
	struct channel_file_budget budget = { .max = 5 };
	struct channel_options options = { .files = 4, .budget = &budget };
	struct pair greedy = pair_open_with(options);
	struct pair modest = pair_open_with(options);
	struct channel_file *held;

	(void)state;
	assert_int_equal(channel_files(greedy.worker), 4);
	assert_int_equal(pass_all(&greedy, 0), 4 + 5);
	assert_true(channel_starved(greedy.listener));
	assert_null(channel_lie(greedy.listener));
	assert_int_equal(pass_all(&modest, 0), 4);
	/* Those for slow clients count, too. */
	held = channel_file_find(greedy.listener, 8);
	for (uint32_t i = 0; i < 9; i++)
		file_close(&greedy, i);
	assert_int_equal(pair_consume(greedy.listener), 9);
	assert_int_equal(budget.used, 1);
	assert_int_equal(channel_socket_readable(modest.listener), PORTICO_OK);
	assert_int_equal(budget.used, 5);
	assert_int_equal(channel_socket_readable(greedy.listener), PORTICO_OK);
	assert_true(channel_starved(greedy.listener));
	pair_close(&greedy);
	assert_int_equal(budget.used, 5);
	channel_file_unref(&held);
	assert_int_equal(budget.used, 4);
	pair_close(&modest);
	assert_int_equal(budget.used, 0);
}

/* One call reads 32 messages; the file may be behind more. */
static void
a_file_is_found_behind_others(void **state)
{
	struct pair pair = pair_open();
	struct channel_file *file;

	(void)state;
	for (uint32_t i = 0; i < 80; i++)
		pass(&pair, i, regular("x"));
	file = channel_file_find(pair.listener, 79);
	assert_non_null(file);
	channel_file_unref(&file);
	assert_null(channel_file_find(pair.listener, 80));
	pair_close(&pair);
}

/* So does the close of one, when some could be received and others not. */
static void
a_file_behind_others_can_be_closed(void **state)
{
	struct channel_file_budget budget = { .max = 60 };
	struct pair pair = pair_open_with(
		(struct channel_options){ .files = 4, .budget = &budget });
	struct channel_usage usage;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		pass(&pair, i, regular("x"));
	/* There is room for 64, two calls' worth: this one is in none of them. */
	file_close(&pair, 50);
	file_close(&pair, 90);
	assert_int_equal(pair_consume(pair.listener), 2);
	assert_null(channel_lie(pair.listener));
	for (uint32_t i = 0; i < 20; i++)
		file_close(&pair, i);
	assert_int_equal(pair_consume(pair.listener), 20);
	assert_int_equal(channel_socket_readable(pair.listener), PORTICO_OK);
	assert_null(channel_file_find(pair.listener, 90));
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.files_open, 64);
	assert_null(channel_lie(pair.listener));
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

/* No descriptor is free from here on; what to give to fed(). */
static struct rlimit
starve(void)
{
	struct rlimit before, none;
	int next = fcntl(0, F_DUPFD, 0);

	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

static void
fed(struct rlimit before)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* That the listener has no descriptor left is not the worker's lie, and
 * passes. */
static void
a_file_waits_for_a_descriptor(void **state)
{
	struct pair pair = pair_open();
	int open_before = pair_open_descriptors();
	struct channel_file *file;
	struct rlimit before;

	(void)state;
	pass(&pair, 1, regular("x"));
	before = starve();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(channel_socket_readable(pair.listener),
				 PORTICO_OK);
		assert_true(channel_starved(pair.listener));
		assert_null(channel_file_find(pair.listener, 1));
	}
	assert_null(channel_lie(pair.listener));
	fed(before);
	file = channel_file_find(pair.listener, 1);
	assert_non_null(file);
	assert_false(channel_starved(pair.listener));
	assert_true(channel_file_fd(file) >= 0);
	channel_file_unref(&file);
	file_close(&pair, 1);
	assert_int_equal(pair_consume(pair.listener), 1);
	assert_int_equal(pair_open_descriptors(), open_before);
	pair_close(&pair);
}

/* The worker is through with a file that we never could receive. */
static void
a_file_that_waits_can_be_closed(void **state)
{
	struct pair pair = pair_open();
	struct channel_usage usage;
	struct channel_file *file;
	struct rlimit before;

	(void)state;
	pass(&pair, 1, regular("x"));
	pass(&pair, 2, regular("yy"));
	file_close(&pair, 1);
	before = starve();
	assert_int_equal(pair_consume(pair.listener), 1);
	fed(before);
	assert_null(channel_lie(pair.listener));
	/* The first is thrown away, the second is there. */
	file = channel_file_find(pair.listener, 2);
	assert_non_null(file);
	assert_int_equal(channel_file_size(file), 2);
	assert_true(channel_file_fd(file) >= 0);
	channel_file_unref(&file);
	assert_null(channel_file_find(pair.listener, 1));
	/* One that never came is a lie, also now. */
	before = starve();
	file_close(&pair, 3);
	pair_expect_lie(pair.listener, "close of a file that was not passed");
	fed(before);
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.files, 1);
	pair_close(&pair);
}

/* Closing what waits has a limit, too. */
static void
closing_what_was_never_passed_is_found_out(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor;
	enum portico_status status = PORTICO_OK;
	struct rlimit before;
	uint32_t count = 0;

	(void)state;
	pass(&pair, 1, regular("x"));
	before = starve();
	for (uint32_t i = 100; status == PORTICO_OK && i < 5000; i++) {
		file_close(&pair, i);
		status = channel_receive(pair.listener, &descriptor);
		count++;
	}
	fed(before);
	assert_int_equal(status, PORTICO_PROTOCOL);
	assert_int_equal(count, 2 * CHANNEL_FILES_MAX + 1);
	pair_close(&pair);
}

/* The worker can always map what the listener adds. */
static void
a_starved_worker_still_gets_segments(void **state)
{
	struct pair pair = pair_open();
	uint32_t blocks[600], size;
	struct rlimit before;
	unsigned in_second = 0;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		assert_non_null(channel_block_alloc(
			pair.listener, CHANNEL_BLOCK_4K, &blocks[i], &size));
		in_second += CHANNEL_BLOCK_SEGMENT(blocks[i]) > 0;
	}
	assert_true(in_second > 0);
	before = starve();
	assert_int_equal(channel_socket_readable(pair.worker), PORTICO_OK);
	fed(before);
	assert_false(channel_starved(pair.worker));
	assert_int_equal(pair.worker->peer.segment_count,
			 pair.listener->own.segment_count);
	assert_true(pair.worker->spare >= 0);
	pair_close(&pair);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_regular_file_is_passed_once_and_read),
	cmocka_unit_test(a_number_may_be_used_again_before_its_close_was_read),
	cmocka_unit_test(anything_but_a_readable_regular_file_is_a_lie),
	cmocka_unit_test(a_socket_that_lingers_holds_up_nobody),
	cmocka_unit_test(each_channel_has_its_share),
	cmocka_unit_test(a_file_is_found_behind_others),
	cmocka_unit_test(a_file_behind_others_can_be_closed),
	cmocka_unit_test(files_have_a_limit),
	cmocka_unit_test(a_full_socket_is_told),
	cmocka_unit_test(a_file_waits_for_a_descriptor),
	cmocka_unit_test(a_file_that_waits_can_be_closed),
	cmocka_unit_test(closing_what_was_never_passed_is_found_out),
	cmocka_unit_test(a_starved_worker_still_gets_segments),
};

UNIT_MAIN(tests)
