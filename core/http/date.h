/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP dates (RFC 9110 section 5.6.7): written as IMF-fixdate, read in all
 * three forms.  No locale, no time zone database, no allocation.
 */
#ifndef CORE_HTTP_DATE_H
#define CORE_HTTP_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of "Sun, 06 Nov 1994 08:49:37 GMT" without its NUL. */
#define HTTP_DATE_LENGTH 29

/* The last formatted second.  Storage of the caller, one per loop (not
 * thread safe); all zero is a valid empty cache. */
struct http_date_cache {
	int64_t second; /* seconds since the epoch that `text` shows */
	char text[HTTP_DATE_LENGTH + 1]; /* empty until first used */
};

/* Writes 29 bytes and a NUL.  Times outside the years 1 to 9999 are written
 * as the nearest second inside. */
void http_date_format(int64_t second, char out[HTTP_DATE_LENGTH + 1]);

/* As above, formatting only when the second differs from the last call.
 * The text lives in the cache until then. */
const char *http_date_cached(struct http_date_cache *cache, int64_t second);

/*
 * Reads any of the three forms; false when it is none of them or no real
 * date.  `now` (seconds since the epoch) settles the century of a two-digit
 * year.  The day name is checked for form, not for being right.
 */
bool http_date_parse(const char *text, size_t length, int64_t now,
		     int64_t *second_r);

#endif
