/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: processes of a module, of which none runs.
 */
#include <errno.h>
#include <signal.h>

#include "t/unit/sdk/puppet.h"

#include <portico/testkit_global.h>
#include <portico/testkit_process.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static const char *const argv[] = { "/usr/bin/node", "app.js", NULL };
static const char *const environment[] = { "PORT=8080", "HOME", NULL };
static struct portico_process *process;
static enum portico_process_restart restart;
static enum portico_status started;
static char seen[512];

static void
on_news(struct portico_process *which, const struct portico_process_news *news,
	void *arg)
{
	size_t used = strlen(seen);

	assert_ptr_equal(which, process);
	assert_string_equal(arg, "arg");
	if (news->event == PORTICO_PROCESS_STARTED)
		snprintf(seen + used, sizeof(seen) - used, "started ");
	else if (news->event == PORTICO_PROCESS_EXITED)
		snprintf(seen + used, sizeof(seen) - used, "exit %d/%d[%s] ",
			 (int)news->status, (int)news->signal,
			 news->last_lines);
	else
		snprintf(seen + used, sizeof(seen) - used, "ended%s ",
			 news->gave_up ? "!" : "");
}

static enum portico_status
begin(void)
{
	static char arg[] = "arg";
	const struct portico_process_options options = {
		.argv = argv,
		.environment = environment,
		.directory = "/srv/app",
		.restart = restart,
		.fn = on_news,
		.arg = arg,
	};

	seen[0] = '\0';
	started = portico_process_start(&options, &process, NULL);
	return started;
}

static void
reset(void)
{
	restart = PORTICO_PROCESS_FAILED;
}

static void
runs(void **state)
{
	(void)state;
	reset();
	assert_int_equal(begin(), PORTICO_OK);
	assert_int_equal(kit_processes(kit), 1);
	assert_string_equal(kit_process_argument(kit, 0, 0), "/usr/bin/node");
	assert_string_equal(kit_process_argument(kit, 0, 1), "app.js");
	assert_null(kit_process_argument(kit, 0, 2));
	assert_string_equal(kit_process_environment(kit, 0, "PORT"), "8080");
	assert_null(kit_process_environment(kit, 0, "HOME"));
	assert_non_null(kit_process_environment(kit, 0, "PATH"));
	assert_string_equal(kit_process_directory(kit, 0), "/srv/app");
	assert_null(kit_process_directory(kit, 1));
	assert_false(kit_process_runs(kit, 0));
	assert_int_equal(portico_process_pid(process), 0);
	kit_advance(kit, 0);
	assert_true(kit_process_runs(kit, 0));
	assert_in_range(portico_process_pid(process), 1000001, 1000001);
	kit_process_line(kit, 0, "one");
	kit_process_line(kit, 0, "two");
	kit_process_exit(kit, 0, 0);
	assert_false(kit_process_runs(kit, 0));
	assert_string_equal(seen, "started exit 0/0[one\ntwo\n] ended ");
	assert_int_equal(kit_next_timer(kit), UINT64_MAX);
	assert_clean();
}

/* In virtual time: 0.1 s, 0.2 s ... and given up after five. */
static void
restarts(void **state)
{
	(void)state;
	reset();
	begin();
	kit_advance(kit, 0);
	kit_process_exit(kit, 0, 3);
	assert_int_equal(kit_next_timer(kit), 100 * MS);
	kit_advance(kit, 100 * MS - 1);
	assert_int_equal(kit_process_starts(kit, 0), 1);
	kit_advance(kit, 1);
	assert_int_equal(kit_process_starts(kit, 0), 2);
	assert_string_equal(seen, "started exit 3/0[] started ");
	kit_process_kill(kit, 0, SIGSEGV);
	assert_int_equal(kit_next_timer(kit), 200 * MS);
	for (unsigned i = 0; i < 3; i++) {
		kit_advance(kit, SECOND);
		kit_process_exit(kit, 0, 1);
	}
	assert_int_equal(kit_process_starts(kit, 0), 5);
	assert_non_null(strstr(seen, "exit -1/11[] "));
	assert_non_null(strstr(seen, "ended!"));
	kit_advance(kit, 3600 * SECOND);
	assert_int_equal(kit_process_starts(kit, 0), 5);
	assert_clean();
}

static void
refused(void **state)
{
	(void)state;
	restart = PORTICO_PROCESS_NEVER;
	kit_process_refuse(kit, ENOMEM);
	begin();
	kit_advance(kit, 0);
	assert_non_null(strstr(seen, "exit -1/0[Cannot allocate memory] "));
	assert_non_null(strstr(seen, "ended "));
	kit_process_refuse(kit, 0);
	begin();
	kit_advance(kit, 0);
	assert_true(kit_process_runs(kit, 1));
	assert_clean();
	puppet_open((struct kit_options){ 0 });
	assert_int_equal(kit_processes(kit), 0);
	assert_clean();
}

static void
stopped(void **state)
{
	(void)state;
	reset();
	begin();
	kit_advance(kit, 0);
	portico_process_stop(process);
	assert_int_equal(kit_process_signal(kit, 0), SIGTERM);
	assert_true(kit_process_runs(kit, 0));
	kit_advance(kit, 5 * SECOND - 1);
	assert_true(kit_process_runs(kit, 0));
	kit_advance(kit, 1);
	assert_int_equal(kit_process_signal(kit, 0), SIGKILL);
	assert_false(kit_process_runs(kit, 0));
	assert_string_equal(seen, "started exit -1/9[] ended ");
	begin();
	kit_advance(kit, 0);
	portico_process_stop(process);
	kit_process_kill(kit, 1, SIGTERM);
	assert_string_equal(seen, "started exit -1/15[] ended ");
	assert_int_equal(kit_next_timer(kit), UINT64_MAX);
	assert_clean();
}

/* From a request's loop: it is granted on the main loop. */
static enum portico_verdict
begin_in_request(struct portico_request *request)
{
	(void)request;
	assert_int_equal(begin(), PORTICO_OK);
	assert_int_equal(portico_process_pid(process), 0);
	return PORTICO_DONE;
}

static enum portico_verdict
free_in_request(struct portico_request *request)
{
	(void)request;
	portico_process_free(process);
	assert_true(kit_process_runs(kit, 0));
	return PORTICO_DONE;
}

static void
in_requests(void **state)
{
	(void)state;
	reset();
	puppet.handler = begin_in_request;
	kit_run(kit_request(kit, "GET", "/"));
	kit_advance(kit, 0);
	assert_true(kit_process_runs(kit, 0));
	puppet.handler = free_in_request;
	kit_run(kit_request(kit, "GET", "/"));
	assert_int_equal(kit_process_signal(kit, 0), SIGTERM);
	kit_process_exit(kit, 0, 0);
	assert_string_equal(seen, "started "); /* nobody is told */
	assert_clean();
}

/* ---- misuse ------------------------------------------------------------------------ */

static enum portico_verdict
stop_at_stop(struct portico_worker *worker, const struct portico_global *global)
{
	(void)worker;
	if (global->event == PORTICO_GLOBAL_STOP)
		portico_process_stop(process);
	return PORTICO_NEXT;
}

static void
left_running(void **state)
{
	(void)state;
	reset();
	begin();
	kit_advance(kit, 0);
	assert_clean(); /* the worker ends it */
	puppet_open((struct kit_options){ .strict = true });
	begin();
	kit_advance(kit, 0);
	assert_told("the process /usr/bin/node runs at the end");
	puppet_open((struct kit_options){ .strict = true });
	puppet.global = stop_at_stop;
	begin();
	kit_advance(kit, 0);
	kit_global(kit, PORTICO_GLOBAL_STOP, "", 0);
	kit_advance(kit, 5 * SECOND);
	assert_clean();
}

static void
used_after_free(void **state)
{
	(void)state;
	reset();
	begin();
	portico_process_free(NULL);
	portico_process_free(process);
	portico_process_stop(process);
	assert_told("/usr/bin/node: the process was freed before");
	puppet_open((struct kit_options){ 0 });
	kit_process_exit(kit, 0, 0);
	assert_told("no process 0 runs");
}

static void
free_at_fini(struct portico_worker *worker)
{
	(void)worker;
	portico_process_free(process);
	assert_int_equal(begin(), PORTICO_STATE);
	assert_null(process);
}

static void
the_end(void **state)
{
	struct kit_faults each = { .kinds = KIT_FAULT_WAIT };

	(void)state;
	reset();
	puppet.worker_fini = free_at_fini;
	begin();
	kit_advance(kit, 0);
	assert_clean();
	assert_string_equal(seen, "");
	puppet.worker_fini = NULL;
	puppet_open((struct kit_options){ 0 });
	kit_set_faults(kit, &each);
	while (kit_faults_next(&each)) {
		begin();
		assert_int_equal(started, each.hit ? PORTICO_FULL : PORTICO_OK);
	}
	kit_set_faults(kit, NULL);
	assert_int_equal(kit_processes(kit), 1);
	assert_int_not_equal(portico_process_port(), 0);
	assert_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(runs),
		KIT_TEST(restarts),
		KIT_TEST(refused),
		KIT_TEST(stopped),
		KIT_TEST(in_requests),
		KIT_TEST(left_running),
		KIT_TEST(used_after_free),
		KIT_TEST(the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
