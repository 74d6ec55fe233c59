/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_text.h.
 */
#include "core/listener/log_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/http/url.h"

void
log_text_raw(struct log_text *text, const char *data, size_t length)
{
	if (length > (size_t)(text->end - text->at))
		length = (size_t)(text->end - text->at);
	memcpy(text->at, data, length);
	text->at += length;
}

void
log_text_value(struct log_text *text, struct portico_slice value, size_t most)
{
	size_t room = (size_t)(text->end - text->at);

	if (value.length == 0) {
		log_text_raw(text, "-", 1);
		return;
	}
	if (value.length > most)
		value.length = most;
	if (value.length > room)
		value.length = room;
	for (size_t i = 0; i < value.length; i++) {
		unsigned char c = (unsigned char)value.data[i];

		text->at[i] =
			(char)(c > 0x20 && c < 0x7f && c != '"' ? c : '+');
	}
	text->at += value.length;
}

/* The character at `p` in UTF-8, or its first byte; *length_r bytes. */
static uint32_t
next_character(const unsigned char *p, size_t rest, size_t *length_r)
{
	size_t length = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	*length_r = 1;
	if (length == 1 || length > rest ||
	    !http_utf8_is_valid((const char *)p, length))
		return p[0];
	c = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++)
		c = c << 6 | (p[i] & 0x3f);
	*length_r = length;
	return c;
}

static size_t
escape_unit(char *out, uint32_t unit)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'u';
	for (int i = 0; i < 4; i++)
		out[2 + i] = digits[unit >> (12 - 4 * i) & 15];
	return 6;
}

/* At most 12 bytes. */
static size_t
escape(char *out, uint32_t c)
{
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x10000)
		return escape_unit(out, c);
	c -= 0x10000;
	return escape_unit(out, 0xd800 | c >> 10) +
	       escape_unit(out + 6, 0xdc00 | (c & 0x3ff));
}

void
log_text_json(struct log_text *text, struct portico_slice value, size_t most)
{
	const unsigned char *p = (const unsigned char *)value.data;
	size_t rest = value.length < most ? value.length : most;

	*text->at++ = '"';
	while (rest > 0) {
		char out[12];
		size_t length;
		size_t count = escape(out, next_character(p, rest, &length));

		if ((size_t)(text->end - text->at) < count + 1)
			break;
		memcpy(text->at, out, count);
		text->at += count;
		p += length;
		rest -= length;
	}
	*text->at++ = '"';
}

void
log_text_number(struct log_text *text, uint64_t value)
{
	char digits[20];
	size_t count = 0;

	do {
		digits[sizeof(digits) - ++count] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	log_text_raw(text, digits + sizeof(digits) - count, count);
}

void
log_clock_set(struct log_clock *clock, int64_t second)
{
	time_t when = (time_t)second;
	struct tm tm;

	if (clock->second == second && second != 0)
		return;
	clock->second = second;
	gmtime_r(&when, &tm);
	strftime(clock->date, sizeof(clock->date), "%Y-%m-%d", &tm);
	strftime(clock->time, sizeof(clock->time), "%H:%M:%S", &tm);
}
