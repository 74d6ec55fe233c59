/* SPDX-License-Identifier: Apache-2.0
 *
 * From bytes to blocks and descriptors: the lowest layer of the response.
 *
 * Until the head has left, the block in filling begins with the head as it
 * stood at the first body byte.  A body that outgrows its block moves to a
 * larger class, up to 64 KiB; then the head has to leave.  An undecided head
 * (filters might still want the body) never leaves here: out_reserve() says
 * that there is no room, and the front decides.
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/http/response_head.h"
#include "core/worker/attachment.h"
#include "core/worker/child.h"
#include "core/worker/request.h"
#include "core/worker/response_trailer.h"

#define BLOCK_MIN_BYTES 4096u
#define BLOCK_MAX_BYTES 65536u

static enum channel_block_class
class_for(size_t bytes)
{
	if (bytes <= 4096)
		return CHANNEL_BLOCK_4K;
	return bytes <= 16384 ? CHANNEL_BLOCK_16K : CHANNEL_BLOCK_64K;
}

/* No block now: in line for the next ones. */
static void
wait_for_room(struct portico_request *request)
{
	if (!list_linked(&request->room_link))
		list_add_tail(&request->attachment->waiting,
			      &request->room_link);
}

/* Of the process; what block_alloc() does for a child. */
static char *
memory_alloc(size_t wanted, uint32_t *size_r)
{
	size_t size = wanted <= 4096 ? 4096 : wanted <= 16384 ? 16384 : 65536;

	*size_r = (uint32_t)size;
	return child_block_alloc(size);
}

/* A block of the class for `wanted` bytes, or a smaller one that has at least
 * `needed`; NULL: none. */
static char *
block_alloc(struct portico_request *request, size_t wanted, size_t needed,
	    uint32_t *block_r, uint32_t *size_r)
{
	struct channel *channel;
	int block_class = class_for(wanted);

	if (request->child != NULL)
		return memory_alloc(wanted, size_r);
	channel = request->attachment->channel;
	for (; block_class >= (int)class_for(needed); block_class--) {
		char *data = channel_block_alloc(
			channel, (enum channel_block_class)block_class, block_r,
			size_r);

		if (data != NULL)
			return data;
	}
	return NULL;
}

void
out_block_free(struct portico_request *request, uint32_t block, char *data)
{
	if (request->child != NULL)
		child_block_free(data);
	else
		channel_block_cancel(request->attachment->channel, block);
}

static bool
is_scarce(const struct portico_request *request)
{
	return request->child == NULL &&
	       channel_is_scarce(request->attachment->channel);
}

/* ---- the head ----------------------------------------------------------------------- */

static size_t
head_bound(const struct response *response)
{
	return sizeof(struct http_response_head) + response->fields_bytes +
	       response->cache_query.length;
}

/* Writes the head with its fields; the fixed part is patched as it leaves. */
static uint32_t
head_write(const struct response *response, char *to, uint32_t capacity)
{
	const struct http_response_head fixed = {
		.status = response->status,
		.content_length = HTTP_RESPONSE_LENGTH_UNKNOWN,
		.cache_query = (uint16_t)response->cache_query.length,
	};
	struct http_response_writer writer;
	size_t length;

	http_response_head_begin(&writer, to, capacity);
	for (uint16_t i = 0; i < response->field_count; i++) {
		const struct response_field *field = &response->fields[i];

		if (field->id != HTTP_HEADER_UNKNOWN)
			http_response_head_add(&writer, field->id,
					       field->value.data,
					       field->value.length);
		else
			http_response_head_add_name(&writer, field->name.data,
						    field->name.length,
						    field->value.data,
						    field->value.length);
	}
	if (response->cache_query_named)
		http_response_head_add_query(&writer, response->cache_query);
	length = http_response_head_end(&writer, &fixed);
	ASSERT(length > 0);
	return (uint32_t)length;
}

static void
head_patch(const struct portico_request *request, char *to)
{
	const struct response *response = &request->response;
	int64_t length = response->length;
	uint8_t flags =
		response->cache_query_named ? HTTP_RESPONSE_CACHE_QUERY : 0;

	if (response->status == 204)
		length = HTTP_RESPONSE_LENGTH_UNKNOWN;
	memcpy(to + offsetof(struct http_response_head, status),
	       &response->status, sizeof(response->status));
	memcpy(to + offsetof(struct http_response_head, substatus),
	       &response->substatus, sizeof(response->substatus));
	memcpy(to + offsetof(struct http_response_head, content_length),
	       &length, sizeof(length));
	if (response_is_cacheable(request)) {
		flags |= HTTP_RESPONSE_CACHEABLE;
		if (response->cache_while_worker)
			flags |= HTTP_RESPONSE_CACHE_WORKER;
		memcpy(to + offsetof(struct http_response_head, cache_ttl),
		       &response->cache_ttl, sizeof(response->cache_ttl));
	}
	memcpy(to + offsetof(struct http_response_head, flags), &flags,
	       sizeof(flags));
}

/*
 * Fields have changed: write the head again and move the body.  Where the
 * block is too small for both, *separate_r becomes the head's own block.
 */
static bool
head_rewrite(struct portico_request *request,
	     struct channel_reference *separate_r)
{
	struct response *response = &request->response;
	uint32_t body = response->used - response->head_length;
	size_t bound = head_bound(response);
	char *old_body = response->data + response->head_length;
	uint32_t size;
	char *head;

	separate_r->block = CHANNEL_BLOCK_NONE;
	if (bound + body <= response->size) {
		/* The bound is exact: names and values are counted as they
		 * are written. */
		memmove(response->data + bound, old_body, body);
		response->head_length =
			head_write(response, response->data, response->size);
		ASSERT(response->head_length == bound);
		response->used = response->head_length + body;
		response->head_stale = false;
		return true;
	}
	head = block_alloc(request, bound, bound, &separate_r->block, &size);
	if (head == NULL) {
		wait_for_room(request);
		return false;
	}
	separate_r->length = head_write(response, head, size);
	head_patch(request, head);
	memmove(response->data, old_body, body);
	response->used = body;
	response->head_length = 0;
	response->head_stale = false;
	return true;
}

static void
descriptor_init(const struct portico_request *request,
		struct channel_descriptor *descriptor, enum channel_type type,
		bool last)
{
	memset(descriptor, 0, sizeof(*descriptor));
	descriptor->type = (uint8_t)type;
	descriptor->flags = last ? CHANNEL_FLAG_LAST : 0;
	descriptor->slot = request->slot;
	descriptor->generation = request->generation;
}

/* ---- scarcity ------------------------------------------------------------------------- */

/*
 * Clients that do not read could hold all of the region, each with a window
 * full, and then nobody gets an answer.  So while the last quarter is in use
 * one that has something out waits until its client has taken that, and one
 * that has not takes the smallest block.
 */
static bool
must_wait(struct portico_request *request)
{
	struct attachment *attachment = request->attachment;
	struct response *response = &request->response;

	if (!is_scarce(request) || response->window >= attachment->window)
		return false;
	if (list_linked(&request->room_link))
		return true;
	response->patient = true;
	list_add_tail(&attachment->patient, &request->room_link);
	channel_want_plenty(attachment->channel);
	out_send_flush(request, CHANNEL_FLUSH_WINDOW);
	return true;
}

static size_t
modest(const struct portico_request *request, size_t head, size_t wanted)
{
	if (!is_scarce(request))
		return wanted > BLOCK_MAX_BYTES ? BLOCK_MAX_BYTES : wanted;
	return head >= BLOCK_MIN_BYTES ? 0 : BLOCK_MIN_BYTES - head;
}

/* ---- blocks --------------------------------------------------------------------------- */

/* A new block; the head goes first if it has not left. */
static bool
block_begin(struct portico_request *request, size_t wanted)
{
	struct response *response = &request->response;
	/* A child's is read where its fields are. */
	bool has_head = !response->head_sent && request->child == NULL;
	size_t head = has_head ? head_bound(response) : 0;

	if (must_wait(request))
		return false;
	response->data = block_alloc(request,
				     head + modest(request, head, wanted), head,
				     &response->block, &response->size);
	if (response->data == NULL) {
		wait_for_room(request);
		return false;
	}
	list_remove(&request->room_link);
	response->used = 0;
	response->head_length = 0;
	if (has_head) {
		response->head_length =
			head_write(response, response->data, response->size);
		response->head_stale = false;
		response->used = response->head_length;
	}
	return true;
}

/* Moves what has not left into a block for `wanted` bytes more. */
static void
block_grow(struct portico_request *request, size_t wanted)
{
	struct response *response = &request->response;
	size_t total = response->used + wanted;
	uint32_t block, size;
	char *data;

	if (is_scarce(request))
		return;
	if (total > BLOCK_MAX_BYTES)
		total = BLOCK_MAX_BYTES;
	data = block_alloc(request, total, (size_t)response->size + 1, &block,
			   &size);
	if (data == NULL)
		return;
	memcpy(data, response->data, response->used);
	out_block_free(request, response->block, response->data);
	response->data = data;
	response->block = block;
	response->size = size;
}

static void
block_forget(struct portico_request *request)
{
	struct response *response = &request->response;

	if (response->data != NULL)
		out_block_free(request, response->block, response->data);
	response->data = NULL;
	response->head_length = 0;
	response->head_stale = false;
	response->used = response->size = 0;
}

/* ---- descriptors ------------------------------------------------------------------------ */

static void
send_or_hold(struct portico_request *request,
	     const struct channel_descriptor *descriptor, bool last)
{
	if (!last) {
		attachment_send(request->attachment, descriptor);
		return;
	}
	/* It leaves with the end of the request, which saves a descriptor. */
	request->response.last = *descriptor;
	request->response.has_last = true;
}

void
out_send_last(struct portico_request *request, bool end)
{
	struct response *response = &request->response;

	ASSERT(response->has_last);
	if (end)
		response->last.flags |= CHANNEL_FLAG_END;
	attachment_send(request->attachment, &response->last);
	response->has_last = false;
}

static inline enum portico_status
push_head_as(struct portico_request *request, enum channel_type type, bool last)
{
	struct response *response = &request->response;
	struct channel_descriptor descriptor;
	struct channel_reference separate = { CHANNEL_BLOCK_NONE, 0 };

	if (response->data == NULL && !block_begin(request, 0))
		return PORTICO_AGAIN;
	if (response->head_stale && !head_rewrite(request, &separate))
		return PORTICO_AGAIN;
	descriptor_init(request, &descriptor, type, last);
	if (separate.block != CHANNEL_BLOCK_NONE) {
		descriptor.extra = separate.length;
		descriptor.refs[descriptor.count++] = separate;
	} else {
		head_patch(request, response->data);
		descriptor.extra = response->head_length;
	}
	if (response->used > 0)
		descriptor.refs[descriptor.count++] =
			(struct channel_reference){ response->block,
						    response->used };
	else
		channel_block_cancel(request->attachment->channel,
				     response->block);
	response->head_sent = true;
	response->data = NULL;
	send_or_hold(request, &descriptor, last);
	return PORTICO_OK;
}

static enum portico_status
push_head(struct portico_request *request, bool last)
{
	return push_head_as(request, CHANNEL_RESPONSE, last);
}

enum portico_status
out_push_upgrade(struct portico_request *request)
{
	return push_head_as(request, CHANNEL_UPGRADE, false);
}

void
out_send_flush(struct portico_request *request, enum channel_flush kind)
{
	struct channel_descriptor descriptor;

	descriptor_init(request, &descriptor, CHANNEL_FLUSH, false);
	descriptor.value = kind;
	attachment_send(request->attachment, &descriptor);
}

static enum portico_status
push_to_parent(struct portico_request *request, bool last)
{
	struct response *response = &request->response;
	char *data = response->data;

	response->head_sent = true;
	response->data = NULL;
	child_take(request->child, data, response->used, last);
	return PORTICO_OK;
}

static enum portico_status
push(struct portico_request *request, bool last, uint8_t flags)
{
	struct response *response = &request->response;
	struct channel_descriptor descriptor;

	if (request->child != NULL)
		return push_to_parent(request, last);
	if (!response->head_sent) {
		enum portico_status status = push_head(request, last);

		if (status != PORTICO_OK || (flags & CHANNEL_FLAG_FLUSH) == 0)
			return status;
		descriptor_init(request, &descriptor, CHANNEL_FLUSH, false);
		attachment_send(request->attachment, &descriptor);
		return PORTICO_OK;
	}
	if (response->data == NULL || response->used == 0) {
		if (!last)
			return PORTICO_OK;
		block_forget(request);
		descriptor_init(request, &descriptor, CHANNEL_BODY, true);
		send_or_hold(request, &descriptor, true);
		return PORTICO_OK;
	}
	descriptor_init(request, &descriptor, CHANNEL_BODY, last);
	descriptor.flags |= flags;
	descriptor.count = 1;
	descriptor.refs[0] =
		(struct channel_reference){ response->block, response->used };
	response->data = NULL;
	send_or_hold(request, &descriptor, last);
	return PORTICO_OK;
}

enum portico_status
out_push(struct portico_request *request, bool last)
{
	return push(request, last, 0);
}

enum portico_status
out_flush(struct portico_request *request)
{
	struct response *response = &request->response;
	struct channel_descriptor descriptor;
	bool empty = response->head_sent &&
		     (response->data == NULL || response->used == 0);

	if (!empty || request->child != NULL)
		return push(request, false, CHANNEL_FLAG_FLUSH);
	descriptor_init(request, &descriptor, CHANNEL_FLUSH, false);
	attachment_send(request->attachment, &descriptor);
	return PORTICO_OK;
}

enum portico_status
out_push_file(struct portico_request *request, bool last)
{
	struct response *response = &request->response;
	struct channel_descriptor descriptor;
	enum portico_status status;
	uint32_t number;

	ASSERT(response->file != NULL && request->child == NULL);
	status = file_table_get(request->attachment, response->file, &number);
	if (status == PORTICO_AGAIN)
		return status;
	if (status != PORTICO_OK) {
		response->cut = true;
		return status;
	}
	if (!response->head_sent || response->data != NULL) {
		status = out_push(request, false);
		if (status != PORTICO_OK)
			return status;
	}
	descriptor_init(request, &descriptor, CHANNEL_FILE, last);
	descriptor.extra = number;
	descriptor.value = response->file_offset;
	descriptor.value2 = response->file_length;
	response->out_bytes += response->file_length;
	response->file_ahead += response->file_length;
	file_unref(response->file);
	response->file = NULL;
	send_or_hold(request, &descriptor, last);
	return PORTICO_OK;
}

static enum portico_status
push_waiting(struct portico_request *request, bool last)
{
	return request->response.file != NULL ? out_push_file(request, last) :
						out_push(request, last);
}

enum portico_status
out_push_rest(struct portico_request *request)
{
	uint32_t length = response_trailers_bytes(request), size;
	struct channel_descriptor descriptor;
	struct channel_reference reference;
	enum portico_status status;
	char *data;

	if (length == 0)
		return push_waiting(request, true);
	/* First of all, so that nothing has to be taken back. */
	data = block_alloc(request, length, length, &reference.block, &size);
	if (data == NULL) {
		wait_for_room(request);
		return PORTICO_AGAIN;
	}
	status = push_waiting(request, false);
	if (status != PORTICO_OK) {
		out_block_free(request, reference.block, data);
		return status;
	}
	block_forget(request);
	response_trailers_write(request, data);
	reference.length = length;
	descriptor_init(request, &descriptor, CHANNEL_BODY, true);
	descriptor.extra = length;
	descriptor.count = 1;
	descriptor.refs[0] = reference;
	send_or_hold(request, &descriptor, true);
	return PORTICO_OK;
}

/* ---- filling ------------------------------------------------------------------------------ */

/* May the head leave from here? */
static bool
may_push(const struct response *response)
{
	return response->head_sent || response->decided;
}

char *
out_reserve(struct portico_request *request, size_t wanted, size_t *size_r)
{
	struct response *response = &request->response;
	size_t room;

	if (response->window == 0) {
		/* It grows only when what is here has left. */
		if (response->data != NULL && may_push(response))
			out_push(request, false);
		return NULL;
	}
	if (response->data != NULL && !response->head_sent &&
	    response->size - response->used < wanted &&
	    response->size < BLOCK_MAX_BYTES)
		block_grow(request, wanted);
	if (response->data != NULL && response->used == response->size) {
		if (!may_push(response) ||
		    out_push(request, false) != PORTICO_OK)
			return NULL;
	}
	if (response->data == NULL && !block_begin(request, wanted))
		return NULL;
	room = response->size - response->used;
	if (room > response->window)
		room = response->window;
	/* A block that its head fills. */
	if (room == 0)
		return NULL;
	*size_r = room;
	return response->data + response->used;
}

void
out_commit(struct portico_request *request, size_t length)
{
	struct response *response = &request->response;

	ASSERT(response->data != NULL &&
	       length <= response->size - response->used &&
	       length <= response->window);
	response->used += (uint32_t)length;
	response->out_bytes += length;
	response->window -= length;
	if (response->head_sent && response->used == response->size)
		out_push(request, false);
}

size_t
out_write(struct portico_request *request, const char *data, size_t length)
{
	size_t written = 0;

	while (written < length) {
		size_t room;
		char *to = out_reserve(request, length - written, &room);

		if (to == NULL)
			break;
		if (room > length - written)
			room = length - written;
		memcpy(to, data + written, room);
		out_commit(request, room);
		written += room;
	}
	return written;
}

void
out_drop_body(struct portico_request *request)
{
	struct response *response = &request->response;

	if (response->head_sent)
		return;
	if (response->data != NULL) {
		response->window += response->used - response->head_length;
		response->used = response->head_length;
	}
	response->out_bytes = 0;
	file_unref(response->file);
	response->file = NULL;
}

void
out_discard(struct portico_request *request)
{
	struct response *response = &request->response;

	if (response->data != NULL)
		response->window += response->used - response->head_length;
	block_forget(request);
	file_unref(response->file);
	response->file = NULL;
	if (!response->head_sent)
		response->out_bytes = response->body_bytes = 0;
}
