/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: timers and work of the main loop.
 */
#include <pthread.h>

#include "t/unit/sdk/puppet.h"

#include <portico/testkit_background.h>

#define MS UINT64_C(1000000)

static char tick[] = "tick", working[] = "work", finished[] = "done";
static char zero[] = "0", a[] = "a", b[] = "b", c[] = "c";

static struct portico_worker_timer *timer;
static struct portico_request *victim;
static unsigned fired, worked, done;

static void
on_timer(struct portico_worker_timer *which, void *arg)
{
	assert_ptr_equal(which, timer);
	assert_string_equal(arg, "tick");
	if (++fired == 4)
		portico_worker_timer_stop(which);
}

static enum portico_status
start_timer(struct portico_worker *worker, struct portico_error *err)
{
	(void)worker;
	(void)err;
	timer = portico_worker_timer_start(5 * MS, 10 * MS, on_timer, tick);
	return timer == NULL ? PORTICO_STATE : PORTICO_OK;
}

static void
reopen(enum portico_status (*init)(struct portico_worker *,
				   struct portico_error *),
       struct kit_faults *faults)
{
	assert_clean();
	fired = worked = done = 0;
	timer = NULL;
	puppet.worker_init = init;
	puppet_open((struct kit_options){ .faults = faults });
}

static void
timers(void **state)
{
	(void)state;
	reopen(start_timer, NULL);
	assert_int_equal(kit_worker_timers(kit), 1);
	assert_int_equal(kit_next_timer(kit), 5 * MS);
	kit_advance(kit, 5 * MS - 1);
	assert_int_equal(fired, 0);
	kit_advance(kit, 1);
	assert_int_equal(fired, 1);
	assert_int_equal(kit_next_timer(kit), 10 * MS);
	kit_advance(kit, 20 * MS);
	assert_int_equal(fired, 3);
	kit_advance(kit, 100 * MS);
	assert_int_equal(fired, 4);
	assert_int_equal(kit_worker_timers(kit), 0);
	assert_int_equal(kit_next_timer(kit), UINT64_MAX);
	assert_clean();
}

static void
once(struct portico_worker_timer *which, void *arg)
{
	(void)which;
	(void)arg;
	fired++;
}

/* Who was started first fires first, of whatever kind. */
static char order[8];

static void
note(const char *text)
{
	size_t used = strlen(order);

	snprintf(order + used, sizeof(order) - used, "%s", text);
}

static void
first(struct portico_worker_timer *which, void *arg)
{
	(void)which;
	note(arg);
}

static void
second(struct portico_request *request, void *arg)
{
	(void)request;
	note(arg);
}

static enum portico_verdict
start_second(struct portico_request *request)
{
	assert_non_null(portico_timer_start(request, MS, second, b));
	return PORTICO_NEXT;
}

static void
one_clock(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	order[0] = '\0';
	puppet.begin = start_second;
	portico_worker_timer_start(MS, 0, first, a);
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	portico_worker_timer_start(MS, 0, first, c);
	portico_worker_timer_start(MS - 1, 0, first, zero);
	kit_advance(kit, MS);
	assert_string_equal(order, "0abc");
	kit_free(request);
	assert_clean();
}

static void
end_of_timers(void **state)
{
	(void)state;
	timer = portico_worker_timer_start(0, 0, once, NULL);
	fired = 0;
	kit_advance(kit, 0);
	assert_int_equal(fired, 1);
	portico_worker_timer_stop(timer);
	assert_told("the timer has fired, and is gone");
	puppet_open((struct kit_options){ 0 });
	timer = portico_worker_timer_start(0, MS, once, NULL);
	portico_worker_timer_stop(timer);
	kit_advance(kit, MS);
	assert_int_equal(fired, 1);
	portico_worker_timer_stop(NULL);
	portico_worker_timer_stop(timer);
	assert_told("stopped before");
}

/* ---- work -------------------------------------------------------------------- */

static pthread_t worker_thread;

static void
work(void *arg)
{
	assert_string_equal(arg, "work");
	worker_thread = pthread_self();
	/* As in a server: not from here. */
	assert_null(portico_worker_timer_start(0, 0, once, NULL));
	assert_int_equal(portico_worker_offload(work, NULL, work, NULL),
			 PORTICO_STATE);
	worked++;
}

static void
on_done(void *arg)
{
	assert_string_equal(arg, "done");
	assert_int_equal(worked, done + 1);
	if (++done == 1)
		assert_int_equal(portico_worker_offload(work, working, on_done,
							finished),
				 PORTICO_OK);
}

static enum portico_status
start_work(struct portico_worker *worker, struct portico_error *err)
{
	(void)worker;
	(void)err;
	return portico_worker_offload(work, working, on_done, finished);
}

static void
offloaded(void **state)
{
	(void)state;
	reopen(start_work, NULL);
	assert_int_equal(kit_worker_works(kit), 1);
	assert_int_equal(worked, 0);
	assert_true(kit_worker_work(kit));
	assert_true(pthread_equal(worker_thread, pthread_self()));
	assert_int_equal(done, 1);
	assert_int_equal(kit_worker_works(kit), 1);
	assert_true(kit_worker_work_on_thread(kit));
	assert_false(pthread_equal(worker_thread, pthread_self()));
	assert_int_equal(done, 2);
	assert_false(kit_worker_work(kit));
	/* What has not begun is dropped. */
	reopen(start_work, NULL);
	assert_clean();
	assert_int_equal(worked, 0);
}

/* ---- places ------------------------------------------------------------------- */

static enum portico_verdict
try_all(struct portico_request *request)
{
	(void)request;
	assert_null(portico_worker_timer_start(0, 0, once, NULL));
	assert_int_equal(portico_worker_offload(work, NULL, work, NULL),
			 PORTICO_STATE);
	return PORTICO_DONE;
}

static void
not_in_requests(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.handler = try_all;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_worker_timers(kit) + kit_worker_works(kit), 0);
	kit_free(request);
	assert_clean();
}

static void
use_request(struct portico_worker_timer *which, void *arg)
{
	(void)which;
	(void)arg;
	portico_request_aborted(victim);
}

static void
no_requests_there(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	victim = kit_portico_request(request);
	assert_false(portico_request_aborted(victim));
	portico_worker_timer_start(0, 0, use_request, NULL);
	kit_advance(kit, 0);
	assert_false(portico_request_aborted(victim));
	kit_free(request);
	assert_told("on the main loop, where no request may be used");
}

static enum portico_verdict
stop_timer(struct portico_request *request)
{
	(void)request;
	portico_worker_timer_stop(timer);
	return PORTICO_DONE;
}

static void
stopped_elsewhere(void **state)
{
	struct kit_request *request;

	(void)state;
	reopen(start_timer, NULL);
	puppet.handler = stop_timer;
	request = kit_request(kit, "GET", "/");
	kit_run(request);
	kit_free(request);
	assert_told("elsewhere than on the main loop");
}

/* ---- the end, and failures ------------------------------------------------------- */

static void
stop_too_late(struct portico_worker *worker)
{
	(void)worker;
	assert_null(portico_worker_timer_start(0, 0, once, NULL));
	assert_int_equal(portico_worker_offload(work, NULL, work, NULL),
			 PORTICO_STATE);
	portico_worker_timer_stop(timer);
}

static void
too_late(void **state)
{
	(void)state;
	reopen(start_timer, NULL);
	puppet.worker_fini = stop_too_late;
	assert_told("the worker ends");
}

static enum portico_status
start_both(struct portico_worker *worker, struct portico_error *err)
{
	enum portico_status status = start_timer(worker, err);

	return status == PORTICO_OK ? start_work(worker, err) : status;
}

static void
faults(void **state)
{
	struct kit_faults each = { .kinds = KIT_FAULT_WAIT };
	struct kit_options options = { .entry = portico_module_entry,
				       .faults = &each };
	unsigned refused = 0;

	(void)state;
	assert_clean();
	puppet.worker_init = start_both;
	while (kit_faults_next(&each)) {
		kit = kit_open(&options, NULL);
		assert_int_equal(kit == NULL, each.hit);
		refused += kit == NULL;
		if (kit != NULL)
			assert_clean();
	}
	assert_int_equal(refused, 2);
	assert_string_equal(each.where == NULL ? "" : each.where, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(timers),
		KIT_TEST(one_clock),
		KIT_TEST(end_of_timers),
		KIT_TEST(offloaded),
		KIT_TEST(not_in_requests),
		KIT_TEST(no_requests_there),
		KIT_TEST(stopped_elsewhere),
		KIT_TEST(too_late),
		KIT_TEST(faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
