/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap.  All of Portico allocates here or in an arena (arena.h); nothing
 * outside core/base calls malloc() or free() itself.
 *
 * Two kinds: the plain functions never return NULL and end the process with a
 * message when the heap is exhausted, so they are for small sizes known to the
 * program; the `try` functions may return NULL and are for every size that a
 * peer or a configuration chooses, after it was checked against a limit.
 *
 * Any thread may call any of these.
 */
#ifndef CORE_BASE_MEMORY_H
#define CORE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* OWNERSHIP: the result belongs to the caller, to be ended by mem_free(). */
void *mem_alloc(size_t size)
	__attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_zalloc(size_t size)
	__attribute__((malloc, returns_nonnull, alloc_size(1)));

/* Array of `count` zeroed elements; a product that overflows ends the process. */
void *mem_zalloc_array(size_t count, size_t size)
	__attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/* OWNERSHIP: takes `old` (may be NULL), the result belongs to the caller. */
void *mem_realloc(void *old, size_t size)
	__attribute__((returns_nonnull, alloc_size(2)));

char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
void *mem_dup(const void *data, size_t length)
	__attribute__((malloc, returns_nonnull));

/* As above, but NULL when there is no room; `old` then stays as it was. */
void *mem_try_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *mem_try_zalloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *mem_try_realloc(void *old, size_t size) __attribute__((alloc_size(2)));

/* Alignment is a power of two; NULL when there is no room. */
void *mem_try_alloc_aligned(size_t alignment, size_t size)
	__attribute__((malloc, alloc_size(2)));

/* Accepts NULL. */
void mem_free(void *memory);

/* Frees and clears the owner's pointer. */
#define MEM_FREE(pointer)                                                      \
	do {                                                                   \
		mem_free(pointer);                                             \
		(pointer) = NULL;                                              \
	} while (0)

/* What the heap keeps for later goes back to the system.  It takes the heap's
 * locks and looks at all that is free: for the end of a burst. */
void mem_trim(void);

/*
 * For tests: the `countdown`-th `try` allocation from now fails (1 = the next
 * one), once.  0 switches it off.  mem_fault_hit() says whether it happened,
 * so that a test knows when it has tried every allocation.
 */
void mem_fault_set(unsigned countdown);
/* To be asked by what else takes memory: whether this attempt is the one. */
bool mem_fault_now(void);
bool mem_fault_hit(void);

#endif
