/* SPDX-License-Identifier: Apache-2.0
 *
 * Another path and query for a request: cooked as the listener does it, and
 * led to the application of this pool that has it.
 *
 * Nothing moves while a module's function runs: its state and settings are
 * those of the application in which it was called.  The engine asks what runs
 * next when that function has returned (rewrite_follow).
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/http/url.h"
#include "core/worker/changes.h"
#include "core/worker/child.h"
#include "core/worker/host_priv.h"
#include "core/worker/location.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

static bool
is_rewritten(const struct portico_request *request)
{
	return request->changes != NULL && request->changes->rewrites > 0;
}

struct portico_slice
request_path(const struct portico_request *request)
{
	if (is_rewritten(request))
		return request->changes->path;
	return http_request_head_slice(request->head, request->head->path);
}

struct portico_slice
request_query(const struct portico_request *request)
{
	if (is_rewritten(request))
		return request->changes->rewritten_query;
	if (request->head->query.length == 0)
		return PORTICO_SLICE("");
	return http_request_head_slice(request->head, request->head->query);
}

struct portico_slice
request_path_in_application(const struct portico_request *request)
{
	struct portico_slice path = request_path(request);
	uint32_t prefix = is_rewritten(request) ?
				  request->changes->prefix_length :
				  request->head->prefix_length;

	path.data += prefix;
	path.length -= prefix;
	return path.length == 0 ? PORTICO_SLICE("/") : path;
}

void
request_locate(struct portico_request *request)
{
	const struct locations *locations =
		request->application == NULL ? NULL :
					       request->application->locations;

	request->location =
		locations == NULL ?
			NULL :
			locations_find(locations,
				       request_path_in_application(request));
}

/* ---- where a path leads ----------------------------------------------------- */

/* Bytes of `path` that an application's path covers, plus 1; 0: it is not its
 * own. */
static size_t
covers(struct portico_slice application, struct portico_slice path)
{
	if (application.length == 1)
		return 1; /* "/" has all */
	if (!slice_starts_with(path, application) ||
	    (path.length > application.length &&
	     path.data[application.length] != '/'))
		return 0;
	return application.length + 1;
}

enum portico_status
rewrite_resolve(const struct portico_application *from,
		struct portico_slice path, struct portico_application **to_r,
		uint32_t *prefix_r)
{
	const struct portico_worker *worker = from->worker;
	struct portico_application *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < worker->application_count; i++) {
		struct portico_application *one = worker->applications[i];
		size_t covered = slice_equal(one->site, from->site) ?
					 covers(one->path, path) :
					 0;

		if (covered > longest) {
			longest = covered;
			best = one;
		}
	}
	for (const char *const *other = from->elsewhere; *other != NULL;
	     other++)
		if (covers(slice_from(*other), path) > longest)
			return PORTICO_DENIED;
	if (best == NULL)
		return PORTICO_NOT_FOUND;
	*to_r = best;
	*prefix_r = (uint32_t)longest - 1;
	return PORTICO_OK;
}

/* ---- rewriting --------------------------------------------------------------- */

/* Is any of the response made that another application could not take back? */
static bool
response_has_begun(const struct portico_request *request)
{
	const struct response *response = &request->response;

	return response->head_sent || response->finished || response->leaving ||
	       response->filtering || response->reserved ||
	       response->file != NULL || response->body_bytes > 0 ||
	       response->decided == request->application->decides;
}

static bool
is_in_time(const struct portico_request *request)
{
	return request->step != NULL && !request->ended &&
	       request->step->stage <= PIPELINE_STAGE(PORTICO_EVENT_MAP_HANDLER,
						      PORTICO_PHASE_POST);
}

/* Path, NUL, query, NUL, in the request's memory. */
static enum portico_status
cook(struct portico_request *request, struct portico_slice target,
     struct portico_slice *path_r, struct portico_slice *query_r)
{
	struct http_url url;
	char *text;

	if (target.length > REWRITE_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (target.length == 0 || target.data[0] != '/')
		return PORTICO_SYNTAX;
	text = arena_try_alloc(request->arena, 2 * target.length + 3);
	if (text == NULL)
		return PORTICO_NO_MEMORY;
	if (http_url_cook(target.data, target.length, text,
			  &http_url_limits_default, &url) != HTTP_REASON_NONE)
		return PORTICO_SYNTAX;
	text[url.path_length] = '\0';
	*path_r = slice_make(text, url.path_length);
	text += url.path_length + 1;
	memcpy(text, target.data + url.query_offset, url.query_length);
	text[url.query_length] = '\0';
	*query_r = slice_make(text, url.query_length);
	return PORTICO_OK;
}

enum portico_status
host_request_rewrite(struct portico_request *request,
		     struct portico_slice target)
{
	struct portico_application *to;
	struct portico_slice path, query;
	struct changes *changes;
	enum portico_status status;
	uint32_t prefix;

	CHECK(request, REQUEST_MAGIC);
	if (!is_in_time(request) || response_has_begun(request))
		return PORTICO_STATE;
	changes = changes_get(request);
	if (changes->rewrites >= REWRITES_MAX)
		return PORTICO_FULL;
	status = cook(request, target, &path, &query);
	if (status == PORTICO_OK)
		status = rewrite_resolve(request->application, path, &to,
					 &prefix);
	if (status != PORTICO_OK)
		return status;
	changes->path = path;
	changes->rewritten_query = query;
	changes->prefix_length = prefix;
	changes->rewrites++;
	changes->rewritten_to = to;
	changes->rewritten_late =
		request->step->stage >
		PIPELINE_STAGE(PORTICO_EVENT_BEGIN, PORTICO_PHASE_POST);
	changes->query = NULL; /* to be decoded again */
	changes->computed = NULL;
	request->chosen = NULL;
	return PORTICO_OK;
}

uint32_t
host_request_rewrites(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->changes == NULL ? 0 : request->changes->rewrites;
}

/* ---- going on ------------------------------------------------------------------ */

/* Everything of the former application ends here but the request's memory. */
static const struct program_step *
enter_application(struct portico_request *request,
		  struct portico_application *application)
{
	timers_stop_all(request);
	watches_stop_all(request);
	if (!list_empty(&request->children))
		children_close(request);
	request_make_anonymous(request);
	request->application = application;
	request_locate(request);
	request->states = NULL;
	request->took_part = 0;
	request->lookup.map = NULL;
	request->response.decided = !application->decides;
	request->changes->computed = NULL;
	return application->program.steps;
}

const struct program_step *
rewrite_follow(struct portico_request *request)
{
	struct changes *changes = request->changes;
	struct portico_application *to = changes->rewritten_to;
	const struct program_step *step;

	changes->rewritten_to = NULL;
	if (response_has_begun(request))
		return NULL;
	if (to != request->application)
		return enter_application(request, to);
	request_locate(request);
	if (!changes->rewritten_late)
		return request->step + 1;
	request_make_anonymous(request);
	step = request->application->program.steps;
	while (step->stage <
	       PIPELINE_STAGE(PORTICO_EVENT_AUTHENTICATE, PORTICO_PHASE_EVENT))
		step++;
	return step;
}
