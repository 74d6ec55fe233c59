/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients that leave, in all the ways that are easily overlooked: the worker
 * is told, the slot is free for the next, and nothing waits for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "t/unit/listener/stage.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static const unsigned done = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;

static void
client_reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}

static void
assert_abort(struct fake_worker *worker,
	     const struct channel_descriptor *request)
{
	struct channel_descriptor abort;

	fake_worker_receive(worker, &abort);
	assert_int_equal(abort.type, CHANNEL_ABORT);
	assert_int_equal(abort.slot, request->slot);
	assert_int_equal(abort.generation, request->generation);
}

/* Chunks that do not end; that shows when the last of them is read. */
static void
test_half_closed_in_the_body(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	struct channel_descriptor window = { .type = CHANNEL_WINDOW,
					     .value = 2 };
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Transfer-Encoding: chunked\r\n\r\n"
			    "a\r\nabc");
	shutdown(client, SHUT_WR);
	fake_worker_take(&worker, &request);
	/* Asked, and there. */
	client_read(client, "HTTP/1.1 100 Continue\r\n\r\n", NULL);
	window.slot = request.slot;
	window.generation = request.generation;
	for (unsigned i = 0; i < 2; i++) {
		fake_worker_send(&worker, &window);
		fake_worker_receive(&worker, &body);
		assert_int_equal(body.type, CHANNEL_BODY);
		assert_int_equal(body.refs[0].length, 2 - i);
		channel_release(worker.channel, body.refs[0].block);
	}
	assert_abort(&worker, &request);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	stage_await_counter(&stage, "active", 0);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* What it has sent is less than it said: nothing is to be waited for. */
static void
test_cut_off_body(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 10\r\n\r\n");
	fake_worker_take(&worker, &request);
	client_send(client, "abc");
	shutdown(client, SHUT_WR);
	assert_abort(&worker, &request);
	assert_string_equal(client_read(client, NULL, NULL), "");
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	stage_await_counter(&stage, "active", 0);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* Half closed, the answer has begun, then a reset while nothing is sent. */
static void
test_reset_after_half_close(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	shutdown(client, SHUT_WR);
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, -1, "begin", 0);
	client_read(client, "begin", NULL);
	assert_int_equal(stage_counter(&stage, "active"), 1);
	client_reset(client);
	assert_abort(&worker, &request);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	stage_await_counter(&stage, "active", 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* The worker says more of a chunked response, or the end of it. */
static void
go_on(struct fake_worker *worker, const struct channel_descriptor *request,
      const char *text, unsigned flags)
{
	struct channel_descriptor body = {
		.type = CHANNEL_BODY,
		.flags = (uint8_t)flags,
		.count = text[0] != '\0',
		.slot = request->slot,
		.generation = request->generation,
	};

	if (body.count > 0)
		body.refs[0] = fake_worker_block(worker, text, strlen(text));
	fake_worker_send(worker, &body);
}

/* Half closed in the middle of a chunked response: what is sent to see whether
 * it is there belongs to the response, which stays one. */
static void
asked_in_the_response(const char *begin, const char *asked, const char *more,
		      const char *rest)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	const char *text;
	int client;

	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, -1, begin, 0);
	client_read(client, "\r\n\r\n", NULL);
	if (begin[0] != '\0')
		client_read(client, begin, NULL);
	shutdown(client, SHUT_WR);
	client_read(client, asked, NULL);
	go_on(&worker, &request, more, done);
	text = client_read(client, "0\r\n\r\n", NULL);
	if (strcmp(text, rest) != 0)
		fail_msg("after \"%s\": \"%s\"", asked, text);
	/* It was there, and kept its connection until it had all. */
	assert_string_equal(client_read(client, NULL, NULL), "");
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

static void
test_asked_in_the_response(void **state)
{
	(void)state;
	asked_in_the_response("begin", "\r\n", "more",
			      "4\r\nmore\r\n0\r\n\r\n");
	asked_in_the_response("begin", "\r\n", "", "0\r\n\r\n");
	asked_in_the_response("", "0", "more", "4\r\nmore\r\n0\r\n\r\n");
	asked_in_the_response("", "0", "", "0\r\n\r\n");
}

static uint64_t
now_ms(void)
{
	return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

/* A length was announced and nothing comes: nothing can be sent ahead, so it is
 * believed for two seconds. */
static void
test_closed_in_a_sized_response(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 100, "begin", 0);
	client_read(client, "begin", NULL);
	start = now_ms();
	close(client);
	assert_abort(&worker, &request);
	assert_true(now_ms() - start >= 1900);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* Its worker dies and another gets it: the time runs on. */
static void
test_half_closed_and_replayed(void **state)
{
	struct stage stage;
	struct fake_worker first, second;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&first, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "GET / HTTP/1.0\r\n\r\n");
	fake_worker_take(&first, &request);
	shutdown(client, SHUT_WR);
	start = now_ms();
	while (now_ms() < start + 1000)
		assert_int_equal(stage_counter(&stage, "active"), 1);
	fake_worker_kill(&first);
	json_decref(stage_await(&stage, "worker-lost"));
	fake_worker_open(&second, &stage, 1);
	fake_worker_take(&second, &request);
	assert_abort(&second, &request);
	assert_true(now_ms() - start >= 1900);
	assert_true(now_ms() - start < 2900);
	close(client);
	fake_worker_kill(&second);
	stage_close(&stage);
}

/* The socket of a host that vanishes without a word is asked by TCP. */
static void
test_keep_alive_is_on(void **state)
{
	struct stage stage;
	struct sockaddr_in mine, peer;
	socklen_t length = sizeof(mine);
	int client, on = 0;

	(void)state;
	stage_open(&stage, "", "");
	client = client_connect(&stage);
	client_send(client, GET("/"));
	stage_await_counter(&stage, "queued", 1);
	getsockname(client, (struct sockaddr *)&mine, &length);
	/* The listener is in this process: find its end. */
	for (int fd = 0; fd < 1000 && !on; fd++) {
		length = sizeof(peer);
		if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 ||
		    peer.sin_family != AF_INET ||
		    peer.sin_port != mine.sin_port)
			continue;
		length = sizeof(on);
		getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length);
	}
	assert_int_equal(on, 1);
	close(client);
	stage_close(&stage);
}

/* An offer is taken back since its client left; no END will come for it, and
 * the one that waits for the slot must get it all the same. */
static void
test_slot_of_a_departed_offer(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor first, second;
	int leaving, staying;

	(void)state;
	stage_open(&stage, "\"maxConcurrentRequests\": 1", "");
	fake_worker_open(&worker, &stage, 1);
	leaving = client_connect(&stage);
	client_send(leaving, GET("/1"));
	stage_await_counter(&stage, "active", 1);
	staying = client_connect(&stage);
	client_send(staying, GET("/2"));
	stage_await_counter(&stage, "queued", 1);
	client_reset(leaving);
	stage_await_counter(&stage, "queued", 0);
	fake_worker_receive(&worker, &first);
	assert_false(channel_claim_take(worker.channel, first.slot,
					first.generation));
	fake_worker_take(&worker, &second);
	fake_worker_respond(&worker, &second, 200, 2, "ok", done);
	client_read(staying, "\r\n\r\nok", NULL);
	close(staying);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

static void
test_drained_by_a_departed_offer(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/1"));
	stage_await_counter(&stage, "active", 1);
	stage_send(&stage,
		   json_pack("{s:s, s:i}", "type", "worker-drain", "worker",
			     (int)worker.id),
		   -1);
	assert_true(stage_is_quiet(&stage, "worker-drained"));
	client_reset(client);
	json_decref(stage_await(&stage, "worker-drained"));
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- large heads ------------------------------------------------------------- */

/* "GET <path of `length` bytes> ..." in segments that are not too long. */
static char *
long_get(size_t length)
{
	static char text[64 * 1024];
	size_t at = 4;

	assert_true(length + 100 < sizeof(text));
	memcpy(text, "GET ", 4);
	for (size_t i = 0; i < length; i++)
		text[at++] = i % 250 == 0 ? '/' : 'a';
	snprintf(text + at, sizeof(text) - at, " HTTP/1.1\r\nHost: a\r\n\r\n");
	return text;
}

/* Raw and cooked, it has to fit one block. */
static void
test_path_beyond_a_block(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	stage_open(&stage, "", "\"maxRequestBytes\": \"48KiB\"");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, long_get(45000));
	assert_non_null(strstr(client_read(client, "\r\n\r\n", NULL), " 414 "));
	close(client);
	client = client_connect(&stage);
	client_send(client, long_get(28000));
	fake_worker_take(&worker, &request);
	assert_int_equal(fake_worker_head(&worker, &request)->path.length,
			 28000);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* The next head was read by the old limit and is judged by the new one. */
static void
test_smaller_limit_with_more_read(void **state)
{
	static char text[64 * 1024];
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	size_t length;
	int client;

	(void)state;
	stage_open(&stage, "", "\"maxRequestBytes\": \"48KiB\"");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	length = (size_t)snprintf(text, sizeof(text),
				  "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	memset(text + length, 'x', 10000);
	memcpy(text + length + 10000, "\r\n\r\n", 5);
	client_send(client, text);
	fake_worker_take(&worker, &request);
	client_send(client, long_get(30000));
	assert_int_equal(stage_counter(&stage, "active"), 1);
	assert_int_equal(stage_counter(&stage, "active"), 1);
	stage_configure(&stage, "", "\"maxRequestBytes\": \"1KiB\"");
	assert_int_equal(stage_counter(&stage, "active"), 1);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	assert_non_null(strstr(client_read(client, "\r\n\r\n", NULL), " 414 "));
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_closed_in_the_body),
		cmocka_unit_test(test_cut_off_body),
		cmocka_unit_test(test_reset_after_half_close),
		cmocka_unit_test(test_asked_in_the_response),
		cmocka_unit_test(test_closed_in_a_sized_response),
		cmocka_unit_test(test_half_closed_and_replayed),
		cmocka_unit_test(test_keep_alive_is_on),
		cmocka_unit_test(test_slot_of_a_departed_offer),
		cmocka_unit_test(test_drained_by_a_departed_offer),
		cmocka_unit_test(test_path_beyond_a_block),
		cmocka_unit_test(test_smaller_limit_with_more_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
