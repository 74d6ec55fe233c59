/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker with two threads under many requests that suspend, wait for other
 * threads, stream, and are aborted at random: all end, nothing leaks.
 */
#define STAGE_SLOTS 64
#include "t/unit/worker/stage.h"

#include <poll.h>
#include <pthread.h>

#define REQUESTS 20000

/* ---- the module: what a request does depends on its path ---------------------------- */

static _Atomic uint64_t blocked_time; /* written by offloaded work */

static void
work(void *arg)
{
	(void)arg;
	atomic_fetch_add(&blocked_time, 1);
}

static enum portico_verdict
answer_text(struct portico_request *request, void *arg)
{
	size_t written;

	(void)arg;
	if (portico_response_write(request, "answer", 6, &written) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static void
on_timer(struct portico_request *request, void *arg)
{
	struct portico_token *token = arg;

	(void)request;
	portico_complete(*token);
}

/* Threads that complete tokens a little later. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct portico_token waiting[REQUESTS];
static size_t waiting_count;
static bool closing;

static void *
complete_run(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	while (!closing || waiting_count > 0) {
		struct portico_token token;

		if (waiting_count == 0) {
			pthread_cond_wait(&changed, &lock);
			continue;
		}
		token = waiting[--waiting_count];
		pthread_mutex_unlock(&lock);
		assert_int_equal(portico_complete(token), PORTICO_OK);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

struct stream {
	size_t left;
};

static enum portico_verdict
stream_on(struct portico_request *request, void *arg)
{
	static const char piece[8192] = "stream";
	struct stream *stream = arg;

	while (stream->left > 0) {
		size_t length = stream->left < sizeof(piece) ? stream->left :
							       sizeof(piece);
		size_t written;
		enum portico_status status = portico_response_write(
			request, piece, length, &written);

		stream->left -= written;
		if (status == PORTICO_ABORTED)
			return PORTICO_ERROR;
		if (status == PORTICO_AGAIN) {
			portico_response_wait(request, stream_on, stream);
			return PORTICO_PENDING;
		}
	}
	return PORTICO_DONE;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH);
	struct portico_token *token =
		portico_request_alloc(request, sizeof(*token));
	struct stream *stream = portico_request_alloc(request, sizeof(*stream));

	switch (path.data[1]) {
	case 'o':
		portico_offload(request, work, NULL, answer_text, NULL);
		return PORTICO_PENDING;
	case 't':
		portico_suspend(request, answer_text, NULL, token);
		portico_timer_start(request, 1000000, on_timer, token);
		return PORTICO_PENDING;
	case 'c':
		portico_suspend(request, answer_text, NULL, token);
		pthread_mutex_lock(&lock);
		waiting[waiting_count++] = *token;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&lock);
		return PORTICO_PENDING;
	case 's':
		stream->left = 300000;
		return stream_on(request, stream);
	}
	return answer_text(request, NULL);
}

static const struct portico_handler handlers[] = { { .name = "test",
						     .function = handle },
						   { 0 } };
static const struct portico_module module =
	STAGE_MODULE(.name = "test", .handlers = handlers);

/* ---- the listener --------------------------------------------------------------------- */

struct attach {
	struct loop_message message;
	struct channel_handles handles;
	struct worker_loop *loop;
};

static void
attach_run(struct loop_message *message)
{
	struct attach *attach = CONTAINER_OF(message, struct attach, message);
	struct portico_error err = { 0 };

	if (attachment_open(attach->loop, &attach->handles, NULL, &err) !=
	    PORTICO_OK)
		abort();
}

struct peer {
	struct channel *channel;
	struct attach attach;
	bool busy[STAGE_SLOTS];
	bool aborted[STAGE_SLOTS];
	uint32_t heads[STAGE_SLOTS], generations[STAGE_SLOTS];
	uint32_t generation;
	unsigned running, ended, failed;
};

static struct peer peers[2];

static void
peer_offer(struct peer *peer, uint32_t slot, const char *path)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_REQUEST,
		.count = 1,
		.slot = slot,
		.generation = ++peer->generation,
	};
	char text[256];
	uint32_t size;
	void *block = channel_block_alloc(peer->channel, CHANNEL_BLOCK_4K,
					  &descriptor.refs[0].block, &size);

	assert_non_null(block);
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
		 path);
	descriptor.refs[0].length = (uint32_t)head_make(text, block, size);
	peer->heads[slot] = descriptor.refs[0].block;
	peer->generations[slot] = descriptor.generation;
	peer->busy[slot] = true;
	peer->aborted[slot] = false;
	peer->running++;
	channel_claim_offer(peer->channel, slot, descriptor.generation);
	assert_int_equal(channel_send(peer->channel, &descriptor), PORTICO_OK);
}

static void
peer_signal(struct peer *peer, uint32_t slot, enum channel_type type,
	    uint64_t value)
{
	struct channel_descriptor descriptor = {
		.type = (uint8_t)type,
		.slot = slot,
		.generation = peer->generations[slot],
		.value = value,
	};

	assert_int_equal(channel_send(peer->channel, &descriptor), PORTICO_OK);
}

static void
peer_take(struct peer *peer, const struct channel_descriptor *descriptor)
{
	uint64_t bytes = 0;

	assert_true(peer->busy[descriptor->slot]);
	assert_int_equal(descriptor->generation,
			 peer->generations[descriptor->slot]);
	for (unsigned i = 0; i < descriptor->count; i++) {
		bytes += descriptor->refs[i].length;
		channel_release(peer->channel, descriptor->refs[i].block);
	}
	if (descriptor->type == CHANNEL_END ||
	    (descriptor->flags & CHANNEL_FLAG_END) != 0) {
		bool failed = (descriptor->flags & CHANNEL_FLAG_FAILED) != 0;

		if (failed)
			assert_true(peer->aborted[descriptor->slot]);
		peer->busy[descriptor->slot] = false;
		peer->running--;
		peer->ended++;
		peer->failed += failed;
		channel_block_returned(peer->channel,
				       peer->heads[descriptor->slot]);
		return;
	}
	if (bytes > 0)
		peer_signal(peer, descriptor->slot, CHANNEL_WINDOW, bytes);
}

static void
peer_turn(struct peer *peer, unsigned *left)
{
	static const char *const paths[] = { "/plain", "/offload", "/timer",
					     "/complete", "/stream" };
	struct channel_descriptor descriptor;
	enum portico_status status;

	channel_socket_readable(peer->channel);
	while ((status = channel_receive(peer->channel, &descriptor)) ==
	       PORTICO_OK)
		peer_take(peer, &descriptor);
	assert_int_equal(status, PORTICO_AGAIN);
	for (uint32_t slot = 0; slot < STAGE_SLOTS; slot++) {
		if (!peer->busy[slot] && *left > 0) {
			peer_offer(peer, slot, paths[random() % 5]);
			(*left)--;
		} else if (peer->busy[slot] && !peer->aborted[slot] &&
			   random() % 64 == 0) {
			peer->aborted[slot] = true;
			peer_signal(peer, slot, CHANNEL_ABORT,
				    CHANNEL_ABORT_CLIENT);
		}
	}
	channel_flush(peer->channel);
}

static void
peers_wait(void)
{
	struct pollfd fds[4];
	bool block = true;

	for (int i = 0; i < 2; i++) {
		block = channel_sleep(peers[i].channel) && block;
		fds[2 * i] = (struct pollfd){ .fd = channel_wake_fd(
						      peers[i].channel),
					      .events = POLLIN };
		fds[2 * i + 1] = (struct pollfd){ .fd = channel_socket_fd(
							  peers[i].channel),
						  .events = POLLIN };
	}
	if (block && poll(fds, 4, 20000) == 0)
		fail_msg("nothing happened for 20 s");
	for (int i = 0; i < 2; i++)
		channel_awake(peers[i].channel,
			      block && fds[2 * i].revents != 0);
}

static void
peers_open(void)
{
	for (int i = 0; i < 2; i++) {
		struct channel_options options = { .name = "stress",
						   .slots = STAGE_SLOTS };
		struct portico_error err = { 0 };
		struct attach *attach = &peers[i].attach;

		if (channel_create(&options, &peers[i].channel,
				   &attach->handles, &err) != PORTICO_OK)
			fail_msg("%s", err.message);
		attach->loop = &stage.worker->loops[i];
		attach->message.run = attach_run;
		loop_post(attach->loop, &attach->message);
	}
}

static void
test_many_requests_on_two_threads(void **state)
{
	const struct settings_handler rule = { .path = "*", .module = "test" };
	unsigned left = REQUESTS;
	pthread_t threads[2];

	(void)state;
	memset(&stage, 0, sizeof(stage));
	stage.worker = worker_new("test", 2, 3, NULL);
	stage.loop = &stage.worker->loops[0];
	stage_add_module(&module);
	stage_build(&rule, 1);
	assert_int_equal(worker_start_loops(stage.worker, NULL), PORTICO_OK);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, complete_run, NULL);
	peers_open();
	srandom(17);
	do {
		peer_turn(&peers[0], &left);
		peer_turn(&peers[1], &left);
		if (peers[0].running + peers[1].running > 0)
			peers_wait();
	} while (left > 0 || peers[0].running + peers[1].running > 0);
	printf("# %u and %u ended, of them %u failed\n", peers[0].ended,
	       peers[1].ended, peers[0].failed + peers[1].failed);
	assert_int_equal(peers[0].ended + peers[1].ended, REQUESTS);
	pthread_mutex_lock(&lock);
	closing = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(worker_active(stage.worker), 0);
	assert_int_equal(worker_served(stage.worker), REQUESTS);
	for (int i = 0; i < 2; i++) {
		struct channel_usage usage;

		channel_get_usage(peers[i].channel, &usage);
		assert_int_equal(usage.held, 0);
		for (int c = 0; c < CHANNEL_BLOCK_CLASSES; c++)
			assert_int_equal(usage.in_use[c], 0);
	}
	worker_free(&stage.worker);
	for (int i = 0; i < 2; i++)
		channel_free(&peers[i].channel);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_many_requests_on_two_threads),
};

UNIT_MAIN(tests)
