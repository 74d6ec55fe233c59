/* SPDX-License-Identifier: Apache-2.0
 *
 * A chat room over WebSocket, for all workers of a pool.  What somebody says
 * gets a number from a counter that they share and is kept under it in their
 * store; a second counter says that there is something new, and wakes whoever
 * watches it.  Nobody is sent anything directly, so it does not matter which
 * worker a client is with.
 *
 * One frame at a time waits for a client; while it does, nothing more is read
 * from it or taken for it.  One that is slow finds what is still in the store.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>

#include "websocket.h"

#define KEEP_NS (60 * UINT64_C(1000000000)) /* what was said */
#define PING_NS (30 * UINT64_C(1000000000))
#define GAP_NS (20 * UINT64_C(1000000)) /* a number whose text is missing */
#define GAP_TRIES 50
#define BEHIND_MAX 1000 /* numbers; who is slower misses what is older */

struct client {
	struct portico_slice input; /* read, not yet parsed */
	struct portico_token token;
	uint64_t seen; /* number of the last message that was taken */
	unsigned gap; /* times that it waited since a message was there */
	bool gap_timer;
	bool ping_due;
	bool ending; /* the last frame is in `out` */
	size_t out_length, out_sent;
	char out[WS_HEAD_MAX + WS_MESSAGE_MAX];
	struct ws_reader reader;
};

static struct portico_shared_counter *numbers, *published;

static enum portico_verdict go_on(struct portico_request *request, void *arg);

/* ---- out ---------------------------------------------------------------------- */

static void
queue(struct client *client, enum ws_opcode opcode, const char *data,
      size_t length)
{
	size_t head = ws_head(client->out, opcode, length);

	if (length > 0)
		memcpy(client->out + head, data, length);
	client->out_length = head + length;
	client->out_sent = 0;
}

static void
queue_close(struct client *client, uint16_t code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	queue(client, WS_CLOSE, payload, code == 1005 ? 0 : 2);
	client->ending = true;
}

static enum portico_status
send_out(struct portico_request *request, struct client *client)
{
	enum portico_status status = PORTICO_OK;

	while (status == PORTICO_OK && client->out_sent < client->out_length) {
		size_t written;

		status = portico_tunnel_write(
			request, client->out + client->out_sent,
			client->out_length - client->out_sent, &written);
		client->out_sent += written;
	}
	return status;
}

/* ---- the room ------------------------------------------------------------------ */

static struct portico_slice
key_of(uint64_t number, char *text, size_t size)
{
	int length =
		snprintf(text, size, "said %llu", (unsigned long long)number);

	return (struct portico_slice){ text, (size_t)length };
}

/* False: there is no room for it now.  Its number is a gap then, which the
 * others find and pass by. */
static bool
say(const char *text, size_t length)
{
	uint64_t number = portico_shared_add(numbers, 1);
	char key[40];
	enum portico_status status =
		portico_shared_put(key_of(number, key, sizeof(key)),
				   (struct portico_slice){ text, length },
				   KEEP_NS, PORTICO_SHARED_SET);

	portico_shared_add(published, 1);
	return status == PORTICO_OK;
}

/* Once: a token that was completed is void. */
static void
wake(struct portico_request *request, const struct client *client)
{
	if ((portico_tunnel_events(request) & PORTICO_TUNNEL_WOKEN) == 0)
		portico_complete(client->token);
}

static void
on_gap(struct portico_request *request, void *arg)
{
	struct client *client = arg;

	client->gap_timer = false;
	wake(request, client);
}

/* A number whose text is not stored yet, or not any more.  True: look again
 * later, a timer wakes the client then.  Who has waited for one in vain waits
 * for no other until a text was found: many may be gone at once. */
static bool
wait_for_gap(struct portico_request *request, struct client *client)
{
	if (client->gap == GAP_TRIES)
		return false;
	if (client->gap_timer)
		return true;
	client->gap_timer =
		portico_timer_start(request, GAP_NS, on_gap, client) != NULL;
	client->gap += client->gap_timer;
	return client->gap_timer;
}

/* The next message into `out`.  False: there is none now. */
static bool
take_message(struct portico_request *request, struct client *client)
{
	uint64_t last = portico_shared_value(numbers);

	if (last - client->seen > BEHIND_MAX)
		client->seen = last - BEHIND_MAX;
	while (client->seen < last) {
		char text[WS_MESSAGE_MAX], key[40];
		size_t length;
		enum portico_status status = portico_shared_get(
			key_of(client->seen + 1, key, sizeof(key)), text,
			sizeof(text), &length);

		if (status != PORTICO_OK && wait_for_gap(request, client))
			return false;
		client->seen++;
		if (status != PORTICO_OK)
			continue;
		client->gap = 0;
		queue(client, WS_TEXT, text, length);
		return true;
	}
	return false;
}

/* ---- in ------------------------------------------------------------------------ */

static void
on_control(struct client *client)
{
	const struct ws_reader *reader = &client->reader;

	if (reader->control_type == WS_PING)
		queue(client, WS_PONG, reader->control, reader->control_length);
	else if (reader->control_type == WS_CLOSE)
		queue_close(client, ws_close_code(reader->control,
						  reader->control_length));
}

/* One event's worth of what is there. */
static enum portico_status
read_some(struct portico_request *request, struct client *client)
{
	enum portico_status status;

	if (client->input.length == 0) {
		status = portico_tunnel_read(request, &client->input);
		if (status != PORTICO_OK)
			return status;
	}
	switch (ws_feed(&client->reader, &client->input.data,
			&client->input.length)) {
	case WS_MORE:
		break;
	case WS_ON_MESSAGE:
		if (client->reader.opcode != WS_TEXT)
			queue_close(client, 1003);
		else if (!say(client->reader.message,
			      client->reader.message_length))
			queue_close(client, 1013);
		break;
	case WS_ON_CONTROL:
		on_control(client);
		break;
	case WS_ON_ERROR:
		queue_close(client, client->reader.code);
		break;
	}
	return PORTICO_OK;
}

/* ---- the client's life ------------------------------------------------------------ */

static void
on_published(struct portico_request *request, uint64_t value, void *arg)
{
	struct client *client = arg;

	(void)value;
	wake(request, client);
}

static void
on_ping(struct portico_request *request, void *arg)
{
	struct client *client = arg;

	client->ping_due = true;
	portico_timer_start(request, PING_NS, on_ping, client);
	wake(request, client);
}

static enum portico_verdict
wait_for(struct portico_request *request, struct client *client,
	 unsigned events)
{
	return portico_tunnel_wait(request, events | PORTICO_TUNNEL_WOKEN,
				   go_on, client) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static enum portico_verdict
go_on(struct portico_request *request, void *arg)
{
	struct client *client = arg;

	if (portico_tunnel_token(request, &client->token) != PORTICO_OK)
		return PORTICO_ERROR;
	for (;;) {
		enum portico_status status = send_out(request, client);

		if (status == PORTICO_AGAIN)
			return wait_for(request, client, PORTICO_TUNNEL_WRITE);
		if (status != PORTICO_OK || client->ending)
			return PORTICO_DONE;
		if ((portico_tunnel_events(request) & PORTICO_TUNNEL_DRAIN) !=
		    0) {
			queue_close(client, 1001);
			continue;
		}
		if (client->ping_due) {
			client->ping_due = false;
			queue(client, WS_PING, "", 0);
			continue;
		}
		if (take_message(request, client))
			continue;
		status = read_some(request, client);
		if (status == PORTICO_AGAIN)
			return wait_for(request, client,
					PORTICO_TUNNEL_READ |
						PORTICO_TUNNEL_DRAIN);
		if (status != PORTICO_OK)
			return PORTICO_DONE;
	}
}

/* RFC 6455 section 4.2.1; false: refused. */
static bool
handshake(struct portico_request *request)
{
	struct portico_slice key, version;
	char accept[WS_ACCEPT_SIZE];

	if (!portico_tunnel_offered(request, PORTICO_SLICE("websocket")) ||
	    !portico_request_field(request,
				   PORTICO_SLICE("Sec-WebSocket-Version"),
				   &version) ||
	    strcmp(version.data, "13") != 0) {
		portico_response_set_field(
			request, PORTICO_SLICE("Sec-WebSocket-Version"),
			PORTICO_SLICE("13"));
		portico_response_error(request, 426, 0, "WebSocket only.");
		return false;
	}
	if (!portico_request_field(request, PORTICO_SLICE("Sec-WebSocket-Key"),
				   &key) ||
	    !ws_key_is_valid(key.data, key.length)) {
		portico_response_error(request, 400, 0, NULL);
		return false;
	}
	ws_accept(key.data, key.length, accept);
	if (portico_response_set_field(
		    request, PORTICO_SLICE("Sec-WebSocket-Accept"),
		    (struct portico_slice){ accept, WS_ACCEPT_SIZE - 1 }) ==
		    PORTICO_OK &&
	    portico_tunnel_open(request, PORTICO_SLICE("websocket")) ==
		    PORTICO_OK)
		return true;
	if (portico_response_status(request) < 400)
		portico_response_error(request, 503, 0, NULL);
	return false;
}

static enum portico_verdict
chat(struct portico_request *request)
{
	struct client *client = portico_request_state(request);

	if (!handshake(request))
		return PORTICO_DONE;
	client->seen = portico_shared_value(numbers);
	if (portico_tunnel_token(request, &client->token) != PORTICO_OK ||
	    portico_shared_watch_start(request, published, on_published,
				       client) == NULL)
		return PORTICO_ERROR;
	portico_timer_start(request, PING_NS, on_ping, client);
	return go_on(request, client);
}

static enum portico_status
worker_init(struct portico_worker *worker, struct portico_error *err)
{
	enum portico_status status = portico_shared_counter("said", &numbers);

	(void)worker;
	(void)err;
	if (status != PORTICO_OK)
		return status;
	return portico_shared_counter("published", &published);
}

static const struct portico_handler handlers[] = { { .name = "chat",
						     .function = chat },
						   { 0 } };

PORTICO_MODULE(.name = "chat", .version = "1.0.0",
	       .summary = "a chat room over WebSocket, for all workers",
	       .request_size = sizeof(struct client), .handlers = handlers,
	       .worker_init = worker_init);
