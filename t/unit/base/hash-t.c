/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash table: against a plain array as model, and each option.
 */
#include "t/unit/unit.h"

#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

#define MODEL_KEYS 2000

static void
find_add_set_remove(void **state)
{
	struct hash_table *table = hash_new("t", 0);
	int a, b;
	void *old = &a;

	(void)state;
	assert_null(hash_find_text(table, "a"));
	assert_null(hash_remove(table, PORTICO_SLICE("a")));
	assert_int_equal(hash_add(table, PORTICO_SLICE("a"), &a), PORTICO_OK);
	assert_int_equal(hash_add(table, PORTICO_SLICE("a"), &b),
			 PORTICO_EXISTS);
	assert_ptr_equal(hash_find_text(table, "a"), &a);
	assert_int_equal(hash_set(table, PORTICO_SLICE("b"), &b, &old),
			 PORTICO_OK);
	assert_null(old);
	assert_int_equal(hash_set(table, PORTICO_SLICE("a"), &b, &old),
			 PORTICO_OK);
	assert_ptr_equal(old, &a);
	assert_int_equal(hash_count(table), 2);
	assert_ptr_equal(hash_remove(table, PORTICO_SLICE("a")), &b);
	assert_null(hash_find_text(table, "a"));
	assert_int_equal(hash_count(table), 1);
	hash_clear(table);
	assert_int_equal(hash_count(table), 0);
	assert_null(hash_find_text(table, "b"));
	hash_free(table);
}

static void
keys_may_be_empty_or_hold_any_byte(void **state)
{
	struct hash_table *table = hash_new("t", 0);
	int a, b, c;

	(void)state;
	hash_add(table, slice_from(NULL), &a);
	hash_add(table, PORTICO_SLICE("x\0y"), &b);
	hash_add(table, PORTICO_SLICE("x\0z"), &c);
	assert_ptr_equal(hash_find_text(table, ""), &a);
	assert_ptr_equal(hash_find(table, PORTICO_SLICE("x\0y")), &b);
	assert_ptr_equal(hash_find(table, PORTICO_SLICE("x\0z")), &c);
	assert_null(hash_find_text(table, "x"));
	hash_free(table);
}

static void
nocase_folds_keys_of_every_length(void **state)
{
	struct hash_table *table = hash_new("t", HASH_NOCASE);
	char lower[40], upper[40];
	int value;

	(void)state;
	for (size_t n = 1; n < 40; n++) {
		memset(lower, 'q', n);
		memset(upper, 'Q', n);
		hash_clear(table);
		hash_add(table, slice_make(lower, n), &value);
		assert_ptr_equal(hash_find(table, slice_make(upper, n)),
				 &value);
		assert_int_equal(hash_add(table, slice_make(upper, n), &value),
				 PORTICO_EXISTS);
	}
	hash_free(table);
}

static void
copied_keys_outlive_the_callers(void **state)
{
	struct hash_table *table = hash_new("t", HASH_COPY_KEYS);
	char key[] = "first";
	int a, b;

	(void)state;
	hash_add(table, slice_from(key), &a);
	memcpy(key, "other", 5);
	hash_add(table, slice_from(key), &b);
	memset(key, 'x', 5);
	assert_ptr_equal(hash_find_text(table, "first"), &a);
	assert_ptr_equal(hash_remove(table, PORTICO_SLICE("other")), &b);
	hash_free(table);
}

static void
iterating_visits_each_entry_once(void **state)
{
	struct hash_table *table = hash_new("t", HASH_COPY_KEYS);
	char seen[100] = { 0 }, key[16];
	struct portico_slice name;
	size_t cursor = 0, visits = 0;
	void *value;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "%d", i);
		hash_add(table, slice_from(key), &seen[i]);
	}
	while (hash_next(table, &cursor, &name, &value)) {
		uint64_t number = 1000;

		assert_true(slice_to_u64(name, &number));
		assert_ptr_equal(value, &seen[number]);
		assert_int_equal(seen[number]++, 0);
		visits++;
	}
	assert_int_equal(visits, 100);
	hash_free(table);
}

/* 200,000 random operations, checked against an array. */
static void
it_agrees_with_a_model(void **state)
{
	static char keys[MODEL_KEYS][16];
	static char present[MODEL_KEYS];
	struct hash_table *table = hash_new("t", 0);
	size_t count = 0;
	unsigned random = 1;

	(void)state;
	for (int i = 0; i < MODEL_KEYS; i++)
		snprintf(keys[i], sizeof keys[i], "key-%d", i);
	for (int step = 0; step < 200000; step++) {
		unsigned i;
		struct portico_slice key;

		random = random * 1103515245u + 12345u;
		i = (random >> 8) % MODEL_KEYS;
		key = slice_from(keys[i]);
		assert_ptr_equal(hash_find(table, key),
				 present[i] ? keys[i] : NULL);
		if (present[i]) {
			assert_ptr_equal(hash_remove(table, key), keys[i]);
			count--;
		} else {
			assert_int_equal(hash_add(table, key, keys[i]),
					 PORTICO_OK);
			count++;
		}
		present[i] = !present[i];
		assert_int_equal(hash_count(table), count);
	}
	hash_free(table);
}

static void
an_exhausted_heap_changes_nothing(void **state)
{
	struct hash_table *table = hash_new("t", HASH_COPY_KEYS);
	unsigned failures = 0;
	char key[16];
	int value;

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof key, "%d", i);
		for (unsigned n = 1;; n++) {
			enum portico_status status;

			mem_fault_set(n);
			status = hash_add(table, slice_from(key), &value);
			if (status == PORTICO_OK)
				break;
			assert_int_equal(status, PORTICO_NO_MEMORY);
			assert_int_equal(hash_count(table), i);
			assert_null(hash_find_text(table, key));
			failures++;
		}
	}
	mem_fault_set(0);
	/* One for each copied key, some for growing. */
	assert_true(failures > 200);
	assert_int_equal(hash_count(table), 200);
	hash_free(table);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(find_add_set_remove),
	cmocka_unit_test(keys_may_be_empty_or_hold_any_byte),
	cmocka_unit_test(nocase_folds_keys_of_every_length),
	cmocka_unit_test(copied_keys_outlive_the_callers),
	cmocka_unit_test(iterating_visits_each_entry_once),
	cmocka_unit_test(it_agrees_with_a_model),
	cmocka_unit_test(an_exhausted_heap_changes_nothing),
};

UNIT_MAIN(tests)
