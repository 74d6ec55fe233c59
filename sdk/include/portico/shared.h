/* SPDX-License-Identifier: Apache-2.0
 *
 * State that the workers of one pool share: counters, and a bounded store of
 * keys and values that expire.
 *
 * It is memory of the pool, of the size that the pool's setting
 * `sharedMemory` says (1MiB unless set; 0: none, and everything here answers
 * PORTICO_UNSUPPORTED).  It lives as long as the pool: the crash of a worker
 * and recycling leave it as it is; the end of porticod, or another
 * `sharedMemory`, begins with an empty one.  Each module has names of its
 * own: what another module keeps it neither sees nor changes, but all share
 * the room.
 *
 * Everything may be called on any thread but where it says otherwise, and
 * nothing waits: what another worker holds for longer than 4 ms (it was
 * stopped in the middle, or is not run) answers PORTICO_AGAIN, once it is so at
 * once.  A worker that is killed
 * in the middle of a change leaves the old value or the new one.
 */
#ifndef PORTICO_SHARED_H
#define PORTICO_SHARED_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PORTICO_SHARED_NAME_MAX 60 /* bytes of a counter's name */
#define PORTICO_SHARED_KEY_MAX 250 /* bytes of a key; any bytes */
#define PORTICO_SHARED_VALUE_MAX 16384 /* bytes of a value */

struct portico_shared_counter; /* opaque; lives as long as the process */
struct portico_shared_watch; /* opaque */

/* Called on the request's loop with the value that the counter has now. */
typedef void portico_shared_watch_fn(struct portico_request *request,
				     uint64_t value, void *arg);

/* When portico_shared_put stores.  Since 1.0. */
enum portico_shared_mode {
	PORTICO_SHARED_SET, /* whether the key is there or not */
	PORTICO_SHARED_ADD, /* only if it is not there, else EXISTS */
	PORTICO_SHARED_REPLACE, /* only if it is there, else NOT_FOUND */
};

struct portico_host_shared {
	uint32_t size;

	/* 1.0 */
	enum portico_status (*counter)(struct portico_self *, const char *name,
				       struct portico_shared_counter **r);
	uint64_t (*counter_add)(struct portico_self *,
				struct portico_shared_counter *, int64_t delta);
	uint64_t (*counter_get)(struct portico_shared_counter *);
	void (*counter_set)(struct portico_self *,
			    struct portico_shared_counter *, uint64_t value);
	bool (*counter_swap)(struct portico_self *,
			     struct portico_shared_counter *,
			     uint64_t *expected, uint64_t value);
	struct portico_shared_watch *(*watch_start)(
		struct portico_request *, struct portico_shared_counter *,
		portico_shared_watch_fn *, void *arg);
	void (*watch_stop)(struct portico_shared_watch *);
	enum portico_status (*get)(struct portico_self *,
				   struct portico_slice key, void *buffer,
				   size_t size, size_t *length_r);
	enum portico_status (*read)(struct portico_self *,
				    struct portico_request *,
				    struct portico_slice key,
				    struct portico_slice *value_r);
	enum portico_status (*put)(struct portico_self *,
				   struct portico_slice key,
				   struct portico_slice value, uint64_t ttl_ns,
				   enum portico_shared_mode mode);
	enum portico_status (*swap)(struct portico_self *,
				    struct portico_slice key,
				    struct portico_slice expected,
				    struct portico_slice value,
				    uint64_t ttl_ns);
	enum portico_status (*increment)(struct portico_self *,
					 struct portico_slice key,
					 int64_t delta, uint64_t ttl_ns,
					 uint64_t *value_r);
	enum portico_status (*remove)(struct portico_self *,
				      struct portico_slice key);
};

/* ---- counters -------------------------------------------------------------- */

/*
 * The counter of this module that has this name, made with the value 0 when
 * no worker has asked for it before.  Usually asked for once, in worker_init.
 * Counters are never removed; there is room for one in each 4 KiB of
 * `sharedMemory`, at least 64.
 *   INVALID      an empty name, or one above PORTICO_SHARED_NAME_MAX bytes
 *   FULL         no room for another
 *   AGAIN        another worker makes one, and was stopped while it did
 *   UNSUPPORTED  the pool has no shared memory
 * Since 1.0.
 */
static inline enum portico_status
portico_shared_counter(const char *name,
		       struct portico_shared_counter **counter_r)
{
	return portico_host->shared->counter(portico_self, name, counter_r);
}

/*
 * Adds, atomically and without waiting; the sum.  Negative deltas subtract;
 * it wraps around at 2^64.  Since 1.0.
 */
static inline uint64_t
portico_shared_add(struct portico_shared_counter *counter, int64_t delta)
{
	return portico_host->shared->counter_add(portico_self, counter, delta);
}

/* Its value now.  Since 1.0. */
static inline uint64_t
portico_shared_value(struct portico_shared_counter *counter)
{
	return portico_host->shared->counter_get(counter);
}

/* Another value, whatever it was.  Since 1.0. */
static inline void
portico_shared_set(struct portico_shared_counter *counter, uint64_t value)
{
	portico_host->shared->counter_set(portico_self, counter, value);
}

/*
 * `value` if it is `*expected`: true.  Else false, and `*expected` is what it
 * is.  Since 1.0.
 */
static inline bool
portico_shared_exchange(struct portico_shared_counter *counter,
			uint64_t *expected, uint64_t value)
{
	return portico_host->shared->counter_swap(portico_self, counter,
						  expected, value);
}

/*
 * Call `fn` whenever the counter has another value than when it was called
 * last, or than now: whichever worker changed it.  Changes that follow each
 * other quickly are one call; one that is undone before it is seen is none.  A
 * writer that is killed between its change and the wake-up delays the call by
 * up to a second.  Until watch_stop or the end of the request; on its loop
 * only.  NULL: no shared memory, or no thread for it could be started.
 * Since 1.0.
 */
static inline struct portico_shared_watch *
portico_shared_watch_start(struct portico_request *request,
			   struct portico_shared_counter *counter,
			   portico_shared_watch_fn *fn, void *arg)
{
	return portico_host->shared->watch_start(request, counter, fn, arg);
}

/* Accepts NULL; not twice.  May be called in `fn`.  Since 1.0. */
static inline void
portico_shared_watch_stop(struct portico_shared_watch *watch)
{
	portico_host->shared->watch_stop(watch);
}

/* ---- keys and values --------------------------------------------------------- */

/*
 * A store that forgets: when there is no room, entries that were not used
 * lately are thrown out (second chance: roughly the least recently used), each
 * of them may be gone at any time.  What all of these may return:
 *   INVALID      an empty key
 *   TOO_LARGE    a key or value above its limit
 *   AGAIN        a worker was stopped while it held this part of the store
 *   UNSUPPORTED  the pool has no shared memory
 *
 * Copies the value into `buffer`; `*length_r` (may be NULL) gets its length
 * also when it is larger than `size` (TOO_LARGE; nothing is copied).
 *   NOT_FOUND    absent, expired or thrown out
 * Since 1.0.
 */
static inline enum portico_status
portico_shared_get(struct portico_slice key, void *buffer, size_t size,
		   size_t *length_r)
{
	return portico_host->shared->get(portico_self, key, buffer, size,
					 length_r);
}

/*
 * The same into the request's memory, NUL-terminated, for as long as the
 * request.  NO_MEMORY: the request has no room for it.  On its loop only.
 * Since 1.0.
 */
static inline enum portico_status
portico_shared_read(struct portico_request *request, struct portico_slice key,
		    struct portico_slice *value_r)
{
	return portico_host->shared->read(portico_self, request, key, value_r);
}

/*
 * Keeps a copy of the value for `ttl_ns` nanoseconds; 0: until it is thrown
 * out.  EXISTS, NOT_FOUND: as `mode` says.  Since 1.0.
 */
static inline enum portico_status
portico_shared_put(struct portico_slice key, struct portico_slice value,
		   uint64_t ttl_ns, enum portico_shared_mode mode)
{
	return portico_host->shared->put(portico_self, key, value, ttl_ns,
					 mode);
}

/*
 * Compare and set: `value` takes the place of `expected`, byte for byte.
 *   NOT_FOUND    there is no value
 *   STATE        there is another one
 * Since 1.0.
 */
static inline enum portico_status
portico_shared_swap(struct portico_slice key, struct portico_slice expected,
		    struct portico_slice value, uint64_t ttl_ns)
{
	return portico_host->shared->swap(portico_self, key, expected, value,
					  ttl_ns);
}

/*
 * Adds to a number that is kept under the key, and makes it `delta` when it is
 * absent.  The time to live counts from then on and later calls do not prolong
 * it, as a limit of events in a time needs it.  The value is a uint64_t in
 * the machine's order, for portico_shared_get too.
 *   STATE        the value has not 8 bytes
 * `value_r` (may be NULL) gets the sum.  Since 1.0.
 */
static inline enum portico_status
portico_shared_increment(struct portico_slice key, int64_t delta,
			 uint64_t ttl_ns, uint64_t *value_r)
{
	return portico_host->shared->increment(portico_self, key, delta, ttl_ns,
					       value_r);
}

/* NOT_FOUND: it was not there.  Since 1.0. */
static inline enum portico_status
portico_shared_remove(struct portico_slice key)
{
	return portico_host->shared->remove(portico_self, key);
}

#ifdef __cplusplus
}
#endif

#endif
