/* SPDX-License-Identifier: Apache-2.0
 *
 * What a burst leaves behind: the pages of the worker's free blocks go back to
 * the system, those in use stay, and releases that wake nobody are found.
 */
#include "t/unit/channel/pair.h"

#include <sys/mman.h>

#define MANY 400 /* of the first segment's 512 */

/* Pages of the worker's first segment that are there. */
static unsigned
resident(const struct channel *worker)
{
	const struct segment *segment = &worker->own.segments[0];
	static unsigned char pages[4096];
	size_t count = segment->size / 4096;
	unsigned there = 0;

	assert_true(count <= sizeof(pages));
	assert_int_equal(mincore(segment->base, segment->size, pages), 0);
	for (size_t i = 0; i < count; i++)
		there += pages[i] & 1;
	return there;
}

/* `count` bodies of 4 KiB go to the listener, which holds them in `held_r`. */
static void
send_bodies(struct pair *pair, unsigned count, uint32_t *held_r)
{
	for (unsigned i = 0; i < count; i++) {
		struct channel_descriptor body =
			pair_body(pair->worker, 1, 4096);

		pair_send(pair->worker, &body);
		channel_flush(pair->worker);
		assert_int_equal(channel_receive(pair->listener, &body),
				 PORTICO_OK);
		held_r[i] = body.refs[0].block;
	}
}

static void
release_bodies(struct pair *pair, const uint32_t *held, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		channel_release(pair->listener, held[i]);
	channel_flush(pair->listener);
	assert_int_equal(pair_consume(pair->worker), 0);
}

static void
idle_pages_are_given_back(void **state)
{
	struct pair pair = pair_open();
	uint32_t held[MANY];
	unsigned before = resident(pair.worker);

	(void)state;
	for (int round = 0; round < 3; round++) {
		send_bodies(&pair, MANY, held);
		assert_true(resident(pair.worker) >= before + MANY);
		channel_trim(pair.worker);
		release_bodies(&pair, held, MANY);
		/* Used since the last trim, so they stay for this one. */
		channel_trim(pair.worker);
		assert_true(resident(pair.worker) >= before + MANY);
		channel_trim(pair.worker);
		/* But for the ring's own page. */
		assert_in_range(resident(pair.worker), 0, before + 10);
		assert_false(pair.worker->pages_stay);
		assert_int_equal(pair.worker->own.segments[0].touched, 0);
	}
	pair_close(&pair);
}

static void
blocks_in_use_keep_their_bytes(void **state)
{
	struct pair pair = pair_open();
	uint32_t held[MANY];

	(void)state;
	send_bodies(&pair, MANY, held);
	/* Every third one stays with the listener. */
	for (unsigned i = 0; i < MANY; i++) {
		if (i % 3 != 0)
			channel_release(pair.listener, held[i]);
	}
	channel_flush(pair.listener);
	assert_int_equal(pair_consume(pair.worker), 0);
	for (int i = 0; i < 4; i++)
		channel_trim(pair.worker);
	assert_in_range(resident(pair.worker), MANY / 3, MANY / 3 + 30);
	for (unsigned i = 0; i < MANY; i += 3) {
		struct channel_reference reference = { held[i], 4096 };
		const char *data = channel_block_data(pair.listener, reference);

		assert_non_null(data);
		assert_int_equal(data[0], 'b');
		assert_int_equal(data[4095], 'b');
		channel_release(pair.listener, held[i]);
	}
	channel_flush(pair.listener);
	assert_int_equal(pair_consume(pair.worker), 0);
	assert_int_equal(pair_in_use(pair.worker), 0);
	pair_close(&pair);
}

/* A load that goes on keeps its pages: no page is lost and faulted in again
 * by each trim. */
static void
what_is_used_again_and_again_stays(void **state)
{
	struct pair pair = pair_open();
	uint32_t held[16];
	unsigned there = 0;

	(void)state;
	for (int i = 0; i < 6; i++) {
		send_bodies(&pair, 16, held);
		release_bodies(&pair, held, 16);
		if (i == 1)
			there = resident(pair.worker);
		channel_trim(pair.worker);
		if (i > 1)
			assert_in_range(resident(pair.worker), there,
					there + 8);
	}
	assert_int_equal(pair.worker->own.segments[0].touched, 16);
	pair_close(&pair);
}

/* The listener cannot give pages of its region back; it tries nothing. */
static void
the_listener_drops_segments_only(void **state)
{
	struct pair pair = pair_open();
	uint32_t blocks[300], size;
	struct channel_usage usage;

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		assert_non_null(channel_block_alloc(
			pair.listener, CHANNEL_BLOCK_4K, &blocks[i], &size));
	for (unsigned i = 0; i < 300; i++)
		channel_block_cancel(pair.listener, blocks[i]);
	channel_trim(pair.listener);
	channel_trim(pair.listener);
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.segments, 1);
	assert_false(pair.listener->pages_stay);
	/* What stays for ever is small. */
	assert_true(pair.listener->own.bytes < 1 << 20);
	pair_close(&pair);
}

static void
trim_finds_releases_that_wake_nobody(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor none;
	uint32_t held[8];

	(void)state;
	send_bodies(&pair, 8, held);
	assert_int_equal(channel_receive(pair.worker, &none), PORTICO_AGAIN);
	assert_true(channel_sleep(pair.worker));
	for (unsigned i = 0; i < 8; i++)
		channel_release(pair.listener, held[i]);
	channel_flush(pair.listener);
	assert_false(pair_is_woken(pair.worker));
	/* Asleep, it does not look by itself ... */
	assert_true(channel_sleep(pair.worker));
	assert_int_equal(pair_in_use(pair.worker), 8);
	/* ... but after a trim it does. */
	channel_trim(pair.worker);
	assert_false(channel_sleep(pair.worker));
	assert_int_equal(channel_receive(pair.worker, &none), PORTICO_AGAIN);
	assert_int_equal(pair_in_use(pair.worker), 0);
	assert_true(channel_sleep(pair.worker));
	/* With nothing to find it goes on sleeping. */
	channel_trim(pair.worker);
	assert_int_equal(pair.worker->sleeping, CHANNEL_ASLEEP);
	pair_close(&pair);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(idle_pages_are_given_back),
	cmocka_unit_test(blocks_in_use_keep_their_bytes),
	cmocka_unit_test(what_is_used_again_and_again_stays),
	cmocka_unit_test(the_listener_drops_segments_only),
	cmocka_unit_test(trim_finds_releases_that_wake_nobody),
};

UNIT_MAIN(tests)
