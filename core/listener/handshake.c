/* SPDX-License-Identifier: Apache-2.0
 *
 * See handshake.h.
 */
#include "core/listener/handshake.h"

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/error_log.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/tls.h"

static void
fail(struct listener_connection *connection, enum http_reason reason,
     const char *detail)
{
	error_log_detail(connection, reason, detail);
	connection_close(connection, HTTP_REASON_NONE);
}

static void
done(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;

	connection->state = CONNECTION_IDLE;
	connection->tls_done = loop_now(loop);
	timers_set(&loop->timers, &connection->timer, TIMER_IDLE,
		   loop_now(loop));
	connection_watch_output(connection, false);
	connection_watch_input(connection, true);
}

/* The one thing that such a client understands. */
static void
answer_http(struct listener_connection *connection)
{
	static const char text[] =
		"HTTP/1.1 400 Bad Request\r\n"
		"Server: " LISTENER_SERVER_NAME "\r\n"
		"Content-Type: text/plain\r\n"
		"Content-Length: 52\r\n"
		"Connection: close\r\n"
		"\r\n"
		"This port speaks HTTPS. Use an address with https.\r\n";

	error_log_detail(connection, HTTP_REASON_TLS_HANDSHAKE, "http request");
	if (transport_write(&connection->transport, text, sizeof(text) - 1) < 0)
		connection_close(connection, HTTP_REASON_NONE);
	else
		connection_linger(connection);
}

void
handshake_go_on(struct listener_connection *connection)
{
	const char *why;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	ASSERT(connection->state == CONNECTION_HANDSHAKE);
	/* What came stays in the socket, which is ready in the next turn. */
	if (++connection->loop->handshakes > HANDSHAKE_TURN_STEPS)
		return;
	switch (tls_handshake(connection)) {
	case TLS_DONE:
		done(connection);
		break;
	case TLS_READ:
		connection_watch_output(connection, false);
		break;
	case TLS_WRITE:
		connection_watch_output(connection, true);
		break;
	case TLS_FAILED:
		/* Who only looks whether the port is open is no news. */
		why = tls_failure(connection);
		if (why == NULL)
			connection_close(connection, HTTP_REASON_NONE);
		else
			fail(connection, HTTP_REASON_TLS_HANDSHAKE, why);
		break;
	case TLS_PLAIN:
		answer_http(connection);
		break;
	}
}

void
handshake_begin(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	if (!tls_open(connection)) {
		fail(connection, HTTP_REASON_TLS_HANDSHAKE, "no certificate");
		return;
	}
	connection->state = CONNECTION_HANDSHAKE;
	timers_set(&loop->timers, &connection->timer, TIMER_HEADER,
		   loop_now(loop));
	connection_watch_input(connection, true);
}

void
handshake_expired(struct listener_connection *connection)
{
	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	fail(connection, HTTP_REASON_TIMER_HEADER_WAIT, "TlsHandshake");
}
