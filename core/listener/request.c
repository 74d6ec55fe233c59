/* SPDX-License-Identifier: Apache-2.0
 *
 * See request.h: life of a request, from its head to its line in the log.
 */
#include "core/listener/request.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http/limits.h"
#include "core/listener/access_log.h"
#include "core/listener/address.h"
#include "core/listener/cache_answer.h"
#include "core/listener/cache_fill.h"
#include "core/listener/cache_wait.h"
#include "core/listener/connection.h"
#include "core/listener/dispatch.h"
#include "core/listener/error_log.h"
#include "core/listener/hsts.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/pool_queue.h"
#include "core/listener/response.h"
#include "core/listener/response_trailers.h"
#include "core/listener/site.h"
#include "core/listener/tls.h"
#include "core/listener/worker_channel.h"

_Static_assert(sizeof(struct http_request_head) +
			       HTTP_FIELDS_MAX * sizeof(struct http_field) +
			       HTTP_HOST_LENGTH_MAX + 3 + HTTP_TLS_BYTES_MAX +
			       HEAD_AND_PATH_BYTES_MAX <=
		       65536,
	       "a request head fits the largest block");

/* ---- memory ----------------------------------------------------------------- */

struct listener_request *
request_new(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;
	struct listener_request *request = spare_take(&loop->spare_requests);

	if (request == NULL)
		request = mem_alloc(sizeof(*request));
	memset(request, 0, offsetof(struct listener_request, parser));
	request->magic = LISTENER_REQUEST_MAGIC;
	request->id = ++loop->next_request_id;
	loop->request_count++;
	request->loop = loop;
	request->connection = connection;
	request->connection_id = connection->id;
	request->stream_id = connection->stream_id;
	request->client = connection->client;
	request->server = connection->server;
	request->tls = connection->tls;
	request->snapshot = loop_snapshot_ref(loop->snapshot);
	list_init(&request->pool_link);
	list_init(&request->queue_link);
	list_init(&request->written_link);
	list_init(&request->throttled_link);
	list_init(&request->starved_link);
	list_init(&request->cache_link);
	list_init(&request->cache_age_link);
	request->input.data = loop_buffer_take(loop);
	request->input.capacity = INPUT_SMALL_BYTES;
	output_init(&request->output);
	http_parser_init(&request->parser,
			 &request->snapshot->shared->parser_limits);
	return request;
}

static void
input_fini(struct listener_request *request)
{
	struct request_input *input = &request->input;

	if (input->data == NULL)
		return;
	if (input->capacity == INPUT_SMALL_BYTES)
		loop_buffer_give(request->loop, input->data);
	else
		mem_free(input->data);
	input->data = NULL;
}

static void
request_free(struct listener_request *request)
{
	struct listener_loop *loop = request->loop;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(!list_linked(&request->queue_link) &&
	       output_empty(&request->output));
	request->magic = 0;
	list_remove(&request->written_link);
	list_remove(&request->pool_link);
	worker_channel_unref(&request->channel);
	MEM_FREE(request->user);
	MEM_FREE(request->log_values);
	response_trailers_drop(request);
	cache_fill_drop(request);
	cache_lead_end(request, false);
	cache_wait_cancel(request);
	buffer_fini(&request->trailers);
	input_fini(request);
	loop_snapshot_unref(&request->snapshot);
	loop->request_count--;
	spare_give(&loop->spare_requests, request, LOOP_KEEP_REQUESTS);
	if (loop->draining)
		loop_check_drained(loop);
}

void
request_drop(struct listener_request *request)
{
	request_free(request);
}

/* ---- the two halves ------------------------------------------------------------ */

/* Both halves are over: tell what happened and forget. */
static void
request_end(struct listener_request *request)
{
	if (request->application != NULL) {
		site_count(request);
		access_log_request(request);
	}
	request_free(request);
}

static bool
lease_is_over(const struct listener_request *request)
{
	return request->lease == LEASE_DONE || request->lease == LEASE_NONE;
}

void
request_wire_done(struct listener_request *request)
{
	uint32_t window = 0;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(!request->wire_done);
	request->wire_done = true;
	request->finished = loop_now(request->loop);
	request->connection = NULL;
	list_remove(&request->written_link);
	list_remove(&request->throttled_link);
	/* What has not come by now is not looked at. */
	cache_fill_drop(request);
	cache_lead_end(request, false);
	/* Now: a worker that hangs may keep its half for ever. */
	if (request->reason != HTTP_REASON_NONE)
		error_log_request(request);
	if (!output_empty(&request->output))
		output_discard(&request->output,
			       worker_channel_get(request->channel), &window);
	if (lease_is_over(request))
		request_end(request);
}

void
request_lease_done(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	request->lease = LEASE_DONE;
	if (request->wire_done)
		request_end(request);
}

void
request_abort(struct listener_request *request, enum channel_abort why)
{
	if (request->aborted)
		return;
	if (request->lease == LEASE_QUEUED) {
		pool_queue_remove(request);
		request->lease = LEASE_DONE;
		return;
	}
	if (request->lease != LEASE_ASSIGNED &&
	    request->lease != LEASE_RESPONDING)
		return;
	/* It has said everything, its END is on the way. */
	if (request->response_last && !request->own_response)
		return;
	request->aborted = true;
	worker_channel_abort(request, why);
}

/* As the worker is told. */
static enum channel_abort
abort_for(enum http_reason reason)
{
	switch ((int)reason) {
	case HTTP_REASON_TIMER_RESPONSE:
		return CHANNEL_ABORT_DEADLINE;
	case HTTP_REASON_TIMER_CONNECTION_IDLE: /* of a tunnel */
	case HTTP_REASON_TIMER_RESPONSE_IDLE:
		return CHANNEL_ABORT_IDLE;
	case HTTP_REASON_TIMER_ENTITY_BODY:
	case HTTP_REASON_TIMER_HEADER_WAIT:
	case HTTP_REASON_TIMER_MIN_BYTES_PER_SECOND:
		return CHANNEL_ABORT_SLOW;
	case HTTP_REASON_BAD_REQUEST:
	case HTTP_REASON_ENTITY_TOO_LARGE:
	case HTTP_REASON_HEADER:
	case HTTP_REASON_INVALID_CRLF:
	case HTTP_REASON_NUMBER:
	case HTTP_REASON_REQUEST_LENGTH:
		return CHANNEL_ABORT_BODY;
	case HTTP_REASON_APP_OFFLINE:
	case HTTP_REASON_DISABLED:
		return CHANNEL_ABORT_OPERATOR;
	case HTTP_REASON_APP_SHUTDOWN:
		return CHANNEL_ABORT_SHUTDOWN;
	}
	return CHANNEL_ABORT_OTHER;
}

void
request_client_gone(struct listener_request *request, enum http_reason reason)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	request->connection = NULL;
	if (request->reason == HTTP_REASON_NONE &&
	    !(request->response_last && output_empty(&request->output)))
		request->reason = reason == HTTP_REASON_CONNECTION_DROPPED &&
						  request->lease ==
							  LEASE_QUEUED ?
					  HTTP_REASON_CLIENT_RESET :
					  (uint8_t)reason;
	/* Unless it is we who have had enough. */
	request_abort(request, abort_for(reason) == CHANNEL_ABORT_OTHER ?
				       CHANNEL_ABORT_CLIENT :
				       abort_for(reason));
	request_wire_done(request);
}

void
request_cut(struct listener_request *request, enum http_reason reason)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->wire_done)
		return;
	request->reason = (uint8_t)reason;
	request_abort(request, abort_for(reason));
	request->cut = true;
	connection_reset(request->connection, reason);
}

void
request_fail(struct listener_request *request, enum http_reason reason,
	     unsigned status, const char *detail)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->wire_done)
		return;
	if (status == 0)
		status = http_reason_status(reason);
	request->reason = (uint8_t)reason;
	request->detail = detail;
	request_abort(request, abort_for(reason));
	if (status == 0 || request->output.sent > 0) {
		request_cut(request, reason);
		return;
	}
	response_send_error(request, status);
}

/* ---- the beginning --------------------------------------------------------------- */

static void
stamp(struct listener_request *request)
{
	struct listener_loop *loop = request->loop;

	request->head_known = true;
	request->head_complete = loop_now(loop);
	request->realtime = loop_realtime(loop);
	request->keep_alive = request->head.keep_alive && !loop->draining;
	request->expect_continue = request->head.expect_continue;
	loop->counters.requests++;
}

static struct portico_slice
request_host(const struct listener_request *request)
{
	return request_text(request, request->head.host_offset,
			    request->head.host_length);
}

/* OPTIONS * is for the server; the root application answers it. */
static struct portico_slice
route_path(const struct listener_request *request, struct portico_slice path)
{
	if (request->head.target_form == HTTP_TARGET_ASTERISK)
		return PORTICO_SLICE("/");
	return path;
}

static const struct route_application *
find_route(const struct listener_request *request, struct portico_slice path)
{
	const struct listener_connection *connection = request->connection;
	char address[ADDRESS_TEXT_SIZE];
	size_t length = address_format(&request->server, address);

	return routes_find(request->snapshot->shared->routes, connection->tls,
			   connection->route_port, slice_make(address, length),
			   request_host(request), route_path(request, path));
}

/* Over TLS that was made for another host, with other demands; or for https, and
 * not over TLS (RFC 9110 section 7.4). */
static bool
is_misdirected(const struct listener_request *request,
	       struct portico_slice path)
{
	if (!request->connection->tls)
		return request->head.absolute_https;
	return !tls_serves(request->connection->carrier, request_host(request),
			   route_path(request, path));
}

/* Raw head and cooked path go into one block for the worker.  A head of the
 * default size always fits; of a larger one the path may be too long. */
static bool
fits_block(const struct listener_request *request, struct portico_slice path)
{
	return request->head.length + path.length <= HEAD_AND_PATH_BYTES_MAX;
}

void
request_begin(struct listener_request *request)
{
	struct listener_loop *loop = request->loop;
	struct portico_slice path;
	struct http_url url;
	enum http_reason reason;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	request->connection->requests++;
	stamp(request);
	reason = dispatch_cook(request, &path, &url);
	if (reason == HTTP_REASON_NONE && !fits_block(request, path))
		reason = HTTP_REASON_URL_LENGTH;
	if (reason != HTTP_REASON_NONE) {
		request->keep_alive = false;
		request_fail(request, reason, 0, NULL);
		return;
	}
	request->application = find_route(request, path);
	if (request->application == NULL) {
		request->keep_alive = false;
		request_fail(request, HTTP_REASON_HOSTNAME, 0, NULL);
		return;
	}
	if (is_misdirected(request, path)) {
		request->keep_alive = false;
		request_fail(request, HTTP_REASON_MISDIRECTED, 0, NULL);
		return;
	}
	ASSERT(request->application->pool < loop->pool_count);
	request->pool = loop->pools[request->application->pool];
	list_add_tail(&request->pool->requests, &request->pool_link);
	request->pool->accepted++;
	if (!site_admit(request, path) || !request_body_begin(request) ||
	    hsts_redirect(request) || cache_answer(request, path, &url))
		return;
	dispatch_submit(request, path, &url);
}
