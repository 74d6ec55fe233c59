/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/2 (RFC 9113) on a connection.  core/http2 knows frames, fields and the
 * state of streams; here its streams become requests, its windows those of
 * workers, and a client that makes work out of nothing is turned away.
 *
 * The connection of a socket is in CONNECTION_HTTP2 then and has a session;
 * each stream is a listener_connection of its own with one request.
 */
#ifndef CORE_LISTENER_HTTP2_H
#define CORE_LISTENER_HTTP2_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http/reason.h"

struct listener_connection;
struct listener_loop;

enum http2_preface {
	HTTP2_PREFACE_NO,
	HTTP2_PREFACE_MAYBE, /* as far as it goes */
	HTTP2_PREFACE_YES,
};

/* Whether a client of a new connection that has sent so much speaks HTTP/2. */
enum http2_preface http2_preface(const struct listener_connection *connection,
				 const char *data, uint32_t length);

/* From now on it does; `data`: what it has sent already.  The connection may
 * close. */
void http2_begin(struct listener_connection *connection, const char *data,
		 uint32_t length);

/* The socket is readable or writable.  The connection may close. */
void http2_readable(struct listener_connection *connection);
void http2_writable(struct listener_connection *connection);

/* The connection is about to close: its requests are told so.  False: there
 * were none. */
bool http2_end(struct listener_connection *connection, enum http_reason reason);

/* A time-out of the whole connection: say that it ends, and end it. */
void http2_expire(struct listener_connection *connection,
		  enum http_reason reason);

/* While draining, once per tick: no new requests (RFC 9113 section 6.8, in two
 * steps). */
void http2_drain(struct listener_connection *connection);

/* It has made all the requests that it may: those that it has are answered. */
void http2_refuse_more(struct listener_connection *connection);

/* The drain's deadline: who has no answer gets 503, half an answer is cut.
 * Returns how many. */
unsigned http2_cut(struct listener_connection *connection);

/* End of a turn: what has gathered leaves. */
void http2_flush_all(struct listener_loop *loop);

void http2_loop_init(struct listener_loop *loop);
void http2_loop_fini(struct listener_loop *loop);

/* What was kept for later and not used: returns how many pieces. */
unsigned http2_loop_trim(struct listener_loop *loop);

#endif
