/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_buffer.h.
 */
#include "core/listener/log_buffer.h"

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/listener/limits.h"

char *
log_buffer_reserve(struct log_buffer *buffer, size_t size)
{
	struct log_chunk *chunk = buffer->chunk;

	if (chunk == NULL) {
		chunk = mem_alloc(sizeof(*chunk) + LOG_CHUNK_BYTES);
		chunk->next = NULL;
		chunk->log = buffer->log;
		chunk->lines = 0;
		chunk->length = 0;
		buffer->chunk = chunk;
	}
	ASSERT(LOG_CHUNK_BYTES - chunk->length >= size);
	return chunk->data + chunk->length;
}

void
log_buffer_commit(struct log_buffer *buffer, size_t length)
{
	ASSERT(buffer->chunk != NULL &&
	       LOG_CHUNK_BYTES - buffer->chunk->length >= length);
	buffer->chunk->length += length;
	buffer->chunk->lines++;
}

int
log_buffer_full(const struct log_buffer *buffer, size_t size)
{
	return buffer->chunk != NULL &&
	       LOG_CHUNK_BYTES - buffer->chunk->length < size;
}

struct log_chunk *
log_buffer_take(struct log_buffer *buffer)
{
	struct log_chunk *chunk = buffer->chunk;

	buffer->chunk = NULL;
	return chunk;
}

void
log_buffer_fini(struct log_buffer *buffer)
{
	MEM_FREE(buffer->chunk);
}
