/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's life, and its streams: which are open, which have been, which
 * never were (RFC 9113 section 5.1).
 */
#include "core/http2/endpoint.h"

#include <nghttp2/nghttp2.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http2/endpoint_priv.h"

/* Places of the table: a chain of some four at the limit of streams. */
#define TABLE_LEAST 16u
#define TABLE_MOST 1024u

/* ---- life ------------------------------------------------------------------------ */

static void
put_setting(uint8_t *at, enum http2_setting setting, uint32_t value)
{
	at[0] = 0;
	at[1] = (uint8_t)setting;
	http2_put32(at + 2, value);
}

/* And what SETTINGS cannot say: the window of the connection. */
static void
introduce(struct endpoint *endpoint)
{
	const struct endpoint_limits *limits = &endpoint->limits;
	const struct {
		enum http2_setting setting;
		uint32_t value;
	} all[] = {
		{ HTTP2_SETTING_MAX_CONCURRENT_STREAMS, limits->streams },
		{ HTTP2_SETTING_INITIAL_WINDOW_SIZE, limits->stream_window },
		{ HTTP2_SETTING_MAX_HEADER_LIST_SIZE, limits->head },
		{ HTTP2_SETTING_NO_RFC7540_PRIORITIES, 1 },
		{ HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL, 1 },
	};
	const size_t count = sizeof(all) / sizeof(all[0]);
	uint8_t *at = endpoint_control(endpoint, (uint32_t)count * 6,
				       HTTP2_SETTINGS, 0, 0);

	for (size_t i = 0; i < count; i++)
		put_setting(at + i * 6, all[i].setting, all[i].value);
	if (limits->connection_window > HTTP2_WINDOW_FIRST)
		endpoint_control_number(endpoint, HTTP2_WINDOW_UPDATE, 0,
					limits->connection_window -
						HTTP2_WINDOW_FIRST);
}

bool
endpoint_init(struct endpoint *endpoint, const struct endpoint_methods *methods,
	      const struct endpoint_limits *limits)
{
	uint32_t places = TABLE_LEAST;

	if (nghttp2_hd_inflate_new(&endpoint->inflater) != 0)
		return false;
	while (places < TABLE_MOST && places * 4 < limits->streams)
		places *= 2;
	endpoint->magic = ENDPOINT_MAGIC;
	endpoint->methods = methods;
	endpoint->limits = *limits;
	endpoint->table = mem_zalloc(places * sizeof(struct endpoint_stream *));
	endpoint->table_mask = places - 1;
	endpoint->no_rfc7540 = -1;
	endpoint->window = endpoint->peer_window = HTTP2_WINDOW_FIRST;
	endpoint->peer_frame = HTTP2_FRAME_BYTES;
	endpoint->receive_left = limits->connection_window;
	hpack_encoder_init(&endpoint->encoder);
	list_init(&endpoint->heads);
	for (unsigned i = 0; i < ENDPOINT_URGENCIES; i++)
		list_init(&endpoint->ready[i]);
	introduce(endpoint);
	return true;
}

void
endpoint_fini(struct endpoint *endpoint)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	nghttp2_hd_inflate_del(endpoint->inflater);
	buffer_fini(&endpoint->held);
	buffer_fini(&endpoint->block);
	buffer_fini(&endpoint->control);
	mem_free(endpoint->table);
	endpoint->magic = 0;
}

bool
endpoint_is_over(const struct endpoint *endpoint)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (endpoint_control_waits(endpoint) > 0)
		return false;
	return endpoint->over ||
	       ((endpoint->goaway_sent || endpoint->goaway_received) &&
		endpoint->streams == 0);
}

void
endpoint_warn(struct endpoint *endpoint)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (!endpoint->over && !endpoint->goaway_sent)
		endpoint_goaway(endpoint, HTTP2_STREAM_MAX, HTTP2_NO_ERROR);
}

void
endpoint_refuse(struct endpoint *endpoint)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (endpoint->over || endpoint->goaway_sent)
		return;
	endpoint->goaway_sent = true;
	endpoint_goaway(endpoint, endpoint->last, HTTP2_NO_ERROR);
}

void
endpoint_end(struct endpoint *endpoint, enum http2_error code)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (endpoint->over)
		return;
	endpoint->over = endpoint->goaway_sent = true;
	endpoint_goaway(endpoint, endpoint->last, code);
	if (code != HTTP2_NO_ERROR)
		endpoint->methods->failed(endpoint, code);
}

void
endpoint_fail(struct endpoint *endpoint, enum http2_error code)
{
	endpoint_end(endpoint, code);
}

/* ---- streams ----------------------------------------------------------------------- */

/* Clients number their streams 1, 3, 5: without the lowest bit they lie side by
 * side. */
static struct endpoint_stream **
place_of(const struct endpoint *endpoint, uint32_t id)
{
	return &endpoint->table[id >> 1 & endpoint->table_mask];
}

struct endpoint_stream *
endpoint_find(const struct endpoint *endpoint, uint32_t id)
{
	struct endpoint_stream *stream = *place_of(endpoint, id);

	while (stream != NULL && stream->id != id)
		stream = stream->next;
	return stream;
}

bool
endpoint_is_idle(const struct endpoint *endpoint, uint32_t id)
{
	if (id % 2 == 0)
		return true;
	/* Those that were refused by GOAWAY were not counted. */
	if (id > endpoint->last)
		return !endpoint->goaway_sent;
	for (unsigned i = 0; i < ENDPOINT_SKIPS; i++)
		if (id >= endpoint->skipped[i].first &&
		    id <= endpoint->skipped[i].last)
			return true;
	return false;
}

/* Numbers that are passed over can never be opened (section 5.1.1). */
static void
pass_over(struct endpoint *endpoint, uint32_t id)
{
	uint32_t expected = endpoint->last == 0 ? 1 : endpoint->last + 2;

	if (id > expected) {
		unsigned place = endpoint->skips++ % ENDPOINT_SKIPS;

		endpoint->skipped[place].first = expected;
		endpoint->skipped[place].last = id - 2;
	}
	endpoint->last = id;
}

struct endpoint_stream *
endpoint_open(struct endpoint *endpoint, uint32_t id)
{
	struct endpoint_stream *stream, **place = place_of(endpoint, id);

	pass_over(endpoint, id);
	if (endpoint->streams >= endpoint->limits.streams) {
		endpoint_break(endpoint, NULL, id, HTTP2_REFUSED_STREAM);
		return NULL;
	}
	stream = endpoint->methods->open(endpoint, id);
	*stream = (struct endpoint_stream){
		.id = id,
		.open = true,
		.urgency = ENDPOINT_URGENCY_USUAL,
		.window = endpoint->peer_window,
		.receive_left = endpoint->acknowledged ?
					endpoint->limits.stream_window :
					HTTP2_WINDOW_FIRST,
		.next = *place,
	};
	http2_message_init(&stream->message);
	list_init(&stream->ready_link);
	*place = stream;
	endpoint->streams++;
	return stream;
}

void
endpoint_close(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	struct endpoint_stream **place = place_of(endpoint, stream->id);

	while (*place != stream)
		place = &(*place)->next;
	*place = stream->next;
	endpoint->streams--;
	endpoint_unready(endpoint, stream);
	if (endpoint->data_stream == stream)
		endpoint->data_stream = NULL;
	stream->open = false;
	endpoint->methods->closed(endpoint, stream);
}

void
endpoint_end_remote(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	stream->remote_ended = true;
	if (stream->open && stream->local_ended)
		endpoint_close(endpoint, stream);
}

void
endpoint_end_local(struct endpoint *endpoint, struct endpoint_stream *stream)
{
	stream->local_ended = true;
	endpoint_unready(endpoint, stream);
	if (stream->remote_ended)
		endpoint_close(endpoint, stream);
}

void
endpoint_reset(struct endpoint *endpoint, struct endpoint_stream *stream,
	       enum http2_error code)
{
	CHECK(endpoint, ENDPOINT_MAGIC);
	if (!stream->open)
		return;
	if (!endpoint->over)
		endpoint_control_number(endpoint, HTTP2_RST_STREAM, stream->id,
					code);
	endpoint_close(endpoint, stream);
}

void
endpoint_break(struct endpoint *endpoint, struct endpoint_stream *stream,
	       uint32_t id, enum http2_error code)
{
	endpoint->methods->broken(endpoint, stream, id, code);
	if (stream != NULL)
		endpoint_reset(endpoint, stream, code);
	else
		endpoint_control_number(endpoint, HTTP2_RST_STREAM, id, code);
}
