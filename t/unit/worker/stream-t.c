/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies, asynchrony and response filters, through a real channel.
 */
#include "t/unit/worker/stage.h"

#include <fcntl.h>
#include <sys/stat.h>

static portico_event_fn *script;

static enum portico_verdict
run_script(struct portico_request *request)
{
	return script(request);
}

static unsigned chunks_seen, sends_seen;

static enum portico_verdict
on_read_entity(struct portico_request *request)
{
	(void)request;
	chunks_seen++;
	return PORTICO_NEXT;
}

static enum portico_verdict send_verdict;

static enum portico_verdict
on_send_response(struct portico_request *request)
{
	size_t written;

	sends_seen++;
	assert_int_equal(portico_response_set_field(request,
						    PORTICO_SLICE("X-Sent"),
						    PORTICO_SLICE("yes")),
			 PORTICO_OK);
	assert_int_equal(portico_response_write(request, "no", 2, &written),
			 PORTICO_STATE);
	return send_verdict;
}

static const struct portico_handler handlers[] = { { .name = "test",
						     .function = run_script },
						   { 0 } };
static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_READ_ENTITY, .function = on_read_entity },
	{ .event = PORTICO_EVENT_SEND_RESPONSE, .function = on_send_response },
	{ 0 }
};
static const struct portico_module plain =
	STAGE_MODULE(.name = "test", .handlers = handlers, .request_size = 100);
static const struct portico_module eager =
	STAGE_MODULE(.name = "eager", .subscriptions = subscriptions);

static int
setup(void **state)
{
	(void)state;
	stage_begin();
	stage_add_module(&plain);
	stage_start("test");
	return 0;
}

static int
setup_eager(void **state)
{
	(void)state;
	chunks_seen = sends_seen = 0;
	send_verdict = PORTICO_NEXT;
	stage_begin();
	stage_add_module(&eager);
	stage_add_module(&plain);
	stage_start("test");
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

/* ---- request body ------------------------------------------------------------------- */

/* Sends back what comes, at any size, holding nothing. */
static enum portico_verdict
echo_on(struct portico_request *request, void *arg)
{
	static struct portico_slice chunk;

	for (;;) {
		enum portico_status status;
		size_t written;

		if (arg == NULL || chunk.length == 0) {
			status = portico_body_read(request, &chunk);
			if (status == PORTICO_END)
				return PORTICO_DONE;
			if (status == PORTICO_ABORTED)
				return PORTICO_ERROR;
			if (status == PORTICO_AGAIN) {
				assert_int_equal(portico_body_wait(request,
								   echo_on,
								   NULL),
						 PORTICO_OK);
				return PORTICO_PENDING;
			}
		}
		status = portico_response_write(request, chunk.data,
						chunk.length, &written);
		chunk.data += written;
		chunk.length -= written;
		arg = chunk.length > 0 ? &chunk : NULL;
		if (status == PORTICO_ABORTED)
			return PORTICO_ERROR;
		if (status == PORTICO_AGAIN) {
			assert_int_equal(portico_response_wait(request, echo_on,
							       &chunk),
					 PORTICO_OK);
			return PORTICO_PENDING;
		}
	}
}

static enum portico_verdict
echo(struct portico_request *request)
{
	assert_true(portico_request_has_body(request));
	portico_response_set_status(request, 200, 0);
	return echo_on(request, NULL);
}

#define POST "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static void
test_body_is_echoed_under_windows(void **state)
{
	static char piece[30000];
	struct answer *answer = &stage.answers[0];
	uint64_t sent = 0;

	(void)state;
	script = echo;
	stage_request(0, POST, true);
	stage_turns(2);
	assert_int_equal(answer->windows, 1);
	assert_int_equal(answer->window_bytes, 128 * 1024);
	for (int i = 0; i < 100; i++) {
		memset(piece, 'a' + i % 26, sizeof(piece));
		while (sent + sizeof(piece) > answer->window_bytes)
			stage_turn();
		sent += sizeof(piece);
		stage_body(0, piece, sizeof(piece), i == 99);
	}
	stage_finish(0);
	assert_int_equal(answer->body.length, 100 * sizeof(piece));
	for (size_t i = 0; i < answer->body.length; i++) {
		if (answer->body.data[i] !=
		    (char)('a' + i / sizeof(piece) % 26))
			fail_msg("byte %zu differs", i);
	}
	/* In halves, not for each chunk. */
	assert_in_range(answer->windows, 2, 60);
}

static enum portico_verdict
ignore_body(struct portico_request *request)
{
	size_t written;

	assert_int_equal(portico_request_content_length(request), 100000);
	portico_response_write(request, "no", 2, &written);
	return PORTICO_DONE;
}

static void
test_unread_body_costs_nothing(void **state)
{
	struct answer *answer;

	(void)state;
	script = ignore_body;
	stage_request(0,
		      "PUT / HTTP/1.1\r\nHost: a\r\n"
		      "Content-Length: 100000\r\n\r\n",
		      true);
	answer = stage_finish(0);
	assert_int_equal(answer->windows, 0);
	assert_int_equal(answer->descriptors, 1);
}

static void
test_abort_wakes_a_reader(void **state)
{
	(void)state;
	script = echo;
	stage_request(0, POST, true);
	stage_turns(2);
	stage_body(0, "abc", 3, false);
	stage_turns(2);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_body(0, "late", 4, false);
	stage_finish(0);
	assert_true(stage.answers[0].failed);
}

static void
test_request_without_body(void **state)
{
	(void)state;
	script = echo;
	stage_request(0, POST, true);
	stage_body(0, NULL, 0, true);
	stage_finish(0);
	assert_int_equal(stage.answers[0].body.length, 0);
	assert_int_equal(stage.answers[0].info.content_length, 0);
}

static void
test_events_of_body_and_head(void **state)
{
	struct answer *answer;

	(void)state;
	script = echo;
	stage_request(0, POST, true);
	stage_body(0, "one", 3, false);
	stage_body(0, "two", 3, true);
	answer = stage_finish(0);
	assert_string_equal(answer_body(answer), "onetwo");
	assert_int_equal(chunks_seen, 2);
	assert_int_equal(sends_seen, 1);
	assert_head_has(answer, "X-Sent: yes");
	send_verdict = PORTICO_ERROR;
	stage_request(0, POST, true);
	stage_body(0, "one", 3, true);
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 500);
	send_verdict = PORTICO_PENDING;
	stage_request(0, POST, true);
	stage_body(0, "one", 3, true);
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 500);
	assert_null(strstr(answer_body(answer), "one"));
}

/* ---- accessors ------------------------------------------------------------------------- */

static bool
count_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	(void)name;
	(void)value;
	return ++*(int *)arg < 2;
}

static enum portico_verdict
look(struct portico_request *request)
{
	struct portico_address address;
	struct portico_slice value;
	unsigned char *state = portico_request_state(request);
	int fields = 0;

#define assert_text(which, text)                                               \
	assert_string_equal(portico_request_text(request, which).data, text)
	assert_text(PORTICO_TEXT_METHOD, "GET");
	assert_text(PORTICO_TEXT_TARGET, "/a%20b/../c?x=1");
	assert_text(PORTICO_TEXT_PATH, "/c");
	assert_text(PORTICO_TEXT_QUERY, "x=1");
	assert_text(PORTICO_TEXT_HOST, "example.com");
	assert_text(PORTICO_TEXT_SCHEME, "http");
	assert_text(PORTICO_TEXT_APPLICATION_PATH, "/");
	assert_text(PORTICO_TEXT_PATH_IN_APPLICATION, "/c");
	assert_text(PORTICO_TEXT_ROOT, "/tmp");
	assert_text(PORTICO_TEXT_SITE, "site");
	assert_text(PORTICO_TEXT_POOL, "test");
	assert_text(PORTICO_TEXT_USER, "");
	assert_int_equal(portico_request_id(request), 0xabcdef);
	assert_true(
		portico_request_field(request, PORTICO_SLICE("x-OWN"), &value));
	assert_string_equal(value.data, "here");
	assert_false(portico_request_field(request, PORTICO_SLICE("Cookie"),
					   &value));
	portico_request_fields(request, count_field, &fields);
	assert_int_equal(fields, 2);
	assert_int_equal(portico_request_content_length(request), 0);
	assert_false(portico_request_has_body(request));
	portico_request_client(request, &address);
	assert_string_equal(address.text, "127.0.0.1");
	assert_int_equal(address.port, 4711);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(state[i], 0);
		state[i] = 0xff;
	}
	assert_ptr_equal(portico_request_state(request), state);
	assert_int_equal(portico_response_status(request), 0);
	assert_non_null(portico_request_alloc(request, 500 * 1024));
	assert_null(portico_request_alloc(request, 600 * 1024));
	assert_int_equal(portico_request_set_user(request,
						  PORTICO_SLICE("anna")),
			 PORTICO_OK);
	assert_text(PORTICO_TEXT_USER, "anna");
	portico_response_set_status(request, 200, 0);
	return PORTICO_DONE;
}

static void
test_accessors_and_state(void **state)
{
	(void)state;
	script = look;
	for (int i = 0; i < 3; i++) {
		struct answer *answer;

		stage_request(0,
			      "GET /a%20b/../c?x=1 HTTP/1.1\r\n"
			      "Host: Example.com\r\nX-Own: here\r\n"
			      "Accept: */*\r\n\r\n",
			      false);
		answer = stage_finish(0);
		assert_string_equal(answer->user, "anna");
		assert_int_equal(answer->info.status, 200);
		assert_int_equal(answer->descriptors, 2);
	}
}

/* ---- asynchrony -------------------------------------------------------------------------- */

static pthread_t worked_on;
static unsigned steps;

static void
work(void *arg)
{
	worked_on = pthread_self();
	*(int *)arg += 1;
}

static enum portico_verdict offload_again(struct portico_request *request);

static enum portico_verdict
worked(struct portico_request *request, void *arg)
{
	size_t written;

	assert_int_equal(*(int *)arg, ++steps);
	assert_false(pthread_equal(worked_on, pthread_self()));
	if (steps < 3)
		return offload_again(request);
	portico_response_write(request, "worked", 6, &written);
	return PORTICO_DONE;
}

static int value;

static enum portico_verdict
offload_again(struct portico_request *request)
{
	assert_int_equal(portico_offload(request, work, &value, worked, &value),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static enum portico_verdict
offload(struct portico_request *request)
{
	value = 0;
	steps = 0;
	return offload_again(request);
}

static void
test_offload_runs_elsewhere_and_comes_back(void **state)
{
	(void)state;
	script = offload;
	stage_get(0, "/");
	assert_string_equal(answer_body(stage_finish(0)), "worked");
	assert_int_equal(steps, 3);
}

static enum portico_verdict
offload_and_lie(struct portico_request *request)
{
	static int ignored;

	assert_int_equal(portico_offload(request, work, &ignored, worked,
					 &ignored),
			 PORTICO_OK);
	return PORTICO_DONE;
}

static void
test_offload_without_pending_is_survived(void **state)
{
	(void)state;
	script = offload_and_lie;
	for (int i = 0; i < 20; i++) {
		stage_get(0, "/");
		assert_int_equal(stage_finish(0)->info.status, 500);
	}
	usleep(20000);
	stage_turns(3);
}

static struct portico_token token;
static unsigned fired;

static enum portico_verdict
say_done(struct portico_request *request, void *arg)
{
	size_t written;

	(void)arg;
	portico_response_write(request, "done", 4, &written);
	return PORTICO_DONE;
}

static void
on_timer(struct portico_request *request, void *arg)
{
	(void)request;
	fired++;
	if (arg != NULL)
		portico_complete(token);
}

static enum portico_verdict
use_timers(struct portico_request *request)
{
	struct portico_timer *stopped =
		portico_timer_start(request, 1000000, on_timer, NULL);

	/* This one would come after the end. */
	portico_timer_start(request, UINT64_C(50000000), on_timer, NULL);
	portico_timer_start(request, 2000000, on_timer, &token);
	portico_timer_stop(stopped);
	portico_suspend(request, say_done, NULL, &token);
	return PORTICO_PENDING;
}

static void
test_timers_belong_to_the_request(void **state)
{
	(void)state;
	script = use_timers;
	fired = 0;
	for (int i = 0; i < 3; i++) {
		stage_get(0, "/");
		assert_string_equal(answer_body(stage_finish(0)), "done");
	}
	usleep(80000);
	stage_turns(3);
	assert_int_equal(fired, 3);
}

static int pipes[2];
static struct portico_watch *watch;

static void
on_watch(struct portico_request *request, int events, void *arg)
{
	char byte;

	(void)request;
	(void)arg;
	assert_int_equal(events, PORTICO_WATCH_READ);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	if (byte == 'x') {
		portico_watch_stop(watch);
		portico_complete(token);
	}
}

static enum portico_verdict
use_watch(struct portico_request *request)
{
	FILE *regular = tmpfile();

	watch = portico_watch_start(request, fileno(regular),
				    PORTICO_WATCH_READ, on_watch, NULL);
	assert_null(watch);
	fclose(regular);
	watch = portico_watch_start(request, pipes[0], PORTICO_WATCH_READ,
				    on_watch, NULL);
	assert_non_null(watch);
	portico_suspend(request, say_done, NULL, &token);
	return PORTICO_PENDING;
}

static void
test_watch_reports_a_descriptor(void **state)
{
	(void)state;
	script = use_watch;
	assert_int_equal(pipe(pipes), 0);
	stage_get(0, "/");
	stage_turns(2);
	assert_int_equal(write(pipes[1], "ax", 2), 2);
	assert_string_equal(answer_body(stage_finish(0)), "done");
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- files ---------------------------------------------------------------------------------- */

static char directory[] = "/tmp/portico-stream-XXXXXX";

static enum portico_status
try_open(struct portico_request *request, const char *path)
{
	struct portico_error err = { 0 };
	int fd = -1;
	enum portico_status status = portico_file_open(
		request, (struct portico_slice){ path, strlen(path) }, &fd,
		&err);

	if (status == PORTICO_OK)
		close(fd);
	else
		assert_true(err.message[0] != '\0');
	return status;
}

static enum portico_verdict
open_files(struct portico_request *request)
{
	char path[5000];

	snprintf(path, sizeof(path), "%s/inside", directory + 5);
	assert_int_equal(try_open(request, path), PORTICO_OK);
	snprintf(path, sizeof(path), "///%s/inside", directory + 5);
	assert_int_equal(try_open(request, path), PORTICO_OK);
	snprintf(path, sizeof(path), "%s/none", directory + 5);
	assert_int_equal(try_open(request, path), PORTICO_NOT_FOUND);
	snprintf(path, sizeof(path), "%s/inside/none", directory + 5);
	assert_int_equal(try_open(request, path), PORTICO_NOT_FOUND);
	snprintf(path, sizeof(path), "%s/out", directory + 5);
	assert_int_equal(try_open(request, path), PORTICO_DENIED);
	assert_int_equal(try_open(request, "../etc/passwd"), PORTICO_DENIED);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(try_open(request, path), PORTICO_INVALID);
	portico_response_set_status(request, 204, 0);
	return PORTICO_DONE;
}

static void
test_files_stay_below_the_root(void **state)
{
	char path[256];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/inside", directory);
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	close(fd);
	snprintf(path, sizeof(path), "%s/out", directory);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	script = open_files;
	stage_get(0, "/");
	assert_int_equal(stage_finish(0)->info.status, 204);
	unlink(path);
	snprintf(path, sizeof(path), "%s/inside", directory);
	unlink(path);
	rmdir(directory);
}

/* ---- filters -------------------------------------------------------------------------------- */

static enum portico_verdict head_verdict;
static bool data_fails;

static enum portico_verdict
double_head(struct portico_request *request)
{
	if (head_verdict == PORTICO_NEXT)
		portico_response_set_length(request, -1);
	return head_verdict;
}

/* Every byte twice. */
static enum portico_status
double_data(struct portico_request *request, struct portico_slice chunk,
	    uint32_t flags, struct portico_filter_stream *next)
{
	char out[2000];
	size_t used = 0;

	(void)request;
	if (data_fails)
		return PORTICO_SYSTEM;
	for (size_t i = 0; i < chunk.length; i++) {
		out[used++] = chunk.data[i];
		out[used++] = chunk.data[i];
		if (used == sizeof(out)) {
			enum portico_status status = portico_filter_pass(
				next, (struct portico_slice){ out, used }, 0);

			if (status != PORTICO_OK)
				return status;
			used = 0;
		}
	}
	return portico_filter_pass(next, (struct portico_slice){ out, used },
				   flags);
}

/* Upper case, and "!" at the end. */
static enum portico_status
shout_data(struct portico_request *request, struct portico_slice chunk,
	   uint32_t flags, struct portico_filter_stream *next)
{
	char *out = portico_request_alloc(request, chunk.length + 1);
	size_t length = chunk.length;

	/* Large ones come from the arena only so often. */
	if (out == NULL)
		return PORTICO_NO_MEMORY;
	for (size_t i = 0; i < length; i++)
		out[i] = (char)(chunk.data[i] >= 'a' && chunk.data[i] <= 'z' ?
					chunk.data[i] - 32 :
					chunk.data[i]);
	if ((flags & PORTICO_DATA_LAST) != 0)
		out[length++] = '!';
	return portico_filter_pass(next, (struct portico_slice){ out, length },
				   flags);
}

static enum portico_verdict
shout_head(struct portico_request *request)
{
	portico_response_set_length(request, -1);
	portico_response_set_field(request, PORTICO_SLICE("X-Shout"),
				   PORTICO_SLICE("1"));
	return PORTICO_NEXT;
}

static const char *const after_shout[] = { "shout", NULL };
static const struct portico_filter double_filter = {
	.name = "double",
	.after = after_shout, /* nearer to the client */
	.head = double_head,
	.data = double_data,
};
static const struct portico_filter shout_filter = {
	.name = "shout",
	.head = shout_head,
	.data = shout_data,
};
static const struct portico_module double_module =
	STAGE_MODULE(.name = "double", .filter = &double_filter);
static const struct portico_module shout_module =
	STAGE_MODULE(.name = "shout", .filter = &shout_filter);

static int
setup_double(void **state)
{
	(void)state;
	head_verdict = PORTICO_NEXT;
	data_fails = false;
	stage_begin();
	stage_add_module(&double_module);
	stage_add_module(&plain);
	stage_start("test");
	return 0;
}

static int
setup_both(void **state)
{
	(void)state;
	head_verdict = PORTICO_NEXT;
	data_fails = false;
	stage_begin();
	stage_add_module(&double_module);
	stage_add_module(&shout_module);
	stage_add_module(&plain);
	stage_start("test");
	return 0;
}

static enum portico_verdict
write_twice(struct portico_request *request)
{
	size_t written;

	portico_response_set_length(request, 6);
	portico_response_write(request, "abc", 3, &written);
	portico_response_write(request, "def", 3, &written);
	return PORTICO_DONE;
}

static void
test_filter_changes_a_small_response(void **state)
{
	struct answer *answer;

	(void)state;
	script = write_twice;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_string_equal(answer_body(answer), "aabbccddeeff");
	assert_int_equal(answer->info.content_length, 12);
	assert_int_equal(answer->descriptors, 1);
}

static void
test_filters_run_in_their_order(void **state)
{
	struct answer *answer;

	(void)state;
	script = write_twice;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_string_equal(answer_body(answer), "AABBCCDDEEFF!!");
	assert_head_has(answer, "X-Shout: 1");
	assert_int_equal(answer->info.content_length, 14);
}

static void
test_filter_may_pass_by_or_fail(void **state)
{
	struct answer *answer;

	(void)state;
	script = write_twice;
	head_verdict = PORTICO_DONE;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_string_equal(answer_body(answer), "abcdef");
	assert_int_equal(answer->info.content_length, 6);
	head_verdict = PORTICO_ERROR;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 500);
	head_verdict = PORTICO_NEXT;
	data_fails = true;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 500);
	assert_int_equal(strncmp(answer_body(answer), "<!DOCTYPE", 9), 0);
}

static void
test_filter_of_an_echo_keeps_to_the_window(void **state)
{
	static char piece[60000];
	struct answer *answer = &stage.answers[0];

	(void)state;
	script = echo;
	memset(piece, 'z', sizeof(piece));
	stage.return_window = false;
	stage_request(0, POST, true);
	stage_body(0, piece, sizeof(piece), false);
	stage_body(0, piece, sizeof(piece), true);
	stage_turns(6);
	assert_int_equal(answer->body.length, 128 * 1024);
	assert_false(answer->ended);
	stage.return_window = true;
	stage_signal(0, CHANNEL_WINDOW, 128 * 1024);
	stage_finish(0);
	assert_int_equal(answer->body.length, 4 * sizeof(piece));
	for (size_t i = 0; i < answer->body.length; i++)
		assert_int_equal(answer->body.data[i], 'z');
}

static struct portico_file *file;

static enum portico_verdict
send_file(struct portico_request *request)
{
	size_t written;

	portico_response_write(request, "<", 1, &written);
	assert_int_equal(portico_response_send_file(request, file, 0, 300000),
			 PORTICO_OK);
	return PORTICO_DONE;
}

static void
test_file_goes_through_the_filter(void **state)
{
	FILE *temporary = tmpfile();
	struct answer *answer;

	(void)state;
	for (int i = 0; i < 300000; i++)
		fputc('a' + i % 19, temporary);
	fflush(temporary);
	file = portico_file_adopt(dup(fileno(temporary)));
	script = send_file;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->files, 0);
	assert_int_equal(answer->body.length, 600002);
	for (size_t i = 0; i < 300000; i++)
		assert_int_equal(answer->body.data[2 + 2 * i],
				 'a' + (int)(i % 19));
	/* It has become shorter: cut, not closed as if complete. */
	assert_int_equal(ftruncate(fileno(temporary), 200000), 0);
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_true(answer->failed);
	/* The client leaves while it is read. */
	stage.return_window = false;
	stage_get(0, "/");
	stage_turns(2);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_finish(0);
	usleep(20000);
	stage_turns(3);
	portico_file_unref(file);
	fclose(temporary);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_WITH(name, its_setup)                                             \
	cmocka_unit_test_setup_teardown(name, its_setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_body_is_echoed_under_windows),
	TEST(test_unread_body_costs_nothing),
	TEST(test_abort_wakes_a_reader),
	TEST(test_request_without_body),
	TEST_WITH(test_events_of_body_and_head, setup_eager),
	TEST(test_accessors_and_state),
	TEST(test_offload_runs_elsewhere_and_comes_back),
	TEST(test_offload_without_pending_is_survived),
	TEST(test_timers_belong_to_the_request),
	TEST(test_watch_reports_a_descriptor),
	TEST(test_files_stay_below_the_root),
	TEST_WITH(test_filter_changes_a_small_response, setup_double),
	TEST_WITH(test_filters_run_in_their_order, setup_both),
	TEST_WITH(test_filter_may_pass_by_or_fail, setup_double),
	TEST_WITH(test_filter_of_an_echo_keeps_to_the_window, setup_double),
	TEST_WITH(test_file_goes_through_the_filter, setup_double),
};

UNIT_MAIN(tests)
