/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels as the listener keeps them: how they begin and with whom they do
 * not, the ends of both directions, and that nothing is left of them whoever
 * goes first.
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
#include "core/channel/channel_priv.h"
#include "core/http/response_head.h"
#include "t/unit/listener/stage.h"

#define UPGRADE_FIELDS "Connection: upgrade\r\nUpgrade: x\r\n"
#define ASK "GET /t HTTP/1.1\r\nHost: a\r\n" UPGRADE_FIELDS "\r\n"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static const unsigned done = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;

/* What must be the same when no request is there. */
static const char *const accounts[] = { "active", "slots", "blocks", "held",
					"overflow" };

#define ACCOUNTS (sizeof(accounts) / sizeof(accounts[0]))

struct scene {
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;
	json_int_t before[ACCOUNTS];
};

static void
pause_ms(unsigned ms)
{
	struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static uint64_t
now_ms(void)
{
	return clock_monotonic_ns() / CLOCK_NS_PER_MS;
}

/* ---- as the worker --------------------------------------------------------- */

static struct channel_descriptor
describe(const struct scene *scene, unsigned type)
{
	return (struct channel_descriptor){
		.type = (uint8_t)type,
		.slot = scene->request.slot,
		.generation = scene->request.generation,
	};
}

/* A head; the block is the descriptor's. */
static struct channel_descriptor
make_head(struct scene *scene, unsigned type, unsigned status)
{
	struct channel_descriptor head = describe(scene, type);
	struct http_response_head fixed = {
		.status = (uint16_t)status,
		.content_length = HTTP_RESPONSE_LENGTH_UNKNOWN,
	};
	struct http_response_writer writer;
	char text[512];

	http_response_head_begin(&writer, text, sizeof(text));
	if (status == 101)
		http_response_head_add(&writer, HTTP_HEADER_UPGRADE, "x", 1);
	head.extra = (uint32_t)http_response_head_end(&writer, &fixed);
	assert_true(head.extra > 0);
	head.count = 1;
	head.refs[0] = fake_worker_block(&scene->worker, text, head.extra);
	return head;
}

static void
answer(struct scene *scene, unsigned type, unsigned status)
{
	struct channel_descriptor head = make_head(scene, type, status);

	fake_worker_send(&scene->worker, &head);
}

static void
window(struct scene *scene, uint64_t bytes)
{
	struct channel_descriptor descriptor = describe(scene, CHANNEL_WINDOW);

	descriptor.value = bytes;
	fake_worker_send(&scene->worker, &descriptor);
}

static void
say(struct scene *scene, const void *data, size_t length, unsigned flags)
{
	struct channel_descriptor body = describe(scene, CHANNEL_BODY);

	body.flags = (uint8_t)flags;
	if (length > 0) {
		body.count = 1;
		body.refs[0] = fake_worker_block(&scene->worker, data, length);
	}
	fake_worker_send(&scene->worker, &body);
}

static void
say_no_more(struct scene *scene)
{
	struct channel_descriptor flush = describe(scene, CHANNEL_FLUSH);

	flush.value = CHANNEL_FLUSH_SHUTDOWN;
	fake_worker_send(&scene->worker, &flush);
}

/* The next one of the tunnel, which is of that type. */
static struct channel_descriptor
expect(struct scene *scene, unsigned type)
{
	struct channel_descriptor got;

	fake_worker_receive(&scene->worker, &got);
	assert_int_equal(got.type, type);
	assert_int_equal(got.slot, scene->request.slot);
	assert_int_equal(got.generation, scene->request.generation);
	return got;
}

/* What the client sent: appended to `to`, the blocks returned.  True: there
 * is more to come. */
static bool
take_piece(struct scene *scene, char *to, size_t *used, size_t size)
{
	struct channel_descriptor body = expect(scene, CHANNEL_BODY);

	for (unsigned i = 0; i < body.count; i++) {
		uint32_t length = body.refs[i].length;

		assert_true(*used + length <= size);
		memcpy(to + *used,
		       channel_block_data(scene->worker.channel, body.refs[i]),
		       length);
		*used += length;
		channel_release(scene->worker.channel, body.refs[i].block);
	}
	channel_flush(scene->worker.channel);
	return (body.flags & CHANNEL_FLAG_LAST) == 0;
}

static void
expect_bytes(struct scene *scene, const char *text)
{
	char got[256];
	size_t used = 0;

	while (used < strlen(text))
		assert_true(take_piece(scene, got, &used, sizeof(got)));
	assert_int_equal(used, strlen(text));
	assert_memory_equal(got, text, used);
}

static void
expect_last(struct scene *scene)
{
	char nothing[1];
	size_t used = 0;

	assert_false(take_piece(scene, nothing, &used, 0));
}

static void
expect_abort(struct scene *scene, unsigned reason)
{
	assert_int_equal(expect(scene, CHANNEL_ABORT).value, reason);
}

/* ---- a scene ----------------------------------------------------------------- */

static void
scene_open(struct scene *scene, const char *pool)
{
	stage_open(&scene->stage, pool, "");
	fake_worker_open(&scene->worker, &scene->stage, 1);
	for (unsigned i = 0; i < ACCOUNTS; i++)
		scene->before[i] = stage_counter(&scene->stage, accounts[i]);
	scene->client = client_connect(&scene->stage);
}

static void
ask(struct scene *scene, const char *text)
{
	client_send(scene->client, text);
	fake_worker_take(&scene->worker, &scene->request);
}

static bool
is_offered(struct scene *scene)
{
	return (fake_worker_head(&scene->worker, &scene->request)->flags &
		HTTP_REQUEST_UPGRADE) != 0;
}

/* A tunnel; its head is with the client. */
static void
begin(struct scene *scene, const char *pool)
{
	scene_open(scene, pool);
	ask(scene, ASK);
	assert_true(is_offered(scene));
	answer(scene, CHANNEL_UPGRADE, 101);
	client_read(scene->client, "\r\n\r\n", NULL);
}

/* All that the worker lent comes back. */
static void
await_blocks(struct fake_worker *worker)
{
	struct channel_descriptor got;
	struct channel_usage usage;
	uint32_t in_use = 1;

	for (unsigned i = 0; i < 10000 && in_use > 0; i++) {
		/* Releases are dealt with on the way. */
		while (channel_receive(worker->channel, &got) == PORTICO_OK)
			assert_int_equal(got.type, CHANNEL_WINDOW);
		channel_trim(worker->channel);
		channel_get_usage(worker->channel, &usage);
		in_use = 0;
		for (unsigned j = 0; j < CHANNEL_BLOCK_CLASSES; j++)
			in_use += usage.in_use[j];
		(void)stage_counter(worker->stage, "active");
	}
	assert_int_equal(in_use, 0);
	assert_int_equal(usage.held, 0);
}

/* Nothing is left, and the next request is served. */
static void
scene_close(struct scene *scene)
{
	for (unsigned i = 0; i < ACCOUNTS; i++)
		stage_await_counter(&scene->stage, accounts[i],
				    scene->before[i]);
	await_blocks(&scene->worker);
	if (scene->client >= 0)
		close(scene->client);
	scene->client = client_connect(&scene->stage);
	ask(scene, GET);
	fake_worker_respond(&scene->worker, &scene->request, 200, 4, "next",
			    done);
	client_read(scene->client, "\r\n\r\nnext", NULL);
	close(scene->client);
	fake_worker_kill(&scene->worker);
	stage_close(&scene->stage);
}

static void
assert_end(struct scene *scene, const char *rest, bool wanted_reset)
{
	bool reset;

	assert_string_equal(client_read(scene->client, NULL, &reset), rest);
	assert_int_equal(reset, wanted_reset);
}

/* ---- the beginning ------------------------------------------------------------- */

static void
test_bytes_behind_the_head(void **state)
{
	struct scene scene;
	const char *head;

	(void)state;
	scene_open(&scene, "\"maxRequestBody\": 4");
	ask(&scene, ASK "first");
	assert_true(is_offered(&scene));
	answer(&scene, CHANNEL_UPGRADE, 101);
	head = client_read(scene.client, "\r\n\r\n", NULL);
	assert_memory_equal(head, "HTTP/1.1 101 ", 13);
	assert_non_null(strstr(head, "\r\n"
				     "Upgrade: x\r\n"));
	assert_non_null(strstr(head, "\r\n"
				     "Connection: upgrade\r\n"));
	assert_null(strstr(head, "Content-Length"));
	assert_null(strstr(head, "Transfer-Encoding"));
	/* As far as the window allows, and no limit of bodies holds. */
	window(&scene, 3);
	expect_bytes(&scene, "fir");
	window(&scene, 100);
	expect_bytes(&scene, "st");
	client_send(scene.client, GET "0\r\n\r\n");
	expect_bytes(&scene, GET "0\r\n\r\n");
	say(&scene, "5\r\nup\r\n", 7, 0);
	client_read(scene.client, "5\r\nup\r\n", NULL);
	say(&scene, "end", 3, done);
	assert_end(&scene, "end", false);
	scene_close(&scene);
}

/* What a worker may not answer with UPGRADE does not offer it. */
static void
test_not_offered(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.0\r\nHost: a\r\n" UPGRADE_FIELDS "\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE_FIELDS
		"Content-Length: 2\r\n\r\nab",
		"POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE_FIELDS
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: a\r\n" UPGRADE_FIELDS "\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n",
		GET,
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct scene scene;

		scene_open(&scene, "");
		ask(&scene, texts[i]);
		if (is_offered(&scene))
			fail_msg("offered: %s", texts[i]);
		fake_worker_respond(&scene.worker, &scene.request, 200, 0, "",
				    done);
		client_read(scene.client, "\r\n\r\n", NULL);
		scene_close(&scene);
	}
}

/* Any other answer is one to a request: the next one follows. */
static void
test_refused(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "");
	ask(&scene,
	    "POST /t HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" UPGRADE_FIELDS
	    "\r\n" GET);
	assert_true(is_offered(&scene));
	fake_worker_respond(&scene.worker, &scene.request, 426, 2, "no", done);
	assert_non_null(strstr(client_read(scene.client, "\r\n\r\nno", NULL),
			       "HTTP/1.1 426 "));
	fake_worker_take(&scene.worker, &scene.request);
	assert_false(is_offered(&scene));
	fake_worker_respond(&scene.worker, &scene.request, 200, 3, "yes", done);
	client_read(scene.client, "\r\n\r\nyes", NULL);
	scene_close(&scene);
}

/* ---- lies ---------------------------------------------------------------------- */

/* Past the checks of our own side. */
static void
write_raw(struct scene *scene, const struct channel_descriptor *descriptor)
{
	struct channel *channel = scene->worker.channel;

	channel->out_ring[channel->tail & channel->ring_mask] = *descriptor;
	channel->tail++;
	channel->loud = true;
	channel_flush(channel);
}

static void
lie_about_status(struct scene *scene)
{
	answer(scene, CHANNEL_UPGRADE, 200);
}

static void
lie_with_response(struct scene *scene)
{
	answer(scene, CHANNEL_RESPONSE, 101);
}

static void
lie_unasked(struct scene *scene)
{
	answer(scene, CHANNEL_UPGRADE, 101);
}

static void
lie_twice(struct scene *scene)
{
	answer(scene, CHANNEL_UPGRADE, 101);
	answer(scene, CHANNEL_UPGRADE, 101);
}

static void
lie_after_response(struct scene *scene)
{
	answer(scene, CHANNEL_RESPONSE, 200);
	answer(scene, CHANNEL_UPGRADE, 101);
}

static void
lie_shutdown_first(struct scene *scene)
{
	say_no_more(scene);
}

static void
lie_shutdown_of_response(struct scene *scene)
{
	answer(scene, CHANNEL_RESPONSE, 200);
	say_no_more(scene);
}

static void
lie_shutdown_twice(struct scene *scene)
{
	answer(scene, CHANNEL_UPGRADE, 101);
	say_no_more(scene);
	say_no_more(scene);
}

static void
lie_bytes_after_shutdown(struct scene *scene)
{
	answer(scene, CHANNEL_UPGRADE, 101);
	say_no_more(scene);
	say(scene, "late", 4, 0);
}

static void
lie_with_last(struct scene *scene)
{
	struct channel_descriptor head = make_head(scene, CHANNEL_UPGRADE, 101);

	head.flags = CHANNEL_FLAG_LAST;
	write_raw(scene, &head);
}

static void
lie_without_head(struct scene *scene)
{
	struct channel_descriptor head = describe(scene, CHANNEL_UPGRADE);

	write_raw(scene, &head);
}

static void
lie_about_size(struct scene *scene)
{
	struct channel_descriptor head = make_head(scene, CHANNEL_UPGRADE, 101);

	head.extra++;
	write_raw(scene, &head);
}

static void
lie_about_flush(struct scene *scene)
{
	struct channel_descriptor flush = describe(scene, CHANNEL_FLUSH);

	answer(scene, CHANNEL_UPGRADE, 101);
	flush.value = CHANNEL_FLUSH_SHUTDOWN + 1;
	write_raw(scene, &flush);
}

static const struct {
	void (*tell)(struct scene *scene);
	const char *ask;
	const char *reason; /* a part of it */
} lies[] = {
	{ lie_unasked, GET, "upgrade that the client did not ask for" },
	{ lie_unasked, "HEAD / HTTP/1.1\r\nHost: a\r\n" UPGRADE_FIELDS "\r\n",
	  "upgrade that the client did not ask for" },
	{ lie_about_status, ASK, "status other than 101" },
	{ lie_with_response, ASK, "status is not a final one" },
	{ lie_twice, ASK, "second response head" },
	{ lie_after_response, ASK, "second response head" },
	{ lie_shutdown_first, ASK, "end of sending outside of a tunnel" },
	{ lie_shutdown_of_response, ASK, "end of sending outside of a tunnel" },
	{ lie_shutdown_twice, ASK, "second end of sending" },
	{ lie_bytes_after_shutdown, ASK, "bytes after the end of a tunnel" },
	{ lie_with_last, ASK, "flags not allowed" },
	{ lie_without_head, ASK, "count not allowed" },
	{ lie_about_size, ASK, "head longer than its block's bytes" },
	{ lie_about_flush, ASK, "unknown kind of flush" },
};

static void
test_lies(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct scene scene;
		json_t *lost;
		const char *reason;

		scene_open(&scene, "\"replay\": false");
		ask(&scene, lies[i].ask);
		lies[i].tell(&scene);
		lost = stage_await(&scene.stage, "worker-lost");
		assert_true(json_is_true(json_object_get(lost, "lied")));
		reason = json_string_value(json_object_get(lost, "reason"));
		if (strstr(reason, lies[i].reason) == NULL)
			fail_msg("lie %u: \"%s\" is not \"%s\"", i, reason,
				 lies[i].reason);
		json_decref(lost);
		/* A page or a cut, but an end. */
		shutdown(scene.client, SHUT_WR);
		client_read(scene.client, NULL, NULL);
		fake_worker_kill(&scene.worker);
		fake_worker_open(&scene.worker, &scene.stage, 1);
		scene_close(&scene);
	}
}

/* ---- directions ------------------------------------------------------------------ */

/* A client that had ended before: it is told, and heard, in its order. */
static void
test_fin_before_the_head(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "");
	ask(&scene, ASK "abc");
	shutdown(scene.client, SHUT_WR);
	/* The loop has been round: it has seen that. */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(stage_counter(&scene.stage, "active"), 1);
	answer(&scene, CHANNEL_UPGRADE, 101);
	client_read(scene.client, "HTTP/1.1 101 ", NULL);
	client_read(scene.client, "\r\n\r\n", NULL);
	window(&scene, 100);
	expect_bytes(&scene, "abc");
	expect_last(&scene);
	say(&scene, "and ", 4, 0);
	client_read(scene.client, "and ", NULL);
	say(&scene, "bye", 3, 0);
	say_no_more(&scene);
	assert_end(&scene, "bye", false);
	fake_worker_end(&scene.worker, &scene.request, 0);
	scene_close(&scene);
}

/* The client's end comes behind its last byte, however slowly those are
 * taken; then it may still be sent to. */
static void
test_client_ends_first(void **state)
{
	enum {
		TOTAL = 300000,
		STEP = 7000
	};
	static char sent[TOTAL], got[TOTAL];
	struct scene scene;
	size_t left = 0, used = 0;
	bool more = true, shut = false;

	(void)state;
	for (unsigned i = 0; i < TOTAL; i++)
		sent[i] = (char)(i * 2654435761u >> 24);
	begin(&scene, "");
	while (more) {
		size_t granted = used + STEP;
		ssize_t some = left == TOTAL ? 0 :
					       send(scene.client, sent + left,
						    TOTAL - left, MSG_DONTWAIT);

		left += some > 0 ? (size_t)some : 0;
		if (left == TOTAL && !shut) {
			shutdown(scene.client, SHUT_WR);
			shut = true;
		}
		window(&scene, STEP);
		while (more && used < granted)
			more = take_piece(&scene, got, &used,
					  granted < TOTAL ? granted : TOTAL);
	}
	assert_true(shut);
	assert_int_equal(used, TOTAL);
	assert_memory_equal(got, sent, TOTAL);
	say(&scene, "still", 5, 0);
	client_read(scene.client, "still", NULL);
	say(&scene, "", 0, done);
	assert_end(&scene, "", false);
	scene_close(&scene);
}

/* As much as a client takes that does not read; how much that is. */
static size_t
flood(struct scene *scene, const char *data, size_t size)
{
	size_t room = channel_window(scene->worker.channel), total = 0;
	unsigned quiet = 0;

	while (quiet < 100) {
		struct channel_descriptor got;

		if (room >= size) {
			say(scene, data, size, 0);
			room -= size;
			total += size;
			quiet = 0;
			continue;
		}
		/* A trip through the loop. */
		assert_int_equal(stage_counter(&scene->stage, "active"), 1);
		quiet++;
		while (channel_receive(scene->worker.channel, &got) ==
		       PORTICO_OK) {
			assert_int_equal(got.type, CHANNEL_WINDOW);
			room += got.value;
		}
	}
	return total;
}

/* The worker's end comes behind its last byte, though that has to wait; then
 * the client may still send. */
static void
test_worker_ends_first(void **state)
{
	static char piece[4096];
	struct scene scene;
	size_t total, got = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(piece); i++)
		piece[i] = (char)(i * 2654435761u >> 24);
	scene_open(&scene, "");
	ask(&scene, ASK);
	answer(&scene, CHANNEL_UPGRADE, 101);
	client_read(scene.client, "\r\n\r\n", NULL);
	total = flood(&scene, piece, sizeof(piece));
	say_no_more(&scene);
	assert_true(stage_counter(&scene.stage, "held") > 0);
	for (;;) {
		char data[65536];
		ssize_t some = recv(scene.client, data, sizeof(data), 0);

		assert_true(some >= 0);
		if (some == 0)
			break;
		for (ssize_t i = 0; i < some; i++, got++)
			assert_int_equal(data[i], piece[got % sizeof(piece)]);
	}
	assert_int_equal(got, total);
	client_send(scene.client, "still here");
	window(&scene, 100);
	/* What of the window is due comes, too. */
	for (size_t used = 0; used < 10;) {
		struct channel_descriptor body;

		fake_worker_receive(&scene.worker, &body);
		if (body.type == CHANNEL_WINDOW)
			continue;
		assert_int_equal(body.type, CHANNEL_BODY);
		assert_memory_equal(channel_block_data(scene.worker.channel,
						       body.refs[0]),
				    &"still here"[used], body.refs[0].length);
		used += body.refs[0].length;
		channel_release(scene.worker.channel, body.refs[0].block);
	}
	shutdown(scene.client, SHUT_WR);
	expect_last(&scene);
	fake_worker_end(&scene.worker, &scene.request, 0);
	scene_close(&scene);
}

/* ---- bad ends --------------------------------------------------------------------- */

static void
test_client_resets(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct scene scene;

	(void)state;
	begin(&scene, "");
	/* Bytes are on their way in both directions. */
	window(&scene, 100);
	client_send(scene.client, "abc");
	expect_bytes(&scene, "abc");
	say(&scene, "unread", 6, 0);
	setsockopt(scene.client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(scene.client);
	scene.client = -1;
	expect_abort(&scene, CHANNEL_ABORT_CLIENT);
	/* It did not know yet. */
	say(&scene, "more", 4, 0);
	assert_int_equal(stage_counter(&scene.stage, "active"), 1);
	fake_worker_end(&scene.worker, &scene.request, CHANNEL_FLAG_FAILED);
	scene_close(&scene);
}

static void
test_worker_dies(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "");
	window(&scene, 100);
	client_send(scene.client, "abc");
	expect_bytes(&scene, "abc");
	fake_worker_kill(&scene.worker);
	assert_end(&scene, "", true);
	json_decref(stage_await(&scene.stage, "worker-lost"));
	fake_worker_open(&scene.worker, &scene.stage, 1);
	assert_int_equal(stage_counter(&scene.stage, "replayed"), 0);
	scene_close(&scene);
}

/* Head and death are seen in one turn of the loop: still no other worker gets
 * the request, which is a tunnel already. */
static void
test_worker_dies_at_once(void **state)
{
	struct scene scene;
	int hold;

	(void)state;
	scene_open(&scene, "");
	ask(&scene, ASK "abc");
	hold = stage_hold(&scene.stage);
	answer(&scene, CHANNEL_UPGRADE, 101);
	fake_worker_kill(&scene.worker);
	close(hold);
	client_read(scene.client, NULL, NULL);
	json_decref(stage_await(&scene.stage, "worker-lost"));
	assert_int_equal(stage_counter(&scene.stage, "replayed"), 0);
	fake_worker_open(&scene.worker, &scene.stage, 1);
	scene_close(&scene);
}

/* A module may fail in the middle: the client sees that it was no end. */
static void
test_worker_fails(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "");
	fake_worker_end(&scene.worker, &scene.request, CHANNEL_FLAG_FAILED);
	assert_end(&scene, "", true);
	scene_close(&scene);
}

/* A listener that drains lets it go on, up to the deadline. */
static void
test_drain(void **state)
{
	struct scene scene;
	json_t *drained;

	(void)state;
	begin(&scene, "");
	window(&scene, 100);
	stage_send(&scene.stage,
		   json_pack("{s:s, s:i, s:i}", "type", "drain", "deadlineMs",
			     400, "idleMs", 0),
		   -1);
	assert_true(stage_is_quiet(&scene.stage, "drained"));
	client_send(scene.client, "abc");
	expect_bytes(&scene, "abc");
	say(&scene, "def", 3, 0);
	client_read(scene.client, "def", NULL);
	assert_end(&scene, "", true);
	expect_abort(&scene, CHANNEL_ABORT_SHUTDOWN);
	drained = stage_await(&scene.stage, "drained");
	assert_int_equal(
		json_integer_value(json_object_get(drained, "aborted")), 1);
	json_decref(drained);
	fake_worker_end(&scene.worker, &scene.request, CHANNEL_FLAG_FAILED);
	stage_await_counter(&scene.stage, "active", 0);
	stage_await_counter(&scene.stage, "blocks", scene.before[2]);
	await_blocks(&scene.worker);
	close(scene.client);
	fake_worker_kill(&scene.worker);
	stage_close(&scene.stage);
}

/* ---- time ------------------------------------------------------------------------- */

/* Bytes of either direction keep it. */
static void
test_idle_timeout(void **state)
{
	struct scene scene;
	uint64_t start;

	(void)state;
	begin(&scene, "\"tunnelIdleTimeout\": \"600ms\"");
	window(&scene, 1000);
	for (unsigned i = 0; i < 10; i++) {
		pause_ms(100);
		if (i < 5) {
			say(&scene, "x", 1, 0);
			client_read(scene.client, "x", NULL);
		} else {
			client_send(scene.client, "y");
			expect_bytes(&scene, "y");
		}
		start = now_ms();
	}
	assert_end(&scene, "", true);
	assert_true(now_ms() - start >= 550);
	expect_abort(&scene, CHANNEL_ABORT_IDLE);
	fake_worker_end(&scene.worker, &scene.request, CHANNEL_FLAG_FAILED);
	scene_close(&scene);
}

/* What a request has to keep to is none of a tunnel. */
static void
test_no_deadline_of_requests(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "\"executionTimeout\": \"300ms\","
		      "\"responseIdleTimeout\": \"300ms\"");
	window(&scene, 100);
	pause_ms(900);
	client_send(scene.client, "abc");
	expect_bytes(&scene, "abc");
	say(&scene, "def", 3, done);
	assert_end(&scene, "def", false);
	scene_close(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_behind_the_head),
		cmocka_unit_test(test_not_offered),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_fin_before_the_head),
		cmocka_unit_test(test_client_ends_first),
		cmocka_unit_test(test_worker_ends_first),
		cmocka_unit_test(test_client_resets),
		cmocka_unit_test(test_worker_dies),
		cmocka_unit_test(test_worker_dies_at_once),
		cmocka_unit_test(test_worker_fails),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_idle_timeout),
		cmocka_unit_test(test_no_deadline_of_requests),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
