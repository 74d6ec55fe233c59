/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of bodies under load: each is a function of a seed and of its
 * position, so that whoever reads a body can tell whether every byte is the
 * one that was asked for, and a body of another request is seen as such.
 *
 * Header only: the module (t/load/load.c) and the client share it.
 */
#ifndef T_LOAD_PATTERN_H
#define T_LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes of the body of `seed` (the finalizer of splitmix64). */
static inline uint64_t
pattern_word(uint64_t seed, uint64_t number)
{
	uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + number +
		     UINT64_C(0xd1b54a32d192ed03);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Bytes [offset, offset + length), in pieces that do not cross a word. */
static inline void
pattern_fill(char *data, size_t length, uint64_t seed, uint64_t offset)
{
	while (length > 0) {
		uint64_t word = pattern_word(seed, offset / 8);
		size_t skip = offset % 8;
		size_t piece = 8 - skip < length ? 8 - skip : length;

		memcpy(data, (const char *)&word + skip, piece);
		data += piece;
		offset += piece;
		length -= piece;
	}
}

static inline bool
pattern_is_right(const char *data, size_t length, uint64_t seed,
		 uint64_t offset)
{
	while (length > 0) {
		uint64_t word = pattern_word(seed, offset / 8);
		size_t skip = offset % 8;
		size_t piece = 8 - skip < length ? 8 - skip : length;

		if (memcmp(data, (const char *)&word + skip, piece) != 0)
			return false;
		data += piece;
		offset += piece;
		length -= piece;
	}
	return true;
}

#endif
