/* SPDX-License-Identifier: Apache-2.0
 *
 * Claim words, progress and heartbeat: single words in the up region.
 *
 * OFFERED becomes TAKEN by the worker or REVOKED by the listener, each by
 * compare-and-swap, so exactly one of them has the request.  TAKEN becomes
 * STARTED in the same way, since a listener that has lost the worker withdraws
 * what was taken while that worker may still live.  What a word says
 * the listener believes only to the worker's own disadvantage.
 */
#include <time.h>

#include "core/base/clock.h"
#include "core/channel/channel_priv.h"

#define CLAIMS_PER_PAGE (4096u / (uint32_t)sizeof(struct channel_slot))

static struct channel_slot *
slot_get(struct channel *channel, uint32_t slot)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	ASSERT(slot < channel->slots);
	return &channel->claims[slot];
}

static bool
claim_swap(struct channel_slot *slot, uint32_t generation,
	   enum channel_claim from, enum channel_claim to)
{
	uint32_t expected = CHANNEL_CLAIM_WORD(generation, from);

	return atomic_compare_exchange_strong_explicit(
		&slot->claim, &expected, CHANNEL_CLAIM_WORD(generation, to),
		memory_order_acq_rel, memory_order_acquire);
}

bool
channel_claim_ready(struct channel *channel, uint32_t slot)
{
	const uint64_t size = sizeof(channel->claims[0]);

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	ASSERT(channel->listener && slot < channel->slots);
	if (slot < channel->slots_ready)
		return true;
	channel->memory_short = !region_populate(channel->claims,
						 channel->slots_ready * size,
						 (slot + 1) * size);
	if (channel->memory_short) {
		/* channel_trim tries again, and on_room follows. */
		channel->room_wanted = true;
		channel_mark_dirty(channel);
		return false;
	}
	/* Whole pages. */
	channel->slots_ready =
		(slot + CLAIMS_PER_PAGE) / CLAIMS_PER_PAGE * CLAIMS_PER_PAGE;
	return true;
}

void
channel_claim_offer(struct channel *channel, uint32_t slot, uint32_t generation)
{
	ASSERT(channel->listener && generation >= 1 &&
	       generation <= CHANNEL_GENERATION_MAX);
	atomic_store_explicit(&slot_get(channel, slot)->claim,
			      CHANNEL_CLAIM_WORD(generation,
						 CHANNEL_CLAIM_OFFERED),
			      memory_order_release);
}

bool
channel_claim_revoke(struct channel *channel, uint32_t slot,
		     uint32_t generation)
{
	ASSERT(channel->listener);
	return claim_swap(slot_get(channel, slot), generation,
			  CHANNEL_CLAIM_OFFERED, CHANNEL_CLAIM_REVOKED);
}

bool
channel_claim_take(struct channel *channel, uint32_t slot, uint32_t generation)
{
	ASSERT(!channel->listener);
	return claim_swap(slot_get(channel, slot), generation,
			  CHANNEL_CLAIM_OFFERED, CHANNEL_CLAIM_TAKEN);
}

bool
channel_claim_start(struct channel *channel, uint32_t slot, uint32_t generation)
{
	ASSERT(!channel->listener);
	return claim_swap(slot_get(channel, slot), generation,
			  CHANNEL_CLAIM_TAKEN, CHANNEL_CLAIM_STARTED);
}

bool
channel_claim_withdraw(struct channel *channel, uint32_t slot,
		       uint32_t generation)
{
	ASSERT(channel->listener);
	/* In the order in which the worker goes, so none is missed. */
	return claim_swap(slot_get(channel, slot), generation,
			  CHANNEL_CLAIM_OFFERED, CHANNEL_CLAIM_REVOKED) ||
	       claim_swap(slot_get(channel, slot), generation,
			  CHANNEL_CLAIM_TAKEN, CHANNEL_CLAIM_REVOKED);
}

enum channel_claim
channel_claim_state(struct channel *channel, uint32_t slot, uint32_t generation)
{
	uint32_t word = atomic_load_explicit(&slot_get(channel, slot)->claim,
					     memory_order_acquire);

	if (word >> 8 != generation)
		return CHANNEL_CLAIM_STARTED;
	switch (word & 0xffu) {
	case CHANNEL_CLAIM_FREE:
	case CHANNEL_CLAIM_OFFERED:
	case CHANNEL_CLAIM_TAKEN:
	case CHANNEL_CLAIM_REVOKED:
		return (enum channel_claim)(word & 0xffu);
	default:
		return CHANNEL_CLAIM_STARTED;
	}
}

/* To the tick is exact enough for "stuck", and a fifth of the cost. */
static uint64_t
coarse_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

struct channel_slot *
channel_progress_of(struct channel *channel, uint32_t slot)
{
	return slot_get(channel, slot);
}

uint64_t
channel_progress_clock(void)
{
	return coarse_ns();
}

void
channel_progress_set(struct channel *channel, uint32_t slot, uint16_t event,
		     uint16_t module)
{
	struct channel_slot *s = slot_get(channel, slot);

	atomic_store_explicit(&s->progress, (uint32_t)event << 16 | module,
			      memory_order_relaxed);
	atomic_store_explicit(&s->progress_at, coarse_ns(),
			      memory_order_release);
}

void
channel_progress_get(struct channel *channel, uint32_t slot, uint16_t *event_r,
		     uint16_t *module_r)
{
	uint32_t word = atomic_load_explicit(&slot_get(channel, slot)->progress,
					     memory_order_acquire);

	*event_r = (uint16_t)((word & ~CHANNEL_PROGRESS_CRASHED) >> 16);
	*module_r = (uint16_t)word;
}

bool
channel_progress_crashed(struct channel *channel, uint32_t slot)
{
	uint32_t word = atomic_load_explicit(&slot_get(channel, slot)->progress,
					     memory_order_acquire);

	return (word & CHANNEL_PROGRESS_CRASHED) != 0;
}

uint64_t
channel_progress_at(struct channel *channel, uint32_t slot)
{
	return atomic_load_explicit(&slot_get(channel, slot)->progress_at,
				    memory_order_acquire);
}

void
channel_heartbeat(struct channel *channel)
{
	uint64_t turns;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	turns = atomic_load_explicit(&channel->out->heartbeat,
				     memory_order_relaxed);
	atomic_store_explicit(&channel->out->heartbeat, turns + 1,
			      memory_order_relaxed);
}

uint64_t
channel_heartbeat_get(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return atomic_load_explicit(&channel->in->heartbeat,
				    memory_order_relaxed);
}
