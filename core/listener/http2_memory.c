/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for nghttp2: what a stream takes and gives back (some ten blocks of a
 * few sizes) is kept by the loop for the next one.  In a profile of small
 * responses the heap took every seventh cycle.
 *
 * Only the loop's thread comes here.  All may fail, as nghttp2 expects.
 */
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/listener/http2_priv.h"
#include "core/listener/limits.h"
#include "core/listener/spare.h"

/* Sizes are rounded up to these; what is larger is the heap's. */
#define STEP 64u
#define CLASSES 16u

#ifdef PORTICO_POOL_DEBUG
#define KEEP 0u /* so that AddressSanitizer sees each block's end */
#else
#define KEEP HTTP2_MEMORY_KEEP
#endif

/* In front of each block. */
struct block {
	alignas(max_align_t) void *spare; /* while it is kept: spare.h */
	size_t size; /* that can be used */
};

struct http2_memory {
	nghttp2_mem calls;
	struct spare classes[CLASSES];
};

static size_t
class_of(size_t size)
{
	return (size - 1) / STEP;
}

static void *
take(size_t size, void *arg)
{
	struct http2_memory *memory = arg;
	struct block *block = NULL;
	size_t class;

	if (size == 0)
		size = 1;
	if (size > SIZE_MAX - sizeof(*block) - STEP)
		return NULL;
	class = class_of(size);
	if (class < CLASSES) {
		size = (class + 1) * STEP;
		block = spare_take(&memory->classes[class]);
	}
	if (block == NULL)
		block = mem_try_alloc(sizeof(*block) + size);
	if (block == NULL)
		return NULL;
	block->size = size;
	return block + 1;
}

static void
give(void *data, void *arg)
{
	struct http2_memory *memory = arg;
	struct block *block;
	size_t class;

	if (data == NULL)
		return;
	block = (struct block *)data - 1;
	class = class_of(block->size);
	if (class < CLASSES)
		spare_give(&memory->classes[class], block, KEEP);
	else
		mem_free(block);
}

static void *
take_zeroed(size_t count, size_t size, void *arg)
{
	void *data;

	if (size > 0 && count > SIZE_MAX / size)
		return NULL;
	data = take(count * size, arg);
	return data == NULL ? NULL : memset(data, 0, count * size);
}

static void *
resize(void *data, size_t size, void *arg)
{
	size_t old = data == NULL ? 0 : ((struct block *)data - 1)->size;
	void *moved;

	if (size <= old && data != NULL)
		return data;
	moved = take(size, arg);
	if (moved == NULL)
		return NULL;
	if (data != NULL)
		memcpy(moved, data, old);
	give(data, arg);
	return moved;
}

struct http2_memory *
http2_memory_new(void)
{
	struct http2_memory *memory = mem_zalloc(sizeof(*memory));

	memory->calls = (nghttp2_mem){
		.mem_user_data = memory,
		.malloc = take,
		.free = give,
		.calloc = take_zeroed,
		.realloc = resize,
	};
	return memory;
}

unsigned
http2_memory_trim(struct http2_memory *memory)
{
	unsigned freed = 0;

	for (size_t i = 0; i < CLASSES; i++)
		freed += spare_trim(&memory->classes[i], LOOP_KEEP_IDLE);
	return freed;
}

void
http2_memory_free(struct http2_memory *memory)
{
	for (size_t i = 0; i < CLASSES; i++) {
		void *block;

		while ((block = spare_take(&memory->classes[i])) != NULL)
			mem_free(block);
	}
	mem_free(memory);
}

nghttp2_mem *
http2_memory_calls(struct http2_memory *memory)
{
	return &memory->calls;
}
