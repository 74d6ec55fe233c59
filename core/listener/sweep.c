/* SPDX-License-Identifier: Apache-2.0
 *
 * Time-outs and minimum rates of a loop's connections, once per tick.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/half_close.h"
#include "core/listener/handshake.h"
#include "core/listener/http2.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/site.h"

uint64_t
connection_sent(const struct listener_connection *connection)
{
	uint64_t sent = connection->bytes_sent;

	if (connection->request != NULL)
		sent += connection->request->output.sent;
	return sent;
}

uint64_t
connection_unacknowledged(const struct listener_connection *connection)
{
	int unsent = 0;

	if (ioctl(connection->transport.fd, SIOCOUTQ, &unsent) != 0 ||
	    unsent < 0)
		return 0;
	return (uint64_t)unsent;
}

/* ---- rates ---------------------------------------------------------------------- */

/* Bytes that the client has acknowledged since the connection began. */
static uint64_t
acknowledged(const struct listener_connection *connection)
{
	uint64_t sent = connection_sent(connection);
	uint64_t unsent = connection_unacknowledged(connection);

	return sent > unsent ? sent - unsent : 0;
}

/*
 * The kernel takes much at once and a client's window opens in large steps, so
 * the rate is that of what was acknowledged in a long time (usually minutes).
 */
static void
check_rate(struct listener_connection *connection, uint64_t now)
{
	const struct settings_limits *limits =
		connection->request != NULL ?
			site_limits(connection->request) :
			&connection->loop->snapshot->shared->settings->listener
				 .limits;
	uint64_t rate = limits->min_send_rate;
	uint64_t acked;

	if (rate == 0)
		return;
	if (connection->rate_since == 0) {
		connection->rate_since = now;
		connection->rate_acked = acknowledged(connection);
		return;
	}
	if (now - connection->rate_since < limits->min_send_rate_window)
		return;
	acked = acknowledged(connection);
	if (acked - connection->rate_acked <
	    rate * (limits->min_send_rate_window / CLOCK_NS_PER_S)) {
		connection_reset(connection,
				 HTTP_REASON_TIMER_MIN_BYTES_PER_SECOND);
		return;
	}
	connection->rate_since = now;
	connection->rate_acked = acked;
}

void
connection_await_body(struct listener_connection *connection, bool on)
{
	struct listener_loop *loop = connection->loop;
	uint64_t now = loop_now(loop);

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	if (on)
		timers_set_for(
			&loop->timers, &connection->timer, TIMER_BODY,
			site_limits(connection->request)->entity_body_timeout,
			now);
	if (on == list_linked(&connection->awaiting_link))
		return;
	if (on) {
		connection->await_since = now;
		list_add_tail(&loop->awaiting, &connection->awaiting_link);
	} else {
		connection->awaited += now - connection->await_since;
		list_remove(&connection->awaiting_link);
		timers_clear(&connection->timer);
	}
}

/*
 * A client that sends a byte now and then never lets entityBodyTimeout pass.
 * Only the time counts in which we waited for it, and as much of it at once as
 * it may stand still.
 */
static void
check_receive_rate(struct listener_connection *connection, uint64_t now)
{
	const struct settings_limits *limits = site_limits(connection->request);
	uint64_t span = limits->entity_body_timeout != 0 ?
				limits->entity_body_timeout :
				RECEIVE_RATE_WINDOW_NS;
	uint64_t waited = connection->awaited + (now - connection->await_since);

	if (limits->min_receive_rate == 0 || waited < span)
		return;
	if (connection->body_bytes <
	    waited / CLOCK_NS_PER_MS * limits->min_receive_rate / 1000) {
		connection->request->keep_alive = false;
		request_fail(connection->request, HTTP_REASON_TIMER_ENTITY_BODY,
			     0, "MinReceiveRate");
		return;
	}
	connection->awaited = 0;
	connection->await_since = now;
	connection->body_bytes = 0;
}

static void
tick_bodies(struct listener_loop *loop, uint64_t now)
{
	LIST_FOREACH_SAFE(struct listener_connection, awaiting_link, connection,
			  &loop->awaiting) {
		CHECK(connection, LISTENER_CONNECTION_MAGIC);
		request_body_tick(connection->request);
		if (list_linked(&connection->awaiting_link) &&
		    request_body_is_awaited(connection->request))
			check_receive_rate(connection, now);
	}
}

/* ---- time-outs --------------------------------------------------------------------- */

/* The answer has left; its request ends with the reason that it has, if any. */
static void
drain_expired(struct listener_connection *connection)
{
	struct listener_request *request = connection->request;

	if (request->reason == HTTP_REASON_NONE) {
		request->reason = HTTP_REASON_TIMER_ENTITY_BODY;
		request->detail = "Drain";
	}
	connection_close(connection, HTTP_REASON_NONE);
}

static void
expire(struct listener_connection *connection, enum timer_kind kind)
{
	switch (kind) {
	case TIMER_IDLE:
		if (connection->state == CONNECTION_HTTP2)
			http2_expire(connection,
				     HTTP_REASON_TIMER_CONNECTION_IDLE);
		else
			connection_close(connection,
					 HTTP_REASON_TIMER_CONNECTION_IDLE);
		break;
	case TIMER_HEADER:
		if (connection->state == CONNECTION_PROXIED) {
			connection_close(connection,
					 HTTP_REASON_TIMER_HEADER_WAIT);
			break;
		}
		if (connection->state == CONNECTION_HTTP2) {
			http2_expire(connection, HTTP_REASON_TIMER_HEADER_WAIT);
			break;
		}
		if (connection->state == CONNECTION_HANDSHAKE) {
			handshake_expired(connection);
			break;
		}
		/* From here on it is a request, one that failed. */
		connection->state = CONNECTION_REQUEST;
		request_fail(connection->request, HTTP_REASON_TIMER_HEADER_WAIT,
			     0, NULL);
		break;
	case TIMER_BODY:
		connection->request->keep_alive = false;
		request_fail(connection->request, HTTP_REASON_TIMER_ENTITY_BODY,
			     0, NULL);
		break;
	case TIMER_ASK:
	case TIMER_HALF_CLOSED:
	case TIMER_ASK_AGAIN:
		half_close_expired(connection, kind);
		break;
	case TIMER_DRAIN:
		drain_expired(connection);
		break;
	case TIMER_LINGER:
		connection_close(connection, HTTP_REASON_NONE);
		break;
	case TIMER_KINDS:
		break;
	}
}

void
connection_expire(struct listener_loop *loop)
{
	uint64_t now = loop_now(loop);

	for (unsigned kind = 0; kind < TIMER_KINDS; kind++) {
		struct timer_entry *entry;

		while ((entry = timers_take_expired(&loop->timers,
						    (enum timer_kind)kind,
						    now)) != NULL) {
			struct listener_connection *connection = CONTAINER_OF(
				entry, struct listener_connection, timer);

			CHECK(connection, LISTENER_CONNECTION_MAGIC);
			expire(connection, (enum timer_kind)kind);
		}
	}
}

void
connection_sweep(struct listener_loop *loop)
{
	uint64_t now = loop_now(loop);

	connection_expire(loop);
	tick_bodies(loop, now);
	LIST_FOREACH_SAFE(struct listener_connection, blocked_link, connection,
			  &loop->blocked) {
		check_rate(connection, now);
	}
}
