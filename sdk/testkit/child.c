/* SPDX-License-Identifier: Apache-2.0
 *
 * Child requests, answered by the test.  Their heads are made and judged by
 * the worker (child_head.c).  Records stay until kit_close, so that a child
 * that was closed is known when it is used again.
 */
#include <string.h>

#include <portico/child.h>
#include <portico/testkit_child.h>

#include "core/http/request_head.h"
#include "core/worker/changes.h"
#include "core/worker/child_priv.h"
#include "core/worker/limits.h"
#include "core/worker/service.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

/* The kit's own; the worker's is struct portico_child, by the same pointer. */
struct child {
	struct list link; /* children */
	struct service service; /* of its parent */
	struct portico_request *parent; /* NULL: closed */
	unsigned number;
	uint32_t depth;
	char *method, *target, *user;
	struct kit_field *fields, *answer_fields, *answer_trailers;
	struct buffer body; /* that it is sent */
	unsigned status, substatus;
	bool complete, ended;
	bool read_begun, collecting, overflowed, wants_head, waited;
	size_t collect_max;
	struct buffer collected;
	struct list chunks; /* struct kit_piece */
	struct kit_piece *lent;
};

static struct list children = LIST_INIT(children);
static unsigned started;

static struct child *
child_of(struct portico_child *child)
{
	return (struct child *)(void *)child;
}

/* ---- its life --------------------------------------------------------------------- */

static bool
has_news(const struct child *child)
{
	if (child->complete || child->ended || child->overflowed)
		return true;
	if (child->collecting)
		return false;
	return !list_empty(&child->chunks) ||
	       (child->wants_head && child->status != 0);
}

static void
wake(struct child *child)
{
	if (child->parent != NULL && child->waited && has_news(child) &&
	    child->parent->wait.kind == WAIT_CHILD)
		request_ready(child->parent);
}

static void
on_abort(struct service *service)
{
	struct child *child = CONTAINER_OF(service, struct child, service);

	child->ended = true;
	if (child->parent->wait.kind == WAIT_CHILD)
		request_ready(child->parent);
}

static void
on_end(struct service *service)
{
	struct child *child = CONTAINER_OF(service, struct child, service);

	child->ended = true;
	child->parent = NULL;
}

static bool
guard_child(const struct portico_child *child, const char *name)
{
	if (!guard_thread(name))
		return false;
	LIST_FOREACH(struct child, link, known, &children) {
		if ((const void *)known != (const void *)child)
			continue;
		if (known->parent != NULL)
			return guard_request(known->parent, name);
		kit_fail("%s: %s %s: the child was closed, or its parent has "
			 "ended",
			 name, known->method, known->target);
		return false;
	}
	kit_fail("%s: this is no child", name);
	return false;
}

static enum portico_status
check(const struct portico_request *parent,
      const struct portico_child_options *options)
{
	unsigned open = 0;

	if (parent->aborted)
		return PORTICO_ABORTED;
	if (parent->ended ||
	    (parent->step != NULL && parent->step->kind == PROGRAM_CALL &&
	     PIPELINE_STAGE_EVENT(parent->step->stage) == PORTICO_EVENT_END))
		return PORTICO_STATE;
	if (options->body.length > CHILD_BODY_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (options->window != 0 && (options->window < CHILD_WINDOW_BYTES_MIN ||
				     options->window > CHILD_WINDOW_BYTES_MAX))
		return PORTICO_INVALID;
	if (kit_of(parent)->child_depth >= CHILD_DEPTH_MAX)
		return PORTICO_FULL;
	LIST_FOREACH(const struct child, link, child, &children)
		open += child->parent == parent;
	return open >= CHILDREN_MAX ? PORTICO_FULL : PORTICO_OK;
}

static char *
text_of(struct portico_slice slice)
{
	char *copy = mem_alloc(slice.length + 1);

	if (slice.length > 0)
		memcpy(copy, slice.data, slice.length);
	copy[slice.length] = '\0';
	return copy;
}

static void
fill(struct child *child, const struct http_request_head *head,
     const struct portico_child_options *options)
{
	bool anonymous = (options->flags & PORTICO_CHILD_ANONYMOUS) != 0;

	child->number = started++;
	child->method =
		text_of(http_request_head_slice(head, head->method_name));
	child->target = text_of(http_request_head_slice(head, head->target));
	child->user =
		text_of(anonymous ? PORTICO_SLICE("") : child->parent->user);
	for (uint16_t i = 0; i < head->field_count; i++)
		kit_field_add(&child->fields,
			      http_request_head_name(head, &head->fields[i]),
			      http_request_head_value(head, &head->fields[i]));
	buffer_init(&child->body, CHILD_BODY_BYTES_MAX + 1);
	buffer_append_slice(&child->body, options->body);
	buffer_init(&child->collected, 0);
	list_init(&child->chunks);
}

static enum portico_status
child_begin(struct portico_request *request,
	    const struct portico_child_options *options, size_t size,
	    struct portico_child **child_r)
{
	const struct http_request_head *head = NULL;
	enum portico_status status;
	struct arena *arena;
	struct child *child;

	*child_r = NULL;
	if (!guard_request(request, "portico_child_start"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_child_start",
		      PORTICO_NO_MEMORY, &status))
		return status;
	if (options == NULL || size < sizeof(*options) ||
	    (options->field_count > 0 && options->fields == NULL))
		return PORTICO_INVALID;
	status = check(request, options);
	if (status != PORTICO_OK)
		return status;
	arena = arena_new("child", 0);
	status = child_head_make(request, options, arena, &head);
	if (status == PORTICO_OK) {
		child = mem_zalloc(sizeof(*child));
		child->parent = request;
		fill(child, head, options);
		list_init(&child->link);
		list_add_tail(&children, &child->link);
		child->service.abort = on_abort;
		child->service.end = on_end;
		service_add(request, &child->service);
		*child_r = (struct portico_child *)(void *)child;
	}
	arena_free(arena);
	return status;
}

static void
child_done(struct portico_child *given)
{
	struct child *child = child_of(given);

	if (given == NULL || !guard_child(given, "portico_child_close"))
		return;
	if (child->waited && child->parent->wait.kind == WAIT_CHILD) {
		kit_fail("portico_child_close: %s %s: its parent waits for it",
			 child->method, child->target);
		request_ready(child->parent);
	}
	list_remove(&child->service.link);
	child->parent = NULL;
	child->ended = true;
}

void
kit_child_close(void)
{
	LIST_FOREACH_SAFE(struct child, link, child, &children) {
		list_remove(&child->link);
		LIST_FOREACH_SAFE(struct kit_piece, link, piece, &child->chunks)
			kit_piece_free(piece);
		kit_piece_free(child->lent);
		kit_fields_free(&child->fields);
		kit_fields_free(&child->answer_fields);
		kit_fields_free(&child->answer_trailers);
		buffer_fini(&child->body);
		buffer_fini(&child->collected);
		mem_free(child->method);
		mem_free(child->target);
		mem_free(child->user);
		mem_free(child);
	}
	started = 0;
}

/* ---- waiting ------------------------------------------------------------------------ */

static enum portico_status
wait_for(struct child *child, portico_resume_fn *resume, void *arg)
{
	enum portico_status status;

	status = wait_begin(child->parent, WAIT_CHILD, resume, arg);
	if (status != PORTICO_OK)
		return status;
	LIST_FOREACH(struct child, link, other, &children)
		if (other->parent == child->parent)
			other->waited = other == child;
	child->wants_head = child->status == 0;
	return PORTICO_OK;
}

static enum portico_status
child_wait(struct portico_child *child, portico_resume_fn *resume, void *arg)
{
	enum portico_status status;

	if (!guard_child(child, "portico_child_wait"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_WAIT, "portico_child_wait", PORTICO_STATE,
		      &status))
		return status;
	status = wait_for(child_of(child), resume, arg);
	wake(child_of(child));
	return status;
}

/* What has come goes into one piece. */
static void
collect(struct child *child)
{
	LIST_FOREACH_SAFE(struct kit_piece, link, piece, &child->chunks) {
		if (!child->overflowed &&
		    buffer_append(&child->collected, piece->data,
				  piece->length) != PORTICO_OK)
			child->overflowed = true;
		kit_piece_free(piece);
	}
	if (child->overflowed)
		child->ended = true;
}

static enum portico_status
child_collect(struct portico_child *given, size_t bytes_max,
	      portico_resume_fn *resume, void *arg)
{
	struct child *child = child_of(given);
	enum portico_status status;

	if (!guard_child(given, "portico_child_collect"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_WAIT, "portico_child_collect", PORTICO_STATE,
		      &status))
		return status;
	if (bytes_max == 0 || bytes_max > CHILD_COLLECT_BYTES_MAX)
		return PORTICO_INVALID;
	if (child->read_begun || child->collecting)
		return PORTICO_STATE;
	status = wait_for(child, resume, arg);
	if (status != PORTICO_OK)
		return status;
	child->collecting = true;
	buffer_init(&child->collected, bytes_max);
	collect(child);
	wake(child);
	return PORTICO_OK;
}

/* ---- the answer ----------------------------------------------------------------------- */

static unsigned
child_status(struct portico_child *given, unsigned *substatus_r)
{
	bool good = guard_child(given, "portico_child_status");

	if (substatus_r != NULL)
		*substatus_r = good ? child_of(given)->substatus : 0;
	return good ? child_of(given)->status : 0;
}

static bool
child_field(struct portico_child *given, struct portico_slice name,
	    struct portico_slice *value_r)
{
	return guard_child(given, "portico_child_field") &&
	       child_of(given)->status != 0 &&
	       kit_field_get(child_of(given)->answer_fields, name, value_r);
}

static void
child_fields(struct portico_child *given, portico_field_fn *fn, void *arg)
{
	if (guard_child(given, "portico_child_fields") &&
	    child_of(given)->status != 0)
		kit_fields_each(child_of(given)->answer_fields, fn, arg);
}

static bool
child_trailer(struct portico_child *given, struct portico_slice name,
	      struct portico_slice *value_r)
{
	return guard_child(given, "portico_child_trailer") &&
	       child_of(given)->complete &&
	       kit_field_get(child_of(given)->answer_trailers, name, value_r);
}

static void
child_trailers(struct portico_child *given, portico_field_fn *fn, void *arg)
{
	if (guard_child(given, "portico_child_trailers") &&
	    child_of(given)->complete)
		kit_fields_each(child_of(given)->answer_trailers, fn, arg);
}

static enum portico_status
child_read(struct portico_child *given, struct portico_slice *chunk_r)
{
	struct child *child = child_of(given);
	enum portico_status status;

	*chunk_r = (struct portico_slice){ NULL, 0 };
	if (!guard_child(given, "portico_child_read"))
		return PORTICO_STATE;
	kit_piece_free(child->lent);
	child->lent = NULL;
	child->read_begun = true;
	if (kit_fault(KIT_FAULT_IO, "portico_child_read", PORTICO_ABORTED,
		      &status)) {
		child->ended = true;
		return status;
	}
	if (child->parent->aborted)
		return PORTICO_ABORTED;
	if (child->overflowed)
		return PORTICO_TOO_LARGE;
	child->lent = LIST_FIRST(struct kit_piece, link, &child->chunks);
	if (child->lent != NULL) {
		list_remove(&child->lent->link);
		*chunk_r = (struct portico_slice){ child->lent->data,
						   child->lent->length };
		return PORTICO_OK;
	}
	if (child->complete)
		return PORTICO_END;
	return child->ended ? PORTICO_ABORTED : PORTICO_AGAIN;
}

static struct portico_slice
child_body(struct portico_child *given)
{
	struct child *child = child_of(given);

	if (!guard_child(given, "portico_child_body") ||
	    child->collected.data == NULL)
		return PORTICO_SLICE("");
	return buffer_slice(&child->collected);
}

static uint32_t
child_depth(struct portico_request *request)
{
	return guard_request(request, "portico_child_depth") ?
		       kit_of(request)->child_depth :
		       0;
}

const struct portico_host_child kit_host_child = {
	.size = sizeof(struct portico_host_child),
	.start = child_begin,
	.wait = child_wait,
	.collect = child_collect,
	.status = child_status,
	.field = child_field,
	.fields = child_fields,
	.read = child_read,
	.body = child_body,
	.close = child_done,
	.depth = child_depth,
	.trailer = child_trailer,
	.trailers = child_trailers,
};

/* ---- what tests call --------------------------------------------------------------------- */

static struct child *
find(const struct kit *kit, unsigned number)
{
	CHECK(kit, KIT_MAGIC);
	LIST_FOREACH(struct child, link, child, &children)
		if (child->number == number)
			return child;
	return NULL;
}

unsigned
kit_children(const struct kit *kit)
{
	CHECK(kit, KIT_MAGIC);
	return started;
}

const char *
kit_child_method(const struct kit *kit, unsigned number)
{
	const struct child *child = find(kit, number);

	return child == NULL ? NULL : child->method;
}

const char *
kit_child_target(const struct kit *kit, unsigned number)
{
	const struct child *child = find(kit, number);

	return child == NULL ? NULL : child->target;
}

const char *
kit_child_field(const struct kit *kit, unsigned number, const char *name)
{
	const struct child *child = find(kit, number);
	const struct kit_field *field =
		child == NULL ? NULL : kit_field_find(child->fields, name);

	return field == NULL ? NULL : field->value;
}

struct portico_slice
kit_child_body(const struct kit *kit, unsigned number)
{
	struct child *child = find(kit, number);

	if (child == NULL)
		return PORTICO_SLICE("");
	return slice_make(buffer_text(&child->body), child->body.length);
}

const char *
kit_child_user(const struct kit *kit, unsigned number)
{
	const struct child *child = find(kit, number);

	return child == NULL ? NULL : child->user;
}

bool
kit_child_is_open(const struct kit *kit, unsigned number)
{
	const struct child *child = find(kit, number);

	return child != NULL && child->parent != NULL && !child->complete &&
	       !child->ended;
}

static struct child *
find_open(const struct kit *kit, unsigned number, const char *name)
{
	if (kit_child_is_open(kit, number))
		return find(kit, number);
	kit_fail("%s: there is no open child %u", name, number);
	return NULL;
}

void
kit_child_answer_field(struct kit *kit, unsigned number, const char *name,
		       const char *value)
{
	struct child *child = find_open(kit, number, "kit_child_answer_field");

	if (child != NULL)
		kit_field_add(&child->answer_fields, slice_from(name),
			      slice_from(value));
}

void
kit_child_answer_trailer(struct kit *kit, unsigned number, const char *name,
			 const char *value)
{
	struct child *child =
		find_open(kit, number, "kit_child_answer_trailer");

	if (child != NULL)
		kit_field_add(&child->answer_trailers, slice_from(name),
			      slice_from(value));
}

static void
take(struct child *child, const void *data, size_t length)
{
	if (length > 0)
		kit_piece_add(&child->chunks, data, length);
	if (child->collecting)
		collect(child);
}

void
kit_child_answer(struct kit *kit, unsigned number, unsigned status,
		 const void *body, size_t length)
{
	struct child *child = find_open(kit, number, "kit_child_answer");

	if (child == NULL)
		return;
	child->status = status;
	take(child, body, length);
	child->complete = !child->overflowed;
	child->ended = true;
	wake(child);
	kit_turn(kit);
}

void
kit_child_fail(struct kit *kit, unsigned number)
{
	struct child *child = find_open(kit, number, "kit_child_fail");

	if (child == NULL)
		return;
	child->ended = true;
	wake(child);
	kit_turn(kit);
}

void
kit_child_head(struct kit *kit, unsigned number, unsigned status,
	       unsigned substatus)
{
	struct child *child = find_open(kit, number, "kit_child_head");

	if (child == NULL)
		return;
	child->status = status;
	child->substatus = substatus;
	wake(child);
	kit_turn(kit);
}

void
kit_child_chunk(struct kit *kit, unsigned number, const void *data,
		size_t length)
{
	struct child *child = find_open(kit, number, "kit_child_chunk");

	if (child == NULL)
		return;
	if (child->status == 0)
		kit_fail("kit_child_chunk: the head comes first "
			 "(kit_child_head)");
	take(child, data, length);
	wake(child);
	kit_turn(kit);
}

void
kit_child_end(struct kit *kit, unsigned number)
{
	struct child *child = find_open(kit, number, "kit_child_end");

	if (child == NULL)
		return;
	child->complete = child->ended = true;
	wake(child);
	kit_turn(kit);
}

void
kit_child_depth(struct kit_request *request, unsigned depth)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->started || depth > CHILD_DEPTH_MAX)
		kit_fail("kit_child_depth: the request has begun already, or "
			 "no child is as deep");
	request->child_depth = depth;
}
