/* SPDX-License-Identifier: Apache-2.0
 *
 * Waking up: when it must happen, when it must not, and that none is lost.
 */
#include "t/unit/channel/pair.h"
#include "t/unit/lingering.h"
#include "t/unit/stuck.h"

#include <sys/wait.h>

static void
send_window(struct channel *channel)
{
	struct channel_descriptor descriptor = { .type = CHANNEL_WINDOW,
						 .generation = 1,
						 .value = 1 };

	pair_send(channel, &descriptor);
}

static void
only_a_sleeper_is_woken(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	send_window(pair.listener);
	channel_flush(pair.listener);
	assert_false(pair_is_woken(pair.worker));
	/* Something is there, so it may not sleep. */
	assert_false(channel_sleep(pair.worker));
	assert_int_equal(pair_consume(pair.worker), 1);
	assert_true(channel_sleep(pair.worker));
	assert_false(pair_is_woken(pair.worker));
	send_window(pair.listener);
	assert_false(pair_is_woken(pair.worker));
	channel_flush(pair.listener);
	assert_true(pair_is_woken(pair.worker));
	channel_awake(pair.worker, true);
	assert_false(pair_is_woken(pair.worker));
	pair_close(&pair);
}

static void
one_sleep_is_ended_by_one_write(void **state)
{
	struct pair pair = pair_open();
	struct channel_usage usage;

	(void)state;
	assert_true(channel_sleep(pair.worker));
	for (int i = 0; i < 10; i++) {
		send_window(pair.listener);
		channel_flush(pair.listener);
	}
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.wakeups, 1);
	channel_awake(pair.worker, true);
	assert_int_equal(pair_consume(pair.worker), 10);
	/* The next sleep is another one, also if nobody read the pipe. */
	assert_true(channel_sleep(pair.worker));
	send_window(pair.listener);
	channel_flush(pair.listener);
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.wakeups, 2);
	pair_close(&pair);
}

/* Send a block to `to`, which gives it back but does not flush. */
static void
make_release_due(struct channel *from, struct channel *to)
{
	struct channel_descriptor body = pair_body(from, 1, 10);

	pair_send(from, &body);
	channel_flush(from);
	assert_int_equal(pair_consume(to), 1);
}

static void
a_release_does_not_wake_a_side_that_is_only_asleep(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor;

	(void)state;
	make_release_due(pair.listener, pair.worker);
	assert_true(channel_sleep(pair.listener));
	channel_flush(pair.worker);
	assert_false(pair_is_woken(pair.listener));
	assert_int_equal(pair_in_use(pair.listener), 1);
	/* It is taken when the listener looks for another reason. */
	channel_awake(pair.listener, false);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_AGAIN);
	assert_int_equal(pair_in_use(pair.listener), 0);
	/* Together with anything else it is one wake-up. */
	make_release_due(pair.listener, pair.worker);
	assert_true(channel_sleep(pair.listener));
	send_window(pair.worker);
	channel_flush(pair.worker);
	assert_true(pair_is_woken(pair.listener));
	pair_close(&pair);
}

static unsigned rooms;

static void
count_room(struct channel *channel, void *arg)
{
	(void)channel;
	assert_ptr_equal(arg, &rooms);
	rooms++;
}

static void
a_release_wakes_a_side_that_waits_for_blocks(void **state)
{
	/* So little memory that no segment can be added. */
	struct channel_options options = { .slots = 4, .memory_max = 65536 };
	struct pair pair = pair_open_with(options);
	struct channel_descriptor descriptor;
	uint32_t block, size;

	(void)state;
	channel_on_room(pair.listener, count_room, &rooms);
	rooms = 0;
	make_release_due(pair.listener, pair.worker);
	/* Asleep first: a failed allocation has to arm it anew. */
	assert_true(channel_sleep(pair.listener));
	while (channel_block_alloc(pair.listener, CHANNEL_BLOCK_4K, &block,
				   &size) != NULL)
		;
	assert_true(channel_sleep(pair.listener));
	assert_false(pair_is_woken(pair.listener));
	channel_flush(pair.worker);
	assert_true(pair_is_woken(pair.listener));
	channel_awake(pair.listener, true);
	assert_int_equal(rooms, 0);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_AGAIN);
	assert_int_equal(rooms, 1);
	assert_non_null(channel_block_alloc(pair.listener, CHANNEL_BLOCK_4K,
					    &block, &size));
	pair_close(&pair);
}

/* A block that came back outside of channel_receive is told of, too. */
static void
a_cancelled_block_is_room(void **state)
{
	struct channel_options options = { .slots = 4, .memory_max = 65536 };
	struct pair pair = pair_open_with(options);
	struct channel_descriptor descriptor;
	uint32_t block, last = 0, size;

	(void)state;
	channel_on_room(pair.listener, count_room, &rooms);
	rooms = 0;
	while (channel_block_alloc(pair.listener, CHANNEL_BLOCK_4K, &block,
				   &size) != NULL)
		last = block;
	assert_true(channel_sleep(pair.listener));
	channel_block_cancel(pair.listener, last);
	assert_false(channel_sleep(pair.listener));
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_AGAIN);
	assert_int_equal(rooms, 1);
	pair_close(&pair);
}

/* Nobody answers a WINDOW, so only the consumption itself can wake. */
static void
room_in_the_ring_wakes_a_side_whose_overflow_waits(void **state)
{
	struct channel_options options = { .slots = 4, .ring_size = 64 };
	struct pair pair = pair_open_with(options);

	(void)state;
	for (int i = 0; i < 100; i++)
		send_window(pair.listener);
	assert_true(channel_sleep(pair.listener));
	assert_int_equal(pair_consume(pair.worker), 64);
	assert_false(pair_is_woken(pair.listener));
	channel_flush(pair.worker);
	assert_true(pair_is_woken(pair.listener));
	channel_awake(pair.listener, true);
	assert_true(channel_sleep(pair.listener));
	assert_int_equal(pair_consume(pair.worker), 36);
	/* Nothing waits any more: the rest wakes nobody. */
	channel_flush(pair.worker);
	assert_false(pair_is_woken(pair.listener));
	pair_close(&pair);
}

static void
consumption_seen_on_the_second_look_prevents_sleep(void **state)
{
	struct channel_options options = { .slots = 4, .ring_size = 64 };
	struct pair pair = pair_open_with(options);

	(void)state;
	for (int i = 0; i < 100; i++)
		send_window(pair.listener);
	channel_flush(pair.listener);
	assert_int_equal(pair_consume(pair.worker), 64);
	/* Its flush found the listener awake. */
	channel_flush(pair.worker);
	/* Sleeping flushes first, so that the overflow goes out. */
	assert_true(channel_sleep(pair.listener));
	assert_int_equal(pair_consume(pair.worker), 36);
	pair_close(&pair);
}

/* A ring full of releases has woken nobody; what waits behind them must. */
static void
an_overflow_behind_quiet_releases_wakes(void **state)
{
	struct channel_options options = { .slots = 4, .ring_size = 64 };
	struct pair pair = pair_open_with(options);

	(void)state;
	assert_true(channel_sleep(pair.listener));
	for (int i = 0; i < 64; i++) {
		struct channel_descriptor body = pair_body(pair.listener, 1, 9);

		pair_send(pair.listener, &body);
		channel_flush(pair.listener);
		assert_int_equal(pair_consume(pair.worker), 1);
		channel_flush(pair.worker);
	}
	assert_false(pair_is_woken(pair.listener));
	send_window(pair.worker);
	channel_flush(pair.worker);
	assert_true(pair_is_woken(pair.listener));
	channel_awake(pair.listener, true);
	/* And its consumption wakes the one whose overflow waits. */
	assert_true(channel_sleep(pair.worker));
	assert_int_equal(pair_consume(pair.listener), 0);
	assert_true(channel_sleep(pair.listener));
	assert_true(pair_is_woken(pair.worker));
	channel_awake(pair.worker, true);
	channel_flush(pair.worker);
	assert_true(pair_is_woken(pair.listener));
	assert_int_equal(pair_consume(pair.listener), 1);
	pair_close(&pair);
}

static void
a_side_that_cannot_be_woken_is_no_matter(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	/* The listener sees by the socket that a worker is gone. */
	io_close(&pair.worker->wake_peer);
	assert_false(pair_is_woken(pair.listener));
	/* And waking one that has closed its end does not kill us. */
	assert_true(channel_sleep(pair.worker));
	io_close(&pair.worker->wake_own);
	send_window(pair.listener);
	channel_flush(pair.listener);
	pair_close(&pair);
}

static void
a_worker_without_listener_is_told(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	channel_free(&pair.listener);
	assert_true(pair_is_woken(pair.worker));
	channel_awake(pair.worker, true);
	assert_true(pair.worker->peer_gone);
	pair_close(&pair);
}

/* ---- a worker that hangs on purpose ----------------------------------------- */

/* A child that calls read or write with memory that hangs. */
static pid_t
hang_in(int fd, void *memory, bool writes)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)!(writes ? write(fd, memory, 8) : read(fd, memory, 8));
		_exit(0);
	}
	/* Until it is there, which nothing tells; if it comes late the test
	 * sees less, not something else. */
	usleep(200000);
	return pid;
}

/* The kernel copies to and from a pipe with its lock held, and the memory may
 * be a file of the worker's own file system: no flag helps who wants the lock
 * meanwhile. */
static void
a_worker_that_hangs_in_a_wake_up_holds_up_nobody(void **state)
{
	struct pair pair = pair_open();
	struct stuck stuck;
	double start;
	pid_t pids[2];

	(void)state;
	if (!stuck_open(&stuck)) {
		pair_close(&pair);
		return;
	}
	/* Both sides have something to take. */
	assert_true(channel_sleep(pair.worker));
	assert_true(channel_sleep(pair.listener));
	send_window(pair.listener);
	channel_flush(pair.listener);
	send_window(pair.worker);
	channel_flush(pair.worker);
	pids[0] = hang_in(pair.worker->wake_own, stuck_memory(&stuck), false);
	pids[1] = hang_in(pair.worker->wake_peer, stuck_memory(&stuck), true);
	start = lingering_seconds();
	channel_awake(pair.listener, true);
	assert_int_equal(pair_consume(pair.listener), 1);
	/* As if it slept again. */
	pair.listener->woken = 0;
	send_window(pair.listener);
	channel_flush(pair.listener);
	assert_true(lingering_seconds() - start < STUCK_LIMIT);
	stuck_close(&stuck);
	for (int i = 0; i < 2; i++)
		waitpid(pids[i], NULL, 0);
	pair_close(&pair);
}

/* Flags belong to the open file, and that may be the worker's, too. */
static void
flags_and_counters_of_a_worker_hold_up_nobody(void **state)
{
	const uint64_t most = UINT64_MAX - 1;
	struct pair pair = pair_open();
	uint64_t count;

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? pair.worker->wake_own :
				  pair.worker->wake_peer;

		assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
		/* As much as there is room for, from the wrong side, too. */
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		(void)!write(fd, &most, sizeof(most));
		assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	}
	alarm(10);
	for (int i = 0; i < 1000; i++) {
		assert_true(channel_sleep(pair.worker));
		pair.listener->woken = 0;
		send_window(pair.listener);
		channel_flush(pair.listener);
		assert_int_equal(pair_consume(pair.worker), 1);
		channel_awake(pair.listener, true);
		channel_awake(pair.listener, true);
		/* And it may take back what it had written. */
		(void)fcntl(pair.worker->wake_peer, F_SETFL, O_NONBLOCK);
		(void)!read(pair.worker->wake_peer, &count, sizeof(count));
		(void)fcntl(pair.worker->wake_peer, F_SETFL, 0);
	}
	alarm(0);
	pair_close(&pair);
}

/* ---- none is lost: two processes, each sleeping whenever it may ------------ */

#define TURNS 60000

static void
wait_awake(struct channel *channel)
{
	struct pollfd poll_fd = { .fd = channel_wake_fd(channel),
				  .events = POLLIN };

	if (!channel_sleep(channel))
		return;
	if (poll(&poll_fd, 1, 20000) != 1) {
		fprintf(stderr, "wake-up lost\n");
		_exit(2);
	}
	channel_awake(channel, true);
}

static void
bounce(struct channel *channel, bool first)
{
	struct channel_descriptor descriptor;
	uint32_t turns = 0;

	if (first)
		send_window(channel);
	while (turns < TURNS) {
		enum portico_status status =
			channel_receive(channel, &descriptor);

		if (status == PORTICO_AGAIN) {
			wait_awake(channel);
			continue;
		}
		if (status != PORTICO_OK)
			_exit(3);
		turns++;
		if (!first || turns < TURNS)
			send_window(channel);
		channel_flush(channel);
		/* Now and then let the other one run into the gap. */
		if (turns % 7 == 0)
			(void)channel_sleep(channel);
	}
	channel_flush(channel);
}

static void
no_wake_up_is_lost(void **state)
{
	struct pair pair = pair_open();
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		bounce(pair.worker, false);
		_exit(0);
	}
	bounce(pair.listener, true);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pair_close(&pair);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(only_a_sleeper_is_woken),
	cmocka_unit_test(one_sleep_is_ended_by_one_write),
	cmocka_unit_test(a_release_does_not_wake_a_side_that_is_only_asleep),
	cmocka_unit_test(a_release_wakes_a_side_that_waits_for_blocks),
	cmocka_unit_test(a_cancelled_block_is_room),
	cmocka_unit_test(room_in_the_ring_wakes_a_side_whose_overflow_waits),
	cmocka_unit_test(consumption_seen_on_the_second_look_prevents_sleep),
	cmocka_unit_test(an_overflow_behind_quiet_releases_wakes),
	cmocka_unit_test(a_side_that_cannot_be_woken_is_no_matter),
	cmocka_unit_test(a_worker_without_listener_is_told),
	cmocka_unit_test(a_worker_that_hangs_in_a_wake_up_holds_up_nobody),
	cmocka_unit_test(flags_and_counters_of_a_worker_hold_up_nobody),
	cmocka_unit_test(no_wake_up_is_lost),
};

UNIT_MAIN(tests)
