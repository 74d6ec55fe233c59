/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's connection.  It lives on one loop and is small while it idles:
 * input buffer and request are borrowed from the loop when bytes come.
 *
 *   (PROXIED ->) (HANDSHAKE ->) IDLE -> HEAD -> REQUEST -> (DRAIN ->) IDLE ...
 *	-> LINGER -> CLOSED
 *
 * A stream of HTTP/2 is one, too: without a socket, for one request, and with
 * `methods` where that makes a difference (http2.h).
 */
#ifndef CORE_LISTENER_CONNECTION_H
#define CORE_LISTENER_CONNECTION_H

#include <uv.h>

#include "core/http/reason.h"
#include "core/http/request_head.h"
#include "core/listener/timers.h"
#include "core/listener/transport.h"

#define LISTENER_CONNECTION_MAGIC 0xc0991c71u

struct acceptor;
struct listener_connection;
struct http2_session;
struct listener_loop;
struct listener_request;
struct listener_site;
struct proxied;
struct tls_stream;

enum connection_state {
	CONNECTION_IDLE,
	CONNECTION_HANDSHAKE, /* of TLS: before the first request */
	CONNECTION_HEAD, /* a request line has begun */
	CONNECTION_REQUEST, /* a request is in progress */
	CONNECTION_HTTP2, /* its streams carry the requests */
	CONNECTION_LINGER, /* we are done; the client may still send */
	CONNECTION_CLOSED,
	CONNECTION_PROXIED, /* who it is for is still to be told (proxied.h) */
};

/* What carries a request without being a socket; every function is there. */
struct connection_methods {
	/* Output waits: response_sent() is told what has become of it. */
	void (*send)(struct listener_connection *connection);
	/* False: the connection is gone. */
	bool (*send_continue)(struct listener_connection *connection);
	/* So many bytes of the body have left the input. */
	void (*taken)(struct listener_connection *connection, uint32_t bytes);
	/* No more will be sent, in a tunnel. */
	void (*shutdown)(struct listener_connection *connection);
	/* See connection_request_done(), connection_close(). */
	void (*done)(struct listener_connection *connection);
	void (*close)(struct listener_connection *connection,
		      enum http_reason reason, bool reset);
};

struct listener_connection {
	unsigned magic;
	uint8_t state; /* enum connection_state */
	uint8_t events; /* what uv_poll watches */
	bool tls;
	bool processing; /* connection_process is at work */
	bool half_closed; /* the client sends no more; not while we read */
	bool shut; /* nor do we: of a tunnel */
	/* See half_close.h. */
	bool fin_seen;
	bool asked;
	const struct connection_methods *methods; /* NULL: a socket */
	uint32_t stream_id; /* HTTP/2, with methods; else 0 */
	struct listener_connection *carrier; /* the socket's; itself if it is */
	struct transport transport;
	/* Of what carries it; NULL: no TLS, or none yet. */
	struct tls_stream *tls_stream;
	uint16_t route_port; /* as configured */
	uint32_t lingered; /* bytes thrown away */
	struct listener_loop *loop;
	struct listener_request *request; /* NULL while idle */
	struct http2_session *http2; /* CONNECTION_HTTP2; else NULL */
	struct list link; /* in loop.connections */
	struct list blocked_link; /* in loop.blocked */
	struct list unread_link; /* in loop.unread */
	struct timer_entry timer;
	uint64_t id;
	uint64_t accepted; /* ns */
	uint64_t tls_done; /* ns */
	uint32_t requests; /* begun so far */
	/* For the minimum send rate, while blocked. */
	uint64_t rate_since; /* ns */
	uint64_t rate_acked; /* bytes that the client had then */
	uint64_t bytes_sent; /* before the current request */
	uint64_t fin_sent; /* bytes sent when its end was seen first */
	uint64_t received; /* ns: the last bytes */
	/* For the minimum receive rate, of the current request's body. */
	struct list awaiting_link; /* in loop.awaiting: we wait for some */
	uint64_t await_since; /* ns, while linked */
	uint64_t awaited; /* ns, before that */
	uint64_t body_bytes; /* that came in that time */
	struct proxied *proxied; /* in that state; else NULL */
	struct listener_site *site; /* of the last request; NULL: none yet */
	uint64_t idle_timeout, header_timeout; /* ns; 0: none */
	struct http_address client, server;
	uv_poll_t poll;
};

/* Takes an accepted socket. */
void connection_open(struct listener_loop *loop,
		     const struct acceptor *acceptor, int fd,
		     const struct http_address *client);

/* It is known whose it is: the client's own bytes come from here on. */
void connection_begin(struct listener_connection *connection);

/* Close at once; a request on it is told that the client is gone, for
 * `reason` (HTTP_REASON_NONE: nothing for the error log). */
void connection_close(struct listener_connection *connection,
		      enum http_reason reason);

/* The same by reset, so that the client sees that its answer is cut. */
void connection_reset(struct listener_connection *connection,
		      enum http_reason reason);

/* We are done, and have said so: close when the client has seen it. */
void connection_linger(struct listener_connection *connection);

/* The request on it is served: what comes next. */
void connection_request_done(struct listener_connection *connection,
			     bool keep_alive, bool linger);

/* Bytes may have come, or lie in the transport. */
void connection_readable(struct listener_connection *connection);

/* All is said: nothing more is sent, and what comes is thrown away for a while,
 * since closing while the client sends could destroy the answer on its way. */
void connection_linger(struct listener_connection *connection);

/* Parse what is in the input, until a request is in progress. */
void connection_process(struct listener_connection *connection);

static inline bool
connection_is_socket(const struct listener_connection *connection)
{
	return __builtin_expect(connection->methods == NULL, 1);
}

/* Watch for reading or stop; watching for hang-up always goes on. */
void connection_watch_input(struct listener_connection *connection, bool on);
void connection_watch_output(struct listener_connection *connection, bool on);

/* The client's time for the next bytes of a body begins, or stops. */
void connection_await_body(struct listener_connection *connection, bool on);

/* The socket's buffers have taken so much since it was accepted. */
uint64_t connection_sent(const struct listener_connection *connection);

/* And so much of it has not reached the client. */
uint64_t
connection_unacknowledged(const struct listener_connection *connection);

/* Time-outs of all connections of a loop. */
void connection_expire(struct listener_loop *loop);

/* The same and rates, once per tick. */
void connection_sweep(struct listener_loop *loop);

#endif
