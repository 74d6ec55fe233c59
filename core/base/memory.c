/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap with a never-NULL face, and a fault for tests.
 */
#include "core/base/memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

/* 0 = off; counts down to the failure. */
static atomic_uint fault_countdown;
static atomic_bool fault_hit;

static void no_memory(size_t size) __attribute__((noreturn, cold));

static void
no_memory(size_t size)
{
	check_panic("out of memory: %zu bytes were asked for", size);
}

bool
mem_fault_now(void)
{
	unsigned left =
		atomic_load_explicit(&fault_countdown, memory_order_relaxed);

	if (__builtin_expect(left == 0, 1))
		return false;
	if (atomic_fetch_sub(&fault_countdown, 1) != 1)
		return false;
	atomic_store(&fault_hit, true);
	errno = ENOMEM;
	return true;
}

void
mem_fault_set(unsigned countdown)
{
	atomic_store(&fault_hit, false);
	atomic_store(&fault_countdown, countdown);
}

bool
mem_fault_hit(void)
{
	return atomic_load(&fault_hit);
}

void *
mem_try_alloc(size_t size)
{
	if (mem_fault_now())
		return NULL;
	return malloc(size == 0 ? 1 : size);
}

void *
mem_try_zalloc(size_t size)
{
	if (mem_fault_now())
		return NULL;
	return calloc(1, size == 0 ? 1 : size);
}

void *
mem_try_realloc(void *old, size_t size)
{
	if (mem_fault_now())
		return NULL;
	return realloc(old, size == 0 ? 1 : size);
}

void *
mem_try_alloc_aligned(size_t alignment, size_t size)
{
	void *memory = NULL;

	if (mem_fault_now())
		return NULL;
	errno = posix_memalign(&memory, alignment, size == 0 ? 1 : size);
	return errno == 0 ? memory : NULL;
}

void *
mem_alloc(size_t size)
{
	void *memory = malloc(size == 0 ? 1 : size);

	if (memory == NULL)
		no_memory(size);
	return memory;
}

void *
mem_zalloc(size_t size)
{
	void *memory = calloc(1, size == 0 ? 1 : size);

	if (memory == NULL)
		no_memory(size);
	return memory;
}

void *
mem_zalloc_array(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		no_memory(SIZE_MAX);
	return mem_zalloc(bytes);
}

void *
mem_realloc(void *old, size_t size)
{
	void *memory = realloc(old, size == 0 ? 1 : size);

	if (memory == NULL)
		no_memory(size);
	return memory;
}

void *
mem_dup(const void *data, size_t length)
{
	void *copy = mem_alloc(length);

	if (length > 0)
		memcpy(copy, data, length);
	return copy;
}

char *
mem_strdup(const char *text)
{
	return mem_dup(text, strlen(text) + 1);
}

void
mem_free(void *memory)
{
	free(memory);
}

void
mem_trim(void)
{
#if defined(__GLIBC__) && !defined(PORTICO_ASAN)
	(void)malloc_trim(0);
#endif
}
