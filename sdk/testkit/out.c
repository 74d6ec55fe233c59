/* SPDX-License-Identifier: Apache-2.0
 *
 * Where responses go: bytes that have left are kept for the test.  It keeps to
 * the window that the test gives, and stages as the worker does: the head
 * leaves when more than a block follows it, with a flush, or at the end.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/worker/file.h"
#include "core/worker/host_priv.h"
#include "sdk/testkit/kit_priv.h"
#include "sdk/testkit/tunnel.h"

#define STAGE_BYTES 65536u

/* Stands for a block of the channel.  The worker gives one back by number when
 * its bytes have gone through filters that were found late. */
struct stage {
	struct list link;
	uint32_t number;
	char data[STAGE_BYTES];
};

static struct list stages = LIST_INIT(stages);
static uint32_t stages_made;

static void
stage_free(uint32_t number)
{
	LIST_FOREACH_SAFE(struct stage, link, stage, &stages) {
		if (stage->number == number) {
			list_remove(&stage->link);
			mem_free(stage);
		}
	}
}

void
out_block_free(struct portico_request *inner, uint32_t number, char *data)
{
	(void)inner;
	(void)data;
	stage_free(number);
}

static void
stage_begin(struct response *response)
{
	struct stage *stage = mem_alloc(sizeof(*stage));

	stage->number = ++stages_made;
	list_init(&stage->link);
	list_add_tail(&stages, &stage->link);
	response->block = stage->number;
	response->data = stage->data;
	response->size = STAGE_BYTES;
	response->used = response->head_length = 0;
}

static bool
keep_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	kit_field_add(arg, name, value);
	return true;
}

static void
head_leave(struct portico_request *inner)
{
	struct kit_request *request = kit_of(inner);

	if (inner->response.head_sent)
		return;
	inner->response.head_sent = true;
	request->length = inner->response.length;
	kit_fields_free(&request->response_fields);
	host_response_fields(inner, keep_field, &request->response_fields);
}

static void
stage_forget(struct portico_request *inner)
{
	if (inner->response.data != NULL)
		stage_free(inner->response.block);
	inner->response.data = NULL;
	inner->response.used = inner->response.head_length = 0;
}

enum portico_status
out_push(struct portico_request *inner, bool last)
{
	struct response *response = &inner->response;

	head_leave(inner);
	if (response->data != NULL)
		buffer_append(&kit_of(inner)->sent, response->data,
			      response->used);
	if (response->tunnel && response->used > 0)
		kit_tunnel_sent(kit_of(inner));
	stage_forget(inner);
	(void)last;
	return PORTICO_OK;
}

enum portico_status
out_flush(struct portico_request *inner)
{
	return out_push(inner, false);
}

static bool
read_file(struct kit_request *request, int fd, uint64_t offset, uint64_t length)
{
	char chunk[16384];

	while (length > 0) {
		size_t want = length < sizeof(chunk) ? (size_t)length :
						       sizeof(chunk);
		ssize_t got = pread(fd, chunk, want, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		buffer_append(&request->sent, chunk, (size_t)got);
		offset += (uint64_t)got;
		length -= (uint64_t)got;
	}
	return true;
}

enum portico_status
out_push_file(struct portico_request *inner, bool last)
{
	struct kit_request *request = kit_of(inner);
	struct response *response = &inner->response;
	const unsigned files_max =
		sizeof(request->files) / sizeof(request->files[0]);

	out_push(inner, last);
	if (request->file_count < files_max)
		request->files[request->file_count] = response->file_length;
	request->file_count++;
	if (!read_file(request, response->file->fd, response->file_offset,
		       response->file_length))
		response->cut = true;
	response->out_bytes += response->file_length;
	file_unref(response->file);
	response->file = NULL;
	return PORTICO_OK;
}

enum portico_status
out_push_rest(struct portico_request *inner)
{
	enum portico_status status = inner->response.file != NULL ?
					     out_push_file(inner, true) :
					     out_push(inner, true);

	if (status == PORTICO_OK && !inner->response.cut)
		kit_trailers_leave(kit_of(inner));
	return status;
}

char *
out_reserve(struct portico_request *inner, size_t wanted, size_t *size_r)
{
	struct response *response = &inner->response;
	bool may_push = response->head_sent || response->decided;
	size_t room;

	(void)wanted;
	if (response->window == 0) {
		if (response->data != NULL && may_push)
			out_push(inner, false);
		return NULL;
	}
	if (response->data != NULL && response->used == response->size) {
		if (!may_push)
			return NULL;
		out_push(inner, false);
	}
	if (response->data == NULL)
		stage_begin(response);
	room = response->size - response->used;
	*size_r = room > response->window ? (size_t)response->window : room;
	return response->data + response->used;
}

void
out_commit(struct portico_request *inner, size_t length)
{
	struct response *response = &inner->response;

	ASSERT(response->data != NULL &&
	       length <= response->size - response->used);
	response->used += (uint32_t)length;
	response->out_bytes += length;
	response->window -= length;
}

size_t
out_write(struct portico_request *inner, const char *data, size_t length)
{
	size_t written = 0;

	while (written < length) {
		size_t room;
		char *to = out_reserve(inner, length - written, &room);

		if (to == NULL)
			break;
		if (room > length - written)
			room = length - written;
		memcpy(to, data + written, room);
		out_commit(inner, room);
		written += room;
	}
	return written;
}

void
out_drop_body(struct portico_request *inner)
{
	struct response *response = &inner->response;

	if (response->head_sent)
		return;
	response->window += response->used;
	response->used = 0;
	response->out_bytes = 0;
	file_unref(response->file);
	response->file = NULL;
}

void
out_discard(struct portico_request *inner)
{
	struct response *response = &inner->response;

	if (response->data != NULL)
		response->window += response->used;
	stage_forget(inner);
	file_unref(response->file);
	response->file = NULL;
	if (!response->head_sent)
		response->out_bytes = response->body_bytes = 0;
}

/* Nothing is ever held back for the end. */
void
out_send_last(struct portico_request *inner, bool end)
{
	(void)inner;
	(void)end;
}
