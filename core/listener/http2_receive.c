/* SPDX-License-Identifier: Apache-2.0
 *
 * From frames to requests.  nghttp2 has checked what RFC 9113 says of heads
 * (section 8.2 and 8.3: pseudo-header fields, forbidden fields, lower case,
 * lengths that fit): what is wrong there has reset the stream.  What the two
 * versions have in common is judged as in HTTP/1, and answered.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/listener/http2_priv.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

/* ---- heads -------------------------------------------------------------------- */

static struct portico_slice
slice_of(nghttp2_rcbuf *buffer)
{
	nghttp2_vec vec;

	if (buffer == NULL)
		return (struct portico_slice){ NULL, 0 };
	vec = nghttp2_rcbuf_get_buf(buffer);
	return (struct portico_slice){ (const char *)vec.base, vec.len };
}

/* At most once: then the limits say no before it is too small again. */
static bool
make_room(struct http2_stream *stream, size_t needed)
{
	struct listener_request *request = stream->connection.request;
	struct http_head_build *build = &stream->build;
	uint32_t capacity = request->snapshot->shared->input_max;
	char *larger;

	if (needed <= build->capacity)
		return true;
	if (needed > capacity) {
		request->parser.reason = HTTP_REASON_REQUEST_LENGTH;
		return false;
	}
	ASSERT(build->capacity == INPUT_SMALL_BYTES);
	larger = mem_alloc(capacity);
	memcpy(larger, build->data, build->used);
	loop_buffer_give(request->loop, request->input.data);
	build->data = request->input.data = larger;
	build->capacity = request->input.capacity = capacity;
	return true;
}

/* A head that breaks a limit is read to its end, and then answered. */
static bool
is_refused(const struct http2_stream *stream)
{
	return stream->connection.request->parser.reason != HTTP_REASON_NONE;
}

/* All that begins with a colon has come. */
static void
begin_fields(struct http2_stream *stream)
{
	struct listener_request *request = stream->connection.request;
	struct http_head_first first = {
		.method = slice_of(stream->method),
		.authority = slice_of(stream->authority),
		.path = slice_of(stream->path),
		.protocol = slice_of(stream->protocol),
	};

	http_head_build_init(&stream->build, &request->parser, &request->head,
			     request->input.data, request->input.capacity);
	if (first.path.length > request->parser.limits->request_line)
		request->parser.reason = HTTP_REASON_URL_LENGTH;
	else if (make_room(stream,
			   http_head_build_first_room(&stream->build, &first)))
		(void)http_head_build_first(&stream->build, &first);
}

static void
add_field(struct http2_stream *stream, struct portico_slice name,
	  struct portico_slice value)
{
	if (stream->build.parser == NULL)
		begin_fields(stream);
	if (is_refused(stream))
		return;
	if (make_room(stream,
		      http_head_build_field_room(&stream->build, name, value)))
		(void)http_head_build_field(&stream->build, name, value);
}

static bool
keep(nghttp2_rcbuf **to, nghttp2_rcbuf *buffer)
{
	nghttp2_rcbuf_incref(buffer);
	*to = buffer;
	return true;
}

static void
add_first(struct http2_stream *stream, struct portico_slice name,
	  nghttp2_rcbuf *value)
{
	if (slice_equal(name, PORTICO_SLICE(":method")))
		(void)keep(&stream->method, value);
	else if (slice_equal(name, PORTICO_SLICE(":authority")))
		(void)keep(&stream->authority, value);
	else if (slice_equal(name, PORTICO_SLICE(":path")))
		(void)keep(&stream->path, value);
	else if (slice_equal(name, PORTICO_SLICE(":protocol")))
		(void)keep(&stream->protocol, value);
}

/* In the form in which the decoder of chunks leaves them. */
static void
add_trailer(struct http2_stream *stream, struct portico_slice name,
	    struct portico_slice value)
{
	struct listener_request *request = stream->connection.request;

	if (request == NULL || request->body != BODY_STREAM)
		return;
	if (request->trailers.length + name.length + value.length + 4 >
		    HTTP_TRAILER_BYTES_MAX ||
	    buffer_append_slice(&request->trailers, name) != PORTICO_OK ||
	    buffer_append_text(&request->trailers, ": ") != PORTICO_OK ||
	    buffer_append_slice(&request->trailers, value) != PORTICO_OK ||
	    buffer_append_text(&request->trailers, "\r\n") != PORTICO_OK) {
		request->body = BODY_FAILED;
		request_fail(request, HTTP_REASON_REQUEST_LENGTH, 0, NULL);
	}
}

static int
on_begin_headers(nghttp2_session *from, const nghttp2_frame *frame, void *arg)
{
	struct http2_session *session = arg;
	struct listener_connection *socket = session->connection;
	struct http2_stream *stream;

	CHECK(session, HTTP2_SESSION_MAGIC);
	session->header_bytes = 0;
	session->empty_continuations = 0;
	timers_set_for(&socket->loop->timers, &socket->timer, TIMER_HEADER,
		       socket->header_timeout, loop_now(socket->loop));
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
		session->incoming =
			http2_stream_find(from, frame->hd.stream_id);
		return 0;
	}
	stream = http2_stream_new(session, frame->hd.stream_id);
	session->incoming = stream;
	return nghttp2_session_set_stream_user_data(from, stream->id, stream);
}

static int
on_header(nghttp2_session *from, const nghttp2_frame *frame,
	  nghttp2_rcbuf *name_buffer, nghttp2_rcbuf *value_buffer,
	  uint8_t flags, void *arg)
{
	struct http2_session *session = arg;
	struct http2_stream *stream = session->incoming;
	struct portico_slice name = slice_of(name_buffer);
	struct portico_slice value = slice_of(value_buffer);
	const struct listener_loop *loop = session->connection->loop;

	(void)from;
	(void)flags;
	CHECK(session, HTTP2_SESSION_MAGIC);
	session->header_bytes += name.length + value.length + 32;
	if (session->header_bytes >
	    (uint64_t)loop->snapshot->shared->parser_limits.head *
		    HTTP2_HEAD_PATIENCE) {
		session->fault = HTTP_REASON_HTTP2_HEADERS;
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (stream == NULL)
		return 0;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		add_trailer(stream, name, value);
	else if (name.length > 0 && name.data[0] == ':')
		add_first(stream, name, value_buffer);
	else
		add_field(stream, name, value);
	if (slice_equal(name, PORTICO_SLICE("priority")) &&
	    frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		http2_priority_field(stream, value);
	return 0;
}

/* RFC 9113 section 8.2.1: not left out, as nghttp2 would, but refused. */
static int
on_invalid_header(nghttp2_session *from, const nghttp2_frame *frame,
		  nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
		  void *arg)
{
	(void)from;
	(void)frame;
	(void)name;
	(void)value;
	(void)flags;
	(void)arg;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void
head_complete(struct http2_stream *stream, bool ended)
{
	struct listener_connection *connection = &stream->connection;
	struct listener_request *request = connection->request;
	struct http_head_build *build = &stream->build;

	if (build->parser == NULL)
		begin_fields(stream);
	connection->state = CONNECTION_REQUEST;
	http2_priority_head(stream);
	if (!is_refused(stream))
		(void)http_head_build_end(build, ended);
	else if (!ended)
		request->body = BODY_FAILED;
	request->input.begin = request->input.end = build->used;
	if (is_refused(stream)) {
		request->head_known = build->head->target_length > 0;
		request_fail(request, request->parser.reason,
			     request->parser.status, NULL);
		return;
	}
	stream->session->connection->requests++;
	request_begin(request);
}

/* ---- frames ----------------------------------------------------------------------- */

/* Heads that are complete are no longer waited for. */
static void
headers_received(struct http2_session *session, const nghttp2_frame *frame,
		 struct http2_stream *stream)
{
	bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	timers_clear(&session->connection->timer);
	if (stream == NULL || stream->connection.request == NULL)
		return;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		head_complete(stream, ended);
	else if (ended)
		request_body_push(stream->connection.request, "", 0, true);
}

static void
data_received(const nghttp2_frame *frame, struct http2_stream *stream)
{
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
	    stream != NULL && stream->connection.request != NULL)
		request_body_push(stream->connection.request, "", 0, true);
}

static bool
frame_is_fair(struct http2_session *session, const nghttp2_frame_hd *hd)
{
	switch (hd->type) {
	case NGHTTP2_PING:
		return http2_guard_count(session, HTTP2_FLOOD_PINGS);
	case NGHTTP2_SETTINGS:
		return http2_guard_count(session, HTTP2_FLOOD_SETTINGS);
	case NGHTTP2_RST_STREAM:
		return http2_guard_count(session, HTTP2_FLOOD_RESETS);
	case NGHTTP2_DATA:
		return hd->length > 0 ||
		       (hd->flags & NGHTTP2_FLAG_END_STREAM) != 0 ||
		       http2_guard_count(session, HTTP2_FLOOD_EMPTY);
	case NGHTTP2_CONTINUATION:
		return hd->length > 0 ||
		       http2_guard_count(session, HTTP2_FLOOD_EMPTY);
	case NGHTTP2_HEADERS:
	case NGHTTP2_WINDOW_UPDATE:
		return true;
	default:
		return http2_guard_count(session, HTTP2_FLOOD_EMPTY);
	}
}

static int
on_begin_frame(nghttp2_session *from, const nghttp2_frame_hd *hd, void *arg)
{
	struct http2_session *session = arg;

	CHECK(session, HTTP2_SESSION_MAGIC);
	http2_frames_announced(session, hd);
	/* RFC 9113 section 6.3; without its priorities nghttp2 does not look. */
	if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0)
		(void)nghttp2_session_terminate_session(from,
							NGHTTP2_PROTOCOL_ERROR);
	return frame_is_fair(session, hd) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* The client has broken its stream: a head of it is no longer waited for. */
static int
on_invalid_frame(nghttp2_session *from, const nghttp2_frame *frame, int code,
		 void *arg)
{
	struct http2_session *session = arg;

	(void)from;
	(void)code;
	CHECK(session, HTTP2_SESSION_MAGIC);
	if (frame->hd.type == NGHTTP2_HEADERS)
		timers_clear(&session->connection->timer);
	return 0;
}

/* RFC 9218 section 7.1.  nghttp2 has done all the rest of PRIORITY_UPDATE. */
static void
priority_received(struct http2_session *session, const nghttp2_frame *frame)
{
	const nghttp2_ext_priority_update *update = frame->ext.payload;

	if (update->stream_id == 0)
		(void)nghttp2_session_terminate_session(session->session,
							NGHTTP2_PROTOCOL_ERROR);
	else
		http2_priority_update(session, update);
}

static int
on_frame(nghttp2_session *from, const nghttp2_frame *frame, void *arg)
{
	struct http2_session *session = arg;
	struct http2_stream *stream =
		frame->hd.stream_id == 0 ?
			NULL :
			http2_stream_find(from, frame->hd.stream_id);

	CHECK(session, HTTP2_SESSION_MAGIC);
	if (frame->hd.type == NGHTTP2_HEADERS)
		headers_received(session, frame, stream);
	else if (frame->hd.type == NGHTTP2_DATA)
		data_received(frame, stream);
	else if (frame->hd.type == NGHTTP2_PRIORITY_UPDATE)
		priority_received(session, frame);
	session->frame_stream = 0;
	return 0;
}

static int
on_data(nghttp2_session *from, uint8_t flags, int32_t id, const uint8_t *data,
	size_t length, void *arg)
{
	struct http2_session *session = arg;
	struct http2_stream *stream = http2_stream_find(from, id);
	struct listener_request *request =
		stream == NULL ? NULL : stream->connection.request;

	(void)flags;
	CHECK(session, HTTP2_SESSION_MAGIC);
	if (request == NULL || !request_body_pending(request)) {
		/* Bytes of a tunnel before it is one cannot be kept apart from
		 * those of a body: no client sends them (RFC 8441 section 4). */
		if (request != NULL && request->head.upgrade &&
		    !request->response_seen)
			http2_stream_reset(stream, NGHTTP2_PROTOCOL_ERROR);
		(void)nghttp2_session_consume(from, id, length);
		http2_schedule(session);
		return 0;
	}
	stream->unconsumed += (uint32_t)length;
	request_body_push(request, (const char *)data, (uint32_t)length, false);
	return 0;
}

static int
on_stream_close(nghttp2_session *from, int32_t id, uint32_t code, void *arg)
{
	struct http2_stream *stream = http2_stream_find(from, id);

	(void)code;
	(void)arg;
	if (stream == NULL)
		return 0;
	stream->open = false;
	/* Complete: that is told after the batch has been sent. */
	if (stream->ended && list_linked(&stream->touched_link))
		return 0;
	http2_stream_free(stream, HTTP_REASON_CONNECTION_DROPPED);
	return 0;
}

void
http2_receive_init(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(
		callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(
		callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks,
							      on_begin_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
		callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
							     on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
								  on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
							       on_stream_close);
}
