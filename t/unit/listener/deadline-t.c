/* SPDX-License-Identifier: Apache-2.0
 *
 * The four deadlines at each stage of a request: what the client gets, what
 * the worker is told, and that nothing moves a deadline that was stamped.
 * Never early; late only by what a busy machine makes of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "t/unit/listener/stage.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable\r\n"
#define TIMED_OUT "HTTP/1.1 504 Gateway Timeout\r\n"

static const unsigned done = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;

static uint64_t
now_ms(void)
{
	return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

/* A pause that is part of what is tested: a client or worker that is slow. */
static void
pause_ms(unsigned ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

/* The answer begins so; it came `ms` after `start`, never before. */
static void
assert_answer_at(int client, const char *begin, uint64_t start, unsigned ms)
{
	const char *text = client_read(client, "</html>\n", NULL);
	uint64_t took = now_ms() - start;

	if (strncmp(text, begin, strlen(begin)) != 0)
		fail_msg("expected %s, got: %s", begin, text);
	assert_true(took >= ms);
	assert_true(took < ms + STAGE_TIMEOUT_MS / 2);
}

static void
assert_abort_for(struct fake_worker *worker,
		 const struct channel_descriptor *request,
		 enum channel_abort why)
{
	struct channel_descriptor abort;

	fake_worker_receive(worker, &abort);
	assert_int_equal(abort.type, CHANNEL_ABORT);
	assert_int_equal(abort.slot, request->slot);
	assert_int_equal(abort.generation, request->generation);
	assert_int_equal(abort.value, why);
}

static void
assert_abort(struct fake_worker *worker,
	     const struct channel_descriptor *request)
{
	assert_abort_for(worker, request, CHANNEL_ABORT_DEADLINE);
}

static void
assert_taken_back(struct fake_worker *worker)
{
	struct channel_descriptor request;

	fake_worker_receive(worker, &request);
	assert_int_equal(request.type, CHANNEL_REQUEST);
	assert_false(channel_claim_take(worker->channel, request.slot,
					request.generation));
}

static void
window(struct fake_worker *worker, const struct channel_descriptor *request,
       uint64_t bytes)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_WINDOW,
		.slot = request->slot,
		.generation = request->generation,
		.value = bytes,
	};

	fake_worker_send(worker, &descriptor);
}

/* More of a chunked response. */
static void
more(struct fake_worker *worker, const struct channel_descriptor *request,
     const char *text, unsigned flags)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_BODY,
		.flags = (uint8_t)flags,
		.count = 1,
		.slot = request->slot,
		.generation = request->generation,
	};

	descriptor.refs[0] = fake_worker_block(worker, text, strlen(text));
	fake_worker_send(worker, &descriptor);
}

/* The client's connection was cut, and nothing else. */
static void
assert_cut_at(int client, uint64_t start, unsigned ms)
{
	bool reset;

	client_read(client, NULL, &reset);
	assert_true(reset);
	assert_true(now_ms() - start >= ms);
	close(client);
}

/* Whether the listener finds its blocks nearly all in use. */
static _Atomic bool scarce;

/* The names are the linker's. */
bool __real_channel_is_scarce(const struct channel *channel);
bool __wrap_channel_is_scarce(const struct channel *channel);

bool
__wrap_channel_is_scarce(const struct channel *channel)
{
	return scarce || __real_channel_is_scarce(channel);
}

/* ---- the queue ------------------------------------------------------------------ */

static void
test_queue_each_for_itself(void **state)
{
	struct stage stage;
	uint64_t first, second;
	int one, two;

	(void)state;
	stage_open(&stage, "\"queueTimeout\": \"300ms\"", "");
	one = client_connect(&stage);
	two = client_connect(&stage);
	first = now_ms();
	client_send(one, GET("/1"));
	stage_await_counter(&stage, "queued", 1);
	pause_ms(150);
	second = now_ms();
	client_send(two, GET("/2"));
	stage_await_counter(&stage, "queued", 2);
	assert_answer_at(one, UNAVAILABLE, first, 300);
	assert_answer_at(two, UNAVAILABLE, second, 300);
	stage_await_counter(&stage, "queued", 0);
	/* The connection is kept, and its next request waits on its own. */
	first = now_ms();
	client_send(one, GET("/3"));
	assert_non_null(
		strstr(client_read(one, "\r\n\r\n", NULL), "Retry-After: "));
	assert_true(now_ms() - first >= 300);
	close(one);
	close(two);
	stage_close(&stage);
}

/* It lies with a worker that does not read: for the client that is no other
 * thing than the queue. */
static void
test_queue_when_offered(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"queueTimeout\": \"300ms\", \"revokeAfter\": 0",
		   "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	stage_await_counter(&stage, "active", 1);
	assert_answer_at(client, UNAVAILABLE, start, 300);
	assert_int_equal(stage_counter(&stage, "active"), 0);
	assert_taken_back(&worker);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* The queue's time is none of a request's that was taken. */
static void
test_queue_is_over_when_taken(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	stage_open(&stage,
		   "\"queueTimeout\": \"100ms\","
		   "\"activationTimeout\": \"100ms\"",
		   "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	pause_ms(400);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- activation ------------------------------------------------------------------- */

static void
test_activation_without_a_worker(void **state)
{
	struct stage stage;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"activationTimeout\": \"300ms\"", "");
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	assert_answer_at(client, UNAVAILABLE, start, 300);
	assert_int_equal(stage_counter(&stage, "queued"), 0);
	close(client);
	stage_close(&stage);
}

/* A worker that is busy is there; when it is lost, the time that was stamped
 * counts, not a new one. */
static void
test_activation_counts_from_the_head(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	uint64_t start, lost;
	int running, waiting;

	(void)state;
	stage_open(&stage,
		   "\"activationTimeout\": \"2s\", \"replay\": false,"
		   "\"maxConcurrentRequests\": 1",
		   "");
	fake_worker_open(&worker, &stage, 1);
	running = client_connect(&stage);
	client_send(running, GET("/1"));
	fake_worker_take(&worker, &request);
	waiting = client_connect(&stage);
	start = now_ms();
	client_send(waiting, GET("/2"));
	stage_await_counter(&stage, "queued", 1);
	while (now_ms() < start + 2100)
		assert_int_equal(stage_counter(&stage, "queued"), 1);
	lost = now_ms();
	fake_worker_kill(&worker);
	assert_answer_at(waiting, UNAVAILABLE, start, 2100);
	assert_true(now_ms() < lost + 1500);
	close(running);
	close(waiting);
	stage_close(&stage);
}

/* ---- execution ---------------------------------------------------------------------- */

static void
test_execution_in_the_queue(void **state)
{
	struct stage stage;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"executionTimeout\": \"300ms\"", "");
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	assert_answer_at(client, TIMED_OUT, start, 300);
	assert_int_equal(stage_counter(&stage, "queued"), 0);
	close(client);
	stage_close(&stage);
}

static void
test_execution_when_offered(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"executionTimeout\": \"300ms\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	assert_answer_at(client, TIMED_OUT, start, 300);
	assert_taken_back(&worker);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* Started: 504 and ABORT; the slot stays the worker's until its END. */
static void
test_execution_when_started(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"executionTimeout\": \"300ms\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	assert_answer_at(client, TIMED_OUT, start, 300);
	assert_abort(&worker, &request);
	assert_int_equal(stage_counter(&stage, "active"), 1);
	/* What it says late is for nobody. */
	fake_worker_respond(&worker, &request, 200, 4, "late", done);
	stage_await_counter(&stage, "active", 0);
	client_send(client, GET("/next"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* Takes what it was offered at the very moment in which the listener takes it
 * back. */
static struct channel *_Atomic quick;

/* The names are the linker's. */
bool __real_channel_claim_revoke(struct channel *channel, uint32_t slot,
				 uint32_t generation);
bool __wrap_channel_claim_revoke(struct channel *channel, uint32_t slot,
				 uint32_t generation);

bool
__wrap_channel_claim_revoke(struct channel *channel, uint32_t slot,
			    uint32_t generation)
{
	if (quick != NULL)
		(void)(channel_claim_take(quick, slot, generation) &&
		       channel_claim_start(quick, slot, generation));
	return __real_channel_claim_revoke(channel, slot, generation);
}

/* The queue's time is over, but the worker was faster: it is held to the rest. */
static void
test_execution_when_taken_at_last(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage,
		   "\"queueTimeout\": \"100ms\", \"revokeAfter\": 0, "
		   "\"executionTimeout\": \"400ms\"",
		   "");
	fake_worker_open(&worker, &stage, 1);
	quick = worker.channel;
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	assert_answer_at(client, TIMED_OUT, start, 400);
	quick = NULL;
	fake_worker_receive(&worker, &request);
	assert_int_equal(request.type, CHANNEL_REQUEST);
	assert_abort(&worker, &request);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	stage_await_counter(&stage, "active", 0);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* It reads a body, and the client is slow: the whole takes too long. */
static void
test_execution_in_the_body(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"executionTimeout\": \"300ms\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 10\r\n\r\nabc");
	fake_worker_take(&worker, &request);
	window(&worker, &request, 100);
	fake_worker_receive(&worker, &body);
	assert_int_equal(body.type, CHANNEL_BODY);
	assert_answer_at(client, TIMED_OUT, start, 300);
	assert_abort(&worker, &request);
	channel_release(worker.channel, body.refs[0].block);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	stage_await_counter(&stage, "active", 0);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* The head has left: the client sees a cut, whatever the response did. */
static void
test_execution_in_the_response(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"executionTimeout\": \"600ms\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, -1, "begin", 0);
	client_read(client, "begin", NULL);
	/* Pieces do not move it. */
	while (now_ms() < start + 300) {
		more(&worker, &request, "x", 0);
		client_read(client, "x", NULL);
		pause_ms(20);
	}
	assert_cut_at(client, start, 600);
	assert_abort(&worker, &request);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	stage_await_counter(&stage, "active", 0);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* All is said: what the client takes its time for is not the worker's. */
static void
test_execution_ends_with_the_last_word(void **state)
{
	static char text[48 * 1024];
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client, few = 4096;
	size_t got = 0;

	(void)state;
	stage_open(&stage,
		   "\"executionTimeout\": \"500ms\","
		   "\"responseIdleTimeout\": \"500ms\"",
		   "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &few, sizeof(few));
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	memset(text, 'x', sizeof(text) - 1);
	fake_worker_respond(&worker, &request, 200, 2 * (sizeof(text) - 1), "",
			    0);
	more(&worker, &request, text, 0);
	more(&worker, &request, text, CHANNEL_FLAG_LAST | CHANNEL_FLAG_END);
	pause_ms(1000);
	client_read(client, "\r\n\r\n", NULL);
	while (got < 2 * (sizeof(text) - 1)) {
		ssize_t piece = recv(client, text, sizeof(text), 0);

		assert_true(piece > 0);
		got += (size_t)piece;
	}
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- silence -------------------------------------------------------------------------- */

static void
test_idle_before_the_response(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"responseIdleTimeout\": \"300ms\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	assert_answer_at(client, TIMED_OUT, start, 300);
	assert_abort_for(&worker, &request, CHANNEL_ABORT_IDLE);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

static void
test_idle_in_the_response(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"responseIdleTimeout\": \"1s\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, -1, "begin", 0);
	start = now_ms();
	/* A word now and then keeps it, for longer than the time. */
	while (now_ms() < start + 1500) {
		more(&worker, &request, "x", 0);
		client_read(client, "x", NULL);
		pause_ms(50);
	}
	start = now_ms() - 60;
	assert_cut_at(client, start, 1000);
	assert_abort_for(&worker, &request, CHANNEL_ABORT_IDLE);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* While the client is the one who is waited for, the worker may be silent. */
static void
test_idle_is_not_the_client(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"responseIdleTimeout\": \"400ms\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 3\r\n\r\n");
	fake_worker_take(&worker, &request);
	window(&worker, &request, 100);
	pause_ms(900);
	client_send(client, "abc");
	fake_worker_receive(&worker, &body);
	assert_int_equal(body.type, CHANNEL_BODY);
	channel_release(worker.channel, body.refs[0].block);
	/* Now it has all that it asked for. */
	start = now_ms();
	client_read(client, TIMED_OUT, NULL);
	assert_true(now_ms() - start >= 390);
	assert_abort_for(&worker, &request, CHANNEL_ABORT_IDLE);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* A client was slow; then there are no blocks for what it sends.  From then on
 * the worker is waited for. */
static void
test_idle_counts_from_the_lack_of_blocks(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"responseIdleTimeout\": \"600ms\"", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 10\r\n\r\nabc");
	fake_worker_take(&worker, &request);
	window(&worker, &request, 100);
	fake_worker_receive(&worker, &body);
	assert_int_equal(body.type, CHANNEL_BODY);
	pause_ms(450);
	scarce = true;
	start = now_ms();
	client_send(client, "defg");
	assert_answer_at(client, TIMED_OUT, start, 600);
	scarce = false;
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- nothing moves them ------------------------------------------------------------------ */

/* The same four figures in both heads, whoever gets the request when. */
static void
test_replay_keeps_them(void **state)
{
	struct stage stage;
	struct fake_worker first, second;
	struct channel_descriptor request;
	uint64_t deadlines[HTTP_DEADLINE_COUNT], start;
	int client;

	(void)state;
	stage_open(&stage,
		   "\"executionTimeout\": \"700ms\","
		   "\"queueTimeout\": \"10s\","
		   "\"activationTimeout\": \"11s\","
		   "\"responseIdleTimeout\": \"12s\"",
		   "");
	fake_worker_open(&first, &stage, 1);
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	fake_worker_take(&first, &request);
	memcpy(deadlines, fake_worker_head(&first, &request)->deadlines,
	       sizeof(deadlines));
	for (unsigned i = 0; i < HTTP_DEADLINE_COUNT; i++)
		assert_true(deadlines[i] != 0);
	pause_ms(200);
	fake_worker_kill(&first);
	json_decref(stage_await(&stage, "worker-lost"));
	/* Nor does a new configuration. */
	stage_configure(&stage, "\"queueTimeout\": \"1ms\"", "");
	fake_worker_open(&second, &stage, 1);
	fake_worker_take(&second, &request);
	assert_memory_equal(fake_worker_head(&second, &request)->deadlines,
			    deadlines, sizeof(deadlines));
	assert_answer_at(client, TIMED_OUT, start, 700);
	assert_abort(&second, &request);
	close(client);
	fake_worker_kill(&second);
	stage_close(&stage);
}

static void
test_revocation_keeps_them(void **state)
{
	struct stage stage;
	struct fake_worker deaf, other;
	struct channel_descriptor request;
	uint64_t before[HTTP_DEADLINE_COUNT];
	int client;

	(void)state;
	stage_open(&stage,
		   "\"executionTimeout\": \"10s\","
		   "\"revokeAfter\": \"200ms\"",
		   "");
	fake_worker_open(&deaf, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	stage_await_counter(&stage, "active", 1);
	fake_worker_open(&other, &stage, 1);
	fake_worker_take(&other, &request);
	memcpy(before, fake_worker_head(&other, &request)->deadlines,
	       sizeof(before));
	fake_worker_receive(&deaf, &request);
	assert_memory_equal(fake_worker_head(&deaf, &request)->deadlines,
			    before, sizeof(before));
	assert_false(channel_claim_take(deaf.channel, request.slot,
					request.generation));
	close(client);
	fake_worker_kill(&deaf);
	fake_worker_kill(&other);
	stage_close(&stage);
}

/* A configuration without time-outs does not free those who have one. */
static void
test_reload_keeps_them(void **state)
{
	struct stage stage;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"queueTimeout\": \"400ms\"", "");
	client = client_connect(&stage);
	start = now_ms();
	client_send(client, GET("/"));
	stage_await_counter(&stage, "queued", 1);
	stage_configure(&stage,
			"\"queueTimeout\": 0, \"activationTimeout\": 0,"
			"\"responseIdleTimeout\": 0",
			"");
	assert_answer_at(client, UNAVAILABLE, start, 400);
	close(client);
	stage_close(&stage);
}

/* ---- revokeAfter -------------------------------------------------------------------------- */

/* How long until another worker gets what the first leaves lying. */
static uint64_t
revoked_after(const char *pool)
{
	struct stage stage;
	struct fake_worker deaf, other;
	struct channel_descriptor request;
	uint64_t start, took;
	int client;

	stage_open(&stage, pool, "");
	fake_worker_open(&deaf, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	stage_await_counter(&stage, "active", 1);
	start = now_ms();
	fake_worker_open(&other, &stage, 1);
	fake_worker_take(&other, &request);
	took = now_ms() - start;
	assert_int_equal(stage_counter(&stage, "requeued"), 1);
	fake_worker_respond(&other, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	close(client);
	fake_worker_kill(&deaf);
	fake_worker_kill(&other);
	stage_close(&stage);
	return took;
}

static void
test_revoke_after_is_a_setting(void **state)
{
	(void)state;
	assert_true(revoked_after("\"revokeAfter\": \"900ms\"") >= 800);
	assert_true(revoked_after("\"revokeAfter\": \"50ms\"") < 800);
}

static void
test_revoke_never(void **state)
{
	struct stage stage;
	struct fake_worker deaf, other;
	struct channel_descriptor request;
	uint64_t start;
	int client;

	(void)state;
	stage_open(&stage, "\"revokeAfter\": 0", "");
	fake_worker_open(&deaf, &stage, 1);
	client = client_connect(&stage);
	client_send(client, GET("/"));
	stage_await_counter(&stage, "active", 1);
	fake_worker_open(&other, &stage, 1);
	start = now_ms();
	while (now_ms() < start + 1300)
		assert_int_equal(stage_counter(&stage, "requeued"), 0);
	fake_worker_take(&deaf, &request);
	fake_worker_respond(&deaf, &request, 200, 2, "ok", done);
	client_read(client, "\r\n\r\nok", NULL);
	close(client);
	fake_worker_kill(&deaf);
	fake_worker_kill(&other);
	stage_close(&stage);
}

/* A deaf worker that goes on sending loses its offers as well, and gets none
 * while it reads nothing. */
static void
test_deaf_but_talking(void **state)
{
	struct stage stage;
	struct fake_worker deaf, other;
	struct channel_descriptor started, request;
	int first, second, third;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&deaf, &stage, 1);
	first = client_connect(&stage);
	client_send(first, GET("/1"));
	fake_worker_take(&deaf, &started);
	/* So long ago that it cannot be taken for a busy one. */
	pause_ms(150);
	second = client_connect(&stage);
	client_send(second, GET("/2"));
	stage_await_counter(&stage, "active", 2);
	fake_worker_open(&other, &stage, 1);
	channel_heartbeat(deaf.channel);
	fake_worker_take(&other, &request);
	channel_heartbeat(deaf.channel);
	fake_worker_respond(&deaf, &started, 200, -1, "x", 0);
	client_read(first, "x", NULL);
	/* The other has as much to do, but this one is stuck. */
	third = client_connect(&stage);
	client_send(third, GET("/3"));
	fake_worker_take(&other, &request);
	assert_int_equal(stage_counter(&stage, "requeued"), 1);
	close(first);
	close(second);
	close(third);
	fake_worker_kill(&deaf);
	fake_worker_kill(&other);
	stage_close(&stage);
}

/* One worker only, and it hangs: what it has not taken goes back to the queue,
 * in order, and to it again when it reads. */
static void
test_alone_and_hung(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int clients[3];

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	for (unsigned i = 0; i < 3; i++) {
		char text[64];

		clients[i] = client_connect(&stage);
		snprintf(text, sizeof(text), GET("/%u"), i);
		client_send(clients[i], text);
		stage_await_counter(&stage, "active", i + 1);
	}
	stage_await_counter(&stage, "queued", 3);
	assert_int_equal(stage_counter(&stage, "active"), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_taken_back(&worker);
	for (unsigned i = 0; i < 3; i++) {
		const struct http_request_head *head;
		char path[8];

		fake_worker_take(&worker, &request);
		head = fake_worker_head(&worker, &request);
		snprintf(path, sizeof(path), "/%u", i);
		assert_string_equal(
			http_request_head_slice(head, head->path).data, path);
		fake_worker_respond(&worker, &request, 200, 2, "ok", done);
		client_read(clients[i], "\r\n\r\nok", NULL);
		close(clients[i]);
	}
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- bodies that trickle --------------------------------------------------------------- */

static void
test_slowest_body(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	uint64_t start = now_ms();
	unsigned sent = 0;
	int client;

	(void)state;
	stage_open(&stage, "",
		   "\"entityBodyTimeout\": \"500ms\", \"minReceiveRate\": 100");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 1000\r\n\r\n");
	fake_worker_take(&worker, &request);
	window(&worker, &request, 1000);
	/* Never silent for so long, and yet too slow. */
	do {
		client_send(client, "x");
		sent++;
		fake_worker_receive(&worker, &body);
		if (body.type == CHANNEL_BODY)
			channel_release(worker.channel, body.refs[0].block);
		pause_ms(100);
	} while (body.type == CHANNEL_BODY && sent < 100);
	assert_int_equal(body.type, CHANNEL_ABORT);
	assert_true(now_ms() - start >= 500);
	client_read(client, "HTTP/1.1 408 Request Timeout\r\n", NULL);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* The same, allowed; and without any time-out what is gathered gets there. */
static void
test_crumbs_without_time_out(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, body;
	unsigned received = 0;
	int client;

	(void)state;
	stage_open(&stage, "",
		   "\"entityBodyTimeout\": 0, \"minReceiveRate\": 0");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "POST / HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: 1000\r\n\r\n");
	fake_worker_take(&worker, &request);
	window(&worker, &request, 1000);
	for (unsigned i = 0; i < 200; i++) {
		client_send(client, "x");
		stage_counter(&stage, "active");
	}
	while (received < 200) {
		fake_worker_receive(&worker, &body);
		assert_int_equal(body.type, CHANNEL_BODY);
		received += body.refs[0].length;
		channel_release(worker.channel, body.refs[0].block);
	}
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue_each_for_itself),
		cmocka_unit_test(test_queue_when_offered),
		cmocka_unit_test(test_queue_is_over_when_taken),
		cmocka_unit_test(test_activation_without_a_worker),
		cmocka_unit_test(test_activation_counts_from_the_head),
		cmocka_unit_test(test_execution_in_the_queue),
		cmocka_unit_test(test_execution_when_offered),
		cmocka_unit_test(test_execution_when_started),
		cmocka_unit_test(test_execution_when_taken_at_last),
		cmocka_unit_test(test_execution_in_the_body),
		cmocka_unit_test(test_execution_in_the_response),
		cmocka_unit_test(test_execution_ends_with_the_last_word),
		cmocka_unit_test(test_idle_before_the_response),
		cmocka_unit_test(test_idle_in_the_response),
		cmocka_unit_test(test_idle_is_not_the_client),
		cmocka_unit_test(test_idle_counts_from_the_lack_of_blocks),
		cmocka_unit_test(test_replay_keeps_them),
		cmocka_unit_test(test_revocation_keeps_them),
		cmocka_unit_test(test_reload_keeps_them),
		cmocka_unit_test(test_revoke_after_is_a_setting),
		cmocka_unit_test(test_revoke_never),
		cmocka_unit_test(test_deaf_but_talking),
		cmocka_unit_test(test_alone_and_hung),
		cmocka_unit_test(test_slowest_body),
		cmocka_unit_test(test_crumbs_without_time_out),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
