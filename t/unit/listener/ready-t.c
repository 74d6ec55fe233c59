/* SPDX-License-Identifier: Apache-2.0
 *
 * "ready": said when every loop has the configuration and its sockets, and
 * after a time also when one hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "t/unit/listener/stage.h"

/* Holds the loop until the pipe is closed. */
struct hold_task {
	struct task task;
	int fd;
};

static void
run_hold(struct task *base, void *owner)
{
	struct hold_task *task = (struct hold_task *)base;
	char byte;

	(void)owner;
	assert_int_equal(read(task->fd, &byte, 1), 0);
	close(task->fd);
	mem_free(task);
}

/* The end that lets go. */
static int
hold_loop(struct stage *stage)
{
	struct hold_task *task = mem_zalloc(sizeof(*task));
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	task->fd = ends[0];
	loop_post(stage->listener.loops[0], &task->task, run_hold);
	return ends[1];
}

static void
say_sockets_done(struct stage *stage)
{
	stage_send(stage,
		   json_pack("{s:s, s:i}", "type", "sockets-done", "count", 0),
		   -1);
}

static void
test_ready_waits_for_the_loops(void **state)
{
	struct stage stage;
	int hold;

	(void)state;
	stage_open(&stage, "", "");
	hold = hold_loop(&stage);
	stage_configure(&stage, "", "");
	say_sockets_done(&stage);
	assert_true(stage_is_quiet(&stage, "ready"));
	close(hold);
	json_decref(stage_await(&stage, "ready"));
	/* Once. */
	assert_true(stage_is_quiet(&stage, "ready"));
	stage_close(&stage);
}

static void
test_ready_is_of_the_last_configuration(void **state)
{
	struct stage stage;
	int hold;

	(void)state;
	stage_open(&stage, "", "");
	hold = hold_loop(&stage);
	stage_configure(&stage, "", "");
	say_sockets_done(&stage);
	stage_configure(&stage, "", "");
	assert_true(stage_is_quiet(&stage, "ready"));
	close(hold);
	assert_true(stage_is_quiet(&stage, "ready"));
	say_sockets_done(&stage);
	json_decref(stage_await(&stage, "ready"));
	stage_close(&stage);
}

static void
test_ready_does_not_wait_for_ever(void **state)
{
	struct stage stage;
	uint64_t since;
	int hold;

	(void)state;
	stage_open(&stage, "", "");
	hold = hold_loop(&stage);
	stage_configure(&stage, "", "");
	since = clock_monotonic_ns();
	say_sockets_done(&stage);
	json_decref(stage_await(&stage, "ready"));
	assert_true(clock_monotonic_ns() - since >=
		    (READY_LIMIT_MS - 100) * CLOCK_NS_PER_MS);
	close(hold);
	assert_true(stage_is_quiet(&stage, "ready"));
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_waits_for_the_loops),
		cmocka_unit_test(test_ready_is_of_the_last_configuration),
		cmocka_unit_test(test_ready_does_not_wait_for_ever),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
