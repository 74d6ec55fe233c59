/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash table: open addressing with linear probing over a power-of-two array,
 * at most three quarters full; removal shifts the followers back, so there
 * are no tombstones.  The hash is SipHash-1-3 keyed per process.
 */
#include "core/base/hash.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

#define HASH_MAGIC 0x4a500002u

#define CAPACITY_MIN 8 /* entries; a power of two */

struct entry {
	uint64_t hash;
	const char *key; /* the table's own with HASH_COPY_KEYS */
	size_t length;
	void *value; /* NULL = free */
};

struct hash_table {
	unsigned magic;
	unsigned flags;
	const char *name;
	struct entry *entries; /* `capacity` of them */
	size_t capacity; /* 0 or a power of two */
	size_t count;
};

static uint64_t process_key[2];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void
make_process_key(void)
{
	ssize_t got = getrandom(process_key, sizeof process_key, 0);

	ASSERT(got == (ssize_t)sizeof process_key);
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

/* Eight bytes, or the last few, in host order: never leaves the process. */
static inline uint64_t
load(const char *data, size_t length, bool nocase)
{
	uint64_t word = 0;
	char folded[8];

	if (!nocase) {
		memcpy(&word, data, length);
		return word;
	}
	for (size_t i = 0; i < length; i++)
		folded[i] = slice_lower(data[i]);
	memcpy(&word, folded, length);
	return word;
}

static uint64_t
hash_with(const uint64_t key[2], const char *data, size_t length, bool nocase)
{
	struct sip s;
	size_t left = length;
	uint64_t last;

	s.v0 = key[0] ^ UINT64_C(0x736f6d6570736575);
	s.v1 = key[1] ^ UINT64_C(0x646f72616e646f6d);
	s.v2 = key[0] ^ UINT64_C(0x6c7967656e657261);
	s.v3 = key[1] ^ UINT64_C(0x7465646279746573);
	for (; left >= 8; left -= 8, data += 8)
		sip_word(&s, load(data, 8, nocase));
	last = (uint64_t)length << 56;
	if (left > 0)
		last |= load(data, left, nocase);
	sip_word(&s, last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static uint64_t
hash_key(const char *data, size_t length, bool nocase)
{
	pthread_once(&process_key_once, make_process_key);
	return hash_with(process_key, data, length, nocase);
}

uint64_t
hash_bytes_keyed(const uint64_t key[2], const void *data, size_t length)
{
	return hash_with(key, data, length, false);
}

uint64_t
hash_bytes(const void *data, size_t length)
{
	return hash_key(data, length, false);
}

struct hash_table *
hash_new(const char *name, unsigned flags)
{
	struct hash_table *table = mem_zalloc(sizeof *table);

	table->magic = HASH_MAGIC;
	table->name = name;
	table->flags = flags;
	return table;
}

static void
free_key(struct hash_table *table, struct entry *entry)
{
	if ((table->flags & HASH_COPY_KEYS) != 0)
		mem_free((char *)(uintptr_t)entry->key);
}

void
hash_clear(struct hash_table *table)
{
	CHECK(table, HASH_MAGIC);
	for (size_t i = 0; i < table->capacity; i++) {
		if (table->entries[i].value != NULL)
			free_key(table, &table->entries[i]);
		table->entries[i] = (struct entry){ 0 };
	}
	table->count = 0;
}

void
hash_free(struct hash_table *table)
{
	if (table == NULL)
		return;
	hash_clear(table);
	mem_free(table->entries);
	table->magic = 0;
	mem_free(table);
}

size_t
hash_count(const struct hash_table *table)
{
	CHECK(table, HASH_MAGIC);
	return table->count;
}

/* The entry of the key, or the free one where it belongs. */
static struct entry *
locate(const struct hash_table *table, uint64_t hash, struct portico_slice key)
{
	size_t mask = table->capacity - 1;
	size_t i = hash & mask;

	for (;; i = (i + 1) & mask) {
		struct entry *entry = &table->entries[i];
		struct portico_slice other = { entry->key, entry->length };

		if (entry->value == NULL)
			return entry;
		if (entry->hash != hash)
			continue;
		if ((table->flags & HASH_NOCASE) != 0 ?
			    slice_equal_nocase(other, key) :
			    slice_equal(other, key))
			return entry;
	}
}

static uint64_t
key_hash(const struct hash_table *table, struct portico_slice key)
{
	return hash_key(key.data, key.length,
			(table->flags & HASH_NOCASE) != 0);
}

void *
hash_find(const struct hash_table *table, struct portico_slice key)
{
	CHECK(table, HASH_MAGIC);
	if (table->count == 0)
		return NULL;
	return locate(table, key_hash(table, key), key)->value;
}

void *
hash_find_text(const struct hash_table *table, const char *key)
{
	return hash_find(table, slice_from(key));
}

static enum portico_status
resize(struct hash_table *table, size_t capacity)
{
	struct entry *old = table->entries;
	size_t old_capacity = table->capacity;
	struct entry *entries;

	if (capacity > SIZE_MAX / sizeof *entries)
		return PORTICO_NO_MEMORY;
	entries = mem_try_zalloc(capacity * sizeof *entries);
	if (entries == NULL)
		return PORTICO_NO_MEMORY;
	table->entries = entries;
	table->capacity = capacity;
	for (size_t i = 0; i < old_capacity; i++) {
		size_t at;

		if (old[i].value == NULL)
			continue;
		at = old[i].hash & (capacity - 1);
		while (entries[at].value != NULL)
			at = (at + 1) & (capacity - 1);
		entries[at] = old[i];
	}
	mem_free(old);
	return PORTICO_OK;
}

enum portico_status
hash_reserve(struct hash_table *table, size_t count)
{
	size_t capacity = CAPACITY_MIN;

	CHECK(table, HASH_MAGIC);
	while (capacity - capacity / 4 < count) {
		if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
			return PORTICO_NO_MEMORY;
	}
	return capacity <= table->capacity ? PORTICO_OK :
					     resize(table, capacity);
}

/* Fills the free entry `entry`; NO_MEMORY when the key cannot be copied. */
static enum portico_status
fill(struct hash_table *table, struct entry *entry, uint64_t hash,
     struct portico_slice key, void *value)
{
	if ((table->flags & HASH_COPY_KEYS) != 0) {
		char *copy = mem_try_alloc(key.length);

		if (copy == NULL)
			return PORTICO_NO_MEMORY;
		if (key.length > 0)
			memcpy(copy, key.data, key.length);
		key.data = copy;
	}
	*entry = (struct entry){ .hash = hash,
				 .key = key.data,
				 .length = key.length,
				 .value = value };
	table->count++;
	return PORTICO_OK;
}

enum portico_status
hash_add(struct hash_table *table, struct portico_slice key, void *value)
{
	enum portico_status status;
	struct entry *entry;
	uint64_t hash;

	CHECK(table, HASH_MAGIC);
	ASSERT(value != NULL);
	hash = key_hash(table, key);
	if (table->count > 0 && locate(table, hash, key)->value != NULL)
		return PORTICO_EXISTS;
	status = hash_reserve(table, table->count + 1);
	if (status != PORTICO_OK)
		return status;
	entry = locate(table, hash, key);
	return fill(table, entry, hash, key, value);
}

enum portico_status
hash_set(struct hash_table *table, struct portico_slice key, void *value,
	 void **old_r)
{
	struct entry *entry;

	CHECK(table, HASH_MAGIC);
	ASSERT(value != NULL);
	if (old_r != NULL)
		*old_r = NULL;
	if (table->count > 0) {
		entry = locate(table, key_hash(table, key), key);
		if (entry->value != NULL) {
			if (old_r != NULL)
				*old_r = entry->value;
			/* A borrowed key may end with the old value. */
			if ((table->flags & HASH_COPY_KEYS) == 0)
				entry->key = key.data;
			entry->value = value;
			return PORTICO_OK;
		}
	}
	return hash_add(table, key, value);
}

/* Closes the gap at `free_at` by moving back what probed past it. */
static void
close_gap(struct hash_table *table, size_t free_at)
{
	size_t mask = table->capacity - 1;
	size_t i = free_at;

	for (;;) {
		size_t home;

		i = (i + 1) & mask;
		if (table->entries[i].value == NULL)
			break;
		home = table->entries[i].hash & mask;
		/* Stays if its home lies cyclically in (free_at, i]. */
		if (((i - home) & mask) < ((i - free_at) & mask))
			continue;
		table->entries[free_at] = table->entries[i];
		free_at = i;
	}
	table->entries[free_at] = (struct entry){ 0 };
}

void *
hash_remove(struct hash_table *table, struct portico_slice key)
{
	struct entry *entry;
	void *value;

	CHECK(table, HASH_MAGIC);
	if (table->count == 0)
		return NULL;
	entry = locate(table, key_hash(table, key), key);
	value = entry->value;
	if (value == NULL)
		return NULL;
	free_key(table, entry);
	table->count--;
	close_gap(table, (size_t)(entry - table->entries));
	return value;
}

bool
hash_next(const struct hash_table *table, size_t *cursor,
	  struct portico_slice *key_r, void **value_r)
{
	CHECK(table, HASH_MAGIC);
	while (*cursor < table->capacity) {
		struct entry *entry = &table->entries[(*cursor)++];

		if (entry->value == NULL)
			continue;
		if (key_r != NULL)
			*key_r = slice_make(entry->key, entry->length);
		if (value_r != NULL)
			*value_r = entry->value;
		return true;
	}
	return false;
}
