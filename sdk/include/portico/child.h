/* SPDX-License-Identifier: Apache-2.0
 *
 * Child requests: a request that a module makes to another path of the same
 * site, run by this worker without going through the listener.  Its response
 * comes back to the request that made it, its parent.
 *
 *	portico_child_start(request, &options, &child);
 *	portico_child_collect(child, 65536, on_answer, NULL);
 *	return PORTICO_PENDING;		... and in on_answer:
 *	if (portico_child_status(child) == 200)
 *		use(portico_child_body(child));
 *
 * A child is a request of its own: it passes all events of the application
 * that its path leads to, BEGIN to END, its handlers and its response filters,
 * has its own state in each module, and can be rewritten, suspended and make
 * children itself.  It has the client, the connection, the request id (so log
 * lines and traces are found together) and the user of its parent: one that
 * is authenticated begins authenticated.  It has no line in the access log.
 * It is aborted when its parent is (client gone, deadline), and when it is
 * closed; it has no deadlines of its own.
 *
 * Threads: as request.h; parent and child run on the same loop, never one
 * within a call of the other: a child that was started runs when the
 * caller's function has returned.
 * Lifetime: a child is the parent's until portico_child_close, or until the
 * parent ends or is rewritten to another application; then it is closed, and
 * the pointer must not be used any more.
 */
#ifndef PORTICO_CHILD_H
#define PORTICO_CHILD_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_child; /* opaque */

/* A field of the child's head; copied by portico_child_start.  Since 1.0. */
struct portico_child_field {
	struct portico_slice name, value;
};

/* What the child gets of its parent.  Since 1.0. */
enum portico_child_flag {
	/* Also the fields of the parent, but for those given here and those
	 * that are about its own message: framing, Accept-Encoding, Content-*,
	 * Expect, If-*, Range, TE. */
	PORTICO_CHILD_INHERIT_FIELDS = 1,
	/* It begins anonymous, whoever the user of the parent is. */
	PORTICO_CHILD_ANONYMOUS = 2,
};

/* What is asked for.  Zeroed members have the meaning given; what they point
 * to is copied.  Since 1.0. */
struct portico_child_options {
	struct portico_slice method; /* empty: GET */
	struct portico_slice target; /* "/path?query", percent-encoded */
	const struct portico_child_field *fields; /* Host is the parent's */
	uint32_t field_count;
	uint32_t flags; /* of enum portico_child_flag */
	struct portico_slice body; /* copied; at most 1 MiB */
	/* Bytes of the response that are held until they are read, after
	 * which the child waits: 4 KiB to 1 MiB, 0: 64 KiB. */
	uint32_t window;
};

struct portico_host_child {
	uint32_t size;
	enum portico_status (*start)(struct portico_request *,
				     const struct portico_child_options *,
				     size_t size, struct portico_child **);
	enum portico_status (*wait)(struct portico_child *, portico_resume_fn *,
				    void *arg);
	enum portico_status (*collect)(struct portico_child *, size_t bytes_max,
				       portico_resume_fn *, void *arg);
	unsigned (*status)(struct portico_child *, unsigned *substatus_r);
	bool (*field)(struct portico_child *, struct portico_slice name,
		      struct portico_slice *value_r);
	void (*fields)(struct portico_child *, portico_field_fn *, void *arg);
	enum portico_status (*read)(struct portico_child *,
				    struct portico_slice *chunk_r);
	struct portico_slice (*body)(struct portico_child *);
	void (*close)(struct portico_child *);
	uint32_t (*depth)(struct portico_request *);
	bool (*trailer)(struct portico_child *, struct portico_slice name,
			struct portico_slice *value_r);
	void (*trailers)(struct portico_child *, portico_field_fn *, void *arg);
};

/*
 * Begin a child of `request`; *child_r is NULL if the status is negative.
 * What the options point to is copied.  At any event but END.
 *   PORTICO_SYNTAX     the target is no path, or is one that the listener
 *                      would answer with 400
 *   PORTICO_TOO_LARGE  target above 16 KiB, body above 1 MiB, more than 128
 *                      fields or more than 64 KiB of them
 *   PORTICO_INVALID    no method (CONNECT is none here), no field, or one
 *                      that frames the message, or Host
 *   PORTICO_DENIED     the path belongs to an application of another pool
 *   PORTICO_NOT_FOUND  no application of the site has it
 *   PORTICO_FULL       the parent is the tenth in a line of children, or has
 *                      16 that are open
 *   PORTICO_ABORTED    the parent is aborted: nobody waits for it
 *   PORTICO_STATE      the parent is at its end
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_child_start(struct portico_request *request,
		    const struct portico_child_options *options,
		    struct portico_child **child_r)
{
	return portico_host->child->start(request, options, sizeof(*options),
					  child_r);
}

/*
 * Suspend the parent until the head of the response has come, if it was not
 * there, or portico_child_read has something else to say than AGAIN; also
 * when the parent is aborted.  The caller returns PORTICO_PENDING next.
 * PORTICO_STATE: the parent cannot be suspended now (async.h).  Since 1.0.
 */
static inline enum portico_status
portico_child_wait(struct portico_child *child, portico_resume_fn *resume,
		   void *arg)
{
	return portico_host->child->wait(child, resume, arg);
}

/*
 * Suspend the parent until the whole response has come, or the parent is
 * aborted.  The body is kept for portico_child_body, up to bytes_max (at most
 * 16 MiB); a child with more is ended, and portico_child_read then says
 * TOO_LARGE.  Before the first portico_child_read, and once.
 *   PORTICO_STATE    something was read, or the parent cannot be suspended
 *   PORTICO_INVALID  bytes_max is 0 or above 16 MiB
 * Since 1.0.
 */
static inline enum portico_status
portico_child_collect(struct portico_child *child, size_t bytes_max,
		      portico_resume_fn *resume, void *arg)
{
	return portico_host->child->collect(child, bytes_max, resume, arg);
}

/* Status of the response; 0: its head has not come, and never will when
 * portico_child_read says ABORTED.  Since 1.0. */
static inline unsigned
portico_child_status(struct portico_child *child)
{
	return portico_host->child->status(child, NULL);
}

/* Substatus of the response (404.7 has 7); 0: none.  Since 1.0. */
static inline unsigned
portico_child_substatus(struct portico_child *child)
{
	unsigned substatus;

	portico_host->child->status(child, &substatus);
	return substatus;
}

/*
 * The first field of the response with that name.  False: there is none, or
 * the head has not come.  The value lives as long as the child.  Since 1.0.
 */
static inline bool
portico_child_field(struct portico_child *child, struct portico_slice name,
		    struct portico_slice *value_r)
{
	return portico_host->child->field(child, name, value_r);
}

/* Call `fn` for each field of the response until it returns false; those that
 * frame it are not among them.  Since 1.0. */
static inline void
portico_child_fields(struct portico_child *child, portico_field_fn *fn,
		     void *arg)
{
	portico_host->child->fields(child, fn, arg);
}

/*
 * Read the body of the response in pieces; a child whose window is full goes
 * on as it is read.
 *   PORTICO_OK         *chunk_r is the next piece; borrowed until the next
 *                      call for this child
 *   PORTICO_END        the response is complete
 *   PORTICO_AGAIN      nothing yet: portico_child_wait
 *   PORTICO_ABORTED    the child has ended without a complete response, or
 *                      the parent is aborted
 *   PORTICO_TOO_LARGE  it had more than portico_child_collect took
 * After portico_child_collect there are no pieces: END tells that
 * portico_child_body is complete.  Since 1.0.
 */
static inline enum portico_status
portico_child_read(struct portico_child *child, struct portico_slice *chunk_r)
{
	return portico_host->child->read(child, chunk_r);
}

/* What portico_child_collect has kept; lives as long as the child.  Not
 * NUL-terminated.  Since 1.0. */
static inline struct portico_slice
portico_child_body(struct portico_child *child)
{
	return portico_host->child->body(child);
}

/*
 * The first trailer field with that name (any case) of the response
 * (trailer.h): also where there would have been no place to send it to a
 * client.  False: there is none, or the response is not complete.  The value
 * lives as long as the child.  Since 1.0.
 */
static inline bool
portico_child_trailer(struct portico_child *child, struct portico_slice name,
		      struct portico_slice *value_r)
{
	return portico_host->child->trailer(child, name, value_r);
}

/* Call `fn` for each trailer field of the complete response, in the order
 * set, until it returns false.  Since 1.0. */
static inline void
portico_child_trailers(struct portico_child *child, portico_field_fn *fn,
		       void *arg)
{
	portico_host->child->trailers(child, fn, arg);
}

/*
 * The child is not needed any more: aborts it if it runs, frees what it has
 * sent.  NULL is ignored.  Not while the parent waits for it.  Since 1.0.
 */
static inline void
portico_child_close(struct portico_child *child)
{
	portico_host->child->close(child);
}

/* 0: the request came from a client; 1: it is a child of such a one; ... 10.
 * A module that counts, limits or logs clients looks here.  Since 1.0. */
static inline uint32_t
portico_child_depth(struct portico_request *request)
{
	return portico_host->child->depth(request);
}

#ifdef __cplusplus
}
#endif

#endif
