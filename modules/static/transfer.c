/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a response: the whole resource, one range of it, or several as
 * multipart/byteranges (RFC 9110 section 14.6).
 *
 * A body is a list of pieces, each either bytes in memory or a part of the
 * file.  Bytes may not fit the client's window; then the request is suspended
 * and goes on with the piece it was at.
 *
 * A part of the file goes over in spans, and a span only when it is in the
 * page cache: the listener's loop must not wait for a disk.  One that is not
 * is fetched on the thread pool, while the client gets those before it.  The
 * host takes so many spans ahead of the client and no more (AGAIN), so that a
 * slow one does not draw the whole file into memory.
 */
#include <inttypes.h>
#include <string.h>

#include "modules/static/static_priv.h"

#define BOUNDARY_SIZE 40
#define PART_HEAD_SIZE 256

struct piece {
	const char *data; /* NULL: a part of the file */
	uint64_t offset; /* in the file, or consumed bytes of data */
	uint64_t length; /* left to send */
};

/* From the request's arena; the entry is kept by a reference of its own. */
struct transfer {
	struct static_entry *entry;
	struct static_fetch fetch;
	uint64_t fetch_size; /* of the next fetch, in bytes */
	uint64_t fetched; /* bytes of the current piece, just brought here */
	uint64_t begun; /* portico_clock() */
	uint64_t seen; /* bytes of the file found or brought in memory */
	bool held; /* a span was handed over and has not left yet */
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

/* A part of the resource, from wherever its bytes are. */
static struct piece
entry_part(const struct static_entry *entry, uint64_t offset, uint64_t length)
{
	if (entry->content != NULL)
		return (struct piece){ entry->content + offset, 0, length };
	return (struct piece){ NULL, offset, length };
}

/* ---- the file ------------------------------------------------------------ */

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum portico_verdict run_transfer(struct portico_request *request,
					 void *arg);

static enum portico_verdict
on_fetched(struct portico_request *request, void *arg)
{
	struct transfer *transfer = arg;
	struct static_fetch *fetch = &transfer->fetch;

	if (fetch->os_error != 0) {
		portico_log(request, PORTICO_LOG_ERROR, STATIC_LOG_READ_FAILED,
			    "reading \"%.*s\" at byte %" PRIu64 " failed: %s",
			    (int)transfer->entry->path_length,
			    transfer->entry->path, fetch->offset,
			    strerror(fetch->os_error));
		return PORTICO_ERROR;
	}
	transfer->fetched = fetch->length;
	return run_transfer(request, transfer);
}

/* Is it there?  A file that is asked for many times a second is not looked at
 * every time. */
static bool
is_cached(const struct static_entry *entry, uint64_t offset, uint64_t length)
{
	return portico_clock() - entry->cached_at < STATIC_CACHED_NS ||
	       static_span_is_cached(portico_file_fd(entry->file), offset,
				     length);
}

/* All of it was in memory, none of it looked at before `begun`. */
static void
believe(struct static_entry *entry, uint64_t begun)
{
	/* Belief does not come from belief, or it would never end. */
	if (begun > entry->cached_at &&
	    begun - entry->cached_at >= STATIC_CACHED_NS)
		entry->cached_at = begun;
}

/* The next bytes of the piece have to come from the disk.  What was handed
 * over leaves meanwhile; before the first byte nothing does, so that a file
 * that cannot be read is still answered with 500. */
static enum portico_status
start_fetch(struct portico_request *request, struct transfer *transfer,
	    const struct piece *piece)
{
	enum portico_status status;

	if (transfer->held) {
		status = portico_response_flush(request);
		if (status != PORTICO_OK)
			return status;
		transfer->held = false;
	}
	transfer->fetch = (struct static_fetch){
		.fd = portico_file_fd(transfer->entry->file),
		.offset = piece->offset,
		.length = smaller(piece->length, transfer->fetch_size),
	};
	transfer->fetch_size =
		smaller(transfer->fetch_size * 2, STATIC_SPAN_BYTES);
	return portico_offload(request, static_fetch_run, &transfer->fetch,
			       on_fetched, transfer);
}

/* Hand over spans of the piece.  OK: all of it, or as far as is cached and
 * *fetching_r. */
static enum portico_status
send_file(struct portico_request *request, struct transfer *transfer,
	  struct piece *piece, bool *fetching_r)
{
	struct static_entry *entry = transfer->entry;

	while (piece->length > 0) {
		uint64_t span = smaller(piece->length, STATIC_SPAN_BYTES);
		enum portico_status status;

		if (transfer->fetched > 0) {
			span = smaller(span, transfer->fetched);
		} else if (!is_cached(entry, piece->offset, span)) {
			status = start_fetch(request, transfer, piece);
			*fetching_r = status == PORTICO_OK;
			return status;
		}
		/* Looked at again after a wait, which may have been long. */
		transfer->fetched = 0;
		status = portico_response_send_file(request, entry->file,
						    piece->offset, span);
		if (status != PORTICO_OK)
			return status;
		transfer->held = true;
		transfer->seen += span;
		piece->offset += span;
		piece->length -= span;
	}
	return PORTICO_OK;
}

/* ---- pieces -------------------------------------------------------------- */

static enum portico_status
send_bytes(struct portico_request *request, struct piece *piece)
{
	size_t written = 0;
	enum portico_status status =
		portico_response_write(request, piece->data + piece->offset,
				       (size_t)piece->length, &written);

	piece->offset += written;
	piece->length -= written;
	return status;
}

static enum portico_verdict
run_transfer(struct portico_request *request, void *arg)
{
	struct transfer *transfer = arg;

	while (transfer->current < transfer->piece_count) {
		struct piece *piece = &transfer->pieces[transfer->current];
		enum portico_status status;
		bool fetching = false;

		status = piece->data == NULL ? send_file(request, transfer,
							 piece, &fetching) :
					       send_bytes(request, piece);
		if (fetching)
			return PORTICO_PENDING;
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
	/* Ranges do not overlap, so that is each byte once. */
	if (transfer->seen == transfer->entry->size)
		believe(transfer->entry, transfer->begun);
	return PORTICO_DONE;
}

static void
drop_entry(void *arg)
{
	static_entry_unref(arg);
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
	memset(transfer, 0, sizeof(*transfer));
	transfer->entry = entry;
	transfer->fetch_size = STATIC_FIRST_FETCH_BYTES;
	transfer->begun = portico_clock();
	transfer->piece_count = piece_count;
	return transfer;
}

/* One go, if that is enough: AGAIN if it is not, and `piece` is what is left. */
static enum portico_status
send_at_once(struct portico_request *request, struct static_entry *entry,
	     struct piece *piece)
{
	enum portico_status status;
	uint64_t now;

	if (piece->length == 0)
		return PORTICO_OK;
	if (piece->data != NULL)
		return send_bytes(request, piece);
	now = portico_clock();
	if (piece->length > STATIC_SPAN_BYTES ||
	    !is_cached(entry, piece->offset, piece->length))
		return PORTICO_AGAIN;
	if (piece->length == entry->size)
		believe(entry, now);
	status = portico_response_send_file(request, entry->file, piece->offset,
					    piece->length);
	if (status == PORTICO_OK)
		piece->length = 0;
	return status;
}

/* Everything that fits in one go, and that is nearly everything, needs no
 * transfer object. */
static enum portico_verdict
send_part(struct portico_request *request, struct static_entry *entry,
	  uint64_t offset, uint64_t length)
{
	struct piece piece = entry_part(entry, offset, length);
	struct transfer *transfer;
	enum portico_status status;

	if (portico_response_set_length(request, (int64_t)length) != PORTICO_OK)
		return PORTICO_ERROR;
	if (static_is_head(request))
		return PORTICO_DONE;
	status = send_at_once(request, entry, &piece);
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
		pieces[1] = entry_part(transfer->entry, ranges[i].offset,
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
		return send_part(request, entry, 0, entry->size);
	if (portico_response_set_status(request, 206, 0) != PORTICO_OK)
		return PORTICO_ERROR;
	if (range_count > 1)
		return send_multipart(request, entry, ranges, range_count);
	if (set_content_range(request, entry, &ranges[0]) != PORTICO_OK)
		return PORTICO_ERROR;
	return send_part(request, entry, ranges[0].offset, ranges[0].length);
}
