/* SPDX-License-Identifier: Apache-2.0
 *
 * Many clients that do not read: what is left of the channel's memory goes to
 * those that have nothing yet, and who reads goes on.
 */
#define STAGE_SLOTS 128
#include "t/unit/worker/stage.h"

#include <stdlib.h>

#define MEMORY (8u << 20)
#define SLOW 100u
#define LARGE 200000u
#define FIRST_BYTES 4096u /* of one that comes late: head and body */

struct state {
	size_t left;
};

/* As many bytes as the path says. */
static enum portico_verdict
go_on(struct portico_request *request, void *arg)
{
	static char data[16384];
	struct state *state = arg;

	memset(data, 'x', sizeof(data));
	while (state->left > 0) {
		size_t length = state->left < sizeof(data) ? state->left :
							     sizeof(data);
		size_t written;
		enum portico_status status =
			portico_response_write(request, data, length, &written);

		state->left -= written;
		if (status == PORTICO_AGAIN) {
			assert_int_equal(portico_response_wait(request, go_on,
							       state),
					 PORTICO_OK);
			return PORTICO_PENDING;
		}
		if (status == PORTICO_ABORTED)
			return PORTICO_ERROR;
		assert_int_equal(status, PORTICO_OK);
	}
	return PORTICO_DONE;
}

static enum portico_verdict
answer_bytes(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH);

	state->left = strtoul(path.data + 1, NULL, 10);
	portico_response_set_status(request, 200, 0);
	return go_on(request, state);
}

static const struct portico_handler handlers[] = {
	{ .name = "test", .function = answer_bytes },
	{ 0 },
};
static const struct portico_module module =
	STAGE_MODULE(.name = "test", .handlers = handlers,
		     .request_size = sizeof(struct state));

static int
setup(void **state)
{
	const struct settings_handler rule = { .path = "*", .module = "test" };

	(void)state;
	stage_begin();
	stage_add_module(&module);
	stage_start_with(&rule, 1,
			 (struct channel_options){ .memory_max = MEMORY });
	/* Nobody reads. */
	stage.return_blocks = stage.return_window = false;
	for (uint32_t i = 0; i < SLOW; i++) {
		stage_get(i, "/200000");
		stage_turns(2);
	}
	stage_turns(20);
	return 0;
}

static size_t
taken(uint32_t slot)
{
	return buffer_slice(&stage.answers[slot].body).length;
}

/* They read after all. */
static void
read_everything(void)
{
	stage.return_blocks = stage.return_window = true;
	stage_return_kept();
	for (uint32_t i = 0; i < SLOW; i++)
		stage_signal(i, CHANNEL_WINDOW, taken(i));
	for (uint32_t i = 0; i < SLOW; i++) {
		stage_finish(i);
		assert_int_equal(taken(i), LARGE);
		assert_false(stage.answers[i].failed);
	}
}

static int
teardown(void **state)
{
	(void)state;
	stage_assert_clean();
	stage_end();
	return 0;
}

static void
everybody_gets_something(void **state)
{
	unsigned windows = 0, crumbs = 0;

	(void)state;
	for (uint32_t i = 0; i < SLOW; i++) {
		assert_int_equal(stage.answers[i].responses, 1);
		assert_true(taken(i) > 0);
		windows += taken(i) == 128 * 1024;
		crumbs += taken(i) < FIRST_BYTES;
	}
	/* Three quarters of 8 MiB, and some that were in the middle. */
	assert_in_range(windows, 40, 48);
	assert_in_range(crumbs, SLOW - 55, SLOW - 45);
	/* Those who have crumbs have asked to be told. */
	assert_int_equal(stage.answers[SLOW - 1].flushes, 1);
	assert_int_equal(stage.answers[0].flushes, 0);
	read_everything();
}

static void
one_who_reads_goes_on(void **state)
{
	const struct answer *answer;

	(void)state;
	stage.return_blocks = stage.return_window = true;
	stage_get(SLOW, "/100");
	answer = stage_finish(SLOW);
	assert_int_equal(taken(SLOW), 100);
	assert_int_equal(answer->descriptors, 1);
	/* In small steps, each of which waits for its client alone. */
	stage_get(SLOW, "/100000");
	answer = stage_finish(SLOW);
	assert_int_equal(taken(SLOW), 100000);
	assert_in_range(answer->flushes, 20, 26);
	for (uint32_t i = 0; i < SLOW; i++)
		assert_false(stage.answers[i].ended);
	read_everything();
}

static void
plenty_wakes_all(void **state)
{
	(void)state;
	/* Blocks come back, windows do not: those with crumbs go on, in the
	 * order in which they came, until memory is scarce once more. */
	stage_return_kept();
	stage_turns(20);
	for (uint32_t i = SLOW - 50; i < SLOW - 20; i++)
		assert_true(taken(i) > FIRST_BYTES);
	read_everything();
}

static void
a_patient_one_may_leave(void **state)
{
	(void)state;
	stage.return_blocks = stage.return_window = true;
	for (uint32_t i = 0; i < SLOW; i++)
		stage_signal(i, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	for (uint32_t i = 0; i < SLOW; i++) {
		stage_finish(i);
		assert_true(stage.answers[i].failed);
	}
	assert_true(list_empty(&stage.attachment->patient));
	assert_true(list_empty(&stage.attachment->waiting));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everybody_gets_something, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_who_reads_goes_on, setup,
						teardown),
		cmocka_unit_test_setup_teardown(plenty_wakes_all, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_patient_one_may_leave, setup,
						teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
