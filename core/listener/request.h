/* SPDX-License-Identifier: Apache-2.0
 *
 * One request, from its first byte until the client has its answer and the
 * worker has said END, whichever is later.
 *
 * It has two halves that end independently.  The wire half: `connection` is
 * set while bytes go to or come from the client.  The lease half: who has the
 * request.  queued -> assigned -> started -> responding -> done; a worker's
 * death or a revocation leads back to queued.  All of it is private to the
 * listener and enough to dispatch the request again.
 */
#ifndef CORE_LISTENER_REQUEST_H
#define CORE_LISTENER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/channel/channel.h"
#include "core/base/buffer.h"
#include "core/http/chunked.h"
#include "core/http/parser.h"
#include "core/http/reason.h"
#include "core/http/request_head.h"
#include "core/http/response_head.h"
#include "core/listener/output.h"

#define LISTENER_REQUEST_MAGIC 0x4e90e571u

struct cache_fill;
struct listener_connection;
struct listener_loop;
struct loop_pool;
struct loop_snapshot;
struct route_application;
struct worker_channel;

enum request_lease {
	LEASE_NONE, /* the head is not complete, or not routed */
	LEASE_QUEUED,
	LEASE_ASSIGNED, /* offered to a worker; started when its claim says so */
	LEASE_RESPONDING, /* the response head has come */
	LEASE_DONE, /* no worker has it: END, or it never got there */
};

enum request_body {
	BODY_NONE,
	BODY_SIZED,
	BODY_CHUNKED,
	BODY_STREAM, /* until the client ends its stream of HTTP/2 */
	BODY_TUNNEL, /* whatever the client sends, to its end */
	BODY_DONE, /* all of it was received */
	BODY_FAILED, /* the client broke the framing */
};

/* Bytes from the client: [begin, end) of data are not used yet. */
struct request_input {
	char *data; /* NULL: none */
	uint32_t capacity;
	uint32_t begin, end;
};

struct listener_request {
	unsigned magic;
	uint8_t lease; /* enum request_lease */
	uint8_t body; /* enum request_body */
	uint8_t framing; /* enum http_response_framing */
	uint8_t reason; /* enum http_reason: why it ended here */
	bool head_known; /* the parser was content with it */
	bool expect_continue; /* the client waits for our 100 */
	bool body_started; /* bytes of it went to a worker */
	bool body_held; /* and all of those still lie in the input */
	bool chunk_data; /* within a chunk: `chunked.remaining` bytes come */
	bool aborted; /* the worker was told */
	bool replayed; /* a worker died with it */
	bool response_seen; /* a head came from the worker, or from us */
	bool response_last; /* and all that belongs to it */
	bool worker_head; /* the worker has sent a head */
	bool chunk_begun; /* CHUNKED: the end of a chunk is to be written */
	bool zero_sent; /* CHUNKED: a digit of the next one's size was */
	bool window_wanted; /* the worker waits for the last byte to be taken */
	bool own_response; /* an answer of the listener */
	bool keep_alive; /* as said in the response */
	bool cut; /* the connection has to be reset */
	bool wire_done; /* nothing more for or from the client */
	bool drain; /* the answer is sent; the rest of the body is read */
	bool tunnel_fin; /* the client's end was read; BODY_TUNNEL: and has to
			    be told behind what lies in the input */
	bool tunnel_ending; /* the worker sends no more */
	bool tunnel_shut; /* and the client was told so */
	bool cache_hit; /* answered from the cache */
	bool cache_missed; /* might have been */
	bool tls; /* of its connection */

	struct listener_loop *loop;
	struct listener_connection *connection; /* NULL: wire_done */
	struct loop_snapshot *snapshot;
	const struct route_application *application; /* NULL: not routed */
	struct loop_pool *pool; /* NULL: not routed */
	struct list pool_link, queue_link, written_link, throttled_link;
	struct list starved_link; /* linked: wants to receive, but there is no
				     block */

	struct worker_channel *channel; /* NULL: none; held with a count */
	uint32_t slot; /* valid while assigned or responding */
	uint32_t slot_generation;

	uint64_t id, connection_id;
	uint32_t stream_id; /* HTTP/2; else 0 */
	struct http_address client, server;
	uint64_t first_byte, head_complete, realtime, queued, assigned;
	uint64_t worker_ready; /* a worker had to be started */
	uint64_t response_head; /* a worker's has come */
	uint64_t progress; /* since then the worker has the next word */
	uint64_t finished; /* the wire half */
	/* See deadline.h; 0 = none.  response_idle is a span. */
	uint64_t queue_deadline, activation_deadline, execution_deadline;
	uint64_t response_idle;

	struct request_input input;
	struct http_chunked chunked;
	struct buffer trailers; /* of a chunked body, until handed over */
	bool trailers_due; /* nothing else of the body is left */
	bool stream_ended; /* STREAM: all of it lies in the input */
	uint64_t body_left; /* sized */
	uint64_t body_credit; /* bytes that the worker asked for */
	uint64_t body_received;
	uint32_t drained;
	uint32_t body_pieces; /* small ones since the worker's last WINDOW */
	uint32_t body_class; /* enum channel_block_class for the next part */

	struct output output;
	uint64_t charged; /* of output.sent, to the site's bandwidth */
	int64_t length_left; /* of a response with a length */
	int64_t window_left; /* that the worker may hand over */
	uint32_t window_due; /* sent since the last WINDOW */
	uint16_t status, substatus;
	int32_t os_error;
	const char *detail; /* static text for the error log, or NULL */
	char *user; /* NULL or the name that the worker gave */
	char *log_values; /* of response fields, for the log; or NULL */
	char *end_fields; /* trailers of the response, until they leave */
	uint32_t end_fields_length;
	struct cache_fill *fill; /* its response is copied; or NULL */
	struct cache_url *cache_leads; /* others may wait for this one */
	struct cache_url *cache_waits; /* it waits for another one */
	uint64_t cache_wait_until; /* ns; 0: it has not waited */
	struct list cache_link, cache_age_link;
	uint32_t affinity; /* worker that its cookie names; 0: none */
	uint64_t cache_epoch; /* of its application when it began */

	struct http_parser parser;
	struct http_parsed_head head; /* large: not zeroed, not moved */
};

/* ---- life (request.c) ------------------------------------------------------- */

/* For the next head on a connection.  OWNERSHIP: the connection's. */
struct listener_request *request_new(struct listener_connection *connection);

/* The head is complete: cook, route, queue or dispatch. */
void request_begin(struct listener_request *request);

/*
 * The client has its answer, or will never get it: the wire half is over.
 * Detached from the connection; freed if the lease half is over too.
 */
void request_wire_done(struct listener_request *request);

/* The worker has nothing more to do with it. */
void request_lease_done(struct listener_request *request);

/* The connection is about to close with this request on it. */
void request_client_gone(struct listener_request *request,
			 enum http_reason reason);

/* No answer: the connection is reset, the worker told as below. */
void request_cut(struct listener_request *request, enum http_reason reason);

/*
 * Answer with a page of our own, whatever the lease; the worker is told to
 * abort if one has it.  When the head has left already, or the reason has no
 * status, the connection is cut instead.  `detail` is static or NULL.
 */
void request_fail(struct listener_request *request, enum http_reason reason,
		  unsigned status, const char *detail);

/* Tell the worker, once, that nobody waits any more. */
void request_abort(struct listener_request *request, enum channel_abort why);

/* Never dispatched, never answered: a head that was not completed. */
void request_drop(struct listener_request *request);

static inline bool
request_is_head_method(const struct listener_request *request)
{
	return request->head.method == HTTP_METHOD_HEAD;
}

/* Whether body bytes are still to come from the client. */
static inline bool
request_body_pending(const struct listener_request *request)
{
	return request->body == BODY_SIZED || request->body == BODY_CHUNKED ||
	       request->body == BODY_STREAM || request->body == BODY_TUNNEL;
}

/* Text of the raw head. */
static inline struct portico_slice
request_text(const struct listener_request *request, uint32_t offset,
	     uint32_t length)
{
	return (struct portico_slice){ request->input.data + offset, length };
}

/* As the logs name it. */
static inline struct portico_slice
request_protocol(const struct listener_request *request)
{
	if (request->stream_id != 0)
		return PORTICO_SLICE("HTTP/2.0");
	return request->head.minor == 0 ? PORTICO_SLICE("HTTP/1.0") :
					  PORTICO_SLICE("HTTP/1.1");
}

/* Answered with 101: bytes pass both ways (tunnel.h). */
static inline bool
request_is_tunnel(const struct listener_request *request)
{
	return request->framing == HTTP_FRAMING_TUNNEL;
}

/* ---- body (request_body.c) -------------------------------------------------- */

/* Settles what the head says of a body.  False: it was refused. */
bool request_body_begin(struct listener_request *request);

/* From now on all that the client sends is body, what lies in the input
 * first. */
void request_body_begin_tunnel(struct listener_request *request);

/* The worker wants so many bytes more. */
void request_body_window(struct listener_request *request, uint64_t bytes);

/* The socket is readable, or bytes lie in the input: take what is wanted.
 * False: the socket is not to be watched for reading now. */
bool request_body_receive(struct listener_request *request);

/* Bytes that others have received, behind what lies in the input; `last`: and
 * no more will come.  They are taken as far as they are wanted. */
void request_body_push(struct listener_request *request, const char *data,
		       uint32_t length, bool last);

/* Once per tick, for a connection whose body is waited for: hand over what was
 * gathered. */
void request_body_tick(struct listener_request *request);

/* A worker is lost: whether the body can be given to another one, from its
 * beginning. */
static inline bool
request_body_is_whole(const struct listener_request *request)
{
	return !request->body_started || request->body_held;
}

/* To be given to another one; only if it is whole. */
void request_body_rewind(struct listener_request *request);

/* Whether it is the client who has to send some now. */
bool request_body_is_awaited(const struct listener_request *request);

/* The client sends no more: whether what it has sent is less than it said. */
bool request_body_is_cut_off(const struct listener_request *request);

/* There are blocks again. */
void request_body_resume(struct listener_request *request);

/* After the response: throw away.  False: not now, or the end came. */
bool request_body_drain(struct listener_request *request);

/* Whether what is left is small enough to be thrown away, so that the
 * connection can be kept. */
bool request_body_drainable(const struct listener_request *request);

#endif
