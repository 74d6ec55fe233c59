/* SPDX-License-Identifier: Apache-2.0
 *
 * See connection.h.
 *
 * The usual keep-alive request costs one recv() and one send(): the socket
 * stays registered for reading, and that is switched off only when bytes come
 * that nobody wants yet.
 *
 * A client that closes while its request is in progress may have closed its
 * sending side only, and wait for the answer: half_close.c finds out.
 */
#include "core/listener/connection.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/listener/accept.h"
#include "core/listener/address.h"
#include "core/listener/drain.h"
#include "core/listener/error_log.h"
#include "core/listener/half_close.h"
#include "core/listener/handshake.h"
#include "core/listener/http2.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/proxied.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/site.h"
#include "core/listener/unread.h"

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- watching --------------------------------------------------------------- */

static void
watch(struct listener_connection *connection, int events)
{
	if (connection->state == CONNECTION_CLOSED ||
	    connection->events == events)
		return;
	connection->events = (uint8_t)events;
	if (connection_is_socket(connection))
		uv_poll_start(&connection->poll, events, on_poll);
}

void
connection_watch_input(struct listener_connection *connection, bool on)
{
	int events = connection->events & UV_WRITABLE;

	if (on) {
		events |= UV_READABLE;
		/* To be seen, and timed, anew when reading stops again. */
		connection->half_closed = false;
	} else if (!connection->half_closed) {
		events |= UV_DISCONNECT;
	} else if (!connection->shut) {
		/* Nothing to be awaited but a reset, which libuv tells to
		 * whoever waits for anything. */
		events |= UV_PRIORITIZED;
	}
	watch(connection, events);
	if (on && transport_pending(&connection->transport))
		unread_add(connection);
}

void
connection_watch_output(struct listener_connection *connection, bool on)
{
	int events = connection->events & ~UV_WRITABLE;

	if (on == ((connection->events & UV_WRITABLE) != 0))
		return;
	watch(connection, on ? events | UV_WRITABLE : events);
	if (!on)
		list_remove(&connection->blocked_link);
	else if (connection->state != CONNECTION_CLOSED) {
		connection->rate_since = 0;
		list_add_tail(&connection->loop->blocked,
			      &connection->blocked_link);
	}
}

/* ---- life ------------------------------------------------------------------- */

void
connection_open(struct listener_loop *loop, const struct acceptor *acceptor,
		int fd, const struct http_address *client)
{
	struct listener_connection *connection =
		mem_zalloc(sizeof(*connection));
	struct sockaddr_storage local;
	socklen_t length = sizeof(local);
	int status = uv_poll_init(&loop->uv, &connection->poll, fd);

	if (status != 0) {
		pressure_note(loop->listener, PRESSURE_ACCEPT, -status);
		close(fd);
		mem_free(connection);
		listener_connection_remove(loop->listener);
		return;
	}
	connection->magic = LISTENER_CONNECTION_MAGIC;
	connection->loop = loop;
	connection->carrier = connection;
	connection->transport.fd = fd;
	connection->tls = acceptor->tls;
	connection->route_port = acceptor->route_port;
	connection->client = *client;
	connection->accepted = loop_now(loop);
	connection->id = ++loop->next_connection_id;
	connection->poll.data = connection;
	if (getsockname(fd, (struct sockaddr *)&local, &length) == 0)
		address_from_sockaddr(&connection->server,
				      (struct sockaddr *)&local);
	timer_entry_init(&connection->timer);
	list_init(&connection->blocked_link);
	list_init(&connection->awaiting_link);
	list_init(&connection->unread_link);
	list_add_tail(&loop->connections, &connection->link);
	loop->connection_count++;
	loop->counters.accepted++;
	connection->idle_timeout = loop->timers.durations[TIMER_IDLE];
	connection->header_timeout = loop->timers.durations[TIMER_HEADER];
	if (acceptor->proxy_count > 0)
		proxied_begin(connection);
	else
		connection_begin(connection);
}

void
connection_begin(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;

	connection->state = CONNECTION_IDLE;
	if (connection->tls) {
		handshake_begin(connection);
		return;
	}
	timers_set(&loop->timers, &connection->timer, TIMER_IDLE,
		   loop_now(loop));
	connection_watch_input(connection, true);
}

static void
on_closed(uv_handle_t *handle)
{
	struct listener_connection *connection = handle->data;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	connection->magic = 0;
	mem_free(connection);
}

/* `orderly`: the client has got all that it was promised. */
static void
close_now(struct listener_connection *connection, enum http_reason reason,
	  bool orderly)
{
	struct listener_loop *loop = connection->loop;
	struct listener_request *request = connection->request;
	enum connection_state state = connection->state;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	if (state == CONNECTION_CLOSED)
		return;
	connection->state = CONNECTION_CLOSED;
	uv_close((uv_handle_t *)&connection->poll, on_closed);
	transport_close(&connection->transport, orderly);
	close(connection->transport.fd);
	connection->transport.fd = -1;
	timers_clear(&connection->timer);
	list_remove(&connection->blocked_link);
	list_remove(&connection->awaiting_link);
	list_remove(&connection->unread_link);
	list_remove(&connection->link);
	site_leave(connection);
	proxied_end(connection);
	connection->request = NULL;
	/* Its requests say it, if there are any. */
	if (state == CONNECTION_HTTP2 &&
	    (http2_end(connection, reason) ||
	     reason == HTTP_REASON_CONNECTION_DROPPED))
		reason = HTTP_REASON_NONE;
	if (request != NULL && state == CONNECTION_REQUEST)
		request_client_gone(request, reason);
	else {
		if (reason != HTTP_REASON_NONE && state == CONNECTION_HTTP2)
			error_log_stream(connection, 0, reason, NULL);
		else if (reason != HTTP_REASON_NONE)
			error_log_connection(connection, reason);
		if (request != NULL)
			request_drop(request);
	}
	loop->connection_count--;
	loop->counters.closed++;
	listener_connection_remove(loop->listener);
	acceptor_descriptor_closed(loop);
	loop_check_drained(loop);
}

void
connection_close(struct listener_connection *connection,
		 enum http_reason reason)
{
	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	if (!connection_is_socket(connection)) {
		connection->methods->close(connection, reason, false);
		return;
	}
	close_now(connection, reason,
		  connection->state != CONNECTION_REQUEST ||
			  connection->request == NULL);
}

void
connection_reset(struct listener_connection *connection,
		 enum http_reason reason)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (connection->state == CONNECTION_CLOSED)
		return;
	if (!connection_is_socket(connection)) {
		connection->methods->close(connection, reason, true);
		return;
	}
	(void)setsockopt(connection->transport.fd, SOL_SOCKET, SO_LINGER, &now,
			 sizeof(now));
	close_now(connection, reason, false);
}

/*
 * Closing while the client still sends would reset the connection and could
 * destroy the answer on its way (RFC 9112 section 9.6): say that we are done
 * and read on for a while.
 */
void
connection_linger(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	if (!transport_shutdown(&connection->transport)) {
		connection_close(connection, HTTP_REASON_NONE);
		return;
	}
	connection->state = CONNECTION_LINGER;
	connection->lingered = 0;
	connection_watch_output(connection, false);
	connection_watch_input(connection, true);
	timers_set(&loop->timers, &connection->timer, TIMER_LINGER,
		   loop_now(loop));
}

static void
linger(struct listener_connection *connection)
{
	ssize_t got = transport_read(&connection->transport,
				     connection->loop->discard,
				     LOOP_DISCARD_BYTES);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0)
		connection->lingered += (uint32_t)got;
	if (got <= 0 || connection->lingered > LINGER_BYTES_MAX)
		connection_close(connection, HTTP_REASON_NONE);
}

/* ---- reading heads ------------------------------------------------------------ */

static bool
grow_input(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;
	struct request_input *input = &request->input;
	uint32_t capacity = request->snapshot->shared->input_max;
	char *larger;

	if (capacity <= input->capacity)
		return false;
	larger = mem_alloc(capacity);
	memcpy(larger, input->data, input->end);
	loop_buffer_give(connection->loop, input->data);
	input->data = larger;
	input->capacity = capacity;
	return true;
}

/* The head goes on.  False: it cannot. */
static bool
head_incomplete(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;
	struct listener_loop *loop = connection->loop;

	if (connection->state == CONNECTION_IDLE &&
	    !http_parser_is_idle(&request->parser)) {
		connection->state = CONNECTION_HEAD;
		timers_set_for(&loop->timers, &connection->timer, TIMER_HEADER,
			       connection->header_timeout, loop_now(loop));
	}
	return request->input.end < request->input.capacity ||
	       grow_input(connection);
}

void
connection_process(struct listener_connection *connection)
{
	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	/* A request that is answered at once comes back here: the loop below
	 * goes on with the next, instead of a deeper call. */
	if (connection->processing)
		return;
	connection->processing = true;
	while (connection->request != NULL &&
	       (connection->state == CONNECTION_IDLE ||
		connection->state == CONNECTION_HEAD)) {
		struct listener_request *request = connection->request;
		enum http_parse_result result;

		result = http_parser_execute(&request->parser, &request->head,
					     request->input.data,
					     request->input.end);
		if (result == HTTP_PARSE_MORE && head_incomplete(connection))
			break;
		connection->state = CONNECTION_REQUEST;
		timers_clear(&connection->timer);
		if (result == HTTP_PARSE_DONE) {
			request->input.begin = request->head.length;
			request_begin(request);
		} else if (result == HTTP_PARSE_ERROR) {
			request_fail(request, request->parser.reason,
				     request->parser.status, NULL);
		} else {
			request_fail(request, HTTP_REASON_REQUEST_LENGTH, 0,
				     NULL);
		}
	}
	connection->processing = false;
}

/* The first bytes may be those of another version (RFC 9113 section 3.4).
 * True: they are, or may be, and are not for the parser. */
static bool
is_http2(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;
	struct listener_loop *loop = connection->loop;
	const struct request_input *input = &request->input;

	switch (http2_preface(connection, input->data, input->end)) {
	case HTTP2_PREFACE_NO:
		return false;
	case HTTP2_PREFACE_MAYBE:
		if (connection->state == CONNECTION_HEAD)
			return true;
		connection->state = CONNECTION_HEAD;
		timers_set(&loop->timers, &connection->timer, TIMER_HEADER,
			   loop_now(loop));
		return true;
	case HTTP2_PREFACE_YES:
		break;
	}
	connection->request = NULL;
	http2_begin(connection, input->data, input->end);
	request_drop(request);
	return true;
}

static void
read_head(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;
	struct request_input *input;
	ssize_t got;

	if (request == NULL) {
		request = request_new(connection);
		connection->request = request;
	}
	input = &request->input;
	got = transport_read(&connection->transport, input->data + input->end,
			     input->capacity - input->end);
	if (got > 0) {
		connection->received = loop_now(connection->loop);
		if (input->end == 0)
			request->first_byte = connection->received;
		input->end += (uint32_t)got;
		if (connection->requests == 0 && input->data[0] == 'P' &&
		    is_http2(connection))
			return;
		connection_process(connection);
		return;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (input->end == 0) {
			connection->request = NULL;
			request_drop(request);
		}
		return;
	}
	connection_close(connection, connection->state == CONNECTION_HEAD ?
					     HTTP_REASON_CLIENT_RESET :
					     HTTP_REASON_NONE);
}

/* ---- while a request is in progress --------------------------------------------- */

/* The request is received; what comes now is the next one, or the end. */
static void
read_ahead(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;
	struct request_input *input = &request->input;
	ssize_t got;

	if (input->end == input->capacity) {
		connection_watch_input(connection, false);
		return;
	}
	got = transport_read(&connection->transport, input->data + input->end,
			     input->capacity - input->end);
	if (got > 0) {
		connection->received = loop_now(connection->loop);
		input->end += (uint32_t)got;
	} else if (got == 0) {
		half_close_seen(connection);
	} else if (errno != EAGAIN && errno != EINTR) {
		connection_close(connection, HTTP_REASON_CONNECTION_DROPPED);
	}
}

static void
on_request_readable(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;
	bool go_on;

	if (!request_body_pending(request)) {
		read_ahead(connection);
		return;
	}
	if (request->drain)
		go_on = request_body_drain(request);
	else
		go_on = request_body_receive(request);
	/* The request, and with it the state, may have ended meanwhile. */
	if (!go_on && connection->request == request)
		connection_watch_input(connection, false);
}

void
connection_readable(struct listener_connection *connection)
{
	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	switch ((enum connection_state)connection->state) {
	case CONNECTION_PROXIED:
		proxied_readable(connection);
		return;
	case CONNECTION_HANDSHAKE:
		handshake_go_on(connection);
		break;
	case CONNECTION_IDLE:
	case CONNECTION_HEAD:
		read_head(connection);
		break;
	case CONNECTION_REQUEST:
		on_request_readable(connection);
		break;
	case CONNECTION_HTTP2:
		http2_readable(connection);
		break;
	case CONNECTION_LINGER:
		linger(connection);
		break;
	case CONNECTION_CLOSED:
		return;
	}
	if (transport_pending(&connection->transport) &&
	    (connection->events & UV_READABLE) != 0)
		unread_add(connection);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct listener_connection *connection = poll->data;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	/* Urgent data has no meaning in HTTP, and would be there for ever. */
	if (status < 0 || (events & UV_PRIORITIZED) != 0) {
		connection_close(connection,
				 connection->state == CONNECTION_REQUEST ||
						 connection->state ==
							 CONNECTION_HTTP2 ?
					 HTTP_REASON_CONNECTION_DROPPED :
					 HTTP_REASON_NONE);
		return;
	}
	if ((events & UV_WRITABLE) != 0) {
		if (connection->state == CONNECTION_REQUEST)
			response_writable(connection->request);
		else if (connection->state == CONNECTION_HTTP2)
			http2_writable(connection);
		else if (connection->state == CONNECTION_HANDSHAKE)
			handshake_go_on(connection);
	}
	if ((events & UV_READABLE) != 0)
		connection_readable(connection);
	else if ((events & UV_DISCONNECT) != 0 &&
		 connection->state == CONNECTION_REQUEST)
		half_close_seen(connection);
}

/* ---- between requests ------------------------------------------------------------ */

/* Bytes of the next request that came with the last one move to it. */
static void
take_over_rest(struct listener_connection *connection,
	       struct listener_request *old)
{
	uint32_t rest = old->input.end - old->input.begin;
	struct listener_request *next;

	if (rest == 0)
		return;
	next = request_new(connection);
	connection->request = next;
	if (next->input.capacity < rest) {
		/* A new configuration may have a smaller input_max than the
		 * one by which these were read. */
		uint32_t most = next->snapshot->shared->input_max;

		loop_buffer_give(connection->loop, next->input.data);
		next->input.capacity = most > rest ? most : rest;
		next->input.data = mem_alloc(next->input.capacity);
	}
	memcpy(next->input.data, old->input.data + old->input.begin, rest);
	next->input.end = rest;
	next->first_byte = loop_now(connection->loop);
}

void
connection_request_done(struct listener_connection *connection, bool keep_alive,
			bool linger_first)
{
	struct listener_request *request = connection->request;
	struct listener_loop *loop = connection->loop;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	ASSERT(connection->state == CONNECTION_REQUEST && request != NULL);
	if (!connection_is_socket(connection)) {
		connection->methods->done(connection);
		return;
	}
	connection->request = NULL;
	connection->half_closed = false;
	connection->bytes_sent += request->output.sent;
	connection->awaited = connection->body_bytes = 0;
	list_remove(&connection->awaiting_link);
	timers_clear(&connection->timer);
	/* While draining, only if the answer that promised it had left before:
	 * the next one does not. */
	if (keep_alive) {
		connection->state = CONNECTION_IDLE;
		drain_keep(loop);
		timers_set_for(&loop->timers, &connection->timer, TIMER_IDLE,
			       connection->idle_timeout, loop_now(loop));
		connection_watch_output(connection, false);
		connection_watch_input(connection, true);
		take_over_rest(connection, request);
		request_wire_done(request);
		if (connection->request != NULL)
			connection_process(connection);
		return;
	}
	request_wire_done(request);
	if (linger_first || (loop->draining && drain_may_follow(connection)))
		connection_linger(connection);
	else
		connection_close(connection, HTTP_REASON_NONE);
}
