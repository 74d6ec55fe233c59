/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows in both directions (RFC 9113 section 5.2 and 6.9), and SETTINGS, which
 * change them.
 */
#include "core/base/check.h"
#include "core/http2/endpoint_priv.h"

/* ---- what the client may send ---------------------------------------------------------- */

/* What a window has to have lost before it is worth a frame. */
static bool
is_worth_telling(uint32_t due, uint32_t window)
{
	return due >= window / 2;
}

static void
give_back(struct endpoint *endpoint, uint32_t id, uint32_t *due, int64_t *left,
	  uint32_t window)
{
	if (*due == 0 || !is_worth_telling(*due, window) || endpoint->over)
		return;
	endpoint_control_number(endpoint, HTTP2_WINDOW_UPDATE, id, *due);
	*left += *due;
	*due = 0;
}

void
endpoint_taken(struct endpoint *endpoint, struct endpoint_stream *stream,
	       uint32_t bytes)
{
	const struct endpoint_limits *limits = &endpoint->limits;

	CHECK(endpoint, ENDPOINT_MAGIC);
	endpoint->receive_due += bytes;
	give_back(endpoint, 0, &endpoint->receive_due, &endpoint->receive_left,
		  limits->connection_window);
	if (stream == NULL || !stream->open || stream->remote_ended)
		return;
	stream->receive_due += bytes;
	give_back(endpoint, stream->id, &stream->receive_due,
		  &stream->receive_left, limits->stream_window);
}

bool
endpoint_receive_window(struct endpoint *endpoint,
			struct endpoint_stream *stream, uint32_t bytes)
{
	endpoint->receive_left -= bytes;
	if (endpoint->receive_left < 0) {
		endpoint_fail(endpoint, HTTP2_FLOW_CONTROL_ERROR);
		return false;
	}
	if (stream == NULL)
		return true;
	stream->receive_left -= bytes;
	if (stream->receive_left >= 0)
		return true;
	endpoint_break(endpoint, stream, stream->id, HTTP2_FLOW_CONTROL_ERROR);
	return false;
}

/* ---- what we may ------------------------------------------------------------------------ */

static void
widen(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	if (stream->narrow && stream->window > 0)
		endpoint_body_ready(endpoint, stream);
}

static void
update_stream(struct endpoint *endpoint, uint32_t id, uint32_t bytes)
{
	struct endpoint_stream *stream = endpoint_find(endpoint, id);

	if (stream == NULL)
		return; /* it is closed, which the client does not know yet */
	if (bytes == 0) {
		endpoint_break(endpoint, stream, id, HTTP2_PROTOCOL_ERROR);
		return;
	}
	stream->window += bytes;
	if (stream->window > HTTP2_WINDOW_MAX)
		endpoint_break(endpoint, stream, id, HTTP2_FLOW_CONTROL_ERROR);
	else
		widen(endpoint, stream);
}

static void
update_connection(struct endpoint *endpoint, uint32_t bytes)
{
	endpoint->window += bytes;
	if (bytes == 0)
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
	else if (endpoint->window > HTTP2_WINDOW_MAX)
		endpoint_fail(endpoint, HTTP2_FLOW_CONTROL_ERROR);
	else if (endpoint->window > 0)
		endpoint->stuck = false;
}

void
endpoint_window_update(struct endpoint *endpoint,
		       const struct endpoint_frame *frame)
{
	uint32_t id = frame->head.stream;
	uint32_t bytes;

	if (frame->head.length != 4) {
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
		return;
	}
	bytes = http2_get32(frame->data) & HTTP2_WINDOW_MAX;
	if (id == 0)
		update_connection(endpoint, bytes);
	else if (endpoint_is_idle(endpoint, id))
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
	else
		update_stream(endpoint, id, bytes);
}

/* ---- SETTINGS ---------------------------------------------------------------------------- */

/* Section 6.9.2: of all streams by the difference, which may leave them with
 * less than nothing. */
static enum http2_error
set_window(struct endpoint *endpoint, uint32_t bytes)
{
	int64_t more = (int64_t)bytes - endpoint->peer_window;

	if (bytes > HTTP2_WINDOW_MAX)
		return HTTP2_FLOW_CONTROL_ERROR;
	endpoint->peer_window = bytes;
	for (uint32_t i = 0; i <= endpoint->table_mask; i++) {
		struct endpoint_stream *stream = endpoint->table[i];

		for (; stream != NULL; stream = stream->next) {
			stream->window += more;
			if (stream->window > HTTP2_WINDOW_MAX)
				return HTTP2_FLOW_CONTROL_ERROR;
			widen(endpoint, stream);
		}
	}
	return HTTP2_NO_ERROR;
}

/* RFC 9218 section 2.1: what it is at first it stays. */
static enum http2_error
set_no_rfc7540(struct endpoint *endpoint, uint32_t value)
{
	if (value > 1 ||
	    (endpoint->settled && endpoint->no_rfc7540 != (int8_t)value))
		return HTTP2_PROTOCOL_ERROR;
	endpoint->no_rfc7540 = (int8_t)value;
	return HTTP2_NO_ERROR;
}

static enum http2_error
set(struct endpoint *endpoint, unsigned setting, uint32_t value)
{
	switch (setting) {
	case HTTP2_SETTING_HEADER_TABLE_SIZE:
		hpack_encoder_limit(&endpoint->encoder, value);
		return HTTP2_NO_ERROR;
	case HTTP2_SETTING_INITIAL_WINDOW_SIZE:
		return set_window(endpoint, value);
	case HTTP2_SETTING_MAX_FRAME_SIZE:
		if (value < HTTP2_FRAME_BYTES || value > 0xffffff)
			return HTTP2_PROTOCOL_ERROR;
		endpoint->peer_frame = value;
		return HTTP2_NO_ERROR;
	case HTTP2_SETTING_NO_RFC7540_PRIORITIES:
		return set_no_rfc7540(endpoint, value);
	case HTTP2_SETTING_ENABLE_PUSH:
	case HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL:
		return value > 1 ? HTTP2_PROTOCOL_ERROR : HTTP2_NO_ERROR;
	default:
		return HTTP2_NO_ERROR;
	}
}

/* Until the client knows of our windows it keeps to the first ones. */
static void
acknowledged(struct endpoint *endpoint)
{
	int64_t more =
		(int64_t)endpoint->limits.stream_window - HTTP2_WINDOW_FIRST;

	if (endpoint->acknowledged) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return;
	}
	endpoint->acknowledged = true;
	for (uint32_t i = 0; i <= endpoint->table_mask; i++)
		for (struct endpoint_stream *stream = endpoint->table[i];
		     stream != NULL; stream = stream->next)
			stream->receive_left += more;
}

static void
set_all(struct endpoint *endpoint, const struct endpoint_frame *frame)
{
	for (uint32_t at = 0; at < frame->head.length; at += 6) {
		const uint8_t *entry = frame->data + at;
		enum http2_error fault = set(endpoint,
					     (unsigned)entry[0] << 8 | entry[1],
					     http2_get32(entry + 2));

		if (fault != HTTP2_NO_ERROR) {
			endpoint_fail(endpoint, fault);
			return;
		}
	}
	if (endpoint->no_rfc7540 < 0)
		endpoint->no_rfc7540 = 0;
	endpoint->settled = true;
	(void)endpoint_control(endpoint, 0, HTTP2_SETTINGS, HTTP2_FLAG_ACK, 0);
}

void
endpoint_settings(struct endpoint *endpoint, const struct endpoint_frame *frame)
{
	bool ack = (frame->head.flags & HTTP2_FLAG_ACK) != 0;

	if (frame->head.stream != 0)
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
	else if (frame->head.length % 6 != 0 || (ack && frame->head.length > 0))
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
	else if (ack)
		acknowledged(endpoint);
	else
		set_all(endpoint, frame);
}
