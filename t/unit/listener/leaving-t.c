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
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

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

/* Reading went on for a moment after the client had closed its side. */
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
			    "Content-Length: 10\r\n\r\nabc");
	shutdown(client, SHUT_WR);
	fake_worker_take(&worker, &request);
	/* Seen by now: the end came with the bytes. */
	assert_int_equal(stage_counter(&stage, "active"), 1);
	assert_int_equal(stage_counter(&stage, "active"), 1);
	window.slot = request.slot;
	window.generation = request.generation;
	fake_worker_send(&worker, &window);
	fake_worker_receive(&worker, &body);
	assert_int_equal(body.type, CHANNEL_BODY);
	channel_release(worker.channel, body.refs[0].block);
	/* It wants no more, and the rest will never come. */
	assert_abort(&worker, &request);
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
	client_send(client, long_get(30000));
	fake_worker_take(&worker, &request);
	assert_int_equal(fake_worker_head(&worker, &request)->path.length,
			 30000);
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
		cmocka_unit_test(test_reset_after_half_close),
		cmocka_unit_test(test_slot_of_a_departed_offer),
		cmocka_unit_test(test_drained_by_a_departed_offer),
		cmocka_unit_test(test_path_beyond_a_block),
		cmocka_unit_test(test_smaller_limit_with_more_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
