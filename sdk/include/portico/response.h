/* SPDX-License-Identifier: Apache-2.0
 *
 * The response: status, header fields, body.
 *
 * The head leaves with the first body bytes that do, or at the end of the
 * request; until then status and fields can change (portico_response_head_sent
 * tells).  A small response leaves in one piece together with its end.
 * Without portico_response_set_length the host sets Content-Length itself if
 * the whole body is at hand when the head leaves, and chunks it otherwise.
 * Threads: as request.h.
 */
#ifndef PORTICO_RESPONSE_H
#define PORTICO_RESPONSE_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Status 200..599; substatus refines it in logs and traces (404.8), 0 = none.
 * PORTICO_STATE: the head has left.  Since 1.0.
 */
static inline enum portico_status
portico_response_set_status(struct portico_request *request, unsigned status,
			    unsigned substatus)
{
	return portico_host->response_set_status(request, status, substatus);
}

/* 200 until somebody sets it; 0 if nobody made a response yet. */
static inline unsigned
portico_response_status(struct portico_request *request)
{
	return portico_host->response_status(request);
}

/* What refines the status, 0 = nothing, or no response yet.  Since 1.0. */
static inline unsigned
portico_response_substatus(struct portico_request *request)
{
	return portico_host->response_substatus(request);
}

/*
 * Why the response is what it is, in one sentence for those who run the
 * server: goes with the status to the log (at debug level, when the request
 * ends) and is never sent.  Copied; replaces an earlier one, and empty takes
 * it back.  At any time before END has run.
 *   PORTICO_INVALID    control bytes in it
 *   PORTICO_TOO_LARGE  longer than 512 bytes
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_response_set_reason(struct portico_request *request,
			    struct portico_slice reason)
{
	return portico_host->response_set_reason(request, reason);
}

/* Empty if there is none; followed by a NUL; valid until it is replaced. */
static inline struct portico_slice
portico_response_reason(struct portico_request *request)
{
	return portico_host->response_reason(request);
}

/*
 * Set (replacing all of that name) or add a field; name and value are copied.
 * PORTICO_INVALID: not a token, control bytes in the value, or a field that
 * is the listener's (Connection, Transfer-Encoding, Keep-Alive,
 * Content-Length: use set_length).  PORTICO_STATE: the head has left.
 * Setting a value whose data is NULL removes the field.
 */
static inline enum portico_status
portico_response_set_field(struct portico_request *request,
			   struct portico_slice name,
			   struct portico_slice value)
{
	return portico_host->response_set_field(request, name, value);
}

static inline enum portico_status
portico_response_add_field(struct portico_request *request,
			   struct portico_slice name,
			   struct portico_slice value)
{
	return portico_host->response_add_field(request, name, value);
}

/* The first field of that name set so far; borrowed until it is changed. */
static inline bool
portico_response_field(struct portico_request *request,
		       struct portico_slice name, struct portico_slice *value_r)
{
	return portico_host->response_field(request, name, value_r);
}

/* Remove all fields of that name; OK if there was none.  Since 1.0. */
static inline enum portico_status
portico_response_remove_field(struct portico_request *request,
			      struct portico_slice name)
{
	struct portico_slice none = { NULL, 0 };

	return portico_host->response_set_field(request, name, none);
}

/*
 * Call `fn` for each field set so far, in the order in which they will leave,
 * until it returns false.  Content-Length, Date, Server and what else the host
 * or the listener adds are not among them.  Slices are borrowed for the call;
 * `fn` changes no fields.  Since 1.0.
 */
static inline void
portico_response_fields(struct portico_request *request, portico_field_fn *fn,
			void *arg)
{
	portico_host->response_fields(request, fn, arg);
}

/* Announce the body's length in bytes; -1 = unknown.  For HEAD too. */
static inline enum portico_status
portico_response_set_length(struct portico_request *request, int64_t length)
{
	return portico_host->response_set_length(request, length);
}

/*
 * Write body bytes; copied.  *written_r is how many were taken.
 *   PORTICO_OK       all of them
 *   PORTICO_AGAIN    fewer: the client is slow.  portico_response_wait, then
 *                    return PENDING and write the rest when resumed.
 *   PORTICO_ABORTED  nobody waits any more
 * For HEAD the bytes are counted and dropped.
 */
static inline enum portico_status
portico_response_write(struct portico_request *request, const void *data,
		       size_t length, size_t *written_r)
{
	return portico_host->response_write(request, data, length, written_r);
}

/*
 * Write without a copy: borrow *size_r bytes of shared memory (at least 1, at
 * most `wanted` or a block), fill some, commit that many before any other
 * call for this request.  Status as portico_response_write.
 */
static inline enum portico_status
portico_response_reserve(struct portico_request *request, size_t wanted,
			 void **data_r, size_t *size_r)
{
	return portico_host->response_reserve(request, wanted, data_r, size_r);
}

static inline enum portico_status
portico_response_commit(struct portico_request *request, size_t length)
{
	return portico_host->response_commit(request, length);
}

/* Send what was written so far; never needed at the end. */
static inline enum portico_status
portico_response_flush(struct portico_request *request)
{
	return portico_host->response_flush(request);
}

/*
 * Suspend until there is room to write again (or the request was aborted);
 * then `resume` runs.  The caller returns PORTICO_PENDING next.
 */
static inline enum portico_status
portico_response_wait(struct portico_request *request,
		      portico_resume_fn *resume, void *arg)
{
	return portico_host->response_wait(request, resume, arg);
}

/*
 * Send `length` bytes of a regular file from `offset`, in order with what was
 * written before.  The kernel copies them from the file to the client; the
 * worker is not involved further.  The host takes a reference of its own.
 * PORTICO_AGAIN: nothing was taken, since more than 8 MiB of files wait for
 * the client, or for another reason; portico_response_wait, then call again.
 *
 * The kernel copies on the listener's loop, which stands still while a page
 * has to come from a disk.  So a module sends a large file in spans of a few
 * MiB and has each of them in the page cache before (portico_offload; how the
 * static module does it: modules/static/page_cache.c).  The last span is kept
 * until more is written, flushed or the request ends.
 */
static inline enum portico_status
portico_response_send_file(struct portico_request *request,
			   struct portico_file *file, uint64_t offset,
			   uint64_t length)
{
	return portico_host->response_send_file(request, file, offset, length);
}

/* Has the head left?  Then status and fields are final. */
static inline bool
portico_response_head_sent(struct portico_request *request)
{
	return portico_host->response_head_sent(request);
}

/*
 * Answer with a small HTML error page: status, substatus, request id and, if
 * not NULL, one sentence of explanation that is safe to show to anybody.
 * Fields set before stay.  The caller returns PORTICO_DONE next.
 */
static inline enum portico_status
portico_response_error(struct portico_request *request, unsigned status,
		       unsigned substatus, const char *explanation)
{
	return portico_host->response_error(request, status, substatus,
					    explanation);
}

#ifdef __cplusplus
}
#endif

#endif
