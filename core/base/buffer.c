/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte buffer that grows by doubling.
 */
#include "core/base/buffer.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"

#define CAPACITY_MIN 64 /* bytes */

void
buffer_init(struct buffer *buffer, size_t limit)
{
	*buffer = (struct buffer){ .limit = limit };
}

void
buffer_fini(struct buffer *buffer)
{
	mem_free(buffer->data);
	buffer_init(buffer, buffer->limit);
}

void
buffer_reset(struct buffer *buffer)
{
	buffer->length = 0;
}

/* Capacity for `needed` bytes; the limit is the caller's affair. */
static enum portico_status
grow(struct buffer *buffer, size_t needed)
{
	size_t capacity = buffer->capacity;
	char *data;

	if (needed <= capacity)
		return PORTICO_OK;
	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	while (capacity < needed) {
		if (capacity > SIZE_MAX / 2)
			capacity = needed;
		else
			capacity *= 2;
	}
	data = mem_try_realloc(buffer->data, capacity);
	if (data == NULL)
		return PORTICO_NO_MEMORY;
	buffer->data = data;
	buffer->capacity = capacity;
	return PORTICO_OK;
}

enum portico_status
buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t needed;

	ASSERT(buffer->length <= buffer->capacity);
	if (__builtin_add_overflow(buffer->length, more, &needed))
		return PORTICO_TOO_LARGE;
	if (buffer->limit != 0 && needed > buffer->limit)
		return PORTICO_TOO_LARGE;
	return grow(buffer, needed);
}

enum portico_status
buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	enum portico_status status = buffer_reserve(buffer, length);

	if (status != PORTICO_OK)
		return status;
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	return PORTICO_OK;
}

enum portico_status
buffer_append_slice(struct buffer *buffer, struct portico_slice slice)
{
	return buffer_append(buffer, slice.data, slice.length);
}

enum portico_status
buffer_append_text(struct buffer *buffer, const char *text)
{
	return buffer_append(buffer, text, strlen(text));
}

enum portico_status
buffer_append_char(struct buffer *buffer, char c)
{
	return buffer_append(buffer, &c, 1);
}

enum portico_status
buffer_vprintf(struct buffer *buffer, const char *format, va_list args)
{
	size_t room = buffer->capacity - buffer->length;
	enum portico_status status;
	va_list again;
	int length;

	va_copy(again, args);
	length = vsnprintf(room == 0 ? NULL : buffer->data + buffer->length,
			   room, format, args);
	ASSERT(length >= 0);
	status = buffer_reserve(buffer, (size_t)length);
	/* vsnprintf wants a byte for its NUL, which does not count. */
	if (status == PORTICO_OK)
		status = grow(buffer, buffer->length + (size_t)length + 1);
	if (status == PORTICO_OK) {
		if ((size_t)length >= room)
			vsnprintf(buffer->data + buffer->length,
				  (size_t)length + 1, format, again);
		buffer->length += (size_t)length;
	}
	va_end(again);
	return status;
}

enum portico_status
buffer_printf(struct buffer *buffer, const char *format, ...)
{
	enum portico_status status;
	va_list args;

	va_start(args, format);
	status = buffer_vprintf(buffer, format, args);
	va_end(args);
	return status;
}

void
buffer_consume(struct buffer *buffer, size_t count)
{
	if (count >= buffer->length) {
		buffer->length = 0;
		return;
	}
	buffer->length -= count;
	memmove(buffer->data, buffer->data + count, buffer->length);
}

const char *
buffer_text(struct buffer *buffer)
{
	if (grow(buffer, buffer->length + 1) != PORTICO_OK)
		return NULL;
	buffer->data[buffer->length] = '\0';
	return buffer->data;
}

char *
buffer_take(struct buffer *buffer, size_t *length_r)
{
	char *data;

	if (buffer_text(buffer) == NULL)
		return NULL;
	data = buffer->data;
	if (length_r != NULL)
		*length_r = buffer->length;
	buffer_init(buffer, buffer->limit);
	return data;
}
