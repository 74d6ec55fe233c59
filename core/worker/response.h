/* SPDX-License-Identifier: Apache-2.0
 *
 * The response of a request, on its way into blocks of the channel.
 *
 *   front   what modules call: response_write(), response_send_file() ...
 *           decides about filters when the head is about to leave
 *   filters response_filter.c: passes chunks through the chain
 *   out     response_out.c: fills blocks, keeps to the window, sends
 *
 * While the head has not left, head and body grow in one block: the head is
 * written at its start as it stands at the first body byte, with the body
 * right behind, and written again only if a field has changed since.  So a
 * small response costs one copy of its bytes and one descriptor.
 */
#ifndef CORE_WORKER_RESPONSE_H
#define CORE_WORKER_RESPONSE_H

#include <portico/portico.h>

#include "core/channel/channel.h"
#include "core/http/header_id.h"
#include "core/worker/limits.h"

struct filter_run;

struct response_field {
	enum http_header_id id; /* 0: look at the name */
	struct portico_slice name, value;
};

struct response {
	uint16_t status; /* 200 until set */
	uint16_t substatus;
	bool made; /* somebody made a response */
	bool leaving; /* SEND_RESPONSE and filter heads run */
	bool decided; /* ... have run */
	bool head_sent;
	bool head_stale; /* fields changed since it was written */
	bool finished; /* complete, `last` may wait */
	bool has_last;
	bool filtering; /* a filter's function runs */
	bool filtered; /* a filter takes part, or would, were it not HEAD */
	bool cut; /* it cannot be completed */
	bool replaced; /* an error page took its place; writes are refused */
	bool reserved; /* a piece is lent out */
	bool patient; /* waits for its client, since memory is scarce */
	bool file_blocked; /* the channel's socket is full, a timer runs */
	bool tunnel; /* answered with 101 */
	bool file_full; /* a span was refused since too many bytes wait */
	bool cache_allowed, cache_denied; /* by modules (cache_policy.c) */
	bool cache_while_worker;
	bool cache_query_named; /* only parameters in cache_query matter */
	uint32_t cache_ttl; /* seconds; 0: until flushed */
	struct portico_slice cache_query;
	uint16_t field_count, field_capacity;
	uint32_t fields_bytes; /* upper bound of the fields in the head */
	struct response_field *fields;
	int64_t length; /* announced by the module, -1: not */
	uint64_t body_bytes; /* accepted from modules */

	/* the block that is being filled; data NULL: none */
	char *data;
	uint32_t block, size, used;
	uint32_t head_length; /* of the head in it, 0 if it has none */
	uint64_t window; /* bytes that may still be handed over */
	uint64_t out_bytes; /* body bytes put into blocks and files */

	/* a file to send, held back since it may be the last thing */
	struct portico_file *file;
	uint64_t file_offset, file_length;
	uint64_t file_ahead; /* handed over, and not yet reported as sent */

	struct filter_run *filters; /* NULL: none takes part */
	struct channel_descriptor last; /* has_last: leaves with END */
	struct response_field inline_fields[RESPONSE_FIELDS_INLINE];
};

/* ---- response.c: status and fields ------------------------------------------ */

void response_init(struct portico_request *request);
/* Gives back block and file; sends nothing. */
void response_fini(struct portico_request *request);

enum portico_status response_set_status(struct portico_request *request,
					unsigned status, unsigned substatus);
enum portico_status response_set_field(struct portico_request *request,
				       struct portico_slice name,
				       struct portico_slice value, bool add);
bool response_find_field(const struct portico_request *request,
			 struct portico_slice name,
			 struct portico_slice *value_r);
enum portico_status response_set_length(struct portico_request *request,
					int64_t length);
/* A field that modules may not write. */
enum portico_status response_set_id(struct portico_request *request,
				    enum http_header_id id,
				    struct portico_slice value);
void response_remove_id(struct portico_request *request,
			enum http_header_id id);

/* cache_policy.c: the listener may keep it, as far as the worker can tell. */
bool response_is_cacheable(const struct portico_request *request);

/* ---- response_front.c -------------------------------------------------------- */

enum portico_status response_write(struct portico_request *request,
				   const void *data, size_t length,
				   size_t *written_r);
enum portico_status response_reserve(struct portico_request *request,
				     size_t wanted, void **data_r,
				     size_t *size_r);
enum portico_status response_commit(struct portico_request *request,
				    size_t length);
enum portico_status response_flush(struct portico_request *request);
enum portico_status response_send_file(struct portico_request *request,
				       struct portico_file *file,
				       uint64_t offset, uint64_t length);

/*
 * The response is complete.  PORTICO_AGAIN: no room now; call again when the
 * request was woken.  OK: all was handed over, but for response.last.
 */
enum portico_status response_finish(struct portico_request *request);

/* Run SEND_RESPONSE and the filters' heads, once. */
void response_decide(struct portico_request *request);

/* Room came back, or a file was read: pass on what waits, wake the request. */
void response_progress(struct portico_request *request);

/* FILE_SENT: so many bytes of files have reached the client's socket. */
void response_file_sent(struct portico_request *request, uint64_t bytes);

/* The client has taken bytes: as many may be handed over again. */
void response_window(struct portico_request *request, uint64_t bytes);

/* Would a write take at least one byte now? */
bool response_writable(const struct portico_request *request);

/* Whether status or method forbid a body. */
bool response_is_bodiless(const struct portico_request *request);

/* ---- response_error.c --------------------------------------------------------- */

enum portico_status response_error(struct portico_request *request,
				   unsigned status, unsigned substatus,
				   const char *explanation);

/* A module failed or nobody answered: error page unless the head has left. */
void response_fail(struct portico_request *request, unsigned status,
		   unsigned substatus);

/* ---- response_out.c ------------------------------------------------------------ */

/* Copies what fits; returns the bytes taken, 0: no room now. */
size_t out_write(struct portico_request *request, const char *data,
		 size_t length);
/* Writable memory for at least 1 byte, *size_r of it; NULL: no room now. */
char *out_reserve(struct portico_request *request, size_t wanted,
		  size_t *size_r);
void out_commit(struct portico_request *request, size_t length);
/* Send what is in the block.  PORTICO_AGAIN: the head found no block. */
enum portico_status out_push(struct portico_request *request, bool last);
/* The same, and tell the listener not to wait for more. */
enum portico_status out_flush(struct portico_request *request);
/* The head of a tunnel, which the listener sends at once.  PORTICO_AGAIN: it
 * found no block. */
enum portico_status out_push_upgrade(struct portico_request *request);
/* FLUSH of a kind other than the plain one. */
void out_send_flush(struct portico_request *request, enum channel_flush kind);
/* Send the held file after everything before it. */
enum portico_status out_push_file(struct portico_request *request, bool last);
/* Send all that is left, with the trailers behind it: the response is complete.
 * PORTICO_AGAIN: there was no block for one of them. */
enum portico_status out_push_rest(struct portico_request *request);
/* Status or method have come to forbid the body: forget what is staged. */
void out_drop_body(struct portico_request *request);
/* Gives back a block that was never sent. */
void out_block_free(struct portico_request *request, uint32_t block,
		    char *data);
/* Forget body and head that have not left. */
void out_discard(struct portico_request *request);
void out_send_last(struct portico_request *request, bool end);

/* ---- response_filter.c ---------------------------------------------------------- */

/* Runs the head functions; sets response.filters if one takes part.  False:
 * one of them failed. */
bool filter_begin(struct portico_request *request);
/* An empty chain, for a child's file, which is read in any case. */
void filter_begin_empty(struct portico_request *request);
/* Passes a chunk through the chain. */
enum portico_status filter_feed(struct portico_request *request,
				struct portico_slice chunk, uint32_t flags);
/* Asks the filters for what they hold back; it leaves as soon as it can. */
void filter_flush(struct portico_request *request);
/* Reads a file and passes it through, off the loop. */
enum portico_status filter_feed_file(struct portico_request *request,
				     struct portico_file *file, uint64_t offset,
				     uint64_t length);
/* Nothing waits in or behind the filters: new data may come. */
bool filter_is_idle(const struct portico_request *request);
bool filter_is_ended(const struct portico_request *request);
/* Moves what waits; false: no room yet. */
bool filter_drain(struct portico_request *request);
void filter_fini(struct portico_request *request);
enum portico_status filter_pass(struct portico_filter_stream *stream,
				struct portico_slice chunk, uint32_t flags);

#endif
