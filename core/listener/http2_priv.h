/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of HTTP/2: session (life, reading, writing), frames (which
 * is coming), receive (frames to requests), send (responses to frames), stream (what a connection
 * without a socket does), priority (whose body is first), guard (floods).
 *
 * nghttp2's callbacks run within nghttp2_session_mem_recv() and _mem_send():
 * nothing below them may end the session.  What they find goes into `fault`,
 * and streams whose output moved into `touched`, to be looked at afterwards.
 */
#ifndef CORE_LISTENER_HTTP2_PRIV_H
#define CORE_LISTENER_HTTP2_PRIV_H

#include <nghttp2/nghttp2.h>

#include "core/http/head_build.h"
#include "core/http/priority.h"
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

struct http2_input {
	const uint8_t *data;
	size_t length;
};

/* Of a session. */
#define HTTP2_EARLY_MAX 8

struct http2_session {
	unsigned magic;
	bool logged; /* why it ends is in the error log */
	bool full; /* the batch has no room for the next frame */
	uint8_t drain; /* enum http2_drain */
	uint8_t fault; /* enum http_reason: it has to end */
	struct listener_connection *connection;
	nghttp2_session *session;
	uint32_t frame_stream; /* of the frame that is coming; else 0 */
	struct http2_input input; /* what nghttp2 is reading; else none */
	uint64_t fed; /* bytes that it has read before */
	uint64_t frame_at; /* of all: the frame behind the one announced */
	uint8_t frame_head[HTTP2_FRAME_HEAD_BYTES]; /* as far as it has come */
	struct list streams;
	struct http2_stream *incoming; /* whose head is coming; NULL: none */
	struct list touched; /* streams whose output moved */
	struct list ready_link; /* in loop.http2_ready */
	uint64_t drain_since; /* ns */
	uint64_t header_bytes; /* of the head that is coming */
	uint32_t empty_continuations; /* of it, too */
	uint64_t flood_until[HTTP2_FLOODS]; /* ns: when all is forgotten */
	uint64_t flood_cost[HTTP2_FLOODS]; /* ns for each; 0: no limit */
	struct http2_early early[HTTP2_EARLY_MAX];
	char *pending; /* what the socket did not take; NULL: nothing */
	size_t pending_length, pending_sent;
	size_t batched; /* bytes in the loop's batch */
};

enum http2_drain {
	HTTP2_DRAIN_NONE,
	HTTP2_DRAIN_TOLD, /* the first GOAWAY is on its way */
	HTTP2_DRAIN_LAST, /* the one that names the last stream */
};

struct http2_stream {
	unsigned magic;
	int32_t id;
	bool open; /* nghttp2 has it */
	bool reset; /* by us */
	bool submitted; /* the response's head */
	bool deferred; /* nghttp2 waits for more of its body */
	bool ended; /* our end has been sent */
	bool cut; /* its body cannot be completed */
	bool priority_broken; /* the field in its request */
	struct http_priority asked, answered;
	struct http2_session *session;
	struct list link, touched_link;
	uint32_t unconsumed; /* bytes of the body that lie in the input */
	struct http_head_build build;
	/* References, until the first field; NULL: was not sent. */
	nghttp2_rcbuf *method, *authority, *path, *protocol;
	struct listener_connection connection;
};

/* ---- http2_session.c -------------------------------------------------------- */

/* Something is to be sent, at the end of this turn. */
void http2_schedule(struct http2_session *session);

/* ---- http2_receive.c -------------------------------------------------------- */

void http2_receive_init(nghttp2_session_callbacks *callbacks);

/* ---- http2_frames.c --------------------------------------------------------- */

/* nghttp2 has announced a frame; it has read its input: frame_stream is that of
 * the frame that it is at. */
void http2_frames_announced(struct http2_session *session,
			    const nghttp2_frame_hd *announced);
void http2_frames_taken(struct http2_session *session);

/* ---- http2_send.c ----------------------------------------------------------- */

/* Why the session ends, with the stream of the frame that is coming; once.
 * `code`: of RFC 9113. */
void http2_log_end(struct http2_session *session, uint32_t code);

void http2_send_init(nghttp2_session_callbacks *callbacks);

/* There is output, of a stream that has a request. */
void http2_send(struct http2_stream *stream);

/* ---- http2_stream.c --------------------------------------------------------- */

struct http2_stream *http2_stream_new(struct http2_session *session,
				      int32_t id);

/* Ends it for a fault of the client. */
void http2_stream_reset(struct http2_stream *stream, uint32_t code);

/* nghttp2 has closed it, or the session ends: its request is told so. */
void http2_stream_free(struct http2_stream *stream, enum http_reason reason);

static inline struct http2_stream *
http2_stream_find(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* Its output has moved. */
static inline void
http2_stream_touch(struct http2_stream *stream)
{
	if (!list_linked(&stream->touched_link))
		list_add_tail(&stream->session->touched, &stream->touched_link);
}

/* ---- http2_memory.c --------------------------------------------------------- */

/* Of a loop: all its sessions have ended before it is freed. */
struct http2_memory *http2_memory_new(void);
void http2_memory_free(struct http2_memory *memory);
unsigned http2_memory_trim(struct http2_memory *memory);

/* For nghttp2; as long as `memory` lives. */
nghttp2_mem *http2_memory_calls(struct http2_memory *memory);

/* ---- http2_priority.c ------------------------------------------------------- */

/* The request has this field, which may have several lines. */
void http2_priority_field(struct http2_stream *stream,
			  struct portico_slice value);

/* The request's head is complete. */
void http2_priority_head(struct http2_stream *stream);

void http2_priority_update(struct http2_session *session,
			   const nghttp2_ext_priority_update *update);

/* The response, which nghttp2 has, has this field. */
void http2_priority_answer(struct http2_stream *stream,
			   struct portico_slice value);

/* ---- http2_guard.c ---------------------------------------------------------- */

void http2_guard_init(struct http2_session *session);

/* One more of these.  False: too many, `fault` is set. */
bool http2_guard_count(struct http2_session *session, enum http2_flood flood);

#endif
