/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_record.h.
 */
#include "core/http/log_record.h"

#include <string.h>

#define RECORD_HEAD 2 /* kind and length */

size_t
http_log_record_add(char *out, size_t capacity, size_t used,
		    enum http_log_kind kind, struct portico_slice value)
{
	if (value.length > UINT8_MAX)
		value.length = UINT8_MAX;
	if (used > capacity || capacity - used < RECORD_HEAD + value.length)
		return used;
	out[used] = (char)kind;
	out[used + 1] = (char)value.length;
	if (value.length > 0)
		memcpy(out + used + RECORD_HEAD, value.data, value.length);
	return used + RECORD_HEAD + value.length;
}

bool
http_log_record_next(const char *data, size_t length, size_t *cursor,
		     unsigned *kind_r, struct portico_slice *value_r)
{
	size_t at = *cursor;
	size_t size;

	if (at > length || length - at < RECORD_HEAD)
		return false;
	size = (uint8_t)data[at + 1];
	if (length - at - RECORD_HEAD < size)
		return false;
	*kind_r = (uint8_t)data[at];
	*value_r = (struct portico_slice){ data + at + RECORD_HEAD, size };
	*cursor = at + RECORD_HEAD + size;
	return true;
}
