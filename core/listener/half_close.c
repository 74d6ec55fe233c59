/* SPDX-License-Identifier: Apache-2.0
 *
 * See half_close.h.
 *
 * What is sent: before the response "100 Continue", which a client of HTTP/1.1
 * takes at any time (RFC 9110 section 15.2); within a chunked response the line
 * end of the last chunk or a leading zero of the next one's size (RFC 9112
 * section 7.1), which go ahead of the rest.  If no reset comes the client is
 * there and has all the time that the deadlines allow; it is asked again now and
 * then, since it may leave later and nothing would tell.
 *
 * Who cannot be asked is believed for HALF_CLOSED_TIMEOUT: HTTP/1.0, clients
 * that have awaited a 100 (they may take a second one for a second leave to
 * send), and responses with a length, if nothing happens to be sent meanwhile.
 */
#include "core/listener/half_close.h"

#include <poll.h>

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/deadline.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"

/* It has taken something after its end: a reset would have come instead. */
static bool
is_there(const struct listener_connection *connection)
{
	return connection_sent(connection) > connection->fin_sent &&
	       connection_unacknowledged(connection) == 0;
}

static bool
may_be_asked(const struct listener_connection *connection)
{
	const struct listener_request *request = connection->request;

	if (request->response_seen)
		return response_may_be_asked(request);
	return request->head.minor > 0 && !request->head.expect_continue;
}

static void
set_timer(struct listener_connection *connection, enum timer_kind kind)
{
	struct listener_loop *loop = connection->loop;

	timers_set(&loop->timers, &connection->timer, kind, loop_now(loop));
	if (kind == TIMER_ASK)
		deadline_look_at(loop, connection->timer.deadline);
}

/* Ask, or believe. */
static void
judge(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;

	if (is_there(connection)) {
		set_timer(connection, TIMER_ASK_AGAIN);
		return;
	}
	/* Before anything is sent: that may close the connection. */
	set_timer(connection, TIMER_HALF_CLOSED);
	if (connection->asked || !may_be_asked(connection))
		return;
	connection->asked = true;
	if (request->response_seen)
		response_ask(request);
	else
		(void)response_send_continue(request);
}

void
half_close_seen(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;
	uint64_t now = loop_now(connection->loop);

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	connection->half_closed = true;
	connection_watch_input(connection, false);
	/* It said that it sends no more, and nothing else is meant by it. */
	if (request_is_tunnel(request))
		return;
	if (request_body_is_cut_off(request)) {
		connection_close(connection, HTTP_REASON_CONNECTION_DROPPED);
		return;
	}
	if (request->drain)
		return;
	if (!connection->fin_seen) {
		connection->fin_seen = true;
		connection->fin_sent = connection_sent(connection);
	}
	if (!request->response_seen && request->lease != LEASE_QUEUED &&
	    !connection->asked && may_be_asked(connection) &&
	    now - connection->received < HALF_CLOSE_PATIENCE_NS)
		set_timer(connection, TIMER_ASK);
	else
		judge(connection);
}

void
half_close_expired(struct listener_connection *connection, enum timer_kind kind)
{
	struct listener_request *request = connection->request;
	bool askable = may_be_asked(connection);

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	if (kind == TIMER_ASK_AGAIN && askable) {
		connection->asked = false;
		connection->fin_sent = connection_sent(connection);
	}
	/* While something is on its way that will tell, or minSendRate. */
	if (is_there(connection) || (askable && !connection->asked) ||
	    (request->response_seen &&
	     (!output_empty(&request->output) ||
	      connection_unacknowledged(connection) > 0)))
		judge(connection);
	else
		connection_close(connection, HTTP_REASON_CONNECTION_DROPPED);
}

bool
half_close_is_gone(const struct listener_connection *connection)
{
	struct pollfd fd = { .fd = connection->transport.fd };

	/* POLLERR and POLLHUP are told unasked. */
	return connection->half_closed && poll(&fd, 1, 0) > 0;
}
