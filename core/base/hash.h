/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash table from slices to pointers: open addressing, linear probing, keyed
 * SipHash-1-3 with a random key per process, so that peers cannot choose
 * colliding keys.  One thread, or any number that only read.
 */
#ifndef CORE_BASE_HASH_H
#define CORE_BASE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

struct hash_table;

enum hash_flags {
	HASH_NOCASE = 1 << 0, /* keys that differ in ASCII case are equal */
	HASH_COPY_KEYS = 1 << 1, /* the table keeps its own copy of each key */
};

/*
 * `name` is for dumps and must outlive the table.  Without HASH_COPY_KEYS the
 * bytes of a key must outlive its entry.
 * OWNERSHIP: the caller's, to be ended by hash_free().  Values are never
 * freed by the table.
 */
struct hash_table *hash_new(const char *name, unsigned flags)
	__attribute__((returns_nonnull));

/* Accepts NULL. */
void hash_free(struct hash_table *table);

size_t hash_count(const struct hash_table *table);

/* The value, or NULL.  Values are never NULL, so NULL means absent. */
void *hash_find(const struct hash_table *table, struct portico_slice key);
void *hash_find_text(const struct hash_table *table, const char *key);

/* PORTICO_EXISTS when the key is there (nothing changes), PORTICO_NO_MEMORY
 * when it cannot grow. */
enum portico_status hash_add(struct hash_table *table, struct portico_slice key,
			     void *value);

/* Adds or replaces; `*old_r` (may be NULL) gets the earlier value or NULL. */
enum portico_status hash_set(struct hash_table *table, struct portico_slice key,
			     void *value, void **old_r);

/* Takes the entry out; its value, or NULL if there was none. */
void *hash_remove(struct hash_table *table, struct portico_slice key);

/* Removes all entries, keeps the memory. */
void hash_clear(struct hash_table *table);

/* Room for `count` entries without growing. */
enum portico_status hash_reserve(struct hash_table *table, size_t count);

/*
 * Iterates in no useful order: start with `*cursor = 0`, false at the end.
 * The table may not change meanwhile.  `key_r`, `value_r` may be NULL.
 *
 *	size_t cursor = 0;
 *	while (hash_next(table, &cursor, &key, &value)) ...
 */
bool hash_next(const struct hash_table *table, size_t *cursor,
	       struct portico_slice *key_r, void **value_r);

/* The keyed hash by itself; stable within one process only. */
uint64_t hash_bytes(const void *data, size_t length);

/* The same with a key of the caller's, which other processes may know. */
uint64_t hash_bytes_keyed(const uint64_t key[2], const void *data,
			  size_t length);

#endif
