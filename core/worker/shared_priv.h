/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies where in the shared memory, and its locks.
 *
 *	header | counters | shard | shard | ...
 *
 * A lock is a word: 0, or who holds it {slot + 1, generation, sequence}.  Each
 * worker has a slot, which it claims by a record lock (fcntl) on the byte of
 * that number: the kernel lets go of it when the process ends, however it
 * ends.  So whether a holder lives can be told without asking it, and a number
 * of a process that is used again deceives nobody.
 */
#ifndef CORE_WORKER_SHARED_PRIV_H
#define CORE_WORKER_SHARED_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/check.h"
#include "core/worker/shared.h"

#define SHARED_MAGIC 0x53484152u
#define SHARED_VERSION UINT64_C(0x1053484152454431) /* of the layout */
#define SHARED_SLOTS 512u /* workers at once */
#define SHARED_SHARDS_MAX 256u
#define SHARED_LOCK_NS 4000000ull /* nobody is waited for longer */
#define SHARED_LOCK_SPINS 200 /* before one looks who it is */

struct shared_header {
	_Atomic uint64_t version;
	_Atomic uint64_t seed[2]; /* of the hash; 0 = not chosen */
	_Atomic uint64_t lock; /* for making counters */
	_Atomic uint32_t bell; /* a futex: a watched counter has changed */
	uint32_t unused[7];
	_Atomic uint32_t generations[SHARED_SLOTS];
};
#define SHARED_HEADER_BYTES 4096u
_Static_assert(sizeof(struct shared_header) <= SHARED_HEADER_BYTES,
	       "the header has its room");
_Static_assert(sizeof(struct portico_shared_counter) == 128,
	       "a counter is two cache lines");

/* Of this process. */
struct shared {
	unsigned magic;
	int fd;
	unsigned char *base;
	size_t size;
	struct shared_header *header;
	uint64_t seed[2]; /* as they were at the beginning */
	struct portico_shared_counter *counters;
	uint32_t counter_count;
	unsigned char *shards;
	size_t shard_bytes;
	uint32_t shard_count, buckets, entries, cells; /* of each shard */
	uint64_t owner; /* slot + 1 and generation, above the sequence */
	_Atomic uint32_t sequence;
	/* What each lock was when it could not be had: not waited for again. */
	_Atomic uint64_t stuck[1 + SHARED_SHARDS_MAX];

	/* shared_watch.c */
	pthread_mutex_t watch_lock; /* starting and ending the thread */
	pthread_t watcher;
	bool watching; /* there is the thread */
	_Atomic bool ending;
	_Atomic uint32_t watched_loops[8]; /* bit: a loop has watches */
	_Atomic(struct worker_loop *) loops[256];
};

/* ---- shared_lock.c ------------------------------------------------------------------ */

/* Claims a slot.  PORTICO_FULL: too many processes. */
enum portico_status shared_slot_claim(struct shared *shared);

/*
 * `number`: 0 for the header's lock, 1 + n for that of shard n.  False: not to
 * be had within SHARED_LOCK_NS.  `inherited_r`: who had it died, and what it
 * guards may be half done.
 */
bool shared_lock(struct shared *shared, _Atomic uint64_t *word, uint32_t number,
		 bool *inherited_r);
void shared_unlock(_Atomic uint64_t *word);

#endif
