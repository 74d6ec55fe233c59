/* SPDX-License-Identifier: Apache-2.0
 *
 * How responses are put together: blocks, descriptors, windows, lengths.
 */
#include "t/unit/worker/stage.h"

static portico_event_fn *script;

static enum portico_verdict
run_script(struct portico_request *request)
{
	return script(request);
}

static const struct portico_handler handlers[] = { { .name = "test",
						     .function = run_script },
						   { 0 } };
static const struct portico_module module =
	STAGE_MODULE(.name = "test", .handlers = handlers);

static int
setup(void **state)
{
	(void)state;
	stage_begin();
	stage_add_module(&module);
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

static void
write_text(struct portico_request *request, const char *text)
{
	size_t written;

	assert_int_equal(portico_response_write(request, text, strlen(text),
						&written),
			 PORTICO_OK);
	assert_int_equal(written, strlen(text));
}

/* ---- small responses ------------------------------------------------------------ */

static enum portico_verdict
hello(struct portico_request *request)
{
	portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				   PORTICO_SLICE("text/plain"));
	write_text(request, "Hello, ");
	write_text(request, "world\n");
	return PORTICO_DONE;
}

static void
test_small_response_is_one_block_and_one_descriptor(void **state)
{
	struct answer *answer;

	(void)state;
	script = hello;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->descriptors, 1);
	assert_true(answer->end_was_flag);
	assert_int_equal(answer->info.status, 200);
	assert_int_equal(answer->info.content_length, 13);
	assert_string_equal(answer_body(answer), "Hello, world\n");
	assert_head_has(answer, "Content-Type: text/plain\r\n");
}

static void
test_head_drops_the_body_and_keeps_its_length(void **state)
{
	struct answer *answer;

	(void)state;
	script = hello;
	stage_request(0, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", false);
	answer = stage_finish(0);
	assert_int_equal(answer->descriptors, 1);
	assert_int_equal(answer->info.content_length, 13);
	assert_int_equal(answer->body.length, 0);
}

static enum portico_verdict
fields_after_body(struct portico_request *request)
{
	struct portico_slice value;

	portico_response_set_field(request, PORTICO_SLICE("X-A"),
				   PORTICO_SLICE("1"));
	write_text(request, "body");
	portico_response_set_status(request, 201, 3);
	portico_response_set_field(
		request, PORTICO_SLICE("x-a"),
		PORTICO_SLICE("two, and longer than before"));
	portico_response_add_field(request, PORTICO_SLICE("Set-Cookie"),
				   PORTICO_SLICE("a=1"));
	portico_response_add_field(request, PORTICO_SLICE("Set-Cookie"),
				   PORTICO_SLICE("b=2"));
	assert_true(
		portico_response_field(request, PORTICO_SLICE("X-a"), &value));
	assert_int_equal(value.length, 27);
	assert_false(portico_response_head_sent(request));
	write_text(request, " and more");
	return PORTICO_DONE;
}

static void
test_fields_may_change_after_body_was_written(void **state)
{
	struct answer *answer;

	(void)state;
	script = fields_after_body;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->descriptors, 1);
	assert_int_equal(answer->info.status, 201);
	assert_int_equal(answer->info.substatus, 3);
	assert_head_has(answer, "x-a: two, and longer than before\r\n");
	assert_head_lacks(answer, "1\r\nX-A");
	assert_head_has(answer, "Set-Cookie: a=1\r\n");
	assert_head_has(answer, "Set-Cookie: b=2\r\n");
	assert_string_equal(answer_body(answer), "body and more");
}

static enum portico_verdict
head_grows_beyond_block(struct portico_request *request)
{
	static char value[3000];

	memset(value, 'v', sizeof(value));
	write_text(request, "the body");
	portico_response_set_field(request, PORTICO_SLICE("X-Long"),
				   (struct portico_slice){ value,
							   sizeof(value) });
	portico_response_set_field(request, PORTICO_SLICE("X-Longer"),
				   (struct portico_slice){ value,
							   sizeof(value) });
	return PORTICO_DONE;
}

static void
test_head_that_outgrows_the_block_gets_its_own(void **state)
{
	struct answer *answer;

	(void)state;
	script = head_grows_beyond_block;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->descriptors, 1);
	assert_string_equal(answer_body(answer), "the body");
	assert_int_equal(answer->info.content_length, 8);
	assert_head_has(answer, "X-Longer: vvvv");
}

static enum portico_verdict
bad_fields(struct portico_request *request)
{
	static char huge[40000];
	struct portico_slice x = PORTICO_SLICE("x");

	memset(huge, 'h', sizeof(huge));
	assert_int_equal(portico_response_set_field(
				 request, PORTICO_SLICE("Bad Name"), x),
			 PORTICO_INVALID);
	assert_int_equal(portico_response_set_field(request, PORTICO_SLICE(""),
						    x),
			 PORTICO_INVALID);
	assert_int_equal(
		portico_response_set_field(request, PORTICO_SLICE("X"),
					   PORTICO_SLICE("a\r\nSet-Cookie: b")),
		PORTICO_INVALID);
	assert_int_equal(portico_response_set_field(
				 request, PORTICO_SLICE("Content-Length"),
				 PORTICO_SLICE("3")),
			 PORTICO_INVALID);
	assert_int_equal(portico_response_set_field(
				 request, PORTICO_SLICE("keep-alive"), x),
			 PORTICO_INVALID);
	assert_int_equal(portico_response_set_field(
				 request, PORTICO_SLICE("X"),
				 (struct portico_slice){ huge, sizeof(huge) }),
			 PORTICO_TOO_LARGE);
	assert_int_equal(portico_response_set_status(request, 199, 0),
			 PORTICO_INVALID);
	assert_int_equal(portico_response_set_status(request, 600, 0),
			 PORTICO_INVALID);
	portico_response_set_field(request, PORTICO_SLICE("X-Gone"), x);
	portico_response_set_field(request, PORTICO_SLICE("X-Gone"),
				   (struct portico_slice){ NULL, 0 });
	portico_response_set_status(request, 204, 0);
	return PORTICO_DONE;
}

static void
test_fields_that_are_refused(void **state)
{
	struct answer *answer;

	(void)state;
	script = bad_fields;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 204);
	assert_int_equal(answer->info.content_length, -1);
	assert_head_lacks(answer, "X-Gone");
	assert_head_lacks(answer, "Set-Cookie");
}

/* ---- larger responses -------------------------------------------------------------- */

static size_t total, step;

static char
byte_at(size_t i)
{
	return (char)('a' + i % 23);
}

static enum portico_verdict
write_pattern(struct portico_request *request)
{
	static char piece[70000];

	for (size_t at = 0; at < total; at += step) {
		size_t length = total - at < step ? total - at : step;
		size_t written;

		for (size_t i = 0; i < length; i++)
			piece[i] = byte_at(at + i);
		assert_int_equal(portico_response_write(request, piece, length,
							&written),
				 PORTICO_OK);
		assert_int_equal(written, length);
	}
	return PORTICO_DONE;
}

static void
assert_pattern(const struct answer *answer, size_t length)
{
	assert_int_equal(answer->body.length, length);
	for (size_t i = 0; i < length; i++) {
		if (answer->body.data[i] != byte_at(i))
			fail_msg("byte %zu differs", i);
	}
}

static void
test_body_grows_through_the_classes_in_one_descriptor(void **state)
{
	static const size_t totals[] = { 1,	3900,  4096,  5000,
					 16000, 20000, 60000, 65000 };

	(void)state;
	script = write_pattern;
	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		struct answer *answer;

		total = totals[i];
		step = 1000;
		stage_get(0, "/");
		answer = stage_finish(0);
		assert_int_equal(answer->descriptors, 1);
		assert_int_equal(answer->info.content_length, total);
		assert_pattern(answer, total);
	}
}

static void
test_larger_body_leaves_in_several_descriptors(void **state)
{
	struct answer *answer;

	(void)state;
	script = write_pattern;
	total = 120000;
	step = 7001;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_true(answer->bodies >= 1);
	assert_true(answer->end_was_flag);
	assert_int_equal(answer->info.content_length, -1);
	assert_pattern(answer, total);
}

/* ---- the window ------------------------------------------------------------------------ */

static size_t written_so_far;
static unsigned waits;

static enum portico_verdict
write_patiently(struct portico_request *request, void *arg)
{
	static char piece[10000];

	while (written_so_far < total) {
		size_t length = total - written_so_far, written;
		enum portico_status status;

		if (length > sizeof(piece))
			length = sizeof(piece);
		for (size_t i = 0; i < length; i++)
			piece[i] = byte_at(written_so_far + i);
		status = portico_response_write(request, piece, length,
						&written);
		written_so_far += written;
		if (status == PORTICO_ABORTED)
			return PORTICO_ERROR;
		if (status == PORTICO_AGAIN) {
			waits++;
			assert_int_equal(portico_response_wait(
						 request, write_patiently, arg),
					 PORTICO_OK);
			return PORTICO_PENDING;
		}
		assert_int_equal(status, PORTICO_OK);
	}
	return PORTICO_DONE;
}

static enum portico_verdict
write_patiently_first(struct portico_request *request)
{
	written_so_far = 0;
	waits = 0;
	return write_patiently(request, NULL);
}

static void
test_writer_stops_at_the_window_and_goes_on(void **state)
{
	struct answer *answer = &stage.answers[0];

	(void)state;
	script = write_patiently_first;
	total = 1000000;
	stage.return_window = false;
	stage_get(0, "/");
	stage_turns(5);
	assert_false(answer->ended);
	assert_int_equal(answer->body.length, 128 * 1024);
	assert_int_equal(waits, 1);
	stage_signal(0, CHANNEL_WINDOW, 1000);
	stage_turns(5);
	assert_int_equal(answer->body.length, 128 * 1024 + 1000);
	stage.return_window = true;
	stage_signal(0, CHANNEL_WINDOW, 50000);
	stage_finish(0);
	assert_pattern(answer, total);
	assert_false(answer->failed);
}

/* As write_patiently(), for several requests at once. */
static enum portico_verdict
write_own(struct portico_request *request, void *arg)
{
	static char piece[50000];
	size_t *at = arg;

	while (*at < total) {
		size_t length = total - *at, written;
		enum portico_status status;

		if (length > sizeof(piece))
			length = sizeof(piece);
		for (size_t i = 0; i < length; i++)
			piece[i] = byte_at(*at + i);
		status = portico_response_write(request, piece, length,
						&written);
		*at += written;
		if (status == PORTICO_AGAIN) {
			waits++;
			portico_response_wait(request, write_own, at);
			return PORTICO_PENDING;
		}
		assert_int_equal(status, PORTICO_OK);
	}
	return PORTICO_DONE;
}

static enum portico_verdict
write_own_first(struct portico_request *request)
{
	size_t *at = portico_request_alloc(request, sizeof(*at));

	*at = 0;
	return write_own(request, at);
}

static void
test_writers_without_blocks_wait_for_them(void **state)
{
	const struct settings_handler rule = { .path = "*", .module = "test" };
	const struct channel_options options = { .window = 1 << 20,
						 .memory_max = 4 << 20 };
	unsigned ended = 0, rounds = 0;

	(void)state;
	stage_begin();
	stage_add_module(&module);
	stage_start_with(&rule, 1, options);
	script = write_own_first;
	total = 900000;
	waits = 0;
	stage.return_blocks = false;
	for (uint32_t slot = 0; slot < 8; slot++)
		stage_get(slot, "/");
	stage_turns(5);
	assert_true(waits > 0);
	assert_false(stage.answers[7].ended);
	/* Giving blocks back is all that they need to go on. */
	while (ended < 8 && rounds++ < 1000) {
		stage_return_kept();
		stage_turns(2);
		ended = 0;
		for (uint32_t slot = 0; slot < 8; slot++)
			ended += stage.answers[slot].ended;
	}
	for (uint32_t slot = 0; slot < 8; slot++)
		assert_pattern(&stage.answers[slot], total);
	stage_assert_clean();
	stage_end();
}

static void
test_abort_ends_a_waiting_writer(void **state)
{
	struct answer *answer = &stage.answers[0];

	(void)state;
	script = write_patiently_first;
	total = 1000000;
	stage.return_window = false;
	stage_get(0, "/");
	stage_turns(3);
	assert_false(answer->ended);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_finish(0);
	assert_true(answer->failed);
	assert_int_equal(answer->ends, 1);
}

/* ---- reserve, flush, length -------------------------------------------------------------- */

static enum portico_verdict
reserve(struct portico_request *request)
{
	void *data;
	size_t size, filled = 0;

	while (filled < total) {
		assert_int_equal(portico_response_reserve(
					 request, total - filled, &data, &size),
				 PORTICO_OK);
		assert_true(size >= 1 && size <= total - filled);
		for (size_t i = 0; i < size; i++)
			((char *)data)[i] = byte_at(filled + i);
		assert_int_equal(portico_response_commit(request, size),
				 PORTICO_OK);
		filled += size;
	}
	assert_int_equal(portico_response_commit(request, 1), PORTICO_STATE);
	return PORTICO_DONE;
}

static void
test_reserve_lends_blocks(void **state)
{
	struct answer *answer;

	(void)state;
	script = reserve;
	total = 500;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->descriptors, 1);
	assert_pattern(answer, total);
	total = 100000;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_pattern(answer, total);
}

static struct portico_token token;

static enum portico_verdict
finish_text(struct portico_request *request, void *arg)
{
	(void)arg;
	assert_true(portico_response_head_sent(request));
	assert_int_equal(portico_response_set_status(request, 404, 0),
			 PORTICO_STATE);
	assert_int_equal(portico_response_set_field(request, PORTICO_SLICE("X"),
						    PORTICO_SLICE("y")),
			 PORTICO_STATE);
	write_text(request, "second");
	return PORTICO_DONE;
}

static enum portico_verdict
flush(struct portico_request *request)
{
	write_text(request, "first ");
	assert_int_equal(portico_response_flush(request), PORTICO_OK);
	assert_int_equal(portico_suspend(request, finish_text, NULL, &token),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

static void
test_flush_sends_what_is_there(void **state)
{
	struct answer *answer = &stage.answers[0];

	(void)state;
	script = flush;
	stage_get(0, "/");
	stage_turns(2);
	assert_int_equal(answer->responses, 1);
	assert_int_equal(answer->flushes, 1);
	assert_int_equal(answer->body.length, 6);
	assert_false(answer->ended);
	portico_complete(token);
	stage_finish(0);
	assert_string_equal(answer_body(answer), "first second");
	assert_int_equal(answer->info.content_length, -1);
}

static int64_t announced;

static enum portico_verdict
announce(struct portico_request *request)
{
	size_t written;

	portico_response_set_length(request, announced);
	if (portico_response_write(request, "12345", 5, &written) ==
	    PORTICO_TOO_LARGE)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static void
test_announced_length_is_held_to(void **state)
{
	struct answer *answer;

	(void)state;
	script = announce;
	announced = 5;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 200);
	announced = 6; /* too few: 500 since nothing has left */
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 500);
	announced = 4; /* too many: refused */
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 500);
	assert_head_has(answer, "text/html");
}

static enum portico_verdict
not_modified(struct portico_request *request)
{
	write_text(request, "staged before the status was known");
	portico_response_set_status(request, 304, 0);
	portico_response_set_field(request, PORTICO_SLICE("ETag"),
				   PORTICO_SLICE("\"x\""));
	write_text(request, "dropped");
	return PORTICO_DONE;
}

static void
test_304_has_no_body(void **state)
{
	struct answer *answer;

	(void)state;
	script = not_modified;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 304);
	assert_int_equal(answer->body.length, 0);
	assert_int_equal(answer->descriptors, 1);
}

/* ---- files -------------------------------------------------------------------------------- */

static struct portico_file *file;
static bool text_before, text_after;

static enum portico_verdict
send_file(struct portico_request *request)
{
	if (text_before)
		write_text(request, "before ");
	assert_int_equal(portico_response_send_file(request, file, 10, 500),
			 PORTICO_OK);
	if (text_after)
		write_text(request, " after");
	return PORTICO_DONE;
}

static void
file_make(void)
{
	FILE *temporary = tmpfile();

	for (size_t i = 0; i < 100000; i++)
		fputc(byte_at(i), temporary);
	fflush(temporary);
	file = portico_file_adopt(dup(fileno(temporary)));
	fclose(temporary);
}

static void
test_file_ends_the_response(void **state)
{
	struct answer *answer;
	struct channel_usage usage;

	(void)state;
	script = send_file;
	file_make();
	text_before = text_after = false;
	for (int i = 0; i < 3; i++) {
		stage_get(0, "/");
		answer = stage_finish(0);
		assert_int_equal(answer->descriptors, 2);
		assert_int_equal(answer->files, 1);
		assert_int_equal(answer->file_offset, 10);
		assert_int_equal(answer->file_bytes, 500);
		assert_int_equal(answer->info.content_length, 500);
		assert_true(answer->end_was_flag);
	}
	channel_get_usage(stage.listener, &usage);
	assert_int_equal(usage.files, 1); /* passed once */
	portico_file_unref(file);
	attachment_trim(stage.attachment);
	stage_turns(2);
	channel_get_usage(stage.listener, &usage);
	assert_int_equal(usage.files, 0);
}

static void
test_file_between_texts(void **state)
{
	struct answer *answer;

	(void)state;
	script = send_file;
	file_make();
	text_before = text_after = true;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_string_equal(answer_body(answer), "before  after");
	assert_int_equal(answer->files, 1);
	assert_int_equal(answer->info.content_length, -1);
	text_after = false;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.content_length, 507);
	portico_file_unref(file);
}

static void
test_many_files_keep_to_the_table(void **state)
{
	struct channel_usage usage;

	(void)state;
	script = send_file;
	text_before = text_after = false;
	for (int i = 0; i < CHANNEL_FILES_MAX + 20; i++) {
		file_make();
		stage_get(0, "/");
		stage_finish(0);
		portico_file_unref(file);
	}
	channel_get_usage(stage.listener, &usage);
	assert_in_range(usage.files, 1, CHANNEL_FILES_MAX);
}

enum {
	SPAN = 4 << 20,
	SPANS = 6
};

static int spans_taken;

static enum portico_verdict
send_spans(struct portico_request *request, void *arg)
{
	(void)arg;
	while (spans_taken < SPANS) {
		enum portico_status status = portico_response_send_file(
			request, file, (uint64_t)spans_taken * SPAN, SPAN);

		if (status == PORTICO_AGAIN) {
			waits++;
			assert_int_equal(portico_response_wait(
						 request, send_spans, NULL),
					 PORTICO_OK);
			return PORTICO_PENDING;
		}
		if (status == PORTICO_ABORTED)
			return PORTICO_ERROR;
		assert_int_equal(status, PORTICO_OK);
		spans_taken++;
	}
	return PORTICO_DONE;
}

static enum portico_verdict
send_spans_first(struct portico_request *request)
{
	spans_taken = 0;
	waits = 0;
	return send_spans(request, NULL);
}

/* Spans are taken while no more than 8 MiB wait for the client. */
static void
test_spans_wait_for_the_client(void **state)
{
	struct answer *answer = &stage.answers[0];

	(void)state;
	file_make();
	script = send_spans_first;
	stage_get(0, "/");
	stage_turns(5);
	assert_int_equal(spans_taken, 3);
	assert_int_equal(answer->file_bytes, 3 * SPAN);
	assert_int_equal(waits, 1);
	stage_signal(0, CHANNEL_FILE_SENT, SPAN - 1);
	stage_turns(5);
	assert_int_equal(waits, 1);
	stage_signal(0, CHANNEL_FILE_SENT, 1);
	stage_turns(5);
	assert_int_equal(spans_taken, 4);
	assert_int_equal(answer->file_bytes, 4 * SPAN);
	/* More than there was: a listener that lies gains nothing. */
	stage_signal(0, CHANNEL_FILE_SENT, INT64_MAX);
	stage_finish(0);
	assert_int_equal(answer->file_bytes, (uint64_t)SPANS * SPAN);
	assert_false(answer->failed);
	/* Nothing is sent and the client leaves. */
	stage_get(0, "/");
	stage_turns(5);
	assert_int_equal(spans_taken, 3);
	stage_signal(0, CHANNEL_ABORT, CHANNEL_ABORT_CLIENT);
	stage_finish(0);
	portico_file_unref(file);
}

/* ---- error pages ------------------------------------------------------------------------------ */

static enum portico_verdict
error_page(struct portico_request *request)
{
	write_text(request, "this is forgotten");
	portico_response_set_field(request, PORTICO_SLICE("X-Stays"),
				   PORTICO_SLICE("yes"));
	portico_response_error(request, 403, 14, "Not <you> & not \"now\".");
	return PORTICO_DONE;
}

static void
test_error_page(void **state)
{
	struct answer *answer;

	(void)state;
	script = error_page;
	stage_get(0, "/");
	answer = stage_finish(0);
	assert_int_equal(answer->info.status, 403);
	assert_int_equal(answer->info.substatus, 14);
	assert_int_equal(answer->descriptors, 1);
	assert_int_equal(answer->info.content_length, answer->body.length);
	assert_head_has(answer, "X-Stays: yes");
	assert_non_null(strstr(answer_body(answer), "403.14 Forbidden"));
	assert_non_null(strstr(answer_body(answer),
			       "Not &lt;you&gt; &amp; not &quot;now&quot;."));
	assert_non_null(strstr(answer_body(answer), "0000000000abcdef"));
	assert_null(strstr(answer_body(answer), "forgotten"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(test_small_response_is_one_block_and_one_descriptor),
	TEST(test_head_drops_the_body_and_keeps_its_length),
	TEST(test_fields_may_change_after_body_was_written),
	TEST(test_head_that_outgrows_the_block_gets_its_own),
	TEST(test_fields_that_are_refused),
	TEST(test_body_grows_through_the_classes_in_one_descriptor),
	TEST(test_larger_body_leaves_in_several_descriptors),
	TEST(test_writer_stops_at_the_window_and_goes_on),
	cmocka_unit_test(test_writers_without_blocks_wait_for_them),
	TEST(test_abort_ends_a_waiting_writer),
	TEST(test_reserve_lends_blocks),
	TEST(test_flush_sends_what_is_there),
	TEST(test_announced_length_is_held_to),
	TEST(test_304_has_no_body),
	TEST(test_file_ends_the_response),
	TEST(test_file_between_texts),
	TEST(test_many_files_keep_to_the_table),
	TEST(test_spans_wait_for_the_client),
	TEST(test_error_page),
};

UNIT_MAIN(tests)
