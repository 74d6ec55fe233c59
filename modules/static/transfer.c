/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a response: the whole resource, one range of it, or several as
 * multipart/byteranges (RFC 9110 section 14.6).
 *
 * A body is a list of pieces, each either bytes in memory or a span of the
 * file.  Bytes may not fit the client's window; then the request is suspended
 * and goes on with the piece it was at.
 */
#include <inttypes.h>
#include <string.h>

#include "modules/static/static_priv.h"

#define BOUNDARY_SIZE 40
#define PART_HEAD_SIZE 256

struct piece {
	const char *data; /* NULL: a span of the file */
	uint64_t offset; /* in the file, or consumed bytes of data */
	uint64_t length; /* left to send */
};

/* From the request's arena; the entry is kept by a reference of its own. */
struct transfer {
	struct static_entry *entry;
	int piece_count, current;
	struct piece pieces[];
};

bool
static_is_head(struct portico_request *request)
{
	struct portico_slice method =
		portico_request_text(request, PORTICO_TEXT_METHOD);

	return method.length == 4 && memcmp(method.data, "HEAD", 4) == 0;
}

/* A span of the resource, from wherever its bytes are. */
static struct piece
entry_span(const struct static_entry *entry, uint64_t offset, uint64_t length)
{
	if (entry->content != NULL)
		return (struct piece){ entry->content + offset, 0, length };
	return (struct piece){ NULL, offset, length };
}

static enum portico_status
send_piece(struct portico_request *request, struct static_entry *entry,
	   struct piece *piece)
{
	enum portico_status status;
	size_t written = 0;

	if (piece->length == 0)
		return PORTICO_OK;
	if (piece->data == NULL) {
		status = portico_response_send_file(
			request, entry->file, piece->offset, piece->length);
		if (status == PORTICO_OK)
			piece->length = 0;
		return status;
	}
	status = portico_response_write(request, piece->data + piece->offset,
					(size_t)piece->length, &written);
	piece->offset += written;
	piece->length -= written;
	return status;
}

static void
drop_entry(void *arg)
{
	static_entry_unref(arg);
}

static enum portico_verdict
run_transfer(struct portico_request *request, void *arg)
{
	struct transfer *transfer = arg;

	while (transfer->current < transfer->piece_count) {
		struct piece *piece = &transfer->pieces[transfer->current];
		enum portico_status status =
			send_piece(request, transfer->entry, piece);

		if (status == PORTICO_AGAIN) {
			status = portico_response_wait(request, run_transfer,
						       transfer);
			return status == PORTICO_OK ? PORTICO_PENDING :
						      PORTICO_ERROR;
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
		transfer->current++;
	}
	return PORTICO_DONE;
}

static struct transfer *
new_transfer(struct portico_request *request, struct static_entry *entry,
	     int piece_count)
{
	struct transfer *transfer = portico_request_alloc(
		request,
		sizeof(*transfer) + (size_t)piece_count * sizeof(struct piece));

	if (transfer == NULL)
		return NULL;
	if (portico_request_on_free(request, drop_entry, entry) != PORTICO_OK)
		return NULL;
	static_entry_ref(entry);
	transfer->entry = entry;
	transfer->piece_count = piece_count;
	transfer->current = 0;
	return transfer;
}

/* Everything that fits in one go, and that is nearly everything, needs no
 * transfer object. */
static enum portico_verdict
send_span(struct portico_request *request, struct static_entry *entry,
	  uint64_t offset, uint64_t length)
{
	struct piece piece = entry_span(entry, offset, length);
	struct transfer *transfer;
	enum portico_status status;

	if (portico_response_set_length(request, (int64_t)length) != PORTICO_OK)
		return PORTICO_ERROR;
	if (static_is_head(request))
		return PORTICO_DONE;
	status = send_piece(request, entry, &piece);
	if (status == PORTICO_OK)
		return PORTICO_DONE;
	if (status != PORTICO_AGAIN)
		return PORTICO_ERROR;
	transfer = new_transfer(request, entry, 1);
	if (transfer == NULL)
		return PORTICO_ERROR;
	transfer->pieces[0] = piece;
	return run_transfer(request, transfer);
}

static enum portico_status
set_content_range(struct portico_request *request,
		  const struct static_entry *entry,
		  const struct static_range *range)
{
	char value[96];
	int length = snprintf(value, sizeof(value),
			      "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
			      range->offset, range->offset + range->length - 1,
			      entry->size);

	return portico_response_set_field(
		request, PORTICO_SLICE("Content-Range"),
		(struct portico_slice){ value, (size_t)length });
}

/* The bytes before a part; `boundary` as in the Content-Type. */
static struct piece
part_head(struct portico_request *request, const struct static_entry *entry,
	  const struct static_range *range, const char *boundary)
{
	char *text = portico_request_alloc(request, PART_HEAD_SIZE);
	int length;

	if (text == NULL)
		return (struct piece){ NULL, 0, 0 };
	length = snprintf(text, PART_HEAD_SIZE,
			  "\r\n--%s\r\nContent-Type: %.100s\r\n"
			  "Content-Range: bytes %" PRIu64 "-%" PRIu64
			  "/%" PRIu64 "\r\n\r\n",
			  boundary, entry->content_type, range->offset,
			  range->offset + range->length - 1, entry->size);
	return (struct piece){ text, 0, (uint64_t)length };
}

static enum portico_status
set_multipart_type(struct portico_request *request, const char *boundary)
{
	char value[96];
	int length = snprintf(value, sizeof(value),
			      "multipart/byteranges; boundary=%s", boundary);

	return portico_response_set_field(
		request, PORTICO_SLICE("Content-Type"),
		(struct portico_slice){ value, (size_t)length });
}

/* Two pieces a range, and the closing delimiter. */
static bool
fill_multipart(struct portico_request *request, struct transfer *transfer,
	       const struct static_range *ranges, int range_count,
	       const char *boundary, uint64_t *length_r)
{
	char *end = portico_request_alloc(request, BOUNDARY_SIZE + 8);
	uint64_t length = 0;

	if (end == NULL)
		return false;
	for (int i = 0; i < range_count; i++) {
		struct piece *pieces = &transfer->pieces[i * 2];

		pieces[0] = part_head(request, transfer->entry, &ranges[i],
				      boundary);
		if (pieces[0].data == NULL)
			return false;
		pieces[1] = entry_span(transfer->entry, ranges[i].offset,
				       ranges[i].length);
		length += pieces[0].length + pieces[1].length;
	}
	transfer->pieces[range_count * 2] =
		(struct piece){ end, 0,
				(uint64_t)snprintf(end, BOUNDARY_SIZE + 8,
						   "\r\n--%s--\r\n",
						   boundary) };
	*length_r = length + transfer->pieces[range_count * 2].length;
	return true;
}

static enum portico_verdict
send_multipart(struct portico_request *request, struct static_entry *entry,
	       const struct static_range *ranges, int range_count)
{
	struct transfer *transfer =
		new_transfer(request, entry, range_count * 2 + 1);
	char boundary[BOUNDARY_SIZE];
	uint64_t length;

	if (transfer == NULL)
		return PORTICO_ERROR;
	snprintf(boundary, sizeof(boundary), "%016" PRIx64 "%08x",
		 portico_request_id(request) * 0x9e3779b97f4a7c15u,
		 (unsigned)portico_clock());
	if (!fill_multipart(request, transfer, ranges, range_count, boundary,
			    &length) ||
	    set_multipart_type(request, boundary) != PORTICO_OK ||
	    portico_response_set_length(request, (int64_t)length) != PORTICO_OK)
		return PORTICO_ERROR;
	if (static_is_head(request))
		return PORTICO_DONE;
	return run_transfer(request, transfer);
}

enum portico_verdict
static_transfer(struct portico_request *request, struct static_entry *entry,
		const struct static_range *ranges, int range_count)
{
	if (range_count == 0)
		return send_span(request, entry, 0, entry->size);
	if (portico_response_set_status(request, 206, 0) != PORTICO_OK)
		return PORTICO_ERROR;
	if (range_count > 1)
		return send_multipart(request, entry, ranges, range_count);
	if (set_content_range(request, entry, &ranges[0]) != PORTICO_OK)
		return PORTICO_ERROR;
	return send_span(request, entry, ranges[0].offset, ranges[0].length);
}
