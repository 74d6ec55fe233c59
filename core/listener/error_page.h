/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's own answers: a small HTML page with status, phrase and
 * request id, with its head.  Nothing that a client sent is in it.
 */
#ifndef CORE_LISTENER_ERROR_PAGE_H
#define CORE_LISTENER_ERROR_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error_page {
	unsigned status;
	uint64_t request_id; /* 0: none was given yet */
	bool keep_alive;
	bool head_only; /* HEAD: the length of the page, but no page */
	bool retry_after;
	bool no_store; /* nobody shall keep it */
	const char *body; /* HTML instead of our own, or NULL */
	size_t body_length;
	const char *location; /* of a redirect, or NULL */
	uint8_t minor; /* of the client's HTTP version */
	const char *date; /* HTTP_DATE_LENGTH bytes, or NULL */
};

/* Room that is always enough, without location and body. */
#define ERROR_PAGE_BYTES_MAX 1536

/* Writes head and page; the bytes. */
size_t error_page_write(const struct error_page *page, char *out,
			size_t capacity);

/* Sixteen digits and a NUL. */
void request_id_format(uint64_t id, char text[17]);

#endif
