/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas: memory by lifetime.  What is allocated from an arena is never freed
 * alone; it ends with the arena's reset or free, after the clean-up functions
 * ran in reverse order of their registration.  Children end before parents.
 *
 * An arena belongs to one thread at a time.  Each has a name (a string that
 * outlives the process' use of it, normally a literal); counters are kept per
 * name and may be read from any thread.
 *
 * With --enable-pool-debug each allocation is its own malloc() and reset
 * frees it, so that AddressSanitizer sees every stale pointer.
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

struct arena;

/* Every allocation is aligned to this unless its name says otherwise. */
#define ARENA_ALIGNMENT 16

/*
 * `first_block` bytes are usable without another allocation and are kept by
 * arena_reset(); 0 means a sensible size.
 * OWNERSHIP: the caller's, to be ended by arena_free().
 */
struct arena *arena_new(const char *name, size_t first_block)
	__attribute__((returns_nonnull));

/* The child is freed with its parent (or its reset) or by its own arena_free.
 * OWNERSHIP: the parent's. */
struct arena *arena_new_child(struct arena *parent, const char *name,
			      size_t first_block)
	__attribute__((returns_nonnull));

/* Clean-ups and children in reverse order, then the memory.  Accepts NULL. */
void arena_free(struct arena *arena);

/* As arena_free(), but keeps the arena and its first block: no malloc and no
 * free happens in the usual case.  Clears the overflow mark. */
void arena_reset(struct arena *arena);

#define ARENA_FREE(arena)                                                      \
	do {                                                                   \
		arena_free(arena);                                             \
		(arena) = NULL;                                                \
	} while (0)

/* For small sizes known to the program: never NULL, not held to the limit.
 * OWNERSHIP: the arena's, as of everything below. */
void *arena_alloc(struct arena *arena, size_t size)
	__attribute__((returns_nonnull, alloc_size(2)));
void *arena_zalloc(struct arena *arena, size_t size)
	__attribute__((returns_nonnull, alloc_size(2)));

/*
 * For sizes that a peer or a configuration chooses.  NULL when the arena's
 * limit would be passed or the heap is exhausted; the arena then carries the
 * overflow mark until its reset.
 */
void *arena_try_alloc(struct arena *arena, size_t size)
	__attribute__((alloc_size(2)));

/* Most bytes that the arena may hold; SIZE_MAX at first. */
void arena_set_limit(struct arena *arena, size_t bytes);
bool arena_overflowed(const struct arena *arena);

/* Bytes handed out since the last reset, rounding included. */
size_t arena_used(const struct arena *arena);
const char *arena_name(const struct arena *arena);

/* Copies; strings and arena_memdup_string results are NUL-terminated.
 * Not aligned, not held to the limit. */
char *arena_strdup(struct arena *arena, const char *text)
	__attribute__((returns_nonnull));
char *arena_strndup(struct arena *arena, const char *data, size_t length)
	__attribute__((returns_nonnull));
/* Copy of a slice, NUL-terminated after its length. */
struct portico_slice arena_slice_dup(struct arena *arena,
				     struct portico_slice slice);
/* Aligned copy of `length` bytes. */
void *arena_memdup(struct arena *arena, const void *data, size_t length)
	__attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((returns_nonnull, format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
	__attribute__((returns_nonnull, format(printf, 2, 0)));

/* Clean-up on reset or free.  It may not allocate from the arena. */
typedef void arena_cleanup_fn(void *arg);
void arena_on_free(struct arena *arena, arena_cleanup_fn *cleanup, void *arg);

/* Forgets a clean-up registered with the same function and argument; false if
 * there was none. */
bool arena_cancel(struct arena *arena, arena_cleanup_fn *cleanup, void *arg);

/* Live counters of one arena name. */
struct arena_stats {
	const char *name;
	uint64_t live; /* arenas that exist */
	uint64_t created; /* since the process began */
	uint64_t bytes; /* held from the heap now */
};

/* Calls `visit` for every name used so far; any thread. */
typedef void arena_stats_fn(const struct arena_stats *stats, void *arg);
void arena_visit_stats(arena_stats_fn *visit, void *arg);

#endif
