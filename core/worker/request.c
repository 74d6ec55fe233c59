/* SPDX-License-Identifier: Apache-2.0
 *
 * The request object: begin, abort, end, and the spare list.
 */
#include "core/worker/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/http/log_record.h"
#include "core/worker/application.h"
#include "core/worker/attachment.h"
#include "core/worker/changes.h"
#include "core/worker/child.h"
#include "core/worker/program.h"
#include "core/worker/shared.h"
#include "core/worker/token.h"
#include "core/worker/worker.h"

struct portico_request *
request_new(struct worker_loop *loop)
{
	struct portico_request *request =
		LIST_FIRST(struct portico_request, link, &loop->spare);

	if (request != NULL) {
		list_remove(&request->link);
		loop->spare_count--;
		if (loop->spare_count < loop->spare_least)
			loop->spare_least = loop->spare_count;
		return request;
	}
	request = mem_zalloc(sizeof(*request));
	request->magic = REQUEST_MAGIC;
	request->loop = loop;
	request->arena = arena_new("request", REQUEST_ARENA_FIRST_BYTES);
	arena_set_limit(request->arena, REQUEST_ARENA_LIMIT_BYTES);
	list_init(&request->timers);
	list_init(&request->watches);
	list_init(&request->children);
	list_init(&request->services);
	list_init(&request->shared_watches);
	list_init(&request->link);
	list_init(&request->ready_link);
	list_init(&request->room_link);
	return request;
}

static void
request_free(struct portico_request *request)
{
	arena_free(request->arena);
	request->magic = 0;
	mem_free(request);
}

void
request_recycle(struct portico_request *request)
{
	struct worker_loop *loop = request->loop;

	CHECK(request, REQUEST_MAGIC);
	ASSERT(request->ended && request->holds == 0);
	arena_reset(request->arena);
	if (loop->spare_count >= REQUEST_SPARE_MAX) {
		request_free(request);
		return;
	}
	/* Newest first: it is still in the cache. */
	list_add_head(&loop->spare, &request->link);
	loop->spare_count++;
}

void
request_unhold(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	ASSERT(request->holds > 0);
	request->holds--;
	if (request->holds == 0 && request->ended)
		request_recycle(request);
}

static void
free_newest_spare(struct worker_loop *loop)
{
	struct portico_request *request =
		LIST_FIRST(struct portico_request, link, &loop->spare);

	list_remove(&request->link);
	loop->spare_count--;
	request_free(request);
}

void
request_free_spare(struct worker_loop *loop)
{
	while (!list_empty(&loop->spare))
		free_newest_spare(loop);
}

void
request_trim_spare(struct worker_loop *loop)
{
	uint32_t idle = loop->spare_least, freed = 0;

	for (; freed < idle && loop->spare_count > REQUEST_SPARE_IDLE; freed++)
		free_newest_spare(loop);
	loop->spare_least = loop->spare_count;
	if (freed >= TRIM_HEAP_REQUESTS)
		mem_trim();
}

static void
body_begin(struct portico_request *request, bool has_body)
{
	struct body *body = &request->body;

	body->chunks = body->inline_chunks;
	body->capacity = BODY_CHUNKS_INLINE;
	body->first = body->count = 0;
	body->expected = has_body;
	body->complete = body->ended = body->asked = false;
	body->lent = CHANNEL_BLOCK_NONE;
	body->released = 0;
	body->pieces = 0;
	body->memory = (struct portico_slice){ NULL, 0 };
	body->trailers = NULL;
	body->trailers_lost = false;
}

void
request_prepare(struct portico_request *request, struct attachment *attachment,
		const struct http_request_head *head, bool has_body)
{
	request->aborted = request->ended = request->failed = false;
	request->holds = 0;
	request->cannot_wait = 0;
	request->attachment = attachment;
	request->child = NULL;
	request->head = head;
	request->application = worker_find_application(request->loop->worker,
						       head->application_id);
	request->step = NULL;
	request->current = NULL;
	request->took_part = 0;
	request->pending = NULL;
	request->progress =
		attachment == NULL ?
			NULL :
			channel_progress_of(attachment->channel, request->slot);
	request->chosen = NULL;
	request->wait.kind = WAIT_NONE;
	request->wait.ready = false;
	request->states = NULL;
	request->changes = NULL;
	request->user = (struct portico_slice){ "", 0 };
	request_locate(request);
	body_begin(request, has_body);
	response_init(request);
}

bool
request_begin(struct portico_request *request, struct attachment *attachment,
	      const struct channel_descriptor *descriptor)
{
	const struct http_request_head *head =
		channel_block_data(attachment->channel, descriptor->refs[0]);

	if (head == NULL || head->magic != HTTP_REQUEST_HEAD_MAGIC ||
	    head->version != HTTP_REQUEST_HEAD_VERSION)
		return false;
	DIAG(http_request_head_is_valid(head, descriptor->refs[0].length));
	request->slot = descriptor->slot;
	request->generation = descriptor->generation;
	request->head_block = descriptor->refs[0].block;
	request_prepare(request, attachment, head,
			(descriptor->flags & CHANNEL_FLAG_HAS_BODY) != 0);
	return true;
}

struct changes *
changes_get(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	if (request->changes == NULL)
		request->changes =
			arena_zalloc(request->arena, sizeof(*request->changes));
	return request->changes;
}

void
request_ready(struct portico_request *request)
{
	struct worker_loop *loop = request->loop;

	CHECK(request, REQUEST_MAGIC);
	if (request->wait.kind == WAIT_NONE || request->wait.ready)
		return;
	request->wait.ready = true;
	if (list_empty(&loop->ready))
		loop_want_ready(loop);
	list_add_tail(&loop->ready, &request->ready_link);
}

void
request_tell_abort(struct portico_request *request,
		   const struct module_record *record)
{
	const struct portico_self *outer = request->current;

	if (record->module.on_abort == NULL)
		return;
	request->cannot_wait++;
	request->current = &record->self;
	record->module.on_abort(request);
	request->cannot_wait--;
	request->current = outer;
}

void
request_tell_overdue(const struct portico_request *request)
{
	const struct wait *wait = &request->wait;
	struct request_context storage;

	CHECK(request, REQUEST_MAGIC);
	if (request->aborted || request->ended || wait->self == NULL ||
	    wait->ready ||
	    (wait->kind != WAIT_TOKEN && wait->kind != WAIT_OFFLOAD))
		return;
	log_warn(4072, request_context(request, &storage),
		 "module \"%s\" has suspended the request in %s and %s within "
		 "executionTimeout",
		 wait->self->record->name,
		 pipeline_event_name((enum portico_event)request->step->event),
		 wait->kind == WAIT_TOKEN ? "not completed it" :
					    "its work has not ended");
}

/* Modules that had a part in it and wish to know. */
static void
tell_modules(struct portico_request *request)
{
	const struct pipeline *pipeline = request->application->pipeline;

	if (pipeline == NULL)
		return;
	for (uint32_t i = 0; i < pipeline->module_count; i++) {
		if ((request->took_part & program_part_of(i)) != 0)
			request_tell_abort(request, pipeline->modules[i]);
	}
}

void
request_abort(struct portico_request *request, enum portico_abort why)
{
	CHECK(request, REQUEST_MAGIC);
	if (request->aborted || request->ended)
		return;
	request->aborted = true;
	request->abort_reason = why;
	if (!list_empty(&request->services))
		services_abort(request);
	tell_modules(request);
	if (!list_empty(&request->children))
		children_abort(request);
	if (request->wait.kind == WAIT_BODY ||
	    request->wait.kind == WAIT_RESPONSE ||
	    request->wait.kind == WAIT_TUNNEL ||
	    request->wait.kind == WAIT_CHILD)
		request_ready(request);
}

/* The record in a block, for END; false: nothing to say, or no block. */
static bool
log_record_make(struct portico_request *request,
		struct channel_descriptor *descriptor)
{
	uint32_t size;
	char *block;

	if (request->user.length == 0)
		return false;
	block = channel_block_alloc(request->attachment->channel,
				    CHANNEL_BLOCK_4K,
				    &descriptor->refs[0].block, &size);
	if (block == NULL)
		return false;
	descriptor->refs[0].length = (uint32_t)http_log_record_add(
		block, HTTP_LOG_BYTES_MAX, 0, HTTP_LOG_USER, request->user);
	descriptor->count = 1;
	return true;
}

static void
end_send(struct portico_request *request)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_END,
		.slot = request->slot,
		.generation = request->generation,
	};
	struct response *response = &request->response;

	if (request->attachment->dead)
		return;
	if (response->has_last && request->user.length == 0) {
		out_send_last(request, true);
		return;
	}
	if (response->has_last)
		out_send_last(request, false);
	if (request->failed || !response->finished)
		descriptor.flags = CHANNEL_FLAG_FAILED;
	log_record_make(request, &descriptor);
	attachment_send(request->attachment, &descriptor);
}

static void
tell_reason(struct portico_request *request)
{
	const struct changes *changes = request->changes;
	struct request_context storage;

	if (changes == NULL || changes->reason.length == 0)
		return;
	request->current = NULL;
	log_debug(request_context(request, &storage), "status %u.%u: %s",
		  request->response.status, request->response.substatus,
		  changes->reason.data);
}

/* The slot is the listener's again. */
static void
leave_attachment(struct portico_request *request)
{
	struct attachment *attachment = request->attachment;
	struct worker_loop *loop = request->loop;

	list_remove(&request->link);
	list_remove(&request->room_link);
	attachment->slots[request->slot] = NULL;
	attachment_request_ended(attachment);
	atomic_fetch_sub_explicit(&loop->active, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&loop->served, 1, memory_order_relaxed);
}

void
request_end(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	ASSERT(!request->ended);
	program_pending(request, NULL);
	if (request->wait.kind != WAIT_NONE)
		wait_cancel(request);
	if (!list_empty(&request->timers))
		timers_stop_all(request);
	if (!list_empty(&request->watches))
		watches_stop_all(request);
	if (!list_empty(&request->children))
		children_close(request);
	if (!list_empty(&request->services))
		services_end(request);
	if (!list_empty(&request->shared_watches))
		shared_watches_stop_all(request);
	body_discard(request);
	tell_reason(request);
	if (request->child == NULL)
		end_send(request);
	response_fini(request);
	request->ended = true;
	if (request->child == NULL)
		leave_attachment(request);
	else
		child_ended(request);
	if (request->holds == 0)
		request_recycle(request);
}

/* ---- for the log ------------------------------------------------------------------- */

const struct log_context *
request_context(const struct portico_request *request,
		struct request_context *storage)
{
	storage->pool = (struct log_context){
		.name = "pool",
		.value = request->loop->worker->pool.data,
	};
	snprintf(storage->id_text, sizeof(storage->id_text), "%016" PRIx64,
		 request->head->request_id);
	storage->id = (struct log_context){
		.parent = &storage->pool,
		.name = "request",
		.value = storage->id_text,
	};
	if (request->current == NULL)
		return &storage->id;
	storage->module = (struct log_context){
		.parent = &storage->id,
		.name = "module",
		.value = request->current->record->name,
	};
	return &storage->module;
}

void
request_warn(const struct portico_request *request, unsigned number,
	     const char *what)
{
	struct request_context storage;

	log_warn(number, request_context(request, &storage), "%s", what);
}

void
request_blame(const struct portico_request *request, unsigned number,
	      const char *what)
{
	struct request_context storage;

	log_error(number, request_context(request, &storage), "%s", what);
}
