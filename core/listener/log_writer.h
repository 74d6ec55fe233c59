/* SPDX-License-Identifier: Apache-2.0
 *
 * A log file.  Chunks of lines come from the loops and are written in order on
 * libuv's thread pool, one at a time, so that a slow disk holds up nobody; what
 * does not fit a bounded backlog is dropped, counted and told.
 */
#ifndef CORE_LISTENER_LOG_WRITER_H
#define CORE_LISTENER_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct log_chunk;
struct log_writer;

/* `name` is a literal, for messages.  OWNERSHIP: the caller's. */
struct log_writer *log_writer_new(uv_loop_t *uv, const char *name);

/*
 * The file from now on, and the line that names its fields; NULL for none.
 * Does nothing when both are as before.  A file that cannot be opened is told
 * once; lines are dropped until it can.
 */
void log_writer_set_file(struct log_writer *writer, const char *path,
			 const char *fields);

/* OWNERSHIP: takes the chunk. */
void log_writer_add(struct log_writer *writer, struct log_chunk *chunk);

uint64_t log_writer_dropped(const struct log_writer *writer);

/* Writes what is left, waiting for it. */
void log_writer_free(struct log_writer *writer);

#endif
