/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies, on demand: from the socket is read only what the worker's
 * window allows, straight into a block that goes to the worker.  Only bytes
 * that came together with the head, the framing of chunks, and what is small
 * pass through the input buffer.
 *
 * A body that fits there behind its head stays there: should its worker die, it
 * can be given to another one (`body_held`).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/base/check.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/listener/connection.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/tunnel.h"
#include "core/listener/worker_channel.h"

/* A chunk with less than this left is read through the input buffer, together
 * with the framing that follows it. */
#define CHUNK_DIRECT_BYTES 1024

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint32_t
input_rest(const struct listener_request *request)
{
	return request->input.end - request->input.begin;
}

/* ---- beginning -------------------------------------------------------------- */

/* Behind a long head there may be no room left for framing. */
static void
make_framing_room(struct listener_request *request)
{
	struct request_input *input = &request->input;
	uint32_t capacity = input->capacity + INPUT_FRAMING_BYTES;
	char *larger;

	if (input->capacity - request->head.length >= INPUT_FRAMING_BYTES)
		return;
	larger = mem_alloc(capacity);
	memcpy(larger, input->data, input->end);
	if (input->capacity == INPUT_SMALL_BYTES)
		loop_buffer_give(request->loop, input->data);
	else
		mem_free(input->data);
	input->data = larger;
	input->capacity = capacity;
}

/* Nothing of it is used yet.  False: there is none. */
static bool
body_init(struct listener_request *request)
{
	const struct http_parsed_head *head = &request->head;

	if (head->chunked && request->stream_id != 0) {
		request->body = BODY_STREAM;
		request->trailers_due = false;
	} else if (head->chunked) {
		request->body = BODY_CHUNKED;
		http_chunked_init(&request->chunked);
		buffer_reset(&request->trailers);
		request->trailers_due = false;
		request->chunked.trailers = &request->trailers;
	} else if (head->content_length != HTTP_LENGTH_NONE &&
		   head->content_length > 0) {
		request->body = BODY_SIZED;
		request->body_left = head->content_length;
	} else {
		return false;
	}
	request->body_class = CHANNEL_BLOCK_16K;
	request->body_held = true;
	return true;
}

bool
request_body_begin(struct listener_request *request)
{
	uint64_t most = request->pool->limits.max_request_body;

	if (!body_init(request)) {
		request->expect_continue = false;
		return true;
	}
	if (request->body == BODY_CHUNKED)
		make_framing_room(request);
	if (most == 0 || request->body != BODY_SIZED ||
	    request->body_left <= most)
		return true;
	request->keep_alive = false;
	request_fail(request, HTTP_REASON_ENTITY_TOO_LARGE, 0, NULL);
	return false;
}

void
request_body_begin_tunnel(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(request->body == BODY_NONE);
	request->body = BODY_TUNNEL;
	request->body_left = UINT64_MAX;
	request->body_class = CHANNEL_BLOCK_4K;
	make_framing_room(request);
}

void
request_body_rewind(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(request_body_is_whole(request));
	request->body_credit = 0;
	list_remove(&request->starved_link);
	request->body_pieces = 0;
	/* The client is not waited for until another worker wants the rest. */
	connection_await_body(request->connection, false);
	if (!request->body_started || !body_init(request))
		return;
	request->input.begin = request->head.length;
	request->body_received = 0;
	request->body_started = request->chunk_data = false;
}

/* ---- to the worker ------------------------------------------------------------ */

/* The worker has to return blocks: it is the next to act. */
static void
starve(struct listener_request *request)
{
	request->progress = loop_now(request->loop);
	if (!list_linked(&request->starved_link))
		list_add_tail(&request->channel->starved,
			      &request->starved_link);
}

/*
 * A block for about `wanted` bytes; NULL: there is none now.  Bodies that
 * modules do not read could hold all of the region, and then no head would find
 * a block: while the last quarter is in use a body gets its first bytes only.
 */
static char *
take_block(struct listener_request *request, uint64_t wanted, uint32_t *block_r,
	   uint32_t *size_r)
{
	enum channel_block_class block_class =
		(enum channel_block_class)request->body_class;
	char *data;

	if (channel_is_scarce(request->channel->channel)) {
		if (request->body_started) {
			channel_want_plenty(request->channel->channel);
			starve(request);
			return NULL;
		}
		wanted = 0;
	}
	if (wanted <= 4096)
		block_class = CHANNEL_BLOCK_4K;
	else if (wanted <= 16384 && block_class > CHANNEL_BLOCK_16K)
		block_class = CHANNEL_BLOCK_16K;
	data = channel_block_alloc(request->channel->channel, block_class,
				   block_r, size_r);
	if (data == NULL)
		starve(request);
	return data;
}

/* The next block suits what the last one got. */
static void
adapt_class(struct listener_request *request, uint32_t got, uint32_t size)
{
	if (got == size && request->body_class < CHANNEL_BLOCK_64K)
		request->body_class++;
	else if (got < size / 4 && request->body_class > CHANNEL_BLOCK_4K)
		request->body_class--;
}

static bool
too_large(const struct listener_request *request)
{
	uint64_t most = request->pool->limits.max_request_body;

	return most != 0 && request->body_received > most &&
	       request->body != BODY_TUNNEL;
}

/* `length` bytes are in the block, and after them `trailers` that are none of
 * the body; if that is complete, say so. */
static void
hand_over_with(struct listener_request *request, uint32_t block,
	       uint32_t length, uint32_t trailers, bool last)
{
	uint32_t total = length + trailers;

	request->body_received += length;
	request->body_credit -= length;
	request->progress = loop_now(request->loop);
	if (total == 0)
		channel_block_cancel(request->channel->channel, block);
	if (last)
		request->body = BODY_DONE;
	if (too_large(request)) {
		if (total > 0)
			channel_block_cancel(request->channel->channel, block);
		request->keep_alive = false;
		request_fail(request, HTTP_REASON_ENTITY_TOO_LARGE, 0, NULL);
		return;
	}
	if (total == 0 && !last)
		return;
	request->body_started = true;
	if (length < BODY_SMALL_BYTES)
		request->body_pieces++;
	worker_channel_send_body(request, block, total, trailers, last);
}

static void
hand_over(struct listener_request *request, uint32_t block, uint32_t length,
	  bool last)
{
	hand_over_with(request, block, length, 0, last);
}

/* The last bytes of a chunked body are in the block, its trailers go behind
 * them, or into a block of their own. */
static void
hand_over_end(struct listener_request *request, uint32_t block, char *data,
	      uint32_t size, uint32_t used)
{
	uint32_t trailers = (uint32_t)request->trailers.length;

	if (trailers > size - used) {
		request->trailers_due = true;
		hand_over(request, block, used, false);
		return;
	}
	if (trailers > 0)
		memcpy(data + used, request->trailers.data, trailers);
	hand_over_with(request, block, used, trailers, true);
}

static void
send_trailers(struct listener_request *request)
{
	uint32_t block, size;
	char *data = channel_block_alloc(request->channel->channel,
					 request->trailers.length <= 4096 ?
						 CHANNEL_BLOCK_4K :
						 CHANNEL_BLOCK_16K,
					 &block, &size);

	if (data == NULL) {
		starve(request);
		return;
	}
	request->trailers_due = false;
	hand_over_end(request, block, data, size, 0);
}

/* Room for as many, of a client whose window is ours. */
static void
took(struct listener_request *request, uint32_t length)
{
	struct listener_connection *connection = request->connection;

	request->input.begin += length;
	if (!connection_is_socket(connection) && length > 0)
		connection->methods->taken(connection, length);
}

static void
sized_from_input(struct listener_request *request, char *data, uint32_t size,
		 uint32_t block)
{
	uint32_t length = (uint32_t)smaller(smaller(size, request->body_left),
					    smaller(request->body_credit,
						    input_rest(request)));

	memcpy(data, request->input.data + request->input.begin, length);
	took(request, length);
	request->body_left -= length;
	hand_over(request, block, length, request->body_left == 0);
}

static void
stream_from_input(struct listener_request *request, char *data, uint32_t size,
		  uint32_t block)
{
	uint32_t length = (uint32_t)smaller(size, smaller(request->body_credit,
							  input_rest(request)));

	memcpy(data, request->input.data + request->input.begin, length);
	took(request, length);
	if (request->stream_ended && input_rest(request) == 0)
		hand_over_end(request, block, data, size, length);
	else
		hand_over(request, block, length, false);
}

static void
bad_framing(struct listener_request *request, uint32_t block)
{
	enum http_reason reason = request->chunked.reason;

	channel_block_cancel(request->channel->channel, block);
	request->body = BODY_FAILED;
	request->keep_alive = false;
	/* 400, or 431 for trailers and extensions without end. */
	request_fail(request,
		     reason == HTTP_REASON_NONE ? HTTP_REASON_BAD_REQUEST :
						  reason,
		     0, NULL);
}

static void
chunked_from_input(struct listener_request *request, char *data, uint32_t size,
		   uint32_t block)
{
	struct request_input *input = &request->input;
	uint32_t most = (uint32_t)smaller(size, request->body_credit);
	uint32_t used = 0;

	while (input->begin < input->end && used < most) {
		struct portico_slice payload;
		size_t consumed;
		enum http_chunked_result result = http_chunked_decode(
			&request->chunked, input->data + input->begin,
			smaller(input_rest(request), most - used), &consumed,
			&payload);

		input->begin += (uint32_t)consumed;
		request->chunk_data = result == HTTP_CHUNKED_DATA &&
				      request->chunked.remaining > 0;
		if (result == HTTP_CHUNKED_ERROR) {
			bad_framing(request, block);
			return;
		}
		if (result == HTTP_CHUNKED_DONE) {
			hand_over_end(request, block, data, size, used);
			return;
		}
		if (result == HTTP_CHUNKED_DATA) {
			memcpy(data + used, payload.data, payload.length);
			used += (uint32_t)payload.length;
		}
	}
	hand_over(request, block, used, false);
}

/* ---- from the socket ------------------------------------------------------------ */

/* transport_read() with the usual ends.  0: none now, or the connection has ended. */
static uint32_t
receive(struct listener_request *request, void *data, size_t size)
{
	ssize_t got =
		transport_read(&request->connection->transport, data, size);

	if (got > 0) {
		request->connection->received = loop_now(request->loop);
		request->connection->body_bytes += (uint64_t)got;
		return (uint32_t)got;
	}
	if (got == 0 && request->body == BODY_TUNNEL) {
		request->tunnel_fin = true;
		return 0;
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		connection_close(request->connection,
				 HTTP_REASON_CONNECTION_DROPPED);
	return 0;
}

/* Framing, and small chunks with it. */
static bool
fill_input(struct listener_request *request)
{
	struct request_input *input = &request->input;
	uint32_t got;

	if (input_rest(request) == 0 &&
	    (!request->body_held || input->end == input->capacity)) {
		input->begin = input->end = request->head.length;
		request->body_held = false;
	}
	got = receive(request, input->data + input->end,
		      input->capacity - input->end);
	input->end += got;
	return got > 0;
}

/* Bytes that may be received without looking at them; 0: framing comes, or so
 * few that they can be held. */
static uint64_t
direct_bytes(const struct listener_request *request)
{
	const struct request_input *input = &request->input;

	if (request->body != BODY_CHUNKED)
		return request->body_held &&
				       request->body_left <=
					       input->capacity - input->end ?
			       0 :
			       request->body_left;
	return request->chunk_data && request->chunked.remaining >=
					      CHUNK_DIRECT_BYTES ?
		       request->chunked.remaining :
		       0;
}

/* What was received directly is told to the bookkeeping. */
static bool
account(struct listener_request *request, const char *data, uint32_t length)
{
	struct portico_slice payload;
	size_t consumed;

	if (request->body != BODY_CHUNKED) {
		request->body_left -= length;
		return request->body_left == 0;
	}
	if (http_chunked_decode(&request->chunked, data, length, &consumed,
				&payload) != HTTP_CHUNKED_DATA ||
	    payload.length != length)
		UNREACHABLE();
	request->chunk_data = request->chunked.remaining > 0;
	return false;
}

static void
receive_direct(struct listener_request *request, uint64_t direct)
{
	uint64_t wanted = smaller(direct, request->body_credit);
	uint32_t block, size, got;
	char *data = take_block(request, wanted, &block, &size);
	/* The connection may end in receive(), and the request with it. */
	struct channel *channel = request->channel->channel;
	bool last;

	if (data == NULL)
		return;
	got = receive(request, data, smaller(size, wanted));
	if (got == 0) {
		channel_block_cancel(channel, block);
		return;
	}
	request->body_held = false;
	adapt_class(request, got, size);
	last = account(request, data, got);
	hand_over(request, block, got, last);
}

/* Bytes that came with the head, or with framing. */
static void
use_input(struct listener_request *request)
{
	uint64_t wanted = smaller(input_rest(request), request->body_credit);
	uint32_t block, size;
	char *data = take_block(request, wanted, &block, &size);

	if (data == NULL)
		return;
	if (request->body == BODY_STREAM)
		stream_from_input(request, data, size, block);
	else if (request->body != BODY_CHUNKED)
		sized_from_input(request, data, size, block);
	else
		chunked_from_input(request, data, size, block);
}

/* Whether pieces are so small that they are gathered. */
static bool
gathers(const struct listener_request *request)
{
	uint32_t rest = input_rest(request);

	return request->body_pieces >= BODY_PIECES_FREE &&
	       rest < BODY_GATHER_BYTES && !request->tunnel_fin &&
	       !request->stream_ended &&
	       request->input.end < request->input.capacity &&
	       !(request->body == BODY_SIZED && rest >= request->body_left);
}

/* Something of it is here: bytes, or its end. */
static bool
has_some(const struct listener_request *request)
{
	return input_rest(request) > 0 ||
	       (request->body == BODY_STREAM && request->stream_ended);
}

bool
request_body_is_awaited(const struct listener_request *request)
{
	return request_body_pending(request) && request->body_credit > 0 &&
	       !request->aborted && !list_linked(&request->starved_link) &&
	       !request->wire_done &&
	       (request->lease == LEASE_ASSIGNED ||
		request->lease == LEASE_RESPONDING);
}

/* The client's time for the next bytes begins, or nobody waits for any.  In a
 * tunnel it has all the time there is. */
static void
set_timer(struct listener_request *request)
{
	connection_await_body(request->connection,
			      request_body_is_awaited(request) &&
				      request->body != BODY_TUNNEL);
}

bool
request_body_receive(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;
	bool received = false;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	while (request_body_is_awaited(request)) {
		uint64_t direct;

		if (request->trailers_due) {
			send_trailers(request);
		} else if (has_some(request) && !gathers(request)) {
			use_input(request);
		} else if (received || request->tunnel_fin ||
			   !connection_is_socket(connection)) {
			break; /* others want a turn */
		} else {
			direct = direct_bytes(request);
			received = true;
			if (direct > 0 && !gathers(request))
				receive_direct(request, direct);
			else
				fill_input(request);
		}
		/* The connection may have ended; this request may have, too,
		 * but a lease keeps it until the worker's END. */
		if (connection->request != request)
			return false;
	}
	if (request->tunnel_fin && request->body == BODY_TUNNEL &&
	    input_rest(request) == 0 && !request->aborted &&
	    request->lease == LEASE_RESPONDING) {
		tunnel_client_ended(request);
		return false;
	}
	set_timer(request);
	return request_body_is_awaited(request) ||
	       !request_body_pending(request);
}

void
request_body_window(struct listener_request *request, uint64_t bytes)
{
	struct listener_connection *connection = request->connection;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->wire_done || request->aborted || request->drain ||
	    !request_body_pending(request))
		return;
	request->body_credit =
		smaller(request->body_credit + bytes, BODY_CREDIT_MAX);
	request->body_pieces = 0;
	if (request->expect_continue && !request->response_seen) {
		request->expect_continue = false;
		if (!response_send_continue(request))
			return;
	}
	if (has_some(request) || request->trailers_due)
		(void)request_body_receive(request);
	else
		set_timer(request);
	if (connection->request == request)
		connection_watch_input(connection, true);
}

/* Behind what is there; what was used makes room, unless it is held. */
static void
append(struct request_input *input, uint32_t head, bool held, const char *data,
       uint32_t length)
{
	uint32_t rest = input->end - input->begin;

	if (!held && input->begin > head &&
	    (rest == 0 || input->capacity - input->end < length)) {
		memmove(input->data + head, input->data + input->begin, rest);
		input->begin = head;
		input->end = head + rest;
	}
	memcpy(input->data + input->end, data, length);
	input->end += length;
}

/* So that `length` bytes more fit. */
static void
make_room(struct listener_request *request, uint32_t length)
{
	struct request_input *input = &request->input;
	uint32_t keep = request->head.length;
	uint32_t needed = keep + input_rest(request) + length;
	uint32_t capacity = input->capacity;
	char *larger;

	if (input->capacity - input->end >= length)
		return;
	/* No longer worth it: what a worker has taken is forgotten. */
	request->body_held = request->body_held && !request->body_started;
	if (!request->body_held && needed <= capacity)
		return;
	while (capacity < needed)
		capacity *= 2;
	larger = mem_alloc(capacity);
	memcpy(larger, input->data, keep);
	memcpy(larger + keep, input->data + input->begin, input_rest(request));
	input->end = keep + input_rest(request);
	input->begin = keep;
	if (input->capacity == INPUT_SMALL_BYTES)
		loop_buffer_give(request->loop, input->data);
	else
		mem_free(input->data);
	input->data = larger;
	input->capacity = capacity;
}

void
request_body_push(struct listener_request *request, const char *data,
		  uint32_t length, bool last)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (!request_body_pending(request)) {
		/* For a tunnel that is none yet. */
		request->tunnel_fin = last && request->head.upgrade;
		return;
	}
	request->connection->received = loop_now(request->loop);
	request->connection->body_bytes += length;
	make_room(request, length);
	append(&request->input, request->head.length, request->body_held, data,
	       length);
	if (request->body == BODY_TUNNEL)
		request->tunnel_fin = last;
	else
		request->stream_ended = last;
	(void)request_body_receive(request);
}

void
request_body_tick(struct listener_request *request)
{
	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (input_rest(request) > 0 && !request->trailers_due &&
	    request_body_is_awaited(request) &&
	    request->body_pieces < BODY_PIECES_MAX)
		use_input(request);
}

void
request_body_resume(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->wire_done || !request_body_is_awaited(request))
		return;
	if (request_body_receive(request) && connection->request == request)
		connection_watch_input(connection, true);
}

bool
request_body_is_cut_off(const struct listener_request *request)
{
	const struct transport *transport = &request->connection->transport;
	uint64_t there = input_rest(request);
	int unread = 0;

	if (!request_body_pending(request) || request->trailers_due ||
	    transport_pending(transport) ||
	    ioctl(transport->fd, FIONREAD, &unread) != 0)
		return false;
	there += (uint64_t)unread;
	/* What chunks are worth shows when they are read. */
	return request->body == BODY_SIZED ? request->body_left > there :
					     there == 0;
}

/* ---- after the response ----------------------------------------------------------- */

bool
request_body_drainable(const struct listener_request *request)
{
	if (request->expect_continue)
		return false;
	return request->body == BODY_CHUNKED ||
	       request->body_left <= DRAIN_BYTES_MAX + input_rest(request);
}

static void
drain_input(struct listener_request *request)
{
	struct request_input *input = &request->input;
	struct portico_slice payload;
	enum http_chunked_result result;
	size_t consumed;

	if (request->body == BODY_SIZED) {
		uint32_t length = (uint32_t)smaller(input_rest(request),
						    request->body_left);

		input->begin += length;
		request->body_left -= length;
		request->body_received += length;
		if (request->body_left == 0)
			request->body = BODY_DONE;
		return;
	}
	result = http_chunked_decode(&request->chunked,
				     input->data + input->begin,
				     input_rest(request), &consumed, &payload);
	input->begin += (uint32_t)consumed;
	request->body_received += payload.length;
	request->chunk_data = result == HTTP_CHUNKED_DATA &&
			      request->chunked.remaining > 0;
	if (result == HTTP_CHUNKED_DONE)
		request->body = BODY_DONE;
	else if (result == HTTP_CHUNKED_ERROR)
		request->body = BODY_FAILED;
}

static bool
drain_socket(struct listener_request *request)
{
	uint64_t direct = direct_bytes(request);
	uint32_t got;

	if (direct == 0) {
		if (!fill_input(request))
			return false;
		request->drained += input_rest(request);
		return true;
	}
	got = receive(request, request->loop->discard,
		      smaller(direct, LOOP_DISCARD_BYTES));
	if (got == 0)
		return false;
	request->drained += got;
	request->body_received += got;
	if (account(request, request->loop->discard, got))
		request->body = BODY_DONE;
	return true;
}

bool
request_body_drain(struct listener_request *request)
{
	struct listener_connection *connection = request->connection;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	while (request_body_pending(request)) {
		if (request->trailers_due)
			request->body = BODY_DONE;
		else if (input_rest(request) > 0)
			drain_input(request);
		else if (request->drained > DRAIN_BYTES_MAX)
			request->body = BODY_FAILED;
		else if (!drain_socket(request))
			return connection->request == request;
	}
	connection_request_done(connection, request->body == BODY_DONE,
				request->body != BODY_DONE);
	return true;
}
