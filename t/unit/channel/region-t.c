/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and attaching: options, versions, seals, and that nothing leaks.
 */
#include "t/unit/channel/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const struct channel_options usual = { .name = "test", .slots = 64 };

static struct channel_handles
create(struct channel **channel_r)
{
	struct channel_handles handles;
	struct portico_error err = { 0 };

	if (channel_create(&usual, channel_r, &handles, &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	return handles;
}

static void
close_handles(struct channel_handles *handles)
{
	io_close(&handles->down);
	io_close(&handles->up);
	io_close(&handles->wake_worker);
	io_close(&handles->wake_listener);
	io_close(&handles->socket);
}

static void
both_ends_know_the_same_options(void **state)
{
	struct channel_options options = { .slots = 777,
					   .window = 4321,
					   .ring_size = 128 };
	struct pair pair = pair_open_with(options);

	(void)state;
	assert_true(channel_is_listener(pair.listener));
	assert_false(channel_is_listener(pair.worker));
	assert_int_equal(channel_slots(pair.listener), 777);
	assert_int_equal(channel_slots(pair.worker), 777);
	assert_int_equal(channel_window(pair.worker), 4321);
	assert_int_equal(pair.worker->ring_size, 128);
	pair_close(&pair);
	pair = pair_open();
	assert_int_equal(channel_window(pair.worker), 128 * 1024);
	pair_close(&pair);
	assert_null(pair.listener);
}

static void
options_that_cannot_be_are_refused(void **state)
{
	static const struct channel_options wrong[] = {
		{ .name = "x", .slots = 0 },
		{ .name = "x", .slots = 65537 },
		{ .name = "x", .slots = 1, .ring_size = 100 },
		{ .name = "x", .slots = 1, .ring_size = 32 },
		{ .name = "x", .slots = 1, .window = 0x80000000u },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct channel_handles handles;
		struct channel *channel = NULL;
		struct portico_error err = { 0 };

		assert_int_equal(channel_create(&wrong[i], &channel, &handles,
						&err),
				 PORTICO_INVALID);
		assert_null(channel);
		assert_true(err.message[0] != '\0');
	}
}

static void
another_version_is_refused_and_both_are_named(void **state)
{
	struct channel *listener, *worker = NULL;
	struct channel_handles handles = create(&listener);
	struct portico_error err = { 0 };
	char theirs[32], ours[32];

	(void)state;
	listener->out->version = CHANNEL_VERSION + 1;
	assert_int_equal(channel_attach(&handles, &worker, &err), PORTICO_ABI);
	assert_null(worker);
	snprintf(theirs, sizeof(theirs), "version %d", CHANNEL_VERSION + 1);
	snprintf(ours, sizeof(ours), "version %d", CHANNEL_VERSION);
	assert_non_null(strstr(err.message, theirs));
	assert_non_null(strstr(err.message, ours));
	/* The descriptors were taken all the same. */
	assert_int_equal(handles.down, -1);
	assert_int_equal(handles.socket, -1);
	channel_free(&listener);
}

static void
other_sizes_and_offsets_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct channel *listener, *worker = NULL;
		struct channel_handles handles = create(&listener);
		struct channel_region_header *down = listener->out;
		struct portico_error err = { 0 };

		if (i == 0)
			down->magic = 1;
		else if (i == 1)
			down->descriptor_size = 128;
		else if (i == 2)
			down->ring_offset = down->region_size - 64;
		else if (i == 3)
			down->block_count[2] = 1u << 20;
		else if (i == 4)
			down->ring_size = 300;
		else
			down->region_size += 4096;
		assert_int_equal(channel_attach(&handles, &worker, &err),
				 PORTICO_ABI);
		assert_true(err.message[0] != '\0');
		channel_free(&listener);
	}
}

/* A region of another size than its header says must not be mapped blindly. */
static void
a_region_that_is_too_small_is_refused(void **state)
{
	struct channel *listener, *worker = NULL;
	struct channel_handles handles = create(&listener);
	struct portico_error err = { 0 };

	(void)state;
	io_close(&handles.down);
	handles.down = memfd_create("small", MFD_CLOEXEC);
	assert_int_equal(ftruncate(handles.down, 100), 0);
	assert_int_equal(channel_attach(&handles, &worker, &err), PORTICO_ABI);
	channel_free(&listener);
}

static void
the_worker_cannot_write_the_down_region(void **state)
{
	struct channel *listener;
	struct channel_handles handles = create(&listener);
	struct stat st;
	void *memory;

	(void)state;
	assert_int_equal(fstat(handles.down, &st), 0);
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED, handles.down, 0);
	assert_ptr_equal(memory, MAP_FAILED);
	assert_int_equal(errno, EPERM);
	/* Nor by the back door. */
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED,
		      handles.down, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(mprotect(memory, (size_t)st.st_size,
				  PROT_READ | PROT_WRITE),
			 -1);
	munmap(memory, (size_t)st.st_size);
	assert_int_equal(pwrite(handles.down, "x", 1, 0), -1);
	assert_int_equal(fallocate(handles.down,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   0, 4096),
			 -1);
	/* The listener itself still can. */
	listener->out->window = 1;
	close_handles(&handles);
	channel_free(&listener);
}

static void
neither_region_can_be_resized(void **state)
{
	struct channel *listener;
	struct channel_handles handles = create(&listener);
	int fds[2] = { handles.down, handles.up };

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ftruncate(fds[i], 0), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(ftruncate(fds[i], 1 << 30), -1);
		assert_int_equal(fcntl(fds[i], F_ADD_SEALS, F_SEAL_WRITE), -1);
		assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
	}
	close_handles(&handles);
	channel_free(&listener);
}

/* Where the listener does not say itself that it does not wait, its open file
 * must be its own; see also wakeup-t. */
static void
the_worker_cannot_make_the_listener_block(void **state)
{
	struct channel *listener;
	struct channel_handles handles = create(&listener);
	int fds[3] = { handles.wake_worker, handles.wake_listener,
		       handles.socket };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(fcntl(fds[i], F_SETFL, 0), 0);
	assert_true((fcntl(listener->wake_peer, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(listener->socket, F_GETFL) & O_NONBLOCK) != 0);
	/* Nothing can be sent to it where it would not look. */
	assert_int_equal(send(handles.wake_worker, "", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	close_handles(&handles);
	channel_free(&listener);
}

static void
nothing_stays_open(void **state)
{
	int before = pair_open_descriptors();
	struct pair pair;

	(void)state;
	pair = pair_open();
	/* Regions are mapped and their descriptors closed; one more is the
	 * worker's spare. */
	assert_int_equal(pair_open_descriptors(), before + 7);
	pair_close(&pair);
	assert_int_equal(pair_open_descriptors(), before);
	channel_free(&pair.listener);
}

/* Beyond the end of a file is the one SIGBUS that can be had at will. */
static void
what_would_be_sigbus_is_refused(void **state)
{
	int fd = io_memfd_create("test", 4096, NULL);
	unsigned char *base =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct stat st;

	(void)state;
	assert_true(base != MAP_FAILED);
	assert_true(region_populate(base, 100, 200));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_blocks * 512, 4096);
	assert_false(region_populate(base, 4000, 4100));
	assert_false(region_populate(base, 4096, 8192));
	munmap(base, 8192);
	close(fd);
}

static void
untouched_blocks_cost_nothing(void **state)
{
	struct channel *listener;
	struct channel_handles handles = create(&listener);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(handles.up, &st), 0);
	assert_true(st.st_size > 4 << 20);
	assert_true(st.st_blocks * 512 <= 64 * 1024);
	close_handles(&handles);
	channel_free(&listener);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(both_ends_know_the_same_options),
	cmocka_unit_test(options_that_cannot_be_are_refused),
	cmocka_unit_test(another_version_is_refused_and_both_are_named),
	cmocka_unit_test(other_sizes_and_offsets_are_refused),
	cmocka_unit_test(a_region_that_is_too_small_is_refused),
	cmocka_unit_test(the_worker_cannot_write_the_down_region),
	cmocka_unit_test(neither_region_can_be_resized),
	cmocka_unit_test(the_worker_cannot_make_the_listener_block),
	cmocka_unit_test(nothing_stays_open),
	cmocka_unit_test(what_would_be_sigbus_is_refused),
	cmocka_unit_test(untouched_blocks_cost_nothing),
};

UNIT_MAIN(tests)
