/* SPDX-License-Identifier: Apache-2.0
 *
 * The URL cooker: one pass over the path, segment by segment.
 *
 * Invariants: `out` begins with '/', holds closed segments that are neither
 * empty nor "." nor "..", then the open one; a byte is written only for a
 * byte read, so `out` never outgrows the input.
 */
#include "core/http/url.h"

#include <string.h>

#include "core/http/chars.h"

const struct http_url_limits http_url_limits_default = HTTP_URL_LIMITS_DEFAULT;

struct cook {
	const char *p; /* raw */
	const char *end;
	char *out;
	size_t at; /* bytes in `out` */
	size_t segment; /* where the open segment began in `out` */
	uint32_t segments; /* closed ones */
	bool high; /* a byte from 0x80 on was written */
	bool backslash;
};

/* Strict UTF-8: Unicode 15, table 3-7. Returns bytes of the character at p,
 * or 0. */
static size_t
utf8_length(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);
	unsigned char low = 0x80, high = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (p[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool
http_utf8_is_valid(const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + length;

	while (p < end) {
		size_t n = utf8_length(p, end);

		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

/* U+0080-9F: as UTF-8, 0xC2 and a byte below 0xA0. */
static bool
has_c1_control(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i + 1 < length; i++)
		if ((uint8_t)text[i] == 0xc2 && (uint8_t)text[i + 1] < 0xa0)
			return true;
	return false;
}

static bool
has_backslash_at_dot(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (text[i] != '\\')
			continue;
		if (text[i - 1] == '.' ||
		    (i + 1 < length && text[i + 1] == '.'))
			return true;
	}
	return false;
}

/* Ends the open segment; `slash` says whether a separator ended it. */
static bool
close_segment(struct cook *cook, const struct http_url_limits *limits,
	      bool slash)
{
	const char *segment = cook->out + cook->segment;
	size_t length = cook->at - cook->segment;

	if (length == 0)
		return true;
	if (length == 1 && segment[0] == '.') {
		cook->at = cook->segment;
		return true;
	}
	if (length == 2 && segment[0] == '.' && segment[1] == '.') {
		if (cook->segments == 0)
			return false;
		cook->segments--;
		cook->at = cook->segment - 1;
		while (cook->out[cook->at - 1] != '/')
			cook->at--;
		cook->segment = cook->at;
		return true;
	}
	if (length > limits->segment_length ||
	    ++cook->segments > limits->segments)
		return false;
	if (slash)
		cook->out[cook->at++] = '/';
	cook->segment = cook->at;
	return true;
}

/* A byte of the path that is no separator. False if it may not be there. */
static bool
put_byte(struct cook *cook, uint8_t c)
{
	if (c < 0x20 || c == 0x7f)
		return false;
	if (c >= 0x80)
		cook->high = true;
	else if (c == '\\')
		cook->backslash = true;
	cook->out[cook->at++] = (char)c;
	return true;
}

/* "%41" at cook->p. */
static bool
put_encoded(struct cook *cook, const struct http_url_limits *limits)
{
	int high, low;
	uint8_t c;

	if (cook->end - cook->p < 3)
		return false;
	high = http_hex_value(cook->p[1]);
	low = http_hex_value(cook->p[2]);
	if (high < 0 || low < 0)
		return false;
	cook->p += 3;
	c = (uint8_t)(high << 4 | low);
	if (c == '/')
		return close_segment(cook, limits, true);
	return put_byte(cook, c);
}

/* Up to the '?' or the end. */
static bool
cook_path(struct cook *cook, const struct http_url_limits *limits)
{
	while (cook->p < cook->end) {
		char c = *cook->p;

		if (http_char_is(c, HTTP_CHAR_PATH)) {
			cook->out[cook->at++] = c;
			cook->p++;
		} else if (c == '/') {
			cook->p++;
			if (!close_segment(cook, limits, true))
				return false;
		} else if (c == '?') {
			break;
		} else if (c == '%') {
			if (!put_encoded(cook, limits))
				return false;
		} else {
			/* Raw spaces and '#' are no part of a target. */
			if (c == '#' || c == ' ' || !put_byte(cook, (uint8_t)c))
				return false;
			cook->p++;
		}
	}
	return close_segment(cook, limits, false);
}

static bool
check_query(const char *query, size_t length)
{
	const char *end = query + length;

	return http_scan_target(query, end) == end &&
	       (length == 0 || memchr(query, '#', length) == NULL);
}

enum http_reason
http_url_cook(const char *raw, size_t length, char *out,
	      const struct http_url_limits *limits, struct http_url *url_r)
{
	struct cook cook = { .p = raw, .end = raw + length, .out = out };

	if (length > HTTP_HEAD_BYTES_MAX)
		return HTTP_REASON_URL;
	out[0] = '/';
	cook.at = cook.segment = 1;
	if (length > 0 && raw[0] != '/' && raw[0] != '?')
		return HTTP_REASON_URL;
	if (!cook_path(&cook, limits))
		return HTTP_REASON_URL;
	if (cook.high &&
	    (!http_utf8_is_valid(out, cook.at) || has_c1_control(out, cook.at)))
		return HTTP_REASON_URL;
	if (cook.backslash && has_backslash_at_dot(out, cook.at))
		return HTTP_REASON_URL;
	url_r->path_length = (uint32_t)cook.at;
	url_r->has_query = cook.p < cook.end;
	if (url_r->has_query)
		cook.p++;
	url_r->query_offset = (uint32_t)(cook.p - raw);
	url_r->query_length = (uint32_t)(cook.end - cook.p);
	if (!check_query(cook.p, url_r->query_length))
		return HTTP_REASON_URL;
	return HTTP_REASON_NONE;
}
