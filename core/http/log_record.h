/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker adds to the access log when a request ends: a sequence of
 * {u8 kind, u8 length, length bytes}, in the block that END may carry.  Kinds
 * that a reader does not know it skips.
 */
#ifndef CORE_HTTP_LOG_RECORD_H
#define CORE_HTTP_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include <portico/types.h>

enum http_log_kind {
	HTTP_LOG_USER = 1, /* name of the authenticated user */
};

/* All records of one request together. */
#define HTTP_LOG_BYTES_MAX 1024

/*
 * Adds a record to the `used` bytes in `out` and returns the bytes used then.
 * Longer values are cut to 255 bytes; one that does not fit is left out.
 */
size_t http_log_record_add(char *out, size_t capacity, size_t used,
			   enum http_log_kind kind, struct portico_slice value);

/*
 * The next record of a private copy, *cursor beginning with 0.  False at the
 * end, and where the rest is cut short: then *cursor is not `length`.
 */
bool http_log_record_next(const char *data, size_t length, size_t *cursor,
			  unsigned *kind_r, struct portico_slice *value_r);

#endif
