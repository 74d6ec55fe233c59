/* SPDX-License-Identifier: Apache-2.0
 *
 * What a module does against the rules is told in one clear sentence: a wrong
 * module for each.
 */
#include <fcntl.h>
#include <pthread.h>

#include "t/unit/sdk/puppet.h"

static struct kit_request *request;

/* A request that goes through `begin` alone. */
static void
drive(portico_event_fn *begin)
{
	puppet.begin = begin;
	request = kit_request(kit, "GET", "/x");
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
}

static enum portico_verdict
resume(struct portico_request *inner, void *arg)
{
	(void)inner;
	(void)arg;
	return PORTICO_DONE;
}

/* ---- verdicts and suspension -------------------------------------------------------- */

static enum portico_verdict
just_pending(struct portico_request *inner)
{
	(void)inner;
	return PORTICO_PENDING;
}

static void
pending_without_a_wait(void **state)
{
	(void)state;
	drive(just_pending);
	assert_told("GET /x: module returned PENDING without having suspended");
}

/* Each is kept, and kit_close counts them. */
static void
told_twice(void **state)
{
	(void)state;
	assert_int_equal(kit_failures(kit), 0);
	assert_null(kit_failure(kit, 0));
	drive(just_pending);
	assert_int_equal(kit_failures(kit), 1);
	drive(just_pending);
	assert_int_equal(kit_failures(kit), 2);
	assert_int_equal(told, 2);
	assert_string_equal(kit_failure(kit, 0), first_failure);
	assert_string_equal(kit_failure(kit, 1), first_failure);
	assert_null(kit_failure(kit, 2));
	assert_int_equal(kit_close(kit), 2);
	kit = NULL;
}

static struct portico_token token;

static enum portico_verdict
not_pending(struct portico_request *inner)
{
	portico_suspend(inner, resume, NULL, &token);
	return PORTICO_NEXT;
}

static void
wait_without_pending(void **state)
{
	(void)state;
	drive(not_pending);
	assert_told("GET /x: module suspended the request and did not return "
		    "PENDING");
}

static enum portico_verdict
no_verdict(struct portico_request *inner)
{
	(void)inner;
	return (enum portico_verdict)17;
}

static void
something_else_than_a_verdict(void **state)
{
	(void)state;
	drive(no_verdict);
	assert_told("something that is no verdict");
}

static enum portico_verdict
suspend(struct portico_request *inner)
{
	portico_suspend(inner, resume, NULL, &token);
	return PORTICO_PENDING;
}

static enum portico_verdict
suspend_twice(struct portico_request *inner)
{
	portico_body_wait(inner, resume, NULL);
	return suspend(inner);
}

static void
two_suspensions(void **state)
{
	(void)state;
	drive(suspend_twice);
	kit_abort(request);
	assert_told("GET /x: the request is suspended already");
}

static enum portico_verdict
try_to_suspend(struct portico_request *inner)
{
	portico_suspend(inner, resume, NULL, &token);
	return PORTICO_NEXT;
}

static void
suspension_where_none_may_be(void **state)
{
	(void)state;
	puppet.send = try_to_suspend;
	request = kit_request(kit, "GET", "/x");
	kit_event(request, PORTICO_EVENT_SEND_RESPONSE, 0);
	assert_told("GET /x: the request cannot be suspended in this event");
}

static enum portico_verdict
finish_first(struct portico_request *inner, void *arg)
{
	(void)inner;
	(void)arg;
	return PORTICO_DONE;
}

static enum portico_verdict
suspend_once(struct portico_request *inner)
{
	portico_suspend(inner, finish_first, NULL, &token);
	return PORTICO_PENDING;
}

static void
token_completed_twice(void **state)
{
	(void)state;
	drive(suspend_once);
	assert_int_equal(portico_complete(token), PORTICO_OK);
	assert_int_equal(portico_complete(token), PORTICO_STATE);
	assert_true(kit_await(kit, 0));
	assert_told("portico_complete: GET /x: the token was completed before");
}

static void
token_of_a_request_that_has_ended(void **state)
{
	(void)state;
	drive(not_pending);
	told = 0;
	kit_free(request);
	assert_int_equal(portico_complete(token), PORTICO_STATE);
	assert_told("portico_complete: GET /x");
}

static void
token_that_is_none(void **state)
{
	(void)state;
	portico_complete((struct portico_token){ 99 });
	assert_told("a token that portico_suspend never gave");
}

static void
token_never_completed(void **state)
{
	(void)state;
	drive(suspend_once);
	kit_free(request);
	assert_told("GET /x: the request was freed while it waits for its "
		    "token, which nobody has completed");
}

static enum portico_verdict
wait_for_body(struct portico_request *inner)
{
	portico_body_wait(inner, resume, NULL);
	return PORTICO_PENDING;
}

static void
wait_that_is_forgotten(void **state)
{
	(void)state;
	puppet.begin = wait_for_body;
	request = kit_request(kit, "POST", "/x");
	kit_expect_body(request, 5);
	kit_run(request);
	kit_free(request);
	assert_told("waits for more of the body");
}

/* ---- after the end, from elsewhere -------------------------------------------------------- */

static struct portico_request *kept;
static struct portico_form *kept_form;

static enum portico_verdict
keep(struct portico_request *inner)
{
	kept = inner;
	return PORTICO_NEXT;
}

static void
use_after_the_end(void **state)
{
	(void)state;
	drive(keep);
	kit_free(request);
	assert_null(portico_request_alloc(kept, 1));
	assert_told("portico_request_alloc: GET /x: the request has ended");
}

static enum portico_verdict
keep_form(struct portico_request *inner)
{
	assert_int_equal(portico_form_open(inner, 0, 0, &kept_form),
			 PORTICO_OK);
	return PORTICO_NEXT;
}

static void
form_after_the_end(void **state)
{
	(void)state;
	puppet.begin = keep_form;
	request = kit_request(kit, "POST", "/x");
	kit_field(request, "Content-Type", "application/x-www-form-urlencoded");
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	kit_free(request);
	assert_int_equal(portico_form_read(kept_form), PORTICO_STATE);
	assert_told("portico_form_read: POST /x: the request has ended");
}

static void
no_request_at_all(void **state)
{
	char garbage[2000] = "";

	(void)state;
	portico_response_status((struct portico_request *)(void *)garbage);
	assert_told("portico_response_status: the request is none of this");
}

static void
work(void *arg)
{
	portico_response_status(arg);
}

static enum portico_verdict
offload(struct portico_request *inner)
{
	portico_offload(inner, work, inner, resume, NULL);
	return PORTICO_PENDING;
}

static void
request_in_offloaded_work(void **state)
{
	(void)state;
	drive(offload);
	kit_work_on_thread(request);
	assert_told("portico_response_status: called from offloaded work");
}

static void *
on_another_thread(void *arg)
{
	portico_response_status(arg);
	return NULL;
}

static void
request_on_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	drive(keep);
	assert_int_equal(pthread_create(&thread, NULL, on_another_thread, kept),
			 0);
	pthread_join(thread, NULL);
	assert_told("portico_response_status: called on another thread");
}

/* ---- the response ---------------------------------------------------------------------------- */

static enum portico_verdict
write_late(struct portico_request *inner)
{
	assert_int_equal(puppet_write(inner, "late"), PORTICO_STATE);
	return PORTICO_NEXT;
}

static void
response_after_its_end(void **state)
{
	(void)state;
	puppet.log = write_late;
	request = kit_request(kit, "GET", "/x");
	kit_run(request);
	assert_told("portico_response_write: GET /x: the response is complete");
}

static enum portico_verdict
write_too_much(struct portico_request *inner)
{
	portico_response_set_length(inner, 2);
	return puppet_write(inner, "abc") == PORTICO_OK ? PORTICO_DONE :
							  PORTICO_ERROR;
}

static void
more_than_announced(void **state)
{
	(void)state;
	puppet.handler = write_too_much;
	request = kit_request(kit, "GET", "/x");
	kit_run(request);
	assert_told("writes more than the length it announced");
}

static enum portico_verdict
write_too_little(struct portico_request *inner)
{
	portico_response_set_length(inner, 5);
	puppet_write(inner, "abc");
	return PORTICO_DONE;
}

static void
less_than_announced(void **state)
{
	(void)state;
	puppet.handler = write_too_little;
	request = kit_request(kit, "GET", "/x");
	kit_run(request);
	assert_told("fewer or more bytes than announced");
}

static enum portico_verdict
commit(struct portico_request *inner)
{
	portico_response_commit(inner, 5);
	return PORTICO_DONE;
}

static void
commit_of_nothing(void **state)
{
	(void)state;
	drive(commit);
	assert_told("portico_response_commit: GET /x: nothing was reserved");
}

static struct portico_filter_stream *kept_stream;

static enum portico_verdict
take_part(struct portico_request *inner)
{
	portico_response_set_length(inner, -1);
	return PORTICO_NEXT;
}

static enum portico_status
write_in_filter(struct portico_request *inner, struct portico_slice chunk,
		uint32_t flags, struct portico_filter_stream *next)
{
	kept_stream = next;
	if (chunk.length > 0)
		puppet_write(inner, "x");
	return portico_filter_pass(next, chunk, flags);
}

static void
filter_that_writes(void **state)
{
	(void)state;
	puppet.filter_head = take_part;
	puppet.filter_data = write_in_filter;
	request = kit_request(kit, "GET", "/x");
	kit_answer(request, 200, -1);
	kit_answer_chunk(request, "a", 1);
	kit_run(request);
	assert_told("portico_response_write: GET /x: a filter passes bytes on");
}

static enum portico_verdict
pass_late(struct portico_request *inner)
{
	(void)inner;
	portico_filter_pass(kept_stream, PORTICO_SLICE("x"), 0);
	return PORTICO_NEXT;
}

static enum portico_status
pass(struct portico_request *inner, struct portico_slice chunk, uint32_t flags,
     struct portico_filter_stream *next)
{
	(void)inner;
	kept_stream = next;
	return portico_filter_pass(next, chunk, flags);
}

static void
pass_outside_of_a_filter(void **state)
{
	(void)state;
	puppet.filter_head = take_part;
	puppet.filter_data = pass;
	puppet.log = pass_late;
	request = kit_request(kit, "GET", "/x");
	kit_answer(request, 200, -1);
	kit_answer_chunk(request, "a", 1);
	kit_run(request);
	assert_told("portico_filter_pass: called outside of a filter's data");
}

/* ---- objects ------------------------------------------------------------------------------------ */

static struct portico_timer *timer;

static void
on_timer(struct portico_request *inner, void *arg)
{
	(void)inner;
	(void)arg;
}

static enum portico_verdict
set_timer(struct portico_request *inner)
{
	timer = portico_timer_start(inner, 5, on_timer, NULL);
	return PORTICO_NEXT;
}

static void
timer_stopped_after_it_fired(void **state)
{
	(void)state;
	drive(set_timer);
	kit_advance(kit, 5);
	portico_timer_stop(timer);
	assert_told("portico_timer_stop: the timer has fired");
}

static void
timer_stopped_twice(void **state)
{
	(void)state;
	drive(set_timer);
	portico_timer_stop(timer);
	portico_timer_stop(timer);
	assert_told("portico_timer_stop: the timer was stopped before");
}

static void
timer_stopped_after_its_request(void **state)
{
	(void)state;
	drive(set_timer);
	kit_free(request);
	portico_timer_stop(timer);
	assert_told("portico_timer_stop: its request has ended");
}

static void
timer_left(void **state)
{
	(void)state;
	drive(set_timer);
	kit_free(request);
	assert_clean(); /* the host ends it */
	puppet_open((struct kit_options){ .strict = true });
	drive(set_timer);
	kit_free(request);
	assert_told("GET /x: 1 timers are left at the end of the request");
}

static int ends[2];
static struct portico_watch *watch;

static void
on_watch(struct portico_request *inner, int events, void *arg)
{
	(void)inner;
	(void)events;
	(void)arg;
}

static enum portico_verdict
set_watch(struct portico_request *inner)
{
	watch = portico_watch_start(inner, ends[0], PORTICO_WATCH_READ,
				    on_watch, NULL);
	return PORTICO_NEXT;
}

static void
descriptor_closed_while_watched(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	drive(set_watch);
	close(ends[0]);
	portico_watch_stop(watch);
	close(ends[1]);
	assert_told("was closed while it is watched");
}

static void
watch_left(void **state)
{
	(void)state;
	assert_clean();
	puppet_open((struct kit_options){ .strict = true });
	assert_int_equal(pipe(ends), 0);
	drive(set_watch);
	kit_free(request);
	close(ends[0]);
	close(ends[1]);
	assert_told("GET /x: 1 watches are left at the end of the request");
}

static void
watch_stopped_twice(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	drive(set_watch);
	portico_watch_stop(watch);
	portico_watch_stop(watch);
	close(ends[0]);
	close(ends[1]);
	assert_told("portico_watch_stop: the watch was stopped before");
}

static int opened;
static struct portico_file *file;

static enum portico_verdict
open_it(struct portico_request *inner)
{
	struct portico_error err;

	assert_int_equal(portico_file_open(inner, PORTICO_SLICE("passwd"),
					   &opened, &err),
			 PORTICO_OK);
	return PORTICO_NEXT;
}

static enum portico_verdict
adopt_it(struct portico_request *inner)
{
	open_it(inner);
	file = portico_file_adopt(opened);
	return PORTICO_NEXT;
}

static void
root_is_etc(void)
{
	assert_clean();
	puppet_open((struct kit_options){ .root = "/etc" });
}

static void
descriptor_not_closed(void **state)
{
	(void)state;
	root_is_etc();
	drive(open_it);
	kit_free(request);
	assert_told(
		"that portico_file_open gave for \"passwd\" was not closed");
	close(opened);
}

static void
file_not_given_back(void **state)
{
	(void)state;
	root_is_etc();
	drive(adopt_it);
	kit_free(request);
	assert_told("was not given back (portico_file_unref)");
}

static void
file_given_back_twice(void **state)
{
	(void)state;
	root_is_etc();
	drive(adopt_it);
	portico_file_unref(file);
	portico_file_unref(file);
	assert_told("portico_file_unref: the file was given back before");
}

/* ---- the test itself ---------------------------------------------------------------------------- */

static void
test_that_comes_too_late(void **state)
{
	(void)state;
	drive(keep);
	kit_field(request, "X-A", "1");
	assert_told("kit_field: the request has begun already");
}

static void
no_such_handler(void **state)
{
	(void)state;
	request = kit_request(kit, "GET", "/x");
	kit_handle(request, "third");
	assert_told("kit_handle: the module has no handler \"third\"");
}

static void
without_a_hook(void)
{
	struct kit *loud = kit_open(
		&(struct kit_options){ .entry = portico_module_entry }, NULL);

	puppet.begin = just_pending;
	kit_run(kit_request(loud, "GET", "/x"));
}

static void
failure_without_a_hook(void **state)
{
	char text[2000];
	int status;

	(void)state;
	assert_clean();
	status = unit_run_child(without_a_hook, text, sizeof(text));
	assert_true(WIFSIGNALED(status));
	assert_non_null(strstr(text, "portico test kit: GET /x: module "
				     "returned PENDING"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(pending_without_a_wait),
		KIT_TEST(told_twice),
		KIT_TEST(told_twice),
		KIT_TEST(wait_without_pending),
		KIT_TEST(something_else_than_a_verdict),
		KIT_TEST(two_suspensions),
		KIT_TEST(suspension_where_none_may_be),
		KIT_TEST(token_completed_twice),
		KIT_TEST(token_of_a_request_that_has_ended),
		KIT_TEST(token_that_is_none),
		KIT_TEST(token_never_completed),
		KIT_TEST(wait_that_is_forgotten),
		KIT_TEST(use_after_the_end),
		KIT_TEST(form_after_the_end),
		KIT_TEST(no_request_at_all),
		KIT_TEST(request_in_offloaded_work),
		KIT_TEST(request_on_another_thread),
		KIT_TEST(response_after_its_end),
		KIT_TEST(more_than_announced),
		KIT_TEST(less_than_announced),
		KIT_TEST(commit_of_nothing),
		KIT_TEST(filter_that_writes),
		KIT_TEST(pass_outside_of_a_filter),
		KIT_TEST(timer_stopped_after_it_fired),
		KIT_TEST(timer_stopped_twice),
		KIT_TEST(timer_stopped_after_its_request),
		KIT_TEST(timer_left),
		KIT_TEST(descriptor_closed_while_watched),
		KIT_TEST(watch_left),
		KIT_TEST(watch_stopped_twice),
		KIT_TEST(descriptor_not_closed),
		KIT_TEST(file_not_given_back),
		KIT_TEST(file_given_back_twice),
		KIT_TEST(test_that_comes_too_late),
		KIT_TEST(no_such_handler),
		KIT_TEST(failure_without_a_hook),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
