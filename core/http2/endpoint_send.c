/* SPDX-License-Identifier: Apache-2.0
 *
 * What leaves: answers to the client's frames, then heads, then bodies.  Among
 * bodies the most urgent go first (RFC 9218 section 10); those that are as
 * urgent one after the other, as their streams were opened, but the incremental
 * ones frame by frame in turn.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/http2/endpoint_priv.h"

/* Of DATA, whatever more the client would take: a more urgent body should not
 * wait for long. */
#define DATA_BYTES HTTP2_FRAME_BYTES

/* Less of a frame is not begun at the end of the room. */
#define DATA_LEAST 2048

_Static_assert(ENDPOINT_LEAST_ROOM > HTTP2_FRAME_HEAD_BYTES + DATA_LEAST,
	       "or nothing would ever be sent");

/* ---- control --------------------------------------------------------------------------- */

uint8_t *
endpoint_control(struct endpoint *endpoint, uint32_t length,
		 enum http2_frame_type type, unsigned flags, uint32_t stream)
{
	struct buffer *control = &endpoint->control;
	uint8_t *at;

	(void)buffer_reserve(control, HTTP2_FRAME_HEAD_BYTES + length);
	at = (uint8_t *)control->data + control->length;
	control->length += HTTP2_FRAME_HEAD_BYTES + length;
	http2_frame_write(at, length, type, flags, stream);
	return at + HTTP2_FRAME_HEAD_BYTES;
}

void
endpoint_control_number(struct endpoint *endpoint, enum http2_frame_type type,
			uint32_t stream, uint32_t number)
{
	http2_put32(endpoint_control(endpoint, 4, type, 0, stream), number);
}

void
endpoint_goaway(struct endpoint *endpoint, uint32_t last, enum http2_error code)
{
	uint8_t *at = endpoint_control(endpoint, 8, HTTP2_GOAWAY, 0, 0);

	http2_put32(at, last);
	http2_put32(at + 4, code);
}

size_t
endpoint_control_waits(const struct endpoint *endpoint)
{
	return endpoint->control.length - endpoint->control_sent;
}

static size_t
produce_control(struct endpoint *endpoint, uint8_t *to, size_t room)
{
	size_t part = endpoint_control_waits(endpoint);

	if (part > room)
		part = room;
	if (part == 0)
		return 0;
	memcpy(to, endpoint->control.data + endpoint->control_sent, part);
	endpoint->control_sent += part;
	if (endpoint_control_waits(endpoint) == 0) {
		/* Most connections have little to say in this way. */
		buffer_fini(&endpoint->control);
		endpoint->control_sent = 0;
	}
	return part;
}

void
endpoint_inform(struct endpoint *endpoint, struct endpoint_stream *stream,
		unsigned status)
{
	uint8_t text[HPACK_FIRST_ROOM];
	struct hpack_block block = { &endpoint->encoder, text };
	uint32_t length;

	CHECK(endpoint, ENDPOINT_MAGIC);
	if (!stream->open || stream->head_sent || endpoint->over)
		return;
	hpack_begin_response(&block, status);
	length = (uint32_t)(block.at - text);
	memcpy(endpoint_control(endpoint, length, HTTP2_HEADERS,
				HTTP2_FLAG_END_HEADERS, stream->id),
	       text, length);
}

/* ---- which is next ----------------------------------------------------------------------- */

void
endpoint_unready(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	struct list *ready = &endpoint->ready[stream->urgency];

	list_remove(&stream->ready_link);
	if (list_empty(ready))
		endpoint->ready_set &= (uint8_t) ~(1u << stream->urgency);
}

static struct endpoint_stream *
of_link(struct list *link)
{
	return CONTAINER_OF(link, struct endpoint_stream, ready_link);
}

/* Behind those that were opened before it; who takes turns is last. */
static void
make_ready(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	struct list *ready = &endpoint->ready[stream->urgency];
	struct list *before = ready->prev;

	if (!stream->incremental)
		while (before != ready && (of_link(before)->incremental ||
					   of_link(before)->id > stream->id))
			before = before->prev;
	list_add_head(before, &stream->ready_link);
	endpoint->ready_set |= (uint8_t)(1u << stream->urgency);
}

void
endpoint_head_ready(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (!stream->open || stream->head_sent)
		return;
	stream->head_sent = true;
	list_add_tail(&endpoint->heads, &stream->ready_link);
}

/* Its head is written, and it is in no list. */
static bool
may_send(const struct endpoint_stream *stream)
{
	return stream->open && stream->head_sent && !stream->local_ended &&
	       !list_linked(&stream->ready_link);
}

void
endpoint_body_ready(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (!may_send(stream))
		return;
	stream->narrow = false;
	make_ready(endpoint, stream);
	endpoint->stuck = false;
}

void
endpoint_prioritize(struct endpoint *endpoint, struct endpoint_stream *stream,
		    unsigned urgency, bool incremental)
{
	bool ready = list_linked(&stream->ready_link);

	CHECK(endpoint, ENDPOINT_MAGIC);
	ASSERT(urgency < ENDPOINT_URGENCIES);
	/* Heads have no priority. */
	ready = ready && stream->head_written;
	if (ready)
		endpoint_unready(endpoint, stream);
	stream->urgency = (uint8_t)urgency;
	stream->incremental = incremental;
	if (ready)
		make_ready(endpoint, stream);
}

/* ---- heads ------------------------------------------------------------------------------- */

/* More than a frame may have goes on in CONTINUATION.  Returns the bytes of
 * both. */
static size_t
split(const struct endpoint *endpoint, uint8_t *to, size_t length)
{
	const size_t most = endpoint->peer_frame;
	size_t frames = length == 0 ? 1 : (length + most - 1) / most;
	uint32_t id = http2_frame_read(to).stream;
	unsigned flags = to[4];

	/* From the end, so that nothing is overwritten before it has moved. */
	for (size_t i = frames; i-- > 0;) {
		uint8_t *at = to + i * (most + HTTP2_FRAME_HEAD_BYTES);
		size_t part = i + 1 == frames ? length - i * most : most;

		memmove(at + HTTP2_FRAME_HEAD_BYTES,
			to + HTTP2_FRAME_HEAD_BYTES + i * most, part);
		http2_frame_write(
			at, (uint32_t)part,
			i == 0 ? HTTP2_HEADERS : HTTP2_CONTINUATION,
			(i == 0 ? flags : 0) |
				(i + 1 == frames ? HTTP2_FLAG_END_HEADERS : 0),
			id);
	}
	return length + frames * HTTP2_FRAME_HEAD_BYTES;
}

/* The block is behind the place of its head. */
static size_t
finish_head(struct endpoint *endpoint, struct endpoint_stream *stream,
	    uint8_t *to, const struct hpack_block *block, bool ends)
{
	size_t length = (size_t)(block->at - to) - HTTP2_FRAME_HEAD_BYTES;

	http2_frame_write(to, (uint32_t)length, HTTP2_HEADERS,
			  HTTP2_FLAG_END_HEADERS |
				  (ends ? HTTP2_FLAG_END_STREAM : 0),
			  stream->id);
	if (length <= endpoint->peer_frame)
		return length + HTTP2_FRAME_HEAD_BYTES;
	to[4] = ends ? HTTP2_FLAG_END_STREAM : 0;
	return split(endpoint, to, length);
}

static size_t
produce_head(struct endpoint *endpoint, struct endpoint_stream *stream,
	     uint8_t *to)
{
	struct hpack_block block = { &endpoint->encoder,
				     to + HTTP2_FRAME_HEAD_BYTES };
	enum endpoint_body what;
	size_t length;

	list_remove(&stream->ready_link);
	what = endpoint->methods->write_head(endpoint, stream, &block);
	stream->head_sent = stream->head_written = what != ENDPOINT_BODY_NONE;
	if (!stream->head_sent)
		return 0;
	length = finish_head(endpoint, stream, to, &block,
			     what == ENDPOINT_BODY_LAST);
	endpoint->methods->wrote(endpoint, stream, length);
	if (what != ENDPOINT_BODY_LAST)
		endpoint_body_ready(endpoint, stream);
	else
		endpoint_end_local(endpoint, stream);
	return length;
}

static size_t
produce_trailers(struct endpoint *endpoint, struct endpoint_stream *stream,
		 uint8_t *to)
{
	struct hpack_block block = { &endpoint->encoder,
				     to + HTTP2_FRAME_HEAD_BYTES };
	size_t length;

	hpack_begin_trailers(&block);
	endpoint->methods->write_trailers(endpoint, stream, &block);
	length = finish_head(endpoint, stream, to, &block, true);
	endpoint->methods->wrote(endpoint, stream, length);
	return length;
}

/* ---- bodies ------------------------------------------------------------------------------ */

static size_t
most_of(const struct endpoint *endpoint, const struct endpoint_stream *stream,
	size_t room)
{
	int64_t most = stream->window < endpoint->window ? stream->window :
							   endpoint->window;

	if (most <= 0)
		return 0;
	if (most > DATA_BYTES)
		most = DATA_BYTES;
	return (size_t)most < room ? (size_t)most : room;
}

/* Nothing of it can be sent, though there is some. */
static void
hold_back(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	if (stream->window > 0)
		return; /* by the connection's window: it stays where it is */
	endpoint_unready(endpoint, stream);
	stream->narrow = true;
}

/* It may have more: who takes turns has had his. */
static void
rotate(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	if (!stream->incremental)
		return;
	list_remove(&stream->ready_link);
	list_add_tail(&endpoint->ready[stream->urgency], &stream->ready_link);
}

static size_t
finish_data(struct endpoint *endpoint, struct endpoint_stream *stream,
	    uint8_t *to, size_t length, enum endpoint_body what)
{
	bool ends = what == ENDPOINT_BODY_LAST;

	http2_frame_write(to, (uint32_t)length, HTTP2_DATA,
			  ends ? HTTP2_FLAG_END_STREAM : 0, stream->id);
	stream->window -= (int64_t)length;
	endpoint->window -= (int64_t)length;
	endpoint->methods->wrote(endpoint, stream, HTTP2_FRAME_HEAD_BYTES);
	return length + HTTP2_FRAME_HEAD_BYTES;
}

/* The next frame of a body, or what there is instead; may be nothing. */
static size_t
produce_data(struct endpoint *endpoint, struct endpoint_stream *stream,
	     uint8_t *to, size_t room)
{
	size_t most = most_of(endpoint, stream, room - HTTP2_FRAME_HEAD_BYTES);
	size_t length = 0, done = 0;
	enum endpoint_body what = endpoint->methods->write_body(
		endpoint, stream, to + HTTP2_FRAME_HEAD_BYTES, most, &length);

	ASSERT(length <= most);
	switch (what) {
	case ENDPOINT_BODY_NONE:
		endpoint_unready(endpoint, stream);
		return 0;
	case ENDPOINT_BODY_CUT:
		endpoint_reset(endpoint, stream, HTTP2_INTERNAL_ERROR);
		return 0;
	case ENDPOINT_BODY_MORE:
		if (length == 0) {
			ASSERT(most == 0);
			hold_back(endpoint, stream);
			return 0;
		}
		done = finish_data(endpoint, stream, to, length, what);
		rotate(endpoint, stream);
		return done;
	case ENDPOINT_BODY_TRAILERS:
		if (length > 0)
			done = finish_data(endpoint, stream, to, length, what);
		done += produce_trailers(endpoint, stream, to + done);
		break;
	case ENDPOINT_BODY_LAST:
		done = finish_data(endpoint, stream, to, length, what);
		break;
	}
	endpoint_end_local(endpoint, stream);
	return done;
}

/* The first of the most urgent ones. */
static struct endpoint_stream *
next_ready(const struct endpoint *endpoint)
{
	unsigned urgency;

	if (endpoint->ready_set == 0)
		return NULL;
	urgency = (unsigned)__builtin_ctz(endpoint->ready_set);
	return of_link(endpoint->ready[urgency].next);
}

/* With no window left: those that have nothing more to send but their end. */
static size_t
produce_ends(struct endpoint *endpoint, uint8_t *to, size_t room)
{
	size_t used = 0;

	endpoint->stuck = true;
	for (unsigned i = 0; i < ENDPOINT_URGENCIES; i++)
		LIST_FOREACH_SAFE(struct endpoint_stream, ready_link, stream,
				  &endpoint->ready[i]) {
			if (room - used < HTTP2_FRAME_HEAD_BYTES + DATA_LEAST) {
				endpoint->stuck = false;
				return used;
			}
			used += produce_data(endpoint, stream, to + used,
					     room - used);
		}
	return used;
}

static size_t
produce_bodies(struct endpoint *endpoint, uint8_t *to, size_t room)
{
	struct endpoint_stream *stream;
	size_t used = 0;

	while (endpoint->window > 0 && used < room &&
	       room - used >= HTTP2_FRAME_HEAD_BYTES + DATA_LEAST &&
	       (stream = next_ready(endpoint)) != NULL)
		used += produce_data(endpoint, stream, to + used, room - used);
	if (endpoint->window <= 0 && !endpoint->stuck && used < room)
		used += produce_ends(endpoint, to + used, room - used);
	return used;
}

size_t
endpoint_produce(struct endpoint *endpoint, uint8_t *to, size_t room)
{
	size_t used;

	CHECK(endpoint, ENDPOINT_MAGIC);
	ASSERT(room >= ENDPOINT_LEAST_ROOM);
	used = produce_control(endpoint, to, room);
	if (endpoint->over || endpoint_control_waits(endpoint) > 0)
		return used;
	while (!list_empty(&endpoint->heads) && used < room)
		used += produce_head(endpoint, of_link(endpoint->heads.next),
				     to + used);
	if (used < room && list_empty(&endpoint->heads))
		used += produce_bodies(endpoint, to + used, room - used);
	return used;
}

bool
endpoint_has_output(const struct endpoint *endpoint)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (endpoint_control_waits(endpoint) > 0)
		return true;
	return !endpoint->over &&
	       (!list_empty(&endpoint->heads) ||
		(endpoint->ready_set != 0 && !endpoint->stuck));
}
