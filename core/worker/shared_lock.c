/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks in shared memory that outlive who holds them: see shared_priv.h.
 *
 * They are held for microseconds.  Two things make it longer: the holder is
 * not run for a while, or it is stopped; then the caller is refused after a
 * millisecond, and at once as long as it is the same hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "core/base/clock.h"
#include "core/worker/shared_priv.h"

#define OWNER_SLOT(word) ((uint32_t)((word) >> 48))
#define OWNER_GENERATION(word) ((uint32_t)((word) >> 32) & 0xffffu)

enum portico_status
shared_slot_claim(struct shared *shared)
{
	for (uint32_t slot = 0; slot < SHARED_SLOTS; slot++) {
		struct flock record = { .l_type = F_WRLCK,
					.l_whence = SEEK_SET,
					.l_start = slot,
					.l_len = 1 };
		uint32_t generation;

		if (fcntl(shared->fd, F_SETLK, &record) != 0) {
			if (errno == EAGAIN || errno == EACCES)
				continue;
			return PORTICO_SYSTEM;
		}
		/* What its former owner held is nobody's from here on. */
		generation = atomic_fetch_add(
				     &shared->header->generations[slot], 1) +
			     1;
		shared->owner = (uint64_t)(slot + 1) << 48 |
				(uint64_t)(generation & 0xffffu) << 32;
		return PORTICO_OK;
	}
	return PORTICO_FULL;
}

/* Whether the process that wrote this word is no more. */
static bool
is_orphan(const struct shared *shared, uint64_t word)
{
	uint32_t slot = OWNER_SLOT(word);
	struct flock record = { .l_type = F_WRLCK,
				.l_whence = SEEK_SET,
				.l_len = 1 };

	if (slot == 0 || slot > SHARED_SLOTS)
		return true; /* nobody writes that */
	if (OWNER_GENERATION(word) !=
	    (atomic_load(&shared->header->generations[slot - 1]) & 0xffffu))
		return true;
	if (slot == OWNER_SLOT(shared->owner))
		return false; /* another thread of ours */
	record.l_start = slot - 1;
	if (fcntl(shared->fd, F_GETLK, &record) != 0)
		return false;
	return record.l_type == F_UNLCK;
}

static inline void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static bool
try_spinning(_Atomic uint64_t *word, uint64_t mine)
{
	for (int i = 0; i < SHARED_LOCK_SPINS; i++) {
		uint64_t free = 0;

		if (atomic_compare_exchange_weak_explicit(word, &free, mine,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
		relax();
	}
	return false;
}

bool
shared_lock(struct shared *shared, _Atomic uint64_t *word, uint32_t number,
	    bool *inherited_r)
{
	uint64_t mine = shared->owner |
			atomic_fetch_add_explicit(&shared->sequence, 1,
						  memory_order_relaxed);
	uint64_t until = 0;

	*inherited_r = false;
	for (;;) {
		uint64_t seen, now;

		if (try_spinning(word, mine))
			return true;
		seen = atomic_load(word);
		if (seen == 0)
			continue;
		if (is_orphan(shared, seen)) {
			*inherited_r = true;
			if (atomic_compare_exchange_strong(word, &seen, mine))
				return true;
			*inherited_r = false;
			continue;
		}
		now = clock_monotonic_ns();
		if (until == 0)
			until = now + SHARED_LOCK_NS;
		if (now >= until ||
		    atomic_load(&shared->stuck[number]) == seen) {
			atomic_store(&shared->stuck[number], seen);
			return false;
		}
		sched_yield();
	}
}

void
shared_unlock(_Atomic uint64_t *word)
{
	atomic_store_explicit(word, 0, memory_order_release);
}
