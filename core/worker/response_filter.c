/* SPDX-License-Identifier: Apache-2.0
 *
 * Response filters: the chain, what waits behind it, and files on their way
 * through it.
 *
 * What the chain puts out goes into blocks; what finds no room waits in the
 * backlog, and until that is empty nothing new is fed, so the backlog holds no
 * more than what one piece (64 KiB) was turned into.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/memory.h"
#include "core/worker/application.h"
#include "core/worker/attachment.h"
#include "core/worker/offload.h"
#include "core/worker/calls.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

#define STREAM_MAGIC 0x46535452u

struct portico_filter_stream {
	unsigned magic;
	uint32_t index; /* of the filter that gets what is passed */
	struct portico_request *request;
};

/* A file that passes through the chain, read off the loop. */
struct file_pump {
	struct portico_file *file; /* NULL: none */
	uint64_t offset, remaining; /* bytes */
	bool reading; /* work is with the pool */
	bool orphaned; /* the response has ended meanwhile */
	ssize_t got; /* result of the read; -1: failed */
	size_t want;
	char *buffer; /* FILTER_FILE_BYTES */
	struct portico_request *request;
	struct offload_work work;
};

struct filter_run {
	uint32_t count;
	bool flush_due, last_fed, ended;
	struct buffer backlog;
	size_t backlog_start; /* bytes of it that have left */
	struct file_pump *pump; /* NULL until a file comes */
	const struct pipeline_filter *filters[FILTERS_MAX];
	struct portico_filter_stream streams[FILTERS_MAX + 1];
};

/* ---- the chain ---------------------------------------------------------------------- */

static struct filter_run *
run_new(struct portico_request *request)
{
	return arena_zalloc(request->arena, sizeof(struct filter_run));
}

static void
run_open(struct portico_request *request)
{
	struct filter_run *run = request->response.filters;

	buffer_init(&run->backlog, FILTER_BACKLOG_BYTES_MAX);
	for (uint32_t i = 0; i <= run->count; i++)
		run->streams[i] = (struct portico_filter_stream){
			.magic = STREAM_MAGIC,
			.index = i,
			.request = request,
		};
}

static enum portico_verdict
call_head(struct portico_request *request, const struct pipeline_filter *filter)
{
	enum portico_verdict verdict;
	struct call call;

	call_begin(&call, request->loop, request->current, CALL_FILTER);
	verdict = filter->filter->head(request);
	call_end(&call, verdict == PORTICO_ERROR);
	return verdict;
}

bool
filter_begin(struct portico_request *request)
{
	struct response *response = &request->response;
	const struct pipeline *pipeline = request->application->pipeline;
	const struct portico_self *outer = request->current;
	struct filter_run *run = NULL;
	bool good = true;

	response->leaving = true;
	request->cannot_wait++;
	for (uint32_t i = 0; i < pipeline->filter_count && good; i++) {
		const struct pipeline_filter *filter = &pipeline->filters[i];
		enum portico_verdict verdict = PORTICO_NEXT;

		if (request->application->modules[filter->module->number].absent)
			continue;
		request->current = &filter->module->self;
		request_took_part(request, filter->module);
		if (filter->filter->head != NULL)
			verdict = call_head(request, filter);
		if (verdict == PORTICO_ERROR || verdict == PORTICO_PENDING)
			good = false;
		if (verdict != PORTICO_NEXT || filter->filter->data == NULL)
			continue;
		if (run == NULL)
			run = run_new(request);
		if (run->count == FILTERS_MAX) {
			request_blame(request, 4009, "too many filters");
			good = false;
			continue;
		}
		run->filters[run->count++] = filter;
	}
	request->cannot_wait--;
	request->current = outer;
	response->leaving = false;
	response->filtered = run != NULL;
	if (!good || run == NULL || response_is_bodiless(request))
		return good;
	response->filters = run;
	run_open(request);
	return true;
}

void
filter_begin_empty(struct portico_request *request)
{
	request->response.filters = run_new(request);
	run_open(request);
}

/* The end of the chain. */
static enum portico_status
sink(struct portico_request *request, struct portico_slice chunk,
     uint32_t flags)
{
	struct filter_run *run = request->response.filters;
	size_t taken = 0;

	if (run->backlog.length == run->backlog_start)
		taken = out_write(request, chunk.data, chunk.length);
	if (taken < chunk.length &&
	    buffer_append(&run->backlog, chunk.data + taken,
			  chunk.length - taken) != PORTICO_OK)
		return PORTICO_TOO_LARGE;
	if ((flags & PORTICO_DATA_FLUSH) != 0)
		run->flush_due = true;
	if ((flags & PORTICO_DATA_LAST) != 0)
		run->ended = true;
	return PORTICO_OK;
}

enum portico_status
filter_pass(struct portico_filter_stream *stream, struct portico_slice chunk,
	    uint32_t flags)
{
	struct portico_request *request = stream->request;
	struct filter_run *run = request->response.filters;
	const struct portico_self *outer = request->current;
	const struct pipeline_filter *filter;
	enum portico_status status;
	struct call call;

	CHECK(stream, STREAM_MAGIC);
	if (request->aborted || run == NULL)
		return PORTICO_ABORTED;
	if (!request->response.filtering)
		return PORTICO_STATE;
	if (stream->index == run->count)
		return sink(request, chunk, flags);
	filter = run->filters[stream->index];
	request->current = &filter->module->self;
	call_begin(&call, request->loop, request->current, CALL_FILTER);
	status = filter->filter->data(request, chunk, flags, stream + 1);
	call_end(&call, status < 0);
	request->current = outer;
	return status;
}

enum portico_status
filter_feed(struct portico_request *request, struct portico_slice chunk,
	    uint32_t flags)
{
	struct response *response = &request->response;
	struct filter_run *run = response->filters;
	enum portico_status status;

	if (run->last_fed)
		return PORTICO_STATE;
	if ((flags & PORTICO_DATA_LAST) != 0)
		run->last_fed = true;
	response->filtering = true;
	request->cannot_wait++;
	status = filter_pass(&run->streams[0], chunk, flags);
	request->cannot_wait--;
	response->filtering = false;
	if (status < 0)
		response->cut = true;
	return status;
}

/* ---- files ------------------------------------------------------------------------------ */

static void
pump_close(struct file_pump *pump)
{
	file_unref(pump->file);
	pump->file = NULL;
	MEM_FREE(pump->buffer);
}

static void
pump_work(struct offload_work *work)
{
	struct file_pump *pump = CONTAINER_OF(work, struct file_pump, work);

	do {
		pump->got = pread(pump->file->fd, pump->buffer, pump->want,
				  (off_t)pump->offset);
	} while (pump->got < 0 && errno == EINTR);
}

static void pump_next(struct portico_request *request);

static void
pump_done(struct offload_work *work)
{
	struct file_pump *pump = CONTAINER_OF(work, struct file_pump, work);
	struct portico_request *request = pump->request;
	struct portico_slice chunk;

	CHECK(request, REQUEST_MAGIC);
	pump->reading = false;
	if (pump->orphaned) {
		pump_close(pump);
		request_unhold(request);
		return;
	}
	if (pump->got <= 0) {
		/* Shorter than it was: what was promised cannot be sent. */
		request->response.cut = true;
		pump->remaining = 0;
	} else {
		pump->offset += (uint64_t)pump->got;
		pump->remaining -= (uint64_t)pump->got;
		chunk = (struct portico_slice){ pump->buffer,
						(size_t)pump->got };
		filter_feed(request, chunk, 0);
	}
	if (request->response.cut || request->aborted)
		pump->remaining = 0;
	pump_next(request);
	response_progress(request);
	request_unhold(request);
}

/* The next read, if there is one and the backlog is empty. */
static void
pump_next(struct portico_request *request)
{
	struct filter_run *run = request->response.filters;
	struct file_pump *pump = run->pump;

	if (pump == NULL || pump->file == NULL || pump->reading)
		return;
	if (pump->remaining == 0) {
		pump_close(pump);
		return;
	}
	if (run->backlog.length != run->backlog_start)
		return;
	pump->want = pump->remaining < FILTER_FILE_BYTES ?
			     (size_t)pump->remaining :
			     FILTER_FILE_BYTES;
	pump->reading = true;
	request->holds++;
	offload_submit(request->loop->worker->offload, &pump->work);
}

enum portico_status
filter_feed_file(struct portico_request *request, struct portico_file *file,
		 uint64_t offset, uint64_t length)
{
	struct filter_run *run = request->response.filters;
	struct file_pump *pump = run->pump;

	if (pump == NULL) {
		pump = arena_zalloc(request->arena, sizeof(*pump));
		list_init(&pump->work.link);
		pump->work.loop = request->loop;
		pump->work.work = pump_work;
		pump->work.done = pump_done;
		pump->request = request;
		run->pump = pump;
	}
	ASSERT(pump->file == NULL);
	file_ref(file);
	pump->file = file;
	pump->offset = offset;
	pump->remaining = length;
	pump->buffer = mem_alloc(FILTER_FILE_BYTES);
	pump_next(request);
	return PORTICO_OK;
}

/* ---- state ------------------------------------------------------------------------------- */

bool
filter_is_idle(const struct portico_request *request)
{
	const struct filter_run *run = request->response.filters;

	return run->backlog.length == run->backlog_start &&
	       (run->pump == NULL || run->pump->file == NULL);
}

bool
filter_is_ended(const struct portico_request *request)
{
	return request->response.filters->last_fed;
}

bool
filter_drain(struct portico_request *request)
{
	struct filter_run *run = request->response.filters;
	size_t waiting = run->backlog.length - run->backlog_start;

	if (waiting > 0) {
		run->backlog_start += out_write(
			request, run->backlog.data + run->backlog_start,
			waiting);
		if (run->backlog_start < run->backlog.length)
			return false;
		buffer_reset(&run->backlog);
		run->backlog_start = 0;
	}
	if (run->flush_due) {
		run->flush_due = false;
		out_flush(request);
	}
	pump_next(request);
	return true;
}

void
filter_flush(struct portico_request *request)
{
	if (filter_feed(request, (struct portico_slice){ "", 0 },
			PORTICO_DATA_FLUSH) != PORTICO_OK)
		return;
	request->response.filters->flush_due = true;
	filter_drain(request);
}

void
filter_fini(struct portico_request *request)
{
	struct filter_run *run = request->response.filters;

	request->response.filters = NULL;
	buffer_fini(&run->backlog);
	if (run->pump == NULL)
		return;
	if (run->pump->reading)
		run->pump->orphaned = true;
	else
		pump_close(run->pump);
}
