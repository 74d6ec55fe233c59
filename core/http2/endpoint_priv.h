/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of an endpoint: endpoint (life, streams), receive (frames),
 * head (field blocks), window (flow control, SETTINGS), send (what leaves).
 */
#ifndef CORE_HTTP2_ENDPOINT_PRIV_H
#define CORE_HTTP2_ENDPOINT_PRIV_H

#include "core/http2/endpoint.h"

enum endpoint_reading {
	READING_FRAME, /* head and payload, at once */
	READING_PADDING_LENGTH, /* of DATA */
	READING_DATA,
	READING_NOTHING /* the rest of the frame is thrown away */
};

/* Frames whose payload is looked at. */
struct endpoint_frame {
	struct http2_frame_head head;
	const uint8_t *data; /* head.length bytes */
};

/* ---- endpoint.c: faults, and the table ----------------------------------------- */

/* The connection ends, and the client is told why. */
void endpoint_fail(struct endpoint *endpoint, enum http2_error code);

/* Its stream does; NULL: it has none (any more), or not yet. */
void endpoint_break(struct endpoint *endpoint, struct endpoint_stream *stream,
		    uint32_t id, enum http2_error code);

/* The client opens it.  NULL: it may not, which has been said. */
struct endpoint_stream *endpoint_open(struct endpoint *endpoint, uint32_t id);

/* It is no longer open. */
void endpoint_close(struct endpoint *endpoint, struct endpoint_stream *stream);

/* One side has ended; with the other it closes. */
void endpoint_end_remote(struct endpoint *endpoint,
			 struct endpoint_stream *stream);
void endpoint_end_local(struct endpoint *endpoint,
			struct endpoint_stream *stream);

/* Has never been opened: it was passed over (section 5.1.1), or is to come. */
bool endpoint_is_idle(const struct endpoint *endpoint, uint32_t id);

/* ---- endpoint_receive.c ------------------------------------------------------------ */

/* The client has sent all of it, with trailers or without. */
void endpoint_end_body(struct endpoint *endpoint,
		       struct endpoint_stream *stream);

/* ---- endpoint_head.c -------------------------------------------------------------- */

/* HEADERS and CONTINUATION.  False: their block is too long. */
bool endpoint_headers(struct endpoint *endpoint,
		      const struct endpoint_frame *frame);
bool endpoint_continuation(struct endpoint *endpoint,
			   const struct endpoint_frame *frame);

/* ---- endpoint_window.c ------------------------------------------------------------- */

void endpoint_settings(struct endpoint *endpoint,
		       const struct endpoint_frame *frame);
void endpoint_window_update(struct endpoint *endpoint,
			    const struct endpoint_frame *frame);

/* DATA of so many bytes, of a stream or of none.  False: the stream may not be
 * told of it. */
bool endpoint_receive_window(struct endpoint *endpoint,
			     struct endpoint_stream *stream, uint32_t bytes);

/* ---- endpoint_send.c --------------------------------------------------------------- */

/* Room for a frame of control, whose head is written. */
uint8_t *endpoint_control(struct endpoint *endpoint, uint32_t length,
			  enum http2_frame_type type, unsigned flags,
			  uint32_t stream);
void endpoint_control_number(struct endpoint *endpoint,
			     enum http2_frame_type type, uint32_t stream,
			     uint32_t number);
void endpoint_goaway(struct endpoint *endpoint, uint32_t last,
		     enum http2_error code);

/* It has nothing to send any more. */
void endpoint_unready(struct endpoint *endpoint,
		      struct endpoint_stream *stream);

#endif
