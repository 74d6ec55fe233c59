/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that the workers of a pool share: counters, and a store of keys and
 * values.  porticod makes it, with all bytes zero, which is the empty state;
 * where things lie follows from its size alone, so that nothing that is read
 * there is trusted for it.
 *
 * The workers trust each other, they have one identity.  Yet whatever is in
 * the memory, no function crashes or goes round for ever: each index is
 * checked, each walk is bounded, and a part that contradicts itself is made
 * anew from what is sound (shared_store.c).
 *
 * Any thread, but where it is said.
 */
#ifndef CORE_WORKER_SHARED_H
#define CORE_WORKER_SHARED_H

#include <portico/portico.h>

struct shared;
struct worker_loop;

/* In the memory: the slot of a counter. */
struct portico_shared_counter {
	_Atomic uint64_t value;
	_Atomic uint32_t ready; /* the name is complete */
	_Atomic uint32_t watched; /* somebody has once: ring the bell */
	uint32_t name_length;
	char name[108]; /* module, NUL, name */
};

/*
 * NULL with err.  OWNERSHIP: takes the descriptor when it succeeds; until
 * shared_close() no other descriptor of the same memory may be closed in this
 * process, since with that the kernel lets go of its slot.
 */
struct shared *shared_open(int fd, struct portico_error *err);

/* No thread uses it any more.  Accepts NULL; *p = NULL. */
void shared_close(struct shared **shared_p);

/* ---- counters (shared.c) ------------------------------------------------------- */

enum portico_status shared_counter(struct shared *shared, const char *module,
				   const char *name,
				   struct portico_shared_counter **counter_r);

/* Somebody may watch it: to be called after it was changed. */
void shared_ring(struct shared *shared, struct portico_shared_counter *counter);

/* ---- keys and values (shared_store.c); as portico/shared.h has them ------------- */

/* A key with its module, as it is kept. */
struct shared_key {
	char data[32 + 1 + PORTICO_SHARED_KEY_MAX];
	uint32_t length;
	uint64_t hash;
};

enum portico_status shared_key_make(const struct shared *shared,
				    const char *module,
				    struct portico_slice key,
				    struct shared_key *key_r);
enum portico_status shared_get(struct shared *shared,
			       const struct shared_key *key, void *buffer,
			       size_t size, size_t *length_r);
enum portico_status shared_put(struct shared *shared,
			       const struct shared_key *key,
			       struct portico_slice value, uint64_t ttl_ns,
			       enum portico_shared_mode mode);
enum portico_status shared_swap(struct shared *shared,
				const struct shared_key *key,
				struct portico_slice expected,
				struct portico_slice value, uint64_t ttl_ns);
enum portico_status shared_increment(struct shared *shared,
				     const struct shared_key *key,
				     int64_t delta, uint64_t ttl_ns,
				     uint64_t *value_r);
enum portico_status shared_remove(struct shared *shared,
				  const struct shared_key *key);

/* For tests: entries that live, of all parts; -1: one contradicts itself;
 * -2: AGAIN. */
int64_t shared_count(struct shared *shared);

/* ---- watches (shared_watch.c) ----------------------------------------------------- */

/* The loop's list; its thread only. */
struct portico_shared_watch *
shared_watch_start(struct shared *shared, struct portico_request *request,
		   struct portico_shared_counter *counter,
		   portico_shared_watch_fn *function, void *arg);
void shared_watch_stop(struct portico_shared_watch *watch);
void shared_watches_stop_all(struct portico_request *request);

/* Before the loops end: no message comes after it. */
void shared_watch_end(struct shared *shared);

#endif
