/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels: a request that asks for another protocol ("Connection: upgrade",
 * "Upgrade: websocket") is answered with 101, and from then on the connection
 * carries bytes both ways that nobody but the module looks at.
 *
 * A request that is a tunnel stays what it was: on its loop, with its memory,
 * counted as in flight, ended when the module's function returns DONE.  Neither
 * executionTimeout nor responseIdleTimeout apply any more, tunnelIdleTimeout of
 * the pool does (default: none).  One line in the access log, when it ends,
 * has status 101 and the bytes of both directions.
 *
 * The usual shape is one function that reads and writes what can be, and calls
 * itself again through portico_tunnel_wait:
 *
 *	static enum portico_verdict
 *	go_on(struct portico_request *request, void *arg)
 *	{
 *		... read until AGAIN, write until nothing is left or AGAIN ...
 *		return portico_tunnel_wait(request, PORTICO_TUNNEL_READ, go_on,
 *					   arg) == PORTICO_OK ?
 *			       PORTICO_PENDING : PORTICO_ERROR;
 *	}
 *
 * Both directions have a window of 128 KiB: a client that does not read makes
 * writes say AGAIN, a module that does not read makes the client's sending
 * stand still.  Neither holds anybody else up.
 *
 * When the worker is recycled, tunnels live on for at most shutdownTimeLimit of
 * the pool; PORTICO_TUNNEL_DRAIN tells the module, so that it can say good-bye.
 * After that they are aborted.  When the listener is replaced or stopped, they
 * are cut at shutdownTimeLimit of the listener; the module sees an abort.
 *
 * Threads: all functions may be called only on the request's loop, from an
 * event, handler, resume, timer or watch function of that request; another
 * thread or another request wakes it with portico_complete and a token of
 * portico_tunnel_token.
 */
#ifndef PORTICO_TUNNEL_H
#define PORTICO_TUNNEL_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a tunnel can wait for, as bits. */
enum portico_tunnel_event {
	PORTICO_TUNNEL_READ = 1, /* bytes, or the client's end, not yet told */
	PORTICO_TUNNEL_WRITE = 2, /* at least one byte can be written */
	PORTICO_TUNNEL_WOKEN = 4, /* the token was completed */
	PORTICO_TUNNEL_DRAIN = 8, /* the worker is being recycled; stays */
	PORTICO_TUNNEL_GONE = 16, /* aborted, by whoever; always waited for */
};

struct portico_host_tunnel {
	uint32_t size;
	bool (*offered)(struct portico_request *,
			struct portico_slice protocol);
	enum portico_status (*open)(struct portico_request *,
				    struct portico_slice protocol);
	enum portico_status (*read)(struct portico_request *,
				    struct portico_slice *chunk_r);
	enum portico_status (*write)(struct portico_request *, const void *data,
				     size_t length, size_t *written_r);
	enum portico_status (*shutdown)(struct portico_request *);
	void (*abort)(struct portico_request *);
	unsigned (*events)(struct portico_request *);
	enum portico_status (*wait)(struct portico_request *, unsigned events,
				    portico_resume_fn *, void *arg);
	enum portico_status (*token)(struct portico_request *,
				     struct portico_token *token_r);
};

/*
 * Whether the client offers to change to `protocol`, compared without regard to
 * case; an empty one stands for any.  False for requests of HTTP/1.0, with a
 * body, by HEAD, and for child requests: their wish is ignored, as RFC 9110
 * section 7.8 allows.  Since 1.0.
 */
static inline bool
portico_tunnel_offered(struct portico_request *request,
		       struct portico_slice protocol)
{
	return portico_host->tunnel->offered(request, protocol);
}

/*
 * Answer 101 with the fields that the response has by now, `protocol` as the
 * value of Upgrade; Connection is the listener's.  Of the events only
 * SEND_RESPONSE runs (its subscribers may add fields), and READ_ENTITY not for
 * any byte of the tunnel; filters do not take part.  From any event before the
 * head has left.
 *
 * PORTICO_OK: it is a tunnel.
 * PORTICO_INVALID: the client does not offer this protocol.
 * PORTICO_STATE: a response has begun already.
 * PORTICO_AGAIN: no memory of the channel now; portico_response_wait, then
 * once more.
 * PORTICO_DENIED: a subscriber of SEND_RESPONSE has failed, or has set another
 * status; that is the response, return DONE.
 * PORTICO_TOO_LARGE, PORTICO_NO_MEMORY: as for a field of the response.
 * PORTICO_ABORTED: the client has left.  Since 1.0.
 */
static inline enum portico_status
portico_tunnel_open(struct portico_request *request,
		    struct portico_slice protocol)
{
	return portico_host->tunnel->open(request, protocol);
}

/*
 * The next bytes from the client, in place: valid until the next read, or the
 * end of the request.  The first are those that came right behind the head.
 *
 * PORTICO_OK: *chunk_r has at least one byte.
 * PORTICO_AGAIN: none now; wait for PORTICO_TUNNEL_READ.
 * PORTICO_END: the client sends no more.  It may still read.
 * PORTICO_ABORTED: it is gone, or the tunnel was cut.
 * PORTICO_STATE: this is no tunnel.  Since 1.0.
 */
static inline enum portico_status
portico_tunnel_read(struct portico_request *request,
		    struct portico_slice *chunk_r)
{
	return portico_host->tunnel->read(request, chunk_r);
}

/*
 * Copy bytes to the client: as many as there is room for, *written_r of them.
 * They leave when the function that runs returns, or at once when the request
 * is suspended.
 *
 * PORTICO_OK: all.
 * PORTICO_AGAIN: some or none; wait for PORTICO_TUNNEL_WRITE with the rest.
 * PORTICO_ABORTED: the client is gone, or the tunnel was cut.
 * PORTICO_STATE: no tunnel, or shut down.  Since 1.0.
 */
static inline enum portico_status
portico_tunnel_write(struct portico_request *request, const void *data,
		     size_t length, size_t *written_r)
{
	return portico_host->tunnel->write(request, data, length, written_r);
}

/*
 * No more will be written: the client sees the end of the stream behind what
 * was, and may go on sending; its end wakes the module (portico_tunnel_wait).
 * Twice is once.  To end both directions, return DONE instead.
 * PORTICO_STATE: no tunnel.  PORTICO_ABORTED.  Since 1.0.
 */
static inline enum portico_status
portico_tunnel_shutdown(struct portico_request *request)
{
	return portico_host->tunnel->shutdown(request);
}

/*
 * Cut the tunnel: what was written and has not left is lost, the client sees a
 * reset once the request ends.  A wait of this request ends; return DONE then.
 * on_abort is not called for it.  Since 1.0.
 */
static inline void
portico_tunnel_abort(struct portico_request *request)
{
	portico_host->tunnel->abort(request);
}

/*
 * What is the case now, as bits of enum portico_tunnel_event; 0 if this is no
 * tunnel.  Since 1.0.
 */
static inline unsigned
portico_tunnel_events(struct portico_request *request)
{
	return portico_host->tunnel->events(request);
}

/*
 * Suspend until one of `events` is the case, or the tunnel is gone; what is
 * already the case counts.  The caller returns PORTICO_PENDING next.  Ask for
 * WRITE only when a write has said AGAIN, for READ not after END, for DRAIN not
 * when it has been seen, and for WOKEN not before a new token was taken: each
 * would end the wait at once, over and over.  With no events at all it waits
 * for the end.
 *
 * A tunnel that is over, because the module has shut it down and the client
 * sends no more either, ends the wait once with READ, asked for or not: return
 * DONE, or wait again for what has to be done first.
 *
 * PORTICO_STATE: no tunnel, or suspended already.  PORTICO_INVALID: unknown
 * events.  Since 1.0.
 */
static inline enum portico_status
portico_tunnel_wait(struct portico_request *request, unsigned events,
		    portico_resume_fn *resume, void *arg)
{
	return portico_host->tunnel->wait(request, events, resume, arg);
}

/*
 * A token by which others wake this tunnel: portico_complete from any thread
 * sets WOKEN, which stays until the next token is taken.  It outlives waits
 * that end for other reasons and is good until it is completed or the request
 * ends.  There is one at a time: while it was not completed the same comes
 * again.  Who keeps it where other threads find it takes it back, under the
 * same lock, before the request ends (portico_request_on_free).
 *
 * PORTICO_STATE: no tunnel.  PORTICO_FULL: a million tokens are open.
 * Since 1.0.
 */
static inline enum portico_status
portico_tunnel_token(struct portico_request *request,
		     struct portico_token *token_r)
{
	return portico_host->tunnel->token(request, token_r);
}

#ifdef __cplusplus
}
#endif

#endif
