/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer fields: those that come behind a body, since who sends it knows them
 * only then (a digest, a signature, how long it took).
 *
 * Those of a request, which a client sends after a chunked body,
 * are kept apart from the header fields, and only by modules that ask for
 * them: nobody else takes them for what stood in front of the body.  Dropped
 * are the names that may not stand there (RFC 9110 section 6.5.1), because they
 * frame or route the message, authenticate it, or change what is done with it:
 * Authorization, Cache-Control, Content-* (but Content-Digest), Cookie, Expect,
 * Forwarded, Host, If-*, Max-Forwards, Origin, Pragma, Range, Set-Cookie, TE,
 * WWW-Authenticate, X-Forwarded-*, X-Real-IP, Proxy-*, and those that
 * portico_request_set_field refuses.
 *
 * Those of a response may be set until it ends, by handlers, filters (the last
 * chunk's function, too) and events.  Refused are all of the names above and
 * those that say how a response is to be taken: Access-Control-*, Age, Alt-Svc,
 * Date, Expires, Location, Retry-After, Strict-Transport-Security, Vary.
 *
 * They reach the client behind a chunked body of HTTP/1.1 and behind any body
 * of HTTP/2.  A response to which some were set before its head left, and whose
 * length no module has announced, is sent so.  They are left out, without an
 * error, where there is no place for them: over HTTP/1.1 behind a body whose
 * length was announced (portico_response_set_length, or all of it had come when
 * the head left, before there was a trailer), to a client of HTTP/1.0, with
 * HEAD, and with a status that has no body; those of a child request are its
 * parent's to read (portico_child_trailer).  Clients and proxies may drop trailers as they like (RFC 9110
 * section 6.5.1), and they are sent whether the client has said "TE: trailers"
 * or not: send nothing in them that has to arrive, or look at TE first.  The
 * listener keeps no response that has trailers.
 *
 * Threads: as request.h.
 * Lifetime: texts live until the request ends and are followed by a NUL byte.
 */
#ifndef PORTICO_TRAILER_H
#define PORTICO_TRAILER_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_host_trailer {
	uint32_t size;
	enum portico_status (*get)(struct portico_request *,
				   struct portico_slice name,
				   struct portico_slice *value_r);
	enum portico_status (*each)(struct portico_request *,
				    portico_field_fn *, void *arg);
	enum portico_status (*response_set)(struct portico_request *,
					    struct portico_slice name,
					    struct portico_slice value,
					    bool add);
	enum portico_status (*response_announce)(struct portico_request *,
						 struct portico_slice name);
	void (*response_each)(struct portico_request *, portico_field_fn *,
			      void *arg);
};

/*
 * The first trailer field of that name (any case).
 *   PORTICO_OK         *value_r is it
 *   PORTICO_NOT_FOUND  there is none
 *   PORTICO_STATE      portico_body_read has not said END yet
 *   PORTICO_NO_MEMORY  they did not fit the request's memory
 * Since 1.0.
 */
static inline enum portico_status
portico_request_trailer(struct portico_request *request,
			struct portico_slice name,
			struct portico_slice *value_r)
{
	return portico_host->trailer->get(request, name, value_r);
}

/* Call `fn` for each trailer field in the order sent, until it returns false;
 * statuses as above, OK also if there is none.  All of them together have at
 * most 8 KiB; a client that sends more gets 400.  Since 1.0. */
static inline enum portico_status
portico_request_trailers(struct portico_request *request, portico_field_fn *fn,
			 void *arg)
{
	return portico_host->trailer->each(request, fn, arg);
}

/*
 * Set (replacing all of that name), add or remove a trailer field of the
 * response; name and value are copied, blanks around the value are cut.
 *   PORTICO_INVALID    not a token of at most 256 bytes, a name that may not
 *                      stand there, or control bytes in the value
 *   PORTICO_TOO_LARGE  above 32 fields, or 8 KiB of them with 4 bytes for each
 *   PORTICO_NO_MEMORY
 *   PORTICO_STATE      the response has ended, or it is a tunnel
 *   PORTICO_ABORTED    nobody waits for it any more, or it was cut
 * Nothing has changed unless it is OK.  One that is set before the head leaves
 * is announced, too.  An error page takes away what was set for the response
 * in whose place it comes.  A value whose data is NULL removes, as remove does;
 * OK if there was none.  Since 1.0.
 */
static inline enum portico_status
portico_response_set_trailer(struct portico_request *request,
			     struct portico_slice name,
			     struct portico_slice value)
{
	return portico_host->trailer->response_set(request, name, value, false);
}

/* Beside those of that name; otherwise as portico_response_set_trailer. */
static inline enum portico_status
portico_response_add_trailer(struct portico_request *request,
			     struct portico_slice name,
			     struct portico_slice value)
{
	return portico_host->trailer->response_set(request, name, value, true);
}

/* All of that name; statuses as portico_response_set_trailer. */
static inline enum portico_status
portico_response_remove_trailer(struct portico_request *request,
				struct portico_slice name)
{
	struct portico_slice none = { NULL, 0 };

	return portico_host->trailer->response_set(request, name, none, false);
}

/*
 * Say in the head (field Trailer) that a trailer of that name may come, for
 * those that are known only later.  Only a hint: one that was not announced
 * comes, too, and one that was need not.  It is taken out of heads behind whose
 * body nothing can come.
 *   PORTICO_INVALID    as for portico_response_set_trailer
 *   PORTICO_TOO_LARGE  above 8 KiB of names, or no room in the head
 *   PORTICO_NO_MEMORY
 *   PORTICO_STATE      the head has left
 *   PORTICO_ABORTED    nobody waits for it any more, or it was cut
 * Since 1.0.
 */
static inline enum portico_status
portico_response_announce_trailer(struct portico_request *request,
				  struct portico_slice name)
{
	return portico_host->trailer->response_announce(request, name);
}

/* Call `fn` for each trailer field that the response has, in the order set,
 * until it returns false; after its end, too, and whether they could be sent or
 * not.  Not to be changed from within.  Since 1.0. */
static inline void
portico_response_trailers(struct portico_request *request, portico_field_fn *fn,
			  void *arg)
{
	portico_host->trailer->response_each(request, fn, arg);
}

#ifdef __cplusplus
}
#endif

#endif
