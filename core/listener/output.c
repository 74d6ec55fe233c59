/* SPDX-License-Identifier: Apache-2.0
 *
 * See output.h.
 */
#include "core/listener/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/uio.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/channel/channel.h"
#include "core/listener/cache.h"
#include "core/listener/limits.h"
#include "core/listener/transport.h"

void
output_init(struct output *output)
{
	output->head = NULL;
	output->head_length = output->head_sent = 0;
	output->head_borrowed = false;
	output->items = output->few;
	output->capacity = OUTPUT_FEW;
	output->first = output->count = 0;
	output->turn = 0;
	output->sent = output->file_sent = 0;
}

void
output_set_head(struct output *output, const char *data, size_t length)
{
	ASSERT(output->head == NULL);
	output->head = mem_dup(data, length);
	output->head_length = (uint32_t)length;
	output->head_sent = 0;
}

static void
drop_head(struct output *output)
{
	if (!output->head_borrowed)
		mem_free(output->head);
	output->head = NULL;
	output->head_borrowed = false;
}

/* ---- items ------------------------------------------------------------------ */

static struct output_item *
item_at(struct output *output, uint32_t index)
{
	uint32_t at = output->first + index;

	return &output->items[at < output->capacity ? at :
						      at - output->capacity];
}

static struct output_item *
item_new(struct output *output)
{
	if (output->count == output->capacity) {
		uint32_t capacity = output->capacity * 4;
		struct output_item *items =
			mem_alloc(capacity * sizeof(*items));

		for (uint32_t i = 0; i < output->count; i++)
			items[i] = *item_at(output, i);
		if (output->items != output->few)
			mem_free(output->items);
		output->items = items;
		output->capacity = capacity;
		output->first = 0;
	}
	return item_at(output, output->count++);
}

/* A burst's array is not kept. */
static void
items_emptied(struct output *output)
{
	if (output->items != output->few)
		mem_free(output->items);
	output->items = output->few;
	output->capacity = OUTPUT_FEW;
	output->first = 0;
}

static void
item_drop_first(struct output *output, struct channel *channel,
		uint32_t *window_r)
{
	struct output_item *item = item_at(output, 0);

	switch ((enum output_kind)item->kind) {
	case OUTPUT_BYTES:
		break;
	case OUTPUT_BLOCK:
		(void)channel_release(channel, item->block);
		*window_r += item->whole;
		break;
	case OUTPUT_ENTRY:
		cache_entry_unref(item->entry);
		break;
	case OUTPUT_TEXT:
		mem_free(item->text);
		break;
	case OUTPUT_FILE:
		channel_file_unref(&item->file);
		break;
	}
	output->first++;
	if (output->first == output->capacity)
		output->first = 0;
	if (--output->count == 0)
		items_emptied(output);
}

void
output_add_bytes(struct output *output, const char *data, size_t length)
{
	struct output_item *item = item_new(output);

	ASSERT(length <= sizeof(item->bytes));
	item->kind = OUTPUT_BYTES;
	item->size = (uint8_t)length;
	item->offset = 0;
	memcpy(item->bytes, data, length);
}

void
output_add_text(struct output *output, char *text, uint32_t length)
{
	struct output_item *item = item_new(output);

	item->kind = OUTPUT_TEXT;
	item->offset = 0;
	item->data = item->text = text;
	item->length = length;
}

void
output_add_block(struct output *output, const char *data, uint32_t length,
		 uint32_t block, uint32_t whole)
{
	struct output_item *item = item_new(output);

	item->kind = OUTPUT_BLOCK;
	item->block = block;
	item->offset = 0;
	item->data = data;
	item->length = length;
	item->whole = whole;
}

void
output_add_entry(struct output *output, const char *data, uint32_t length,
		 struct cache_entry *entry)
{
	struct output_item *item = item_new(output);

	item->kind = OUTPUT_ENTRY;
	item->offset = 0;
	item->data = data;
	item->length = length;
	item->entry = entry;
}

void
output_add_file(struct output *output, struct channel_file *file,
		uint64_t position, uint64_t length)
{
	struct output_item *item = item_new(output);

	item->kind = OUTPUT_FILE;
	item->file = file;
	item->position = position;
	item->left = length;
}

/* ---- sending ----------------------------------------------------------------- */

static struct portico_slice
item_rest(const struct output_item *item)
{
	if (item->kind == OUTPUT_BYTES)
		return (struct portico_slice){ item->bytes + item->offset,
					       item->size - item->offset };
	return (struct portico_slice){ item->data + item->offset,
				       item->length - item->offset };
}

/* `sent` bytes of what lies in memory have left. */
static void
consume(struct output *output, size_t sent, struct channel *channel,
	uint32_t *window_r)
{
	output->sent += sent;
	if (output->head != NULL) {
		size_t rest = output->head_length - output->head_sent;

		if (sent < rest) {
			output->head_sent += (uint32_t)sent;
			return;
		}
		sent -= rest;
		drop_head(output);
	}
	while (output->count > 0) {
		struct output_item *item = item_at(output, 0);
		size_t rest;

		if (item->kind == OUTPUT_FILE)
			break;
		rest = item_rest(item).length;
		if (sent < rest) {
			item->offset += (uint32_t)sent;
			return;
		}
		sent -= rest;
		item_drop_first(output, channel, window_r);
	}
	ASSERT(sent == 0);
}

static unsigned
gather(struct output *output, uint64_t most, struct iovec *iov, size_t *total_r,
       bool *more_r)
{
	unsigned count = 0;
	uint32_t i;

	*total_r = 0;
	if (output->head != NULL) {
		iov[count].iov_base = output->head + output->head_sent;
		iov[count].iov_len = output->head_length - output->head_sent;
		*total_r += iov[count++].iov_len;
	}
	for (i = 0;
	     i < output->count && count < OUTPUT_IOV_MAX && *total_r < most;
	     i++) {
		struct output_item *item = item_at(output, i);
		struct portico_slice rest;

		if (item->kind == OUTPUT_FILE)
			break;
		rest = item_rest(item);
		iov[count].iov_base = (void *)(uintptr_t)rest.data;
		iov[count].iov_len = rest.length;
		*total_r += iov[count++].iov_len;
	}
	*more_r = i < output->count;
	/* Only the last one goes beyond. */
	if (*total_r > most) {
		iov[count - 1].iov_len -= *total_r - most;
		*total_r = most;
	}
	return count;
}

static enum output_result
failed_send(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK ? OUTPUT_BLOCKED :
							 OUTPUT_LOST;
}

static enum output_result
send_memory(struct output *output, struct transport *transport,
	    struct channel *channel, uint64_t *turn, uint32_t *window_r)
{
	struct iovec iov[OUTPUT_IOV_MAX];
	size_t total;
	bool more;
	unsigned count = gather(output, *turn, iov, &total, &more);
	ssize_t sent = transport_writev(transport, iov, count, more);

	if (sent < 0)
		return failed_send();
	consume(output, (size_t)sent, channel, window_r);
	*turn -= (size_t)sent;
	return (size_t)sent < total ? OUTPUT_BLOCKED : OUTPUT_DONE;
}

static enum output_result
send_file(struct output *output, struct transport *transport,
	  struct channel *channel, uint64_t *turn, uint32_t *window_r)
{
	struct output_item *item = item_at(output, 0);
	uint64_t asked = item->left < *turn ? item->left : *turn;
	ssize_t sent =
		transport_send_file(transport, channel_file_fd(item->file),
				    (off_t)item->position, (size_t)asked);

	if (sent < 0)
		return failed_send();
	if (sent == 0)
		return OUTPUT_SHORT;
	item->position += (uint64_t)sent;
	item->left -= (uint64_t)sent;
	*turn -= (uint64_t)sent;
	output->sent += (uint64_t)sent;
	output->file_sent += (uint64_t)sent;
	if (item->left == 0)
		item_drop_first(output, channel, window_r);
	else if ((uint64_t)sent < asked)
		return OUTPUT_BLOCKED;
	return OUTPUT_DONE;
}

enum output_result
output_send(struct output *output, struct transport *transport,
	    struct channel *channel, uint32_t *window_r)
{
	/* What lies in memory is bounded by the window. */
	uint64_t memory = output->turn == 0 ? UINT64_MAX : output->turn;
	uint64_t files = output->turn == 0 ||
					 output->turn > OUTPUT_FILE_TURN_BYTES ?
				 OUTPUT_FILE_TURN_BYTES :
				 output->turn;
	enum output_result result;

	while (!output_empty(output)) {
		bool file = output->head == NULL &&
			    item_at(output, 0)->kind == OUTPUT_FILE;

		if ((file ? files : memory) == 0)
			return OUTPUT_TURN;
		if (file)
			result = send_file(output, transport, channel, &files,
					   window_r);
		else
			result = send_memory(output, transport, channel,
					     &memory, window_r);
		if (result != OUTPUT_DONE)
			return result;
	}
	return OUTPUT_DONE;
}

/* Bytes after the head if all of them are in memory and few, else 0. */
static size_t
copy_behind(struct output *output, char *to)
{
	size_t total = 0;

	for (uint32_t i = 0; i < output->count; i++) {
		const struct output_item *item = item_at(output, i);
		struct portico_slice rest;

		if (item->kind == OUTPUT_FILE)
			return 0;
		rest = item_rest(item);
		if (rest.length > OUTPUT_COPY_BYTES - total)
			return 0;
		memcpy(to + total, rest.data, rest.length);
		total += rest.length;
	}
	return total;
}

enum output_result
output_send_head(struct output *output, struct transport *transport,
		 char *scratch, size_t head_length, struct channel *channel,
		 uint32_t *window_r)
{
	enum output_result result = OUTPUT_DONE;
	size_t body = 0;

	ASSERT(output->head == NULL);
	output->head = scratch;
	output->head_borrowed = true;
	output->head_length = (uint32_t)head_length;
	output->head_sent = 0;
	if (head_length + OUTPUT_COPY_BYTES <= LOOP_OUTPUT_BYTES)
		body = copy_behind(output, scratch + head_length);
	if (body > 0 || output->count == 0) {
		ssize_t sent =
			transport_write(transport, scratch, head_length + body);

		if (sent < 0)
			result = failed_send();
		else
			consume(output, (size_t)sent, channel, window_r);
		if (result == OUTPUT_DONE && !output_empty(output))
			result = OUTPUT_BLOCKED;
	} else {
		result = output_send(output, transport, channel, window_r);
	}
	if (output->head != NULL) {
		/* The scratch belongs to the next one. */
		char *head = mem_dup(scratch, head_length);

		output->head = head;
		output->head_borrowed = false;
	}
	return result;
}

uint64_t
output_waiting(const struct output *output, uint64_t most)
{
	uint64_t total = 0;

	if (output->head != NULL)
		total = output->head_length - output->head_sent;
	for (uint32_t i = 0; i < output->count && total < most; i++) {
		uint32_t at = (output->first + i) % output->capacity;
		const struct output_item *item = &output->items[at];

		total += item->kind == OUTPUT_FILE ? item->left :
						     item_rest(item).length;
	}
	return total;
}

/* False: the file has fewer bytes. */
static bool
copy_file(struct output *output, char *to, size_t size, struct channel *channel,
	  uint32_t *window_r)
{
	struct output_item *item = item_at(output, 0);
	size_t got = 0;

	while (got < size) {
		ssize_t count = pread(channel_file_fd(item->file), to + got,
				      size - got,
				      (off_t)(item->position + got));

		if (count <= 0)
			return false;
		got += (size_t)count;
	}
	item->position += size;
	item->left -= size;
	output->sent += size;
	output->file_sent += size;
	if (item->left == 0)
		item_drop_first(output, channel, window_r);
	return true;
}

bool
output_copy(struct output *output, char *to, size_t size,
	    struct channel *channel, uint32_t *window_r)
{
	while (size > 0) {
		struct portico_slice rest;
		size_t part;

		ASSERT(!output_empty(output));
		if (output->head != NULL) {
			rest = (struct portico_slice){
				output->head + output->head_sent,
				output->head_length - output->head_sent
			};
		} else if (item_at(output, 0)->kind == OUTPUT_FILE) {
			uint64_t left = item_at(output, 0)->left;

			part = left < size ? (size_t)left : size;
			if (!copy_file(output, to, part, channel, window_r))
				return false;
			to += part;
			size -= part;
			continue;
		} else {
			rest = item_rest(item_at(output, 0));
		}
		part = rest.length < size ? rest.length : size;
		memcpy(to, rest.data, part);
		consume(output, part, channel, window_r);
		to += part;
		size -= part;
	}
	return true;
}

void
output_head_taken(struct output *output)
{
	drop_head(output);
}

void
output_discard(struct output *output, struct channel *channel,
	       uint32_t *window_r)
{
	if (output->head != NULL)
		drop_head(output);
	while (output->count > 0)
		item_drop_first(output, channel, window_r);
}
