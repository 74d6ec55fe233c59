/* SPDX-License-Identifier: Apache-2.0
 *
 * What slice.h does not do inline.
 */
#include "core/base/slice.h"

static bool
equal_nocase(const char *a, const char *b, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (slice_lower(a[i]) != slice_lower(b[i]))
			return false;
	}
	return true;
}

bool
slice_equal_nocase(struct portico_slice a, struct portico_slice b)
{
	return a.length == b.length && equal_nocase(a.data, b.data, a.length);
}

int
slice_compare(struct portico_slice a, struct portico_slice b)
{
	size_t common = a.length < b.length ? a.length : b.length;
	int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

	if (order != 0 || a.length == b.length)
		return order;
	return a.length < b.length ? -1 : 1;
}

bool
slice_starts_with_nocase(struct portico_slice slice,
			 struct portico_slice prefix)
{
	return slice.length >= prefix.length &&
	       equal_nocase(slice.data, prefix.data, prefix.length);
}

bool
slice_ends_with(struct portico_slice slice, struct portico_slice suffix)
{
	if (slice.length < suffix.length)
		return false;
	return slice_equal(slice_skip(slice, slice.length - suffix.length),
			   suffix);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct portico_slice
slice_trim(struct portico_slice slice)
{
	while (slice.length > 0 && is_blank(slice.data[0])) {
		slice.data++;
		slice.length--;
	}
	while (slice.length > 0 && is_blank(slice.data[slice.length - 1]))
		slice.length--;
	return slice;
}

ptrdiff_t
slice_find_last_char(struct portico_slice slice, char c)
{
	const char *at =
		slice.length == 0 ? NULL : memrchr(slice.data, c, slice.length);

	return at == NULL ? -1 : at - slice.data;
}

ptrdiff_t
slice_find(struct portico_slice slice, struct portico_slice needle)
{
	const char *at;

	if (needle.length == 0)
		return 0;
	if (slice.length < needle.length)
		return -1;
	at = memmem(slice.data, slice.length, needle.data, needle.length);
	return at == NULL ? -1 : at - slice.data;
}

struct portico_slice
slice_split(struct portico_slice *rest, char separator)
{
	struct portico_slice all = *rest;
	ptrdiff_t at = slice_find_char(all, separator);

	if (at < 0) {
		*rest = slice_skip(all, all.length);
		return all;
	}
	*rest = slice_skip(all, (size_t)at + 1);
	return slice_take(all, (size_t)at);
}

bool
slice_to_u64(struct portico_slice slice, uint64_t *value_r)
{
	uint64_t value = 0;

	if (slice.length == 0)
		return false;
	for (size_t i = 0; i < slice.length; i++) {
		char c = slice.data[i];

		if (c < '0' || c > '9')
			return false;
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
			return false;
	}
	*value_r = value;
	return true;
}

/* -1 when `c` is no hexadecimal digit. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = slice_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
slice_to_u64_hex(struct portico_slice slice, uint64_t *value_r)
{
	uint64_t value = 0;

	if (slice.length == 0)
		return false;
	for (size_t i = 0; i < slice.length; i++) {
		int digit = hex_digit(slice.data[i]);

		if (digit < 0 || value >> 60 != 0)
			return false;
		value = value << 4 | (uint64_t)digit;
	}
	*value_r = value;
	return true;
}
