/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: child requests, as their parents see them.
 */
#include <stddef.h>

#include "core/base/slice.h"
#include "core/worker/child_priv.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"
#include "core/worker/response_trailer.h"

/* Members up to `window` came with the first version. */
static enum portico_status
host_child_start(struct portico_request *request,
		 const struct portico_child_options *options, size_t size,
		 struct portico_child **child_r)
{
	CHECK(request, REQUEST_MAGIC);
	*child_r = NULL;
	if (options == NULL || size < sizeof(*options) ||
	    (options->field_count > 0 && options->fields == NULL))
		return PORTICO_INVALID;
	return child_start(request, options, child_r);
}

static enum portico_status
host_child_wait(struct portico_child *child, portico_resume_fn *resume,
		void *arg)
{
	enum portico_status status;

	CHECK(child, CHILD_MAGIC);
	status = wait_begin(child->parent, WAIT_CHILD, resume, arg);
	if (status != PORTICO_OK)
		return status;
	LIST_FOREACH(struct portico_child, link, other,
		     &child->parent->children) {
		other->waited = other == child;
	}
	child->wants_head = !child->head_there;
	if (child->parent->aborted || child_has_news(child))
		request_ready(child->parent);
	return PORTICO_OK;
}

/* What has come before goes first. */
static void
collect_first(struct portico_child *child)
{
	while (!list_empty(&child->blocks)) {
		struct child_block *block =
			LIST_FIRST(struct child_block, link, &child->blocks);

		list_remove(&block->link);
		child_take(child, block->data, block->used, child->complete);
	}
}

static enum portico_status
host_child_collect(struct portico_child *child, size_t bytes_max,
		   portico_resume_fn *resume, void *arg)
{
	enum portico_status status;

	CHECK(child, CHILD_MAGIC);
	if (bytes_max == 0 || bytes_max > CHILD_COLLECT_BYTES_MAX)
		return PORTICO_INVALID;
	if (child->read_begun || child->collecting)
		return PORTICO_STATE;
	status = host_child_wait(child, resume, arg);
	if (status != PORTICO_OK)
		return status;
	child->collecting = true;
	buffer_init(&child->collected, bytes_max);
	if (!list_empty(&child->blocks))
		collect_first(child);
	if (!child->ended && !child->complete)
		response_progress(child->request);
	return PORTICO_OK;
}

static unsigned
host_child_status(struct portico_child *child, unsigned *substatus_r)
{
	const struct response *response;

	CHECK(child, CHILD_MAGIC);
	response = &child->request->response;
	if (substatus_r != NULL)
		*substatus_r = child->head_there ? response->substatus : 0;
	return child->head_there ? response->status : 0;
}

static bool
host_child_field(struct portico_child *child, struct portico_slice name,
		 struct portico_slice *value_r)
{
	CHECK(child, CHILD_MAGIC);
	return child->head_there &&
	       response_find_field(child->request, name, value_r);
}

static void
host_child_fields(struct portico_child *child, portico_field_fn *fn, void *arg)
{
	CHECK(child, CHILD_MAGIC);
	if (child->head_there)
		host_response_fields(child->request, fn, arg);
}

/* What was asked for, and found. */
struct sought {
	struct portico_slice name, *value_r;
	bool found;
};

static bool
seek(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct sought *sought = arg;

	if (!slice_equal_nocase(name, sought->name))
		return true;
	*sought->value_r = value;
	sought->found = true;
	return false;
}

/* More may be set, and those that were be removed, until it is complete. */
static void
host_child_trailers(struct portico_child *child, portico_field_fn *fn,
		    void *arg)
{
	CHECK(child, CHILD_MAGIC);
	if (child->complete)
		response_trailers_each(child->request, fn, arg);
}

static bool
host_child_trailer(struct portico_child *child, struct portico_slice name,
		   struct portico_slice *value_r)
{
	struct sought sought = { .name = name, .value_r = value_r };

	host_child_trailers(child, seek, &sought);
	return sought.found;
}

static enum portico_status
host_child_read(struct portico_child *child, struct portico_slice *chunk_r)
{
	CHECK(child, CHILD_MAGIC);
	*chunk_r = (struct portico_slice){ NULL, 0 };
	child_give_back(child);
	child->read_begun = true;
	if (child->parent->aborted)
		return PORTICO_ABORTED;
	if (child->overflowed)
		return PORTICO_TOO_LARGE;
	if (!list_empty(&child->blocks)) {
		child->lent =
			LIST_FIRST(struct child_block, link, &child->blocks);
		list_remove(&child->lent->link);
		chunk_r->data = child->lent->data;
		chunk_r->length = child->lent->used;
		return PORTICO_OK;
	}
	if (child->complete)
		return PORTICO_END;
	return child->ended ? PORTICO_ABORTED : PORTICO_AGAIN;
}

static struct portico_slice
host_child_body(struct portico_child *child)
{
	CHECK(child, CHILD_MAGIC);
	if (child->collected.data == NULL)
		return PORTICO_SLICE("");
	return buffer_slice(&child->collected);
}

static void
host_child_close(struct portico_child *child)
{
	if (child == NULL)
		return;
	CHECK(child, CHILD_MAGIC);
	/* Nobody else would wake it. */
	if (child->waited && child->parent->wait.kind == WAIT_CHILD)
		request_ready(child->parent);
	child_close(child);
}

static uint32_t
host_child_depth(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->child == NULL ? 0 : request->child->depth;
}

const struct portico_host_child worker_host_child = {
	.size = sizeof(struct portico_host_child),
	.start = host_child_start,
	.wait = host_child_wait,
	.collect = host_child_collect,
	.status = host_child_status,
	.field = host_child_field,
	.fields = host_child_fields,
	.read = host_child_read,
	.body = host_child_body,
	.close = host_child_close,
	.depth = host_child_depth,
	.trailer = host_child_trailer,
	.trailers = host_child_trailers,
};
