/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels on libuv loops: delivery, sleep, fairness, ends.
 */
#include "t/unit/channel/pair.h"

#include <signal.h>
#include <uv.h>

#include "core/channel/channel_loop.h"

struct end {
	struct channel_loop *loop;
	unsigned received, closed;
	unsigned answer; /* how many to send back */
	unsigned remove_after;
	enum portico_status status;
	char reason[128];
};

static void
send_window(struct channel *channel)
{
	struct channel_descriptor descriptor = { .type = CHANNEL_WINDOW,
						 .generation = 1,
						 .value = 1 };

	pair_send(channel, &descriptor);
}

static void
on_descriptor(struct channel *channel,
	      const struct channel_descriptor *descriptor, void *arg)
{
	struct end *end = arg;

	assert_int_equal(descriptor->type, CHANNEL_WINDOW);
	end->received++;
	if (end->answer > 0) {
		end->answer--;
		send_window(channel);
	}
	if (end->received == end->remove_after) {
		channel_loop_remove(end->loop, channel);
		channel_free(&channel);
	}
}

static void
on_closed(struct channel *channel, enum portico_status status,
	  const char *reason, void *arg)
{
	struct end *end = arg;

	end->closed++;
	end->status = status;
	snprintf(end->reason, sizeof(end->reason), "%s", reason);
	channel_free(&channel);
}

static const struct channel_callbacks callbacks = { on_descriptor, on_closed };

static void
add(struct end *end, struct channel *channel)
{
	assert_int_equal(channel_loop_add(end->loop, channel, &callbacks, end,
					  NULL),
			 PORTICO_OK);
}

static void
loop_close(uv_loop_t *uv, struct end *end)
{
	channel_loop_free(&end->loop);
	uv_run(uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(uv), 0);
}

static void
two_ends_on_one_loop_talk(void **state)
{
	struct pair pair = pair_open();
	struct end listener = { .answer = 1000 }, worker = { .answer = 1000 };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	listener.loop = worker.loop = channel_loop_new(&uv);
	add(&listener, pair.listener);
	add(&worker, pair.worker);
	send_window(pair.listener);
	while (listener.received < 1000 || worker.received < 1000)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(listener.closed + worker.closed, 0);
	/* One more is under way; then both sleep. */
	uv_run(&uv, UV_RUN_NOWAIT);
	uv_run(&uv, UV_RUN_NOWAIT);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(pair.listener->sleeping, CHANNEL_ASLEEP);
	assert_int_equal(pair.worker->sleeping, CHANNEL_ASLEEP);
	assert_false(pair.listener->dirty);
	loop_close(&uv, &listener);
	pair_close(&pair);
}

static void
on_time(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* A file for which there is no descriptor: the loop sleeps, tries again, and
 * has it when there is one. */
static void
starving_does_not_spin(void **state)
{
	struct pair pair = pair_open();
	struct end end = { 0 };
	struct rlimit before, none;
	struct channel_usage usage;
	unsigned turns = 0;
	bool over = false;
	uv_timer_t timer;
	uv_loop_t uv;
	FILE *file = tmpfile();

	(void)state;
	uv_loop_init(&uv);
	end.loop = channel_loop_new(&uv);
	add(&end, pair.listener);
	uv_timer_init(&uv, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_time, 350, 0);
	assert_int_equal(channel_file_pass(pair.worker, 7, fileno(file)),
			 PORTICO_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (!over && turns < 1000) {
		uv_run(&uv, UV_RUN_ONCE);
		turns++;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(turns < 20);
	assert_true(channel_starved(pair.listener));
	do {
		uv_run(&uv, UV_RUN_ONCE);
		channel_get_usage(pair.listener, &usage);
	} while (usage.files == 0);
	assert_false(channel_starved(pair.listener));
	/* And as ever for the next. */
	assert_int_equal(channel_file_pass(pair.worker, 8, fileno(file)),
			 PORTICO_OK);
	do {
		uv_run(&uv, UV_RUN_ONCE);
		channel_get_usage(pair.listener, &usage);
	} while (usage.files == 1);
	assert_int_equal(end.closed, 0);
	fclose(file);
	uv_close((uv_handle_t *)&timer, NULL);
	loop_close(&uv, &end);
	pair_close(&pair);
}

/* What was there before the channel came to the loop is handed over. */
static void
early_descriptors_are_not_forgotten(void **state)
{
	struct pair pair = pair_open();
	struct end end = { 0 };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	end.loop = channel_loop_new(&uv);
	send_window(pair.listener);
	channel_flush(pair.listener);
	add(&end, pair.worker);
	uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(end.received, 1);
	loop_close(&uv, &end);
	pair_close(&pair);
}

static void
one_channel_may_not_hold_up_the_others(void **state)
{
	struct channel_options options = { .slots = 4, .ring_size = 4096 };
	struct pair busy = pair_open_with(options), quiet = pair_open();
	struct end first = { 0 }, second = { 0 };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	first.loop = second.loop = channel_loop_new(&uv);
	for (int i = 0; i < 4000; i++)
		send_window(busy.worker);
	channel_flush(busy.worker);
	send_window(quiet.worker);
	channel_flush(quiet.worker);
	add(&first, busy.listener);
	add(&second, quiet.listener);
	uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(first.received, CHANNEL_LOOP_BUDGET);
	assert_int_equal(second.received, 1);
	while (first.received < 4000)
		uv_run(&uv, UV_RUN_ONCE);
	assert_true(channel_sleep(busy.listener));
	loop_close(&uv, &first);
	pair_close(&busy);
	pair_close(&quiet);
}

static void
everything_is_handed_over_before_the_end(void **state)
{
	struct pair pair = pair_open();
	struct end end = { 0 };
	uv_loop_t uv;
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	if (pid == 0) {
		channel_free(&pair.listener);
		for (int i = 0; i < 100; i++)
			send_window(pair.worker);
		channel_flush(pair.worker);
		kill(getpid(), SIGKILL);
	}
	channel_free(&pair.worker);
	uv_loop_init(&uv);
	end.loop = channel_loop_new(&uv);
	add(&end, pair.listener);
	while (end.closed == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(end.received, 100);
	assert_int_equal(end.status, PORTICO_CLOSED);
	assert_string_equal(end.reason, "the other process is gone");
	waitpid(pid, &status, 0);
	loop_close(&uv, &end);
}

static void
a_lie_ends_one_channel_only(void **state)
{
	struct pair liar = pair_open(), honest = pair_open();
	struct end first = { 0 }, second = { 0 };
	struct channel_descriptor lie = { .type = CHANNEL_DRAIN };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	first.loop = second.loop = channel_loop_new(&uv);
	add(&first, liar.listener);
	add(&second, honest.listener);
	uv_run(&uv, UV_RUN_NOWAIT);
	pair_forge(liar.worker, &lie);
	while (first.closed == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(first.status, PORTICO_PROTOCOL);
	assert_string_equal(first.reason,
			    "descriptor type not allowed from this side");
	send_window(honest.worker);
	channel_flush(honest.worker);
	while (second.received == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(second.closed, 0);
	loop_close(&uv, &first);
	channel_free(&liar.worker);
	pair_close(&honest);
}

static void
an_accusation_by_the_owner_ends_it_too(void **state)
{
	struct pair pair = pair_open();
	struct end end = { 0 };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	end.loop = channel_loop_new(&uv);
	add(&end, pair.listener);
	uv_run(&uv, UV_RUN_NOWAIT);
	channel_accuse(pair.listener, "window overrun");
	while (end.closed == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_string_equal(end.reason, "window overrun");
	loop_close(&uv, &end);
	channel_free(&pair.worker);
}

static void
a_callback_may_remove_and_free(void **state)
{
	struct pair pair = pair_open();
	struct end end = { .remove_after = 3 };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	end.loop = channel_loop_new(&uv);
	for (int i = 0; i < 10; i++)
		send_window(pair.worker);
	channel_flush(pair.worker);
	add(&end, pair.listener);
	uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(end.received, 3);
	assert_int_equal(end.closed, 0);
	loop_close(&uv, &end);
	channel_free(&pair.worker);
}

/* A listener that is gone is the end, and no endless wake-up. */
static void
a_worker_sees_the_end_of_its_listener(void **state)
{
	struct pair pair = pair_open();
	struct end end = { 0 };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	end.loop = channel_loop_new(&uv);
	add(&end, pair.worker);
	uv_run(&uv, UV_RUN_NOWAIT);
	io_close(&pair.listener->wake_peer);
	while (end.closed == 0)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(end.status, PORTICO_CLOSED);
	loop_close(&uv, &end);
	channel_free(&pair.listener);
}

/* A loop with nothing but sleeping channels visits none of them. */
static void
idle_channels_are_not_touched(void **state)
{
	struct pair pairs[20];
	struct end ends[20] = { 0 };
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	ends[0].loop = channel_loop_new(&uv);
	for (int i = 0; i < 20; i++) {
		pairs[i] = pair_open();
		ends[i].loop = ends[0].loop;
		add(&ends[i], pairs[i].listener);
	}
	uv_run(&uv, UV_RUN_NOWAIT);
	for (int turn = 0; turn < 100; turn++) {
		send_window(pairs[0].worker);
		channel_flush(pairs[0].worker);
		uv_run(&uv, UV_RUN_ONCE);
	}
	assert_true(pairs[0].listener->sleeps >= 100);
	for (int i = 1; i < 20; i++)
		assert_int_equal(pairs[i].listener->sleeps, 1);
	loop_close(&uv, &ends[0]);
	for (int i = 0; i < 20; i++)
		pair_close(&pairs[i]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(two_ends_on_one_loop_talk),
	cmocka_unit_test(starving_does_not_spin),
	cmocka_unit_test(early_descriptors_are_not_forgotten),
	cmocka_unit_test(one_channel_may_not_hold_up_the_others),
	cmocka_unit_test(everything_is_handed_over_before_the_end),
	cmocka_unit_test(a_lie_ends_one_channel_only),
	cmocka_unit_test(an_accusation_by_the_owner_ends_it_too),
	cmocka_unit_test(a_callback_may_remove_and_free),
	cmocka_unit_test(a_worker_sees_the_end_of_its_listener),
	cmocka_unit_test(idle_channels_are_not_touched),
};

UNIT_MAIN(tests)
