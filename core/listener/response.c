/* SPDX-License-Identifier: Apache-2.0
 *
 * See response.h.
 */
#include "core/listener/affinity.h"
#include "core/listener/response.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/check.h"
#include "core/base/io.h"
#include "core/base/slice.h"
#include "core/channel/limits.h"
#include "core/http/response_head.h"
#include "core/listener/access_log.h"
#include "core/listener/bandwidth.h"
#include "core/listener/cache_fill.h"
#include "core/listener/connection.h"
#include "core/listener/error_page.h"
#include "core/listener/hsts.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response_trailers.h"
#include "core/listener/site.h"
#include "core/listener/tunnel.h"
#include "core/listener/worker_channel.h"

_Static_assert(LOOP_DISCARD_BYTES >= 65536, "a head may fill a block");

/* ---- sending ------------------------------------------------------------------ */

/* The answer has left: what becomes of the connection. */
static void
finish(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;
	struct listener_loop *loop = request->loop;
	bool pending = request_body_pending(request);

	list_remove(&request->written_link);
	if (pending && request->keep_alive &&
	    connection_is_socket(connection) &&
	    request_body_drainable(request)) {
		request->drain = true;
		connection_await_body(connection, false);
		timers_set_for(&loop->timers, &connection->timer, TIMER_DRAIN,
			       site_limits(request)->drain_entity_body_timeout,
			       loop_now(loop));
		connection_watch_output(connection, false);
		connection_watch_input(connection, true);
		(void)request_body_drain(request);
		return;
	}
	connection_request_done(connection, request->keep_alive && !pending,
				pending || request->own_response);
}

/* The same for spans of files, which count against no window. */
static void
give_file_room(struct listener_request *request)
{
	uint64_t sent = request->output.file_sent;

	if (sent == 0 || (sent < CHANNEL_FILE_REPORT_BYTES &&
			  !output_empty(&request->output)))
		return;
	request->output.file_sent = 0;
	worker_channel_send_file_sent(request, sent);
}

/* The client has taken bytes, so the worker may hand over more. */
static void
give_window(struct listener_request *request)
{
	uint32_t due = request->window_due;
	bool all = request->window_wanted && output_empty(&request->output);

	if (request->response_last || request->aborted ||
	    request->channel == NULL)
		return;
	give_file_room(request);
	if (due < channel_window(request->channel->channel) / 2 && !all)
		return;
	if (all)
		request->window_wanted = false;
	/* What it has of the last byte is on its way. */
	if (due == 0)
		return;
	request->window_due = 0;
	request->window_left += due;
	worker_channel_send_window(request, due);
}

/* The response cannot be completed: the client has to see that. */
static void
cut(struct listener_request *request, const char *detail)
{
	request->cut = true;
	request->detail = detail;
	if (request->reason == HTTP_REASON_NONE)
		request->reason = HTTP_REASON_CONNECTION_ABANDONED_BY_APP_POOL;
	connection_reset(request->connection, HTTP_REASON_NONE);
}

void
response_sent(struct listener_request *request, enum output_result result)
{
	struct listener_connection *connection = request->connection;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	bandwidth_charge(request);
	request->progress = loop_now(request->loop);
	switch (result) {
	case OUTPUT_DONE:
		if (request->response_last) {
			finish(request);
			return;
		}
		connection_watch_output(connection, false);
		if (request->tunnel_ending && tunnel_all_sent(request))
			return;
		break;
	case OUTPUT_BLOCKED:
	case OUTPUT_TURN:
		connection_watch_output(connection, true);
		break;
	case OUTPUT_LOST:
		connection_close(connection, HTTP_REASON_CONNECTION_DROPPED);
		return;
	case OUTPUT_SHORT:
		cut(request, "FileTruncated");
		return;
	}
	give_window(request);
}

static void
flush(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;

	if (!bandwidth_ready(request))
		return;
	if (!connection_is_socket(connection)) {
		connection->methods->send(connection);
		return;
	}
	response_sent(request,
		      output_send(&request->output, &connection->transport,
				  worker_channel_get(request->channel),
				  &request->window_due));
}

void
response_writable(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	flush(request);
}

/* To be sent at the end of this turn, with what else may come. */
static void
send_soon(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;

	if ((connection->events & UV_WRITABLE) != 0 ||
	    list_linked(&request->throttled_link))
		return;
	if (!list_linked(&request->written_link))
		list_add_tail(&request->loop->written, &request->written_link);
}

/* A head that lies in the loop's scratch, and what is behind it: at once if it
 * can be. */
static void
send_head(struct listener_request *request, size_t length)
{
	struct listener_connection *connection = request->connection;

	if (!connection_is_socket(connection)) {
		output_set_head(&request->output, request->loop->output,
				length);
		send_soon(request);
		return;
	}
	if (!bandwidth_ready(request)) {
		output_set_head(&request->output, request->loop->output,
				length);
		return;
	}
	response_sent(request,
		      output_send_head(&request->output, &connection->transport,
				       request->loop->output, length,
				       worker_channel_get(request->channel),
				       &request->window_due));
}

void
response_flush_all(struct listener_loop *loop)
{
	struct list now;

	list_init(&now);
	list_move_all(&now, &loop->written);
	for (;;) {
		struct list *first = list_take_first(&now);
		struct listener_request *request;

		if (first == NULL)
			return;
		request = CONTAINER_OF(first, struct listener_request,
				       written_link);
		CHECK(request, LISTENER_REQUEST_MAGIC);
		if (!request->wire_done)
			flush(request);
	}
}

/* ---- from the worker -------------------------------------------------------------- */

static void
release_all(struct listener_request *request,
	    const struct channel_descriptor *descriptor)
{
	for (unsigned i = 0; i < descriptor->count; i++)
		(void)channel_release(request->channel->channel,
				      descriptor->refs[i].block);
}

/* Nobody wants it any more: the client is gone, or has another answer. */
static bool
unwanted(const struct listener_request *request)
{
	return request->wire_done || request->own_response;
}

static void
begin_chunk(struct listener_request *request, uint64_t bytes)
{
	char text[2 + HTTP_CHUNK_HEAD_MAX] = "\r\n";
	char *at = request->chunk_begun ? text + 2 : text;
	size_t length = http_chunk_head_write(bytes, at);

	request->chunk_begun = true;
	request->zero_sent = false;
	output_add_bytes(&request->output, text, (size_t)(at - text) + length);
}

/* With the trailers, if there are any. */
static void
end_chunks(struct listener_request *request)
{
	if (request->end_fields != NULL) {
		if (request->chunk_begun)
			output_add_bytes(&request->output, "\r\n", 2);
		output_add_bytes(&request->output, "0\r\n", 3);
		output_add_text(&request->output, request->end_fields,
				request->end_fields_length);
		request->end_fields = NULL;
		output_add_bytes(&request->output, "\r\n", 2);
		return;
	}
	if (request->chunk_begun)
		output_add_bytes(&request->output, "\r\n0\r\n\r\n", 7);
	else
		output_add_bytes(&request->output, "0\r\n\r\n", 5);
}

bool
response_may_be_asked(const struct listener_request *request)
{
	return request->framing == HTTP_FRAMING_CHUNKED &&
	       !request->own_response && !request->response_last &&
	       output_empty(&request->output) &&
	       (request->chunk_begun || !request->zero_sent);
}

void
response_ask(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(response_may_be_asked(request));
	if (request->chunk_begun) {
		output_add_bytes(&request->output, "\r\n", 2);
	} else {
		output_add_bytes(&request->output, "0", 1);
		request->zero_sent = true;
	}
	request->chunk_begun = false;
	flush(request);
}

/* Room for `bytes` more of body, from blocks or from a file.  NULL or the
 * lie; *drop_r: the bytes are not to be sent. */
static const char *
take_bytes(struct listener_request *request, uint64_t bytes, bool *drop_r)
{
	*drop_r = false;
	switch ((enum http_response_framing)request->framing) {
	case HTTP_FRAMING_NONE:
		*drop_r = true;
		return NULL;
	case HTTP_FRAMING_LENGTH:
		if (bytes > (uint64_t)request->length_left)
			return "response body longer than its content length";
		request->length_left -= (int64_t)bytes;
		return NULL;
	case HTTP_FRAMING_CHUNKED:
		begin_chunk(request, bytes);
		return NULL;
	case HTTP_FRAMING_CLOSE:
		return NULL;
	case HTTP_FRAMING_TUNNEL:
		if (request->tunnel_ending)
			return "bytes after the end of a tunnel";
		return NULL;
	}
	return "unknown framing";
}

/* Body in blocks; the first `skip` bytes of the first one are none. */
static const char *
take_blocks(struct listener_request *request,
	    const struct channel_descriptor *descriptor, uint32_t skip)
{
	struct channel *channel = request->channel->channel;
	uint64_t bytes = 0;
	const char *lie;
	bool drop = true;

	for (unsigned i = 0; i < descriptor->count; i++)
		bytes += descriptor->refs[i].length;
	bytes -= skip;
	request->window_left -= (int64_t)bytes;
	if (request->window_left < -(int64_t)WINDOW_SLACK_BYTES)
		return "more response body than the window allows";
	if (request->output.count > OUTPUT_ITEMS_MAX)
		return "response body in too many pieces";
	if (bytes > 0) {
		lie = take_bytes(request, bytes, &drop);
		if (lie != NULL)
			return lie;
	}
	for (unsigned i = 0; i < descriptor->count; i++) {
		struct channel_reference ref = descriptor->refs[i];
		const char *data = channel_block_data(channel, ref);
		uint32_t from = i == 0 ? skip : 0;

		ASSERT(data != NULL);
		if (request->fill != NULL && ref.length > from)
			cache_fill_add(request, data + from, ref.length - from);
		if (drop || ref.length == from) {
			(void)channel_release(channel, ref.block);
			request->window_due += ref.length - from;
			continue;
		}
		output_add_block(&request->output, data + from,
				 ref.length - from, ref.block,
				 ref.length - from);
	}
	return NULL;
}

/* LAST has come.  False: the response is too short and the connection cut. */
static bool
complete(struct listener_request *request)
{
	request->response_last = true;
	if (request->framing == HTTP_FRAMING_LENGTH &&
	    request->length_left > 0) {
		cut(request, "ShortResponse");
		return false;
	}
	if (request->framing == HTTP_FRAMING_CHUNKED)
		end_chunks(request);
	if (request->fill != NULL)
		cache_fill_end(request);
	return true;
}

static inline void
emit_options(struct listener_request *request, bool upgrade,
	     struct http_emit_options *options)
{
	struct listener_loop *loop = request->loop;
	bool pending = request_body_pending(request);

	*options = (struct http_emit_options){
		.date = http_date_cached(
			&loop->date,
			(int64_t)(loop_realtime(loop) / CLOCK_NS_PER_S)),
		.server = LISTENER_SERVER_NAME,
		.server_length = sizeof(LISTENER_SERVER_NAME) - 1,
		.hsts = hsts_value(request),
		.minor = request->head.minor,
		.keep_alive = request->keep_alive && !loop->draining &&
			      (!pending || request_body_drainable(request) ||
			       request->body_credit > 0),
		.head_request = request_is_head_method(request),
		.allow_upgrade = upgrade,
	};
}

/* What is no text on the wire waits as the worker has written it. */
static ssize_t
check_head(struct listener_request *request, size_t size,
	   const struct http_emit_options *options,
	   struct http_response_info *info)
{
	struct listener_loop *loop = request->loop;
	int fault =
		http_response_head_check(loop->discard, size, options, info);

	if (fault != 0)
		return fault;
	memcpy(loop->output, loop->discard, info->size);
	return (ssize_t)info->size;
}

/* Emit into the loop's scratch; the head's size there, 0 for a lie. */
static inline size_t
emit(struct listener_request *request,
     const struct channel_descriptor *descriptor, bool upgrade,
     const char **lie_r)
{
	struct listener_loop *loop = request->loop;
	struct http_emit_options options;
	struct http_response_info info;
	char cookie[AFFINITY_COOKIE_BYTES];
	ssize_t length;

	/* Copied once; what is checked below is the copy. */
	memcpy(loop->discard,
	       channel_block_data(request->channel->channel,
				  descriptor->refs[0]),
	       descriptor->extra);
	emit_options(request, upgrade, &options);
	options.set_cookie = affinity_cookie(request, cookie);
	if (connection_is_socket(request->connection))
		length = http_response_head_emit_h1(loop->discard,
						    descriptor->extra, &options,
						    loop->output,
						    LOOP_OUTPUT_BYTES, &info);
	else
		length =
			check_head(request, descriptor->extra, &options, &info);
	if (length < 0) {
		*lie_r = http_response_fault_text((int)length);
		return 0;
	}
	if (info.size != descriptor->extra) {
		*lie_r = "response head of another size than announced";
		return 0;
	}
	request->status = info.status;
	request->substatus = info.substatus;
	request->os_error = info.os_error;
	request->framing = (uint8_t)info.framing;
	request->keep_alive = info.keep_alive;
	request->length_left = info.content_length;
	access_log_response(request, loop->discard);
	if ((info.flags & HTTP_RESPONSE_CACHEABLE) != 0 ||
	    request->cache_leads != NULL)
		cache_fill_begin(request, loop->discard, &info);
	return (size_t)length;
}

const char *
response_on_head(struct listener_request *request,
		 const struct channel_descriptor *descriptor)
{
	struct listener_loop *loop = request->loop;
	const char *lie = NULL;
	size_t length;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->worker_head)
		return "second response head for one request";
	request->worker_head = true;
	request->lease = LEASE_RESPONDING;
	if (unwanted(request)) {
		release_all(request, descriptor);
		return NULL;
	}
	length = emit(request, descriptor, false, &lie);
	if (lie != NULL)
		return lie;
	request->response_seen = true;
	request->window_left = channel_window(request->channel->channel);
	request->progress = loop_now(loop);
	lie = take_blocks(request, descriptor, descriptor->extra);
	if (lie != NULL)
		return lie;
	if ((descriptor->flags & CHANNEL_FLAG_LAST) == 0) {
		/* More will come in this turn, most likely. */
		output_set_head(&request->output, loop->output, length);
		send_soon(request);
		return NULL;
	}
	if (complete(request))
		send_head(request, length);
	return NULL;
}

const char *
response_on_upgrade(struct listener_request *request,
		    const struct channel_descriptor *descriptor)
{
	struct listener_loop *loop = request->loop;
	const char *lie = NULL;
	size_t length;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->worker_head)
		return "second response head for one request";
	if (!http_parsed_may_upgrade(&request->head))
		return "upgrade that the client did not ask for";
	request->worker_head = true;
	request->lease = LEASE_RESPONDING;
	if (unwanted(request)) {
		release_all(request, descriptor);
		return NULL;
	}
	length = emit(request, descriptor, true, &lie);
	if (lie != NULL)
		return lie;
	if (!request_is_tunnel(request))
		return "upgrade with a status other than 101";
	request->response_seen = true;
	request->window_left = channel_window(request->channel->channel);
	tunnel_begin(request);
	lie = take_blocks(request, descriptor, descriptor->extra);
	if (lie != NULL)
		return lie;
	output_set_head(&request->output, loop->output, length);
	send_soon(request);
	return NULL;
}

const char *
response_on_body(struct listener_request *request,
		 const struct channel_descriptor *descriptor)
{
	struct channel_descriptor body = *descriptor;
	const char *lie = NULL;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (!request->worker_head)
		return "response body before its head";
	if (request->response_last && !request->own_response)
		return "response body after its end";
	if (unwanted(request)) {
		release_all(request, descriptor);
		return NULL;
	}
	if (body.extra > 0)
		lie = response_trailers_take(request, &body);
	if (lie == NULL)
		lie = take_blocks(request, &body, 0);
	if (lie != NULL)
		return lie;
	if ((descriptor->flags & CHANNEL_FLAG_LAST) != 0 && !complete(request))
		return NULL;
	send_soon(request);
	return NULL;
}

const char *
response_on_file(struct listener_request *request,
		 const struct channel_descriptor *descriptor)
{
	struct channel_file *file;
	const char *lie;
	bool drop;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (!request->worker_head)
		return "response body before its head";
	if (request->response_last && !request->own_response)
		return "response body after its end";
	file = channel_file_find(request->channel->channel, descriptor->extra);
	if (file == NULL && channel_starved(request->channel->channel)) {
		/* Not the worker's fault; later it will be had. */
		if (!unwanted(request))
			request_fail(request, HTTP_REASON_NOT_AVAILABLE, 503,
				     "NoDescriptors");
		return NULL;
	}
	if (file == NULL)
		return "file that was not passed";
	if (unwanted(request)) {
		channel_file_unref(&file);
		return NULL;
	}
	lie = take_bytes(request, descriptor->value2, &drop);
	if (lie == NULL && request->output.count > OUTPUT_ITEMS_MAX)
		lie = "response body in too many pieces";
	if (lie == NULL && request->fill != NULL)
		cache_fill_add_file(request, channel_file_fd(file),
				    descriptor->value, descriptor->value2);
	if (lie == NULL && drop)
		request->output.file_sent += descriptor->value2;
	if (lie != NULL || drop)
		channel_file_unref(&file);
	else
		output_add_file(&request->output, file, descriptor->value,
				descriptor->value2);
	if (lie != NULL)
		return lie;
	if ((descriptor->flags & CHANNEL_FLAG_LAST) != 0 && !complete(request))
		return NULL;
	send_soon(request);
	return NULL;
}

void
response_on_window_wanted(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (unwanted(request) || !request->response_seen)
		return;
	request->window_wanted = true;
	give_window(request);
}

void
response_on_end(struct listener_request *request, bool failed)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (unwanted(request) || request->response_last)
		return;
	/* Ended without an answer, or in the middle of one. */
	request_fail(request, HTTP_REASON_CONNECTION_ABANDONED_BY_APP_POOL, 502,
		     failed ? "ResponseFailed" : "NoResponse");
}

void
response_restart(struct listener_request *request)
{
	ASSERT(request->output.sent == 0);
	list_remove(&request->written_link);
	list_remove(&request->throttled_link);
	output_discard(&request->output, worker_channel_get(request->channel),
		       &request->window_due);
	cache_fill_drop(request);
	request->response_seen = request->response_last = false;
	request->worker_head = request->chunk_begun = false;
	request->zero_sent = false;
	response_trailers_drop(request);
	request->window_wanted = false;
	request->keep_alive = request->head.keep_alive &&
			      !request->loop->draining;
	request->window_due = 0;
	request->output.file_sent = 0;
	request->progress = 0;
}

/* ---- our own ----------------------------------------------------------------------- */

/* Another moment may do: there are workers, or will be. */
static bool
may_come_again(unsigned reason)
{
	return reason == HTTP_REASON_QUEUE_FULL ||
	       reason == HTTP_REASON_TIMER_REQ_QUEUE ||
	       reason == HTTP_REASON_TIMER_APP_POOL;
}

static void
send_page(struct listener_request *request, unsigned status,
	  const char *location, const struct settings_initialization *splash)
{
	struct listener_loop *loop = request->loop;
	struct error_page page;
	size_t length;

	list_remove(&request->written_link);
	response_trailers_drop(request);
	list_remove(&request->throttled_link);
	output_discard(&request->output, worker_channel_get(request->channel),
		       &request->window_due);
	if (loop->draining || request_body_pending(request) ||
	    request->body == BODY_FAILED)
		request->keep_alive = false;
	page = (struct error_page){
		.status = status,
		.request_id = request->id,
		.keep_alive = request->keep_alive,
		.head_only = request_is_head_method(request) &&
			     request->head_known,
		.retry_after = may_come_again(request->reason) ||
			       (splash != NULL && status == 503),
		.minor = request->head.minor,
		.no_store = splash != NULL,
		.body = splash == NULL ? NULL : splash->splash,
		.body_length = splash == NULL ? 0 : splash->splash_length,
		.location = location,
		.date = http_date_cached(
			&loop->date,
			(int64_t)(loop_realtime(loop) / CLOCK_NS_PER_S)),
	};
	length = error_page_write(&page, loop->output, LOOP_OUTPUT_BYTES);
	request->own_response = true;
	request->response_seen = request->response_last = true;
	request->status = (uint16_t)status;
	request->substatus = 0;
	request->framing = HTTP_FRAMING_NONE;
	send_head(request, length);
}

void
response_send_error(struct listener_request *request, unsigned status)
{
	send_page(request, status, NULL, NULL);
}

void
response_send_splash(struct listener_request *request,
		     const struct settings_initialization *splash)
{
	send_page(request, splash->splash_status, NULL, splash);
}

/* What is sent again by GET may be, the rest has to be sent as it was. */
void
response_send_redirect(struct listener_request *request, const char *location)
{
	bool get = request->head.method == HTTP_METHOD_GET ||
		   request->head.method == HTTP_METHOD_HEAD;

	send_page(request, get ? 301 : 308, location, NULL);
}

void
response_send_kept(struct listener_request *request, size_t head_length)
{
	request->response_seen = request->response_last = true;
	send_head(request, head_length);
}

bool
response_send_continue(struct listener_request *request)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct listener_connection *connection = request->connection;
	ssize_t length;

	if (!connection_is_socket(connection))
		return connection->methods->send_continue(connection);
	length =
		transport_write(&connection->transport, text, sizeof(text) - 1);
	if (length == (ssize_t)sizeof(text) - 1) {
		connection->bytes_sent += (uint64_t)length;
		return true;
	}
	/* These few bytes fit unless the client has not read for long. */
	connection_close(connection, HTTP_REASON_CONNECTION_DROPPED);
	return false;
}
