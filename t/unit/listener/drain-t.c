/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener that drains loses no request that a client may have sent before
 * it could know: neither on a connection that waits for its next request, nor
 * on one that was promised to stay open.  What is left at the deadline is cut
 * so that the client can tell.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "t/unit/listener/stage.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LONG_MS 60000

static const unsigned done = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;

static void
drain(struct stage *stage, int deadline_ms, int idle_ms)
{
	stage_send(stage,
		   json_pack("{s:s, s:i, s:i}", "type", "drain", "deadlineMs",
			     deadline_ms, "idleMs", idle_ms),
		   -1);
}

static void
assert_drained(struct stage *stage, json_int_t aborted)
{
	json_t *json = stage_await(stage, "drained");

	assert_int_equal(json_integer_value(json_object_get(json, "aborted")),
			 aborted);
	json_decref(json);
}

/* Until so many have been accepted. */
static void
await_connections(struct stage *stage, json_int_t wanted)
{
	json_int_t count = 0;

	while (count < wanted) {
		json_t *reply;

		stage_send(stage,
			   json_pack("{s:s, s:i, s:s}", "type", "query", "id",
				     8, "what", "counters"),
			   -1);
		reply = stage_await(stage, "reply");
		json_unpack(reply, "{s:{s:{s:I}}}", "body", "connections",
			    "active", &count);
		json_decref(reply);
	}
}

/* One request, answered by the worker; the client has all of it. */
static const char *
ask(struct fake_worker *worker, int client, const char *until)
{
	struct channel_descriptor request;

	client_send(client, GET("/"));
	fake_worker_take(worker, &request);
	fake_worker_respond(worker, &request, 200, 2, "ok", done);
	return client_read(client, until, NULL);
}

/* On one that was used, and on one that was just accepted. */
static void
test_one_more_request(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	int clients[2];
	bool reset;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	clients[0] = client_connect(&stage);
	assert_null(strstr(ask(&worker, clients[0], "\r\n\r\nok"),
			   "Connection: close"));
	clients[1] = client_connect(&stage);
	await_connections(&stage, 2);
	drain(&stage, LONG_MS, LONG_MS);
	assert_true(stage_is_quiet(&stage, "drained"));
	for (unsigned i = 0; i < 2; i++) {
		assert_non_null(strstr(ask(&worker, clients[i], "\r\n\r\nok"),
				       "Connection: close"));
		assert_string_equal(client_read(clients[i], NULL, &reset), "");
		assert_false(reset);
		assert_true(stage_is_quiet(&stage, "drained"));
		close(clients[i]);
	}
	assert_drained(&stage, 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* Idle ones are closed when their time is over; or at once. */
static void
test_idle_ones_are_closed(void **state)
{
	static const int idle_ms[] = { 100, 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct stage stage;
		struct fake_worker worker;
		bool reset;
		int client;

		stage_open(&stage, "", "");
		fake_worker_open(&worker, &stage, 1);
		client = client_connect(&stage);
		ask(&worker, client, "\r\n\r\nok");
		drain(&stage, LONG_MS, idle_ms[i]);
		assert_string_equal(client_read(client, NULL, &reset), "");
		assert_false(reset);
		assert_drained(&stage, 0);
		close(client);
		fake_worker_kill(&worker);
		stage_close(&stage);
	}
}

/* The answer that left before said that the connection stays. */
static void
test_promised_to_stay(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	struct channel_descriptor body = { .type = CHANNEL_BODY, .count = 1 };
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 4, "be", 0);
	assert_null(strstr(client_read(client, "\r\n\r\nbe", NULL),
			   "Connection: close"));
	drain(&stage, LONG_MS, LONG_MS);
	assert_true(stage_is_quiet(&stage, "drained"));
	body.slot = request.slot;
	body.generation = request.generation;
	body.flags = (uint8_t)done;
	body.refs[0] = fake_worker_block(&worker, "en", 2);
	fake_worker_send(&worker, &body);
	client_read(client, "en", NULL);
	assert_non_null(strstr(ask(&worker, client, "\r\n\r\nok"),
			       "Connection: close"));
	close(client);
	assert_drained(&stage, 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* Also when the time of those that idled when draining began is over: a client
 * that took its answer slowly sends the next request at once. */
static void
test_promised_to_stay_for_a_while(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	struct channel_descriptor body = { .type = CHANNEL_BODY, .count = 1 };
	int client, idle;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	idle = client_connect(&stage);
	ask(&worker, idle, "\r\n\r\nok");
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 4, "be", 0);
	client_read(client, "\r\n\r\nbe", NULL);
	drain(&stage, LONG_MS, 2000);
	assert_string_equal(client_read(idle, NULL, NULL), "");
	body.slot = request.slot;
	body.generation = request.generation;
	body.flags = (uint8_t)done;
	body.refs[0] = fake_worker_block(&worker, "en", 2);
	fake_worker_send(&worker, &body);
	client_read(client, "en", NULL);
	/* More than a tick. */
	assert_int_equal(poll(&(struct pollfd){ client, POLLIN, 0 }, 1, 600),
			 0);
	assert_non_null(strstr(ask(&worker, client, "\r\n\r\nok"),
			       "Connection: close"));
	close(client);
	close(idle);
	assert_drained(&stage, 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* It lies in the socket when the loop hears that all idle ones are closed. */
static void
test_request_that_has_arrived(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client, idle, hold;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	ask(&worker, client, "\r\n\r\nok");
	idle = client_connect(&stage);
	ask(&worker, idle, "\r\n\r\nok");
	hold = stage_hold(&stage);
	client_send(client, GET("/"));
	drain(&stage, LONG_MS, 0);
	/* Answered without the loop: "drain" has been posted to it. */
	assert_true(stage_is_quiet(&stage, "drained"));
	close(hold);
	assert_string_equal(client_read(idle, NULL, NULL), "");
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	assert_non_null(strstr(client_read(client, "\r\n\r\nok", NULL),
			       "Connection: close"));
	close(client);
	close(idle);
	assert_drained(&stage, 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* The server ends while an upgrade drains: the shorter times count. */
static void
test_again(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int idle, busy;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	idle = client_connect(&stage);
	ask(&worker, idle, "\r\n\r\nok");
	busy = client_connect(&stage);
	client_send(busy, GET("/"));
	fake_worker_take(&worker, &request);
	drain(&stage, LONG_MS, LONG_MS);
	drain(&stage, 2 * LONG_MS, 0);
	assert_string_equal(client_read(idle, NULL, NULL), "");
	assert_true(stage_is_quiet(&stage, "drained"));
	drain(&stage, 50, LONG_MS);
	assert_drained(&stage, 1);
	close(idle);
	close(busy);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* 503 as long as that can be said, a reset when half an answer has left. */
static void
test_deadline(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor first, second;
	int waiting, reading;
	bool reset;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	waiting = client_connect(&stage);
	client_send(waiting, GET("/"));
	fake_worker_take(&worker, &first);
	reading = client_connect(&stage);
	client_send(reading, GET("/"));
	fake_worker_take(&worker, &second);
	fake_worker_respond(&worker, &second, 200, -1, "begin", 0);
	client_read(reading, "begin", NULL);
	drain(&stage, 20, 0);
	assert_drained(&stage, 2);
	assert_non_null(
		strstr(client_read(waiting, NULL, &reset), "HTTP/1.1 503 "));
	assert_false(reset);
	client_read(reading, NULL, &reset);
	assert_true(reset);
	close(waiting);
	close(reading);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_more_request),
		cmocka_unit_test(test_idle_ones_are_closed),
		cmocka_unit_test(test_promised_to_stay),
		cmocka_unit_test(test_promised_to_stay_for_a_while),
		cmocka_unit_test(test_request_that_has_arrived),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_deadline),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
