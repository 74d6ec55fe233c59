/* SPDX-License-Identifier: Apache-2.0
 *
 * See stage.h.
 */
#include "t/unit/listener/stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/http/response_head.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"

static void
fail_errno(const char *what)
{
	fail_msg("%s: %s", what, strerror(errno));
}

static void
await_readable(int fd, const char *what)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&poll_fd, 1, STAGE_TIMEOUT_MS);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		fail_msg("waited in vain for %s", what);
}

/* ---- the listener ------------------------------------------------------------ */

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void *
thread_main(void *arg)
{
	struct stage *stage = arg;

	uv_run(&stage->uv, UV_RUN_DEFAULT);
	listener_fini(&stage->listener);
	uv_walk(&stage->uv, close_handle, NULL);
	uv_run(&stage->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&stage->uv), 0);
	return NULL;
}

void
stage_configure(struct stage *stage, const char *pool, const char *listener)
{
	struct arena *arena = arena_new("stage", 0);
	struct config_problems *problems = config_problems_new(arena);
	char *text = arena_printf(
		arena,
		"{ \"runtimeDirectory\": \"/nonexistent\","
		"  \"logDirectory\": \"/nonexistent\","
		"  \"moduleDirectory\": \"/nonexistent\","
		"  \"listener\": { \"threads\": 1,"
		"    \"accessLog\": { \"enabled\": false },"
		"    \"errorLog\": { \"enabled\": false } %s%s },"
		"  \"pools\": { \"main\": { %s } },"
		"  \"sites\": { \"site\": {"
		"    \"bindings\": [ \"http://*:0\" ],"
		"    \"applications\": { \"/\": { \"pool\": \"main\","
		"      \"root\": \"/\", \"modules\": [ \"none\" ],"
		"      \"handlers\": [ { \"path\": \"*\","
		"                        \"module\": \"none\" } ] } } } } }",
		listener[0] == '\0' ? "" : ",", listener, pool);
	struct settings *settings =
		settings_read_text(text, strlen(text), "stage", problems);
	struct portico_error err;
	int fd;

	if (settings == NULL)
		fail_msg("%s", config_problem_text(problems, 0));
	fd = settings_to_memfd(settings, SETTINGS_FOR_LISTENER, NULL, &err);
	assert_true(fd >= 0);
	stage_send(stage,
		   json_pack("{s:s, s:i, s:s}", "type", "configure",
			     "generation", 1, "pool", ""),
		   fd);
	io_close(&fd);
	settings_unref(&settings);
	arena_free(arena);
}

static void
send_socket(struct stage *stage)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 128) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		fail_errno("a listening socket");
	stage->port = ntohs(address.sin_port);
	stage_send(stage,
		   json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:b}", "type",
			     "socket", "address", "*", "port", 0, "realPort",
			     (int)stage->port, "family", AF_INET, "thread", 0,
			     "tls", 0),
		   fd);
	close(fd);
	stage_send(stage,
		   json_pack("{s:s, s:i}", "type", "sockets-done", "count", 1),
		   -1);
	json_decref(stage_await(stage, "ready"));
}

void
stage_open(struct stage *stage, const char *pool, const char *listener)
{
	struct portico_error err;
	int pair[2];

	memset(stage, 0, sizeof(*stage));
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(io_seqpacket_pair(pair, false, &err), PORTICO_OK);
	stage->control = pair[0];
	stage->next_worker = 1;
	assert_int_equal(uv_loop_init(&stage->uv), 0);
	listener_init(&stage->listener, &stage->uv, pair[1]);
	assert_int_equal(
		pthread_create(&stage->thread, NULL, thread_main, stage), 0);
	stage_configure(stage, pool, listener);
	send_socket(stage);
}

void
stage_close(struct stage *stage)
{
	io_close(&stage->control);
	pthread_join(stage->thread, NULL);
}

/* ---- holding its loop --------------------------------------------------------- */

struct hold_task {
	struct task task;
	int fd;
};

static void
run_hold(struct task *base, void *owner)
{
	struct hold_task *task = (struct hold_task *)base;
	char byte;

	(void)owner;
	assert_int_equal(read(task->fd, &byte, 1), 0);
	close(task->fd);
	mem_free(task);
}

int
stage_hold(struct stage *stage)
{
	struct hold_task *task = mem_zalloc(sizeof(*task));
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	task->fd = ends[0];
	loop_post(stage->listener.loops[0], &task->task, run_hold);
	return ends[1];
}

/* ---- the manager ------------------------------------------------------------------ */

void
stage_send(struct stage *stage, json_t *message, int fd)
{
	char *text = json_dumps(message, JSON_COMPACT);

	assert_non_null(text);
	if (io_send_message(stage->control, text, strlen(text), &fd, fd >= 0) !=
	    PORTICO_OK)
		fail_errno("sending a control message");
	free(text);
	json_decref(message);
}

static json_t *
receive_message(struct stage *stage)
{
	static char text[CONTROL_MESSAGE_MAX + 1];
	size_t nfds = 0;
	ssize_t length;
	json_t *json;

	await_readable(stage->control, "a message of the listener");
	length = io_recv_message(stage->control, text, sizeof(text), NULL,
				 &nfds);
	if (length <= 0)
		fail_msg("the listener has closed its control socket");
	json = json_loadb(text, (size_t)length, 0, NULL);
	assert_non_null(json);
	return json;
}

json_t *
stage_await(struct stage *stage, const char *type)
{
	for (;;) {
		json_t *json = receive_message(stage);
		const char *is =
			json_string_value(json_object_get(json, "type"));

		if (strcmp(is, type) == 0)
			return json;
		json_decref(json);
	}
}

static void
send_query(struct stage *stage, const char *what)
{
	stage_send(stage,
		   json_pack("{s:s, s:i, s:s}", "type", "query", "id", 7,
			     "what", what),
		   -1);
}

bool
stage_is_quiet(struct stage *stage, const char *type)
{
	send_query(stage, "counters");
	for (;;) {
		json_t *json = receive_message(stage);
		const char *is =
			json_string_value(json_object_get(json, "type"));
		bool quiet = strcmp(is, "reply") == 0;
		bool found = strcmp(is, type) == 0;

		json_decref(json);
		if (quiet || found)
			return quiet;
	}
}

/* Of all loops: on a busy machine one may answer too late to be counted. */
static json_t *
ask_counters(struct stage *stage)
{
	for (;;) {
		json_t *reply;

		send_query(stage, "counters");
		reply = stage_await(stage, "reply");
		if (json_object_get(json_object_get(reply, "body"),
				    "partial") == NULL)
			return reply;
		json_decref(reply);
	}
}

json_t *
stage_counters(struct stage *stage)
{
	json_t *reply = ask_counters(stage), *pool;

	pool = json_array_get(
		json_object_get(json_object_get(reply, "body"), "pools"), 0);
	json_incref(pool);
	json_decref(reply);
	assert_non_null(pool);
	return pool;
}

json_int_t
stage_counter(struct stage *stage, const char *name)
{
	json_t *pool = stage_counters(stage);
	json_t *value = json_object_get(pool, name);
	json_int_t number;

	if (value == NULL)
		fail_msg("no counter %s", name);
	number = json_integer_value(value);
	json_decref(pool);
	return number;
}

void
stage_await_counter(struct stage *stage, const char *name, json_int_t value)
{
	json_int_t last = -1;

	/* Each question is a full trip through the loop. */
	for (unsigned i = 0; i < 100000; i++) {
		last = stage_counter(stage, name);
		if (last == value)
			return;
	}
	fail_msg("%s is %lld, not %lld", name, (long long)last,
		 (long long)value);
}

void
stage_pool_state(struct stage *stage, const char *state)
{
	stage_send(stage,
		   json_pack("{s:s, s:s, s:s, s:s}", "type", "pool-state",
			     "pool", "main", "state", state, "reason", ""),
		   -1);
}

/* ---- a worker ------------------------------------------------------------------------ */

/* The next channel that the listener offers. */
static struct channel *
receive_channel(int link)
{
	struct channel_handles handles;
	struct channel *channel;
	struct portico_error err;
	char text[512];
	int fds[CHANNEL_HANDLES];
	size_t nfds = CHANNEL_HANDLES;

	await_readable(link, "a channel");
	assert_true(io_recv_message(link, text, sizeof(text), fds, &nfds) > 0);
	assert_int_equal(nfds, CHANNEL_HANDLES);
	handles = (struct channel_handles){ fds[0], fds[1], fds[2], fds[3],
					    fds[4] };
	if (channel_attach(&handles, &channel, &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	return channel;
}

void
fake_workers_open(struct fake_worker *workers, unsigned count,
		  struct stage *stage, uint32_t generation)
{
	struct portico_error err;
	char text[64];
	int pair[2];

	assert_int_equal(io_seqpacket_pair(pair, false, &err), PORTICO_OK);
	stage_send(stage,
		   json_pack("{s:s, s:s, s:i, s:i, s:i, s:i}", "type", "worker",
			     "pool", "main", "worker", (int)stage->next_worker,
			     "pid", (int)getpid(), "loops", (int)count,
			     "generation", (int)generation),
		   pair[1]);
	close(pair[1]);
	for (unsigned i = 0; i < count; i++) {
		memset(&workers[i], 0, sizeof(workers[i]));
		workers[i].stage = stage;
		workers[i].id = stage->next_worker;
		workers[i].link = -1;
		workers[i].channel = receive_channel(pair[0]);
		snprintf(text, sizeof(text),
			 "{\"type\":\"attached\",\"index\":%u}", i);
		assert_int_equal(io_send_message(pair[0], text, strlen(text),
						 NULL, 0),
				 PORTICO_OK);
	}
	workers[0].link = pair[0];
	stage->next_worker++;
	json_decref(stage_await(stage, "worker-attached"));
	/* That is said before the loop has it: a trip through the loop. */
	(void)stage_counter(stage, "active");
}

void
fake_worker_open(struct fake_worker *worker, struct stage *stage,
		 uint32_t generation)
{
	fake_workers_open(worker, 1, stage, generation);
}

void
fake_worker_kill(struct fake_worker *worker)
{
	channel_free(&worker->channel);
	io_close(&worker->link);
}

void
fake_worker_receive(struct fake_worker *worker,
		    struct channel_descriptor *descriptor_r)
{
	for (;;) {
		enum portico_status status =
			channel_receive(worker->channel, descriptor_r);

		if (status == PORTICO_OK)
			return;
		if (status != PORTICO_AGAIN)
			fail_msg("%s", channel_lie(worker->channel));
		if (!channel_sleep(worker->channel))
			continue;
		await_readable(channel_wake_fd(worker->channel),
			       "a descriptor");
		channel_awake(worker->channel, true);
	}
}

void
fake_worker_take(struct fake_worker *worker,
		 struct channel_descriptor *request_r)
{
	fake_worker_receive(worker, request_r);
	assert_int_equal(request_r->type, CHANNEL_REQUEST);
	assert_true(channel_claim_take(worker->channel, request_r->slot,
				       request_r->generation));
	assert_true(channel_claim_start(worker->channel, request_r->slot,
					request_r->generation));
}

const struct http_request_head *
fake_worker_head(struct fake_worker *worker,
		 const struct channel_descriptor *request)
{
	const struct http_request_head *head =
		channel_block_data(worker->channel, request->refs[0]);

	assert_non_null(head);
	assert_true(http_request_head_is_valid(head, request->refs[0].length));
	return head;
}

struct channel_reference
fake_worker_block(struct fake_worker *worker, const void *data, size_t length)
{
	struct channel_reference reference;
	uint32_t size;
	void *block = channel_block_alloc(worker->channel,
					  length <= 4096 ? CHANNEL_BLOCK_4K :
							   CHANNEL_BLOCK_64K,
					  &reference.block, &size);

	assert_non_null(block);
	assert_true(size >= length);
	memcpy(block, data, length);
	reference.length = (uint32_t)length;
	return reference;
}

void
fake_worker_send(struct fake_worker *worker,
		 const struct channel_descriptor *descriptor)
{
	assert_int_equal(channel_send(worker->channel, descriptor), PORTICO_OK);
	channel_flush(worker->channel);
}

void
fake_worker_queue_response(struct fake_worker *worker,
			   const struct channel_descriptor *request,
			   unsigned status, int64_t length, const char *body,
			   unsigned flags)
{
	struct http_response_head fixed = { .status = (uint16_t)status,
					    .content_length = length };
	struct http_response_writer writer;
	struct channel_descriptor descriptor = {
		.type = CHANNEL_RESPONSE,
		.flags = (uint8_t)flags,
		.count = 1,
		.slot = request->slot,
		.generation = request->generation,
	};
	char text[4096];
	size_t head;

	http_response_head_begin(&writer, text, sizeof(text));
	http_response_head_add(&writer, HTTP_HEADER_CONTENT_TYPE, "text/plain",
			       10);
	head = http_response_head_end(&writer, &fixed);
	assert_true(head > 0 && head + strlen(body) < sizeof(text));
	memcpy(text + head, body, strlen(body));
	descriptor.extra = (uint32_t)head;
	descriptor.refs[0] =
		fake_worker_block(worker, text, head + strlen(body));
	assert_int_equal(channel_send(worker->channel, &descriptor),
			 PORTICO_OK);
}

void
fake_worker_respond(struct fake_worker *worker,
		    const struct channel_descriptor *request, unsigned status,
		    int64_t length, const char *body, unsigned flags)
{
	fake_worker_queue_response(worker, request, status, length, body,
				   flags);
	channel_flush(worker->channel);
}

void
fake_worker_end(struct fake_worker *worker,
		const struct channel_descriptor *request, unsigned flags)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_END,
		.flags = (uint8_t)flags,
		.slot = request->slot,
		.generation = request->generation,
	};

	fake_worker_send(worker, &descriptor);
}

/* ---- a client --------------------------------------------------------------------------- */

int
client_connect(const struct stage *stage)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(stage->port);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail_errno("connecting");
	return fd;
}

void
client_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

const char *
client_read(int fd, const char *until, bool *reset_r)
{
	static char text[1 << 20];
	size_t used = 0;

	if (reset_r != NULL)
		*reset_r = false;
	for (;;) {
		ssize_t got;

		text[used] = '\0';
		if (until != NULL && strstr(text, until) != NULL)
			return text;
		await_readable(fd, until == NULL ? "the end" : until);
		/* One byte at a time where more may follow that the next
		 * reader wants. */
		got = recv(fd, text + used,
			   until != NULL ? 1 : sizeof(text) - 1 - used, 0);
		if (got > 0) {
			used += (size_t)got;
			continue;
		}
		if (reset_r != NULL)
			*reset_r = got < 0 && errno == ECONNRESET;
		if (until != NULL)
			fail_msg("the end came before \"%s\": %s", until, text);
		text[used] = '\0';
		return text;
	}
}
