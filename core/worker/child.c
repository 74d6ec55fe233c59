/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of child requests: begin, what they send, abort, end.
 *
 * Nobody runs within a call of somebody else here: a child begins from the
 * loop's ready list, and its parent goes on from there, too.
 */
#include "core/worker/child.h"

#include <stddef.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/worker/changes.h"
#include "core/worker/child_priv.h"
#include "core/worker/request.h"

/* ---- memory -------------------------------------------------------------------- */

char *
child_block_alloc(size_t size)
{
	struct child_block *block =
		mem_try_alloc(offsetof(struct child_block, data) + size);

	if (block == NULL)
		return NULL;
	list_init(&block->link);
	block->used = 0;
	return block->data;
}

static struct child_block *
block_of(char *data)
{
	return (struct child_block *)(data -
				      offsetof(struct child_block, data));
}

void
child_block_free(char *data)
{
	mem_free(block_of(data));
}

static void
free_blocks(struct portico_child *child)
{
	while (!list_empty(&child->blocks)) {
		struct child_block *block =
			LIST_FIRST(struct child_block, link, &child->blocks);

		list_remove(&block->link);
		mem_free(block);
	}
	MEM_FREE(child->lent);
}

/* Closed, and ended. */
static void
child_free(struct portico_child *child)
{
	free_blocks(child);
	buffer_fini(&child->collected);
	mem_free(child->body);
	list_remove(&child->loop_link);
	child->magic = 0;
	mem_free(child);
}

/* ---- what it sends --------------------------------------------------------------- */

bool
child_has_news(const struct portico_child *child)
{
	if (child->complete || child->ended || child->overflowed)
		return true;
	if (child->collecting)
		return false;
	return !list_empty(&child->blocks) ||
	       (child->wants_head && child->head_there);
}

static void
wake_parent(struct portico_child *child)
{
	if (child->parent == NULL || !child->waited || !child_has_news(child) ||
	    child->parent->wait.kind != WAIT_CHILD)
		return;
	request_ready(child->parent);
}

/* Into one piece of memory; what is kept there needs no window. */
static void
collect(struct portico_child *child, struct child_block *block)
{
	struct response *response = &child->request->response;

	if (!child->overflowed && buffer_append(&child->collected, block->data,
						block->used) != PORTICO_OK) {
		child->overflowed = true;
		response->cut = true;
	}
	response->window += block->used;
	mem_free(block);
}

void
child_take(struct portico_child *child, char *data, uint32_t used, bool last)
{
	struct child_block *block;

	CHECK(child, CHILD_MAGIC);
	child->head_there = true;
	child->complete = last;
	if (data != NULL) {
		block = block_of(data);
		block->used = used;
		/* Read by nobody, so that it goes on. */
		if (child->on_end != NULL)
			child->request->response.window += used;
		if (used == 0 || child->parent == NULL)
			mem_free(block);
		else if (child->collecting)
			collect(child, block);
		else
			list_add_tail(&child->blocks, &block->link);
	}
	wake_parent(child);
}

void
child_give_back(struct portico_child *child)
{
	uint32_t bytes;

	if (child->lent == NULL)
		return;
	bytes = child->lent->used;
	MEM_FREE(child->lent);
	if (!child->ended)
		response_window(child->request, bytes);
}

/* ---- abort and end ---------------------------------------------------------------- */

/* The slot may soon be another request's; so, too, for those further down. */
static void
detach(struct portico_request *request)
{
	request->attachment = NULL;
	request->progress = NULL;
	LIST_FOREACH(struct portico_child, link, child, &request->children) {
		if (!child->ended)
			detach(child->request);
	}
}

void
children_abort(struct portico_request *parent)
{
	LIST_FOREACH(struct portico_child, link, child, &parent->children) {
		/* A module that is told may close none of these: they are its
		 * parent's. */
		if (!child->ended)
			request_abort(child->request, parent->abort_reason);
	}
}

void
child_close(struct portico_child *child)
{
	struct portico_request *request = child->request;

	CHECK(child, CHILD_MAGIC);
	child->parent = NULL;
	list_remove(&child->link);
	free_blocks(child);
	if (child->ended) {
		child_free(child);
		request_unhold(request);
		return;
	}
	detach(request);
	atomic_fetch_add_explicit(&request->loop->active, 1,
				  memory_order_relaxed);
	request_abort(request, PORTICO_ABORT_PARENT);
	request_unhold(request);
}

void
children_close(struct portico_request *parent)
{
	while (!list_empty(&parent->children))
		child_close(LIST_FIRST(struct portico_child, link,
				       &parent->children));
}

void
child_ended(struct portico_request *request)
{
	struct portico_child *child = request->child;

	CHECK(child, CHILD_MAGIC);
	child->ended = true;
	if (child->parent != NULL) {
		wake_parent(child);
		return;
	}
	atomic_fetch_sub_explicit(&request->loop->active, 1,
				  memory_order_relaxed);
	if (child->on_end != NULL)
		child->on_end(child->arg,
			      child->complete ? request->response.status : 0);
	child_free(child);
}

void
children_forget(struct worker_loop *loop)
{
	while (!list_empty(&loop->children)) {
		struct portico_child *child = LIST_FIRST(
			struct portico_child, loop_link, &loop->children);

		/* Nothing that it waits for will come. */
		if (!child->ended) {
			child->request->failed = true;
			child->request->holds = child->parent != NULL ? 1 : 0;
			if (child->parent == NULL) {
				request_end(child->request);
				continue;
			}
			request_end(child->request);
		}
		child_close(child);
	}
}

/* ---- begin ------------------------------------------------------------------------- */

struct portico_child *
child_new(struct worker_loop *loop)
{
	struct portico_child *child = mem_zalloc(sizeof(*child));

	child->magic = CHILD_MAGIC;
	list_init(&child->blocks);
	list_init(&child->link);
	list_init(&child->loop_link);
	buffer_init(&child->collected, 0);
	child->request = request_new(loop);
	return child;
}

void
child_never_began(struct portico_child *child)
{
	child->request->ended = true;
	child->request->holds = 0;
	request_recycle(child->request);
	child_free(child);
}

static enum portico_status
check(const struct portico_request *parent,
      const struct portico_child_options *options)
{
	uint32_t open = 0;

	if (parent->aborted)
		return PORTICO_ABORTED;
	if (parent->ended || parent->step == NULL ||
	    parent->step->event == PORTICO_EVENT_END)
		return PORTICO_STATE;
	if (options->body.length > CHILD_BODY_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (options->window != 0 && (options->window < CHILD_WINDOW_BYTES_MIN ||
				     options->window > CHILD_WINDOW_BYTES_MAX))
		return PORTICO_INVALID;
	if (parent->child != NULL && parent->child->depth >= CHILD_DEPTH_MAX)
		return PORTICO_FULL;
	LIST_FOREACH(const struct portico_child, link, child,
		     &parent->children) {
		(void)child;
		open++;
	}
	return open >= CHILDREN_MAX ? PORTICO_FULL : PORTICO_OK;
}

static enum portico_status
take_body(struct portico_child *child,
	  const struct portico_child_options *options)
{
	if (options->body.length == 0)
		return PORTICO_OK;
	child->body = mem_try_alloc(options->body.length);
	if (child->body == NULL)
		return PORTICO_NO_MEMORY;
	memcpy(child->body, options->body.data, options->body.length);
	return PORTICO_OK;
}

/* Copies: a child may outlive its parent. */
static void
inherit_user(struct portico_request *request,
	     const struct portico_request *parent)
{
	struct changes *changes;

	request->user = arena_slice_dup(request->arena, parent->user);
	if (parent->changes == NULL || !parent->changes->authenticated)
		return;
	changes = changes_get(request);
	changes->authenticated = true;
	changes->authentication = arena_slice_dup(
		request->arena, parent->changes->authentication);
}

static void
begin(struct portico_child *child, struct portico_request *parent,
      const struct portico_child_options *options,
      const struct http_request_head *head)
{
	struct portico_request *request = child->request;

	request->slot = parent->slot;
	request->generation = parent->generation;
	request->head_block = CHANNEL_BLOCK_NONE;
	request_prepare(request, parent->attachment, head,
			options->body.length > 0);
	request->body.memory = slice_make(child->body, options->body.length);
	request->body.complete = request->body.asked = true;
	request->response.window = options->window != 0 ?
					   options->window :
					   CHILD_WINDOW_BYTES_DEFAULT;
	request->child = child;
	request->holds = 1;
	if ((options->flags & PORTICO_CHILD_ANONYMOUS) == 0)
		inherit_user(request, parent);
	child->parent = parent;
	child->depth = parent->child == NULL ? 1 : parent->child->depth + 1;
	list_add_tail(&parent->children, &child->link);
	list_add_tail(&request->loop->children, &child->loop_link);
	request->wait.kind = WAIT_CHILD;
	request_ready(request);
}

enum portico_status
child_start(struct portico_request *parent,
	    const struct portico_child_options *options,
	    struct portico_child **child_r)
{
	enum portico_status status = check(parent, options);
	const struct http_request_head *head;
	struct portico_child *child;

	if (status != PORTICO_OK)
		return status;
	child = child_new(parent->loop);
	status = take_body(child, options);
	if (status == PORTICO_OK)
		status = child_head_make(parent, options, child->request->arena,
					 &head);
	if (status != PORTICO_OK) {
		child_never_began(child);
		return status;
	}
	begin(child, parent, options, head);
	*child_r = child;
	return PORTICO_OK;
}
