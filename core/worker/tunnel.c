/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: requests that become tunnels.
 *
 * What is written leaves when the module's function suspends, so that a reply
 * made of several writes is one block; written while the request is suspended
 * (from a timer, say) it leaves at once.
 *
 * A block has 4 KiB at least, so a client that does not read could hold many
 * for a few bytes each: after TUNNEL_PIECES_MAX small ones the next wait in
 * their block until it is full or the client has taken all that is out.
 */
#include "core/worker/tunnel.h"

#include "core/base/slice.h"
#include "core/worker/attachment.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/program.h"
#include "core/worker/request.h"
#include "core/worker/token.h"

struct tunnel {
	unsigned events; /* that the module waits for */
	bool armed; /* `token` was not completed yet */
	bool woken; /* one was, and no new one was taken since */
	bool shut; /* the module sends no more */
	bool over_told; /* it was woken because the client does not, either */
	bool gathering; /* small pieces wait, see above */
	uint16_t small; /* pieces out that are */
	uint32_t slot; /* of `token` */
	struct portico_token token;
	struct portico_request *request;
};

static struct tunnel *
tunnel_of(const struct portico_request *request)
{
	ASSERT(request->response.tunnel && request->changes->tunnel != NULL);
	return request->changes->tunnel;
}

/* ---- opening ----------------------------------------------------------------- */

/* Is `protocol` a member of the list?  An empty one is in every list. */
static bool
list_has(struct portico_slice list, struct portico_slice protocol)
{
	while (list.length > 0) {
		struct portico_slice member =
			slice_trim(slice_split(&list, ','));

		if (member.length > 0 && (protocol.length == 0 ||
					  slice_equal_nocase(member, protocol)))
			return true;
	}
	return false;
}

static bool
host_tunnel_offered(struct portico_request *request,
		    struct portico_slice protocol)
{
	const struct http_request_head *head = request->head;
	const struct http_field *field;

	CHECK(request, REQUEST_MAGIC);
	if (request->child != NULL || (head->flags & HTTP_REQUEST_UPGRADE) == 0)
		return false;
	field = http_request_head_find(head, HTTP_HEADER_UPGRADE);
	for (; field != NULL; field = http_request_head_find_next(head, field))
		if (list_has(http_request_head_value(head, field), protocol))
			return true;
	return false;
}

/* Runs SEND_RESPONSE, once.  False: it is not to be a tunnel. */
static bool
decide(struct portico_request *request)
{
	struct response *response = &request->response;
	enum portico_verdict verdict;

	if (response->decided)
		return true;
	response->decided = true;
	response->leaving = true;
	verdict = program_notify(request, PIPELINE_STAGE_SEND_RESPONSE);
	response->leaving = false;
	if (verdict == PORTICO_ERROR) {
		response_remove_id(request, HTTP_HEADER_UPGRADE);
		response_fail(request, 500, 0);
		response->replaced = true;
		return false;
	}
	return response->status == 101;
}

/* The token is void when the request's memory goes. */
static void
on_free(void *arg)
{
	struct tunnel *tunnel = arg;

	if (tunnel->armed)
		token_cancel(tunnel->request->loop->tokens, tunnel->slot);
	tunnel->armed = false;
}

static void
begin(struct portico_request *request, struct tunnel *tunnel)
{
	tunnel->request = request;
	arena_on_free(request->arena, on_free, tunnel);
	changes_get(request)->tunnel = tunnel;
	request->response.tunnel = true;
	body_begin_tunnel(request);
}

static enum portico_status
check_unanswered(const struct portico_request *request)
{
	const struct response *response = &request->response;

	if (request->aborted || response->cut || response->replaced)
		return PORTICO_ABORTED;
	if (response->head_sent || response->finished || response->leaving ||
	    response->filtering || response->reserved || request->ended ||
	    response->body_bytes > 0 || response->filters != NULL)
		return PORTICO_STATE;
	return PORTICO_OK;
}

static enum portico_status
host_tunnel_open(struct portico_request *request, struct portico_slice protocol)
{
	struct response *response = &request->response;
	enum portico_status status = check_unanswered(request);
	struct tunnel *tunnel;

	CHECK(request, REQUEST_MAGIC);
	if (status != PORTICO_OK)
		return status;
	if (protocol.length == 0 || !host_tunnel_offered(request, protocol))
		return PORTICO_INVALID;
	tunnel = arena_try_alloc(request->arena, sizeof(*tunnel));
	if (tunnel == NULL)
		return PORTICO_NO_MEMORY;
	*tunnel = (struct tunnel){ 0 };
	status = response_set_id(request, HTTP_HEADER_UPGRADE, protocol);
	if (status != PORTICO_OK)
		return status;
	response->status = 101;
	response->substatus = 0;
	response->length = -1;
	if (!decide(request)) {
		response_remove_id(request, HTTP_HEADER_UPGRADE);
		response->made = true;
		return PORTICO_DENIED;
	}
	status = out_push_upgrade(request);
	if (status != PORTICO_OK) {
		response_remove_id(request, HTTP_HEADER_UPGRADE);
		response->status = 200;
		return status;
	}
	response->made = true;
	begin(request, tunnel);
	return PORTICO_OK;
}

/* ---- bytes ------------------------------------------------------------------- */

static enum portico_status
host_tunnel_read(struct portico_request *request, struct portico_slice *chunk_r)
{
	CHECK(request, REQUEST_MAGIC);
	*chunk_r = (struct portico_slice){ NULL, 0 };
	if (!request->response.tunnel)
		return PORTICO_STATE;
	return body_read(request, chunk_r);
}

void
tunnel_flush(struct portico_request *request)
{
	struct response *response = &request->response;
	struct tunnel *tunnel = tunnel_of(request);

	if (response->data == NULL || response->used == 0 ||
	    tunnel->gathering || response->reserved || response->finished)
		return;
	if (response->used < TUNNEL_SMALL_BYTES)
		tunnel->small++;
	(void)out_push(request, false);
	if (tunnel->small < TUNNEL_PIECES_MAX)
		return;
	tunnel->gathering = true;
	out_send_flush(request, CHANNEL_FLUSH_WINDOW);
}

void
tunnel_window(struct portico_request *request)
{
	const struct response *response = &request->response;
	struct tunnel *tunnel = tunnel_of(request);
	uint64_t here = response->data == NULL ? 0 : response->used;

	/* All of it: the client has taken what was out. */
	if (response->window + here < request->attachment->window)
		return;
	tunnel->small = 0;
	tunnel->gathering = false;
	tunnel_flush(request);
}

static enum portico_status
host_tunnel_write(struct portico_request *request, const void *data,
		  size_t length, size_t *written_r)
{
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	*written_r = 0;
	if (!request->response.tunnel || tunnel_of(request)->shut)
		return PORTICO_STATE;
	status = response_write(request, data, length, written_r);
	if (request->wait.kind != WAIT_NONE)
		tunnel_flush(request);
	return status;
}

static enum portico_status
host_tunnel_shutdown(struct portico_request *request)
{
	struct response *response = &request->response;

	CHECK(request, REQUEST_MAGIC);
	if (!response->tunnel)
		return PORTICO_STATE;
	if (request->aborted || response->cut)
		return PORTICO_ABORTED;
	if (tunnel_of(request)->shut)
		return PORTICO_OK;
	if (response->data != NULL && response->used > 0)
		(void)out_push(request, false);
	tunnel_of(request)->shut = true;
	out_send_flush(request, CHANNEL_FLUSH_SHUTDOWN);
	if (request->wait.kind == WAIT_TUNNEL)
		tunnel_look(request);
	return PORTICO_OK;
}

static void
host_tunnel_abort(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	if (!request->response.tunnel)
		return;
	request->response.cut = true;
	if (request->wait.kind == WAIT_TUNNEL)
		tunnel_look(request);
}

/* ---- waiting ----------------------------------------------------------------- */

static unsigned
host_tunnel_events(struct portico_request *request)
{
	const struct body *body = &request->body;
	const struct tunnel *tunnel;
	unsigned events = 0;

	CHECK(request, REQUEST_MAGIC);
	if (!request->response.tunnel)
		return 0;
	tunnel = tunnel_of(request);
	if (body->count > 0 || (body->complete && !body->ended))
		events |= PORTICO_TUNNEL_READ;
	if (!tunnel->shut && response_writable(request))
		events |= PORTICO_TUNNEL_WRITE;
	if (tunnel->woken)
		events |= PORTICO_TUNNEL_WOKEN;
	if (request->attachment->drained)
		events |= PORTICO_TUNNEL_DRAIN;
	if (request->aborted || request->response.cut)
		events |= PORTICO_TUNNEL_GONE;
	return events;
}

/* Neither side has anything more to say, and the module has not read that. */
static bool
is_over(const struct portico_request *request)
{
	const struct body *body = &request->body;

	return tunnel_of(request)->shut && body->complete && !body->ended &&
	       body->count == 0;
}

/*
 * A tunnel that is over would stay as long as its module waits for something
 * else, so the module is woken for that whatever it waits for: once, since who
 * waits again wants to.
 */
void
tunnel_look(struct portico_request *request)
{
	struct tunnel *tunnel = tunnel_of(request);
	unsigned wanted = tunnel->events | PORTICO_TUNNEL_GONE;
	bool over = !tunnel->over_told && is_over(request);

	if (!over && (host_tunnel_events(request) & wanted) == 0)
		return;
	tunnel->over_told = tunnel->over_told || over;
	request_ready(request);
}

static enum portico_status
host_tunnel_wait(struct portico_request *request, unsigned events,
		 portico_resume_fn *resume, void *arg)
{
	const unsigned all = PORTICO_TUNNEL_READ | PORTICO_TUNNEL_WRITE |
			     PORTICO_TUNNEL_WOKEN | PORTICO_TUNNEL_DRAIN |
			     PORTICO_TUNNEL_GONE;
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	if (!request->response.tunnel)
		return PORTICO_STATE;
	if ((events & ~all) != 0)
		return PORTICO_INVALID;
	status = wait_begin(request, WAIT_TUNNEL, resume, arg);
	if (status != PORTICO_OK)
		return status;
	tunnel_of(request)->events = events;
	tunnel_look(request);
	return PORTICO_OK;
}

static enum portico_status
host_tunnel_token(struct portico_request *request,
		  struct portico_token *token_r)
{
	struct tunnel *tunnel;
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	*token_r = (struct portico_token){ 0 };
	if (!request->response.tunnel || request->ended)
		return PORTICO_STATE;
	tunnel = tunnel_of(request);
	if (!tunnel->armed) {
		status = token_new(request->loop->tokens, request,
				   &tunnel->token, &tunnel->slot);
		if (status != PORTICO_OK)
			return status;
		tunnel->armed = true;
		tunnel->woken = false;
	}
	*token_r = tunnel->token;
	return PORTICO_OK;
}

void
tunnel_woken(struct portico_request *request, uint32_t slot)
{
	struct tunnel *tunnel = tunnel_of(request);

	if (!tunnel->armed || tunnel->slot != slot)
		return;
	tunnel->armed = false;
	tunnel->woken = true;
	if (request->wait.kind == WAIT_TUNNEL)
		tunnel_look(request);
}

const struct portico_host_tunnel worker_host_tunnel = {
	.size = sizeof(struct portico_host_tunnel),
	.offered = host_tunnel_offered,
	.open = host_tunnel_open,
	.read = host_tunnel_read,
	.write = host_tunnel_write,
	.shutdown = host_tunnel_shutdown,
	.abort = host_tunnel_abort,
	.events = host_tunnel_events,
	.wait = host_tunnel_wait,
	.token = host_tunnel_token,
};
