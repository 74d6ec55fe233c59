/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations and sizes as people write them.
 */
#include "core/config/config.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/slice.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: the first that divides is the shortest text. */
static const struct unit duration_units[] = {
	{ "d", 86400 * CLOCK_NS_PER_S },
	{ "h", 3600 * CLOCK_NS_PER_S },
	{ "m", 60 * CLOCK_NS_PER_S },
	{ "s", CLOCK_NS_PER_S },
	{ "ms", CLOCK_NS_PER_MS },
	{ "us", CLOCK_NS_PER_US },
	{ "ns", 1 },
};

static const struct unit size_units[] = {
	{ "TiB", UINT64_C(1) << 40 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "B", 1 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes leading digits off `text`. */
static struct portico_slice
take_digits(struct portico_slice *text)
{
	size_t n = 0;
	struct portico_slice digits;

	while (n < text->length && is_digit(text->data[n]))
		n++;
	digits = slice_take(*text, n);
	*text = slice_skip(*text, n);
	return digits;
}

/* Takes leading letters off `text`; the unit's factor, 0 if there is none. */
static uint64_t
take_unit(struct portico_slice *text, const struct unit *units, size_t count)
{
	size_t n = 0;
	struct portico_slice name;

	while (n < text->length && !is_digit(text->data[n]))
		n++;
	name = slice_take(*text, n);
	*text = slice_skip(*text, n);
	for (size_t i = 0; i < count; i++) {
		if (slice_equal(name, slice_from(units[i].name)))
			return units[i].factor;
	}
	return 0;
}

/* 0.ddd of a factor, exact; false when it is no whole number. */
static bool
fraction_of(struct portico_slice digits, uint64_t factor, uint64_t *part_r)
{
	uint64_t divisor = 1, number = 0;

	if (digits.length == 0 || digits.length > 9)
		return false;
	slice_to_u64(digits, &number);
	for (size_t i = 0; i < digits.length; i++)
		divisor *= 10;
	/* factor < 2^57 and number < 10^9: the product needs 128 bits. */
	*part_r = (uint64_t)((unsigned __int128)number * factor / divisor);
	return (unsigned __int128)number * factor % divisor == 0;
}

/* One "12.5unit" off `text`, added to `*total`. */
static bool
take_part(struct portico_slice *text, const struct unit *units, size_t count,
	  uint64_t *total)
{
	struct portico_slice whole = take_digits(text);
	struct portico_slice digits = { NULL, 0 };
	uint64_t number, factor, part = 0;

	if (!slice_to_u64(whole, &number))
		return false;
	if (text->length > 0 && text->data[0] == '.') {
		*text = slice_skip(*text, 1);
		digits = take_digits(text);
		if (digits.length == 0)
			return false;
	}
	factor = take_unit(text, units, count);
	if (factor == 0)
		return false;
	if (digits.length > 0 && !fraction_of(digits, factor, &part))
		return false;
	return !__builtin_mul_overflow(number, factor, &number) &&
	       !__builtin_add_overflow(*total, number, total) &&
	       !__builtin_add_overflow(*total, part, total) &&
	       *total <= INT64_MAX;
}

bool
config_parse_duration(struct portico_slice text, uint64_t *ns_r)
{
	uint64_t total = 0;

	if (slice_equal(text, PORTICO_SLICE("0"))) {
		*ns_r = 0;
		return true;
	}
	do {
		if (!take_part(&text, duration_units, COUNT(duration_units),
			       &total))
			return false;
	} while (text.length > 0);
	*ns_r = total;
	return true;
}

bool
config_parse_size(struct portico_slice text, uint64_t *bytes_r)
{
	uint64_t total = 0;

	if (slice_to_u64(text, &total)) {
		if (total > INT64_MAX)
			return false;
		*bytes_r = total;
		return true;
	}
	total = 0;
	if (!take_part(&text, size_units, COUNT(size_units), &total) ||
	    text.length > 0)
		return false;
	*bytes_r = total;
	return true;
}

static const char *
format(uint64_t number, const struct unit *units, size_t count, char *text,
       size_t size)
{
	for (size_t i = 0; i < count; i++) {
		if (number % units[i].factor == 0) {
			snprintf(text, size, "%" PRIu64 "%s",
				 number / units[i].factor, units[i].name);
			return text;
		}
	}
	UNREACHABLE();
}

const char *
config_format_duration(uint64_t ns, char *text, size_t size)
{
	if (ns == 0) {
		snprintf(text, size, "0");
		return text;
	}
	return format(ns, duration_units, COUNT(duration_units), text, size);
}

const char *
config_format_size(uint64_t bytes, char *text, size_t size)
{
	if (bytes == 0) {
		snprintf(text, size, "0");
		return text;
	}
	return format(bytes, size_units, COUNT(size_units), text, size);
}
