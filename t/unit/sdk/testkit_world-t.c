/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: what a test lets happen, from completed tokens to failures.
 */
#include <fcntl.h>
#include <pthread.h>

#include "t/unit/sdk/puppet.h"

#define SECOND UINT64_C(1000000000)

/* ---- waiting ------------------------------------------------------------------------------ */

static struct portico_token token;

static enum portico_verdict
done(struct portico_request *request, void *arg)
{
	(void)request;
	return arg == NULL ? PORTICO_DONE : PORTICO_NEXT;
}

static enum portico_verdict
wait_for_token(struct portico_request *request)
{
	assert_int_equal(portico_suspend(request, done, &token, &token),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static void *
complete_it(void *arg)
{
	(void)arg;
	return portico_complete(token) == PORTICO_OK ? NULL : &token;
}

static void
tokens(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");
	pthread_t thread;
	void *result;

	(void)state;
	puppet.begin = wait_for_token;
	assert_int_equal(kit_event(request, PORTICO_EVENT_BEGIN, 0),
			 PORTICO_PENDING);
	assert_int_equal(kit_state(request), KIT_TOKEN);
	assert_true(kit_complete(request));
	assert_int_equal(kit_verdict(request), PORTICO_NEXT);
	assert_false(kit_complete(request));
	kit_free(request);
	request = kit_request(kit, "GET", "/");
	assert_int_equal(kit_run(request), KIT_TOKEN);
	assert_false(kit_await(kit, 1));
	assert_int_equal(pthread_create(&thread, NULL, complete_it, NULL), 0);
	assert_true(kit_await(kit, 60000));
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_clean();
}

static pthread_t worked_on;
static bool worked_resumed;

static void
work(void *arg)
{
	*(int *)arg = 42;
	worked_on = pthread_self();
}

static enum portico_verdict
work_done(struct portico_request *request, void *arg)
{
	(void)request;
	worked_resumed = *(int *)arg == 42;
	return PORTICO_DONE;
}

static enum portico_verdict
offload(struct portico_request *request)
{
	int *state = portico_request_state(request);

	assert_int_equal(*state, 0);
	worked_resumed = false;
	assert_int_equal(portico_offload(request, work, state, work_done,
					 state),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static void
offloaded_work(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.begin = offload;
	assert_int_equal(kit_event(request, PORTICO_EVENT_BEGIN, 0),
			 PORTICO_PENDING);
	assert_int_equal(kit_state(request), KIT_OFFLOAD);
	assert_true(kit_work(request));
	assert_true(worked_resumed);
	assert_true(pthread_equal(worked_on, pthread_self()));
	assert_int_equal(kit_verdict(request), PORTICO_DONE);
	assert_false(kit_work(request));
	kit_free(request);
	request = kit_request(kit, "GET", "/");
	assert_int_equal(kit_run(request), KIT_OFFLOAD);
	assert_true(kit_work_on_thread(request));
	assert_true(worked_resumed);
	assert_false(pthread_equal(worked_on, pthread_self()));
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_clean();
}

static uint64_t fired_at[3];
static unsigned fired;

static void
on_timer(struct portico_request *request, void *arg)
{
	fired_at[fired++] = portico_clock();
	if (arg != NULL)
		portico_timer_start(request, 5 * SECOND, on_timer, NULL);
}

static enum portico_verdict
set_timers(struct portico_request *request)
{
	portico_timer_start(request, 3 * SECOND, on_timer, request);
	portico_timer_start(request, 2 * SECOND, on_timer, NULL);
	portico_timer_stop(
		portico_timer_start(request, SECOND, on_timer, NULL));
	return PORTICO_NEXT;
}

static void
virtual_time(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");
	uint64_t start = portico_clock();

	(void)state;
	fired = 0;
	puppet.begin = set_timers;
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	assert_int_equal(kit_timers(request), 2);
	assert_true(kit_next_timer(kit) == 2 * SECOND);
	kit_advance(kit, 2 * SECOND - 1);
	assert_int_equal(fired, 0);
	kit_advance(kit, 1);
	assert_int_equal(fired, 1);
	kit_advance(kit, 100 * SECOND);
	assert_int_equal(fired, 3);
	assert_true(fired_at[0] == start + 2 * SECOND);
	assert_true(fired_at[1] == start + 3 * SECOND);
	assert_true(fired_at[2] == start + 8 * SECOND);
	assert_true(portico_clock() == start + 102 * SECOND);
	assert_true(kit_next_timer(kit) == UINT64_MAX);
	kit_free(request);
	assert_clean();
}

static int ends[2];
static int watch_events;
static struct portico_watch *watch;

static void
on_watch(struct portico_request *request, int events, void *arg)
{
	(void)request;
	(void)arg;
	watch_events = events;
	portico_watch_stop(watch);
}

static enum portico_verdict
set_watch(struct portico_request *request)
{
	watch = portico_watch_start(request, ends[0], PORTICO_WATCH_READ,
				    on_watch, NULL);
	return watch == NULL ? PORTICO_ERROR : PORTICO_NEXT;
}

static void
watches(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	assert_int_equal(pipe(ends), 0);
	puppet.begin = set_watch;
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	assert_int_equal(kit_watches(request), 1);
	assert_int_equal(kit_fire(request, ends[0], PORTICO_WATCH_WRITE), 0);
	assert_int_equal(kit_fire(request, ends[1], PORTICO_WATCH_READ), 0);
	assert_int_equal(kit_fire(request, ends[0], 3), 1);
	assert_int_equal(watch_events, PORTICO_WATCH_READ);
	assert_int_equal(kit_watches(request), 0);
	kit_free(request);
	close(ends[0]);
	close(ends[1]);
	assert_clean();
}

/* ---- the client leaves ------------------------------------------------------------------------ */

static void
complete_on_abort(struct portico_request *request)
{
	assert_true(portico_request_aborted(request));
	if (token.value != 0)
		portico_complete(token);
	token.value = 0;
}

/* Suspends again, after the abort. */
static enum portico_verdict
wait_twice_more(struct portico_request *request, void *arg)
{
	if (arg == NULL)
		return PORTICO_DONE;
	assert_int_equal(portico_suspend(request, wait_twice_more, NULL,
					 &token),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static enum portico_verdict
wait_twice(struct portico_request *request)
{
	assert_int_equal(portico_suspend(request, wait_twice_more, &token,
					 &token),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static void
aborts(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.begin = wait_twice;
	puppet.on_abort = complete_on_abort;
	assert_int_equal(kit_run(request), KIT_TOKEN);
	kit_abort(request);
	assert_int_equal(puppet.aborts, 2);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_clean();
}

/* ---- filters ------------------------------------------------------------------------------------- */

static enum portico_verdict
take_part(struct portico_request *request)
{
	portico_response_set_length(request, -1);
	return PORTICO_NEXT;
}

/* Brackets around each chunk, "." for a flush, "!" for the last. */
static enum portico_status
bracket(struct portico_request *request, struct portico_slice chunk,
	uint32_t flags, struct portico_filter_stream *next)
{
	char text[128];

	(void)request;
	snprintf(text, sizeof(text), "[%.*s]%s%s", (int)chunk.length,
		 chunk.data, (flags & PORTICO_DATA_FLUSH) != 0 ? "." : "",
		 (flags & PORTICO_DATA_LAST) != 0 ? "!" : "");
	chunk = (struct portico_slice){ text, strlen(text) };
	return portico_filter_pass(next, chunk, flags);
}

static void
filters(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");
	char name[] = "/tmp/portico-kit-XXXXXX";
	int fd = mkstemp(name);

	(void)state;
	puppet.filter_head = take_part;
	puppet.filter_data = bracket;
	kit_answer(request, 201, 5);
	kit_answer_field(request, "X-A", "1");
	kit_answer_chunk(request, "ab", 2);
	kit_answer_flush(request);
	kit_answer_chunk(request, "cde", 3);
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_status(request), 201);
	assert_string_equal(kit_response_field(request, "x-a"), "1");
	assert_body(request, "[ab][].[cde][]!");
	assert_int_equal(kit_response_length(request), -1);
	kit_free(request);
	/* A file is read, and goes the same way. */
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, "file", 4), 4);
	request = kit_request(kit, "GET", "/");
	kit_answer(request, 200, -1);
	kit_answer_chunk(request, "a", 1);
	kit_answer_file(request, fd, 1, 3);
	kit_answer_chunk(request, "b", 1);
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_body(request, "[a][ile][b][]!");
	kit_free(request);
	assert_clean();
}

static void
filters_and_windows(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.filter_head = take_part;
	puppet.filter_data = bracket;
	kit_answer(request, 200, -1);
	kit_answer_chunk(request, "a", 1);
	kit_answer_chunk(request, "b", 1);
	kit_window(request, 2);
	assert_int_equal(kit_run(request), KIT_ROOM);
	for (int i = 0; i < 4; i++)
		kit_window(request, 2);
	kit_window(request, 100);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_body(request, "[a][b][]!");
	assert_clean();
}

/* ---- events of others ------------------------------------------------------------------------- */

static enum portico_verdict
on_custom(struct portico_request *request)
{
	*(int *)portico_event_argument(request) += 1;
	return PORTICO_DONE;
}

static enum portico_verdict
raise_one(struct portico_request *request)
{
	int argument = 5;

	assert_int_equal(portico_event_raise(request, "puppet.did", &argument),
			 PORTICO_DONE);
	assert_int_equal(argument, 6);
	return PORTICO_NEXT;
}

static enum portico_verdict
subscriber(struct portico_request *request, const char *name, void *argument,
	   void *arg)
{
	(void)request;
	assert_string_equal(name, "puppet.did");
	*(int *)argument += *(int *)arg;
	return PORTICO_DONE;
}

static void
custom_events(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");
	int argument = 1;

	(void)state;
	puppet.custom = on_custom;
	puppet.begin = raise_one;
	assert_int_equal(kit_raise(request, "other.event", &argument),
			 PORTICO_DONE);
	assert_int_equal(argument, 2);
	assert_int_equal(kit_raise(request, "no.event", &argument),
			 PORTICO_NEXT);
	argument = 1;
	kit_on_raise(kit, subscriber, &argument);
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	assert_string_equal(kit_raised(kit, 0), "puppet.did");
	assert_null(kit_raised(kit, 1));
	kit_free(request);
	assert_clean();
}

static unsigned logged;

static enum portico_verdict
on_log(struct portico_request *request)
{
	(void)request;
	logged++;
	return PORTICO_NEXT;
}

static enum portico_verdict
second_begin(struct portico_request *request)
{
	return portico_request_set_handler(request, "second") == PORTICO_OK ?
		       PORTICO_NEXT :
		       PORTICO_ERROR;
}

static enum portico_verdict
second_answers(struct portico_request *request)
{
	puppet_write(request, "second");
	return PORTICO_DONE;
}

static void
whole_pipeline(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	logged = 0;
	puppet.begin = wait_for_token;
	puppet.again = second_begin;
	puppet.second = second_answers;
	puppet.log = on_log;
	assert_int_equal(kit_run(request), KIT_TOKEN);
	assert_int_equal(logged, 0);
	kit_complete(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_body(request, "second");
	assert_int_equal(logged, 1);
	assert_clean();
	assert_int_equal(puppet.finis, 1);
}

/* ---- failures ------------------------------------------------------------------------------------ */

static enum portico_verdict
three_pieces(struct portico_request *request)
{
	for (int i = 0; i < 3; i++)
		if (portico_request_alloc(request, 10) == NULL)
			return PORTICO_ERROR;
	if (puppet_write(request, "x") != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static unsigned
runs_with(unsigned kinds, enum portico_status status, unsigned *failed)
{
	struct kit_faults faults = { .kinds = kinds, .status = status };
	unsigned runs = 0;

	*failed = 0;
	kit_set_faults(kit, &faults);
	while (kit_faults_next(&faults)) {
		struct kit_request *request = kit_request(kit, "GET", "/");

		kit_run(request);
		*failed += kit_status(request) == 500;
		assert_int_equal(faults.hit, kit_status(request) == 500);
		kit_free(request);
		runs++;
	}
	kit_set_faults(kit, NULL);
	return runs;
}

static void
faults(void **state)
{
	unsigned failed;

	(void)state;
	puppet.handler = three_pieces;
	assert_int_equal(runs_with(KIT_FAULT_MEMORY, 0, &failed), 4);
	assert_int_equal(failed, 3);
	assert_int_equal(runs_with(KIT_FAULT_IO, 0, &failed), 2);
	assert_int_equal(failed, 1);
	assert_int_equal(runs_with(KIT_FAULT_MEMORY | KIT_FAULT_IO, 0, &failed),
			 5);
	assert_int_equal(runs_with(KIT_FAULT_WAIT, 0, &failed), 1);
	assert_clean();
}

static enum portico_status seen_status;

static enum portico_verdict
read_once(struct portico_request *request)
{
	struct portico_slice chunk;

	seen_status = portico_body_read(request, &chunk);
	return PORTICO_DONE;
}

static void
faults_with_status(void **state)
{
	struct kit_faults faults = { .kinds = KIT_FAULT_IO,
				     .status = PORTICO_TIMED_OUT };
	struct kit_request *request = kit_request(kit, "POST", "/");

	(void)state;
	puppet.handler = read_once;
	kit_whole_body(request, "abc", 3);
	assert_true(kit_faults_next(&faults));
	kit_set_faults(kit, &faults);
	kit_handle(request, NULL);
	assert_int_equal(seen_status, PORTICO_TIMED_OUT);
	assert_string_equal(faults.where, "portico_body_read");
	kit_free(request);
	kit_set_faults(kit, NULL);
	assert_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(tokens),
		KIT_TEST(offloaded_work),
		KIT_TEST(virtual_time),
		KIT_TEST(watches),
		KIT_TEST(aborts),
		KIT_TEST(filters),
		KIT_TEST(filters_and_windows),
		KIT_TEST(custom_events),
		KIT_TEST(whole_pipeline),
		KIT_TEST(faults),
		KIT_TEST(faults_with_status),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
