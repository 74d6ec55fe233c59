/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline engine: order of events, verdicts from each of them, handlers,
 * suspension and tokens, with modules that write down when they are called.
 */
#include "t/unit/worker/stage.h"

#include <pthread.h>

/* ---- a module on every event ------------------------------------------------------- */

static char journal[4096];

/* What one stage shall do instead of going on. */
static unsigned odd_stage;
static enum portico_verdict odd_verdict;
static enum {
	NORMAL,
	SUSPEND_AND_LIE,
	PENDING_AND_LIE,
	SUSPEND
} odd_way;
static struct portico_token token;
static enum portico_verdict resume_verdict;
static unsigned resumed;

static void
note(const char *text)
{
	strncat(journal, text, sizeof(journal) - strlen(journal) - 1);
	strncat(journal, " ", sizeof(journal) - strlen(journal) - 1);
}

static enum portico_verdict
resume(struct portico_request *request, void *arg)
{
	(void)request;
	assert_ptr_equal(arg, &token);
	resumed++;
	note("resumed");
	return resume_verdict;
}

static enum portico_verdict
at_stage(struct portico_request *request, unsigned stage_number)
{
	note(pipeline_stage_name(stage_number));
	if (stage_number != odd_stage)
		return PORTICO_NEXT;
	switch (odd_way) {
	case NORMAL:
		return odd_verdict;
	case PENDING_AND_LIE:
		return PORTICO_PENDING;
	case SUSPEND_AND_LIE:
		assert_int_equal(portico_suspend(request, resume, &token,
						 &token),
				 PORTICO_OK);
		return PORTICO_NEXT;
	case SUSPEND:
		assert_int_equal(portico_suspend(request, resume, &token,
						 &token),
				 PORTICO_OK);
		/* Only one at a time. */
		assert_int_equal(portico_body_wait(request, resume, NULL),
				 PORTICO_STATE);
		return PORTICO_PENDING;
	}
	return PORTICO_ERROR;
}

#define AT(n)                                                                  \
	static enum portico_verdict at_##n(struct portico_request *request)    \
	{                                                                      \
		return at_stage(request, n);                                   \
	}                                                                      \
	struct end_of_macro
AT(0);
AT(1);
AT(2);
AT(3);
AT(4);
AT(5);
AT(6);
AT(7);
AT(8);
AT(9);
AT(10);
AT(11);
AT(12);
AT(13);
AT(14);
AT(15);
AT(16);
AT(17);
AT(18);
AT(19);
AT(20);
AT(21);
AT(22);
AT(23);

#define ROW(n)                                                                 \
	{                                                                      \
		.event = (enum portico_event)((n) / 2 + 1),                    \
		.phase = (enum portico_phase)((n) % 2), .function = at_##n     \
	}

static const struct portico_subscription everything[] = {
	/* not in order, on purpose */
	ROW(23), ROW(22), ROW(21), ROW(20), ROW(19), ROW(18), ROW(17),
	ROW(16), ROW(15), ROW(14), ROW(13), ROW(12), ROW(11), ROW(10),
	ROW(9),	 ROW(8),  ROW(7),  ROW(6),  ROW(5),  ROW(4),  ROW(3),
	ROW(2),	 ROW(1),  ROW(0),  { 0 }
};

static unsigned aborts;

static void
on_abort(struct portico_request *request)
{
	assert_true(portico_request_aborted(request));
	aborts++;
}

static const struct portico_module watcher =
	STAGE_MODULE(.name = "watcher", .subscriptions = everything,
		     .on_abort = on_abort);

/* ---- handlers ----------------------------------------------------------------------- */

static enum portico_verdict first_verdict;

static enum portico_verdict
first(struct portico_request *request)
{
	size_t written;

	note("first");
	if (first_verdict == PORTICO_DONE)
		portico_response_write(request, "first", 5, &written);
	if (first_verdict == PORTICO_PENDING)
		portico_suspend(request, resume, &token, &token);
	return first_verdict;
}

static enum portico_verdict
second(struct portico_request *request)
{
	size_t written;

	note("second");
	portico_response_write(request, "second", 6, &written);
	return PORTICO_DONE;
}

static const struct portico_handler first_handlers[] = { { .name = "one",
							   .function = first },
							 { 0 } };
static const struct portico_handler second_handlers[] = {
	{ .name = "two", .methods = "GET,HEAD", .function = second },
	{ 0 }
};
static const struct portico_module first_module =
	STAGE_MODULE(.name = "first", .handlers = first_handlers);
static const struct portico_module second_module =
	STAGE_MODULE(.name = "second", .handlers = second_handlers);

static int
setup(void **state)
{
	const struct settings_handler rules[] = {
		{ .path = "/both/*", .module = "first" },
		{ .path = "/both/*", .module = "second" },
		{ .path = "/get", .methods = "GET", .module = "second" },
		{ .path = "/one/*", .module = "first" },
	};

	(void)state;
	stage_begin();
	stage_add_module(&first_module);
	stage_add_module(&second_module);
	stage_add_module(&watcher);
	stage_start_with(rules, 4, (struct channel_options){ 0 });
	journal[0] = '\0';
	odd_stage = UINT32_MAX;
	odd_way = NORMAL;
	first_verdict = PORTICO_DONE;
	resume_verdict = PORTICO_NEXT;
	resumed = aborts = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stage_assert_clean();
	stage_end();
	return 0;
}

#define UNTIL_EXECUTE                                                          \
	"BEGIN POST_BEGIN AUTHENTICATE POST_AUTHENTICATE AUTHORIZE "           \
	"POST_AUTHORIZE RESOLVE_CACHE POST_RESOLVE_CACHE MAP_HANDLER "         \
	"POST_MAP_HANDLER ACQUIRE_STATE POST_ACQUIRE_STATE PRE_EXECUTE "       \
	"POST_PRE_EXECUTE EXECUTE "
#define AFTER_EXECUTE                                                          \
	"POST_EXECUTE RELEASE_STATE POST_RELEASE_STATE UPDATE_CACHE "          \
	"POST_UPDATE_CACHE "
#define LOG_AND_END "LOG POST_LOG END POST_END "

static void
test_all_events_in_order(void **state)
{
	struct answer *answer;

	(void)state;
	stage_get(0, "/both/x");
	answer = stage_finish(0);
	assert_string_equal(journal,
			    UNTIL_EXECUTE "first " AFTER_EXECUTE LOG_AND_END);
	assert_string_equal(answer_body(answer), "first");
	assert_int_equal(answer->descriptors, 1);
}

static void
test_next_from_a_handler_goes_to_the_next_one(void **state)
{
	(void)state;
	first_verdict = PORTICO_NEXT;
	stage_get(0, "/both/x");
	assert_string_equal(answer_body(stage_finish(0)), "second");
	assert_non_null(strstr(journal, "EXECUTE first second POST_EXECUTE"));
}

static void
test_nobody_answers(void **state)
{
	struct answer *answer;

	(void)state;
	stage_get(0, "/elsewhere");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 404);
	assert_string_equal(journal, UNTIL_EXECUTE AFTER_EXECUTE LOG_AND_END);
	first_verdict = PORTICO_NEXT;
	stage_get(0, "/one/x");
	assert_int_equal(stage_finish(0)->info.status, 404);
}

static void
test_method_that_is_not_mapped(void **state)
{
	struct answer *answer;

	(void)state;
	stage_request(0, "DELETE /get HTTP/1.1\r\nHost: a\r\n\r\n", false);
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 405);
	assert_head_has(answer, "Allow: GET");
}

/* What shall run before a stage, and the stage itself. */
static void
assert_ran_until(unsigned last_stage)
{
	const char *at = journal;

	for (unsigned i = 0; i <= last_stage; i++) {
		const char *name = pipeline_stage_name(i);

		if (strncmp(at, "first ", 6) == 0)
			at += 6;
		if (strncmp(at, name, strlen(name)) != 0)
			fail_msg("expected %s at: %s", name, at);
		at += strlen(name) + 1;
	}
	if (strncmp(at, "resumed ", 8) == 0)
		at += 8;
	if (last_stage < 20)
		assert_string_equal(at, LOG_AND_END);
}

static void
test_done_and_error_from_each_event(void **state)
{
	(void)state;
	for (unsigned s = 0; s < 24; s++) {
		for (int error = 0; error < 2; error++) {
			struct answer *answer;

			journal[0] = '\0';
			odd_stage = s;
			odd_verdict = error ? PORTICO_ERROR : PORTICO_DONE;
			stage_get(0, "/both/x");
			answer = stage_finish(0);
			if (s < 20) {
				assert_ran_until(s);
				assert_int_equal(answer->info.status,
						 error	? 500 :
						 s < 15 ? 404 :
							  200);
			} else {
				/* LOG and END run whatever they say. */
				assert_ran_until(23);
				assert_int_equal(answer->info.status, 200);
			}
			assert_false(answer->failed);
		}
	}
}

static void
test_pending_from_each_event(void **state)
{
	(void)state;
	odd_way = SUSPEND;
	for (unsigned s = 0; s < 24; s++) {
		struct answer *answer;

		journal[0] = '\0';
		odd_stage = s;
		resume_verdict = s % 2 == 0 ? PORTICO_NEXT : PORTICO_DONE;
		stage_get(0, "/both/x");
		stage_turns(3);
		answer = &stage.answers[0];
		assert_false(answer->ended);
		/* The client does not wait for LOG and END. */
		assert_int_equal(answer->last, s >= 20);
		assert_int_equal(portico_complete(token), PORTICO_OK);
		stage_finish(0);
		assert_int_equal(answer->info.status,
				 s % 2 != 0 && s < 15 ? 404 : 200);
		assert_non_null(strstr(journal, "resumed"));
		assert_non_null(strstr(journal, "POST_END"));
	}
	assert_int_equal(resumed, 24);
}

static void
test_lies_about_suspension_are_errors(void **state)
{
	(void)state;
	for (unsigned s = 0; s < 20; s++) {
		odd_stage = s;
		odd_way = PENDING_AND_LIE;
		stage_get(0, "/both/x");
		assert_int_equal(stage_finish(0)->info.status, 500);
		odd_way = SUSPEND_AND_LIE;
		stage_get(0, "/both/x");
		assert_int_equal(stage_finish(0)->info.status, 500);
		/* Its token is void. */
		assert_int_equal(portico_complete(token), PORTICO_STATE);
	}
	assert_int_equal(resumed, 0);
}

static void
test_handler_may_suspend_and_pass_on(void **state)
{
	(void)state;
	first_verdict = PORTICO_PENDING;
	stage_get(0, "/both/x");
	stage_turns(2);
	assert_false(stage.answers[0].ended);
	resume_verdict = PORTICO_NEXT;
	portico_complete(token);
	assert_string_equal(answer_body(stage_finish(0)), "second");
}

/* ---- tokens --------------------------------------------------------------------------- */

struct race {
	struct portico_token token;
	atomic_uint wins;
};

static void *
race_run(void *arg)
{
	struct race *race = arg;

	if (portico_complete(race->token) == PORTICO_OK)
		atomic_fetch_add(&race->wins, 1);
	return NULL;
}

static void
test_one_of_many_threads_completes(void **state)
{
	(void)state;
	first_verdict = PORTICO_PENDING;
	resume_verdict = PORTICO_NEXT;
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < 50; i++) {
		struct race race = { .wins = 0 };
		pthread_t threads[4];

		resumed = 0;
		stage_get(0, "/both/x");
		stage_turns(2);
		race.token = token;
		for (int t = 0; t < 4; t++)
			pthread_create(&threads[t], NULL, race_run, &race);
		for (int t = 0; t < 4; t++)
			pthread_join(threads[t], NULL);
		stage_finish(0);
		assert_int_equal(race.wins, 1);
		assert_int_equal(resumed, 1);
		assert_int_equal(portico_complete(race.token), PORTICO_STATE);
	}
	log_set_level(LOG_LEVEL_INFO);
}

static enum portico_verdict
complete_at_once(struct portico_request *request)
{
	pthread_t thread;
	struct race race = { .wins = 0 };

	portico_suspend(request, resume, &token, &race.token);
	/* Before this function has returned, from another thread. */
	pthread_create(&thread, NULL, race_run, &race);
	pthread_join(thread, NULL);
	assert_int_equal(race.wins, 1);
	assert_int_equal(resumed, 0);
	return PORTICO_PENDING;
}

static const struct portico_handler early_handlers[] = {
	{ .name = "early", .function = complete_at_once },
	{ 0 }
};
static const struct portico_module early_module =
	STAGE_MODULE(.name = "early", .handlers = early_handlers);

static int
setup_early(void **state)
{
	(void)state;
	stage_begin();
	stage_add_module(&early_module);
	stage_start("early");
	resumed = 0;
	resume_verdict = PORTICO_DONE;
	return 0;
}

static void
test_completion_before_the_function_returns(void **state)
{
	(void)state;
	stage_get(0, "/");
	stage_finish(0);
	assert_int_equal(resumed, 1);
}

static void
test_nonsense_tokens(void **state)
{
	struct portico_token nonsense = { 0 };

	(void)state;
	assert_int_equal(portico_complete(nonsense), PORTICO_STATE);
	nonsense.value = UINT64_MAX;
	assert_int_equal(portico_complete(nonsense), PORTICO_STATE);
	nonsense.value = UINT64_C(1) << 32 | 0xfffff;
	assert_int_equal(portico_complete(nonsense), PORTICO_STATE);
}

/* ---- abort ------------------------------------------------------------------------------ */

static void
test_abort_tells_modules_and_ends(void **state)
{
	struct answer *answer = &stage.answers[0];

	(void)state;
	first_verdict = PORTICO_PENDING;
	stage_get(0, "/both/x");
	stage_turns(2);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_turns(2);
	assert_int_equal(aborts, 1);
	/* A token is the module's to complete, also now. */
	assert_false(answer->ended);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	resume_verdict = PORTICO_DONE;
	portico_complete(token);
	stage_finish(0);
	assert_int_equal(aborts, 1);
	assert_true(answer->failed);
	assert_int_equal(answer->ends, 1);
	assert_non_null(strstr(journal, LOG_AND_END));
}

/* The client leaves while one module waits: no handler runs for nobody. */
static void
test_abort_before_the_handler(void **state)
{
	(void)state;
	odd_stage = 4;
	odd_way = SUSPEND;
	stage_get(0, "/both/x");
	stage_turns(2);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_turns(2);
	assert_int_equal(aborts, 1);
	portico_complete(token);
	assert_true(stage_finish(0)->failed);
	assert_null(strstr(journal, "first"));
	assert_string_equal(journal,
			    "BEGIN POST_BEGIN AUTHENTICATE POST_AUTHENTICATE "
			    "AUTHORIZE resumed " LOG_AND_END);
}

/* Suspends once more, for an abort that has come already. */
static enum portico_verdict
suspend_again(struct portico_request *request, void *arg)
{
	resumed++;
	if (resumed > 1)
		return PORTICO_DONE;
	assert_true(portico_request_aborted(request));
	assert_int_equal(portico_suspend(request, suspend_again, arg, arg),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static enum portico_verdict
hold(struct portico_request *request)
{
	assert_int_equal(portico_suspend(request, suspend_again, &token,
					 &token),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static void
let_go(struct portico_request *request)
{
	assert_true(portico_request_aborted(request));
	aborts++;
	assert_int_equal(portico_complete(token), PORTICO_OK);
}

static const struct portico_handler holding_handlers[] = { { .name = "hold",
							     .function = hold },
							   { 0 } };
static const struct portico_module holding_module =
	STAGE_MODULE(.name = "holding", .handlers = holding_handlers,
		     .on_abort = let_go);

static int
setup_holding(void **state)
{
	(void)state;
	stage_begin();
	stage_add_module(&holding_module);
	stage_start("holding");
	resumed = aborts = 0;
	return 0;
}

static void
test_abort_reaches_who_suspends_after_it(void **state)
{
	(void)state;
	stage_get(0, "/");
	stage_turns(2);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_finish(0);
	assert_int_equal(resumed, 2);
	assert_int_equal(aborts, 2);
}

static void
test_late_descriptors_are_ignored(void **state)
{
	(void)state;
	stage_get(0, "/both/x");
	stage_finish(0);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_signal(0, CHANNEL_WINDOW, 100);
	stage_body(0, "late", 4, true);
	stage_turns(3);
	assert_int_equal(aborts, 0);
}

static void
test_revoked_request_is_forgotten(void **state)
{
	(void)state;
	stage_get(0, "/both/x");
	assert_true(channel_claim_revoke(stage.listener, 0, stage.generation));
	stage_turns(3);
	assert_string_equal(journal, "");
	assert_int_equal(stage.answers[0].descriptors, 0);
}

static void
test_listener_dies_with_requests_running(void **state)
{
	(void)state;
	first_verdict = PORTICO_PENDING;
	stage_get(0, "/both/x");
	stage_turns(2);
	channel_free(&stage.listener);
	loop_turn(stage.loop, false);
	loop_turn(stage.loop, false);
	assert_int_equal(aborts, 1);
	assert_int_equal(atomic_load(&stage.loop->active), 1);
	/* The head is still readable, its memory lives on. */
	resume_verdict = PORTICO_NEXT;
	portico_complete(token);
	loop_turn(stage.loop, false);
	assert_int_equal(atomic_load(&stage.loop->active), 0);
	assert_true(list_empty(&stage.loop->attachments));
}

static int
teardown_dead(void **state)
{
	(void)state;
	stage_end();
	return 0;
}

/* ---- handler chosen by a module ------------------------------------------------------------ */

static const char *choice;

static enum portico_verdict
choose(struct portico_request *request)
{
	assert_int_equal(portico_request_set_handler(request, "nothing"),
			 PORTICO_NOT_FOUND);
	assert_int_equal(portico_request_set_handler(request, choice),
			 PORTICO_OK);
	return PORTICO_NEXT;
}

static const struct portico_subscription chooser_subscriptions[] = {
	{ .event = PORTICO_EVENT_MAP_HANDLER, .function = choose },
	{ 0 }
};
static const struct portico_module chooser =
	STAGE_MODULE(.name = "chooser", .subscriptions = chooser_subscriptions);

static void
test_module_chooses_the_handler(void **state)
{
	const struct settings_handler rules[] = {
		{ .path = "*", .module = "first" },
	};

	(void)state;
	stage_begin();
	stage_add_module(&first_module);
	stage_add_module(&second_module);
	stage_add_module(&chooser);
	stage_start_with(rules, 1, (struct channel_options){ 0 });
	choice = "second/two";
	stage_get(0, "/");
	assert_string_equal(answer_body(stage_finish(0)), "second");
	choice = "one";
	first_verdict = PORTICO_DONE;
	stage_get(0, "/");
	assert_string_equal(answer_body(stage_finish(0)), "first");
	stage_assert_clean();
	stage_end();
}

static void
test_unknown_application_is_404(void **state)
{
	(void)state;
	stage.worker->applications[0]->id = 8;
	stage_get(0, "/both/x");
	assert_int_equal(stage_finish(0)->info.status, 404);
	assert_string_equal(journal, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_all_events_in_order),
	TEST(test_next_from_a_handler_goes_to_the_next_one),
	TEST(test_nobody_answers),
	TEST(test_method_that_is_not_mapped),
	TEST(test_done_and_error_from_each_event),
	TEST(test_pending_from_each_event),
	TEST(test_lies_about_suspension_are_errors),
	TEST(test_handler_may_suspend_and_pass_on),
	TEST(test_one_of_many_threads_completes),
	cmocka_unit_test_setup_teardown(
		test_completion_before_the_function_returns, setup_early,
		teardown),
	TEST(test_nonsense_tokens),
	TEST(test_abort_before_the_handler),
	cmocka_unit_test_setup_teardown(test_abort_reaches_who_suspends_after_it,
					setup_holding, teardown),
	TEST(test_abort_tells_modules_and_ends),
	TEST(test_late_descriptors_are_ignored),
	TEST(test_revoked_request_is_forgotten),
	cmocka_unit_test_setup_teardown(
		test_listener_dies_with_requests_running, setup, teardown_dead),
	cmocka_unit_test(test_module_chooses_the_handler),
	TEST(test_unknown_application_is_404),
};

UNIT_MAIN(tests)
