/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of requests.  Each chunk is an own malloc() that is freed by the next
 * portico_body_read, as long as it may be used.
 */
#include "core/worker/program.h"
#include "sdk/testkit/kit_priv.h"

void
kit_expect_body(struct kit_request *request, int64_t length)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->started || length < -1)
		kit_fail("kit_expect_body: the request has begun already, or "
			 "the length is none");
	request->body_length = length;
}

static void
arrive(struct kit_request *request, const void *data, size_t length)
{
	struct portico_request *inner = &request->request;

	if (request->ended)
		return;
	if (request->body_length == -2 && !request->started)
		request->body_length = -1;
	if (inner->response.tunnel)
		kit_fail("kit_body: it is a tunnel (kit_tunnel_send)");
	else if (inner->body.complete)
		kit_fail("kit_body: the body has ended already");
	if (length > 0) {
		kit_piece_add(&request->chunks, data, length);
		inner->body.count++;
	}
}

static void
go_on(struct kit_request *request)
{
	struct portico_request *inner = &request->request;

	if (request->started && !request->ended &&
	    inner->wait.kind == WAIT_BODY && body_readable(inner)) {
		request_ready(inner);
		kit_turn(request->kit);
	}
}

void
kit_body(struct kit_request *request, const void *data, size_t length)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	arrive(request, data, length);
	go_on(request);
}

void
kit_body_end(struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	arrive(request, NULL, 0);
	request->request.body.complete = true;
	go_on(request);
}

void
kit_trailer(struct kit_request *request, const char *name, const char *value)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->request.body.complete)
		kit_fail("kit_trailer: the body has ended already");
	buffer_printf(&request->trailers, "%s: %s\r\n", name, value);
}

void
kit_whole_body(struct kit_request *request, const void *data, size_t length)
{
	kit_expect_body(request, (int64_t)length);
	arrive(request, data, length);
	request->request.body.complete = true;
}

void
kit_body_drop(struct kit_request *request)
{
	LIST_FOREACH_SAFE(struct kit_piece, link, piece, &request->chunks)
		kit_piece_free(piece);
	kit_piece_free(request->lent);
	request->lent = NULL;
	request->request.body.count = 0;
}

/* ---- what the worker's files look for ----------------------------------------------- */

void
body_discard(struct portico_request *inner)
{
	kit_body_drop(kit_of(inner));
}

bool
body_readable(const struct portico_request *inner)
{
	const struct body *body = &inner->body;

	return inner->aborted || body->count > 0 || body->complete ||
	       !body->expected;
}

enum portico_status
body_read(struct portico_request *inner, struct portico_slice *chunk_r)
{
	struct kit_request *request = kit_of(inner);
	struct body *body = &inner->body;

	*chunk_r = (struct portico_slice){ NULL, 0 };
	kit_piece_free(request->lent);
	request->lent = NULL;
	if (inner->aborted)
		return PORTICO_ABORTED;
	if (body->count == 0) {
		if (!body->complete && body->expected)
			return PORTICO_AGAIN;
		if (!body->ended && request->trailers.length > 0)
			trailers_receive(inner, request->trailers.data,
					 (uint32_t)request->trailers.length);
		body->ended = true;
		return PORTICO_END;
	}
	request->lent = LIST_FIRST(struct kit_piece, link, &request->chunks);
	list_remove(&request->lent->link);
	body->count--;
	*chunk_r = (struct portico_slice){ request->lent->data,
					   request->lent->length };
	if (inner->application->reads_entity && !inner->response.tunnel &&
	    program_notify(inner, PIPELINE_STAGE_READ_ENTITY) == PORTICO_ERROR)
		return PORTICO_ABORTED;
	return PORTICO_OK;
}
