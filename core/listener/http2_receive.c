/* SPDX-License-Identifier: Apache-2.0
 *
 * From frames to requests.  The endpoint has checked what RFC 9113 says of heads
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

/* NULL data: was not sent. */
static struct portico_slice
span_of(const struct http2_first *first, const struct http2_span *span)
{
	if (!span->there)
		return (struct portico_slice){ NULL, 0 };
	return slice_make(first->text.data + span->at, span->length);
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
	const struct http2_first *sent = request->loop->http2_first;
	struct http_head_first first = {
		.method = span_of(sent, &sent->method),
		.authority = span_of(sent, &sent->authority),
		.path = span_of(sent, &sent->path),
		.protocol = span_of(sent, &sent->protocol),
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

static void
keep(struct http2_first *first, struct http2_span *span,
     struct portico_slice value)
{
	*span = (struct http2_span){ true, first->text.length, value.length };
	(void)buffer_append_slice(&first->text, value);
}

static void
add_first(struct http2_first *first, struct portico_slice name,
	  struct portico_slice value)
{
	if (slice_equal(name, PORTICO_SLICE(":method")))
		keep(first, &first->method, value);
	else if (slice_equal(name, PORTICO_SLICE(":authority")))
		keep(first, &first->authority, value);
	else if (slice_equal(name, PORTICO_SLICE(":path")))
		keep(first, &first->path, value);
	else if (slice_equal(name, PORTICO_SLICE(":protocol")))
		keep(first, &first->protocol, value);
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

struct endpoint_stream *
http2_on_open(struct endpoint *endpoint, uint32_t id)
{
	struct http2_session *session = http2_session_of(endpoint);
	struct listener_connection *socket = session->connection;
	struct http2_first *first = socket->loop->http2_first;

	CHECK(session, HTTP2_SESSION_MAGIC);
	/* It no longer idles. */
	timers_clear(&socket->timer);
	session->timed_head = 0;
	buffer_reset(&first->text);
	first->method = first->authority = first->path = first->protocol =
		(struct http2_span){ false, 0, 0 };
	return &http2_stream_new(session, id)->flow;
}

void
http2_on_field(struct endpoint *endpoint, struct endpoint_stream *flow,
	       bool trailer, struct portico_slice name,
	       struct portico_slice value)
{
	struct http2_stream *stream = http2_stream_of(flow);

	(void)endpoint;
	CHECK(stream, HTTP2_STREAM_MAGIC);
	if (trailer) {
		add_trailer(stream, name, value);
		return;
	}
	if (name.data[0] == ':') {
		add_first(stream->connection.loop->http2_first, name, value);
		return;
	}
	add_field(stream, name, value);
	if (slice_equal(name, PORTICO_SLICE("priority")))
		http2_priority_field(stream, value);
}

void
http2_on_head(struct endpoint *endpoint, struct endpoint_stream *flow,
	      bool ended)
{
	struct http2_stream *stream = http2_stream_of(flow);
	struct listener_connection *connection = &stream->connection;
	struct listener_request *request = connection->request;
	struct http_head_build *build = &stream->build;

	(void)endpoint;
	CHECK(stream, HTTP2_STREAM_MAGIC);
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

/* ---- bodies ----------------------------------------------------------------------- */

void
http2_on_data(struct endpoint *endpoint, struct endpoint_stream *flow,
	      const uint8_t *data, uint32_t length)
{
	struct http2_stream *stream = http2_stream_of(flow);
	struct listener_request *request = stream->connection.request;

	CHECK(stream, HTTP2_STREAM_MAGIC);
	if (request == NULL || !request_body_pending(request)) {
		endpoint_taken(endpoint, flow, length);
		/* Bytes of a tunnel before it is one cannot be kept apart from
		 * those of a body: no client sends them (RFC 8441 section 4). */
		if (request != NULL && request->head.upgrade &&
		    !request->response_seen)
			http2_stream_reset(stream, HTTP2_PROTOCOL_ERROR);
		return;
	}
	stream->unconsumed += length;
	request_body_push(request, (const char *)data, length, false);
}

void
http2_on_ended(struct endpoint *endpoint, struct endpoint_stream *flow)
{
	struct http2_stream *stream = http2_stream_of(flow);

	(void)endpoint;
	CHECK(stream, HTTP2_STREAM_MAGIC);
	if (stream->connection.request != NULL)
		request_body_push(stream->connection.request, "", 0, true);
}
