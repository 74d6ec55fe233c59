/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared memory of a pool: opening it, and its counters.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/worker/shared_priv.h"
#include "core/worker/shared_store.h"

#define BYTES_MIN (64u * 1024)
#define COUNTERS_MIN 64u
#define COUNTERS_MAX 4096u
#define COUNTER_SHARE 4096u /* bytes of memory for each */
#define SHARD_BYTES_LEAST (64u * 1024)

static void
lay_out(struct shared *shared)
{
	size_t counters = shared->size / COUNTER_SHARE, rest;

	counters = counters < COUNTERS_MIN ? COUNTERS_MIN :
		   counters > COUNTERS_MAX ? COUNTERS_MAX :
					     counters;
	shared->header = (struct shared_header *)shared->base;
	shared->counters =
		(struct portico_shared_counter *)(shared->base +
						  SHARED_HEADER_BYTES);
	shared->counter_count = (uint32_t)counters;
	shared->shards = shared->base + SHARED_HEADER_BYTES +
			 counters * sizeof(shared->counters[0]);
	rest = shared->size - (size_t)(shared->shards - shared->base);
	shared->shard_count = 1;
	while (shared->shard_count < SHARED_SHARDS_MAX &&
	       rest / (shared->shard_count * 2) >= SHARD_BYTES_LEAST)
		shared->shard_count *= 2;
	shared->shard_bytes = rest / shared->shard_count & ~(size_t)63;
	shard_lay_out(shared);
}

/* The first who comes chooses it. */
static void
choose_seed(struct shared *shared)
{
	for (int i = 0; i < 2; i++) {
		uint64_t seed = 0, before = 0;

		if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0 ||
		    seed == 0)
			seed = (uintptr_t)shared | 1;
		shared->seed[i] = seed;
		if (!atomic_compare_exchange_strong(&shared->header->seed[i],
						    &before, seed))
			shared->seed[i] = before;
	}
}

static enum portico_status
join(struct shared *shared, struct portico_error *err)
{
	uint64_t version = 0;

	lay_out(shared);
	if (!atomic_compare_exchange_strong(&shared->header->version, &version,
					    SHARED_VERSION) &&
	    version != SHARED_VERSION)
		return error_set(err, PORTICO_UNSUPPORTED,
				 "the pool's shared memory is laid out as by "
				 "another version of portico-worker");
	choose_seed(shared);
	switch ((int)shared_slot_claim(shared)) {
	case PORTICO_OK:
		return PORTICO_OK;
	case PORTICO_FULL:
		return error_set(err, PORTICO_FULL,
				 "the pool's shared memory has no place for "
				 "another worker");
	default:
		return error_os(err, 0, "locking the pool's shared memory");
	}
}

struct shared *
shared_open(int fd, struct portico_error *err)
{
	struct shared *shared;
	struct stat about;

	if (fstat(fd, &about) != 0 || about.st_size < BYTES_MIN ||
	    !io_memfd_is_sealed(fd, IO_SEAL_SIZE, (size_t)about.st_size)) {
		error_set(err, PORTICO_PROTOCOL,
			  "the pool's shared memory is none");
		return NULL;
	}
	shared = mem_zalloc(sizeof(*shared));
	shared->magic = SHARED_MAGIC;
	pthread_mutex_init(&shared->watch_lock, NULL);
	shared->size = (size_t)about.st_size;
	shared->fd = fd;
	shared->base = mmap(NULL, shared->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);
	if (shared->base == MAP_FAILED) {
		shared->base = NULL;
		error_os(err, 0, "mapping the pool's shared memory");
	} else if (join(shared, err) == PORTICO_OK) {
		return shared;
	}
	shared->fd = -1;
	shared_close(&shared);
	return NULL;
}

void
shared_close(struct shared **shared_p)
{
	struct shared *shared = *shared_p;

	*shared_p = NULL;
	if (shared == NULL)
		return;
	CHECK(shared, SHARED_MAGIC);
	shared_watch_end(shared);
	if (shared->base != NULL)
		munmap(shared->base, shared->size);
	io_close(&shared->fd);
	pthread_mutex_destroy(&shared->watch_lock);
	shared->magic = 0;
	mem_free(shared);
}

/* ---- counters ------------------------------------------------------------------------ */

struct counter_name {
	char text[sizeof(((struct portico_shared_counter *)NULL)->name)];
	uint32_t length;
};

static bool
is_named(struct portico_shared_counter *counter,
	 const struct counter_name *name)
{
	return atomic_load_explicit(&counter->ready, memory_order_acquire) !=
		       0 &&
	       counter->name_length == name->length &&
	       memcmp(counter->name, name->text, name->length) == 0;
}

static struct portico_shared_counter *
find(struct shared *shared, const struct counter_name *name)
{
	for (uint32_t i = 0; i < shared->counter_count; i++)
		if (is_named(&shared->counters[i], name))
			return &shared->counters[i];
	return NULL;
}

/* Under the lock.  Who died in the middle has left no name: it is taken. */
static struct portico_shared_counter *
find_or_make(struct shared *shared, const struct counter_name *name)
{
	struct portico_shared_counter *counter = find(shared, name);

	for (uint32_t i = 0; i < shared->counter_count && counter == NULL;
	     i++) {
		struct portico_shared_counter *one = &shared->counters[i];

		if (atomic_load(&one->ready) != 0)
			continue;
		atomic_store(&one->value, 0);
		one->name_length = name->length;
		memcpy(one->name, name->text, name->length);
		atomic_store_explicit(&one->ready, 1, memory_order_release);
		counter = one;
	}
	return counter;
}

enum portico_status
shared_counter(struct shared *shared, const char *module, const char *name,
	       struct portico_shared_counter **counter_r)
{
	size_t module_length = strlen(module), length = strlen(name);
	struct counter_name full;
	bool inherited;

	CHECK(shared, SHARED_MAGIC);
	*counter_r = NULL;
	if (length == 0 || length > PORTICO_SHARED_NAME_MAX)
		return PORTICO_INVALID;
	ASSERT(module_length + 1 + length <= sizeof(full.text));
	memcpy(full.text, module, module_length + 1);
	memcpy(full.text + module_length + 1, name, length);
	full.length = (uint32_t)(module_length + 1 + length);
	*counter_r = find(shared, &full);
	if (*counter_r != NULL)
		return PORTICO_OK;
	if (!shared_lock(shared, &shared->header->lock, 0, &inherited))
		return PORTICO_AGAIN;
	*counter_r = find_or_make(shared, &full);
	shared_unlock(&shared->header->lock);
	return *counter_r == NULL ? PORTICO_FULL : PORTICO_OK;
}
