/* SPDX-License-Identifier: Apache-2.0
 *
 * Claim words: one winner, whoever races.
 */
#include "t/unit/channel/pair.h"

#include <pthread.h>
#include <sched.h>

static void
an_offer_is_taken_and_started(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	channel_claim_offer(pair.listener, 7, 5);
	assert_int_equal(channel_claim_state(pair.listener, 7, 5),
			 CHANNEL_CLAIM_OFFERED);
	assert_false(channel_claim_take(pair.worker, 7, 4));
	assert_true(channel_claim_take(pair.worker, 7, 5));
	assert_false(channel_claim_take(pair.worker, 7, 5));
	assert_false(channel_claim_revoke(pair.listener, 7, 5));
	assert_int_equal(channel_claim_state(pair.listener, 7, 5),
			 CHANNEL_CLAIM_TAKEN);
	assert_true(channel_claim_start(pair.worker, 7, 5));
	assert_int_equal(channel_claim_state(pair.listener, 7, 5),
			 CHANNEL_CLAIM_STARTED);
	assert_false(channel_claim_withdraw(pair.listener, 7, 5));
	pair_close(&pair);
}

/* The listener has lost the worker, which may live and go on. */
static void
what_was_not_started_is_withdrawn(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	channel_claim_offer(pair.listener, 7, 5);
	assert_false(channel_claim_withdraw(pair.listener, 7, 6));
	assert_true(channel_claim_withdraw(pair.listener, 7, 5));
	assert_false(channel_claim_take(pair.worker, 7, 5));
	channel_claim_offer(pair.listener, 7, 6);
	assert_true(channel_claim_take(pair.worker, 7, 6));
	assert_false(channel_claim_revoke(pair.listener, 7, 6));
	assert_true(channel_claim_withdraw(pair.listener, 7, 6));
	assert_false(channel_claim_start(pair.worker, 7, 6));
	assert_int_equal(channel_claim_state(pair.listener, 7, 6),
			 CHANNEL_CLAIM_REVOKED);
	pair_close(&pair);
}

static void
a_revoked_offer_cannot_be_taken(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	channel_claim_offer(pair.listener, 7, 5);
	assert_false(channel_claim_revoke(pair.listener, 7, 6));
	assert_true(channel_claim_revoke(pair.listener, 7, 5));
	assert_false(channel_claim_take(pair.worker, 7, 5));
	assert_int_equal(channel_claim_state(pair.listener, 7, 5),
			 CHANNEL_CLAIM_REVOKED);
	/* The next use of the slot is another one. */
	channel_claim_offer(pair.listener, 7, 6);
	assert_false(channel_claim_take(pair.worker, 7, 5));
	assert_true(channel_claim_take(pair.worker, 7, 6));
	pair_close(&pair);
}

/* Rather not replayed than run twice. */
static void
what_is_unknown_counts_as_started(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	channel_claim_offer(pair.listener, 7, 5);
	assert_int_equal(channel_claim_state(pair.listener, 7, 6),
			 CHANNEL_CLAIM_STARTED);
	atomic_store(&pair.worker->claims[7].claim, CHANNEL_CLAIM_WORD(5, 77));
	assert_int_equal(channel_claim_state(pair.listener, 7, 5),
			 CHANNEL_CLAIM_STARTED);
	assert_false(channel_claim_revoke(pair.listener, 7, 5));
	pair_close(&pair);
}

static void
progress_and_heartbeat_outlive_the_worker(void **state)
{
	struct pair pair = pair_open();
	uint16_t event, module;

	(void)state;
	channel_progress_set(pair.worker, 3, 0x2bcd, 0x1234);
	assert_false(channel_progress_crashed(pair.listener, 3));
	/* As its thread does when it dies. */
	atomic_fetch_or(&channel_progress_of(pair.worker, 3)->progress,
			CHANNEL_PROGRESS_CRASHED);
	for (int i = 0; i < 5; i++)
		channel_heartbeat(pair.worker);
	channel_free(&pair.worker);
	channel_progress_get(pair.listener, 3, &event, &module);
	assert_true(channel_progress_crashed(pair.listener, 3));
	assert_int_equal(event, 0x2bcd);
	assert_int_equal(module, 0x1234);
	assert_true(channel_progress_at(pair.listener, 3) > 0);
	assert_int_equal(channel_heartbeat_get(pair.listener), 5);
	pair_close(&pair);
}

/* ---- the race ---------------------------------------------------------------- */

#define ROUNDS 100000
#define SLOTS 64

static struct pair race;
static _Atomic uint32_t offered, finished;
static unsigned char taken[ROUNDS + 1];

/* How far the worker goes, and how the listener takes back. */
struct race_kind {
	bool start;
	bool (*take_back)(struct channel *channel, uint32_t slot,
			  uint32_t generation);
};

static void *
take_all(void *arg)
{
	const struct race_kind *kind = arg;

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		bool mine;

		while (atomic_load(&offered) < round)
			sched_yield();
		mine = channel_claim_take(race.worker, round % SLOTS, round);
		if (mine && kind->start)
			mine = channel_claim_start(race.worker, round % SLOTS,
						   round);
		taken[round] = mine;
		atomic_store(&finished, round);
	}
	return NULL;
}

static void
run_race(struct race_kind kind)
{
	uint32_t revokes = 0, wrong = 0;
	pthread_t thread;

	race = pair_open();
	atomic_store(&offered, 0);
	atomic_store(&finished, 0);
	assert_int_equal(pthread_create(&thread, NULL, take_all, &kind), 0);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		uint32_t slot = round % SLOTS;
		bool revoked;

		channel_claim_offer(race.listener, slot, round);
		atomic_store(&offered, round);
		/* Vary who comes first. */
		for (volatile uint32_t spin = round % 97; spin > 0; spin--)
			;
		if (round % 64 == 0)
			sched_yield();
		revoked = kind.take_back(race.listener, slot, round);
		while (atomic_load(&finished) < round)
			sched_yield();
		revokes += revoked;
		wrong += revoked == (taken[round] != 0);
	}
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
	/* Both have happened, or it was no race. */
	assert_true(revokes > 0);
	assert_true(revokes < ROUNDS);
	pair_close(&race);
}

static void
exactly_one_side_wins(void **state)
{
	(void)state;
	run_race((struct race_kind){ .take_back = channel_claim_revoke });
	run_race((struct race_kind){ .start = true,
				     .take_back = channel_claim_withdraw });
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_offer_is_taken_and_started),
	cmocka_unit_test(what_was_not_started_is_withdrawn),
	cmocka_unit_test(a_revoked_offer_cannot_be_taken),
	cmocka_unit_test(what_is_unknown_counts_as_started),
	cmocka_unit_test(progress_and_heartbeat_outlive_the_worker),
	cmocka_unit_test(exactly_one_side_wins),
};

UNIT_MAIN(tests)
