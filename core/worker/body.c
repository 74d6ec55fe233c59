/* SPDX-License-Identifier: Apache-2.0
 *
 * Request body: chunks lie in the channel's blocks, are read there, and are
 * given back one by one.  The listener sends no more than the window that was
 * asked for, so the circle stays small.
 */
#include "core/worker/attachment.h"
#include "core/worker/program.h"
#include "core/worker/request.h"
#include "core/worker/application.h"
#include "core/worker/tunnel.h"

static void
chunks_grow(struct portico_request *request)
{
	struct body *body = &request->body;
	uint16_t capacity = (uint16_t)(body->capacity * 2);
	struct channel_reference *larger =
		arena_alloc(request->arena, capacity * sizeof(*larger));

	for (uint16_t i = 0; i < body->count; i++)
		larger[i] = body->chunks[(body->first + i) % body->capacity];
	body->chunks = larger;
	body->capacity = capacity;
	body->first = 0;
}

/* The last reference without what is behind the body. */
static struct channel_reference
without_trailers(struct portico_request *request,
		 const struct channel_descriptor *descriptor)
{
	struct channel_reference last = descriptor->refs[descriptor->count - 1];
	const char *data =
		channel_block_data(request->attachment->channel, last);

	last.length -= descriptor->extra;
	trailers_receive(request, data + last.length, descriptor->extra);
	return last;
}

void
body_receive(struct portico_request *request,
	     const struct channel_descriptor *descriptor)
{
	struct body *body = &request->body;

	for (unsigned i = 0; i < descriptor->count; i++) {
		struct channel_reference chunk = descriptor->refs[i];

		if (i + 1u == descriptor->count && descriptor->extra > 0)
			chunk = without_trailers(request, descriptor);
		if (request->aborted || body->count == UINT16_MAX / 2 ||
		    chunk.length == 0) {
			attachment_release(request->attachment, chunk.block);
			continue;
		}
		if (body->count == body->capacity)
			chunks_grow(request);
		body->chunks[(body->first + body->count) % body->capacity] =
			chunk;
		body->count++;
	}
	if ((descriptor->flags & CHANNEL_FLAG_LAST) != 0)
		body->complete = true;
	if (request->wait.kind == WAIT_BODY && body_readable(request))
		request_ready(request);
	else if (request->wait.kind == WAIT_TUNNEL)
		tunnel_look(request);
}

static void
window_ask(struct portico_request *request, uint32_t bytes)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_WINDOW,
		.slot = request->slot,
		.generation = request->generation,
		.value = bytes,
	};

	if (bytes > 0)
		attachment_send(request->attachment, &descriptor);
}

static void
chunk_release(struct portico_request *request)
{
	struct body *body = &request->body;

	if (body->lent == CHANNEL_BLOCK_NONE)
		return;
	attachment_release(request->attachment, body->lent);
	body->lent = CHANNEL_BLOCK_NONE;
	/* In halves: a WINDOW for every chunk would cost more than the body.
	 * Of a tunnel also by pieces: the listener gathers small ones when it
	 * has sent many that were not used. */
	if (!body->complete && (body->released >= BODY_WINDOW_BYTES / 2 ||
				(request->response.tunnel &&
				 ++body->pieces >= TUNNEL_WINDOW_PIECES))) {
		window_ask(request, body->released);
		body->released = 0;
		body->pieces = 0;
	}
}

void
body_begin_tunnel(struct portico_request *request)
{
	struct body *body = &request->body;

	body->expected = true;
	body->complete = body->ended = false;
	body->asked = true;
	body->released = 0;
	window_ask(request, BODY_WINDOW_BYTES);
}

void
body_discard(struct portico_request *request)
{
	struct body *body = &request->body;
	struct attachment *attachment = request->attachment;

	if (body->lent != CHANNEL_BLOCK_NONE)
		attachment_release(attachment, body->lent);
	body->lent = CHANNEL_BLOCK_NONE;
	for (; body->count > 0; body->count--) {
		attachment_release(attachment, body->chunks[body->first].block);
		body->first = (uint16_t)((body->first + 1) % body->capacity);
	}
}

bool
body_readable(const struct portico_request *request)
{
	const struct body *body = &request->body;

	return request->aborted || body->count > 0 || body->complete ||
	       !body->expected;
}

static enum portico_status
tell_readers(struct portico_request *request)
{
	if (request->application->reads_entity && !request->response.tunnel &&
	    program_notify(request, PIPELINE_STAGE_READ_ENTITY) ==
		    PORTICO_ERROR)
		return PORTICO_ABORTED;
	return PORTICO_OK;
}

enum portico_status
body_read(struct portico_request *request, struct portico_slice *chunk_r)
{
	struct body *body = &request->body;
	struct channel_reference chunk;

	*chunk_r = (struct portico_slice){ NULL, 0 };
	chunk_release(request);
	if (request->aborted)
		return PORTICO_ABORTED;
	if (body->memory.length > 0) {
		*chunk_r = body->memory;
		body->memory.length = 0;
		return tell_readers(request);
	}
	if (body->count == 0) {
		if (body->complete || !body->expected) {
			body->ended = true;
			return PORTICO_END;
		}
		if (!body->asked)
			window_ask(request, BODY_WINDOW_BYTES);
		body->asked = true;
		return PORTICO_AGAIN;
	}
	if (!body->asked && !body->complete)
		window_ask(request, BODY_WINDOW_BYTES);
	body->asked = true;
	chunk = body->chunks[body->first];
	body->first = (uint16_t)((body->first + 1) % body->capacity);
	body->count--;
	chunk_r->data = channel_block_data(request->attachment->channel, chunk);
	chunk_r->length = chunk.length;
	body->lent = chunk.block;
	body->released += chunk.length;
	return tell_readers(request);
}
