/* SPDX-License-Identifier: Apache-2.0
 *
 * From responses to frames.  The head of a response waits in the output as the
 * worker has written it, checked, until its frame is made: before that it can
 * be forgotten, and another worker asked.  The body is copied once, from the
 * worker's block or the file into the batch that the socket gets.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/slice.h"
#include "core/http/date.h"
#include "core/http/trailer.h"
#include "core/listener/affinity.h"
#include "core/listener/bandwidth.h"
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

/* What is known by its number has no need of a name. */
static void
add(struct hpack_block *block, enum http_header_id id,
    struct portico_slice value)
{
	hpack_field(block, id, PORTICO_SLICE(""), value);
}

static void
add_number(struct hpack_block *block, enum http_header_id id, uint64_t number)
{
	char text[20], *end = text + sizeof(text), *at = end;

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	add(block, id, slice_make(at, (size_t)(end - at)));
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
add_fields(struct hpack_block *block, struct http2_stream *stream,
	   struct seen *seen_r)
{
	const struct listener_request *request = stream->connection.request;
	const char *copy = request->output.head;
	struct http_response_cursor cursor = { 0 };
	struct http_response_slice field;

	*seen_r = (struct seen){ false, false, false };
	while (http_response_head_next(copy, &cursor, &field) == 1) {
		if (is_left_out(request, &field))
			continue;
		seen_r->date |= field.id == HTTP_HEADER_DATE;
		seen_r->server |= field.id == HTTP_HEADER_SERVER;
		seen_r->hsts |= field.id ==
				HTTP_HEADER_STRICT_TRANSPORT_SECURITY;
		if (field.id == HTTP_HEADER_PRIORITY)
			http2_priority_answer(stream, field.value);
		hpack_field(block, field.id, field.name, field.value);
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
is_of_connection(enum http_header_id id)
{
	return id == HTTP_HEADER_CONNECTION || id == HTTP_HEADER_KEEP_ALIVE ||
	       id == HTTP_HEADER_TRANSFER_ENCODING;
}

static unsigned
status_of(const char *digits)
{
	return (unsigned)(digits[0] - '0') * 100 +
	       (unsigned)(digits[1] - '0') * 10 + (unsigned)(digits[2] - '0');
}

/* A head that we have made ourselves, as HTTP/1 has it: a page of the
 * listener's, or what the cache keeps. */
static void
build_from_text(struct http2_stream *stream, struct hpack_block *block)
{
	struct output *output = &stream->connection.request->output;
	const char *at = output->head, *end = at + output->head_length;
	const char *line_end = memchr(at, '\r', output->head_length);

	ASSERT(line_end != NULL);
	hpack_begin_response(block, status_of(at + sizeof(text_start) - 1));
	for (at = line_end + 2; *at != '\r'; at = line_end + 2) {
		const char *colon = memchr(at, ':', (size_t)(end - at));
		struct portico_slice name, value;
		enum http_header_id id;

		ASSERT(colon != NULL);
		line_end = memchr(colon, '\r', (size_t)(end - colon));
		ASSERT(line_end != NULL);
		name = slice_make(at, (size_t)(colon - at));
		value = slice_make(colon + 2, (size_t)(line_end - colon - 2));
		id = http_header_find(name.data, name.length);
		if (is_of_connection(id))
			continue;
		if (id == HTTP_HEADER_PRIORITY)
			http2_priority_answer(stream, value);
		hpack_field(block, id, name, value);
	}
	output->head_sent = (uint32_t)(at + 2 - output->head);
}

static void
add_date(struct hpack_block *block, struct listener_loop *loop)
{
	int64_t now = (int64_t)(loop_realtime(loop) / CLOCK_NS_PER_S);

	add(block, HTTP_HEADER_DATE,
	    slice_make(http_date_cached(&loop->date, now), HTTP_DATE_LENGTH));
}

static void
build_from_worker(struct http2_stream *stream, struct hpack_block *block)
{
	struct listener_request *request = stream->connection.request;
	struct portico_slice hsts = hsts_value(request), cookie;
	char cookie_text[AFFINITY_COOKIE_BYTES];
	bool tunnel = request_is_tunnel(request);
	struct http_response_info info;
	struct seen seen;

	if (http_response_head_open(request->output.head,
				    request->output.head_length, tunnel,
				    &info) != 0)
		UNREACHABLE();
	hpack_begin_response(block, tunnel ? 200 : info.status);
	add_fields(block, stream, &seen);
	if (!seen.date)
		add_date(block, request->loop);
	if (!seen.server && (info.flags & HTTP_RESPONSE_NO_SERVER) == 0)
		add(block, HTTP_HEADER_SERVER,
		    PORTICO_SLICE(LISTENER_SERVER_NAME));
	if (!seen.hsts && hsts.length > 0)
		add(block, HTTP_HEADER_STRICT_TRANSPORT_SECURITY, hsts);
	cookie = affinity_cookie(request, cookie_text);
	if (cookie.length > 0)
		add(block, HTTP_HEADER_SET_COOKIE, cookie);
	if (has_length(&info))
		add_number(block, HTTP_HEADER_CONTENT_LENGTH,
			   (uint64_t)info.content_length);
	request->output.head_sent = info.size;
}

static bool
is_text(const struct output *output)
{
	return output->head_length >= sizeof(text_start) - 1 &&
	       memcmp(output->head, text_start, sizeof(text_start) - 1) == 0;
}

enum endpoint_body
http2_on_write_head(struct endpoint *endpoint, struct endpoint_stream *flow,
		    struct hpack_block *block)
{
	struct http2_stream *stream = http2_stream_of(flow);
	struct listener_request *request = stream->connection.request;
	struct output *output;

	(void)endpoint;
	CHECK(stream, HTTP2_STREAM_MAGIC);
	/* It has been forgotten meanwhile. */
	if (request == NULL || request->output.head == NULL)
		return ENDPOINT_BODY_NONE;
	output = &request->output;
	ASSERT(output->head_length <= HTTP_RESPONSE_HEAD_BYTES_MAX);
	if (is_text(output))
		build_from_text(stream, block);
	else
		build_from_worker(stream, block);
	if (output->head_sent == output->head_length)
		output_head_taken(output);
	if (!output_empty(output) || !request->response_last ||
	    request->end_fields != NULL)
		return ENDPOINT_BODY_MORE;
	stream->connection.shut = true;
	return ENDPOINT_BODY_LAST;
}

void
http2_on_write_trailers(struct endpoint *endpoint, struct endpoint_stream *flow,
			struct hpack_block *block)
{
	struct listener_request *request =
		http2_stream_of(flow)->connection.request;
	struct portico_slice section = { request->end_fields,
					 request->end_fields_length };
	struct portico_slice name, value;
	size_t at = 0;

	(void)endpoint;
	while (http_trailers_next(section, &at, &name, &value))
		hpack_field(block, http_header_find(name.data, name.length),
			    name, value);
	response_trailers_drop(request);
}

/* ---- bodies --------------------------------------------------------------------- */

/* Its site has had its bandwidth, for this turn or for a while.  A turn also
 * begins when the client's window opens, which is asked nowhere else. */
static bool
is_throttled(struct listener_request *request)
{
	const struct output *output = &request->output;

	if (output->turn == 0)
		return false;
	return list_linked(&request->throttled_link) ||
	       output->sent - request->charged >= output->turn ||
	       (output->sent == request->charged && !bandwidth_ready(request));
}

/* There is some of it, or its end. */
static enum endpoint_body
write_body(struct http2_stream *stream, uint8_t *to, size_t most,
	   uint64_t waiting, bool last, size_t *length_r)
{
	struct listener_request *request = stream->connection.request;

	*length_r = waiting < most ? (size_t)waiting : most;
	if (!output_copy(&request->output, (char *)to, *length_r,
			 worker_channel_get(request->channel),
			 &request->window_due)) {
		stream->cut = true;
		return ENDPOINT_BODY_CUT;
	}
	if (waiting > most || !last)
		return ENDPOINT_BODY_MORE;
	if (request->response_last && request->end_fields != NULL)
		return ENDPOINT_BODY_TRAILERS;
	stream->connection.shut = true;
	return ENDPOINT_BODY_LAST;
}

enum endpoint_body
http2_on_write_body(struct endpoint *endpoint, struct endpoint_stream *flow,
		    uint8_t *to, size_t most, size_t *length_r)
{
	struct http2_stream *stream = http2_stream_of(flow);
	struct listener_request *request = stream->connection.request;
	uint64_t waiting;
	bool last;

	(void)endpoint;
	CHECK(stream, HTTP2_STREAM_MAGIC);
	if (request == NULL)
		return ENDPOINT_BODY_NONE;
	waiting = output_waiting(&request->output, most + 1);
	last = request->response_last || request->tunnel_shut;
	if (is_throttled(request))
		http2_stream_touch(stream);
	else if (waiting > 0 || last)
		return write_body(stream, to, most, waiting, last, length_r);
	stream->deferred = true;
	return ENDPOINT_BODY_NONE;
}

void
http2_on_wrote(struct endpoint *endpoint, struct endpoint_stream *flow,
	       size_t bytes)
{
	struct http2_stream *stream = http2_stream_of(flow);

	(void)endpoint;
	if (stream->connection.request != NULL)
		stream->connection.request->output.sent += bytes;
	http2_stream_touch(stream);
}

void
http2_send(struct http2_stream *stream)
{
	struct listener_request *request = stream->connection.request;
	struct endpoint *endpoint = &stream->session->endpoint;

	CHECK(stream, HTTP2_STREAM_MAGIC);
	if (!stream->flow.open || request == NULL)
		return;
	stream->deferred = false;
	if (!stream->flow.head_sent)
		endpoint_head_ready(endpoint, &stream->flow);
	else
		endpoint_body_ready(endpoint, &stream->flow);
	http2_schedule(stream->session);
}
