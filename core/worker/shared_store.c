/* SPDX-License-Identifier: Apache-2.0
 *
 * The store of keys and values in shared memory.
 *
 * A key belongs to one shard by its hash; a shard has a lock, buckets of chains
 * of entries, and cells of 64 bytes in chains: key and value, one after the
 * other.  A value is never changed in place: the new one is complete before its
 * entry says LIVE, and only then the old one is freed.  So of a shard whose
 * holder was killed, all entries that are LIVE are whole: heads, chains and
 * free lists are made again from them (rebuild), and of two that have one key
 * the later is kept.  The same happens when an index is out of its range, or a
 * chain longer than it can be.
 *
 * What is read of the memory is read once into a variable, then checked.
 */
#include "core/worker/shared_store.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/worker/shared_priv.h"

#define CELL_BYTES 64u
#define SHARD_READY 0x52454459u
#define ENTRY_FREE 0u
#define ENTRY_LIVE 0x4c495645u
#define NONE UINT32_MAX

/* Indexes in the memory are one more than they say: 0 is none. */
struct shard_head {
	_Atomic uint64_t lock;
	uint64_t stamp; /* of the last change */
	uint32_t ready; /* SHARD_READY: lists are made */
	uint32_t hand; /* of the clock */
	uint32_t free_entry; /* list, by next */
	uint32_t free_cell;
	uint32_t free_cells;
	uint32_t unused[7];
};
_Static_assert(sizeof(struct shard_head) == 64, "a cache line");

struct entry {
	_Atomic uint32_t state;
	uint32_t used; /* since the hand has passed */
	uint64_t hash;
	uint64_t expires; /* ns; 0 = never */
	uint64_t stamp; /* the larger is the later */
	uint32_t key_length, value_length;
	uint32_t first; /* cell */
	uint32_t next; /* in the bucket, or free */
	uint32_t unused[4];
};
_Static_assert(sizeof(struct entry) == 64, "a cache line");

/* A shard while its lock is held. */
struct shard {
	struct shared *shared;
	struct shard_head *head;
	uint32_t *buckets;
	struct entry *entries;
	uint32_t *next; /* of each cell */
	unsigned char *marks; /* of each cell: for rebuild */
	unsigned char *cells;
	uint64_t now;
	bool damaged; /* something was out of its range */
};

#define ENTRY_COST(count)                                                      \
	((count) * (sizeof(struct entry) + 4) +                                \
	 2 * (size_t)(count) * (CELL_BYTES + 5) + 64)

void
shard_lay_out(struct shared *shared)
{
	size_t room = shared->shard_bytes - sizeof(struct shard_head);
	uint32_t count = (uint32_t)(room / ENTRY_COST(1));

	while (ENTRY_COST(count + 1) <= room)
		count++;
	shared->entries = shared->buckets = count;
	shared->cells = 2 * count;
}

static uint32_t
read32(const uint32_t *place)
{
	return __atomic_load_n(place, __ATOMIC_RELAXED);
}

/* ---- cells ------------------------------------------------------------------------- */

static uint32_t
cells_of(size_t bytes)
{
	return (uint32_t)((bytes + CELL_BYTES - 1) / CELL_BYTES);
}

/* The index behind a link; NONE: there is none, or it lies. */
static uint32_t
follow(struct shard *shard, const uint32_t *link, uint32_t limit)
{
	uint32_t index = read32(link) - 1;

	if (index == NONE)
		return NONE;
	if (index >= limit) {
		shard->damaged = true;
		return NONE;
	}
	return index;
}

/* Walks over `length` bytes from `skip` on; cells end before: damaged. */
typedef bool piece_fn(void *arg, unsigned char *piece, size_t length);

static bool
walk(struct shard *shard, const struct entry *entry, size_t skip, size_t length,
     piece_fn *piece, void *arg)
{
	const uint32_t *link = &entry->first;

	while (length > 0) {
		uint32_t cell = follow(shard, link, shard->shared->cells);
		size_t part;

		if (cell == NONE) {
			shard->damaged = true;
			return false;
		}
		link = &shard->next[cell];
		if (skip >= CELL_BYTES) {
			skip -= CELL_BYTES;
			continue;
		}
		part = CELL_BYTES - skip < length ? CELL_BYTES - skip : length;
		if (!piece(arg, shard->cells + (size_t)cell * CELL_BYTES + skip,
			   part))
			return false;
		length -= part;
		skip = 0;
	}
	return true;
}

static bool
piece_out(void *arg, unsigned char *piece, size_t length)
{
	unsigned char **to = arg;

	memcpy(*to, piece, length);
	*to += length;
	return true;
}

static bool
piece_in(void *arg, unsigned char *piece, size_t length)
{
	const unsigned char **from = arg;

	memcpy(piece, *from, length);
	*from += length;
	return true;
}

static bool
piece_same(void *arg, unsigned char *piece, size_t length)
{
	const unsigned char **with = arg;

	if (memcmp(piece, *with, length) != 0)
		return false;
	*with += length;
	return true;
}

static bool
holds(struct shard *shard, const struct entry *entry, size_t skip,
      struct portico_slice text)
{
	const char *with = text.data;

	return walk(shard, entry, skip, text.length, piece_same, &with);
}

/* ---- entries ------------------------------------------------------------------------ */

static uint32_t *
bucket_of(struct shard *shard, uint64_t hash)
{
	return &shard->buckets[hash % shard->shared->buckets];
}

static bool
has_expired(const struct shard *shard, const struct entry *entry)
{
	return entry->expires != 0 && entry->expires <= shard->now;
}

/* Its cells, and itself; it is in no bucket. */
static void
entry_free(struct shard *shard, uint32_t number)
{
	struct entry *entry = &shard->entries[number];
	uint32_t count = cells_of((size_t)read32(&entry->key_length) +
				  read32(&entry->value_length));
	uint32_t cell = follow(shard, &entry->first, shard->shared->cells);

	atomic_store(&entry->state, ENTRY_FREE);
	entry->next = shard->head->free_entry;
	shard->head->free_entry = number + 1;
	if (count > shard->shared->cells)
		cell = NONE;
	for (; count > 0 && cell != NONE; count--) {
		uint32_t after =
			follow(shard, &shard->next[cell], shard->shared->cells);

		shard->next[cell] = shard->head->free_cell;
		shard->head->free_cell = cell + 1;
		shard->head->free_cells++;
		cell = after;
	}
	if (count > 0)
		shard->damaged = true;
}

/* Out of its bucket, then free. */
static void
entry_remove(struct shard *shard, uint32_t number)
{
	uint32_t *link = bucket_of(shard, shard->entries[number].hash);

	for (uint32_t i = 0; i <= shard->shared->entries; i++) {
		uint32_t here = follow(shard, link, shard->shared->entries);

		if (here == NONE)
			break;
		if (here == number) {
			*link = shard->entries[number].next;
			entry_free(shard, number);
			return;
		}
		link = &shard->entries[here].next;
	}
	shard->damaged = true;
}

static bool
is_for(struct shard *shard, const struct entry *entry,
       const struct shared_key *key)
{
	return entry->hash == key->hash &&
	       read32(&entry->key_length) == key->length &&
	       holds(shard, entry, 0,
		     (struct portico_slice){ key->data, key->length });
}

/* NONE: absent, or expired and now free. */
static uint32_t
find(struct shard *shard, const struct shared_key *key)
{
	const uint32_t *link = bucket_of(shard, key->hash);

	for (uint32_t i = 0; i <= shard->shared->entries; i++) {
		uint32_t number = follow(shard, link, shard->shared->entries);
		struct entry *entry;

		if (number == NONE)
			return NONE;
		entry = &shard->entries[number];
		if (atomic_load(&entry->state) != ENTRY_LIVE)
			break;
		link = &entry->next;
		if (!is_for(shard, entry, key))
			continue;
		if (read32(&entry->value_length) > PORTICO_SHARED_VALUE_MAX)
			break;
		if (has_expired(shard, entry)) {
			entry_remove(shard, number);
			return NONE;
		}
		entry->used = 1;
		return number;
	}
	shard->damaged = true;
	return NONE;
}

/* ---- making it anew --------------------------------------------------------------------- */

/* Marks the cells of an entry as taken, all or none. */
static bool
claim_cells(struct shard *shard, const struct entry *entry, uint32_t count)
{
	const uint32_t *link = &entry->first;
	uint32_t taken = 0, cell;

	for (; taken < count; taken++) {
		cell = follow(shard, link, shard->shared->cells);
		if (cell == NONE || shard->marks[cell] != 0)
			break;
		shard->marks[cell] = 1;
		link = &shard->next[cell];
	}
	if (taken == count)
		return true;
	link = &entry->first;
	for (; taken > 0; taken--) {
		cell = follow(shard, link, shard->shared->cells);
		if (cell == NONE)
			break;
		shard->marks[cell] = 0;
		link = &shard->next[cell];
	}
	return false;
}

/* Whole, and of the shard: its key has the hash that it says. */
static bool
is_sound(struct shard *shard, const struct entry *entry,
	 struct shared_key *key_r)
{
	uint32_t key_length = read32(&entry->key_length);
	uint32_t value_length = read32(&entry->value_length);
	unsigned char *to = (unsigned char *)key_r->data;

	if (atomic_load(&entry->state) != ENTRY_LIVE || key_length == 0 ||
	    key_length > sizeof(key_r->data) ||
	    value_length > PORTICO_SHARED_VALUE_MAX ||
	    has_expired(shard, entry) ||
	    !claim_cells(shard, entry,
			 cells_of((size_t)key_length + value_length)))
		return false;
	key_r->length = key_length;
	key_r->hash = entry->hash;
	return walk(shard, entry, 0, key_length, piece_out, &to) &&
	       hash_bytes_keyed(shard->shared->seed, key_r->data, key_length) ==
		       entry->hash;
}

/* Links a sound entry; of two with one key the later stays. */
static void
rebuild_one(struct shard *shard, uint32_t number)
{
	struct entry *entry = &shard->entries[number];
	struct shared_key key;
	uint32_t *bucket, other;

	if (!is_sound(shard, entry, &key)) {
		atomic_store(&entry->state, ENTRY_FREE);
		return;
	}
	other = find(shard, &key);
	if (other != NONE) {
		if (shard->entries[other].stamp > entry->stamp) {
			atomic_store(&entry->state, ENTRY_FREE);
			return;
		}
		entry_remove(shard, other);
	}
	if (entry->stamp > shard->head->stamp)
		shard->head->stamp = entry->stamp;
	bucket = bucket_of(shard, entry->hash);
	entry->next = *bucket;
	*bucket = number + 1;
}

static void
rebuild(struct shard *shard)
{
	struct shared *shared = shard->shared;
	struct shard_head *head = shard->head;

	head->ready = 0;
	head->stamp = 0;
	head->hand = 0;
	memset(shard->buckets, 0, shared->buckets * sizeof(shard->buckets[0]));
	memset(shard->marks, 0, shared->cells);
	for (uint32_t i = 0; i < shared->entries; i++)
		rebuild_one(shard, i);
	/* Free lists last: cells of what was dropped are marked until now. */
	memset(shard->marks, 0, shared->cells);
	head->free_entry = head->free_cell = head->free_cells = 0;
	for (uint32_t i = shared->entries; i-- > 0;) {
		struct entry *entry = &shard->entries[i];

		if (atomic_load(&entry->state) == ENTRY_LIVE) {
			claim_cells(shard, entry,
				    cells_of((size_t)entry->key_length +
					     entry->value_length));
			continue;
		}
		entry->next = head->free_entry;
		head->free_entry = i + 1;
	}
	for (uint32_t i = shared->cells; i-- > 0;) {
		if (shard->marks[i] != 0)
			continue;
		shard->next[i] = head->free_cell;
		head->free_cell = i + 1;
		head->free_cells++;
	}
	shard->damaged = false;
	head->ready = SHARD_READY;
}

/* ---- a visit ------------------------------------------------------------------------------- */

static uint32_t
shard_number(const struct shared *shared, uint64_t hash)
{
	return (uint32_t)(hash >> 40) % shared->shard_count;
}

static void
shard_at(struct shared *shared, uint32_t number, struct shard *shard_r)
{
	unsigned char *base =
		shared->shards + (size_t)number * shared->shard_bytes;
	unsigned char *cells = base + sizeof(struct shard_head);

	*shard_r = (struct shard){ .shared = shared, .cells = cells };
	shard_r->head = (struct shard_head *)base;
	shard_r->entries =
		(struct entry *)(cells + (size_t)shared->cells * CELL_BYTES);
	shard_r->buckets = (uint32_t *)(shard_r->entries + shared->entries);
	shard_r->next = shard_r->buckets + shared->buckets;
	shard_r->marks = (unsigned char *)(shard_r->next + shared->cells);
	shard_r->now = clock_monotonic_ns();
}

/* False: AGAIN. */
static bool
enter(struct shared *shared, uint32_t number, struct shard *shard_r)
{
	bool inherited;

	CHECK(shared, SHARED_MAGIC);
	shard_at(shared, number, shard_r);
	if (!shared_lock(shared, &shard_r->head->lock, 1 + number, &inherited))
		return false;
	if (inherited || shard_r->head->ready != SHARD_READY)
		rebuild(shard_r);
	return true;
}

/* True: it was damaged and is sound now; once more. */
static bool
leave(struct shard *shard)
{
	bool again = shard->damaged;

	if (again)
		rebuild(shard);
	shared_unlock(&shard->head->lock);
	return again;
}

struct visit {
	const struct shared_key *key;
	struct portico_slice value, expected;
	uint64_t expires;
	enum portico_shared_mode mode;
	int64_t delta;
	uint64_t number;
	void *buffer;
	size_t size, length;
};

typedef enum portico_status visit_fn(struct shard *shard, struct visit *visit);

static enum portico_status
visit_shard(struct shared *shared, struct visit *visit, visit_fn *function)
{
	uint32_t number = shard_number(shared, visit->key->hash);
	enum portico_status status;
	struct shard shard;

	for (int i = 0; i < 3; i++) {
		if (!enter(shared, number, &shard))
			return PORTICO_AGAIN;
		status = function(&shard, visit);
		if (!leave(&shard))
			return status;
	}
	return PORTICO_AGAIN; /* somebody damages it all the time */
}

/* ---- making room ----------------------------------------------------------------------------- */

/* Second chance: one that was used since the hand came by is passed over. */
static bool
evict_one(struct shard *shard)
{
	uint32_t count = shard->shared->entries;

	for (uint32_t i = 0; i < 2 * count; i++) {
		uint32_t number = read32(&shard->head->hand) % count;
		struct entry *entry = &shard->entries[number];

		shard->head->hand = number + 1;
		if (atomic_load(&entry->state) != ENTRY_LIVE)
			continue;
		if (entry->used != 0 && !has_expired(shard, entry)) {
			entry->used = 0;
			continue;
		}
		entry_remove(shard, number);
		return true;
	}
	return false;
}

/* An entry out of the free list, with `count` cells. */
static uint32_t
entry_take(struct shard *shard, uint32_t count)
{
	struct shard_head *head = shard->head;
	uint32_t number, *link;

	while (!shard->damaged &&
	       (head->free_entry == 0 || read32(&head->free_cells) < count))
		if (!evict_one(shard))
			shard->damaged = true;
	number = follow(shard, &head->free_entry, shard->shared->entries);
	if (shard->damaged || number == NONE ||
	    atomic_load(&shard->entries[number].state) != ENTRY_FREE) {
		shard->damaged = true;
		return NONE;
	}
	head->free_entry = shard->entries[number].next;
	link = &shard->entries[number].first;
	for (; count > 0; count--) {
		uint32_t cell =
			follow(shard, &head->free_cell, shard->shared->cells);

		if (cell == NONE) {
			shard->damaged = true;
			return NONE;
		}
		*link = cell + 1;
		head->free_cell = shard->next[cell];
		head->free_cells--;
		link = &shard->next[cell];
	}
	*link = 0;
	return number;
}

/* The value under the key from now on. */
static enum portico_status
store(struct shard *shard, const struct shared_key *key,
      struct portico_slice value, uint64_t expires)
{
	const unsigned char *from = (const unsigned char *)key->data;
	uint32_t number, old, *bucket;
	struct entry *entry;

	number = entry_take(shard, cells_of(key->length + value.length));
	if (number == NONE)
		return PORTICO_FULL;
	/* It may have been thrown out just now. */
	old = find(shard, key);
	entry = &shard->entries[number];
	entry->used = 0;
	entry->hash = key->hash;
	entry->expires = expires;
	entry->stamp = ++shard->head->stamp;
	entry->key_length = key->length;
	entry->value_length = (uint32_t)value.length;
	walk(shard, entry, 0, key->length, piece_in, &from);
	from = (const unsigned char *)value.data;
	walk(shard, entry, key->length, value.length, piece_in, &from);
	if (shard->damaged)
		return PORTICO_FULL;
	atomic_store(&entry->state, ENTRY_LIVE);
	bucket = bucket_of(shard, key->hash);
	entry->next = *bucket;
	*bucket = number + 1;
	if (old != NONE)
		entry_remove(shard, old);
	return PORTICO_OK;
}

/* ---- what can be asked ------------------------------------------------------------------------ */

enum portico_status
shared_key_make(const struct shared *shared, const char *module,
		struct portico_slice key, struct shared_key *key_r)
{
	size_t length = strlen(module) + 1;

	CHECK(shared, SHARED_MAGIC);
	if (key.length == 0)
		return PORTICO_INVALID;
	if (key.length > PORTICO_SHARED_KEY_MAX)
		return PORTICO_TOO_LARGE;
	ASSERT(length + key.length <= sizeof(key_r->data));
	memcpy(key_r->data, module, length);
	memcpy(key_r->data + length, key.data, key.length);
	key_r->length = (uint32_t)(length + key.length);
	key_r->hash =
		hash_bytes_keyed(shared->seed, key_r->data, key_r->length);
	return PORTICO_OK;
}

static enum portico_status
visit_get(struct shard *shard, struct visit *visit)
{
	uint32_t number = find(shard, visit->key);
	unsigned char *to = visit->buffer;
	const struct entry *entry;

	if (number == NONE)
		return PORTICO_NOT_FOUND;
	entry = &shard->entries[number];
	visit->length = read32(&entry->value_length);
	if (visit->length > visit->size)
		return PORTICO_TOO_LARGE;
	walk(shard, entry, visit->key->length, visit->length, piece_out, &to);
	return PORTICO_OK;
}

enum portico_status
shared_get(struct shared *shared, const struct shared_key *key, void *buffer,
	   size_t size, size_t *length_r)
{
	struct visit visit = { .key = key, .buffer = buffer, .size = size };
	enum portico_status status = visit_shard(shared, &visit, visit_get);

	if (length_r != NULL)
		*length_r = visit.length;
	return status;
}

static uint64_t
expiry(uint64_t ttl_ns)
{
	uint64_t now = clock_monotonic_ns();

	if (ttl_ns == 0 || ttl_ns > UINT64_MAX - now)
		return 0;
	return now + ttl_ns;
}

static enum portico_status
visit_put(struct shard *shard, struct visit *visit)
{
	bool there = find(shard, visit->key) != NONE;

	if (there && visit->mode == PORTICO_SHARED_ADD)
		return PORTICO_EXISTS;
	if (!there && visit->mode == PORTICO_SHARED_REPLACE)
		return PORTICO_NOT_FOUND;
	return store(shard, visit->key, visit->value, visit->expires);
}

enum portico_status
shared_put(struct shared *shared, const struct shared_key *key,
	   struct portico_slice value, uint64_t ttl_ns,
	   enum portico_shared_mode mode)
{
	struct visit visit = { .key = key,
			       .value = value,
			       .expires = expiry(ttl_ns),
			       .mode = mode };

	if (value.length > PORTICO_SHARED_VALUE_MAX)
		return PORTICO_TOO_LARGE;
	return visit_shard(shared, &visit, visit_put);
}

static enum portico_status
visit_swap(struct shard *shard, struct visit *visit)
{
	uint32_t number = find(shard, visit->key);
	const struct entry *entry;

	if (number == NONE)
		return PORTICO_NOT_FOUND;
	entry = &shard->entries[number];
	if (read32(&entry->value_length) != visit->expected.length ||
	    !holds(shard, entry, visit->key->length, visit->expected))
		return PORTICO_STATE;
	return store(shard, visit->key, visit->value, visit->expires);
}

enum portico_status
shared_swap(struct shared *shared, const struct shared_key *key,
	    struct portico_slice expected, struct portico_slice value,
	    uint64_t ttl_ns)
{
	struct visit visit = { .key = key,
			       .value = value,
			       .expected = expected,
			       .expires = expiry(ttl_ns) };

	if (value.length > PORTICO_SHARED_VALUE_MAX)
		return PORTICO_TOO_LARGE;
	return visit_shard(shared, &visit, visit_swap);
}

static enum portico_status
visit_increment(struct shard *shard, struct visit *visit)
{
	uint32_t number = find(shard, visit->key);
	uint64_t expires = visit->expires, sum = 0;

	if (number != NONE) {
		const struct entry *entry = &shard->entries[number];
		unsigned char *to = (unsigned char *)&sum;

		if (read32(&entry->value_length) != sizeof(sum))
			return PORTICO_STATE;
		expires = entry->expires;
		if (!walk(shard, entry, visit->key->length, sizeof(sum),
			  piece_out, &to))
			return PORTICO_STATE;
	}
	sum += (uint64_t)visit->delta;
	visit->number = sum;
	return store(shard, visit->key,
		     (struct portico_slice){ (const char *)&sum, sizeof(sum) },
		     expires);
}

enum portico_status
shared_increment(struct shared *shared, const struct shared_key *key,
		 int64_t delta, uint64_t ttl_ns, uint64_t *value_r)
{
	struct visit visit = { .key = key,
			       .delta = delta,
			       .expires = expiry(ttl_ns) };
	enum portico_status status =
		visit_shard(shared, &visit, visit_increment);

	if (value_r != NULL && status == PORTICO_OK)
		*value_r = visit.number;
	return status;
}

static enum portico_status
visit_remove(struct shard *shard, struct visit *visit)
{
	uint32_t number = find(shard, visit->key);

	if (number == NONE)
		return PORTICO_NOT_FOUND;
	entry_remove(shard, number);
	return PORTICO_OK;
}

enum portico_status
shared_remove(struct shared *shared, const struct shared_key *key)
{
	struct visit visit = { .key = key };

	return visit_shard(shared, &visit, visit_remove);
}

/* ---- for tests ------------------------------------------------------------------------------- */

/* Live entries that are in their buckets; all cells are free or theirs. */
static int64_t
count_shard(struct shard *shard)
{
	struct shared *shared = shard->shared;
	int64_t live = 0, linked = 0;
	size_t cells = read32(&shard->head->free_cells);

	for (uint32_t i = 0; i < shared->entries; i++) {
		const struct entry *entry = &shard->entries[i];

		if (atomic_load(&entry->state) != ENTRY_LIVE)
			continue;
		live++;
		cells += cells_of((size_t)entry->key_length +
				  entry->value_length);
	}
	for (uint32_t i = 0; i < shared->buckets; i++) {
		const uint32_t *link = &shard->buckets[i];

		while (linked <= shared->entries) {
			uint32_t number = follow(shard, link, shared->entries);

			if (number == NONE)
				break;
			linked++;
			link = &shard->entries[number].next;
		}
	}
	return shard->damaged || live != linked || cells != shared->cells ?
		       -1 :
		       live;
}

int64_t
shared_count(struct shared *shared)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < shared->shard_count; i++) {
		struct shard shard;
		int64_t count;

		if (!enter(shared, i, &shard))
			return -2;
		count = count_shard(&shard);
		leave(&shard);
		if (count < 0)
			return -1;
		sum += count;
	}
	return sum;
}
