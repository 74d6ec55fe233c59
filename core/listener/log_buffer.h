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

struct site_log;

/* Where the lines of another log, or with other fields, begin in a chunk. */
struct log_run {
	struct site_log *target; /* NULL: the server's */
	const char *fields;
	size_t offset; /* bytes */
	unsigned line;
};

#define LOG_RUNS_MAX 256 /* of a chunk, besides the first */

struct log_chunk {
	struct task task; /* on its way to the main thread */
	struct log_chunk *next;
	unsigned log; /* the owner's number of the log */
	unsigned lines;
	size_t length, capacity;
	/* Of the first run; `fields` are those of access_log_fields(), "" for
	 * JSON and NULL for those of the log.  They live as long as the
	 * process. */
	struct site_log *target;
	const char *fields;
	struct log_run *runs; /* the others; OWNERSHIP: the chunk's */
	unsigned run_count;
	char data[];
};

struct log_chunk *log_chunk_new(size_t capacity);
void log_chunk_free(struct log_chunk *chunk);

struct log_buffer {
	struct log_chunk *chunk; /* NULL: no line yet */
	unsigned log;
};

/* Room for a line of at most `size` bytes; the chunk must have it
 * (log_buffer_full).  Then commit the bytes written. */
char *log_buffer_reserve(struct log_buffer *buffer, size_t size);
void log_buffer_commit(struct log_buffer *buffer, size_t length);

/* The same for a line of the access log, which may be any site's. */
void log_buffer_commit_to(struct log_buffer *buffer, size_t length,
			  struct site_log *target, const char *fields);

/* Whether a line of `size` bytes no longer fits: take the chunk first. */
int log_buffer_full(const struct log_buffer *buffer, size_t size);

/* OWNERSHIP: the caller's, log_chunk_free(); NULL when there are no lines. */
struct log_chunk *log_buffer_take(struct log_buffer *buffer);

void log_buffer_fini(struct log_buffer *buffer);

#endif
