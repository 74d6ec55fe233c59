/* SPDX-License-Identifier: Apache-2.0
 *
 * Look-up of header names: one multiplication, one table, one comparison.
 */
#include "core/http/header_id.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Name in canonical and lower case, and 0x20 wherever it has a letter: OR-ing
 * that into a candidate folds its case at letters and nowhere else. */
struct header_entry {
	uint8_t length;
	char name[40];
	char lower[40];
	char mask[40];
};

#include "core/http/header_id_table.h"

_Static_assert(HEADER_TABLE_COUNT == HTTP_HEADER_COUNT,
	       "run header_id_gen.pl: the list has changed");
_Static_assert(HEADER_TABLE_WIDTH == 40, "struct header_entry");

static inline uint64_t
load8(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline uint32_t
load4(const char *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static inline bool
entry_matches(const struct header_entry *entry, const char *name, size_t n)
{
	size_t i;

	if (n >= 8) {
		for (i = 0; i + 8 < n; i += 8)
			if ((load8(name + i) | load8(entry->mask + i)) !=
			    load8(entry->lower + i))
				return false;
		i = n - 8;
		return (load8(name + i) | load8(entry->mask + i)) ==
		       load8(entry->lower + i);
	}
	if (n >= 4) {
		i = n - 4;
		return (load4(name) | load4(entry->mask)) ==
			       load4(entry->lower) &&
		       (load4(name + i) | load4(entry->mask + i)) ==
			       load4(entry->lower + i);
	}
	for (i = 0; i < n; i++)
		if ((name[i] | entry->mask[i]) != entry->lower[i])
			return false;
	return true;
}

/* As in header_id_gen.pl. `n` is not 0. */
static inline uint32_t
hash(const char *name, size_t n)
{
	uint32_t key = (uint32_t)n << 24;

	key ^= (uint32_t)((uint8_t)name[0] | 0x20);
	key ^= (uint32_t)((uint8_t)name[n >> 1] | 0x20) << 8;
	key ^= (uint32_t)((uint8_t)name[n - 1] | 0x20) << 16;
	key ^= (uint32_t)((uint8_t)name[(n * 3) >> 2] | 0x20) << 20;
	return (key * HEADER_TABLE_MULTIPLIER) >> (32 - HEADER_TABLE_BITS);
}

enum http_header_id
http_header_find(const char *name, size_t length)
{
	const struct header_entry *entry;
	unsigned id;

	if (length == 0 || length > HEADER_TABLE_WIDTH)
		return HTTP_HEADER_UNKNOWN;
	id = header_slots[hash(name, length)];
	entry = &header_entries[id];
	if (entry->length != length || !entry_matches(entry, name, length))
		return HTTP_HEADER_UNKNOWN;
	return (enum http_header_id)id;
}

const char *
http_header_name(enum http_header_id id)
{
	return (unsigned)id < HTTP_HEADER_COUNT ? header_entries[id].name : "";
}

size_t
http_header_name_length(enum http_header_id id)
{
	return (unsigned)id < HTTP_HEADER_COUNT ? header_entries[id].length : 0;
}
