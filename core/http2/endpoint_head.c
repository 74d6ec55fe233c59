/* SPDX-License-Identifier: Apache-2.0
 *
 * Field blocks that come: HEADERS with its CONTINUATION frames (RFC 9113 section
 * 4.3, 6.2 and 6.10).  A block is decoded when it is complete, where it lies if
 * it came in one frame, and always: the decoder's table is that of all blocks of
 * the connection, whatever becomes of their streams.
 */
#include <nghttp2/nghttp2.h>

#include "core/base/check.h"
#include "core/base/slice.h"
#include "core/http2/endpoint_priv.h"

/* What a block is for. */
enum purpose {
	PURPOSE_NONE, /* it is decoded, and that is all */
	PURPOSE_HEAD,
	PURPOSE_TRAILERS
};

struct reader {
	struct endpoint_stream *stream; /* NULL: of PURPOSE_NONE */
	enum purpose purpose;
	bool malformed; /* RFC 9113 section 8.1.1 */
	uint64_t bytes; /* of the fields, as section 6.5.2 counts them */
};

/* ---- fields -------------------------------------------------------------------------- */

static void
read_field(struct endpoint *endpoint, struct reader *reader,
	   const nghttp2_nv *field)
{
	struct endpoint_stream *stream = reader->stream;
	struct portico_slice name = { (const char *)field->name,
				      field->namelen };
	struct portico_slice value = { (const char *)field->value,
				       field->valuelen };
	bool trailer = reader->purpose == PURPOSE_TRAILERS;

	reader->bytes += name.length + value.length + 32;
	if (stream == NULL || reader->malformed)
		return;
	reader->malformed =
		trailer ? !http2_message_trailer(name, value) :
			  !http2_message_field(&stream->message, name, value);
	if (!reader->malformed)
		endpoint->methods->field(endpoint, stream, trailer, name,
					 value);
}

static bool
is_too_long(const struct endpoint *endpoint, const struct reader *reader)
{
	return reader->bytes > endpoint->limits.block;
}

/* To the end of the block, or until it is too long.  False: it is none. */
static bool
decode(struct endpoint *endpoint, struct reader *reader, const uint8_t *data,
       size_t length)
{
	for (;;) {
		int flags = 0;
		nghttp2_nv field;
		ssize_t used = nghttp2_hd_inflate_hd2(
			endpoint->inflater, &field, &flags, data, length, 1);

		if (used < 0)
			return false;
		data += used;
		length -= (size_t)used;
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
			read_field(endpoint, reader, &field);
		if (is_too_long(endpoint, reader))
			return true;
		if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
			(void)nghttp2_hd_inflate_end_headers(
				endpoint->inflater);
			return true;
		}
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && length == 0)
			return false;
	}
}

/* ---- blocks --------------------------------------------------------------------------- */

static void
end_head(struct endpoint *endpoint, struct endpoint_stream *stream, bool ended)
{
	if (!http2_message_head(&stream->message) ||
	    (ended && !http2_message_end(&stream->message))) {
		endpoint_break(endpoint, stream, stream->id,
			       HTTP2_PROTOCOL_ERROR);
		return;
	}
	if (ended)
		stream->remote_ended = true;
	endpoint->methods->head(endpoint, stream, ended);
}

/* For which stream a block is, if for any; what is wrong with that has been
 * said. */
static struct reader
begin_reader(struct endpoint *endpoint, uint32_t id, bool ends)
{
	struct reader reader = { .purpose = PURPOSE_NONE };
	struct endpoint_stream *stream;

	if (id > endpoint->last) {
		/* Those that come after our GOAWAY were not looked at. */
		if (!endpoint->goaway_sent)
			reader.stream = endpoint_open(endpoint, id);
		if (reader.stream != NULL)
			reader.purpose = PURPOSE_HEAD;
		return reader;
	}
	stream = endpoint_find(endpoint, id);
	if (stream == NULL)
		return reader; /* reset by us: its trailers were on the way */
	if (stream->remote_ended) {
		endpoint_break(endpoint, stream, id, HTTP2_STREAM_CLOSED);
	} else if (!ends) {
		endpoint_break(endpoint, stream, id, HTTP2_PROTOCOL_ERROR);
	} else {
		reader.stream = stream;
		reader.purpose = PURPOSE_TRAILERS;
	}
	return reader;
}

/* False: it is too long. */
static bool
read_block(struct endpoint *endpoint, uint32_t id, bool ends,
	   const uint8_t *data, size_t length)
{
	struct reader reader = begin_reader(endpoint, id, ends);

	if (!decode(endpoint, &reader, data, length)) {
		endpoint_fail(endpoint, HTTP2_COMPRESSION_ERROR);
		return true;
	}
	if (is_too_long(endpoint, &reader))
		return false;
	if (reader.malformed)
		endpoint_break(endpoint, reader.stream, id,
			       HTTP2_PROTOCOL_ERROR);
	else if (reader.purpose == PURPOSE_HEAD)
		end_head(endpoint, reader.stream, ends);
	else if (reader.purpose == PURPOSE_TRAILERS)
		endpoint_end_body(endpoint, reader.stream);
	return true;
}

/* ---- frames ---------------------------------------------------------------------------- */

/* Padding and the priority of RFC 7540 are cut off.  False: they do not fit. */
static bool
strip(struct endpoint *endpoint, const struct endpoint_frame *frame,
      struct portico_slice *block_r)
{
	const uint8_t *at = frame->data;
	size_t length = frame->head.length, padding = 0;

	if ((frame->head.flags & HTTP2_FLAG_PADDED) != 0) {
		if (length < 1) {
			endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
			return false;
		}
		padding = at[0];
		at++;
		length--;
	}
	if ((frame->head.flags & HTTP2_FLAG_PRIORITY) != 0) {
		if (length < 5) {
			endpoint_fail(endpoint, HTTP2_FRAME_SIZE_ERROR);
			return false;
		}
		at += 5;
		length -= 5;
	}
	if (padding > length) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return false;
	}
	*block_r = slice_make((const char *)at, length - padding);
	return true;
}

/* False: it is too long. */
static bool
keep(struct endpoint *endpoint, struct portico_slice part)
{
	if (part.length > endpoint->limits.block - endpoint->block.length)
		return false;
	(void)buffer_append_slice(&endpoint->block, part);
	return true;
}

bool
endpoint_headers(struct endpoint *endpoint, const struct endpoint_frame *frame)
{
	uint32_t id = frame->head.stream;
	bool ends = (frame->head.flags & HTTP2_FLAG_END_STREAM) != 0;
	struct portico_slice block;

	if (id % 2 == 0 ||
	    (id <= endpoint->last && endpoint_is_idle(endpoint, id))) {
		endpoint_fail(endpoint, HTTP2_PROTOCOL_ERROR);
		return true;
	}
	if (!strip(endpoint, frame, &block))
		return true;
	if ((frame->head.flags & HTTP2_FLAG_END_HEADERS) != 0)
		return read_block(endpoint, id, ends,
				  (const uint8_t *)block.data, block.length);
	endpoint->block_stream = id;
	endpoint->block_ends_stream = ends;
	return keep(endpoint, block);
}

bool
endpoint_continuation(struct endpoint *endpoint,
		      const struct endpoint_frame *frame)
{
	uint32_t id = endpoint->block_stream;
	struct buffer *block = &endpoint->block;
	bool good;

	if (!keep(endpoint,
		  slice_make((const char *)frame->data, frame->head.length)))
		return false;
	if ((frame->head.flags & HTTP2_FLAG_END_HEADERS) == 0)
		return true;
	endpoint->block_stream = 0;
	good = read_block(endpoint, id, endpoint->block_ends_stream,
			  (const uint8_t *)block->data, block->length);
	buffer_fini(block);
	return good;
}
