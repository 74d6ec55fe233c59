/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers on struct portico_slice.  Slices borrow; nothing here allocates.
 * Case is folded in ASCII only, whatever the locale.
 */
#ifndef CORE_BASE_SLICE_H
#define CORE_BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <portico/types.h>

/* For printf: "%.*s", SLICE_ARGS(slice) */
#define SLICE_ARGS(slice) (int)(slice).length, (slice).data

static inline struct portico_slice
slice_make(const char *data, size_t length)
{
	return (struct portico_slice){ data, length };
}

/* A slice of a C string; NULL gives the empty slice. */
static inline struct portico_slice
slice_from(const char *text)
{
	return (struct portico_slice){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool
slice_empty(struct portico_slice slice)
{
	return slice.length == 0;
}

static inline bool
slice_equal(struct portico_slice a, struct portico_slice b)
{
	return a.length == b.length &&
	       (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline char
slice_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool slice_equal_nocase(struct portico_slice a, struct portico_slice b);

/* <0, 0, >0 by bytes, a prefix before the longer. */
int slice_compare(struct portico_slice a, struct portico_slice b);

static inline bool
slice_starts_with(struct portico_slice slice, struct portico_slice prefix)
{
	return slice.length >= prefix.length &&
	       (prefix.length == 0 ||
		memcmp(slice.data, prefix.data, prefix.length) == 0);
}

bool slice_starts_with_nocase(struct portico_slice slice,
			      struct portico_slice prefix);
bool slice_ends_with(struct portico_slice slice, struct portico_slice suffix);

/* Without its first `count` bytes; all of it gone if it is shorter. */
static inline struct portico_slice
slice_skip(struct portico_slice slice, size_t count)
{
	if (count > slice.length)
		count = slice.length;
	if (count == 0)
		return slice;
	return (struct portico_slice){ slice.data + count,
				       slice.length - count };
}

static inline struct portico_slice
slice_take(struct portico_slice slice, size_t count)
{
	if (count < slice.length)
		slice.length = count;
	return slice;
}

/* Without spaces and tabs at both ends. */
struct portico_slice slice_trim(struct portico_slice slice);

/* Index of the first `c`, or -1. */
static inline ptrdiff_t
slice_find_char(struct portico_slice slice, char c)
{
	const char *at =
		slice.length == 0 ? NULL : memchr(slice.data, c, slice.length);
	return at == NULL ? -1 : at - slice.data;
}

/* Index of the last `c`, or -1. */
ptrdiff_t slice_find_last_char(struct portico_slice slice, char c);

/* Index of the first `needle`, or -1; an empty needle is at 0. */
ptrdiff_t slice_find(struct portico_slice slice, struct portico_slice needle);

/*
 * Splits at the first `separator`: returns what is before it, leaves in
 * `*rest` what follows.  Without one returns everything and empties `*rest`.
 */
struct portico_slice slice_split(struct portico_slice *rest, char separator);

/*
 * Bytes of the control character that a C string begins with, 0: it is none.
 * That are 0x01 to 0x1f, 0x7f, and in UTF-8 U+0080 to U+009F, which terminals
 * obey as they do sequences of Escape.
 */
static inline size_t
slice_control(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	if ((c[0] != 0 && c[0] < 0x20) || c[0] == 0x7f)
		return 1;
	return c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

/*
 * Strict numbers: digits only, at least one, no sign, no blank, no overflow.
 * False leaves *value_r alone.
 */
bool slice_to_u64(struct portico_slice slice, uint64_t *value_r);
bool slice_to_u64_hex(struct portico_slice slice, uint64_t *value_r);

#endif
