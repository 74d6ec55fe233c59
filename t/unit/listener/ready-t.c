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
	hold = stage_hold(&stage);
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
	hold = stage_hold(&stage);
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
	hold = stage_hold(&stage);
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
