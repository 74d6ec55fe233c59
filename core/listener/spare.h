/* SPDX-License-Identifier: Apache-2.0
 *
 * Free lists of equal pieces, singly linked through their first bytes.  A
 * burst's pieces are kept for a few seconds, not for ever: what no one took
 * between two trims goes back to the heap.
 */
#ifndef CORE_LISTENER_SPARE_H
#define CORE_LISTENER_SPARE_H

#include <stdbool.h>
#include <string.h>

#include "core/base/memory.h"

struct spare {
	void *first;
	unsigned count;
	unsigned least; /* of `count` since the last trim */
};

/* NULL: there is none. */
static inline void *
spare_take(struct spare *spare)
{
	void *piece = spare->first;

	if (piece == NULL)
		return NULL;
	memcpy(&spare->first, piece, sizeof(void *));
	spare->count--;
	if (spare->count < spare->least)
		spare->least = spare->count;
	return piece;
}

/* OWNERSHIP: takes the piece, which may be freed at once. */
static inline void
spare_give(struct spare *spare, void *piece, unsigned most)
{
	if (spare->count >= most) {
		mem_free(piece);
		return;
	}
	memcpy(piece, &spare->first, sizeof(void *));
	spare->first = piece;
	spare->count++;
}

/* Frees what was not needed since the last call, but for `keep` pieces.
 * Returns how many that were. */
static inline unsigned
spare_trim(struct spare *spare, unsigned keep)
{
	unsigned idle = spare->least;
	unsigned freed = 0;

	while (freed < idle && spare->count > keep) {
		mem_free(spare_take(spare));
		freed++;
	}
	spare->least = spare->count;
	return freed;
}

#endif
