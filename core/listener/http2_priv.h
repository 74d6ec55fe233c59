/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of HTTP/2: session (life, reading, writing), receive (heads
 * and bodies to requests), send (responses to frames), stream (what a connection
 * without a socket does), priority (whose body is first), guard (floods).
 *
 * Frames and the states of streams are those of core/http2, whose endpoint is
 * part of the session and calls it from within endpoint_receive() and
 * endpoint_produce(): nothing below them may end the session, or free a stream.
 * What they find goes into `fault`, and streams that have moved or closed into
 * `touched`, to be looked at afterwards.
 */
#ifndef CORE_LISTENER_HTTP2_PRIV_H
#define CORE_LISTENER_HTTP2_PRIV_H

#include "core/http/head_build.h"
#include "core/http/priority.h"
#include "core/http2/endpoint.h"
#include "core/listener/connection.h"
#include "core/listener/http2.h"
#include "core/listener/limits.h"

#define HTTP2_SESSION_MAGIC 0x48325e55u
#define HTTP2_STREAM_MAGIC 0x4832573eu

enum http2_flood {
	HTTP2_FLOOD_RESETS,
	HTTP2_FLOOD_PINGS,
	HTTP2_FLOOD_SETTINGS,
	HTTP2_FLOOD_EMPTY,
	HTTP2_FLOODS
};

/* A PRIORITY_UPDATE whose request has not come. */
struct http2_early {
	uint32_t id; /* 0: none */
	struct http_priority asked;
};

/* Of a session. */
#define HTTP2_EARLY_MAX 8

struct http2_session {
	unsigned magic;
	bool logged; /* why it ends is in the error log */
	uint8_t drain; /* enum http2_drain */
	uint8_t fault; /* enum http_reason: it has to end */
	struct listener_connection *connection;
	struct endpoint endpoint;
	uint32_t timed_head; /* the stream whose head is timed; 0: none is */
	struct list streams;
	struct list touched; /* streams whose output moved, or that closed */
	struct list ready_link; /* in loop.http2_ready */
	uint64_t drain_since; /* ns */
	uint64_t flood_until[HTTP2_FLOODS]; /* ns: when all is forgotten */
	uint64_t flood_cost[HTTP2_FLOODS]; /* ns for each; 0: no limit */
	struct http2_early early[HTTP2_EARLY_MAX];
	char *pending; /* what the socket did not take; NULL: nothing */
	size_t pending_length, pending_sent;
};

enum http2_drain {
	HTTP2_DRAIN_NONE,
	HTTP2_DRAIN_TOLD, /* the first GOAWAY is on its way */
	HTTP2_DRAIN_LAST, /* the one that names the last stream */
};

struct http2_stream {
	unsigned magic;
	bool deferred; /* more of its body is waited for */
	bool cut; /* its body cannot be completed */
	bool priority_broken; /* the field in its request */
	struct http_priority asked, answered;
	struct endpoint_stream flow;
	struct http2_session *session;
	struct list link, touched_link;
	uint32_t unconsumed; /* bytes of the body that lie in the input */
	struct http_head_build build;
	struct listener_connection connection;
};

/* A part of http2_first.text; `there`: it was sent. */
struct http2_span {
	bool there;
	size_t at, length;
};

/* The pseudo-header fields of the head that is being read: of a loop, since a
 * head is read at one go. */
struct http2_first {
	struct buffer text;
	struct http2_span method, authority, path, protocol;
};

/* ---- http2_session.c -------------------------------------------------------- */

/* Something is to be sent, at the end of this turn. */
void http2_schedule(struct http2_session *session);

/* ---- http2_receive.c -------------------------------------------------------- */

struct endpoint_stream *http2_on_open(struct endpoint *endpoint, uint32_t id);
void http2_on_field(struct endpoint *endpoint, struct endpoint_stream *flow,
		    bool trailer, struct portico_slice name,
		    struct portico_slice value);
void http2_on_head(struct endpoint *endpoint, struct endpoint_stream *flow,
		   bool ended);
void http2_on_data(struct endpoint *endpoint, struct endpoint_stream *flow,
		   const uint8_t *data, uint32_t length);
void http2_on_ended(struct endpoint *endpoint, struct endpoint_stream *flow);

/* ---- http2_send.c ----------------------------------------------------------- */

/* There is output, of a stream that has a request. */
void http2_send(struct http2_stream *stream);

enum endpoint_body http2_on_write_head(struct endpoint *endpoint,
				       struct endpoint_stream *flow,
				       struct hpack_block *block);
enum endpoint_body http2_on_write_body(struct endpoint *endpoint,
				       struct endpoint_stream *flow,
				       uint8_t *to, size_t most,
				       size_t *length_r);
void http2_on_write_trailers(struct endpoint *endpoint,
			     struct endpoint_stream *flow,
			     struct hpack_block *block);
void http2_on_wrote(struct endpoint *endpoint, struct endpoint_stream *flow,
		    size_t bytes);

/* ---- http2_stream.c --------------------------------------------------------- */

struct http2_stream *http2_stream_new(struct http2_session *session,
				      uint32_t id);

/* Ends it. */
void http2_stream_reset(struct http2_stream *stream, enum http2_error code);

/* It is closed, or the session ends: its request is told so. */
void http2_stream_free(struct http2_stream *stream, enum http_reason reason);

static inline struct http2_session *
http2_session_of(struct endpoint *endpoint)
{
	return CONTAINER_OF(endpoint, struct http2_session, endpoint);
}

static inline struct http2_stream *
http2_stream_of(struct endpoint_stream *flow)
{
	return CONTAINER_OF(flow, struct http2_stream, flow);
}

/* Its output has moved, or it has closed. */
static inline void
http2_stream_touch(struct http2_stream *stream)
{
	if (!list_linked(&stream->touched_link))
		list_add_tail(&stream->session->touched, &stream->touched_link);
}

/* ---- http2_priority.c ------------------------------------------------------- */

/* The request has this field, which may have several lines. */
void http2_priority_field(struct http2_stream *stream,
			  struct portico_slice value);

/* The request's head is complete. */
void http2_priority_head(struct http2_stream *stream);

/* PRIORITY_UPDATE.  NULL: its request has not come. */
void http2_on_priority(struct endpoint *endpoint, struct endpoint_stream *flow,
		       uint32_t id, struct portico_slice value);

/* The response has this field. */
void http2_priority_answer(struct http2_stream *stream,
			   struct portico_slice value);

/* ---- http2_guard.c ---------------------------------------------------------- */

void http2_guard_init(struct http2_session *session);

/* One more of these.  False: too many, `fault` is set. */
bool http2_guard_count(struct http2_session *session, enum http2_flood flood);

/* The same, by what a frame is. */
bool http2_on_frame(struct endpoint *endpoint,
		    const struct http2_frame_head *head);

#endif
