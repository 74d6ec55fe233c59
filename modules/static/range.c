/* SPDX-License-Identifier: Apache-2.0
 *
 * The Range field (RFC 9110 section 14.2): byte ranges of a known size.
 *
 * What is not understood is ignored, as the RFC permits; so are requests that
 * would make the answer larger than the whole: too many ranges, or ranges
 * that overlap so that bytes would be sent twice (CVE-2011-3192's shape).
 */
#include <string.h>
#include <strings.h>

#include "modules/static/static_priv.h"

struct scanner {
	const char *at, *end;
};

static void
skip_white(struct scanner *scanner)
{
	while (scanner->at < scanner->end &&
	       (*scanner->at == ' ' || *scanner->at == '\t'))
		scanner->at++;
}

/* Digits; a number too large for uint64_t counts as the largest. */
static bool
scan_number(struct scanner *scanner, uint64_t *number_r)
{
	const char *start = scanner->at;
	uint64_t number = 0;

	for (; scanner->at < scanner->end; scanner->at++) {
		unsigned digit = (unsigned char)*scanner->at - '0';

		if (digit > 9)
			break;
		if (number > (UINT64_MAX - digit) / 10)
			number = UINT64_MAX;
		else
			number = number * 10 + digit;
	}
	*number_r = number;
	return scanner->at > start;
}

/* One range-spec.  False: syntax error.  A range that cannot be satisfied is
 * told by length 0. */
static bool
scan_range(struct scanner *scanner, uint64_t size, struct static_range *range_r)
{
	uint64_t first, last;
	bool has_first = scan_number(scanner, &first);

	if (scanner->at >= scanner->end || *scanner->at++ != '-')
		return false;
	*range_r = (struct static_range){ 0, 0 };
	if (!scan_number(scanner, &last)) {
		if (!has_first)
			return false;
		last = UINT64_MAX;
	} else if (!has_first) { /* the last `last` bytes */
		/* Of none that is all of it, for which there is no range. */
		if (last > 0 && size == 0)
			return false;
		if (last > size)
			last = size;
		*range_r = (struct static_range){ size - last, last };
		return true;
	} else if (last < first) {
		return false;
	}
	if (first >= size)
		return true;
	if (last >= size)
		last = size - 1;
	*range_r = (struct static_range){ first, last - first + 1 };
	return true;
}

static bool
ranges_overlap(const struct static_range *ranges, int count)
{
	for (int i = 0; i < count; i++) {
		for (int j = 0; j < i; j++) {
			const struct static_range *a = &ranges[i];
			const struct static_range *b = &ranges[j];

			if (a->offset < b->offset + b->length &&
			    b->offset < a->offset + a->length)
				return true;
		}
	}
	return false;
}

int
static_range_parse(struct portico_slice field, uint64_t size,
		   struct static_range ranges_r[STATIC_RANGES_MAX])
{
	struct scanner scanner = { field.data, field.data + field.length };
	int count = 0, seen = 0;

	if (field.length < 6 || strncasecmp(field.data, "bytes=", 6) != 0)
		return 0;
	scanner.at += 6;
	for (;;) {
		struct static_range range;

		skip_white(&scanner);
		if (scanner.at < scanner.end && *scanner.at == ',') {
			scanner.at++; /* empty list element */
			continue;
		}
		if (scanner.at == scanner.end)
			break;
		if (!scan_range(&scanner, size, &range))
			return 0;
		skip_white(&scanner);
		if (scanner.at < scanner.end && *scanner.at != ',')
			return 0;
		if (++seen > STATIC_RANGES_MAX)
			return 0;
		if (range.length > 0)
			ranges_r[count++] = range;
	}
	if (seen == 0)
		return 0;
	if (count == 0)
		return -1;
	return ranges_overlap(ranges_r, count) ? 0 : count;
}
