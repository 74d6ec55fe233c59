/* SPDX-License-Identifier: Apache-2.0
 *
 * The URL cooker: turns the path and query of a request target into the one
 * path that routing, modules and file systems see.  It runs once, in the
 * listener; nobody behind it decodes or normalises again.
 *
 *  - percent-encoding is decoded exactly once: %252e becomes "%2e" and stays;
 *  - %2F is decoded like any byte and then separates segments, as IIS has it,
 *    so no later decoder can find a slash that we did not see;
 *  - "." and ".." segments are removed after decoding; ".." above the root is
 *    an error, not the root; runs of slashes become one;
 *  - a backslash, raw or decoded, is an ordinary byte (this is not Windows),
 *    but one next to a dot is an error: it can only be aimed at somebody who
 *    takes it for a separator;
 *  - the decoded path is strict UTF-8 (no overlong form, no surrogate, at
 *    most U+10FFFF) without U+0000-1F and U+007F-9F;
 *  - '#' and spaces may not stand raw; the query is not decoded.
 */
#ifndef CORE_HTTP_URL_H
#define CORE_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http/limits.h"
#include "core/http/reason.h"

struct http_url_limits {
	uint32_t segments; /* number in the cooked path, and at any time */
	uint32_t segment_length; /* decoded bytes */
};

#define HTTP_URL_LIMITS_DEFAULT                                                \
	{                                                                      \
		.segments = HTTP_URL_SEGMENTS_DEFAULT,                         \
		.segment_length = HTTP_URL_SEGMENT_BYTES_DEFAULT               \
	}

extern const struct http_url_limits http_url_limits_default;

struct http_url {
	uint32_t path_length; /* bytes written to `out` */
	uint32_t query_offset; /* in the raw text, after the '?' */
	uint32_t query_length; /* bytes */
	bool has_query; /* a '?' was there, even if nothing follows */
};

/*
 * Cooks `raw` (path[?query], as http_parsed_head.path_offset gives it; an
 * empty path means "/").  `out` has room for `length` + 1 bytes: the cooked
 * path begins with '/', is never longer than max(length, 1), and is not
 * NUL-terminated.  `out` must not overlap `raw`.
 * Returns HTTP_REASON_NONE, or HTTP_REASON_URL (answer 400).
 */
enum http_reason http_url_cook(const char *raw, size_t length, char *out,
			       const struct http_url_limits *limits,
			       struct http_url *url_r);

/* True when the bytes are strict UTF-8 (RFC 3629). */
bool http_utf8_is_valid(const char *text, size_t length);

#endif
