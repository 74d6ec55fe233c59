/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection that speaks HTTP/2: its life, reading and writing.
 *
 * All that was read in a turn is answered at its end: frames are gathered in a
 * batch that the loop's sessions share, and leave in one system call.  What the
 * socket does not take is copied aside, and nothing more is made until that has
 * left; meanwhile the client is not read either if it makes us answer without
 * reading.
 */
#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/listener/bandwidth.h"
#include "core/listener/error_log.h"
#include "core/listener/http2_priv.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#define PREFACE_BYTES (sizeof(preface) - 1)
/* Before that it may be a method. */
#define PREFACE_LEAST 4

enum http2_preface
http2_preface(const struct listener_connection *connection, const char *data,
	      uint32_t length)
{
	const struct listener_loop *loop = connection->loop;
	uint32_t known = length < PREFACE_BYTES ? length : PREFACE_BYTES;

	if (connection->requests > 0 || length < PREFACE_LEAST ||
	    memcmp(data, preface, known) != 0 ||
	    !loop->snapshot->shared->settings->listener.http2.enabled)
		return HTTP2_PREFACE_NO;
	return known < PREFACE_BYTES ? HTTP2_PREFACE_MAYBE : HTTP2_PREFACE_YES;
}

void
http2_schedule(struct http2_session *session)
{
	struct listener_loop *loop = session->connection->loop;

	if (!list_linked(&session->ready_link))
		list_add_tail(&loop->http2_ready, &session->ready_link);
}

/* ---- the end ---------------------------------------------------------------------- */

/* Nothing that was sent may be lost by closing: see start_linger(). */
static void
leave(struct http2_session *session)
{
	struct listener_connection *connection = session->connection;

	(void)http2_end(connection, HTTP_REASON_CONNECTION_DROPPED);
	/* It closes at once if the client has reset it meanwhile. */
	connection->state = CONNECTION_LINGER;
	connection_linger(connection);
}

bool
http2_end(struct listener_connection *connection, enum http_reason reason)
{
	struct http2_session *session = connection->http2;
	bool any = false;

	CHECK(session, HTTP2_SESSION_MAGIC);
	any = session->logged;
	/* The endpoint is not asked any more. */
	LIST_FOREACH(struct http2_stream, link, stream, &session->streams)
		stream->flow.open = false;
	/* One that ends may let others of this session begin. */
	while (!list_empty(&session->streams)) {
		struct http2_stream *stream = LIST_FIRST(
			struct http2_stream, link, &session->streams);

		any |= stream->connection.state == CONNECTION_REQUEST;
		http2_stream_free(stream, reason);
	}
	connection->http2 = NULL;
	list_remove(&session->ready_link);
	endpoint_fini(&session->endpoint);
	mem_free(session->pending);
	session->magic = 0;
	mem_free(session);
	return any;
}

/* ---- writing ------------------------------------------------------------------------ */

/* Keeps what the socket does not take.  False: the connection is lost. */
static bool
write_some(struct http2_session *session, const char *data, size_t length)
{
	struct listener_connection *connection = session->connection;
	size_t sent = 0;

	while (sent < length && session->pending == NULL) {
		ssize_t got = transport_write(&connection->transport,
					      data + sent, length - sent);

		if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return false;
		if (got < 0)
			break;
		sent += (size_t)got;
		connection->bytes_sent += (uint64_t)got;
	}
	if (sent == length)
		return true;
	session->pending = mem_realloc(session->pending,
				       session->pending_length + length - sent);
	memcpy(session->pending + session->pending_length, data + sent,
	       length - sent);
	session->pending_length += length - sent;
	return true;
}

/* False: the connection is lost. */
static bool
write_pending(struct http2_session *session)
{
	char *data = session->pending;
	size_t length = session->pending_length, sent = session->pending_sent;
	struct listener_connection *connection = session->connection;

	while (sent < length) {
		ssize_t got = transport_write(&connection->transport,
					      data + sent, length - sent);

		if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return false;
		if (got < 0)
			break;
		sent += (size_t)got;
		connection->bytes_sent += (uint64_t)got;
	}
	session->pending_sent = sent;
	if (sent < length)
		return true;
	mem_free(data);
	session->pending = NULL;
	session->pending_length = session->pending_sent = 0;
	return true;
}

/* As much as goes now, and at most a turn's worth.  False: it is lost. */
static bool
write_frames(struct http2_session *session)
{
	struct endpoint *endpoint = &session->endpoint;
	char *batch = session->connection->loop->http2_batch;
	uint64_t before = session->connection->bytes_sent;
	size_t length;

	do {
		length = endpoint_produce(endpoint, (uint8_t *)batch,
					  HTTP2_BATCH_BYTES);
		if (length > 0 && !write_some(session, batch, length))
			return false;
	} while (length > 0 && session->pending == NULL &&
		 endpoint_has_output(endpoint) &&
		 session->connection->bytes_sent - before < HTTP2_TURN_BYTES);
	return true;
}

/* By its window, or by the bandwidth of its site: that is asked again. */
static void
blocked(struct http2_stream *stream)
{
	struct listener_request *request = stream->connection.request;

	response_sent(request, OUTPUT_BLOCKED);
	if (stream->deferred && stream->connection.request == request &&
	    bandwidth_ready(request))
		http2_send(stream);
}

static void
tell(struct http2_stream *stream)
{
	struct listener_request *request = stream->connection.request;

	if (request == NULL)
		return;
	if (stream->cut)
		response_sent(request, OUTPUT_SHORT);
	else if (!stream->flow.open && !stream->flow.local_ended)
		return;
	else if (!output_empty(&request->output) ||
		 (request->response_last && !stream->flow.local_ended))
		blocked(stream);
	else if (stream->flow.head_written)
		response_sent(request, OUTPUT_DONE);
}

/* What became of streams whose output moved, or that have closed. */
static void
tell_touched(struct http2_session *session)
{
	struct list *first;

	while ((first = list_take_first(&session->touched)) != NULL) {
		struct http2_stream *stream =
			CONTAINER_OF(first, struct http2_stream, touched_link);

		CHECK(stream, HTTP2_STREAM_MAGIC);
		tell(stream);
		if (!stream->flow.open)
			http2_stream_free(stream,
					  HTTP_REASON_CONNECTION_DROPPED);
	}
}

/* Between two requests, or about to be. */
static void
set_timer(struct http2_session *session)
{
	struct listener_connection *connection = session->connection;
	struct listener_loop *loop = connection->loop;

	if (list_empty(&session->streams) &&
	    !list_linked(&connection->timer.link))
		timers_set_for(&loop->timers, &connection->timer, TIMER_IDLE,
			       connection->idle_timeout, loop_now(loop));
}

static bool
is_over(const struct http2_session *session)
{
	return session->pending == NULL && endpoint_is_over(&session->endpoint);
}

/* A flood is answered once; nothing is waited for. */
static void
end_for_fault(struct http2_session *session)
{
	struct listener_connection *connection = session->connection;

	endpoint_end(&session->endpoint, HTTP2_ENHANCE_YOUR_CALM);
	if (session->pending != NULL || !write_frames(session) ||
	    session->pending != NULL) {
		connection_reset(connection, HTTP_REASON_NONE);
		return;
	}
	leave(session);
}

/* Everything that can be sent.  The connection may close. */
static void
flush(struct http2_session *session)
{
	struct listener_connection *connection = session->connection;
	bool blocked = false;

	CHECK(session, HTTP2_SESSION_MAGIC);
	list_remove(&session->ready_link);
	for (unsigned round = 0;
	     round < HTTP2_FLUSH_ROUNDS && session->fault == HTTP_REASON_NONE;
	     round++) {
		if (!write_pending(session) ||
		    (session->pending == NULL && !write_frames(session))) {
			connection_close(connection,
					 HTTP_REASON_CONNECTION_DROPPED);
			return;
		}
		tell_touched(session);
		blocked = session->pending != NULL ||
			  endpoint_has_output(&session->endpoint);
		if (!blocked || session->pending != NULL)
			break;
	}
	/* Found while reading, or in what we had to send. */
	if (session->fault != HTTP_REASON_NONE) {
		end_for_fault(session);
		return;
	}
	if (is_over(session)) {
		leave(session);
		return;
	}
	connection_watch_output(connection, blocked);
	connection_watch_input(
		connection, session->pending == NULL ||
				    endpoint_control_waits(&session->endpoint) <
					    HTTP2_CONTROL_BYTES);
	set_timer(session);
}

void
http2_flush_all(struct listener_loop *loop)
{
	struct list now, *first;

	list_init(&now);
	list_move_all(&now, &loop->http2_ready);
	while ((first = list_take_first(&now)) != NULL)
		flush(CONTAINER_OF(first, struct http2_session, ready_link));
}

void
http2_writable(struct listener_connection *connection)
{
	flush(connection->http2);
}

/* ---- reading ------------------------------------------------------------------------- */

/* A head that comes in pieces has its own time, from its first one. */
static void
time_head(struct http2_session *session)
{
	struct listener_connection *connection = session->connection;
	struct listener_loop *loop = connection->loop;
	uint32_t awaited = endpoint_awaits_head(&session->endpoint);

	if (awaited == session->timed_head)
		return;
	session->timed_head = awaited;
	if (awaited == 0)
		timers_clear(&connection->timer);
	else
		timers_set_for(&loop->timers, &connection->timer, TIMER_HEADER,
			       connection->header_timeout, loop_now(loop));
}

static void
feed(struct http2_session *session, const char *data, size_t length)
{
	bool good = endpoint_receive(&session->endpoint, (const uint8_t *)data,
				     length);

	if (!good && session->fault == HTTP_REASON_NONE)
		session->fault = HTTP_REASON_HTTP2_HEADERS;
	time_head(session);
	http2_schedule(session);
}

void
http2_readable(struct listener_connection *connection)
{
	struct http2_session *session = connection->http2;
	struct listener_loop *loop = connection->loop;
	ssize_t got;

	CHECK(session, HTTP2_SESSION_MAGIC);
	got = transport_read(&connection->transport, loop->http2_input,
			     HTTP2_INPUT_BYTES);
	if (got > 0) {
		connection->received = loop_now(loop);
		if (session->fault == HTTP_REASON_NONE)
			feed(session, loop->http2_input, (size_t)got);
		return;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	connection_close(connection, HTTP_REASON_CONNECTION_DROPPED);
}

/* ---- the beginning ---------------------------------------------------------------------- */

static struct endpoint_limits
limits_of(const struct listener_snapshot *snapshot)
{
	const struct settings_http2 *settings =
		&snapshot->settings->listener.http2;
	uint32_t head = snapshot->parser_limits.head;

	return (struct endpoint_limits){
		.streams = settings->max_concurrent_streams,
		.stream_window = (uint32_t)settings->initial_window,
		.connection_window = (uint32_t)settings->connection_window,
		.head = head,
		.block = head * HTTP2_HEAD_PATIENCE,
	};
}

static void
on_closed(struct endpoint *endpoint, struct endpoint_stream *flow)
{
	http2_stream_touch(http2_stream_of(flow));
	http2_schedule(http2_session_of(endpoint));
}

/* The client has broken a stream, which may not have a request (yet). */
static void
on_broken(struct endpoint *endpoint, struct endpoint_stream *flow, uint32_t id,
	  enum http2_error code)
{
	struct http2_session *session = http2_session_of(endpoint);
	struct http2_stream *stream = flow == NULL ? NULL :
						     http2_stream_of(flow);
	const char *detail = http2_error_name(code);

	CHECK(session, HTTP2_SESSION_MAGIC);
	(void)http2_guard_count(session, HTTP2_FLOOD_RESETS);
	if (stream != NULL && stream->connection.state == CONNECTION_REQUEST) {
		struct listener_request *request = stream->connection.request;

		if (request->reason != HTTP_REASON_NONE)
			return;
		request->reason = HTTP_REASON_HTTP2_PROTOCOL;
		request->detail = detail;
		return;
	}
	error_log_stream(session->connection, id, HTTP_REASON_HTTP2_PROTOCOL,
			 detail);
}

/* Once, with the stream of the frame that it has read last. */
static void
on_failed(struct endpoint *endpoint, enum http2_error code)
{
	struct http2_session *session = http2_session_of(endpoint);

	CHECK(session, HTTP2_SESSION_MAGIC);
	if (session->logged)
		return;
	session->logged = true;
	error_log_stream(session->connection, endpoint->frame.stream,
			 session->fault != HTTP_REASON_NONE ?
				 (enum http_reason)session->fault :
				 HTTP_REASON_HTTP2_PROTOCOL,
			 http2_error_name(code));
}

static const struct endpoint_methods methods = {
	.open = http2_on_open,
	.field = http2_on_field,
	.head = http2_on_head,
	.data = http2_on_data,
	.ended = http2_on_ended,
	.closed = on_closed,
	.broken = on_broken,
	.failed = on_failed,
	.frame = http2_on_frame,
	.priority = http2_on_priority,
	.write_head = http2_on_write_head,
	.write_body = http2_on_write_body,
	.write_trailers = http2_on_write_trailers,
	.wrote = http2_on_wrote,
};

void
http2_begin(struct listener_connection *connection, const char *data,
	    uint32_t length)
{
	struct listener_loop *loop = connection->loop;
	const struct endpoint_limits limits = limits_of(loop->snapshot->shared);
	struct http2_session *session = mem_zalloc(sizeof(*session));

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	session->magic = HTTP2_SESSION_MAGIC;
	session->connection = connection;
	list_init(&session->streams);
	list_init(&session->touched);
	list_init(&session->ready_link);
	if (!endpoint_init(&session->endpoint, &methods, &limits)) {
		session->magic = 0;
		mem_free(session);
		connection_close(connection, HTTP_REASON_NOT_AVAILABLE);
		return;
	}
	http2_guard_init(session);
	connection->state = CONNECTION_HTTP2;
	connection->http2 = session;
	timers_set(&loop->timers, &connection->timer, TIMER_IDLE,
		   loop_now(loop));
	feed(session, data + PREFACE_BYTES, length - PREFACE_BYTES);
	if (loop->draining)
		http2_drain(connection);
}

/* ---- leaving ---------------------------------------------------------------------------- */

void
http2_expire(struct listener_connection *connection, enum http_reason reason)
{
	struct http2_session *session = connection->http2;

	CHECK(session, HTTP2_SESSION_MAGIC);
	if (!session->logged)
		error_log_connection(connection, reason);
	session->logged = true;
	endpoint_end(&session->endpoint, HTTP2_NO_ERROR);
	if (session->pending != NULL || !write_frames(session) ||
	    session->pending != NULL)
		connection_close(connection, HTTP_REASON_NONE);
	else
		leave(session);
}

void
http2_drain(struct listener_connection *connection)
{
	struct http2_session *session = connection->http2;
	struct listener_loop *loop = connection->loop;
	uint64_t now = loop_now(loop);

	CHECK(session, HTTP2_SESSION_MAGIC);
	if (session->drain == HTTP2_DRAIN_NONE) {
		session->drain = HTTP2_DRAIN_TOLD;
		session->drain_since = now;
		endpoint_warn(&session->endpoint);
	} else if (session->drain == HTTP2_DRAIN_TOLD &&
		   now >= loop->drain_idle_until &&
		   now - session->drain_since >= HTTP2_DRAIN_DISTANCE_NS) {
		session->drain = HTTP2_DRAIN_LAST;
		endpoint_refuse(&session->endpoint);
	} else {
		return;
	}
	http2_schedule(session);
}

void
http2_refuse_more(struct listener_connection *connection)
{
	struct http2_session *session = connection->http2;

	CHECK(session, HTTP2_SESSION_MAGIC);
	if (session->drain == HTTP2_DRAIN_LAST)
		return;
	/* What comes after it was not looked at, which the client sees, and
	 * asks again elsewhere (RFC 9113 section 6.8). */
	session->drain = HTTP2_DRAIN_LAST;
	endpoint_refuse(&session->endpoint);
	http2_schedule(session);
}

unsigned
http2_cut(struct listener_connection *connection)
{
	struct http2_session *session = connection->http2;
	unsigned count = 0;

	CHECK(session, HTTP2_SESSION_MAGIC);
	LIST_FOREACH_SAFE(struct http2_stream, link, stream,
			  &session->streams) {
		struct listener_request *request = stream->connection.request;

		if (request == NULL ||
		    stream->connection.state != CONNECTION_REQUEST)
			continue;
		count++;
		request_fail(request, HTTP_REASON_APP_SHUTDOWN, 0, NULL);
	}
	response_flush_all(connection->loop);
	if (connection->http2 != NULL)
		http2_writable(connection);
	if (connection->state != CONNECTION_CLOSED)
		connection_close(connection, HTTP_REASON_NONE);
	return count;
}

/* ---- a loop's share ------------------------------------------------------------------------ */

void
http2_loop_init(struct listener_loop *loop)
{
	list_init(&loop->http2_ready);
	loop->http2_first = mem_zalloc(sizeof(*loop->http2_first));
	loop->http2_batch = mem_alloc(HTTP2_BATCH_BYTES + ENDPOINT_HEAD_ROOM);
	loop->http2_input = mem_alloc(HTTP2_INPUT_BYTES);
}

void
http2_loop_fini(struct listener_loop *loop)
{
	buffer_fini(&loop->http2_first->text);
	mem_free(loop->http2_first);
	loop->spare_streams.least = UINT_MAX;
	spare_trim(&loop->spare_streams, 0);
	mem_free(loop->http2_batch);
	mem_free(loop->http2_input);
}

unsigned
http2_loop_trim(struct listener_loop *loop)
{
	return spare_trim(&loop->spare_streams, LOOP_KEEP_IDLE);
}
