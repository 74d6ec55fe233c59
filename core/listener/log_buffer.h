/* SPDX-License-Identifier: Apache-2.0
 *
 * A loop's part of a log: lines gather in a chunk, which goes to the writer
 * (log_writer.h) whole, when it is full or at a tick.
 */
#ifndef CORE_LISTENER_LOG_BUFFER_H
#define CORE_LISTENER_LOG_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "core/listener/task.h"

struct log_chunk {
	struct task task; /* on its way to the main thread */
	struct log_chunk *next;
	unsigned log; /* the owner's number of the log */
	unsigned lines;
	size_t length;
	char data[];
};

struct log_buffer {
	struct log_chunk *chunk; /* NULL: no line yet */
	unsigned log;
};

/* Room for a line of at most `size` bytes; the chunk must have it
 * (log_buffer_full).  Then commit the bytes written. */
char *log_buffer_reserve(struct log_buffer *buffer, size_t size);
void log_buffer_commit(struct log_buffer *buffer, size_t length);

/* Whether a line of `size` bytes no longer fits: take the chunk first. */
int log_buffer_full(const struct log_buffer *buffer, size_t size);

/* OWNERSHIP: the caller's, mem_free(); NULL when there are no lines. */
struct log_chunk *log_buffer_take(struct log_buffer *buffer);

void log_buffer_fini(struct log_buffer *buffer);

#endif
