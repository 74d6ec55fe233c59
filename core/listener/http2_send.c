/* SPDX-License-Identifier: Apache-2.0
 *
 * From responses to frames.  The head of a response waits in the output as the
 * worker has written it, checked, until it goes to nghttp2: before that it can
 * be forgotten, and another worker asked.  The body is copied once, from the
 * worker's block or the file into the batch that the socket gets.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/slice.h"
#include "core/http/date.h"
#include "core/http/trailer.h"
#include "core/listener/affinity.h"
#include "core/listener/error_log.h"
#include "core/listener/hsts.h"
#include "core/listener/http2_priv.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/response_trailers.h"
#include "core/listener/worker_channel.h"

/* ---- heads -------------------------------------------------------------------- */

/* How a head begins that is text; that of a worker has another magic. */
static const char text_start[] = "HTTP/1.1 ";

/* Fields for nghttp2, and text for those that have to be made. */
struct fields {
	nghttp2_nv list[HTTP2_RESPONSE_FIELDS_MAX + 8];
	size_t count;
	char text[HTTP2_RESPONSE_TEXT_BYTES];
	size_t used;
	char cookie[AFFINITY_COOKIE_BYTES];
	bool priority; /* one of them is Priority */
};

static void
add(struct fields *fields, struct portico_slice name,
    struct portico_slice value)
{
	ASSERT(fields->count < HTTP2_RESPONSE_FIELDS_MAX + 8);
	fields->list[fields->count++] = (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.data,
		.value = (uint8_t *)(uintptr_t)value.data,
		.namelen = name.length,
		.valuelen = value.length,
	};
}

static void
add_number(struct fields *fields, struct portico_slice name, uint64_t number)
{
	char *end = fields->text + sizeof(fields->text), *at = end;

	end -= fields->used;
	at = end;
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	fields->used += (size_t)(end - at);
	add(fields, name, (struct portico_slice){ at, (size_t)(end - at) });
}

/* What the listener would add itself. */
struct seen {
	bool date, server, hsts;
};

/* Of an upgrade of HTTP/1, which is CONNECT's answer here (RFC 8441). */
static bool
is_of_upgrade(const struct http_response_slice *field)
{
	static const struct portico_slice accept =
		PORTICO_SLICE("sec-websocket-accept");

	return field->id == HTTP_HEADER_UPGRADE ||
	       field->id == HTTP_HEADER_CONNECTION ||
	       slice_equal_nocase(field->name, accept);
}

/* Or of trailers where none can follow. */
static bool
is_left_out(const struct listener_request *request,
	    const struct http_response_slice *field)
{
	if (request_is_tunnel(request))
		return is_of_upgrade(field);
	return field->id == HTTP_HEADER_TRAILER &&
	       request->framing == HTTP_FRAMING_NONE;
}

static void
add_fields(struct fields *fields, const struct listener_request *request,
	   struct seen *seen_r)
{
	const char *copy = request->output.head;
	struct http_response_cursor cursor = { 0 };
	struct http_response_slice field;

	*seen_r = (struct seen){ false, false, false };
	while (http_response_head_next(copy, &cursor, &field) == 1) {
		/* nghttp2 makes names lower case. */
		struct portico_slice name = field.name;

		if (is_left_out(request, &field))
			continue;
		if (field.id != HTTP_HEADER_UNKNOWN) {
			const char *text = http_header_name(field.id);

			name = (struct portico_slice){ text, strlen(text) };
		}
		seen_r->date |= field.id == HTTP_HEADER_DATE;
		seen_r->server |= field.id == HTTP_HEADER_SERVER;
		seen_r->hsts |= field.id ==
				HTTP_HEADER_STRICT_TRANSPORT_SECURITY;
		fields->priority |= field.id == HTTP_HEADER_PRIORITY;
		add(fields, name, field.value);
	}
}

/* As in HTTP/1: see has_content_length() there. */
static bool
has_length(const struct http_response_info *info)
{
	if (info->status == 304)
		return info->content_length > 0;
	return info->content_length >= 0 && info->status != 204 &&
	       info->status != 205;
}

/* Of HTTP/1 alone (RFC 9113 section 8.2.2). */
static bool
is_of_connection(struct portico_slice name)
{
	if (name.length != sizeof("connection") - 1 &&
	    name.length != sizeof("transfer-encoding") - 1)
		return false;
	switch (http_header_find(name.data, name.length)) {
	case HTTP_HEADER_CONNECTION:
	case HTTP_HEADER_KEEP_ALIVE:
	case HTTP_HEADER_TRANSFER_ENCODING:
		return true;
	default:
		return false;
	}
}

static bool
is_priority(struct portico_slice name)
{
	return slice_equal_nocase(name, PORTICO_SLICE("priority"));
}

/* A head that we have made ourselves, as HTTP/1 has it: a page of the
 * listener's, or what the cache keeps. */
static void
build_from_text(struct listener_request *request, struct fields *fields)
{
	struct output *output = &request->output;
	const char *at = output->head, *end = at + output->head_length;
	const char *line_end = memchr(at, '\r', output->head_length);

	ASSERT(line_end != NULL);
	add(fields, PORTICO_SLICE(":status"),
	    (struct portico_slice){ at + sizeof(text_start) - 1, 3 });
	for (at = line_end + 2; *at != '\r'; at = line_end + 2) {
		const char *colon = memchr(at, ':', (size_t)(end - at));
		struct portico_slice name, value;

		ASSERT(colon != NULL);
		line_end = memchr(colon, '\r', (size_t)(end - colon));
		ASSERT(line_end != NULL);
		name = (struct portico_slice){ at, (size_t)(colon - at) };
		value = (struct portico_slice){
			colon + 2, (size_t)(line_end - colon - 2)
		};
		if (is_of_connection(name))
			continue;
		fields->priority |= is_priority(name);
		add(fields, name, value);
	}
	output->head_sent = (uint32_t)(at + 2 - output->head);
}

static void
build_from_worker(struct listener_request *request, struct fields *fields)
{
	struct listener_loop *loop = request->loop;
	const char *copy = request->output.head;
	struct http_response_info info;
	struct portico_slice hsts = hsts_value(request), cookie;
	bool tunnel = request_is_tunnel(request);
	struct seen seen;

	if (http_response_head_open(copy, request->output.head_length, tunnel,
				    &info) != 0)
		UNREACHABLE();
	add_number(fields, PORTICO_SLICE(":status"),
		   tunnel ? 200 : info.status);
	add_fields(fields, request, &seen);
	if (!seen.date)
		add(fields, PORTICO_SLICE("date"),
		    (struct portico_slice){
			    http_date_cached(&loop->date,
					     (int64_t)(loop_realtime(loop) /
						       CLOCK_NS_PER_S)),
			    HTTP_DATE_LENGTH });
	if (!seen.server && (info.flags & HTTP_RESPONSE_NO_SERVER) == 0)
		add(fields, PORTICO_SLICE("server"),
		    PORTICO_SLICE(LISTENER_SERVER_NAME));
	if (!seen.hsts && hsts.length > 0)
		add(fields, PORTICO_SLICE("strict-transport-security"), hsts);
	cookie = affinity_cookie(request, fields->cookie);
	if (cookie.length > 0)
		add(fields, PORTICO_SLICE("set-cookie"), cookie);
	if (has_length(&info))
		add_number(fields, PORTICO_SLICE("content-length"),
			   (uint64_t)info.content_length);
	request->output.head_sent = info.size;
}

static void
build(struct listener_request *request, struct fields *fields)
{
	struct output *output = &request->output;

	fields->count = fields->used = 0;
	fields->priority = false;
	if (output->head_length >= sizeof(text_start) - 1 &&
	    memcmp(output->head, text_start, sizeof(text_start) - 1) == 0)
		build_from_text(request, fields);
	else
		build_from_worker(request, fields);
	output->sent += HTTP2_FRAME_HEAD_BYTES;
}

/* Behind the body, with the end of the stream.  nghttp2 copies them. */
static void
submit_trailers(struct http2_stream *stream)
{
	struct listener_request *request = stream->connection.request;
	struct portico_slice section = { request->end_fields,
					 request->end_fields_length };
	nghttp2_nv list[HTTP_TRAILERS_MAX];
	struct portico_slice name, value;
	size_t at = 0, count = 0;

	while (http_trailers_next(section, &at, &name, &value)) {
		ASSERT(count < HTTP_TRAILERS_MAX);
		list[count++] = (nghttp2_nv){
			.name = (uint8_t *)(uintptr_t)name.data,
			.value = (uint8_t *)(uintptr_t)value.data,
			.namelen = name.length,
			.valuelen = value.length,
		};
	}
	(void)nghttp2_submit_trailer(stream->session->session, stream->id, list,
				     count);
	response_trailers_drop(request);
}

/* ---- bodies --------------------------------------------------------------------- */

/* Its site has had its bandwidth, for this turn or for a while. */
static bool
is_throttled(const struct listener_request *request)
{
	return list_linked(&request->throttled_link) ||
	       (request->output.turn != 0 &&
		request->output.sent - request->charged >=
			request->output.turn);
}

static ssize_t
on_read(nghttp2_session *from, int32_t id, uint8_t *buffer, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct http2_stream *stream = source->ptr;
	struct listener_request *request = stream->connection.request;
	uint64_t waiting;
	bool last;

	(void)from;
	(void)id;
	(void)buffer;
	(void)arg;
	CHECK(stream, HTTP2_STREAM_MAGIC);
	if (request == NULL)
		return NGHTTP2_ERR_DEFERRED;
	waiting = output_waiting(&request->output, length + 1);
	last = request->response_last || request->tunnel_shut;
	if (waiting == 0 && !last) {
		stream->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (is_throttled(request)) {
		stream->deferred = true;
		http2_stream_touch(stream);
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (waiting > length)
		return (ssize_t)length;
	if (last)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (request->response_last && request->end_fields != NULL) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		submit_trailers(stream);
	}
	return (ssize_t)waiting;
}

static int
on_send_data(nghttp2_session *from, nghttp2_frame *frame,
	     const uint8_t *frame_head, size_t length,
	     nghttp2_data_source *source, void *arg)
{
	struct http2_session *session = arg;
	struct http2_stream *stream = source->ptr;
	struct listener_request *request = stream->connection.request;
	char *batch = session->connection->loop->http2_batch + session->batched;

	(void)from;
	(void)frame;
	CHECK(session, HTTP2_SESSION_MAGIC);
	/* Reset meanwhile. */
	if (request == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (HTTP2_BATCH_BYTES - session->batched <
	    HTTP2_FRAME_HEAD_BYTES + length) {
		session->full = true;
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	memcpy(batch, frame_head, HTTP2_FRAME_HEAD_BYTES);
	if (!output_copy(&request->output, batch + HTTP2_FRAME_HEAD_BYTES,
			 length, worker_channel_get(request->channel),
			 &request->window_due)) {
		stream->cut = true;
		http2_stream_touch(stream);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	session->batched += HTTP2_FRAME_HEAD_BYTES + length;
	request->output.sent += HTTP2_FRAME_HEAD_BYTES;
	http2_stream_touch(stream);
	return 0;
}

/* ---- frames ----------------------------------------------------------------------- */

static void
answer_priority(struct http2_stream *stream, const struct fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		const nghttp2_nv *field = &fields->list[i];
		struct portico_slice name = { (const char *)field->name,
					      field->namelen };

		if (is_priority(name))
			http2_priority_answer(
				stream, (struct portico_slice){
						(const char *)field->value,
						field->valuelen });
	}
}

static void
submit(struct http2_stream *stream)
{
	struct listener_request *request = stream->connection.request;
	nghttp2_data_provider provider = { .source.ptr = stream,
					   .read_callback = on_read };
	struct fields fields;
	bool more;

	build(request, &fields);
	more = output_waiting(&request->output, 1) > 0 ||
	       !request->response_last || request->end_fields != NULL;
	stream->submitted = true;
	(void)nghttp2_submit_response(stream->session->session, stream->id,
				      fields.list, fields.count,
				      more ? &provider : NULL);
	if (fields.priority)
		answer_priority(stream, &fields);
	/* The fields are copied only now. */
	if (request->output.head_sent == request->output.head_length)
		output_head_taken(&request->output);
}

void
http2_send(struct http2_stream *stream)
{
	struct listener_request *request = stream->connection.request;

	CHECK(stream, HTTP2_STREAM_MAGIC);
	if (!stream->open || request == NULL)
		return;
	if (!stream->submitted) {
		submit(stream);
	} else if (stream->deferred) {
		stream->deferred = false;
		(void)nghttp2_session_resume_data(stream->session->session,
						  stream->id);
	}
	http2_schedule(stream->session);
}

void
http2_log_end(struct http2_session *session, uint32_t code)
{
	if (session->logged)
		return;
	session->logged = true;
	error_log_stream(session->connection, session->frame_stream,
			 session->fault != HTTP_REASON_NONE ?
				 (enum http_reason)session->fault :
				 HTTP_REASON_HTTP2_PROTOCOL,
			 nghttp2_http2_strerror(code));
}

/* The client has broken its stream, which may not have a request (yet). */
static void
stream_broken(struct http2_session *session, const struct http2_stream *stream,
	      const nghttp2_frame *frame)
{
	uint32_t code = frame->rst_stream.error_code;
	const char *detail = nghttp2_http2_strerror(code);

	(void)http2_guard_count(session, HTTP2_FLOOD_RESETS);
	/* Ours: a body that cannot be sent. */
	if (code == NGHTTP2_INTERNAL_ERROR)
		return;
	if (stream != NULL && stream->connection.state == CONNECTION_REQUEST) {
		struct listener_request *request = stream->connection.request;

		if (request->reason != HTTP_REASON_NONE)
			return;
		request->reason = HTTP_REASON_HTTP2_PROTOCOL;
		request->detail = detail;
		return;
	}
	error_log_stream(session->connection, (uint32_t)frame->hd.stream_id,
			 HTTP_REASON_HTTP2_PROTOCOL, detail);
}

static int
on_frame_sent(nghttp2_session *from, const nghttp2_frame *frame, void *arg)
{
	struct http2_session *session = arg;
	struct http2_stream *stream =
		frame->hd.stream_id == 0 ?
			NULL :
			http2_stream_find(from, frame->hd.stream_id);

	CHECK(session, HTTP2_SESSION_MAGIC);
	if (frame->hd.type == NGHTTP2_GOAWAY &&
	    frame->goaway.error_code != NGHTTP2_NO_ERROR)
		http2_log_end(session, frame->goaway.error_code);
	/* Not one that we wanted. */
	if (frame->hd.type == NGHTTP2_RST_STREAM &&
	    (stream == NULL || !stream->reset))
		stream_broken(session, stream, frame);
	if (stream == NULL || (frame->hd.type != NGHTTP2_HEADERS &&
			       frame->hd.type != NGHTTP2_DATA))
		return 0;
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		stream->ended = stream->connection.shut = true;
	if (frame->hd.type == NGHTTP2_HEADERS &&
	    stream->connection.request != NULL)
		stream->connection.request->output.sent += frame->hd.length;
	http2_stream_touch(stream);
	return 0;
}

void
http2_send_init(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_send_data_callback(callbacks,
							 on_send_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
							     on_frame_sent);
}
