/* SPDX-License-Identifier: Apache-2.0
 *
 * Character classes of RFC 9110 section 5.6 as one table, and the scanners
 * that run over targets and field values 16 bytes at a time.
 */
#ifndef CORE_HTTP_CHARS_H
#define CORE_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define HTTP_CHAR_TOKEN 0x01 /* tchar */
#define HTTP_CHAR_VALUE 0x02 /* field-vchar, SP, HTAB, obs-text */
#define HTTP_CHAR_TARGET 0x04 /* above SP, not DEL */
#define HTTP_CHAR_DIGIT 0x08
#define HTTP_CHAR_HEX 0x10
#define HTTP_CHAR_HOST 0x20 /* letters, digits, '-', '_', '.' */
#define HTTP_CHAR_PATH                                                         \
	0x40 /* what the URL cooker passes through: TARGET
			       without % / ? # \ and bytes from 0x80 on */

extern const uint8_t http_chars[256];

static inline bool
http_char_is(char c, unsigned class)
{
	return (http_chars[(uint8_t)c] & class) != 0;
}

static inline bool
http_is_token(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!http_char_is(text[i], HTTP_CHAR_TOKEN))
			return false;
	return length > 0;
}

/* ASCII only, whatever the locale. `lower` is in lower case. */
static inline bool
http_equal_nocase(const char *text, size_t length, const char *lower,
		  size_t lower_length)
{
	size_t i;

	if (length != lower_length)
		return false;
	for (i = 0; i < length; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (c != lower[i])
			return false;
	}
	return true;
}

/* Both sides in any case. */
static inline bool
http_equal_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t i;

	if (a_length != b_length)
		return false;
	for (i = 0; i < a_length; i++) {
		char x = a[i], y = b[i];

		if (x >= 'A' && x <= 'Z')
			x = (char)(x | 0x20);
		if (y >= 'A' && y <= 'Z')
			y = (char)(y | 0x20);
		if (x != y)
			return false;
	}
	return true;
}

/* The value of a hexadecimal digit, or -1. */
static inline int
http_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The first byte not of the class, or `end`. */
static inline const char *
http_scan_plain(const char *p, const char *end, unsigned class)
{
	while (p < end && http_char_is(*p, class))
		p++;
	return p;
}

#if defined(__SSE2__)
/* Bit i is set when byte i may not stand in a field value. */
static inline unsigned
http_bad_value_bits(__m128i x)
{
	const __m128i last = _mm_set1_epi8(0x1f);
	__m128i control = _mm_cmpeq_epi8(_mm_max_epu8(x, last), last);
	__m128i tab = _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'));
	__m128i del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(
		_mm_or_si128(_mm_andnot_si128(tab, control), del));
}

static inline unsigned
http_bad_target_bits(__m128i x)
{
	const __m128i last = _mm_set1_epi8(0x20);
	__m128i control = _mm_cmpeq_epi8(_mm_max_epu8(x, last), last);
	__m128i del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, del));
}
#endif

/* The first byte that may not stand in a field value, or `end`. */
static inline const char *
http_scan_value(const char *p, const char *end)
{
#if defined(__SSE2__)
	while (end - p >= 16) {
		unsigned bits = http_bad_value_bits(
			_mm_loadu_si128((const __m128i *)(const void *)p));

		if (bits != 0)
			return p + __builtin_ctz(bits);
		p += 16;
	}
#endif
	return http_scan_plain(p, end, HTTP_CHAR_VALUE);
}

/* The first byte that may not stand in a request target, or `end`. */
static inline const char *
http_scan_target(const char *p, const char *end)
{
#if defined(__SSE2__)
	while (end - p >= 16) {
		unsigned bits = http_bad_target_bits(
			_mm_loadu_si128((const __m128i *)(const void *)p));

		if (bits != 0)
			return p + __builtin_ctz(bits);
		p += 16;
	}
#endif
	return http_scan_plain(p, end, HTTP_CHAR_TARGET);
}

/* The first ':' among the next 48 bytes at most, or NULL when it is not
 * there or too near to `end` to be looked for in steps of 16. */
static inline const char *
http_scan_colon(const char *p, const char *end)
{
#if defined(__SSE2__)
	const __m128i colon = _mm_set1_epi8(':');
	int i;

	for (i = 0; i < 3 && end - p >= 16; i++, p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned bits =
			(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, colon));

		if (bits != 0)
			return p + __builtin_ctz(bits);
	}
#else
	(void)p;
	(void)end;
#endif
	return NULL;
}

#endif
