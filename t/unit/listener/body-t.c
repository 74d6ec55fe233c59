/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies both ways: on demand, within windows, chunked and sized, and what is
 * left of them when the answer is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/channel/limits.h"
#include "t/unit/listener/stage.h"

static const unsigned done = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;

static void
want(struct fake_worker *worker, const struct channel_descriptor *request,
     uint64_t bytes)
{
	struct channel_descriptor window = {
		.type = CHANNEL_WINDOW,
		.slot = request->slot,
		.generation = request->generation,
		.value = bytes,
	};

	fake_worker_send(worker, &window);
}

/* A pause that is part of what is tested: a client or a pool that is slow. */
static void
pause_ms(unsigned ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

/* Collects body until LAST or `most` bytes; what comes behind it is given back
 * unseen. */
static size_t
collect(struct fake_worker *worker, char *to, size_t most, bool *last_r)
{
	size_t used = 0;

	*last_r = false;
	while (used < most && !*last_r) {
		struct channel_descriptor body;

		fake_worker_receive(worker, &body);
		assert_int_equal(body.type, CHANNEL_BODY);
		for (unsigned i = 0; i < body.count; i++) {
			struct channel_reference ref = body.refs[i];

			if (i + 1u == body.count)
				ref.length -= body.extra;
			assert_true(ref.length <= most - used);
			if (ref.length > 0)
				memcpy(to + used,
				       channel_block_data(worker->channel, ref),
				       ref.length);
			used += ref.length;
			channel_release(worker->channel, ref.block);
		}
		*last_r = (body.flags & CHANNEL_FLAG_LAST) != 0;
	}
	channel_flush(worker->channel);
	return used;
}

static void
begin(struct stage *stage, struct fake_worker *worker, int *client,
      struct channel_descriptor *request, const char *pool, const char *head)
{
	stage_open(stage, pool, "");
	fake_worker_open(worker, stage, 1);
	*client = client_connect(stage);
	client_send(*client, head);
	fake_worker_take(worker, request);
	assert_int_equal(request->flags, CHANNEL_FLAG_HAS_BODY);
}

static void
end(struct stage *stage, struct fake_worker *worker, int client)
{
	stage_await_counter(stage, "active", 0);
	close(client);
	fake_worker_kill(worker);
	stage_close(stage);
}

static void
test_sized_body_within_the_window(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	char got[32];
	bool last;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "",
	      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123");
	want(&worker, &request, 3);
	assert_int_equal(collect(&worker, got, 3, &last), 3);
	assert_memory_equal(got, "012", 3);
	assert_false(last);
	client_send(client, "456789GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
	want(&worker, &request, 100);
	assert_int_equal(collect(&worker, got, sizeof(got), &last), 7);
	assert_memory_equal(got, "3456789", 7);
	assert_true(last);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	/* What followed the body is the next request. */
	fake_worker_take(&worker, &request);
	assert_string_equal(http_request_head_slice(
				    fake_worker_head(&worker, &request),
				    fake_worker_head(&worker, &request)->path)
				    .data,
			    "/next");
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	end(&stage, &worker, client);
}

static void
test_chunked_body_cut_anywhere(void **state)
{
	static const char text[] = "5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n"
				   "0\r\nTrailer: x\r\n\r\n";
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	char got[32];
	bool last;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "",
	      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	      "\r\n");
	want(&worker, &request, 100);
	for (unsigned i = 0; text[i] != '\0'; i++) {
		char byte[2] = { text[i], '\0' };

		client_send(client, byte);
	}
	assert_int_equal(collect(&worker, got, sizeof(got), &last), 11);
	assert_memory_equal(got, "hello world", 11);
	assert_true(last);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	end(&stage, &worker, client);
}

/* A body in crumbs does not fill the channel with blocks of a byte. */
static void
test_crumbs_are_gathered(void **state)
{
	enum {
		CRUMBS = 400
	};
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	unsigned pieces = 0, bytes = 0;
	bool last = false;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "",
	      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n");
	want(&worker, &request, 100000);
	for (unsigned i = 0; i < CRUMBS; i++) {
		client_send(client, "x");
		/* Read by the listener before the next one is sent. */
		(void)stage_counter(&stage, "active");
		(void)stage_counter(&stage, "active");
	}
	while (!last) {
		fake_worker_receive(&worker, &body);
		assert_int_equal(body.type, CHANNEL_BODY);
		pieces++;
		bytes += body.refs[0].length;
		channel_release(worker.channel, body.refs[0].block);
		last = (body.flags & CHANNEL_FLAG_LAST) != 0;
	}
	assert_int_equal(bytes, CRUMBS);
	/* 64 at once, then at ticks and at the end only. */
	assert_in_range(pieces, 64, 100);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	end(&stage, &worker, client);
}

static void
test_continue_only_when_wanted(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	char got[8], byte;
	bool last;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "",
	      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
	      "Expect: 100-continue\r\n\r\n");
	assert_int_equal(stage_counter(&stage, "active"), 1);
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1);
	want(&worker, &request, 100);
	assert_string_equal(client_read(client, "\r\n\r\n", NULL),
			    "HTTP/1.1 100 Continue\r\n\r\n");
	client_send(client, "body");
	assert_int_equal(collect(&worker, got, sizeof(got), &last), 4);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	end(&stage, &worker, client);
}

static void
test_bad_chunk_is_400(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, abort;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "",
	      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	      "\r\nzz\r\n");
	want(&worker, &request, 100);
	assert_non_null(strstr(client_read(client, NULL, NULL), " 400 "));
	fake_worker_receive(&worker, &abort);
	assert_int_equal(abort.type, CHANNEL_ABORT);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	end(&stage, &worker, client);
}

static void
test_body_larger_than_allowed(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, next;
	char got[16];
	bool last;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "\"maxRequestBody\": 8",
	      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	      "\r\n8\r\n01234567\r\n");
	want(&worker, &request, 100);
	assert_int_equal(collect(&worker, got, 8, &last), 8);
	client_send(client, "1\r\n8\r\n");
	assert_non_null(strstr(client_read(client, NULL, NULL), " 413 "));
	fake_worker_receive(&worker, &next);
	assert_int_equal(next.type, CHANNEL_ABORT);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	close(client);
	/* With a length nobody is bothered at all. */
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 9\r\n\r\n");
	assert_non_null(strstr(client_read(client, NULL, NULL), " 413 "));
	end(&stage, &worker, client);
}

static void
test_unread_body_is_drained(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "",
	      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123");
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	client_send(client, "456789GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	end(&stage, &worker, client);
}

static void
test_large_unread_body_ends_the_connection(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	const char *text;
	int client;

	(void)state;
	begin(&stage, &worker, &client, &request, "",
	      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n"
	      "\r\n0123");
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	text = client_read(client, NULL, NULL);
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nok"));
	end(&stage, &worker, client);
}

/*
 * A worker dies with a body that it has read.  What is small is still in the
 * buffer of the head, so an idempotent request can be run again with it.
 * `parts` are sent one after the other, each when the one before was read;
 * `text` is the body.
 */
static void
die_with_body(const char *head, const char *const *parts, const char *text,
	      bool again)
{
	struct stage stage;
	struct fake_worker first, second;
	struct channel_descriptor request;
	static char got[65536];
	size_t length = strlen(text), used = 0;
	bool last = false;
	int client;

	begin(&stage, &first, &client, &request, "", head);
	want(&first, &request, length + 1);
	for (; *parts != NULL; parts++) {
		struct channel_descriptor body;

		client_send(client, *parts);
		fake_worker_receive(&first, &body);
		assert_int_equal(body.type, CHANNEL_BODY);
		used += body.refs[0].length;
	}
	assert_true(used > 0);
	fake_worker_kill(&first);
	json_decref(stage_await(&stage, "worker-lost"));
	fake_worker_open(&second, &stage, 1);
	if (again) {
		fake_worker_take(&second, &request);
		assert_int_equal(request.flags, CHANNEL_FLAG_HAS_BODY);
		want(&second, &request, length + 1);
		used = 0;
		while (!last)
			used += collect(&second, got + used, length - used,
					&last);
		assert_int_equal(used, length);
		assert_memory_equal(got, text, length);
		fake_worker_respond(&second, &request, 200, 2, "ok", done);
		client_read(client, "\r\n\r\nok", NULL);
		/* The connection is where it was. */
		client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		fake_worker_take(&second, &request);
		fake_worker_respond(&second, &request, 200, 2, "ok", done);
		client_read(client, "\r\n\r\nok", NULL);
	} else {
		assert_non_null(strstr(client_read(client, "</html>\n", NULL),
				       "HTTP/1.1 502 "));
	}
	assert_int_equal(stage_counter(&stage, "replayed"), again);
	end(&stage, &second, client);
}

static void
test_small_body_is_held(void **state)
{
	static const char *const nothing[] = { "", NULL };
	static const char *const rest[] = { "01", "2345", "6789", NULL };
	static const char *const chunks[] = { "4\r\n0123\r\n", "6\r\n456789",
					      "\r\n0\r\n\r\n", NULL };

	(void)state;
	die_with_body("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
		      "\r\n0123456789",
		      nothing, "0123456789", true);
	die_with_body("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
		      "\r\n",
		      rest, "0123456789", true);
	die_with_body("PUT / HTTP/1.1\r\nHost: a\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n",
		      chunks, "0123456789", true);
	/* Read is not run; only the method decides here. */
	die_with_body("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
		      "\r\n0123456789",
		      nothing, "0123456789", false);
}

/* While it waits for another worker nobody waits for the client. */
static void
test_slow_body_of_a_replay(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	int client;

	(void)state;
	stage_open(&stage, "",
		   "\"entityBodyTimeout\": \"1500ms\", "
		   "\"minReceiveRate\": 100000");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "PUT / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 10\r\n\r\nabc");
	fake_worker_take(&worker, &request);
	want(&worker, &request, 100);
	fake_worker_receive(&worker, &body);
	assert_int_equal(body.type, CHANNEL_BODY);
	fake_worker_kill(&worker);
	stage_await_counter(&stage, "queued", 1);
	pause_ms(1600);
	fake_worker_open(&worker, &stage, 1);
	fake_worker_take(&worker, &request);
	want(&worker, &request, 100);
	fake_worker_receive(&worker, &body);
	assert_int_equal(body.refs[0].length, 3);
	/* Rates are looked at four times a second. */
	pause_ms(600);
	client_send(client, "defghij");
	fake_worker_receive(&worker, &body);
	assert_int_equal(body.type, CHANNEL_BODY);
	assert_int_equal(body.flags, CHANNEL_FLAG_LAST);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

static void
test_large_body_is_not_held(void **state)
{
	static char text[8192 + 1], second[4096 + 1];
	const char *const parts[] = { "01234567", second, NULL };

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memset(second, 'y', sizeof(second) - 1);
	die_with_body("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 8192\r\n"
		      "\r\n",
		      parts, text, false);
	/* The same, in chunks that the buffer takes one by one. */
	memset(second, 'z', sizeof(second) - 1);
	memcpy(second, "3ea\r\n", 5);
	memcpy(second + 5 + 0x3ea, "\r\n", 3);
	{
		const char *const chunks[] = { second, second, second,
					       second, second, NULL };

		die_with_body("PUT / HTTP/1.1\r\nHost: a\r\n"
			      "Transfer-Encoding: chunked\r\n\r\n",
			      chunks, text, false);
	}
}

/* ---- responses ------------------------------------------------------------------ */

static void
ask(struct stage *stage, struct fake_worker *worker, int *client,
    struct channel_descriptor *request, const char *head)
{
	stage_open(stage, "", "");
	fake_worker_open(worker, stage, 1);
	*client = client_connect(stage);
	client_send(*client, head);
	fake_worker_take(worker, request);
}

static void
send_body(struct fake_worker *worker, const struct channel_descriptor *request,
	  const char *text, unsigned flags)
{
	struct channel_descriptor body = {
		.type = CHANNEL_BODY,
		.flags = (uint8_t)flags,
		.count = text != NULL,
		.slot = request->slot,
		.generation = request->generation,
	};

	if (text != NULL)
		body.refs[0] = fake_worker_block(worker, text, strlen(text));
	fake_worker_send(worker, &body);
}

static void
test_unknown_length_is_chunked(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	ask(&stage, &worker, &client, &request,
	    "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_respond(&worker, &request, 200, -1, "first", 0);
	assert_non_null(strstr(client_read(client, "first", NULL),
			       "\r\nTransfer-Encoding: chunked\r\n"));
	send_body(&worker, &request, "second part", 0);
	send_body(&worker, &request, NULL, CHANNEL_FLAG_LAST);
	fake_worker_end(&worker, &request, 0);
	assert_string_equal(client_read(client, "0\r\n\r\n", NULL),
			    "\r\nb\r\nsecond part\r\n0\r\n\r\n");
	end(&stage, &worker, client);
}

static void
test_unknown_length_for_http_1_0_ends_with_the_connection(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	const char *text;
	int client;

	(void)state;
	ask(&stage, &worker, &client, &request,
	    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	fake_worker_respond(&worker, &request, 200, -1, "first ", 0);
	send_body(&worker, &request, "second", done);
	text = client_read(client, NULL, NULL);
	assert_non_null(strstr(text, "\r\n\r\nfirst second"));
	assert_null(strstr(text, "chunked"));
	end(&stage, &worker, client);
}

static void
test_head_has_no_body(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	ask(&stage, &worker, &client, &request,
	    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_respond(&worker, &request, 200, 5, "hello", done);
	assert_non_null(strstr(client_read(client, "\r\n\r\n", NULL),
			       "\r\nContent-Length: 5\r\n"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 5, "hello", done);
	assert_true(strncmp(client_read(client, "hello", NULL), "HTTP/1.1 200",
			    12) == 0);
	end(&stage, &worker, client);
}

static void
cut_short(unsigned flags)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	bool reset;
	int client;

	ask(&stage, &worker, &client, &request,
	    "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_respond(&worker, &request, 200, 10, "hello", 0);
	client_read(client, "hello", NULL);
	if (flags == CHANNEL_FLAG_FAILED)
		fake_worker_end(&worker, &request, flags);
	else
		send_body(&worker, &request, "wor", flags);
	client_read(client, NULL, &reset);
	assert_true(reset);
	assert_true(stage_is_quiet(&stage, "worker-lost"));
	end(&stage, &worker, client);
}

static void
test_incomplete_response_is_a_reset(void **state)
{
	(void)state;
	cut_short(CHANNEL_FLAG_FAILED);
	cut_short(CHANNEL_FLAG_LAST | CHANNEL_FLAG_END);
}

static void
test_end_without_response_is_502(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	ask(&stage, &worker, &client, &request,
	    "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	assert_non_null(strstr(client_read(client, "</html>\n", NULL),
			       "HTTP/1.1 502 "));
	assert_true(stage_is_quiet(&stage, "worker-lost"));
	end(&stage, &worker, client);
}

/* A client that does not read holds its window and nothing else. */
static void
test_window_of_a_slow_client(void **state)
{
	static char part[65536];
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, window;
	struct channel_descriptor body = { .type = CHANNEL_BODY, .count = 1 };
	const uint64_t total = 32 * 1024 * 1024;
	uint64_t sent = 0, room;
	size_t got = 0;
	int client;
	ssize_t length;

	(void)state;
	ask(&stage, &worker, &client, &request, "GET / HTTP/1.0\r\n\r\n");
	fake_worker_respond(&worker, &request, 200, (int64_t)total, "", 0);
	body.slot = request.slot;
	body.generation = request.generation;
	room = channel_window(worker.channel);
	while (sent < total) {
		while (room >= sizeof(part) && sent < total) {
			body.refs[0] =
				fake_worker_block(&worker, part, sizeof(part));
			sent += sizeof(part);
			room -= sizeof(part);
			if (sent == total)
				body.flags = (uint8_t)done;
			fake_worker_send(&worker, &body);
		}
		/* Read, or nothing moves; then room comes. */
		while (channel_receive(worker.channel, &window) == PORTICO_OK) {
			assert_int_equal(window.type, CHANNEL_WINDOW);
			room += window.value;
		}
		channel_flush(worker.channel);
		if (room >= sizeof(part))
			continue;
		length = recv(client, part, sizeof(part), MSG_DONTWAIT);
		got += length > 0 ? (size_t)length : 0;
		memset(part, 0, sizeof(part));
	}
	while ((length = recv(client, part, sizeof(part), 0)) > 0)
		got += (size_t)length;
	assert_true(got > total);
	end(&stage, &worker, client);
}

/* FILE_SENT until it has come to `total`; the client reads meanwhile. */
static void
read_until_sent(struct fake_worker *worker, int client, uint64_t total)
{
	static char part[65536];
	struct channel_descriptor sent;
	uint64_t reported = 0;
	time_t end = time(NULL) + STAGE_TIMEOUT_MS / 1000;

	while (reported < total) {
		if (time(NULL) > end)
			fail_msg("%llu bytes of the file reported",
				 (unsigned long long)reported);
		recv(client, part, sizeof(part), MSG_DONTWAIT);
		while (channel_receive(worker->channel, &sent) == PORTICO_OK) {
			assert_int_equal(sent.type, CHANNEL_FILE_SENT);
			reported += sent.value;
		}
		channel_flush(worker->channel);
	}
	assert_int_equal(reported, total);
}

static size_t
read_all(int client)
{
	static char part[65536];
	size_t got = 0;
	ssize_t length;

	while ((length = recv(client, part, sizeof(part), 0)) > 0)
		got += (size_t)length;
	return got;
}

/* The worker learns what was sent of files, to the byte, and hears nothing
 * once its response is complete. */
static void
test_file_spans_are_reported(void **state)
{
	const uint64_t large = 3 * (uint64_t)CHANNEL_FILE_REPORT_BYTES + 5;
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, late;
	struct channel_descriptor span = { .type = CHANNEL_FILE };
	int client, fd = memfd_create("file", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)large), 0);
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, -1, "", 0);
	assert_int_equal(channel_file_pass(worker.channel, 1, fd), PORTICO_OK);
	span.slot = request.slot;
	span.generation = request.generation;
	span.extra = 1;
	span.value2 = 7;
	fake_worker_send(&worker, &span);
	read_until_sent(&worker, client, 7);
	span.value2 = large;
	fake_worker_send(&worker, &span);
	read_until_sent(&worker, client, large);
	span.flags = (uint8_t)done;
	fake_worker_send(&worker, &span);
	assert_true(read_all(client) >= large);
	stage_await_counter(&stage, "active", 0);
	assert_int_not_equal(channel_receive(worker.channel, &late),
			     PORTICO_OK);
	close(fd);
	end(&stage, &worker, client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sized_body_within_the_window),
		cmocka_unit_test(test_chunked_body_cut_anywhere),
		cmocka_unit_test(test_crumbs_are_gathered),
		cmocka_unit_test(test_continue_only_when_wanted),
		cmocka_unit_test(test_bad_chunk_is_400),
		cmocka_unit_test(test_body_larger_than_allowed),
		cmocka_unit_test(test_small_body_is_held),
		cmocka_unit_test(test_slow_body_of_a_replay),
		cmocka_unit_test(test_large_body_is_not_held),
		cmocka_unit_test(test_unread_body_is_drained),
		cmocka_unit_test(test_large_unread_body_ends_the_connection),
		cmocka_unit_test(test_unknown_length_is_chunked),
		cmocka_unit_test(
			test_unknown_length_for_http_1_0_ends_with_the_connection),
		cmocka_unit_test(test_head_has_no_body),
		cmocka_unit_test(test_incomplete_response_is_a_reset),
		cmocka_unit_test(test_end_without_response_is_502),
		cmocka_unit_test(test_window_of_a_slow_client),
		cmocka_unit_test(test_file_spans_are_reported),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
