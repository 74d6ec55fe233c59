/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_buffer.h.
 */
#include "core/listener/log_buffer.h"

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/listener/limits.h"

struct log_chunk *
log_chunk_new(size_t capacity)
{
	struct log_chunk *chunk = mem_alloc(sizeof(*chunk) + capacity);

	*chunk = (struct log_chunk){ .capacity = capacity };
	return chunk;
}

void
log_chunk_free(struct log_chunk *chunk)
{
	if (chunk == NULL)
		return;
	mem_free(chunk->runs);
	mem_free(chunk);
}

char *
log_buffer_reserve(struct log_buffer *buffer, size_t size)
{
	struct log_chunk *chunk = buffer->chunk;

	if (chunk == NULL) {
		chunk = log_chunk_new(LOG_CHUNK_BYTES);
		chunk->log = buffer->log;
		buffer->chunk = chunk;
	}
	ASSERT(chunk->capacity - chunk->length >= size);
	return chunk->data + chunk->length;
}

void
log_buffer_commit(struct log_buffer *buffer, size_t length)
{
	ASSERT(buffer->chunk != NULL &&
	       buffer->chunk->capacity - buffer->chunk->length >= length);
	buffer->chunk->length += length;
	buffer->chunk->lines++;
}

void
log_buffer_commit_to(struct log_buffer *buffer, size_t length,
		     struct site_log *target, const char *fields)
{
	struct log_chunk *chunk = buffer->chunk;
	struct log_run *last;

	ASSERT(chunk != NULL && chunk->run_count < LOG_RUNS_MAX);
	if (chunk->lines == 0) {
		chunk->target = target;
		chunk->fields = fields;
	}
	last = chunk->run_count == 0 ? NULL :
				       &chunk->runs[chunk->run_count - 1];
	if ((last == NULL ? chunk->target : last->target) != target ||
	    (last == NULL ? chunk->fields : last->fields) != fields) {
		if (chunk->runs == NULL)
			chunk->runs =
				mem_alloc(LOG_RUNS_MAX * sizeof(*chunk->runs));
		chunk->runs[chunk->run_count++] =
			(struct log_run){ target, fields, chunk->length,
					  chunk->lines };
	}
	log_buffer_commit(buffer, length);
}

int
log_buffer_full(const struct log_buffer *buffer, size_t size)
{
	const struct log_chunk *chunk = buffer->chunk;

	return chunk != NULL && (chunk->capacity - chunk->length < size ||
				 chunk->run_count == LOG_RUNS_MAX);
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
	log_chunk_free(buffer->chunk);
	buffer->chunk = NULL;
}
