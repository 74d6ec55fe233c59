/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes: what they write arrives line by line, how they end is told
 * once, they inherit the control socket and nothing else.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/activation/identity.h"
#include "core/activation/limits.h"
#include "core/activation/process.h"
#include "core/base/io.h"

struct child {
	uv_loop_t loop;
	struct process *process;
	char lines[8][CHILD_LINE_BYTES + 1];
	unsigned line_count, exec_count, exit_count;
	struct process_exit result;
	bool kill_on_exec;
};

static void
on_exec(struct process *process, void *arg)
{
	struct child *child = arg;

	child->exec_count++;
	if (child->kill_on_exec)
		process_signal(process, SIGKILL);
}

static void
on_line(struct process *process, const char *line, void *arg)
{
	struct child *child = arg;

	(void)process;
	if (child->line_count < 8)
		snprintf(child->lines[child->line_count],
			 sizeof child->lines[0], "%s", line);
	child->line_count++;
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	struct child *child = arg;

	(void)process;
	child->exit_count++;
	child->result = *result;
	process_free(&child->process);
}

/* Runs a shell script to its end. */
static void
run_shell(struct child *child, const char *path, const char *script,
	  int control_fd)
{
	static const struct identity stay = { .change = false };
	static const char *const environment[] = { "PATH=/usr/bin:/bin",
						   "GREETING=hello", NULL };
	const char *const arguments[] = { "sh", "-c", script, NULL };
	const struct process_options options = { .path = path,
						 .arguments = arguments,
						 .environment = environment,
						 .control_fd = control_fd,
						 .identity = &stay,
						 .on_exec = on_exec };
	struct portico_error err;

	uv_loop_init(&child->loop);
	assert_int_equal(process_start(&child->loop, &options, on_line, on_end,
				       child, &child->process, &err),
			 PORTICO_OK);
	assert_true(process_pid(child->process) > 0);
	uv_run(&child->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&child->loop), 0);
	assert_null(child->process);
	assert_int_equal(child->exit_count, 1);
}

static void
test_lines(void **state)
{
	static struct child child;

	(void)state;
	memset(&child, 0, sizeof child);
	run_shell(
		&child, "/bin/sh",
		"echo one; echo \"$GREETING\" >&2; printf 'a\\tb\\033'; exit 3",
		-1);
	assert_int_equal(child.exec_count, 1);
	assert_int_equal(child.line_count, 3);
	assert_string_equal(child.lines[0], "one");
	assert_string_equal(child.lines[1], "hello");
	assert_string_equal(child.lines[2], "a b?");
	assert_false(child.result.signalled);
	assert_int_equal(child.result.status, 3);
}

/* A line without end is cut, nothing of it is lost. */
static void
test_long_line(void **state)
{
	static struct child child;

	(void)state;
	memset(&child, 0, sizeof child);
	run_shell(&child, "/bin/sh",
		  "i=0; while [ $i -lt 500 ]; do printf 0123456789; "
		  "i=$((i+1)); done; echo",
		  -1);
	assert_int_equal(child.line_count, 2);
	assert_int_equal(strlen(child.lines[0]), CHILD_LINE_BYTES);
	assert_int_equal(strlen(child.lines[1]), 5000 - CHILD_LINE_BYTES);
}

static void
test_signal(void **state)
{
	static struct child child;
	char text[128];

	(void)state;
	memset(&child, 0, sizeof child);
	child.kill_on_exec = true;
	run_shell(&child, "/bin/sh", "sleep 60 & wait", -1);
	assert_true(child.result.signalled);
	assert_int_equal(child.result.signal_number, SIGKILL);
	assert_string_equal(process_exit_text(&child.result, text, sizeof text),
			    "was killed by signal 9 (KILL)");
}

static void
test_no_program(void **state)
{
	static struct child child;

	(void)state;
	memset(&child, 0, sizeof child);
	run_shell(&child, "/nonexistent/program", "", -1);
	assert_int_equal(child.exec_count, 0);
	assert_int_equal(child.result.status, PROCESS_EXIT_EXEC);
	assert_int_equal(child.line_count, 1);
	assert_non_null(strstr(child.lines[0], "/nonexistent/program: ENOENT"));
}

/* 0, 1, 2, the control socket, and what the shell itself opened to look. */
static void
test_descriptors(void **state)
{
	static struct child child;
	int ends[2], extra[2];

	(void)state;
	memset(&child, 0, sizeof child);
	assert_int_equal(io_seqpacket_pair(ends, false, NULL), PORTICO_OK);
	assert_int_equal(pipe(extra), 0); /* not close-on-exec */
	run_shell(&child, "/bin/sh",
		  "for fd in 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo "
		  "\"$fd is open\"; done; [ -S /proc/$$/fd/3 ] && echo socket; "
		  "grep NoNewPrivs /proc/self/status; umask; "
		  "[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo session",
		  ends[1]);
	assert_int_equal(child.line_count, 4);
	assert_string_equal(child.lines[0], "socket");
	assert_non_null(strchr(child.lines[1], '1'));
	assert_string_equal(child.lines[2], "0027");
	assert_string_equal(child.lines[3], "session");
	for (int i = 0; i < 2; i++) {
		io_close(&ends[i]);
		io_close(&extra[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_descriptors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
