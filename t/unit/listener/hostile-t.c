/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker that lies ends its own channel, with a reason, and nothing else:
 * the client gets an answer from another worker, the listener goes on.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/io.h"
#include "core/channel/channel_priv.h"
#include "core/control/connection.h"
#include "t/unit/descriptors.h"
#include "t/unit/listener/stage.h"

static const unsigned done = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;

/* Past the checks of our own side: what a hostile process would write. */
static void
write_raw(struct fake_worker *worker,
	  const struct channel_descriptor *descriptor)
{
	if (worker->channel->tail - worker->channel->tail_published >=
	    worker->channel->ring_size - 1)
		return;
	worker->channel
		->out_ring[worker->channel->tail & worker->channel->ring_mask] =
		*descriptor;
	worker->channel->tail++;
	worker->channel->loud = true;
	channel_flush(worker->channel);
}

typedef void lie_fn(struct fake_worker *worker,
		    struct channel_descriptor *request);

static void
lie_about_slot(struct fake_worker *worker, struct channel_descriptor *request)
{
	request->slot++;
	fake_worker_respond(worker, request, 200, 2, "ok", done);
}

static void
lie_about_generation(struct fake_worker *worker,
		     struct channel_descriptor *request)
{
	request->generation++;
	fake_worker_respond(worker, request, 200, 2, "ok", done);
}

static void
lie_with_body_first(struct fake_worker *worker,
		    struct channel_descriptor *request)
{
	struct channel_descriptor body = {
		.type = CHANNEL_BODY,
		.flags = CHANNEL_FLAG_LAST,
		.slot = request->slot,
		.generation = request->generation,
	};

	fake_worker_send(worker, &body);
}

static void
lie_about_length(struct fake_worker *worker, struct channel_descriptor *request)
{
	fake_worker_respond(worker, request, 200, 2, "okay", done);
}

static void
lie_about_status(struct fake_worker *worker, struct channel_descriptor *request)
{
	fake_worker_respond(worker, request, 99, 2, "ok", done);
}

static void
lie_with_garbage_head(struct fake_worker *worker,
		      struct channel_descriptor *request)
{
	struct channel_descriptor response = {
		.type = CHANNEL_RESPONSE,
		.flags = (uint8_t)done,
		.count = 1,
		.slot = request->slot,
		.generation = request->generation,
		.extra = 40,
	};

	response.refs[0] = fake_worker_block(
		worker, "GET / HTTP/1.1\r\nHost: injected\r\n\r\n........", 40);
	fake_worker_send(worker, &response);
}

static void
lie_with_file_not_passed(struct fake_worker *worker,
			 struct channel_descriptor *request)
{
	struct channel_descriptor file = {
		.type = CHANNEL_FILE,
		.slot = request->slot,
		.generation = request->generation,
		.extra = 12345,
		.value2 = 1,
	};

	/* Together: once the head has left there is nothing to replay. */
	fake_worker_queue_response(worker, request, 200, 1, "", 0);
	fake_worker_send(worker, &file);
}

static void
lie_with_device(struct fake_worker *worker, struct channel_descriptor *request)
{
	(void)request;
	channel_file_pass(worker->channel, 1, 0);
	channel_file_pass(worker->channel, 1, worker->link);
}

static void
lie_with_block_outside(struct fake_worker *worker,
		       struct channel_descriptor *request)
{
	struct channel_descriptor response = {
		.type = CHANNEL_RESPONSE,
		.flags = (uint8_t)done,
		.count = 1,
		.slot = request->slot,
		.generation = request->generation,
		.extra = 40,
	};

	response.refs[0] =
		(struct channel_reference){ CHANNEL_BLOCK(63, 9, 1), 4096 };
	write_raw(worker, &response);
}

static void
lie_with_type(struct fake_worker *worker, struct channel_descriptor *request)
{
	request->type = 200;
	write_raw(worker, request);
}

static void
lie_on_the_link(struct fake_worker *worker, struct channel_descriptor *request)
{
	(void)request;
	(void)!send(worker->link, "{\"type\":\"attached\",\"index\":7}", 29,
		    MSG_NOSIGNAL);
}

static void
lie_with_no_json(struct fake_worker *worker, struct channel_descriptor *request)
{
	(void)request;
	(void)!send(worker->link, "\xff\x00{", 3, MSG_NOSIGNAL);
}

static void
lie_with_descriptors(struct fake_worker *worker,
		     struct channel_descriptor *request)
{
	(void)request;
	(void)io_send_message(worker->link, "{\"type\":\"x\"}", 12,
			      &worker->link, 1);
}

static void
lie_with_a_huge_message(struct fake_worker *worker,
			struct channel_descriptor *request)
{
	static char spaces[CONTROL_MESSAGE_MAX + 2];

	(void)request;
	memset(spaces, ' ', sizeof(spaces));
	(void)!send(worker->link, spaces, sizeof(spaces), MSG_NOSIGNAL);
}

static void
lie(lie_fn *how)
{
	struct stage stage;
	struct fake_worker liar, honest;
	struct channel_descriptor request;
	json_t *lost;
	int client;

	stage_open(&stage, "", "");
	fake_worker_open(&liar, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_take(&liar, &request);
	how(&liar, &request);
	lost = stage_await(&stage, "worker-lost");
	assert_true(json_is_true(json_object_get(lost, "lied")));
	assert_true(strlen(json_string_value(json_object_get(lost, "reason"))) >
		    0);
	json_decref(lost);
	fake_worker_open(&honest, &stage, 1);
	fake_worker_take(&honest, &request);
	fake_worker_respond(&honest, &request, 200, 6, "honest", done);
	client_read(client, "\r\n\r\nhonest", NULL);
	close(client);
	fake_worker_kill(&liar);
	fake_worker_kill(&honest);
	stage_close(&stage);
}

static void
test_lies(void **state)
{
	(void)state;
	lie(lie_about_slot);
	lie(lie_about_generation);
	lie(lie_with_body_first);
	lie(lie_about_length);
	lie(lie_about_status);
	lie(lie_with_garbage_head);
	lie(lie_with_block_outside);
	lie(lie_with_type);
}

static void
test_lies_about_files(void **state)
{
	(void)state;
	lie(lie_with_file_not_passed);
	lie(lie_with_device);
}

static void
test_lies_on_the_link(void **state)
{
	(void)state;
	lie(lie_on_the_link);
	lie(lie_with_no_json);
	lie(lie_with_descriptors);
	lie(lie_with_a_huge_message);
}

/* Its reason is cut to what fits, wherever that is: the manager is told. */
static void
test_reason_cut_in_a_character(void **state)
{
	(void)state;
	for (unsigned blanks = 0; blanks < 3; blanks++) {
		struct stage stage;
		struct fake_worker worker;
		char text[1200];
		size_t at;
		json_t *lost;

		stage_open(&stage, "", "");
		fake_worker_open(&worker, &stage, 1);
		at = (size_t)snprintf(text, sizeof(text),
				      "{\"type\":\"refused\",\"index\":0,"
				      "\"message\":\"%.*s",
				      (int)blanks, "   ");
		for (; at < 1000; at += 3)
			memcpy(text + at, "\xe2\x82\xac", 3);
		memcpy(text + at, "\"}", 2);
		(void)!send(worker.link, text, at + 2, MSG_NOSIGNAL);
		lost = stage_await(&stage, "worker-lost");
		assert_non_null(strstr(
			json_string_value(json_object_get(lost, "reason")),
			"channel refused: "));
		json_decref(lost);
		fake_worker_kill(&worker);
		stage_close(&stage);
	}
}

/* Two answers to one request: the client has the first, and only that. */
static void
test_second_response(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	json_t *lost;
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, 3, "one",
			    CHANNEL_FLAG_LAST);
	fake_worker_respond(&worker, &request, 200, 3, "two", done);
	client_read(client, "\r\n\r\none", NULL);
	lost = stage_await(&stage, "worker-lost");
	assert_true(json_is_true(json_object_get(lost, "lied")));
	json_decref(lost);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* END for a request whose claim word still says OFFERED, as nobody but a liar
 * leaves it: the slot must not end twice. */
static void
test_end_without_claim(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	int client;

	(void)state;
	stage_open(&stage, "\"replay\": false", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_receive(&worker, &request);
	fake_worker_end(&worker, &request, 0);
	assert_non_null(strstr(client_read(client, "\r\n\r\n", NULL), " 502 "));
	stage_await_counter(&stage, "active", 0);
	close(client);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* A request that was taken and whose client has left cannot be given back by
 * writing OFFERED into its claim word again: nobody is there for it. */
static void
test_offered_again_after_the_client_left(void **state)
{
	struct stage stage;
	struct fake_worker worker, other;
	struct channel_descriptor request, abort;
	const struct linger reset = { .l_onoff = 1 };
	int client;

	(void)state;
	stage_open(&stage, "", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_take(&worker, &request);
	/* At once, so that no timer sees before that it was taken. */
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset,
				    sizeof(reset)),
			 0);
	close(client);
	fake_worker_receive(&worker, &abort);
	assert_int_equal(abort.type, CHANNEL_ABORT);
	atomic_store(&worker.channel->claims[request.slot].claim,
		     CHANNEL_CLAIM_WORD(request.generation,
					CHANNEL_CLAIM_OFFERED));
	fake_worker_open(&other, &stage, 1);
	stage_send(&stage,
		   json_pack("{s:s, s:i, s:b}", "type", "worker-drain",
			     "worker", (int)worker.id, "abort", 1),
		   -1);
	assert_true(stage_is_quiet(&stage, "worker-drained"));
	assert_int_equal(stage_counter(&stage, "requeued"), 0);
	assert_int_equal(stage_counter(&stage, "active"), 1);
	fake_worker_end(&worker, &request, 0);
	json_decref(stage_await(&stage, "worker-drained"));
	fake_worker_kill(&worker);
	fake_worker_kill(&other);
	stage_close(&stage);
}

/* ---- hoarding -------------------------------------------------------------------- */

/* When all that other threads close is closed. */
static unsigned
open_descriptors(void)
{
	while (!io_close_foreign_done())
		sched_yield();
	return descriptors_open();
}

static void
pass_and_forget(struct fake_worker *worker, uint32_t number, int fd,
		struct channel_descriptor *span)
{
	struct channel_descriptor forget = { .type = CHANNEL_FILE_CLOSE,
					     .extra = number };
	enum portico_status status;

	do {
		status = channel_file_pass(worker->channel, number, fd);
		if (status == PORTICO_AGAIN)
			assert_int_equal(stage_counter(worker->stage, "active"),
					 1);
	} while (status == PORTICO_AGAIN);
	assert_int_equal(status, PORTICO_OK);
	span->extra = number;
	assert_int_equal(channel_send(worker->channel, span), PORTICO_OK);
	fake_worker_send(worker, &forget);
}

/* What did not fit into the ring goes when there is room. */
static void
flush_all(struct fake_worker *worker)
{
	struct channel_usage usage;

	do {
		channel_flush(worker->channel);
		channel_get_usage(worker->channel, &usage);
	} while (usage.overflow > 0);
}

/* File after file for a client that does not read, each closed at once: they
 * stay open here, but only so many, then the response ends. */
static void
test_files_for_a_slow_client(void **state)
{
	enum {
		SLOTS = 10,
		FILES = 2 * CHANNEL_FILES_MAX + 1000
	};
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request;
	struct channel_descriptor span = { .type = CHANNEL_FILE,
					   .value2 = UINT64_C(1) << 30 };
	struct channel_descriptor got;
	unsigned before, most = 0;
	int client, fd = memfd_create("file", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, INT64_C(1) << 30), 0);
	stage_open(&stage, "\"maxConcurrentRequests\": 10", "");
	fake_worker_open(&worker, &stage, 1);
	client = client_connect(&stage);
	client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fake_worker_take(&worker, &request);
	fake_worker_respond(&worker, &request, 200, -1, "", 0);
	span.slot = request.slot;
	span.generation = request.generation;
	before = open_descriptors();
	for (uint32_t i = 0; i < FILES; i++) {
		unsigned now;

		pass_and_forget(&worker, i, fd, &span);
		span.value2 = 1;
		now = open_descriptors();
		most = now > most ? now : most;
	}
	do
		fake_worker_receive(&worker, &got);
	while (got.type != CHANNEL_ABORT);
	assert_true(most > before + CHANNEL_FILES_MAX);
	/* Some are being closed. */
	assert_true(most <= before + 2 * CHANNEL_FILES_MAX + SLOTS + 8);
	close(client);
	fake_worker_end(&worker, &request, CHANNEL_FLAG_FAILED);
	flush_all(&worker);
	stage_await_counter(&stage, "active", 0);
	assert_true(open_descriptors() <= before + 1);
	close(fd);
	fake_worker_kill(&worker);
	stage_close(&stage);
}

/* ---- any bytes ------------------------------------------------------------------ */

static uint32_t
draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Half of the fields right, so that it gets deep. */
static void
make_nonsense(struct fake_worker *worker, uint32_t *seed,
	      const struct channel_descriptor *request,
	      struct channel_descriptor *to)
{
	unsigned char *bytes = (unsigned char *)to;
	unsigned valid = draw(seed);

	for (unsigned i = 0; i < sizeof(*to); i++)
		bytes[i] = (unsigned char)draw(seed);
	to->reserved = 0;
	to->type %= CHANNEL_TYPES + 1;
	to->flags &= 31;
	to->count %= 6;
	if (valid & 3) {
		to->slot = request->slot;
		to->generation = request->generation;
	}
	for (unsigned i = 0; i < CHANNEL_REFERENCES_MAX; i++) {
		static const char text[] = "some bytes that are no head";

		if (draw(seed) & 3)
			to->refs[i] =
				fake_worker_block(worker, text, sizeof(text));
		if ((draw(seed) & 7) == 0)
			to->refs[i].length = draw(seed);
	}
	if (valid & 4)
		to->extra = 32;
	to->value &= 0xffff;
	to->value2 &= 0xffff;
}

static void
test_nonsense(void **state)
{
	struct stage stage;
	struct fake_worker worker;
	struct channel_descriptor request, nonsense;
	uint32_t seed = 20261122;
	const char *rounds = getenv("PORTICO_HOSTILE_ROUNDS");
	unsigned count = rounds == NULL ? 300 :
					  (unsigned)strtoul(rounds, 0, 10);

	(void)state;
	stage_open(&stage, "\"replay\": false", "");
	for (unsigned i = 0; i < count; i++) {
		int client = client_connect(&stage);

		client_send(client,
			    i % 2 == 0 ? "GET / HTTP/1.1\r\nHost: a\r\n\r\n" :
					 "POST / HTTP/1.1\r\nHost: a\r\n"
					 "Content-Length: 3\r\n\r\nabc");
		fake_worker_open(&worker, &stage, 1);
		fake_worker_take(&worker, &request);
		if (i % 3 == 0)
			fake_worker_respond(&worker, &request, 200, -1, "x", 0);
		for (unsigned j = 0; j < 1 + i % 8; j++) {
			make_nonsense(&worker, &seed, &request, &nonsense);
			write_raw(&worker, &nonsense);
		}
		fake_worker_kill(&worker);
		json_decref(stage_await(&stage, "worker-lost"));
		close(client);
	}
	stage_await_counter(&stage, "active", 0);
	stage_await_counter(&stage, "queued", 0);
	/* And it serves. */
	fake_worker_open(&worker, &stage, 1);
	{
		int client = client_connect(&stage);

		client_send(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		fake_worker_take(&worker, &request);
		fake_worker_respond(&worker, &request, 200, 4, "fine", done);
		client_read(client, "\r\n\r\nfine", NULL);
		close(client);
	}
	fake_worker_kill(&worker);
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_lies_about_files),
		cmocka_unit_test(test_lies_on_the_link),
		cmocka_unit_test(test_reason_cut_in_a_character),
		cmocka_unit_test(test_second_response),
		cmocka_unit_test(test_end_without_claim),
		cmocka_unit_test(test_offered_again_after_the_client_left),
		cmocka_unit_test(test_files_for_a_slow_client),
		cmocka_unit_test(test_nonsense),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
