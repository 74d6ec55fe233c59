/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas: alignment, lifetimes, limits, counters.
 */
#include "t/unit/unit.h"

#include "core/base/arena.h"
#include "core/base/memory.h"

static void
allocations_are_aligned_distinct_and_keep_their_bytes(void **state)
{
	struct arena *arena = arena_new("t-aligned", 256);
	unsigned char *pieces[300];

	(void)state;
	for (int i = 0; i < 300; i++) {
		size_t size = (size_t)i * 7;

		pieces[i] = arena_alloc(arena, size);
		assert_int_equal((uintptr_t)pieces[i] % ARENA_ALIGNMENT, 0);
		memset(pieces[i], i & 0xff, size);
	}
	for (int i = 0; i < 300; i++) {
		for (int j = 0; j < i * 7; j++)
			assert_int_equal(pieces[i][j], i & 0xff);
	}
	assert_true(arena_used(arena) >= 299 * 300 / 2 * 7);
	arena_free(arena);
}

static void
zero_sized_allocations_differ(void **state)
{
	struct arena *arena = arena_new("t-zero", 0);

	(void)state;
	assert_ptr_not_equal(arena_alloc(arena, 0), arena_alloc(arena, 0));
	arena_free(arena);
}

static void
zalloc_zeroes_memory_that_was_used_before(void **state)
{
	static const char zeros[64];
	struct arena *arena = arena_new("t-zalloc", 64);

	(void)state;
	memset(arena_alloc(arena, 64), 0xff, 64);
	arena_reset(arena);
	assert_memory_equal(arena_zalloc(arena, 64), zeros, 64);
	arena_free(arena);
}

struct trail {
	char text[32];
	size_t length;
};

struct mark {
	struct trail *trail;
	char letter;
};

static void
leave_mark(void *arg)
{
	struct mark *mark = arg;

	mark->trail->text[mark->trail->length++] = mark->letter;
}

static struct mark *
mark_on_free(struct arena *arena, struct trail *trail, char letter)
{
	struct mark *mark = arena_alloc(arena, sizeof *mark);

	mark->trail = trail;
	mark->letter = letter;
	arena_on_free(arena, leave_mark, mark);
	return mark;
}

static void
cleanups_run_in_reverse_and_children_in_their_place(void **state)
{
	struct arena *arena = arena_new("t-parent", 0);
	struct trail trail = { { 0 }, 0 };
	struct arena *child;

	(void)state;
	mark_on_free(arena, &trail, 'a');
	child = arena_new_child(arena, "t-child", 0);
	mark_on_free(child, &trail, 'b');
	mark_on_free(child, &trail, 'c');
	mark_on_free(arena, &trail, 'd');
	arena_free(arena);
	assert_string_equal(trail.text, "dcba");
}

static void
a_child_freed_alone_is_forgotten_by_its_parent(void **state)
{
	struct arena *arena = arena_new("t-parent", 0);
	struct arena *child = arena_new_child(arena, "t-child", 0);
	struct trail trail = { { 0 }, 0 };

	(void)state;
	mark_on_free(child, &trail, 'c');
	ARENA_FREE(child);
	assert_null(child);
	assert_string_equal(trail.text, "c");
	arena_free(arena);
	assert_string_equal(trail.text, "c");
}

static void
a_cancelled_cleanup_does_not_run(void **state)
{
	struct arena *arena = arena_new("t-cancel", 0);
	struct trail trail = { { 0 }, 0 };
	struct mark *a, *b;

	(void)state;
	a = mark_on_free(arena, &trail, 'a');
	b = mark_on_free(arena, &trail, 'b');
	assert_true(arena_cancel(arena, leave_mark, a));
	assert_false(arena_cancel(arena, leave_mark, a));
	(void)b;
	arena_free(arena);
	assert_string_equal(trail.text, "b");
}

static void
reset_runs_cleanups_and_the_arena_goes_on(void **state)
{
	struct arena *arena = arena_new("t-reset", 128);
	struct trail trail = { { 0 }, 0 };

	(void)state;
	for (int i = 0; i < 5; i++) {
		mark_on_free(arena, &trail, (char)('0' + i));
		memset(arena_alloc(arena, 50000), i, 50000);
		arena_reset(arena);
		assert_int_equal(arena_used(arena), 0);
	}
	assert_string_equal(trail.text, "01234");
	arena_free(arena);
}

#ifndef PORTICO_POOL_DEBUG
static void
reset_uses_the_first_block_again(void **state)
{
	struct arena *arena = arena_new("t-first", 128);
	void *first = arena_alloc(arena, 100);

	(void)state;
	arena_reset(arena);
	assert_ptr_equal(arena_alloc(arena, 100), first);
	arena_free(arena);
}
#endif

static void
try_alloc_stops_at_the_limit_and_marks_the_overflow(void **state)
{
	struct arena *arena = arena_new("t-limit", 256);
	size_t total = 0;

	(void)state;
	arena_set_limit(arena, 20000);
	while (arena_try_alloc(arena, 100) != NULL)
		total += 100;
	assert_in_range(total, 10000, 20000);
	assert_true(arena_overflowed(arena));
	/* What the program itself needs is not held to the limit. */
	assert_non_null(arena_alloc(arena, 100));
	arena_reset(arena);
	assert_false(arena_overflowed(arena));
	assert_non_null(arena_try_alloc(arena, 100));
	arena_free(arena);
}

static void
absurd_sizes_are_refused(void **state)
{
	struct arena *arena = arena_new("t-absurd", 0);
	volatile size_t absurd = SIZE_MAX;

	(void)state;
	assert_null(arena_try_alloc(arena, absurd));
	assert_null(arena_try_alloc(arena, absurd - 8));
	assert_true(arena_overflowed(arena));
	arena_free(arena);
}

static void
every_failing_allocation_is_survived(void **state)
{
	struct arena *arena = arena_new("t-fault", 64);
	unsigned n;

	(void)state;
	for (n = 1; n < 100; n++) {
		mem_fault_set(n);
		for (int i = 0; i < 40; i++) {
			char *piece = arena_try_alloc(arena, 1000);

			if (piece == NULL)
				break;
			memset(piece, 1, 1000);
		}
		assert_int_equal(arena_overflowed(arena), mem_fault_hit());
		arena_reset(arena);
		if (!mem_fault_hit())
			break;
	}
	mem_fault_set(0);
	assert_in_range(n, 2, 99);
	arena_free(arena);
}

static void
copies_are_copies(void **state)
{
	struct arena *arena = arena_new("t-copies", 0);
	char text[] = "portico";
	char *copy = arena_strdup(arena, text);
	char *start = arena_strndup(arena, text, 4);
	void *bytes = arena_memdup(arena, text, sizeof text);
	struct portico_slice slice =
		arena_slice_dup(arena, (struct portico_slice){ text, 3 });

	(void)state;
	memset(text, 'x', 7);
	assert_string_equal(copy, "portico");
	assert_string_equal(start, "port");
	assert_string_equal(bytes, "portico");
	assert_int_equal(slice.length, 3);
	assert_string_equal(slice.data, "por");
	arena_free(arena);
}

static void
printf_makes_texts_of_any_length(void **state)
{
	struct arena *arena = arena_new("t-printf", 64);
	char *text = arena_printf(arena, "%s-%d", "pool", 7);
	char *wide = arena_printf(arena, "%10000d", 5);

	(void)state;
	assert_string_equal(text, "pool-7");
	assert_int_equal(strlen(wide), 10000);
	assert_int_equal(wide[9999], '5');
	arena_free(arena);
}

static void
find_stats(const struct arena_stats *stats, void *arg)
{
	struct arena_stats *wanted = arg;

	if (strcmp(stats->name, wanted->name) == 0)
		*wanted = *stats;
}

static void
counters_are_kept_by_name(void **state)
{
	struct arena_stats stats = { .name = "t-counted" };
	struct arena *a = arena_new("t-counted", 100);
	struct arena *b = arena_new("t-counted", 100);

	(void)state;
	assert_non_null(arena_alloc(b, 70000));
	arena_visit_stats(find_stats, &stats);
	assert_int_equal(stats.live, 2);
	assert_int_equal(stats.created, 2);
	assert_true(stats.bytes >= 70000);
	arena_free(a);
	arena_free(b);
	stats = (struct arena_stats){ .name = "t-counted" };
	arena_visit_stats(find_stats, &stats);
	assert_int_equal(stats.live, 0);
	assert_int_equal(stats.created, 2);
	assert_int_equal(stats.bytes, 0);
}

static void
use_as_arena(void)
{
	static struct {
		unsigned magic;
		char rest[256];
	} other = { .magic = 12345 };

	arena_reset((struct arena *)(void *)&other);
}

static void
another_struct_is_not_taken_for_an_arena(void **state)
{
	(void)state;
	unit_assert_aborts(use_as_arena, "magic == ARENA_MAGIC");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(allocations_are_aligned_distinct_and_keep_their_bytes),
	cmocka_unit_test(zero_sized_allocations_differ),
	cmocka_unit_test(zalloc_zeroes_memory_that_was_used_before),
	cmocka_unit_test(cleanups_run_in_reverse_and_children_in_their_place),
	cmocka_unit_test(a_child_freed_alone_is_forgotten_by_its_parent),
	cmocka_unit_test(a_cancelled_cleanup_does_not_run),
	cmocka_unit_test(reset_runs_cleanups_and_the_arena_goes_on),
#ifndef PORTICO_POOL_DEBUG
	cmocka_unit_test(reset_uses_the_first_block_again),
#endif
	cmocka_unit_test(try_alloc_stops_at_the_limit_and_marks_the_overflow),
	cmocka_unit_test(absurd_sizes_are_refused),
	cmocka_unit_test(every_failing_allocation_is_survived),
	cmocka_unit_test(copies_are_copies),
	cmocka_unit_test(printf_makes_texts_of_any_length),
	cmocka_unit_test(counters_are_kept_by_name),
	cmocka_unit_test(another_struct_is_not_taken_for_an_arena),
};

UNIT_MAIN(tests)
