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

	endpoint_inform(&stream->session->endpoint, &stream->flow, 100);
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
	endpoint_taken(&stream->session->endpoint, &stream->flow, bytes);
	http2_schedule(stream->session);
}

static void
on_shutdown(struct listener_connection *connection)
{
	http2_send(stream_of(connection));
}

/* The request leaves; the stream stays until it is closed. */
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
		endpoint_taken(&stream->session->endpoint, NULL,
			       stream->unconsumed);
	stream->unconsumed = 0;
	return request;
}

void
http2_stream_reset(struct http2_stream *stream, enum http2_error code)
{
	endpoint_reset(&stream->session->endpoint, &stream->flow, code);
	http2_schedule(stream->session);
}

static void
on_done(struct listener_connection *connection)
{
	struct http2_stream *stream = stream_of(connection);
	struct listener_request *request = detach(stream);

	/* RFC 9113 section 8.1: the answer is complete, the rest of the body
	 * is not wanted. */
	if (!stream->flow.remote_ended)
		http2_stream_reset(stream, HTTP2_NO_ERROR);
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
		http2_stream_reset(stream, HTTP2_ENHANCE_YOUR_CALM);
	else
		http2_stream_reset(stream,
				   cut ? HTTP2_INTERNAL_ERROR : HTTP2_CANCEL);
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
http2_stream_new(struct http2_session *session, uint32_t id)
{
	struct listener_connection *socket = session->connection;
	struct http2_stream *stream = spare_take(&socket->loop->spare_streams);
	struct listener_connection *connection;

	if (stream == NULL)
		stream = mem_alloc(sizeof(*stream));
	memset(stream, 0, sizeof(*stream));
	connection = &stream->connection;
	stream->magic = HTTP2_STREAM_MAGIC;
	stream->session = session;
	list_add_tail(&session->streams, &stream->link);
	list_init(&stream->touched_link);
	connection->magic = LISTENER_CONNECTION_MAGIC;
	connection->state = CONNECTION_HEAD;
	connection->events = UV_READABLE;
	connection->methods = &methods;
	connection->stream_id = id;
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

void
http2_stream_free(struct http2_stream *stream, enum http_reason reason)
{
	struct listener_connection *connection = &stream->connection;
	bool begun = connection->state == CONNECTION_REQUEST;

	CHECK(stream, HTTP2_STREAM_MAGIC);
	stream->flow.open = false;
	if (connection->request != NULL) {
		struct listener_request *request = detach(stream);

		if (begun)
			request_client_gone(request, reason);
		else
			request_drop(request);
	}
	list_remove(&stream->touched_link);
	list_remove(&stream->link);
	stream->magic = connection->magic = 0;
	spare_give(&stream->session->connection->loop->spare_streams, stream,
		   LOOP_KEEP_REQUESTS);
}
