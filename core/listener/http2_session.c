/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection that speaks HTTP/2: its life, reading and writing.
 *
 * All that was read in a turn is answered at its end: frames are gathered in a
 * batch that the loop's sessions share, and leave in one system call.  What the
 * socket does not take is copied aside, and nothing more is asked of nghttp2
 * until that has left; meanwhile the client is not read either if it makes us
 * answer without reading.
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
	connection_linger(connection);
}

bool
http2_end(struct listener_connection *connection, enum http_reason reason)
{
	struct http2_session *session = connection->http2;
	bool any = false;

	CHECK(session, HTTP2_SESSION_MAGIC);
	any = session->logged;
	/* One that ends may let others of this session begin. */
	while (!list_empty(&session->streams)) {
		struct http2_stream *stream = LIST_FIRST(
			struct http2_stream, link, &session->streams);

		any |= stream->connection.state == CONNECTION_REQUEST;
		http2_stream_free(stream, reason);
	}
	connection->http2 = NULL;
	list_remove(&session->ready_link);
	nghttp2_session_del(session->session);
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

static bool
write_batch(struct http2_session *session)
{
	size_t length = session->batched;

	session->batched = 0;
	return length == 0 ||
	       write_some(session, session->connection->loop->http2_batch,
			  length);
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

/* A frame that nghttp2 has made. */
static bool
put(struct http2_session *session, const uint8_t *data, size_t length)
{
	if (length > HTTP2_BATCH_BYTES - session->batched &&
	    !write_batch(session))
		return false;
	if (length > HTTP2_BATCH_BYTES)
		return write_some(session, (const char *)data, length);
	memcpy(session->connection->loop->http2_batch + session->batched, data,
	       length);
	session->batched += length;
	return true;
}

/* As much as goes now, and at most a turn's worth.  False: it is lost. */
static bool
write_frames(struct http2_session *session)
{
	uint64_t before = session->connection->bytes_sent;

	for (;;) {
		const uint8_t *data;
		ssize_t length;

		session->full = false;
		length = nghttp2_session_mem_send(session->session, &data);
		if (length < 0)
			return false;
		if (length > 0 && !put(session, data, (size_t)length))
			return false;
		if (length > 0 && session->pending == NULL)
			continue;
		if (!write_batch(session))
			return false;
		if (!session->full || session->pending != NULL ||
		    session->connection->bytes_sent - before >=
			    HTTP2_TURN_BYTES)
			return true;
	}
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

/* What became of streams whose output moved. */
static void
tell_touched(struct http2_session *session)
{
	struct list *first;

	while ((first = list_take_first(&session->touched)) != NULL) {
		struct http2_stream *stream =
			CONTAINER_OF(first, struct http2_stream, touched_link);
		struct listener_request *request = stream->connection.request;

		CHECK(stream, HTTP2_STREAM_MAGIC);
		if (request != NULL && stream->cut)
			response_sent(request, OUTPUT_SHORT);
		else if (request != NULL &&
			 (!output_empty(&request->output) ||
			  (request->response_last && !stream->ended)))
			blocked(stream);
		else if (request != NULL && stream->submitted)
			response_sent(request, OUTPUT_DONE);
		if (!stream->open)
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
	return session->pending == NULL &&
	       nghttp2_session_want_read(session->session) == 0 &&
	       nghttp2_session_want_write(session->session) == 0;
}

/* A flood is answered once; nothing is waited for. */
static void
end_for_fault(struct http2_session *session)
{
	struct listener_connection *connection = session->connection;

	(void)nghttp2_session_terminate_session(session->session,
						NGHTTP2_ENHANCE_YOUR_CALM);
	if (session->pending != NULL || !write_frames(session) ||
	    session->pending != NULL) {
		http2_log_end(session, NGHTTP2_ENHANCE_YOUR_CALM);
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
			  nghttp2_session_want_write(session->session) != 0;
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
	connection_watch_input(connection,
			       session->pending == NULL ||
				       nghttp2_session_get_outbound_queue_size(
					       session->session) <
					       HTTP2_QUEUE_MAX);
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

static void
feed(struct http2_session *session, const char *data, size_t length)
{
	ssize_t used;

	session->input = (struct http2_input){ (const uint8_t *)data, length };
	used = nghttp2_session_mem_recv(session->session, session->input.data,
					length);

	if (used < 0 && session->fault == HTTP_REASON_NONE)
		session->fault = HTTP_REASON_HTTP2_PROTOCOL;
	http2_frames_taken(session);
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

static nghttp2_session *
new_session(struct http2_session *session,
	    const struct settings_http2 *settings, uint32_t head)
{
	struct listener_loop *loop = session->connection->loop;
	const nghttp2_settings_entry entries[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
		  settings->max_concurrent_streams },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
		  (uint32_t)settings->initial_window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
	};
	nghttp2_session *made;

	if (nghttp2_session_server_new3(
		    &made, loop->http2_callbacks, session, loop->http2_options,
		    http2_memory_calls(loop->http2_memory)) != 0)
		return NULL;
	if (nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, entries,
				    sizeof(entries) / sizeof(entries[0])) !=
		    0 ||
	    nghttp2_session_set_local_window_size(
		    made, NGHTTP2_FLAG_NONE, 0,
		    (int32_t)settings->connection_window) != 0) {
		nghttp2_session_del(made);
		return NULL;
	}
	return made;
}

void
http2_begin(struct listener_connection *connection, const char *data,
	    uint32_t length)
{
	struct listener_loop *loop = connection->loop;
	const struct listener_snapshot *snapshot = loop->snapshot->shared;
	struct http2_session *session = mem_zalloc(sizeof(*session));

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	session->magic = HTTP2_SESSION_MAGIC;
	session->connection = connection;
	session->frame_at = PREFACE_BYTES;
	list_init(&session->streams);
	list_init(&session->touched);
	list_init(&session->ready_link);
	session->session = new_session(session,
				       &snapshot->settings->listener.http2,
				       snapshot->parser_limits.head);
	if (session->session == NULL) {
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
	feed(session, data, length);
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
	(void)nghttp2_session_terminate_session(session->session,
						NGHTTP2_NO_ERROR);
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
		(void)nghttp2_submit_shutdown_notice(session->session);
	} else if (session->drain == HTTP2_DRAIN_TOLD &&
		   now >= loop->drain_idle_until &&
		   now - session->drain_since >= HTTP2_DRAIN_DISTANCE_NS) {
		session->drain = HTTP2_DRAIN_LAST;
		(void)nghttp2_submit_goaway(
			session->session, NGHTTP2_FLAG_NONE,
			nghttp2_session_get_last_proc_stream_id(
				session->session),
			NGHTTP2_NO_ERROR, NULL, 0);
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
	(void)nghttp2_submit_goaway(
		session->session, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(session->session),
		NGHTTP2_NO_ERROR, NULL, 0);
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
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *options;

	list_init(&loop->http2_ready);
	ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0 &&
	       nghttp2_option_new(&options) == 0);
	http2_receive_init(callbacks);
	http2_send_init(callbacks);
	nghttp2_option_set_no_auto_window_update(options, 1);
	nghttp2_option_set_no_closed_streams(options, 1);
	nghttp2_option_set_builtin_recv_extension_type(options,
						       NGHTTP2_PRIORITY_UPDATE);
	loop->http2_callbacks = callbacks;
	loop->http2_options = options;
	loop->http2_memory = http2_memory_new();
	loop->http2_batch = mem_alloc(HTTP2_BATCH_BYTES);
	loop->http2_input = mem_alloc(HTTP2_INPUT_BYTES);
}

void
http2_loop_fini(struct listener_loop *loop)
{
	nghttp2_session_callbacks_del(loop->http2_callbacks);
	nghttp2_option_del(loop->http2_options);
	http2_memory_free(loop->http2_memory);
	loop->spare_streams.least = UINT_MAX;
	spare_trim(&loop->spare_streams, 0);
	mem_free(loop->http2_batch);
	mem_free(loop->http2_input);
}

unsigned
http2_loop_trim(struct listener_loop *loop)
{
	return spare_trim(&loop->spare_streams, LOOP_KEEP_IDLE) +
	       http2_memory_trim(loop->http2_memory);
}
