/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream of HTTP/2 as a connection: what differs from a socket.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/listener/http2_priv.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"

static struct http2_stream *
stream_of(struct listener_connection *connection)
{
	struct http2_stream *stream =
		CONTAINER_OF(connection, struct http2_stream, connection);

	CHECK(stream, HTTP2_STREAM_MAGIC);
	return stream;
}

static void
on_send(struct listener_connection *connection)
{
	http2_send(stream_of(connection));
}

static bool
on_continue(struct listener_connection *connection)
{
	struct http2_stream *stream = stream_of(connection);
	nghttp2_nv status = {
		.name = (uint8_t *)(uintptr_t) ":status",
		.value = (uint8_t *)(uintptr_t) "100",
		.namelen = 7,
		.valuelen = 3,
	};

	if (stream->open)
		(void)nghttp2_submit_headers(stream->session->session,
					     NGHTTP2_FLAG_NONE, stream->id,
					     NULL, &status, 1, NULL);
	http2_schedule(stream->session);
	return true;
}

/* What the worker has taken, the client may send again. */
static void
on_taken(struct listener_connection *connection, uint32_t bytes)
{
	struct http2_stream *stream = stream_of(connection);

	ASSERT(bytes <= stream->unconsumed);
	stream->unconsumed -= bytes;
	(void)nghttp2_session_consume(stream->session->session, stream->id,
				      bytes);
	http2_schedule(stream->session);
}

static void
on_shutdown(struct listener_connection *connection)
{
	http2_send(stream_of(connection));
}

/* The request leaves; the stream stays until nghttp2 has closed it. */
static struct listener_request *
detach(struct http2_stream *stream)
{
	struct listener_connection *connection = &stream->connection;
	struct listener_request *request = connection->request;

	connection->state = CONNECTION_CLOSED;
	connection->request = NULL;
	timers_clear(&connection->timer);
	list_remove(&connection->blocked_link);
	list_remove(&connection->awaiting_link);
	/* Nobody will take these; other streams may have their room. */
	if (stream->unconsumed > 0)
		(void)nghttp2_session_consume_connection(
			stream->session->session, stream->unconsumed);
	stream->unconsumed = 0;
	return request;
}

void
http2_stream_reset(struct http2_stream *stream, uint32_t code)
{
	if (!stream->open)
		return;
	stream->reset = true;
	(void)nghttp2_submit_rst_stream(stream->session->session,
					NGHTTP2_FLAG_NONE, stream->id, code);
	http2_schedule(stream->session);
}

static void
on_done(struct listener_connection *connection)
{
	struct http2_stream *stream = stream_of(connection);
	struct listener_request *request = detach(stream);

	/* RFC 9113 section 8.1: the answer is complete, the rest of the body
	 * is not wanted. */
	if (stream->open && nghttp2_session_get_stream_remote_close(
				    stream->session->session, stream->id) == 0)
		http2_stream_reset(stream, NGHTTP2_NO_ERROR);
	request_wire_done(request);
}

static void
on_close(struct listener_connection *connection, enum http_reason reason,
	 bool cut)
{
	struct http2_stream *stream = stream_of(connection);
	struct listener_request *request;

	if (connection->state == CONNECTION_CLOSED)
		return;
	request = detach(stream);
	if (reason == HTTP_REASON_TIMER_MIN_BYTES_PER_SECOND)
		http2_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
	else
		http2_stream_reset(stream, cut ? NGHTTP2_INTERNAL_ERROR :
						 NGHTTP2_CANCEL);
	request_client_gone(request, reason);
}

static const struct connection_methods methods = {
	.send = on_send,
	.send_continue = on_continue,
	.taken = on_taken,
	.shutdown = on_shutdown,
	.done = on_done,
	.close = on_close,
};

struct http2_stream *
http2_stream_new(struct http2_session *session, int32_t id)
{
	struct listener_connection *socket = session->connection;
	struct http2_stream *stream = spare_take(&socket->loop->spare_streams);
	struct listener_connection *connection;

	if (stream == NULL)
		stream = mem_alloc(sizeof(*stream));
	memset(stream, 0, sizeof(*stream));
	connection = &stream->connection;
	stream->magic = HTTP2_STREAM_MAGIC;
	stream->id = id;
	stream->open = true;
	stream->session = session;
	list_add_tail(&session->streams, &stream->link);
	list_init(&stream->touched_link);
	connection->magic = LISTENER_CONNECTION_MAGIC;
	connection->state = CONNECTION_HEAD;
	connection->events = UV_READABLE;
	connection->methods = &methods;
	connection->stream_id = (uint32_t)id;
	connection->carrier = socket;
	connection->transport.fd = -1;
	connection->tls = socket->tls;
	connection->loop = socket->loop;
	connection->route_port = socket->route_port;
	connection->client = socket->client;
	connection->server = socket->server;
	connection->accepted = socket->accepted;
	connection->tls_done = socket->tls_done;
	connection->id = socket->id;
	connection->received = loop_now(socket->loop);
	list_init(&connection->link);
	list_init(&connection->unread_link);
	list_init(&connection->blocked_link);
	list_init(&connection->awaiting_link);
	timer_entry_init(&connection->timer);
	connection->request = request_new(connection);
	connection->request->first_byte = connection->received;
	return stream;
}

static void
drop_buffer(nghttp2_rcbuf **buffer)
{
	if (*buffer != NULL)
		nghttp2_rcbuf_decref(*buffer);
	*buffer = NULL;
}

void
http2_stream_free(struct http2_stream *stream, enum http_reason reason)
{
	struct listener_connection *connection = &stream->connection;
	struct http2_session *session = stream->session;
	bool begun = connection->state == CONNECTION_REQUEST;

	CHECK(stream, HTTP2_STREAM_MAGIC);
	stream->open = false;
	if (connection->request != NULL) {
		struct listener_request *request = detach(stream);

		if (begun)
			request_client_gone(request, reason);
		else
			request_drop(request);
	}
	drop_buffer(&stream->method);
	drop_buffer(&stream->authority);
	drop_buffer(&stream->path);
	drop_buffer(&stream->protocol);
	list_remove(&stream->touched_link);
	list_remove(&stream->link);
	if (session->incoming == stream)
		session->incoming = NULL;
	stream->magic = connection->magic = 0;
	spare_give(&session->connection->loop->spare_streams, stream,
		   LOOP_KEEP_REQUESTS);
}
