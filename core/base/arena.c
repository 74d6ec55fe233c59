/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas: a chain of blocks, newest first, bump allocation in the newest.
 *
 * The first block lies right behind the struct, in the same heap piece, so a
 * new arena costs one malloc and a reset none.  Later blocks double in size up
 * to BLOCK_MAX; what is larger than a quarter of the next block gets a block
 * of its own behind the current one, which stays in use.
 *
 * Clean-ups are records in the arena itself; a child is a clean-up of its
 * parent, so one list gives the reverse order of everything.
 */
#include "core/base/arena.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"

#define ARENA_MAGIC 0x4a7e0001u

#define FIRST_BLOCK_DEFAULT 1024 /* bytes */
#define BLOCK_MIN 4096 /* bytes, of the second block */
#define BLOCK_MAX 65536 /* bytes; larger requests get their own */

#ifdef PORTICO_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

#ifdef PORTICO_POOL_DEBUG
#define POOL_DEBUG true
#else
#define POOL_DEBUG false
#endif

struct block {
	struct block *older;
	size_t size; /* usable bytes that follow */
} __attribute__((aligned(ARENA_ALIGNMENT)));

struct cleanup {
	struct cleanup *earlier;
	arena_cleanup_fn *function;
	void *arg;
};

/* One per name, never freed; found by walking, since names are few. */
struct counters {
	struct counters *next;
	const char *name;
	atomic_uint_least64_t live, created, bytes;
};

struct arena {
	unsigned magic;
	bool overflowed;
	char *at, *end; /* free bytes of the block in use */
	struct block *blocks; /* beyond the first, newest first */
	struct cleanup *cleanups; /* newest first */
	struct arena *parent; /* NULL for a root */
	struct counters *counters;
	size_t used; /* bytes handed out */
	size_t held; /* bytes of all blocks, the first included */
	size_t limit; /* of `held` */
	size_t first_size;
	size_t next_size; /* of the next block */
} __attribute__((aligned(ARENA_ALIGNMENT)));

static _Atomic(struct counters *) all_counters;

static size_t
round_up(size_t size, size_t alignment)
{
	return (size + alignment - 1) & ~(alignment - 1);
}

static char *
first_block(struct arena *arena)
{
	return (char *)(arena + 1);
}

static struct counters *
counters_get(const char *name)
{
	struct counters *newest = atomic_load(&all_counters);
	struct counters *made;

	for (struct counters *c = newest; c != NULL; c = c->next) {
		if (c->name == name || strcmp(c->name, name) == 0)
			return c;
	}
	made = mem_zalloc(sizeof *made);
	made->name = mem_strdup(name);
	made->next = newest;
	/* Lost race: two records of one name, which the visitor adds up. */
	while (!atomic_compare_exchange_weak(&all_counters, &made->next, made))
		continue;
	return made;
}

static void
count_bytes(struct arena *arena, size_t bytes)
{
	atomic_fetch_add_explicit(&arena->counters->bytes, bytes,
				  memory_order_relaxed);
}

static void
uncount_bytes(struct arena *arena, size_t bytes)
{
	atomic_fetch_sub_explicit(&arena->counters->bytes, bytes,
				  memory_order_relaxed);
}

struct arena *
arena_new(const char *name, size_t first_size)
{
	struct arena *arena;

	first_size = first_size == 0 ? FIRST_BLOCK_DEFAULT :
				       round_up(first_size, ARENA_ALIGNMENT);
	if (POOL_DEBUG)
		first_size = 0;
	arena = mem_alloc(sizeof *arena + first_size);
	*arena = (struct arena){
		.magic = ARENA_MAGIC,
		.counters = counters_get(name),
		.held = first_size,
		.limit = SIZE_MAX,
		.first_size = first_size,
		.next_size = BLOCK_MIN,
	};
	arena->at = first_block(arena);
	arena->end = arena->at + first_size;
	ASAN_POISON_MEMORY_REGION(arena->at, first_size);
	atomic_fetch_add_explicit(&arena->counters->live, 1,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&arena->counters->created, 1,
				  memory_order_relaxed);
	count_bytes(arena, first_size);
	return arena;
}

static void
free_child(void *arg)
{
	struct arena *child = arg;

	child->parent = NULL;
	arena_free(child);
}

struct arena *
arena_new_child(struct arena *parent, const char *name, size_t first_size)
{
	struct arena *child;

	CHECK(parent, ARENA_MAGIC);
	child = arena_new(name, first_size);
	child->parent = parent;
	arena_on_free(parent, free_child, child);
	return child;
}

/* Everything but the first block. */
static void
release(struct arena *arena)
{
	while (arena->cleanups != NULL) {
		struct cleanup *cleanup = arena->cleanups;

		arena->cleanups = cleanup->earlier;
		cleanup->function(cleanup->arg);
	}
	while (arena->blocks != NULL) {
		struct block *block = arena->blocks;

		arena->blocks = block->older;
		uncount_bytes(arena, block->size);
		mem_free(block);
	}
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	CHECK(arena, ARENA_MAGIC);
	if (arena->parent != NULL) {
		arena_cancel(arena->parent, free_child, arena);
		arena->parent = NULL;
	}
	release(arena);
	uncount_bytes(arena, arena->first_size);
	atomic_fetch_sub_explicit(&arena->counters->live, 1,
				  memory_order_relaxed);
	ASAN_UNPOISON_MEMORY_REGION(first_block(arena), arena->first_size);
	arena->magic = 0;
	mem_free(arena);
}

void
arena_reset(struct arena *arena)
{
	CHECK(arena, ARENA_MAGIC);
	release(arena);
	arena->at = first_block(arena);
	arena->end = arena->at + arena->first_size;
	arena->used = 0;
	arena->held = arena->first_size;
	arena->next_size = BLOCK_MIN;
	arena->overflowed = false;
	ASAN_POISON_MEMORY_REGION(arena->at, arena->first_size);
}

/* Whether an allocation may fail: within the limit, or else a panic. */
enum need {
	NEED_MUST,
	NEED_TRY
};

/* A block whose `size` bytes are usable; NULL when the heap refuses. */
static struct block *
add_block(struct arena *arena, size_t size, enum need need)
{
	struct block *block;

	if (size > SIZE_MAX - sizeof *block)
		return NULL;
	block = need == NEED_MUST ? mem_alloc(sizeof *block + size) :
				    mem_try_alloc(sizeof *block + size);
	if (block == NULL)
		return NULL;
	block->size = size;
	block->older = arena->blocks;
	arena->blocks = block;
	arena->held += size;
	count_bytes(arena, size);
	return block;
}

/* Slow path: the block in use has no room for `size` bytes. */
static void *
alloc_in_new_block(struct arena *arena, size_t size, enum need need)
{
	size_t limit = need == NEED_MUST ? SIZE_MAX : arena->limit;
	struct block *block;
	size_t block_size = arena->next_size;
	char *start;

	if (POOL_DEBUG || size > block_size / 4)
		block_size = size;
	if (arena->held > limit || block_size > limit - arena->held) {
		/* The doubled block is a comfort, the request is not. */
		block_size = size;
		if (arena->held > limit || size > limit - arena->held)
			return NULL;
	}
	block = add_block(arena, block_size, need);
	if (block == NULL)
		return NULL;
	start = (char *)(block + 1);
	arena->used += size;
	if (block_size == size)
		return start;
	arena->at = start + size;
	arena->end = start + block_size;
	ASAN_POISON_MEMORY_REGION(arena->at, block_size - size);
	if (arena->next_size < BLOCK_MAX)
		arena->next_size *= 2;
	return start;
}

/* Starts at a multiple of `alignment` (a power of two up to ARENA_ALIGNMENT);
 * NULL when it cannot be had. */
static void *
alloc_aligned(struct arena *arena, size_t size, size_t alignment,
	      enum need need)
{
	size_t skip = -(uintptr_t)arena->at & (alignment - 1);
	size_t room = (size_t)(arena->end - arena->at);
	char *start;

	/* Two results never have one address. */
	if (size == 0)
		size = 1;
	if (room < skip || room - skip < size)
		return alloc_in_new_block(arena, size, need);
	start = arena->at + skip;
	arena->at = start + size;
	arena->used += skip + size;
	ASAN_UNPOISON_MEMORY_REGION(start, size);
	return start;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *memory;

	CHECK(arena, ARENA_MAGIC);
	memory = alloc_aligned(arena, size, ARENA_ALIGNMENT, NEED_MUST);
	if (memory == NULL)
		check_panic("out of memory: arena %s, %zu bytes",
			    arena->counters->name, size);
	return memory;
}

void *
arena_zalloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

void *
arena_try_alloc(struct arena *arena, size_t size)
{
	void *memory;

	CHECK(arena, ARENA_MAGIC);
	memory = alloc_aligned(arena, size, ARENA_ALIGNMENT, NEED_TRY);
	if (memory == NULL)
		arena->overflowed = true;
	return memory;
}

void
arena_set_limit(struct arena *arena, size_t bytes)
{
	CHECK(arena, ARENA_MAGIC);
	arena->limit = bytes;
}

bool
arena_overflowed(const struct arena *arena)
{
	CHECK(arena, ARENA_MAGIC);
	return arena->overflowed;
}

size_t
arena_used(const struct arena *arena)
{
	CHECK(arena, ARENA_MAGIC);
	return arena->used;
}

const char *
arena_name(const struct arena *arena)
{
	CHECK(arena, ARENA_MAGIC);
	return arena->counters->name;
}

char *
arena_strndup(struct arena *arena, const char *data, size_t length)
{
	char *copy;

	CHECK(arena, ARENA_MAGIC);
	copy = alloc_aligned(arena, length + 1, 1, NEED_MUST);
	if (copy == NULL)
		check_panic("out of memory: arena %s, %zu bytes",
			    arena->counters->name, length);
	if (length > 0)
		memcpy(copy, data, length);
	copy[length] = '\0';
	return copy;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

struct portico_slice
arena_slice_dup(struct arena *arena, struct portico_slice slice)
{
	slice.data = arena_strndup(arena, slice.data, slice.length);
	return slice;
}

void *
arena_memdup(struct arena *arena, const void *data, size_t length)
{
	void *copy = arena_alloc(arena, length);

	if (length > 0)
		memcpy(copy, data, length);
	return copy;
}

char *
arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	ASSERT(length >= 0);
	CHECK(arena, ARENA_MAGIC);
	text = alloc_aligned(arena, (size_t)length + 1, 1, NEED_MUST);
	ASSERT(text != NULL);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

void
arena_on_free(struct arena *arena, arena_cleanup_fn *function, void *arg)
{
	struct cleanup *cleanup = arena_alloc(arena, sizeof *cleanup);

	cleanup->function = function;
	cleanup->arg = arg;
	cleanup->earlier = arena->cleanups;
	arena->cleanups = cleanup;
}

bool
arena_cancel(struct arena *arena, arena_cleanup_fn *function, void *arg)
{
	CHECK(arena, ARENA_MAGIC);
	for (struct cleanup **at = &arena->cleanups; *at != NULL;
	     at = &(*at)->earlier) {
		if ((*at)->function == function && (*at)->arg == arg) {
			*at = (*at)->earlier;
			return true;
		}
	}
	return false;
}

/* Adds up all records of the name of `first`; true if `first` leads them. */
static bool
sum_counters(struct counters *first, struct arena_stats *stats_r)
{
	*stats_r = (struct arena_stats){ .name = first->name };
	for (struct counters *c = atomic_load(&all_counters); c != NULL;
	     c = c->next) {
		if (strcmp(c->name, first->name) != 0)
			continue;
		if (stats_r->created == 0 && c != first)
			return false;
		stats_r->live += atomic_load(&c->live);
		stats_r->created += atomic_load(&c->created);
		stats_r->bytes += atomic_load(&c->bytes);
	}
	return true;
}

void
arena_visit_stats(arena_stats_fn *visit, void *arg)
{
	struct arena_stats stats;

	for (struct counters *c = atomic_load(&all_counters); c != NULL;
	     c = c->next) {
		if (sum_counters(c, &stats))
			visit(&stats, arg);
	}
}
