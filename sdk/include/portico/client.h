/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP calls to other servers, from any event of a request or from the
 * background, without blocking the loop:
 *
 *	static enum portico_verdict
 *	on_answer(struct portico_request *request, void *arg)
 *	{
 *		struct portico_client_call *call = arg;
 *
 *		return portico_client_status(call) == 200 ? PORTICO_NEXT :
 *							    PORTICO_ERROR;
 *	}
 *
 *	if (portico_client_new(request, PORTICO_SLICE("GET"), url, &call) !=
 *		    PORTICO_OK ||
 *	    portico_client_run(call, on_answer, call) != PORTICO_OK)
 *		return PORTICO_ERROR;
 *	return PORTICO_PENDING;
 *
 * HTTP/1.1 over TCP, TLS or a Unix socket; http and https only.  Certificates
 * are verified, redirects are not followed, proxies of the environment are not
 * used.  Connections are kept for later calls of the same loop: 32 idle ones,
 * at most 64 to one host and 256 in all; calls beyond that wait for a
 * connection, within their time.
 *
 * The first call of a process loads libcurl, which takes some 20 ms; a module
 * that is sure to make calls makes one in worker_init and frees it.
 *
 * Threads: a call belongs to the loop on which it was made; all functions are
 * that loop's only.  Lifetime: a call of a request ends with the request, is
 * cancelled when the request is aborted, and may be freed before.  A call of
 * nobody (request NULL) is the module's to free.  What the functions return
 * lives as long as the call unless said otherwise.
 */
#ifndef PORTICO_CLIENT_H
#define PORTICO_CLIENT_H

#include <portico/client_call.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A call, not started.  `request` may be NULL: the call belongs to nobody and
 * outlives requests; while such a call with a total time runs, a worker that
 * was told to stop waits for it.  Method and URL are copied.
 *   PORTICO_INVALID      the method is no token or CONNECT, the URL is no
 *                        http or https URL
 *   PORTICO_ABORTED      the request was aborted: nobody would wait
 *   PORTICO_FULL         1,024 calls of this loop exist
 *   PORTICO_STATE        not on a loop, or the worker ends
 *   PORTICO_UNSUPPORTED  libcurl is not installed, or too old
 *   PORTICO_NO_MEMORY
 * OWNERSHIP: the request's, or, without one, the caller's.  Since 1.0.
 */
static inline enum portico_status
portico_client_new(struct portico_request *request, struct portico_slice method,
		   struct portico_slice url,
		   struct portico_client_call **call_r)
{
	return portico_host->client->open(request, method, url, call_r);
}

/* Ends the call and frees it; nobody is told.  Accepts NULL. */
static inline void
portico_client_free(struct portico_client_call *call)
{
	portico_host->client->free(call);
}

/*
 * Before the start.  PORTICO_INVALID: out of range; PORTICO_STATE: started.
 * The first failure of any of the setters is what start returns, so that they
 * need not be checked one by one.  Since 1.0.
 */
static inline enum portico_status
portico_client_set_number(struct portico_client_call *call,
			  enum portico_client_number which, int64_t value)
{
	return portico_host->client->set_number(call, which, value);
}

/* As portico_client_set_number; the text is copied.  Since 1.0. */
static inline enum portico_status
portico_client_set_text(struct portico_client_call *call,
			enum portico_client_text which,
			struct portico_slice value)
{
	return portico_host->client->set_text(call, which, value);
}

/*
 * Add a field to the call's head; copied.
 *   PORTICO_INVALID    not a token, control bytes in the value, or a field
 *                      that frames the message (Content-Length, Connection,
 *                      Transfer-Encoding, Upgrade, ...)
 *   PORTICO_TOO_LARGE  above 128 fields or 64 KiB of them
 *   PORTICO_STATE      started
 * Since 1.0.
 */
static inline enum portico_status
portico_client_add_field(struct portico_client_call *call,
			 struct portico_slice name, struct portico_slice value)
{
	return portico_host->client->add_field(call, name, value);
}

/* The body that is sent; copied, at most 64 MiB.  TOO_LARGE, STATE. */
static inline enum portico_status
portico_client_set_body(struct portico_client_call *call,
			struct portico_slice body)
{
	return portico_host->client->set_body(call, body);
}

/*
 * Start the call; suspends nobody.  `fn` is told of events and may be NULL.
 * It is told of END exactly once, also when the call is cancelled, but not
 * when it is freed, by the module or with its request.  Since 1.0.
 */
static inline enum portico_status
portico_client_start(struct portico_client_call *call, portico_client_fn *fn,
		     void *arg)
{
	return portico_host->client->start(call, fn, arg);
}

/*
 * Suspend the call's request until one of `events` is there, or END, which is
 * always waited for; at once if it is so already.  The caller returns
 * PORTICO_PENDING next.  PORTICO_STATE: suspended already, not started, or a
 * call without a request.  Since 1.0.
 */
static inline enum portico_status
portico_client_wait(struct portico_client_call *call, uint32_t events,
		    portico_resume_fn *resume, void *arg)
{
	return portico_host->client->wait(call, events, resume, arg);
}

/* Start, and suspend until the end; the caller returns PORTICO_PENDING. */
static inline enum portico_status
portico_client_run(struct portico_client_call *call, portico_resume_fn *resume,
		   void *arg)
{
	enum portico_status status = portico_client_start(call, NULL, NULL);

	return status != PORTICO_OK ?
		       status :
		       portico_client_wait(call, PORTICO_CLIENT_END, resume,
					   arg);
}

/* Ends the call with CANCELLED; who waits goes on.  No-op if it has ended. */
static inline void
portico_client_cancel(struct portico_client_call *call)
{
	portico_host->client->cancel(call);
}

/* The events that are there now: bits. */
static inline uint32_t
portico_client_events(struct portico_client_call *call)
{
	return portico_host->client->events(call);
}

/*
 * The next part of an upload; copied.  *written_r may be less than `length`.
 *   PORTICO_AGAIN   no room: wait for WRITE
 *   PORTICO_CLOSED  the call has ended: read its answer or its message
 *   PORTICO_STATE   no upload, not started, or finished
 * Since 1.0.
 */
static inline enum portico_status
portico_client_write(struct portico_client_call *call, const void *data,
		     size_t length, size_t *written_r)
{
	return portico_host->client->write(call, data, length, written_r);
}

/* The upload is complete.  STATE as above. */
static inline enum portico_status
portico_client_finish(struct portico_client_call *call)
{
	return portico_host->client->finish(call);
}

/*
 * The next part of a streamed body.  The peer is read no faster than this:
 * beyond 128 KiB it has to wait.
 *   PORTICO_OK      *chunk_r is borrowed until the next call of this function
 *   PORTICO_AGAIN   nothing yet: wait for READ
 *   PORTICO_END     the body is complete
 *   PORTICO_CLOSED  the call failed in the middle: result and message tell
 *   PORTICO_STATE   not streamed, or not started
 * Since 1.0.
 */
static inline enum portico_status
portico_client_read(struct portico_client_call *call,
		    struct portico_slice *chunk_r)
{
	return portico_host->client->read(call, chunk_r);
}

static inline enum portico_client_result
portico_client_result(struct portico_client_call *call)
{
	return portico_host->client->result(call);
}

/* Why it failed, for the log: a part of a sentence, or "". */
static inline const char *
portico_client_message(struct portico_client_call *call)
{
	return portico_host->client->message(call);
}

/* The answer's status; 0 until HEAD. */
static inline unsigned
portico_client_status(struct portico_client_call *call)
{
	return portico_host->client->status(call);
}

/* The first field of that name (any case) in the answer's head; the value is
 * followed by a NUL.  False: there is none, or no answer. */
static inline bool
portico_client_field(struct portico_client_call *call,
		     struct portico_slice name, struct portico_slice *value_r)
{
	return portico_host->client->field(call, name, value_r);
}

/* Call `fn` for each field in the order received, until it returns false. */
static inline void
portico_client_fields(struct portico_client_call *call, portico_field_fn *fn,
		      void *arg)
{
	portico_host->client->fields(call, fn, arg);
}

/* The body that is held, as sent (no content coding is undone), followed by a
 * NUL; empty before the end, after a failure and for streamed calls. */
static inline struct portico_slice
portico_client_body(struct portico_client_call *call)
{
	return portico_host->client->body(call);
}

#ifdef __cplusplus
}
#endif

#endif
