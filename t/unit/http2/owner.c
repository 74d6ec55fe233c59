/* SPDX-License-Identifier: Apache-2.0
 *
 * See owner.h.
 */
#include "t/unit/http2/owner.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

static struct owner *
owner_of(struct endpoint *endpoint)
{
	return CONTAINER_OF(endpoint, struct owner, endpoint);
}

static struct owned_stream *
stream_of(struct endpoint_stream *flow)
{
	return CONTAINER_OF(flow, struct owned_stream, flow);
}

static struct endpoint_stream *
on_open(struct endpoint *endpoint, uint32_t id)
{
	struct owned_stream *stream = mem_zalloc(sizeof(*stream));

	(void)buffer_printf(&owner_of(endpoint)->told, "open %u\n", id);
	list_add_tail(&owner_of(endpoint)->streams, &stream->link);
	return &stream->flow;
}

static void
on_field(struct endpoint *endpoint, struct endpoint_stream *flow, bool trailer,
	 struct portico_slice name, struct portico_slice value)
{
	(void)buffer_printf(&owner_of(endpoint)->told, "%s %u %.*s: %.*s\n",
			    trailer ? "trailer" : "field", flow->id,
			    SLICE_ARGS(name), SLICE_ARGS(value));
}

static void
answer(struct owner *owner, struct endpoint_stream *flow)
{
	struct owned_stream *stream = stream_of(flow);

	if (owner->silent)
		return;
	stream->body = owner->body;
	stream->held = owner->hold;
	endpoint_head_ready(&owner->endpoint, flow);
}

static void
on_head(struct endpoint *endpoint, struct endpoint_stream *flow, bool ended)
{
	(void)buffer_printf(&owner_of(endpoint)->told, "head %u%s\n", flow->id,
			    ended ? " ended" : "");
	if (ended)
		answer(owner_of(endpoint), flow);
}

static void
on_data(struct endpoint *endpoint, struct endpoint_stream *flow,
	const uint8_t *data, uint32_t length)
{
	(void)data;
	owner_of(endpoint)->data += length;
	endpoint_taken(endpoint, flow, length);
}

static void
on_ended(struct endpoint *endpoint, struct endpoint_stream *flow)
{
	(void)buffer_printf(&owner_of(endpoint)->told, "ended %u\n", flow->id);
	answer(owner_of(endpoint), flow);
}

static void
on_closed(struct endpoint *endpoint, struct endpoint_stream *flow)
{
	(void)buffer_printf(&owner_of(endpoint)->told, "closed %u\n", flow->id);
}

static void
on_broken(struct endpoint *endpoint, struct endpoint_stream *flow, uint32_t id,
	  enum http2_error code)
{
	ASSERT(flow == NULL || flow->id == id);
	(void)buffer_printf(&owner_of(endpoint)->told, "broken %u %s\n", id,
			    http2_error_name(code));
}

static void
on_failed(struct endpoint *endpoint, enum http2_error code)
{
	(void)buffer_printf(&owner_of(endpoint)->told, "failed %s\n",
			    http2_error_name(code));
}

static bool
on_frame(struct endpoint *endpoint, const struct http2_frame_head *head)
{
	ASSERT(head->length <= HTTP2_FRAME_BYTES);
	return !owner_of(endpoint)->refuse_frames;
}

static void
on_priority(struct endpoint *endpoint, struct endpoint_stream *flow,
	    uint32_t id, struct portico_slice value)
{
	(void)buffer_printf(&owner_of(endpoint)->told, "priority %u %.*s\n", id,
			    SLICE_ARGS(value));
	/* "3i": enough for tests. */
	if (flow != NULL && value.length > 0)
		endpoint_prioritize(endpoint, flow, value.data[0] & 7,
				    value.length > 1);
}

static enum endpoint_body
on_write_head(struct endpoint *endpoint, struct endpoint_stream *flow,
	      struct hpack_block *block)
{
	const struct owner *owner = owner_of(endpoint);
	const struct owned_stream *stream = stream_of(flow);

	hpack_begin_response(block, 200);
	hpack_field(block, HTTP_HEADER_SERVER, PORTICO_SLICE(""),
		    PORTICO_SLICE("owner"));
	if (owner->head_bytes > 0) {
		char *text = mem_alloc(owner->head_bytes);

		memset(text, 'x', owner->head_bytes);
		hpack_field(block, HTTP_HEADER_UNKNOWN, PORTICO_SLICE("X-Long"),
			    slice_make(text, owner->head_bytes));
		mem_free(text);
	}
	return stream->body > 0 || stream->held || owner->trailers ?
		       ENDPOINT_BODY_MORE :
		       ENDPOINT_BODY_LAST;
}

static enum endpoint_body
on_write_body(struct endpoint *endpoint, struct endpoint_stream *flow,
	      uint8_t *to, size_t most, size_t *length_r)
{
	struct owned_stream *stream = stream_of(flow);
	bool all = stream->body <= most;

	if (stream->body == 0 && stream->held)
		return ENDPOINT_BODY_NONE;
	*length_r = all ? (size_t)stream->body : most;
	memset(to, 'b', *length_r);
	stream->body -= *length_r;
	if (!all || stream->held)
		return ENDPOINT_BODY_MORE;
	return owner_of(endpoint)->trailers ? ENDPOINT_BODY_TRAILERS :
					      ENDPOINT_BODY_LAST;
}

static void
on_write_trailers(struct endpoint *endpoint, struct endpoint_stream *flow,
		  struct hpack_block *block)
{
	(void)endpoint;
	(void)flow;
	hpack_field(block, HTTP_HEADER_UNKNOWN, PORTICO_SLICE("x-sum"),
		    PORTICO_SLICE("1"));
}

static void
on_wrote(struct endpoint *endpoint, struct endpoint_stream *flow, size_t bytes)
{
	(void)endpoint;
	ASSERT(flow->head_written && bytes >= HTTP2_FRAME_HEAD_BYTES);
}

static const struct endpoint_methods methods = {
	.open = on_open,
	.field = on_field,
	.head = on_head,
	.data = on_data,
	.ended = on_ended,
	.closed = on_closed,
	.broken = on_broken,
	.failed = on_failed,
	.frame = on_frame,
	.priority = on_priority,
	.write_head = on_write_head,
	.write_body = on_write_body,
	.write_trailers = on_write_trailers,
	.wrote = on_wrote,
};

void
owner_init(struct owner *owner)
{
	const struct endpoint_limits limits = {
		.streams = 100,
		.stream_window = HTTP2_WINDOW_FIRST,
		.connection_window = HTTP2_WINDOW_FIRST,
		.head = 16384,
		.block = 65536,
	};

	memset(owner, 0, sizeof(*owner));
	list_init(&owner->streams);
	ASSERT(endpoint_init(&owner->endpoint, &methods, &limits));
}

void
owner_fini(struct owner *owner)
{
	struct list *first;

	while ((first = list_take_first(&owner->streams)) != NULL)
		mem_free(CONTAINER_OF(first, struct owned_stream, link));
	endpoint_fini(&owner->endpoint);
	buffer_fini(&owner->told);
	buffer_fini(&owner->sent);
}

bool
owner_feed(struct owner *owner, const void *data, size_t length)
{
	return endpoint_receive(&owner->endpoint, data, length);
}

void
owner_drain(struct owner *owner, size_t room)
{
	uint8_t *to = mem_alloc(room + ENDPOINT_HEAD_ROOM);
	size_t length;

	while (endpoint_has_output(&owner->endpoint)) {
		length = endpoint_produce(&owner->endpoint, to, room);
		(void)buffer_append(&owner->sent, to, length);
	}
	mem_free(to);
}

struct owned_stream *
owner_find(struct owner *owner, uint32_t id)
{
	LIST_FOREACH(struct owned_stream, link, stream, &owner->streams)
		if (stream->flow.id == id)
			return stream;
	return NULL;
}
