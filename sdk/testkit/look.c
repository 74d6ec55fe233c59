/* SPDX-License-Identifier: Apache-2.0
 *
 * What a test sees of a request: of one that runs as it stands, of one that
 * has ended as it was then (request.c remembers).
 */
#include <string.h>

#include <portico/testkit_abort.h>

#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "sdk/testkit/guard.h"

static bool
is_live(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return request->started && !request->ended;
}

/* A copy that the request has until kit_close. */
static const char *
keep(struct kit_request *request, struct portico_slice slice)
{
	struct kit_texts *texts = &request->texts;
	char *copy = mem_alloc(slice.length + 1);

	if (slice.length > 0)
		memcpy(copy, slice.data, slice.length);
	copy[slice.length] = '\0';
	texts->items = mem_realloc(texts->items,
				   (texts->count + 1) * sizeof(*texts->items));
	texts->items[texts->count++] = copy;
	return copy;
}

/* ---- the response --------------------------------------------------------------- */

unsigned
kit_status(const struct kit_request *request)
{
	const struct response *response = &request->request.response;

	if (!is_live(request))
		return request->status;
	return response->made ? response->status : 0;
}

unsigned
kit_substatus(const struct kit_request *request)
{
	const struct response *response = &request->request.response;

	if (!is_live(request))
		return request->substatus;
	return response->made ? response->substatus : 0;
}

const char *
kit_reason(struct kit_request *request)
{
	struct portico_slice reason;

	if (!is_live(request))
		return request->reason;
	reason = host_response_reason(&request->request);
	request->reason = reason.length == 0 ? NULL : keep(request, reason);
	return request->reason;
}

struct count {
	struct kit_request *request;
	struct portico_slice name;
	unsigned count;
	const char *found; /* value of the first */
};

static bool
count_live(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct count *count = arg;

	if (!slice_equal_nocase(name, count->name))
		return true;
	if (count->count++ == 0)
		count->found = keep(count->request, value);
	return true;
}

static struct count
look_for(struct kit_request *request, const char *name)
{
	struct count count = { request, slice_from(name), 0, NULL };
	const struct kit_field *field = request->response_fields;

	if (is_live(request) && !request->request.response.head_sent) {
		host_response_fields(&request->request, count_live, &count);
		return count;
	}
	if (!request->started)
		return count;
	for (; field != NULL; field = field->next)
		count_live(&count, slice_from(field->name),
			   slice_from(field->value));
	return count;
}

const char *
kit_response_field(struct kit_request *request, const char *name)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return look_for(request, name).found;
}

unsigned
kit_response_field_count(struct kit_request *request, const char *name)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return look_for(request, name).count;
}

int64_t
kit_response_length(const struct kit_request *request)
{
	const struct response *response = &request->request.response;

	if (is_live(request) && !response->head_sent)
		return response->length;
	return request->length;
}

struct portico_slice
kit_response_body(struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	/* Followed by a NUL. */
	return (struct portico_slice){ buffer_text(&request->sent),
				       request->sent.length };
}

bool
kit_head_sent(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return request->request.response.head_sent;
}

bool
kit_was_cut(const struct kit_request *request)
{
	return is_live(request) ? request->request.response.cut : request->cut;
}

unsigned
kit_files(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	return request->file_count;
}

uint64_t
kit_file_bytes(const struct kit_request *request, unsigned n)
{
	const unsigned kept =
		sizeof(request->files) / sizeof(request->files[0]);

	CHECK(request, KIT_REQUEST_MAGIC);
	return n < request->file_count && n < kept ? request->files[n] :
						     UINT64_MAX;
}

/* ---- the request ------------------------------------------------------------------ */

const char *
kit_user_name(struct kit_request *request)
{
	struct portico_slice user = request->request.user;

	if (!is_live(request))
		return request->user_name;
	request->user_name = user.length == 0 ? NULL : keep(request, user);
	return request->user_name;
}

const char *
kit_variable(struct kit_request *request, const char *name)
{
	struct portico_slice value;

	if (!is_live(request)) {
		kit_fail("kit_variable: %s: only while the request is open",
			 request->line);
		return NULL;
	}
	value = host_variable(&request->request, name);
	return value.data == NULL ? NULL : keep(request, value);
}

const char *
kit_request_field(struct kit_request *request, const char *name)
{
	struct portico_slice value;

	if (!is_live(request)) {
		kit_fail("kit_request_field: %s: only while the request is "
			 "open",
			 request->line);
		return NULL;
	}
	if (!fields_find(&request->request, slice_from(name), &value))
		return NULL;
	return keep(request, value);
}

const char *
kit_rewritten(struct kit_request *request)
{
	struct portico_request *inner = &request->request;
	struct portico_slice path, query;
	struct buffer text;

	if (!is_live(request))
		return request->rewritten;
	if (inner->changes == NULL || inner->changes->rewrites == 0)
		return NULL;
	path = request_path(inner);
	query = request_query(inner);
	buffer_init(&text, 1 << 20);
	buffer_append_slice(&text, path);
	if (query.length > 0) {
		buffer_append_char(&text, '?');
		buffer_append_slice(&text, query);
	}
	request->rewritten = keep(request, buffer_slice(&text));
	buffer_fini(&text);
	return request->rewritten;
}

/* ---- the client -------------------------------------------------------------------- */

void
kit_window(struct kit_request *request, uint64_t bytes)
{
	struct portico_request *inner = &request->request;

	if (!kit_begin(request))
		return;
	inner->response.window = bytes;
	response_progress(inner);
	kit_turn(request->kit);
}

void
kit_abort(struct kit_request *request)
{
	kit_abort_for(request, PORTICO_ABORT_CLIENT);
}

void
kit_abort_for(struct kit_request *request, enum portico_abort why)
{
	enum kit_place outer;

	if (why == PORTICO_ABORT_NONE)
		kit_fail("kit_abort_for: NONE is no reason");
	if (!kit_begin(request))
		return;
	outer = kit_enter(KIT_PLACE_REQUEST);
	request_abort(&request->request, why);
	kit_leave(outer);
	kit_turn(request->kit);
}

enum portico_verdict
kit_raise(struct kit_request *request, const char *name, void *argument)
{
	enum portico_verdict verdict;
	enum kit_place outer;

	if (!kit_begin(request))
		return PORTICO_ERROR;
	outer = kit_enter(KIT_PLACE_REQUEST);
	verdict = host_event_raise(&request->request, name, argument);
	kit_leave(outer);
	kit_turn(request->kit);
	return verdict;
}
