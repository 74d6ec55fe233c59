/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte buffer that grows.  The struct is the caller's; the bytes are the
 * heap's until buffer_fini().  One thread at a time.
 *
 * Whoever appends must look at the result: a buffer with a limit refuses to
 * pass it, and keeps what it had.
 */
#ifndef CORE_BASE_BUFFER_H
#define CORE_BASE_BUFFER_H

#include <stdarg.h>

#include <portico/types.h>

struct buffer {
	char *data; /* NULL until the first byte; not NUL-terminated */
	size_t length; /* bytes in use */
	size_t capacity; /* bytes allocated */
	size_t limit; /* most bytes allowed; 0 = no limit */
};

/* `limit` in bytes, 0 for none.  Allocates nothing. */
void buffer_init(struct buffer *buffer, size_t limit);

/* Frees the bytes; the struct is as after buffer_init() with its limit. */
void buffer_fini(struct buffer *buffer);

/* Empties, keeps the memory. */
void buffer_reset(struct buffer *buffer);

/*
 * Room for `more` bytes after the length.  PORTICO_TOO_LARGE when the limit
 * would be passed, PORTICO_NO_MEMORY when the heap is exhausted.
 */
enum portico_status buffer_reserve(struct buffer *buffer, size_t more);

/* All or nothing; status as buffer_reserve(). */
enum portico_status buffer_append(struct buffer *buffer, const void *data,
				  size_t length);
enum portico_status buffer_append_slice(struct buffer *buffer,
					struct portico_slice slice);
enum portico_status buffer_append_text(struct buffer *buffer, const char *text);
enum portico_status buffer_append_char(struct buffer *buffer, char c);
enum portico_status buffer_printf(struct buffer *buffer, const char *format,
				  ...) __attribute__((format(printf, 2, 3)));
enum portico_status buffer_vprintf(struct buffer *buffer, const char *format,
				   va_list args)
	__attribute__((format(printf, 2, 0)));

/* Drops the first `count` bytes (at most all) and moves the rest forward. */
void buffer_consume(struct buffer *buffer, size_t count);

/*
 * The contents as a C string: puts a NUL after the length without counting
 * it.  Valid until the buffer changes.  NULL when there is no room for it.
 */
const char *buffer_text(struct buffer *buffer);

/*
 * OWNERSHIP: gives the bytes to the caller (mem_free) and empties the buffer;
 * NUL-terminated.  NULL when there is no room for the NUL.
 */
char *buffer_take(struct buffer *buffer, size_t *length_r);

static inline struct portico_slice
buffer_slice(const struct buffer *buffer)
{
	return (struct portico_slice){ buffer->data, buffer->length };
}

#endif
