/* SPDX-License-Identifier: Apache-2.0
 *
 * What modules have changed about a request, and what was worked out because
 * one of them asked: fields, decoded parameters, variables, who the user is.
 * Most requests have none of it, so it hangs on one pointer that is NULL until
 * something is needed.
 */
#ifndef CORE_WORKER_CHANGES_H
#define CORE_WORKER_CHANGES_H

#include <portico/portico.h>

#include "core/http/header_id.h"

struct arena;
struct program_step;
struct response_trailers;
struct tunnel;

/* ---- parameters.c: names with values, decoded --------------------------------- */

struct parameter {
	struct portico_slice name, value; /* each followed by a NUL */
};

struct parameters {
	uint32_t count;
	struct parameter items[];
};

/*
 * Decodes `text`; PORTICO_TOO_LARGE above `limit` parameters.  OWNERSHIP: the
 * arena's, held to its limit; nothing points into `text`.
 */
enum portico_status parameters_parse(struct arena *arena,
				     struct portico_slice text, uint32_t limit,
				     const struct parameters **parameters_r);
bool parameters_find(const struct parameters *parameters,
		     struct portico_slice name, struct portico_slice *value_r);
void parameters_each(const struct parameters *parameters, portico_field_fn *fn,
		     void *arg);

/* ---- the changes ------------------------------------------------------------------ */

struct changed_field {
	enum http_header_id id; /* UNKNOWN: by name */
	struct portico_slice name, value; /* each followed by a NUL */
};

/* All fields of the request, once one of them was changed. */
struct changed_fields {
	uint32_t count, capacity;
	uint32_t bytes; /* of names and values */
	struct changed_field *items;
};

struct variable {
	struct variable *next;
	const char *name;
	struct portico_slice value;
};

struct changes {
	struct changed_fields *fields; /* NULL: as in the head */
	const struct parameters *query; /* NULL: not decoded yet */
	const struct parameters *trailers; /* NULL: not cut yet */
	struct variable *variables; /* set by modules */
	uint32_t variable_count;
	struct variable *computed; /* those of the server that had to be
				      written, by the names in its table */
	struct portico_slice client_chain; /* its lines, each followed by a
					      NUL; data NULL: not cut yet */
	bool authenticated;
	struct portico_slice authentication; /* its type */
	struct portico_slice cache_key; /* what modules have added to it */
	struct response_trailers *response_trailers; /* NULL: none */
	struct portico_slice reason; /* of the response; data NULL: none */
	uint32_t rewrites; /* 0: path and query are the head's */
	uint32_t prefix_length; /* of `path`, that is the application's */
	struct portico_slice path, rewritten_query;
	struct portico_application *rewritten_to; /* where it goes on; NULL:
						     nothing to settle */
	bool rewritten_late; /* after BEGIN */
	void *event_argument; /* of the custom event that runs */
	struct tunnel *tunnel; /* tunnel.h; NULL: it is none */
	unsigned event_depth; /* custom events raised within one another */
};

/* Of this request; made when there is none.  Never NULL. */
struct changes *changes_get(struct portico_request *request);

/* ---- rewrite.c: another path ------------------------------------------------------ */

/* A function that rewrote has returned NEXT: what runs next; NULL if it may
 * not go on. */
const struct program_step *rewrite_follow(struct portico_request *request);

/*
 * The application of this pool that has a path of the site of `from`, the
 * longest that fits; *prefix_r: bytes of the path that are its own.
 *   PORTICO_DENIED     it is one of another pool
 *   PORTICO_NOT_FOUND  there is none
 */
enum portico_status rewrite_resolve(const struct portico_application *from,
				    struct portico_slice path,
				    struct portico_application **to_r,
				    uint32_t *prefix_r);

/* ---- fields.c: the request's fields as modules see them --------------------------- */

bool fields_find(const struct portico_request *request,
		 struct portico_slice name, struct portico_slice *value_r);
void fields_each(const struct portico_request *request, portico_field_fn *fn,
		 void *arg);
/* `add`: beside those of that name.  A value without data removes. */
enum portico_status fields_change(struct portico_request *request,
				  struct portico_slice name,
				  struct portico_slice value, bool add);

/* Connection, Content-Length and their like: framing is the listener's. */
bool field_is_framing(enum http_header_id id);

/* May the text be the value of a field, or stand in a line of a log? */
bool field_value_is_sane(struct portico_slice value);

/*
 * Is it a field that a module may write?  `value` without data is one that
 * removes.  *id_r: of the name.
 */
bool field_is_sane(struct portico_slice name, struct portico_slice value,
		   enum http_header_id *id_r);

#endif
