/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels: the worker's own functions (core/worker/tunnel.c) with the test as
 * the client.  What it sends are pieces of the request's body; what has left
 * is with it at once, as far as the window goes.
 */
#include "core/worker/tunnel.h"

#include <portico/testkit_tunnel.h>

#include "core/worker/host_priv.h"
#include "core/worker/token.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/clock.h"
#include "sdk/testkit/guard.h"
#include "sdk/testkit/tunnel.h"

struct kit_tunnel {
	struct kit_request *request;
	struct list early; /* of struct kit_piece: before there is a tunnel */
	bool early_end; /* ... and behind them the client's end */
	bool shut; /* the module's end has left */
	bool full; /* a write has said AGAIN since the last wait */
	bool woken_told, drain_told; /* waits have ended at once for it */
	size_t taken; /* bytes that the test has seen */
	struct kit_due idle;
	uint64_t idle_ns; /* 0: it may idle */
};

static struct kit_tunnel *
tunnel_get(struct kit_request *request)
{
	struct kit_tunnel *tunnel = request->tunnel;

	if (tunnel != NULL)
		return tunnel;
	tunnel = request->tunnel = mem_zalloc(sizeof(*tunnel));
	tunnel->request = request;
	list_init(&tunnel->early);
	return tunnel;
}

static bool
is_open(const struct kit_request *request)
{
	return request->started && !request->ended &&
	       request->request.response.tunnel;
}

/* ---- its time ---------------------------------------------------------------- */

static void
on_idle(struct kit_due *due)
{
	struct kit_tunnel *tunnel = CONTAINER_OF(due, struct kit_tunnel, idle);

	kit_abort(tunnel->request);
}

/* A byte has gone. */
static void
progress(struct kit_tunnel *tunnel)
{
	if (tunnel->idle_ns > 0 && is_open(tunnel->request))
		kit_due_set(&tunnel->idle, tunnel->idle_ns, on_idle);
	else
		kit_due_unset(&tunnel->idle);
}

void
kit_tunnel_idle(struct kit_request *request, uint64_t ns)
{
	struct kit_tunnel *tunnel = tunnel_get(request);

	CHECK(request, KIT_REQUEST_MAGIC);
	tunnel->idle_ns = ns;
	progress(tunnel);
}

void
kit_tunnel_sent(struct kit_request *request)
{
	if (request->tunnel != NULL)
		progress(request->tunnel);
}

void
kit_tunnel_over(struct kit_request *request)
{
	if (request->tunnel != NULL)
		kit_due_unset(&request->tunnel->idle);
}

void
kit_tunnel_release(struct kit_request *request)
{
	struct kit_tunnel *tunnel = request->tunnel;

	if (tunnel == NULL)
		return;
	LIST_FOREACH_SAFE(struct kit_piece, link, piece, &tunnel->early)
		kit_piece_free(piece);
	mem_free(tunnel);
	request->tunnel = NULL;
}

/* ---- the client ------------------------------------------------------------------ */

void
kit_offer(struct kit_request *request, const char *protocol)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	kit_field(request, "Connection", "upgrade");
	kit_field(request, "Upgrade", protocol);
}

bool
kit_is_tunnel(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return request->request.response.tunnel;
}

/* May the client send now?  *to_r: where to. */
static bool
may_send(struct kit_request *request, const char *name, struct list **to_r)
{
	const char *why = NULL;

	CHECK(request, KIT_REQUEST_MAGIC);
	*to_r = request->request.response.tunnel ? &request->chunks :
						   &tunnel_get(request)->early;
	if (request->ended && !request->request.response.tunnel)
		why = "the request has ended, and was no tunnel";
	else if (request->body_length != -2)
		why = "the request has a body, and will be no tunnel";
	else if (request->request.body.complete ||
		 tunnel_get(request)->early_end)
		why = "the client has ended its half already";
	if (why == NULL)
		return true;
	kit_fail("%s: %s: %s", name, request->line, why);
	return false;
}

static void
go_on(struct kit_request *request)
{
	progress(tunnel_get(request));
	if (request->request.wait.kind == WAIT_TUNNEL)
		tunnel_look(&request->request);
	kit_turn(request->kit);
}

void
kit_tunnel_send(struct kit_request *request, const void *data, size_t length)
{
	struct list *to;

	if (!may_send(request, "kit_tunnel_send", &to) || request->ended ||
	    request->request.aborted || length == 0)
		return;
	kit_piece_add(to, data, length);
	if (!is_open(request))
		return;
	request->request.body.count++;
	go_on(request);
}

void
kit_tunnel_end(struct kit_request *request)
{
	struct list *to;

	if (!may_send(request, "kit_tunnel_end", &to) || request->ended)
		return;
	if (!is_open(request)) {
		tunnel_get(request)->early_end = true;
		return;
	}
	request->request.body.complete = true;
	go_on(request);
}

size_t
kit_tunnel_unread(const struct kit_request *request)
{
	const struct list *pieces = &request->chunks;
	size_t length = 0;

	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->ended || request->tunnel == NULL)
		return 0;
	if (!is_open(request))
		pieces = &request->tunnel->early;
	for (const struct list *at = pieces->next; at != pieces; at = at->next)
		length += CONTAINER_OF(at, struct kit_piece, link)->length;
	return length;
}

struct portico_slice
kit_tunnel_received(struct kit_request *request)
{
	struct kit_tunnel *tunnel = tunnel_get(request);
	struct portico_slice all = kit_response_body(request);
	size_t from = tunnel->taken;

	tunnel->taken = all.length;
	return slice_make(all.data + from, all.length - from);
}

bool
kit_tunnel_is_shut(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return request->tunnel != NULL && request->tunnel->shut;
}

bool
kit_tunnel_wake(struct kit_request *request)
{
	struct portico_token token;

	CHECK(request, KIT_REQUEST_MAGIC);
	token = kit_tunnel_token_of(&request->request);
	if (token.value == 0)
		return false;
	kit_token_complete(token);
	kit_turn(request->kit);
	return true;
}

void
kit_drain(struct kit *kit)
{
	CHECK(kit, KIT_MAGIC);
	kit->attachment.drained = true;
	LIST_FOREACH(struct kit_request, link, request, &kit->requests) {
		if (is_open(request) &&
		    request->request.wait.kind == WAIT_TUNNEL)
			tunnel_look(&request->request);
	}
	kit_turn(kit);
}

/* ---- what the worker's file looks for ----------------------------------------------- */

void
body_begin_tunnel(struct portico_request *inner)
{
	struct kit_request *request = kit_of(inner);
	struct kit_tunnel *tunnel = tunnel_get(request);
	struct body *body = &inner->body;

	body->expected = true;
	body->complete = tunnel->early_end;
	body->ended = false;
	LIST_FOREACH_SAFE(struct kit_piece, link, piece, &tunnel->early) {
		list_remove(&piece->link);
		list_add_tail(&request->chunks, &piece->link);
		body->count++;
	}
	progress(tunnel);
}

enum portico_status
out_push_upgrade(struct portico_request *inner)
{
	return out_push(inner, false);
}

void
out_send_flush(struct portico_request *inner, enum channel_flush kind)
{
	struct kit_request *request = kit_of(inner);
	uint64_t window = inner->attachment->window;

	if (kind == CHANNEL_FLUSH_SHUTDOWN)
		tunnel_get(request)->shut = true;
	if (kind != CHANNEL_FLUSH_WINDOW)
		return;
	/* "Tell me when the client has everything": it has. */
	inner->attachment->window = 0;
	tunnel_window(inner);
	inner->attachment->window = window;
}

/* ---- the table ------------------------------------------------------------------------ */

static bool
guard_tunnel(struct portico_request *request, const char *name)
{
	if (!guard_request(request, name))
		return false;
	if (request->response.tunnel)
		return true;
	kit_fail("%s: %s: this is no tunnel", name, kit_of(request)->line);
	return false;
}

static bool
tunnel_offered(struct portico_request *request, struct portico_slice protocol)
{
	return guard_request(request, "portico_tunnel_offered") &&
	       worker_host_tunnel.offered(request, protocol);
}

static enum portico_status
tunnel_open(struct portico_request *request, struct portico_slice protocol)
{
	enum portico_status status;

	if (!guard_request(request, "portico_tunnel_open"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_tunnel_open",
		      PORTICO_NO_MEMORY, &status))
		return status;
	status = worker_host_tunnel.open(request, protocol);
	if (status == PORTICO_STATE)
		kit_fail("portico_tunnel_open: %s: a response has begun "
			 "already",
			 kit_of(request)->line);
	return status;
}

/* The client is gone, as far as the module can tell. */
static bool
io_fails(struct portico_request *request, const char *name,
	 enum portico_status *status_r)
{
	if (!kit_fault(KIT_FAULT_IO, name, PORTICO_ABORTED, status_r))
		return false;
	worker_host_tunnel.abort(request);
	return true;
}

static enum portico_status
tunnel_read(struct portico_request *request, struct portico_slice *chunk_r)
{
	enum portico_status failed;

	*chunk_r = (struct portico_slice){ NULL, 0 };
	if (!guard_tunnel(request, "portico_tunnel_read"))
		return PORTICO_STATE;
	if (io_fails(request, "portico_tunnel_read", &failed))
		return failed;
	return worker_host_tunnel.read(request, chunk_r);
}

static enum portico_status
tunnel_write(struct portico_request *request, const void *data, size_t length,
	     size_t *written_r)
{
	enum portico_status status;

	*written_r = 0;
	if (!guard_tunnel(request, "portico_tunnel_write"))
		return PORTICO_STATE;
	if (io_fails(request, "portico_tunnel_write", &status))
		return status;
	status = worker_host_tunnel.write(request, data, length, written_r);
	if (status == PORTICO_STATE)
		kit_fail("portico_tunnel_write: %s: nothing can follow the end "
			 "of the stream",
			 kit_of(request)->line);
	if (status == PORTICO_AGAIN)
		kit_of(request)->tunnel->full = true;
	return status;
}

static enum portico_status
tunnel_shutdown(struct portico_request *request)
{
	enum portico_status failed;

	if (!guard_tunnel(request, "portico_tunnel_shutdown"))
		return PORTICO_STATE;
	if (io_fails(request, "portico_tunnel_shutdown", &failed))
		return failed;
	return worker_host_tunnel.shutdown(request);
}

static void
tunnel_abort(struct portico_request *request)
{
	if (guard_tunnel(request, "portico_tunnel_abort"))
		worker_host_tunnel.abort(request);
}

static unsigned
tunnel_events(struct portico_request *request)
{
	return guard_request(request, "portico_tunnel_events") ?
		       worker_host_tunnel.events(request) :
		       0;
}

/*
 * Would this wait end at once, for what the module knows by now?  Once may be
 * an accident: the token was completed, the worker drained a moment ago.
 */
static const char *
why_endless(struct kit_tunnel *tunnel, unsigned wanted, unsigned now)
{
	const char *why = NULL;
	unsigned both = wanted & now;

	if ((both & PORTICO_TUNNEL_WRITE) != 0 && !tunnel->full)
		why = "WRITE, although no write has said AGAIN";
	else if ((both & PORTICO_TUNNEL_WOKEN) != 0 && tunnel->woken_told)
		why = "WOKEN, although no new token was taken";
	else if ((both & PORTICO_TUNNEL_DRAIN) != 0 && tunnel->drain_told)
		why = "DRAIN, which it has seen";
	tunnel->full = false;
	if ((both & PORTICO_TUNNEL_WOKEN) != 0)
		tunnel->woken_told = true;
	if ((both & PORTICO_TUNNEL_DRAIN) != 0)
		tunnel->drain_told = true;
	return (now & PORTICO_TUNNEL_GONE) != 0 ? NULL : why;
}

static enum portico_status
tunnel_wait(struct portico_request *request, unsigned events,
	    portico_resume_fn *resume, void *arg)
{
	enum portico_status failed;
	const char *why;

	if (!guard_tunnel(request, "portico_tunnel_wait"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_WAIT, "portico_tunnel_wait", PORTICO_STATE,
		      &failed))
		return failed;
	why = why_endless(kit_of(request)->tunnel, events,
			  worker_host_tunnel.events(request));
	if (why != NULL) {
		kit_fail("portico_tunnel_wait: %s: the module waits for %s: "
			 "this ends at once, over and over",
			 kit_of(request)->line, why);
		return PORTICO_STATE;
	}
	return worker_host_tunnel.wait(request, events, resume, arg);
}

static enum portico_status
tunnel_token(struct portico_request *request, struct portico_token *token_r)
{
	enum portico_status failed;

	*token_r = (struct portico_token){ 0 };
	if (!guard_tunnel(request, "portico_tunnel_token"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_WAIT, "portico_tunnel_token", PORTICO_FULL,
		      &failed))
		return failed;
	kit_of(request)->tunnel->woken_told = false;
	return worker_host_tunnel.token(request, token_r);
}

const struct portico_host_tunnel kit_host_tunnel = {
	.size = sizeof(struct portico_host_tunnel),
	.offered = tunnel_offered,
	.open = tunnel_open,
	.read = tunnel_read,
	.write = tunnel_write,
	.shutdown = tunnel_shutdown,
	.abort = tunnel_abort,
	.events = tunnel_events,
	.wait = tunnel_wait,
	.token = tunnel_token,
};
