/* SPDX-License-Identifier: Apache-2.0
 *
 * The request: what the client asked, its memory and its body.
 *
 * The listener has parsed and validated everything here; nobody parses again.
 * Threads: all functions may be called only on the request's loop, from an
 * event, handler, resume, filter, timer or watch function of that request.
 * Lifetime: slices live until the request ends unless said otherwise, and
 * those of request_text and request_field are followed by a NUL byte.
 */
#ifndef PORTICO_REQUEST_H
#define PORTICO_REQUEST_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A text of the request; empty if there is none.  Since 1.0.
 *
 *   METHOD               "GET", as sent
 *   TARGET               as sent: "/a%20b?x=1"
 *   PATH                 cooked: decoded once, normalised, valid UTF-8
 *   QUERY                as sent, without the question mark
 *   HOST                 lower case, without port
 *   SCHEME               "http" or "https"
 *   APPLICATION_PATH     "/" or "/shop": the part that chose the application
 *   PATH_IN_APPLICATION  the rest of PATH, begins with "/"
 *   ROOT                 directory of the application in the file system
 *   SITE, POOL           names in the configuration
 *   USER                 set by a module, or empty
 *   AUTHENTICATION       how the user was authenticated, "Basic"; or empty
 */
static inline struct portico_slice
portico_request_text(struct portico_request *request, enum portico_text which)
{
	return portico_host->request_text(request, which);
}

/* Unique in this server; the same number as in logs and traces. */
static inline uint64_t
portico_request_id(struct portico_request *request)
{
	return portico_host->request_id(request);
}

/* The first header field of that name (any case).  False: there is none. */
static inline bool
portico_request_field(struct portico_request *request,
		      struct portico_slice name, struct portico_slice *value_r)
{
	return portico_host->request_field(request, name, value_r);
}

/* Call `fn` for each header field in the order sent, until it returns false. */
static inline void
portico_request_fields(struct portico_request *request, portico_field_fn *fn,
		       void *arg)
{
	portico_host->request_fields(request, fn, arg);
}

/*
 * Set (replacing all of that name), add or remove a field of the request as
 * it is seen by everybody who looks after this; name and value are copied.
 * The listener and the access log have what was sent.
 *   PORTICO_INVALID    not a token, control bytes in the value, or a field
 *                      that frames the message (Connection, Content-Length,
 *                      Keep-Alive, Proxy-Connection, Trailer,
 *                      Transfer-Encoding, Upgrade)
 *   PORTICO_TOO_LARGE  above 256 fields or 64 KiB of them
 *   PORTICO_NO_MEMORY
 * Setting a value whose data is NULL removes the field, as remove does; OK if
 * there was none.  Not from within portico_request_fields.  Since 1.0.
 */
static inline enum portico_status
portico_request_set_field(struct portico_request *request,
			  struct portico_slice name, struct portico_slice value)
{
	return portico_host->request_set_field(request, name, value);
}

static inline enum portico_status
portico_request_add_field(struct portico_request *request,
			  struct portico_slice name, struct portico_slice value)
{
	return portico_host->request_add_field(request, name, value);
}

static inline enum portico_status
portico_request_remove_field(struct portico_request *request,
			     struct portico_slice name)
{
	struct portico_slice none = { NULL, 0 };

	return portico_host->request_set_field(request, name, none);
}

/* Bytes of body announced; 0 = no body, -1 = not known before its end. */
static inline int64_t
portico_request_content_length(struct portico_request *request)
{
	return portico_host->request_content_length(request);
}

/* Is there a body, or what is left of one, to read? */
static inline bool
portico_request_has_body(struct portico_request *request)
{
	return portico_host->request_has_body(request);
}

/* An address of the network, of either family, or of a Unix socket. */
struct portico_address {
	char text[64]; /* "192.0.2.1", "2001:db8::1" or a path */
	uint16_t port; /* 0 if the address has none */
	uint8_t family; /* 4, 6 or 0 for a Unix socket */
};

/* The client's address as the listener knows it. */
static inline void
portico_request_client(struct portico_request *request,
		       struct portico_address *address_r)
{
	portico_host->request_address(request, true, address_r);
}

/* The server's address and port that the client connected to. */
static inline void
portico_request_server(struct portico_request *request,
		       struct portico_address *address_r)
{
	portico_host->request_address(request, false, address_r);
}

/*
 * Memory from the request's arena, aligned for any type, not zeroed, freed
 * when the request ends.  NULL if the request has used up its limit; answer
 * PORTICO_ERROR then.
 */
static inline void *
portico_request_alloc(struct portico_request *request, size_t size)
{
	return portico_host->request_alloc(request, size);
}

/* Call `fn(arg)` when the request's memory is freed; last one first. */
static inline enum portico_status
portico_request_on_free(struct portico_request *request, portico_cleanup_fn *fn,
			void *arg)
{
	return portico_host->request_on_free(request, fn, arg);
}

/* This module's request_size bytes, zeroed before the first event. */
static inline void *
portico_request_state(struct portico_request *request)
{
	return portico_host->request_state(request, portico_self);
}

/*
 * This module's settings, filled by its directives: those of the application,
 * or of the longest of its "locations" that has the request's path (by whole
 * segments, with case), found once when the request comes and again after a
 * rewrite.  So it may be another
 * struct than the one that application_init was given, which is always the
 * application's own, as is what application_init keeps.  The struct lives as
 * long as the application.
 */
static inline const void *
portico_request_configuration(struct portico_request *request)
{
	return portico_host->request_configuration(request, portico_self);
}

/* What application_init stored. */
static inline void *
portico_application_state(struct portico_request *request)
{
	return portico_host->application_state(request, portico_self);
}

/*
 * Name the user; copied.  Goes to the access log.  Says nothing about who it
 * is: a request that was anonymous stays so, one that was authenticated stays
 * that and gets another name.
 */
static inline enum portico_status
portico_request_set_user(struct portico_request *request,
			 struct portico_slice user)
{
	return portico_host->request_set_user(request, user);
}

/*
 * Say that the user is known: `user` is the name, which may be empty where the
 * credential names nobody, `type` how it was found out ("Basic", "Bearer",
 * "ApiKey"), a token of at most 64 bytes.  Both are copied.  A type whose data
 * is NULL makes the request anonymous again, without a user.
 *   PORTICO_INVALID    `type` is no token, or control bytes in `user`
 *   PORTICO_TOO_LARGE  `user` is longer than 1,024 bytes
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_request_authenticate(struct portico_request *request,
			     struct portico_slice user,
			     struct portico_slice type)
{
	return portico_host->request_authenticate(request, user, type);
}

/* False: anonymous, whatever name PORTICO_TEXT_USER has.  Since 1.0. */
static inline bool
portico_request_is_authenticated(struct portico_request *request)
{
	return portico_host->request_is_authenticated(request);
}

/* True once nobody waits for the answer (client left, deadline, operator). */
static inline bool
portico_request_aborted(struct portico_request *request)
{
	return portico_host->request_aborted(request);
}

/* Choose the handler by name, in or before MAP_HANDLER's post-event. */
static inline enum portico_status
portico_request_set_handler(struct portico_request *request,
			    const char *handler)
{
	return portico_host->request_set_handler(request, handler);
}

/*
 * Read request body in place.
 *   PORTICO_OK       *chunk_r is the next part; borrowed until the next
 *                    call of portico_body_read for this request
 *   PORTICO_END      the body is complete (at every further call, too)
 *   PORTICO_AGAIN    nothing yet: portico_body_wait, then return PENDING
 *   PORTICO_ABORTED  the client left or broke the protocol
 * The first call makes the listener send "100 Continue" where the client
 * waits for one.  Unread body costs nothing; the listener discards it.
 */
static inline enum portico_status
portico_body_read(struct portico_request *request,
		  struct portico_slice *chunk_r)
{
	return portico_host->body_read(request, chunk_r);
}

/*
 * Suspend until portico_body_read has something else to say than AGAIN; then
 * `resume` runs on the loop.  The caller returns PORTICO_PENDING next.
 */
static inline enum portico_status
portico_body_wait(struct portico_request *request, portico_resume_fn *resume,
		  void *arg)
{
	return portico_host->body_wait(request, resume, arg);
}

#ifdef __cplusplus
}
#endif

#endif
