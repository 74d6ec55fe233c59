/* SPDX-License-Identifier: Apache-2.0
 *
 * Forms in the request body: application/x-www-form-urlencoded, read whole
 * within a bound, and multipart/form-data (RFC 7578), read part by part and
 * chunk by chunk in constant memory, however long the parts are.
 *
 * Both readers read the body by portico_body_read; whoever uses one reads it
 * in no other way.  When they say PORTICO_AGAIN, nothing of what was sent has
 * arrived yet: portico_body_wait, return PENDING, and call the same function
 * again from the resume function.  Any other negative status than AGAIN and
 * END is final: every further call returns it again.
 *
 * Threads: as request.h.  Lifetime: a reader is the request's and gone with
 * it.  Nothing has to be closed.
 */
#ifndef PORTICO_FORM_H
#define PORTICO_FORM_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- application/x-www-form-urlencoded ----------------------------------- */

struct portico_form;

/*
 * A reader of a body that is a form.  `bytes_max` bounds the body in bytes (0:
 * 64 KiB; at most 512 KiB), `fields_max` the number of fields (0: 1,000).
 *   PORTICO_OK           *form_r is the request's
 *   PORTICO_UNSUPPORTED  the Content-Type is another one
 *   PORTICO_TOO_LARGE    the announced length is above bytes_max
 *   PORTICO_INVALID      bytes_max is above 512 KiB
 * Since 1.0.
 */
static inline enum portico_status
portico_form_open(struct portico_request *request, size_t bytes_max,
		  uint32_t fields_max, struct portico_form **form_r)
{
	return portico_host->form_open(request, bytes_max, fields_max, form_r);
}

/*
 * Read what has arrived of the body.
 *   PORTICO_OK         the form is complete (at every further call, too)
 *   PORTICO_AGAIN      see above
 *   PORTICO_TOO_LARGE  above bytes_max or fields_max
 *   PORTICO_ABORTED    the client left or broke the protocol
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_form_read(struct portico_form *form)
{
	return portico_host->form_read(form);
}

/*
 * The first field of that name, decoded as in query.h and followed by a NUL;
 * lives until the request ends.  False: there is none, or the form is not
 * complete.  Since 1.0.
 */
static inline bool
portico_form_get(struct portico_form *form, struct portico_slice name,
		 struct portico_slice *value_r)
{
	return portico_host->form_get(form, name, value_r);
}

/* Call `fn` for each field in the order sent, until it returns false.  Of a
 * form that is not complete there are none.  Since 1.0. */
static inline void
portico_form_each(struct portico_form *form, portico_field_fn *fn, void *arg)
{
	portico_host->form_each(form, fn, arg);
}

/* ---- multipart/form-data ------------------------------------------------- */

struct portico_multipart;

/* 0 stands for the default.  Members may be appended. */
struct portico_multipart_limits {
	uint32_t parts; /* in one body; default 128 */
	uint32_t header_bytes; /* of one part; default 8 KiB, at most 64 KiB */
	uint64_t part_bytes; /* of one part's body; default: no limit */
};

/*
 * A reader of a body in parts.  `limits` NULL: the defaults; copied.
 *   PORTICO_OK           *multipart_r is the request's
 *   PORTICO_UNSUPPORTED  the Content-Type is another one
 *   PORTICO_SYNTAX       its boundary is missing, said twice, or none
 *   PORTICO_INVALID      header_bytes above 64 KiB
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_multipart_open(struct portico_request *request,
		       const struct portico_multipart_limits *limits,
		       struct portico_multipart **multipart_r)
{
	return portico_host->multipart_open(
		request, limits, limits == NULL ? 0 : sizeof(*limits),
		multipart_r);
}

/*
 * Go to the next part; what is left of the one before is skipped.
 *   PORTICO_OK         a part: portico_multipart_text and _field tell of it
 *   PORTICO_END        there are no more, and the body ended as it should
 *   PORTICO_AGAIN      see above
 *   PORTICO_SYNTAX     the body is not in the form of RFC 7578.  Strict, since
 *                      what two readers read differently is a way past one of
 *                      them: lines end with CRLF, nothing stands before the
 *                      first boundary but one line end, and nothing after the
 *                      last; each part has one Content-Disposition, form-data,
 *                      with one name and at most one filename; no line is
 *                      folded; a boundary within a part's data ends it
 *   PORTICO_UNSUPPORTED  a part has a Content-Transfer-Encoding that encodes
 *   PORTICO_TOO_LARGE  above a limit
 *   PORTICO_ABORTED    the client left or broke the protocol
 * Since 1.0.
 */
static inline enum portico_status
portico_multipart_next(struct portico_multipart *multipart)
{
	return portico_host->multipart_next(multipart);
}

/*
 * Read the current part's data in place.
 *   PORTICO_OK   *chunk_r is the next piece, never empty; borrowed until the
 *                next call with this reader
 *   PORTICO_END  the part is complete (at every further call, too)
 *   PORTICO_STATE  there is no current part
 * and otherwise as portico_multipart_next.  Since 1.0.
 */
static inline enum portico_status
portico_multipart_read(struct portico_multipart *multipart,
		       struct portico_slice *chunk_r)
{
	return portico_host->multipart_read(multipart, chunk_r);
}

/*
 * A text of the current part; `data` is NULL if it was not sent.  Quoted
 * characters are unquoted; %22 and the like stay as the browser wrote them.
 * Followed by a NUL; lives until portico_multipart_next.  Since 1.0.
 */
static inline struct portico_slice
portico_multipart_text(struct portico_multipart *multipart,
		       enum portico_part_text which)
{
	return portico_host->multipart_text(multipart, which);
}

/*
 * The first header field of the current part by that name (any case).  False:
 * there is none.  Lifetime as portico_multipart_text.  Since 1.0.
 */
static inline bool
portico_multipart_field(struct portico_multipart *multipart,
			struct portico_slice name,
			struct portico_slice *value_r)
{
	return portico_host->multipart_field(multipart, name, value_r);
}

#ifdef __cplusplus
}
#endif

#endif
