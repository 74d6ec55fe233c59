/* SPDX-License-Identifier: Apache-2.0
 *
 * Time-outs and minimum send rates of a loop's connections, once per tick.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

static void
expire(struct listener_connection *connection, enum timer_kind kind)
{
	switch (kind) {
	case TIMER_IDLE:
		connection_close(connection, HTTP_REASON_TIMER_CONNECTION_IDLE);
		break;
	case TIMER_HEADER:
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
	case TIMER_HALF_CLOSED:
		/* Sending has begun: that shows whether it is there. */
		if (!connection->request->response_seen)
			connection_close(connection,
					 HTTP_REASON_CONNECTION_DROPPED);
		break;
	case TIMER_DRAIN:
	case TIMER_LINGER:
		connection_close(connection, HTTP_REASON_NONE);
		break;
	case TIMER_KINDS:
		break;
	}
}

/* Bytes that the client has acknowledged since the connection began. */
static uint64_t
acknowledged(const struct listener_connection *connection)
{
	uint64_t sent = connection->bytes_sent;
	int unsent = 0;

	if (connection->request != NULL)
		sent += connection->request->output.sent;
	if (ioctl(connection->fd, SIOCOUTQ, &unsent) != 0 || unsent < 0)
		return sent;
	return sent > (uint64_t)unsent ? sent - (uint64_t)unsent : 0;
}

/*
 * The kernel takes much at once and a client's window opens in large steps, so
 * the rate is that of two minutes of what was acknowledged.
 */
static void
check_rate(struct listener_connection *connection, uint64_t rate, uint64_t now)
{
	uint64_t acked;

	if (connection->rate_since == 0) {
		connection->rate_since = now;
		connection->rate_acked = acknowledged(connection);
		return;
	}
	if (now - connection->rate_since < SEND_RATE_WINDOW_NS)
		return;
	acked = acknowledged(connection);
	if (acked - connection->rate_acked <
	    rate * (SEND_RATE_WINDOW_NS / CLOCK_NS_PER_S)) {
		connection_reset(connection,
				 HTTP_REASON_TIMER_MIN_BYTES_PER_SECOND);
		return;
	}
	connection->rate_since = now;
	connection->rate_acked = acked;
}

static void
tick_bodies(struct listener_loop *loop)
{
	LIST_FOREACH_SAFE(struct timer_entry, link, entry,
			  &loop->timers.lists[TIMER_BODY]) {
		struct listener_connection *connection =
			CONTAINER_OF(entry, struct listener_connection, timer);

		CHECK(connection, LISTENER_CONNECTION_MAGIC);
		request_body_tick(connection->request);
	}
}

void
connection_sweep(struct listener_loop *loop)
{
	uint64_t now = loop_now(loop);
	uint64_t rate =
		loop->snapshot->shared->settings->listener.min_send_rate;

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
	tick_bodies(loop);
	if (rate == 0)
		return;
	LIST_FOREACH_SAFE(struct listener_connection, blocked_link, connection,
			  &loop->blocked) {
		check_rate(connection, rate, now);
	}
}
