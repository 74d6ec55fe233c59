/* SPDX-License-Identifier: Apache-2.0
 *
 * See tunnel.h.
 */
#include "core/listener/tunnel.h"

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/deadline.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

/*
 * What ends a response that hangs would end every tunnel: it may be silent for
 * hours.  Hosts that vanish are found by TCP's keep-alive, and clients that do
 * not read by minSendRate.
 */
static void
change_deadlines(struct listener_request *request)
{
	struct listener_loop *loop = request->loop;

	request->execution_deadline = 0;
	request->response_idle = request->pool->limits.tunnel_idle_timeout;
	request->progress = loop_now(loop);
	if (request->response_idle != 0)
		deadline_look_at(loop,
				 request->progress + request->response_idle);
}

void
tunnel_begin(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(request_is_tunnel(request) && !request->keep_alive);
	request_body_begin_tunnel(request);
	change_deadlines(request);
	/* A client that has closed its side is not asked for more: that is
	 * read, and told, in its order. */
	timers_clear(&connection->timer);
}

/* Neither side sends any more: there is nothing left to wait for. */
static bool
end_if_both(struct listener_request *request)
{
	/* A stream's end is sent later than it is said. */
	if (!request->connection->shut || request->body == BODY_TUNNEL)
		return false;
	connection_request_done(request->connection, false, false);
	return true;
}

void
tunnel_client_ended(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(request->body == BODY_TUNNEL);
	request->body = BODY_DONE;
	request->connection->half_closed = true;
	request->progress = loop_now(request->loop);
	worker_channel_send_body(request, CHANNEL_BLOCK_NONE, 0, 0, true);
	if (!end_if_both(request))
		connection_watch_input(request->connection, false);
}

bool
tunnel_all_sent(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (!request->tunnel_shut) {
		request->tunnel_shut = true;
		if (connection_is_socket(connection)) {
			connection->shut = true;
			(void)transport_shutdown(&connection->transport);
		} else {
			connection->methods->shutdown(connection);
		}
		/* With both sides closed the socket says so again and again. */
		if (connection->half_closed)
			connection_watch_input(connection, false);
	}
	return end_if_both(request);
}

const char *
tunnel_on_shutdown(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->wire_done || request->own_response)
		return NULL;
	if (!request_is_tunnel(request))
		return "end of sending outside of a tunnel";
	if (request->tunnel_ending)
		return "second end of sending in a tunnel";
	request->tunnel_ending = true;
	if (output_empty(&request->output))
		(void)tunnel_all_sent(request);
	return NULL;
}
