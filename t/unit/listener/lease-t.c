/* SPDX-License-Identifier: Apache-2.0
 *
 * Who has a request: queue, dispatch, and what becomes of it when a worker
 * dies, lies or is told to stop, at every state of the lease.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/io.h"
#include "t/unit/listener/stage.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static const unsigned done = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;

static void
assert_path(struct fake_worker *worker,
	    const struct channel_descriptor *request, const char *path)
{
	const struct http_request_head *head =
		fake_worker_head(worker, request);

	assert_string_equal(http_request_head_slice(head, head->path).data,
			    path);
}

static void
assert_answer(int client, const char *status, const char *body)
{
	const char *text = client_read(client, body, NULL);
	char line[64];

	snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
	if (strncmp(text, line, strlen(line)) != 0)
		fail_msg("expected %s, got: %s", line, text);
}

/* ---- memory that there is not ------------------------------------------------- */

/* So many allocations of the listener fail, whatever the channel. */
static _Atomic unsigned refusals;

/* The names are the linker's. */
void *__real_channel_block_alloc(struct channel *channel,
				 enum channel_block_class block_class,
				 uint32_t *block_r, uint32_t *size_r);
void *__wrap_channel_block_alloc(struct channel *channel,
				 enum channel_block_class block_class,
				 uint32_t *block_r, uint32_t *size_r);

void *
__wrap_channel_block_alloc(struct channel *channel,
			   enum channel_block_class block_class,
			   uint32_t *block_r, uint32_t *size_r)
{
	if (channel_is_listener(channel) && refusals > 0) {
		refusals--;
		return NULL;
	}
	return __real_channel_block_alloc(channel, block_class, block_r,
					  size_r);
}

/* The same for the pages of the first slots; how often they were asked for. */
static _Atomic unsigned slot_refusals, slot_tries;

bool __real_region_populate(void *base, uint64_t from, uint64_t to);
bool __wrap_region_populate(void *base, uint64_t from, uint64_t to);

bool
__wrap_region_populate(void *base, uint64_t from, uint64_t to)
{
	if (from != 0 || to != sizeof(struct channel_slot))
		return __real_region_populate(base, from, to);
	slot_tries++;
	if (slot_refusals == 0)
		return __real_region_populate(base, from, to);
	slot_refusals--;
	return false;
}

/* ---- dispatch ----------------------------------------------------------------- */

static void
test_request_and_answer(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/a/../b?c"));
	fake_worker_take(&worker, &request);
	assert_path(&worker, &request, "/b");
	assert_int_equal(request.flags, 0);
	fake_worker_respond(&worker, &request, 200, 5, "hello", done);
	assert_answer(client, "200 OK", "\r\n\r\nhello");
	/* The connection is kept and the slot used again. */
	client_send(client, GET("/c"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 404, 2, "no", done);
	assert_answer(client, "404 Not Found", "\r\n\r\nno");
	stage_await_counter(&stage, "served", 2);
	assert_int_equal(stage_counter(&stage, "active"), 0);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

static void
test_demand_once_then_in_order(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int clients[5];

	(void)state;
	stage_open(&stage, "", "");
	for (unsigned i = 0; i < 5; i++) {
		char text[64];

		clients[i] = client_connect(&stage);
		snprintf(text, sizeof(text), GET("/%u"), i);
		client_send(clients[i], text);
		if (i == 0)
			json_decref(stage_await(&stage, "demand"));
		stage_await_counter(&stage, "queued", i + 1);
		assert_true(stage_is_quiet(&stage, "demand"));
	}
	fake_worker_open(&worker, &stage, 1);
	for (unsigned i = 0; i < 5; i++) {
		char path[8];

		fake_worker_take(&worker, &request);
		snprintf(path, sizeof(path), "/%u", i);
		assert_path(&worker, &request, path);
		fake_worker_respond(&worker, &request, 200, 2, "ok", done);
		assert_answer(clients[i], "200 OK", "\r\n\r\nok");
		close(clients[i]);
	}
	assert_int_equal(stage_counter(&stage, "queued"), 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

static void
test_queue_full(void **state)
{
	struct stage stage;
	int clients[11];

	(void)state;
	stage_open(&stage, "\"queueLength\": 10", "");
	for (unsigned i = 0; i < 10; i++) {
		clients[i] = client_connect(&stage);
		client_send(clients[i], GET("/"));
		stage_await_counter(&stage, "queued", i + 1);
	}
	clients[10] = client_connect(&stage);
	client_send(clients[10], GET("/"));
	assert_non_null(strstr(client_read(clients[10], "</html>\n", NULL),
			       "\r\nRetry-After: "));
	assert_int_equal(stage_counter(&stage, "rejected"), 1);
	/* One leaves: there is room for one. */
	close(clients[3]);
	stage_await_counter(&stage, "queued", 9);
	client_send(clients[10], GET("/"));
	stage_await_counter(&stage, "queued", 10);
	stage_pool_state(&stage, "stopped");
	for (unsigned i = 0; i < 11; i++) {
		if (i == 3)
			continue;
		assert_answer(clients[i], "503 Service Unavailable",
			      "</html>\n");
		close(clients[i]);
	}
	assert_int_equal(stage_counter(&stage, "queued"), 0);
	stage_close(&stage);
}

static void
test_newest_generation_first_and_drain(void **state)
{
	struct stage stage;
	struct fake_worker old, new;
	struct channel_descriptor first, second, drain;
	int client, other;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&old, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/1"));
	fake_worker_take(&old, &first);
	fake_worker_open(&new, &stage, 2);
	other = client_connect(&stage);
	client_send(other, GET("/2"));
	fake_worker_take(&new, &second);
	stage_send(&stage,
		   json_pack("{s:s, s:i}", "type", "worker-drain", "worker",
			     (int)old.id),
		   -1);
	fake_worker_receive(&old, &drain);
	assert_int_equal(drain.type, CHANNEL_DRAIN);
	assert_true(stage_is_quiet(&stage, "worker-drained"));
	fake_worker_respond(&old, &first, 200, 3, "old", done);
	assert_answer(client, "200 OK", "old");
	json_decref(stage_await(&stage, "worker-drained"));
	fake_worker_respond(&new, &second, 200, 3, "new", done);
	assert_answer(other, "200 OK", "new");
	close(client);
	close(other);
	fake_worker_kill(&old);
	json_decref(stage_await(&stage, "worker-lost"));
	fake_worker_kill(&new);
	stage_close(&stage);
}

/* The time of a worker that is replaced is over: what it has begun fails, what
 * it has not taken is for the others, in order. */
static void
test_abort_requeues_what_was_not_taken(void **state)
{
	struct stage stage;
	struct fake_worker old, new;
	struct channel_descriptor first, late, request;
	int clients[3];

	(void)state;
	/* Nothing is taken back for another reason. */
	stage_open(&stage, "\"revokeAfter\": \"0s\"", "");
	fake_worker_open(&old, &stage, 1);
	for (unsigned i = 0; i < 3; i++) {
		char text[64];

		clients[i] = client_connect(&stage);
		snprintf(text, sizeof(text),
			 "POST /%u HTTP/1.1\r\n"
			 "Host: a\r\n\r\n",
			 i);
		client_send(clients[i], text);
		stage_await_counter(&stage, "active", i + 1);
	}
	fake_worker_take(&old, &first);
	fake_worker_open(&new, &stage, 2);
	stage_send(&stage,
		   json_pack("{s:s, s:i, s:b}", "type", "worker-drain",
			     "worker", (int)old.id, "abort", 1),
		   -1);
	assert_answer(clients[0], "503 Service Unavailable", "</html>\n");
	for (unsigned i = 1; i < 3; i++) {
		char path[8];

		fake_worker_take(&new, &request);
		snprintf(path, sizeof(path), "/%u", i);
		assert_path(&new, &request, path);
		fake_worker_respond(&new, &request, 200, 2, "ok", done);
		assert_answer(clients[i], "200 OK", "\r\n\r\nok");
		fake_worker_receive(&old, &late);
		assert_int_equal(late.type, CHANNEL_REQUEST);
		assert_false(channel_claim_take(old.channel, late.slot,
						late.generation));
	}
	assert_int_equal(stage_counter(&stage, "requeued"), 2);
	assert_true(stage_is_quiet(&stage, "worker-drained"));
	fake_worker_end(&old, &first, 0);
	json_decref(stage_await(&stage, "worker-drained"));
	for (unsigned i = 0; i < 3; i++)
		close(clients[i]);
	fake_worker_kill(&old);
	fake_worker_kill(&new);
	stage_close(&stage);
}

/* A channel without a block for the head holds up nobody whom another one has
 * room for: neither a new request nor one that waits. */
static void
test_no_block_for_the_head(void **state)
{
	struct stage stage;
	struct fake_worker old, new;
	struct channel_descriptor request;
	int client, waiting;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&old, &stage, 1);
	fake_worker_open(&new, &stage, 2);
	client = client_connect(&stage);
	refusals = 1;
	client_send(client, GET("/1"));
	fake_worker_take(&old, &request);
	fake_worker_respond(&old, &request, 200, 3, "old", done);
	assert_answer(client, "200 OK", "old");
	fake_worker_kill(&old);
	json_decref(stage_await(&stage, "worker-lost"));
	fake_worker_kill(&new);
	json_decref(stage_await(&stage, "worker-lost"));

	waiting = client_connect(&stage);
	client_send(waiting, GET("/2"));
	stage_await_counter(&stage, "queued", 1);
	refusals = 1;
	fake_worker_open(&new, &stage, 4);
	assert_int_equal(stage_counter(&stage, "queued"), 1);
	refusals = 0;
	fake_worker_open(&old, &stage, 3);
	fake_worker_take(&old, &request);
	fake_worker_respond(&old, &request, 200, 3, "old", done);
	assert_answer(waiting, "200 OK", "old");
	close(client);
	close(waiting);
	fake_worker_kill(&old);
	fake_worker_kill(&new);
	stage_close(&stage);
}

/* No memory for the claim words: it is tried again now and then, not at once
 * and for ever, and the worker is not forgotten. */
static void
test_no_memory_for_the_slot(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	slot_tries = 0;
	slot_refusals = 1;
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	assert_answer(client, "200 OK", "\r\n\r\nok");
	assert_int_equal(slot_tries, 2);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- death -------------------------------------------------------------------------- */

/* Where the worker stands with the request when it dies. */
enum stop_at {
	AT_OFFERED,
	AT_TAKEN,
	AT_STARTED,
	AT_HEAD,
	AT_COMPLETE
};

static void
reach(struct fake_worker *worker, enum stop_at at)
{
	struct channel_descriptor request;

	fake_worker_receive(worker, &request);
	if (at >= AT_TAKEN)
		assert_true(channel_claim_take(worker->channel, request.slot,
					       request.generation));
	if (at >= AT_STARTED)
		assert_true(channel_claim_start(worker->channel, request.slot,
						request.generation));
	if (at == AT_HEAD)
		fake_worker_respond(worker, &request, 200, 100, "beginning", 0);
	if (at == AT_COMPLETE)
		fake_worker_respond(worker, &request, 200, 4, "done",
				    CHANNEL_FLAG_LAST);
}

static void
die_at(enum stop_at at, const char *method, const char *pool, bool again,
       const char *status, const char *body)
{
	struct stage stage;
	struct fake_worker first, second;
	struct channel_descriptor request;
	char text[128];
	int client;

	stage_open(&stage, pool, "");
	fake_worker_open(&first, &stage, 1);
	client = client_connect(&stage);
	snprintf(text, sizeof(text), "%s /x HTTP/1.1\r\nHost: a\r\n\r\n",
		 method);
	client_send(client, text);
	reach(&first, at);
	if (at == AT_HEAD)
		client_read(client, "beginning", NULL);
	fake_worker_kill(&first);
	json_decref(stage_await(&stage, "worker-lost"));
	fake_worker_open(&second, &stage, 1);
	if (again) {
		fake_worker_take(&second, &request);
		assert_path(&second, &request, "/x");
		assert_int_equal((fake_worker_head(&second, &request)->flags &
				  HTTP_REQUEST_REPLAY) != 0,
				 at == AT_STARTED);
		fake_worker_respond(&second, &request, 200, 5, "again", done);
		assert_answer(client, "200 OK", "again");
	} else if (status != NULL) {
		assert_answer(client, status, body);
	} else {
		bool reset;

		client_read(client, NULL, &reset);
		assert_true(reset);
	}
	stage_await_counter(&stage, "active", 0);
	assert_int_equal(stage_counter(&stage, "queued"), 0);
	close(client);
	fake_worker_kill(&second);
	stage_close(&stage);
}

static void
test_death_while_offered(void **state)
{
	(void)state;
	die_at(AT_OFFERED, "GET", "", true, NULL, NULL);
	die_at(AT_OFFERED, "POST", "", true, NULL, NULL);
}

static void
test_death_when_taken(void **state)
{
	(void)state;
	die_at(AT_TAKEN, "POST", "", true, NULL, NULL);
}

static void
test_death_when_started(void **state)
{
	(void)state;
	die_at(AT_STARTED, "GET", "", true, NULL, NULL);
	die_at(AT_STARTED, "PUT", "", true, NULL, NULL);
	die_at(AT_STARTED, "POST", "", false, "502 Bad Gateway", "</html>\n");
	die_at(AT_STARTED, "PATCH", "", false, "502 Bad Gateway", "</html>\n");
	die_at(AT_STARTED, "GET", "\"replay\": false", false, "502 Bad Gateway",
	       "</html>\n");
}

static void
test_death_in_the_response(void **state)
{
	(void)state;
	die_at(AT_HEAD, "GET", "", false, NULL, NULL);
}

static void
test_death_after_the_response(void **state)
{
	(void)state;
	die_at(AT_COMPLETE, "POST", "", false, "200 OK", "done");
}

static void
test_replay_only_once(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	client = client_connect(&stage);
	client_send(client, GET("/poison"));
	for (unsigned i = 0; i < 2; i++) {
		fake_worker_open(&worker, &stage, 1);
		reach(&worker, AT_STARTED);
		fake_worker_kill(&worker);
		json_decref(stage_await(&stage, "worker-lost"));
	}
	assert_answer(client, "502 Bad Gateway", "</html>\n");
	assert_int_equal(stage_counter(&stage, "replayed"), 1);
	close(client);
	stage_close(&stage);
}

/*
 * A worker that closes its link and lives on: the same as a dead one, only that
 * it may go on from where it was.  What another worker has now it cannot start.
 */
static void
hang_up_at(enum stop_at at, const char *method, bool again)
{
	struct stage stage;
	struct fake_worker first, second;
	struct channel_descriptor request, other;
	char text[128];
	int client;

	stage_open(&stage, "", "");
	fake_worker_open(&first, &stage, 1);
	client = client_connect(&stage);
	snprintf(text, sizeof(text), "%s /x HTTP/1.1\r\nHost: a\r\n\r\n",
		 method);
	client_send(client, text);
	fake_worker_receive(&first, &request);
	if (at >= AT_TAKEN)
		assert_true(channel_claim_take(first.channel, request.slot,
					       request.generation));
	if (at >= AT_STARTED)
		assert_true(channel_claim_start(first.channel, request.slot,
						request.generation));
	io_close(&first.link);
	json_decref(stage_await(&stage, "worker-lost"));
	fake_worker_open(&second, &stage, 1);
	if (again) {
		fake_worker_take(&second, &other);
		fake_worker_respond(&second, &other, 200, 5, "again", done);
		assert_answer(client, "200 OK", "again");
	} else {
		assert_answer(client, "502 Bad Gateway", "</html>\n");
	}
	if (at == AT_OFFERED)
		assert_false(channel_claim_take(first.channel, request.slot,
						request.generation));
	if (at == AT_TAKEN)
		assert_false(channel_claim_start(first.channel, request.slot,
						 request.generation));
	stage_await_counter(&stage, "active", 0);
	assert_int_equal(stage_counter(&stage, "queued"), 0);
	close(client);
	fake_worker_kill(&first);
	fake_worker_kill(&second);
	stage_close(&stage);
}

static void
test_hang_up(void **state)
{
	(void)state;
	hang_up_at(AT_OFFERED, "POST", true);
	hang_up_at(AT_TAKEN, "POST", true);
	hang_up_at(AT_STARTED, "GET", true);
	hang_up_at(AT_STARTED, "POST", false);
}

/* It may have ended before it is offered anything. */
static void
test_gone_before_it_was_offered_channels(void **state)
{
	struct stage stage;
	struct portico_error err;
	json_t *lost;
	int pair[2];

	(void)state;
	stage_open(&stage, "", "");
	assert_int_equal(io_seqpacket_pair(pair, false, &err), PORTICO_OK);
	io_close(&pair[0]);
	stage_send(&stage,
		   json_pack("{s:s, s:s, s:i, s:i, s:i, s:i}", "type", "worker",
			     "pool", "main", "worker", 77, "pid", (int)getpid(),
			     "loops", 1, "generation", 1),
		   pair[1]);
	io_close(&pair[1]);
	lost = stage_await(&stage, "worker-lost");
	assert_int_equal(json_integer_value(json_object_get(lost, "worker")),
			 77);
	assert_non_null(
		strstr(json_string_value(json_object_get(lost, "reason")),
		       "hung up before it had channels"));
	assert_false(json_is_true(json_object_get(lost, "lied")));
	json_decref(lost);
	stage_close(&stage);
}

/* What one channel of a worker gives back is not for the worker's others. */
static void
test_not_to_the_same_worker(void **state)
{
	struct stage stage;
	struct fake_worker loops[2], other;
	struct channel_descriptor request, nothing;
	struct channel_descriptor lie = { .type = CHANNEL_END,
					  .slot = 77,
					  .generation = 1 };
	enum portico_status status;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_workers_open(loops, 2, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/x"));
	fake_worker_take(&loops[0], &request);
	fake_worker_send(&loops[0], &lie);
	json_decref(stage_await(&stage, "worker-lost"));
	status = channel_receive(loops[1].channel, &nothing);
	assert_true(status != PORTICO_OK || nothing.type != CHANNEL_REQUEST);
	fake_worker_open(&other, &stage, 2);
	fake_worker_take(&other, &request);
	fake_worker_respond(&other, &request, 200, 2, "ok", done);
	assert_answer(client, "200 OK", "\r\n\r\nok");
	assert_int_equal(stage_counter(&stage, "replayed"), 1);
	close(client);
	for (unsigned i = 0; i < 2; i++)
		fake_worker_kill(&loops[i]);
	fake_worker_kill(&other);
	stage_close(&stage);
}

/* Many at once, and later ones behind them: the first stay the first. */
static void
test_front_of_the_queue(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int clients[6];

	(void)state;
	stage_open(&stage, "\"maxConcurrentRequests\": 4", "");
	fake_worker_open(&worker, &stage, 1);
	for (unsigned i = 0; i < 6; i++) {
		char text[64];

		clients[i] = client_connect(&stage);
		snprintf(text, sizeof(text), GET("/%u"), i);
		client_send(clients[i], text);
		stage_await_counter(&stage, i < 4 ? "active" : "queued",
				    i < 4 ? i + 1 : i - 3);
	}
	fake_worker_kill(&worker);
	json_decref(stage_await(&stage, "worker-lost"));
	assert_int_equal(stage_counter(&stage, "queued"), 6);
	fake_worker_open(&worker, &stage, 1);
	for (unsigned i = 0; i < 6; i++) {
		char path[8];

		fake_worker_take(&worker, &request);
		snprintf(path, sizeof(path), "/%u", i);
		assert_path(&worker, &request, path);
		fake_worker_respond(&worker, &request, 200, 2, "ok", done);
		assert_answer(clients[i], "200 OK", "ok");
		close(clients[i]);
	}
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- revocation ------------------------------------------------------------------------ */

/* A worker that does not take what it is offered loses it to another one;
 * what it takes late, it finds taken back. */
static void
test_offer_goes_to_another_worker(void **state)
{
	struct stage stage;
	struct fake_worker stuck, other;
	struct channel_descriptor request, late;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&stuck, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
	stage_await_counter(&stage, "active", 1);
	fake_worker_open(&other, &stage, 1);
	fake_worker_take(&other, &request);
	fake_worker_respond(&other, &request, 200, 2, "ok", done);
	assert_answer(client, "200 OK", "\r\n\r\nok");
	fake_worker_receive(&stuck, &late);
	assert_int_equal(late.type, CHANNEL_REQUEST);
	assert_false(
		channel_claim_take(stuck.channel, late.slot, late.generation));
	assert_int_equal(stage_counter(&stage, "requeued"), 1);
	assert_int_equal(stage_counter(&stage, "active"), 0);
	close(client);
	fake_worker_kill(&stuck);
	fake_worker_kill(&other);
	stage_close(&stage);
}

/* ---- leaving --------------------------------------------------------------------------- */

static void
test_client_leaves(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, abort;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	close(client);
	fake_worker_receive(&worker, &abort);
	assert_int_equal(abort.type, CHANNEL_ABORT);
	assert_int_equal(abort.slot, request.slot);
	assert_int_equal(abort.value, CHANNEL_ABORT_CLIENT);
	/* The slot is the worker's until its END. */
	assert_int_equal(stage_counter(&stage, "active"), 1);
	fake_worker_respond(&worker, &request, 200, 4, "late",
			    CHANNEL_FLAG_LAST);
	fake_worker_end(&worker, &request, 0);
	stage_await_counter(&stage, "active", 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

static void
test_client_leaves_before_the_worker_took(void **state)
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
	stage_await_counter(&stage, "active", 1);
	close(client);
	stage_await_counter(&stage, "active", 0);
	fake_worker_receive(&worker, &request);
	assert_int_equal(request.type, CHANNEL_REQUEST);
	assert_false(channel_claim_take(worker.channel, request.slot,
					request.generation));
	fake_worker_kill(&worker);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_and_answer),
		cmocka_unit_test(test_demand_once_then_in_order),
		cmocka_unit_test(test_queue_full),
		cmocka_unit_test(test_newest_generation_first_and_drain),
		cmocka_unit_test(test_abort_requeues_what_was_not_taken),
		cmocka_unit_test(test_no_block_for_the_head),
		cmocka_unit_test(test_no_memory_for_the_slot),
		cmocka_unit_test(test_death_while_offered),
		cmocka_unit_test(test_death_when_taken),
		cmocka_unit_test(test_death_when_started),
		cmocka_unit_test(test_death_in_the_response),
		cmocka_unit_test(test_death_after_the_response),
		cmocka_unit_test(test_replay_only_once),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_gone_before_it_was_offered_channels),
		cmocka_unit_test(test_not_to_the_same_worker),
		cmocka_unit_test(test_front_of_the_queue),
		cmocka_unit_test(test_offer_goes_to_another_worker),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_client_leaves_before_the_worker_took),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
