/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs for one request, in which order, and why: for portico module
 * order.  In a throw-away process only.
 */
#ifndef CORE_WORKER_PIPELINE_EXPLAIN_H
#define CORE_WORKER_PIPELINE_EXPLAIN_H

#include <jansson.h>
#include <stdio.h>

#include <portico/types.h>

struct arena;
struct handler_map;
struct pipeline;
struct settings;
struct settings_application;

struct pipeline_question {
	const struct settings_application *application;
	const char *method;
	struct portico_slice path; /* cooked, of the whole site */
	struct portico_slice below; /* what handler rules see of it */
};

/*
 * Finds application and path for "SITE/PATH" (percent-encoded as in a
 * request; a query is cut off); `method` is set already.  A negative status:
 * err says what there is instead.  OWNERSHIP: texts are the arena's.
 */
enum portico_status pipeline_question_find(struct pipeline_question *question,
					   const struct settings *settings,
					   const char *url, struct arena *arena,
					   struct portico_error *err);

/* OWNERSHIP: the caller's, json_decref(). */
json_t *pipeline_explain(const struct pipeline_question *question,
			 const struct pipeline *pipeline,
			 const struct handler_map *map);

/* The same for people. */
void pipeline_explain_print(FILE *out, const json_t *explanation);

#endif
