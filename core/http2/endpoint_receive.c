/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames that come (RFC 9113 section 4 and 6).  DATA passes as it arrives; any
 * other frame is looked at when it is complete, where it lies if it can be.
 */
#include <nghttp2/nghttp2.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http2/endpoint_priv.h"

struct input {
	const uint8_t *data;
	size_t length;
};

static void
skip(struct input *input, size_t count)
{
	input->data += count;
	input->length -= count;
}

/* ---- DATA --------------------------------------------------------------------------- */

/* Of nobody: thrown away, but it counts against the window. */
static void
ignore_data(struct endpoint *endpoint)
{
	endpoint->data_stream = NULL;
	endpoint->reading = READING_NOTHING;
	endpoint_taken(endpoint, NULL, endpoint->left);
}

static struct endpoint_stream *
data_stream(struct endpoint *endpoint)
{
	uint32_t id = endpoint->frame.stream;
	struct endpoint_stream *stream = endpoint_find(endpoint, id);

	if (stream != NULL && stream->remote_ended) {
		endpoint_break(endpoint, stream, id, HTTP2_STREAM_CLOSED);
		return NULL;
	}
	return stream;
}

static void
begin_data(struct endpoint *endpoint)
{
	const struct http2_frame_head *head = &endpoint->frame;

	if (head->stream == 0 || endpoint_is_idle(endpoint, head->stream)) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return;
	}
	endpoint->data_stream = data_stream(endpoint);
	endpoint->padding = 0;
	endpoint->reading = READING_DATA;
	if (!endpoint_receive_window(endpoint, endpoint->data_stream,
				     head->length)) {
		ignore_data(endpoint);
		return;
	}
	if ((head->flags & HTTP2_FLAG_PADDED) == 0)
		return;
	if (head->length == 0)
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
	else
		endpoint->reading = READING_PADDING_LENGTH;
}

static void
read_padding_length(struct endpoint *endpoint, struct input *input)
{
	uint8_t length = input->data[0];

	skip(input, 1);
	endpoint->left--;
	if (length > endpoint->left) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return;
	}
	endpoint->padding = length;
	endpoint->reading = READING_DATA;
	/* What is no data nobody has to take (section 6.1). */
	endpoint_taken(endpoint, endpoint->data_stream, length + 1u);
}

void
endpoint_end_body(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	if (!http2_message_end(&stream->message)) {
		endpoint_break(endpoint, stream, stream->id,
			       HTTP2_PROTOCOL_ERROR);
		return;
	}
	endpoint->methods->ended(endpoint, stream);
	endpoint_end_remote(endpoint, stream);
}

static void
end_data(struct endpoint *endpoint)
{
	struct endpoint_stream *stream = endpoint->data_stream;

	endpoint->data_stream = NULL;
	endpoint->reading = READING_FRAME;
	if (stream == NULL ||
	    (endpoint->frame.flags & HTTP2_FLAG_END_STREAM) == 0)
		return;
	endpoint_end_body(endpoint, stream);
}

/* As much of it as is here. */
static void
read_data(struct endpoint *endpoint, struct input *input)
{
	struct endpoint_stream *stream = endpoint->data_stream;
	uint32_t part = endpoint->left - endpoint->padding;
	const uint8_t *data = input->data;

	if (part > input->length)
		part = (uint32_t)input->length;
	skip(input, part);
	endpoint->left -= part;
	if (part > 0 && stream == NULL)
		endpoint_taken(endpoint, NULL, part);
	else if (part > 0 && !http2_message_body(&stream->message, part)) {
		endpoint_taken(endpoint, NULL, part);
		endpoint_break(endpoint, stream, stream->id,
			       HTTP2_PROTOCOL_ERROR);
	} else if (part > 0) {
		endpoint->methods->data(endpoint, stream, data, part);
	}
	if (endpoint->left > endpoint->padding)
		return;
	end_data(endpoint);
	if (endpoint->left > 0)
		endpoint->reading = READING_NOTHING;
}

static void
read_nothing(struct endpoint *endpoint, struct input *input)
{
	uint32_t part = endpoint->left;

	if (part > input->length)
		part = (uint32_t)input->length;
	skip(input, part);
	endpoint->left -= part;
	if (endpoint->left == 0)
		endpoint->reading = READING_FRAME;
}

/* ---- small frames ---------------------------------------------------------------------- */

/* Section 6.3, and that its priorities are no longer those that count. */
static void
read_priority(struct endpoint *endpoint, const struct endpoint_frame *frame)
{
	uint32_t id = frame->head.stream;

	if (id == 0)
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
	else if (frame->head.length != 5)
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
}

static void
read_reset(struct endpoint *endpoint, const struct endpoint_frame *frame)
{
	uint32_t id = frame->head.stream;
	struct endpoint_stream *stream;

	if (frame->head.length != 4) {
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
		return;
	}
	if (id == 0 || endpoint_is_idle(endpoint, id)) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return;
	}
	stream = endpoint_find(endpoint, id);
	if (stream != NULL)
		endpoint_close(endpoint, stream);
}

static void
read_ping(struct endpoint *endpoint, const struct endpoint_frame *frame)
{
	if (frame->head.stream != 0)
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
	else if (frame->head.length != 8)
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
	else if ((frame->head.flags & HTTP2_FLAG_ACK) == 0)
		memcpy(endpoint_control(endpoint, 8, HTTP2_PING, HTTP2_FLAG_ACK,
					0),
		       frame->data, 8);
}

static void
read_goaway(struct endpoint *endpoint, const struct endpoint_frame *frame)
{
	if (frame->head.stream != 0)
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
	else if (frame->head.length < 8)
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
	else
		endpoint->goaway_received = true;
}

/* RFC 9218 section 7.1.  A stream that is as far ahead as there may be streams
 * at once cannot be one of those that come next. */
static void
read_priority_update(struct endpoint *endpoint,
		     const struct endpoint_frame *frame)
{
	uint32_t id;

	if (frame->head.stream != 0) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return;
	}
	if (frame->head.length < 4) {
		endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
		return;
	}
	id = http2_get32(frame->data) & HTTP2_STREAM_MAX;
	if (id % 2 == 0 ||
	    (id > endpoint->last &&
	     (id - endpoint->last) / 2 > endpoint->limits.streams)) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return;
	}
	endpoint->methods->priority(endpoint, endpoint_find(endpoint, id), id,
				    slice_make((const char *)frame->data + 4,
					       frame->head.length - 4));
}

/* ---- frames ------------------------------------------------------------------------------ */

/* Sections 3.4, 4.2 and 6.10: what can be said before it has come. */
static enum http2_error
fault_of_head(const struct endpoint *endpoint,
	      const struct http2_frame_head *head)
{
	if (!endpoint->settled && (head->type != HTTP2_SETTINGS ||
				   (head->flags & HTTP2_FLAG_ACK) != 0))
		return HTTP2_PROTOCOL_ERROR;
	if (head->length > HTTP2_FRAME_BYTES)
		return HTTP2_FRAME_SIZE_ERROR;
	if (endpoint->block_stream != 0 &&
	    (head->type != HTTP2_CONTINUATION ||
	     head->stream != endpoint->block_stream))
		return HTTP2_PROTOCOL_ERROR;
	if (endpoint->block_stream == 0 && head->type == HTTP2_CONTINUATION)
		return HTTP2_PROTOCOL_ERROR;
	return HTTP2_NO_ERROR;
}

static bool
is_known(uint8_t type)
{
	return type <= HTTP2_CONTINUATION || type == HTTP2_PRIORITY_UPDATE;
}

/* False: a method wants the end. */
static bool
begin_frame(struct endpoint *endpoint)
{
	const struct http2_frame_head *head = &endpoint->frame;
	enum http2_error fault = fault_of_head(endpoint, head);

	if (fault != HTTP2_NO_ERROR) {
		endpoint_fail(endpoint, fault);
		return true;
	}
	if (!endpoint->methods->frame(endpoint, head))
		return false;
	endpoint->left = head->length;
	if (head->type == HTTP2_DATA)
		begin_data(endpoint);
	else if (!is_known(head->type))
		endpoint->reading = READING_NOTHING;
	return true;
}

static bool
end_frame(struct endpoint *endpoint, const uint8_t *payload)
{
	const struct endpoint_frame frame = { endpoint->frame, payload };

	switch (frame.head.type) {
	case HTTP2_HEADERS:
		return endpoint_headers(endpoint, &frame);
	case HTTP2_CONTINUATION:
		return endpoint_continuation(endpoint, &frame);
	case HTTP2_PRIORITY:
		read_priority(endpoint, &frame);
		break;
	case HTTP2_RST_STREAM:
		read_reset(endpoint, &frame);
		break;
	case HTTP2_SETTINGS:
		endpoint_settings(endpoint, &frame);
		break;
	case HTTP2_PING:
		read_ping(endpoint, &frame);
		break;
	case HTTP2_GOAWAY:
		read_goaway(endpoint, &frame);
		break;
	case HTTP2_WINDOW_UPDATE:
		endpoint_window_update(endpoint, &frame);
		break;
	case HTTP2_PRIORITY_UPDATE:
		read_priority_update(endpoint, &frame);
		break;
	default: /* PUSH_PROMISE, which only servers may send */
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
	}
	return true;
}

/* A frame in pieces: they gather until it is complete. */
static bool
hold(struct endpoint *endpoint, struct input *input)
{
	struct buffer *held = &endpoint->held;
	bool has_head = held->length >= HTTP2_FRAME_HEAD_BYTES;
	size_t wanted = HTTP2_FRAME_HEAD_BYTES +
			(has_head ? endpoint->frame.length : 0) - held->length;
	size_t part = wanted < input->length ? wanted : input->length;
	bool good = true;

	(void)buffer_append(held, input->data, part);
	skip(input, part);
	if (part < wanted)
		return true;
	if (!has_head) {
		endpoint->frame = http2_frame_read((const uint8_t *)held->data);
		good = begin_frame(endpoint);
		if (!good || endpoint->over ||
		    endpoint->reading != READING_FRAME) {
			buffer_fini(held);
			return good;
		}
		if (endpoint->frame.length > 0)
			return true;
	}
	good = end_frame(endpoint,
			 (const uint8_t *)held->data + HTTP2_FRAME_HEAD_BYTES);
	buffer_fini(held);
	return good;
}

/* The usual case: all of it is here. */
static bool
read_frame(struct endpoint *endpoint, struct input *input)
{
	const uint8_t *at = input->data;

	if (endpoint->held.length > 0 || input->length < HTTP2_FRAME_HEAD_BYTES)
		return hold(endpoint, input);
	endpoint->frame = http2_frame_read(at);
	if (endpoint->frame.type != HTTP2_DATA &&
	    endpoint->frame.length <= HTTP2_FRAME_BYTES &&
	    is_known(endpoint->frame.type) &&
	    input->length < HTTP2_FRAME_HEAD_BYTES + endpoint->frame.length)
		return hold(endpoint, input);
	skip(input, HTTP2_FRAME_HEAD_BYTES);
	if (!begin_frame(endpoint))
		return false;
	if (endpoint->over || endpoint->reading != READING_FRAME)
		return true;
	skip(input, endpoint->frame.length);
	return end_frame(endpoint, at + HTTP2_FRAME_HEAD_BYTES);
}

/* Of a frame without payload, too. */
static bool
step(struct endpoint *endpoint, struct input *input)
{
	switch (endpoint->reading) {
	case READING_PADDING_LENGTH:
		read_padding_length(endpoint, input);
		return true;
	case READING_DATA:
		read_data(endpoint, input);
		return true;
	case READING_NOTHING:
		read_nothing(endpoint, input);
		return true;
	default:
		return read_frame(endpoint, input);
	}
}

bool
endpoint_receive(struct endpoint *endpoint, const uint8_t *data, size_t length)
{
	struct input input = { data, length };
	bool good = true;

	CHECK(endpoint, ENDPOINT_MAGIC);
	while (good && !endpoint->over &&
	       (input.length > 0 || (endpoint->left == 0 &&
				     (endpoint->reading == READING_DATA ||
				      endpoint->reading == READING_NOTHING))))
		good = step(endpoint, &input);
	return good;
}

uint32_t
endpoint_awaits_head(const struct endpoint *endpoint)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (endpoint->block_stream != 0)
		return endpoint->block_stream;
	return endpoint->held.length >= HTTP2_FRAME_HEAD_BYTES &&
			       endpoint->frame.type == HTTP2_HEADERS ?
		       endpoint->frame.stream :
		       0;
}
