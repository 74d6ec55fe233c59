/* SPDX-License-Identifier: Apache-2.0
 *
 * What modules call to make a response, and its end.
 */
#include <string.h>

#include "core/channel/limits.h"
#include "core/worker/application.h"
#include "core/worker/attachment.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"
#include "core/worker/response_trailer.h"
#include "core/worker/tunnel.h"

/* May bytes be added now?  OK, or why not. */
static enum portico_status
check_open(const struct portico_request *request)
{
	const struct response *response = &request->response;

	if (request->aborted || response->cut || response->replaced)
		return PORTICO_ABORTED;
	if (response->finished || response->leaving || response->filtering ||
	    response->reserved || request->ended)
		return PORTICO_STATE;
	return PORTICO_OK;
}

/* More than was announced would break the connection's framing. */
static enum portico_status
check_length(struct portico_request *request, uint64_t length)
{
	struct response *response = &request->response;

	if (response->length < 0 || response->filters != NULL ||
	    response->body_bytes + length <= (uint64_t)response->length)
		return PORTICO_OK;
	request_blame(request, 4007,
		      "module writes more than the length it announced");
	return PORTICO_TOO_LARGE;
}

/* ---- deciding ----------------------------------------------------------------------- */

/* The staged body goes through the filters that now take part. */
static void
refeed(struct portico_request *request)
{
	struct response *response = &request->response;
	char *data = response->data;
	uint32_t block = response->block;
	uint32_t head = response->head_length;
	uint32_t used = response->used;

	if (data == NULL)
		return;
	response->window += used - head;
	response->out_bytes -= used - head;
	response->data = NULL;
	response->head_length = 0;
	response->head_stale = false;
	if (used > head)
		filter_feed(request,
			    (struct portico_slice){ data + head, used - head },
			    0);
	out_block_free(request, block, data);
}

void
response_decide(struct portico_request *request)
{
	struct response *response = &request->response;
	enum portico_verdict verdict;

	if (response->decided)
		return;
	response->decided = true;
	response->leaving = true;
	verdict = program_notify(request, PIPELINE_STAGE_SEND_RESPONSE);
	response->leaving = false;
	if (verdict == PORTICO_ERROR || !filter_begin(request)) {
		response_fail(request, 500, 0);
		response->replaced = true;
		return;
	}
	if (response->filters == NULL)
		return;
	refeed(request);
	if (response->file != NULL) {
		struct portico_file *file = response->file;

		response->file = NULL;
		filter_feed_file(request, file, response->file_offset,
				 response->file_length);
		file_unref(file);
	}
}

/* ---- the channel's socket is full --------------------------------------------------------- */

static void
on_retry(struct portico_request *request, void *arg)
{
	(void)arg;
	request->response.file_blocked = false;
	response_progress(request);
}

/* A file could not be passed: nothing tells when, so look again in a moment. */
static void
retry_later(struct portico_request *request)
{
	if (request->response.file_blocked)
		return;
	request->response.file_blocked = true;
	host_timer_start(request, FILE_RETRY_MS * UINT64_C(1000000), on_retry,
			 NULL);
}

/* ---- writing ------------------------------------------------------------------------- */

/* A file that is held back goes before what comes now. */
static enum portico_status
file_first(struct portico_request *request)
{
	struct response *response = &request->response;
	enum portico_status status;

	if (response->file == NULL)
		return PORTICO_OK;
	response_decide(request);
	if (response->replaced)
		return PORTICO_ABORTED;
	if (response->file == NULL)
		return PORTICO_OK;
	status = out_push_file(request, false);
	if (status == PORTICO_AGAIN)
		retry_later(request);
	return status;
}

static enum portico_status
write_filtered(struct portico_request *request, const char *data, size_t length,
	       size_t *written_r)
{
	enum portico_status status;

	if (!filter_drain(request) || !filter_is_idle(request))
		return PORTICO_AGAIN;
	/* What a filter makes of it must fit the backlog. */
	if (length > SCRATCH_BYTES)
		length = SCRATCH_BYTES;
	status =
		filter_feed(request, (struct portico_slice){ data, length }, 0);
	if (status != PORTICO_OK)
		return PORTICO_ABORTED;
	*written_r = length;
	return PORTICO_OK;
}

static enum portico_status
write_some(struct portico_request *request, const char *data, size_t length,
	   size_t *written_r)
{
	struct response *response = &request->response;

	*written_r = 0;
	if (response->filters != NULL)
		return write_filtered(request, data, length, written_r);
	*written_r = out_write(request, data, length);
	if (*written_r > 0)
		return PORTICO_OK;
	if (response->decided)
		return PORTICO_AGAIN;
	/* The head must leave to make room. */
	response_decide(request);
	return response->cut || response->replaced ? PORTICO_ABORTED :
						     PORTICO_OK;
}

enum portico_status
response_write(struct portico_request *request, const void *data, size_t length,
	       size_t *written_r)
{
	struct response *response = &request->response;
	enum portico_status status = check_open(request);
	size_t written = 0;

	*written_r = 0;
	if (status == PORTICO_OK)
		status = check_length(request, length);
	if (status != PORTICO_OK)
		return status;
	response->made = true;
	if (response_is_bodiless(request)) {
		response->body_bytes += length;
		*written_r = length;
		return PORTICO_OK;
	}
	status = file_first(request);
	while (status == PORTICO_OK && written < length) {
		size_t some;

		status = write_some(request, (const char *)data + written,
				    length - written, &some);
		written += some;
	}
	response->body_bytes += written;
	*written_r = written;
	return status;
}

enum portico_status
response_reserve(struct portico_request *request, size_t wanted, void **data_r,
		 size_t *size_r)
{
	struct response *response = &request->response;
	enum portico_status status = check_open(request);

	*data_r = NULL;
	*size_r = 0;
	if (status == PORTICO_OK && wanted == 0)
		status = PORTICO_INVALID;
	if (status == PORTICO_OK)
		status = file_first(request);
	if (status != PORTICO_OK)
		return status;
	if (wanted > SCRATCH_BYTES)
		wanted = SCRATCH_BYTES;
	response->made = true;
	if (response_is_bodiless(request)) {
		*data_r = loop_scratch(request->loop);
		*size_r = wanted;
		response->reserved = true;
		return PORTICO_OK;
	}
	if (response->filters == NULL)
		*data_r = out_reserve(request, wanted, size_r);
	if (*data_r == NULL && !response->decided) {
		response_decide(request);
		if (response->cut || response->replaced)
			return PORTICO_ABORTED;
		if (response->filters == NULL)
			*data_r = out_reserve(request, wanted, size_r);
	}
	if (response->filters != NULL && filter_drain(request) &&
	    filter_is_idle(request)) {
		*data_r = loop_scratch(request->loop);
		*size_r = wanted;
	}
	if (*data_r == NULL)
		return PORTICO_AGAIN;
	if (*size_r > wanted)
		*size_r = wanted;
	response->reserved = true;
	return PORTICO_OK;
}

enum portico_status
response_commit(struct portico_request *request, size_t length)
{
	struct response *response = &request->response;
	enum portico_status status;

	if (!response->reserved)
		return PORTICO_STATE;
	response->reserved = false;
	if (request->aborted || response->cut)
		return PORTICO_ABORTED;
	status = check_length(request, length);
	if (status != PORTICO_OK)
		return status;
	response->body_bytes += length;
	if (length == 0 || response_is_bodiless(request))
		return PORTICO_OK;
	if (response->filters != NULL) {
		struct portico_slice chunk = { loop_scratch(request->loop),
					       length };

		return filter_feed(request, chunk, 0) == PORTICO_OK ?
			       PORTICO_OK :
			       PORTICO_ABORTED;
	}
	out_commit(request, length);
	return PORTICO_OK;
}

enum portico_status
response_flush(struct portico_request *request)
{
	struct response *response = &request->response;
	enum portico_status status = check_open(request);

	if (status != PORTICO_OK)
		return status;
	response->made = true;
	response_decide(request);
	if (response->replaced)
		return PORTICO_ABORTED;
	status = file_first(request);
	if (status != PORTICO_OK)
		return status;
	if (response->filters != NULL && !response_is_bodiless(request)) {
		if (!filter_drain(request) || !filter_is_idle(request))
			return PORTICO_AGAIN;
		filter_flush(request);
		return response->cut ? PORTICO_ABORTED : PORTICO_OK;
	}
	if (response_is_bodiless(request))
		out_drop_body(request);
	return out_flush(request);
}

enum portico_status
response_send_file(struct portico_request *request, struct portico_file *file,
		   uint64_t offset, uint64_t length)
{
	struct response *response = &request->response;
	enum portico_status status = check_open(request);

	if (status == PORTICO_OK &&
	    (offset > INT64_MAX || length > (uint64_t)INT64_MAX - offset))
		status = PORTICO_INVALID;
	if (status == PORTICO_OK)
		status = check_length(request, length);
	if (status != PORTICO_OK)
		return status;
	response->made = true;
	if (length == 0 || response_is_bodiless(request)) {
		response->body_bytes += length;
		return PORTICO_OK;
	}
	status = file_first(request);
	if (status != PORTICO_OK)
		return status;
	if (request->child != NULL && response->filters == NULL) {
		response_decide(request);
		if (response->cut || response->replaced)
			return PORTICO_ABORTED;
		if (response->filters == NULL)
			filter_begin_empty(request);
	}
	response->file_full = response->file_ahead > CHANNEL_FILE_AHEAD_BYTES;
	if (response->file_full)
		return PORTICO_AGAIN;
	if (response->filters != NULL) {
		if (!filter_drain(request) || !filter_is_idle(request))
			return PORTICO_AGAIN;
		status = filter_feed_file(request, file, offset, length);
	} else {
		file_ref(file);
		response->file = file;
		response->file_offset = offset;
		response->file_length = length;
	}
	if (status == PORTICO_OK)
		response->body_bytes += length;
	return status;
}

/* ---- the end -------------------------------------------------------------------------- */

/* The length that the head shall announce, now that all is known. */
static void
settle_length(struct portico_request *request)
{
	struct response *response = &request->response;
	uint64_t total = response->out_bytes;

	if (response->head_sent || response->length >= 0)
		return;
	if (response->file != NULL)
		total += response->file_length;
	if (request_is_head(request)) {
		/* Nothing written: nobody said how long it would be. */
		if (response->body_bytes > 0 && !response->filtered)
			response->length = (int64_t)response->body_bytes;
		return;
	}
	/* They need chunks, where there is no other way. */
	if (response->status == 304 || response_trailers_bytes(request) > 0)
		return;
	response->length = (int64_t)total;
}

/* Does what was written agree with what was announced? */
static void
check_complete(struct portico_request *request)
{
	struct response *response = &request->response;
	uint64_t total = response->out_bytes;

	if (response->length < 0 || response_is_bodiless(request))
		return;
	if (response->file != NULL)
		total += response->file_length;
	if (total == (uint64_t)response->length)
		return;
	request_blame(request, 4008,
		      "response ended with fewer or more bytes than announced");
	if (response->head_sent)
		response->cut = true;
	else
		response_fail(request, 500, 0);
}

/* All data is through the filters.  AGAIN: not yet. */
static enum portico_status
finish_filters(struct portico_request *request)
{
	if (response_is_bodiless(request))
		return PORTICO_OK;
	if (!filter_drain(request) || !filter_is_idle(request))
		return PORTICO_AGAIN;
	if (!filter_is_ended(request))
		filter_feed(request, (struct portico_slice){ "", 0 },
			    PORTICO_DATA_LAST);
	if (request->response.cut || request->response.filters == NULL)
		return PORTICO_OK;
	return filter_drain(request) ? PORTICO_OK : PORTICO_AGAIN;
}

static enum portico_status
finish_cut(struct portico_request *request)
{
	out_discard(request);
	request->failed = true;
	request->response.finished = true;
	return PORTICO_OK;
}

enum portico_status
response_finish(struct portico_request *request)
{
	struct response *response = &request->response;
	enum portico_status status = PORTICO_OK;

	response->reserved = false;
	if (response->finished)
		return PORTICO_OK;
	if (request->aborted || (response->cut && response->head_sent))
		return finish_cut(request);
	if (response->cut)
		response_fail(request, 500, 0);
	if (!response->made)
		response_fail(request, 404, 0);
	response_decide(request);
	if (response->filters != NULL)
		status = finish_filters(request);
	if (status != PORTICO_OK)
		return status;
	if (response->cut && !response->head_sent)
		response_fail(request, 500, 0);
	if (response_is_bodiless(request))
		out_drop_body(request);
	check_complete(request);
	if (response->cut)
		return finish_cut(request);
	settle_length(request);
	status = out_push_rest(request);
	if (response->cut)
		return finish_cut(request);
	if (status == PORTICO_AGAIN) {
		if (response->file != NULL)
			retry_later(request);
		return status;
	}
	response->finished = true;
	return PORTICO_OK;
}

/* ---- going on -------------------------------------------------------------------------- */

bool
response_writable(const struct portico_request *request)
{
	const struct response *response = &request->response;

	if (request->aborted || response->cut)
		return true;
	if (list_linked(&request->room_link) || response->file_blocked ||
	    response->file_full)
		return false;
	if (response->filters != NULL)
		return filter_is_idle(request);
	return response->window > 0 || response_is_bodiless(request);
}

void
response_progress(struct portico_request *request)
{
	struct response *response = &request->response;

	if (response->filters != NULL)
		filter_drain(request);
	if (request->wait.kind == WAIT_RESPONSE && response_writable(request))
		request_ready(request);
	else if (request->wait.kind == WAIT_TUNNEL)
		tunnel_look(request);
}

void
response_file_sent(struct portico_request *request, uint64_t bytes)
{
	struct response *response = &request->response;

	if (bytes > response->file_ahead)
		bytes = response->file_ahead;
	response->file_ahead -= bytes;
	if (response->file_ahead <= CHANNEL_FILE_AHEAD_BYTES)
		response->file_full = false;
	response_progress(request);
}

void
response_window(struct portico_request *request, uint64_t bytes)
{
	struct response *response = &request->response;

	response->window += bytes;
	if (response->patient &&
	    response->window >= request->attachment->window) {
		response->patient = false;
		list_remove(&request->room_link);
	}
	if (response->tunnel)
		tunnel_window(request);
	response_progress(request);
}
