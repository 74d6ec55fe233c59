/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks: allocation, ownership, and releases that are lies.
 */
#include "t/unit/channel/pair.h"

static void
each_class_has_its_size_and_memory_of_its_own(void **state)
{
	struct pair pair = pair_open();
	uint32_t blocks[3], sizes[3];
	char *memory[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		memory[i] = channel_block_alloc(pair.worker,
						(enum channel_block_class)i,
						&blocks[i], &sizes[i]);
		assert_non_null(memory[i]);
		memset(memory[i], 'a' + i, sizes[i]);
	}
	assert_int_equal(sizes[0], 4096);
	assert_int_equal(sizes[1], 16384);
	assert_int_equal(sizes[2], 65536);
	for (int i = 0; i < 3; i++) {
		struct channel_reference whole = { blocks[i], sizes[i] };
		const char *seen = channel_block_data(pair.listener, whole);

		assert_non_null(seen);
		assert_int_equal(seen[0], 'a' + i);
		assert_int_equal(seen[sizes[i] - 1], 'a' + i);
		assert_ptr_equal(channel_block_own(pair.worker, blocks[i]),
				 memory[i]);
		whole.length++;
		assert_null(channel_block_data(pair.listener, whole));
		channel_block_cancel(pair.worker, blocks[i]);
	}
	assert_int_equal(pair_in_use(pair.worker), 0);
	pair_close(&pair);
}

static void
a_block_goes_there_and_back(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor, body;
	struct channel_usage usage;

	(void)state;
	body = pair_body(pair.worker, 1, 4096);
	assert_int_equal(pair_in_use(pair.worker), 1);
	pair_send(pair.worker, &body);
	channel_flush(pair.worker);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_OK);
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.held, 1);
	channel_release(pair.listener, descriptor.refs[0].block);
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.held, 0);
	channel_flush(pair.listener);
	assert_int_equal(pair_consume(pair.worker), 0);
	assert_int_equal(pair_in_use(pair.worker), 0);
	pair_close(&pair);
}

static void
releases_travel_by_the_dozen(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor, body;
	uint64_t before;

	(void)state;
	for (int i = 0; i < 30; i++) {
		body = pair_body(pair.listener, 1, 10);
		pair_send(pair.listener, &body);
	}
	channel_flush(pair.listener);
	before = pair.worker->tail;
	assert_int_equal(pair_consume(pair.worker), 30);
	channel_flush(pair.worker);
	assert_int_equal(pair.worker->tail - before, 3);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_AGAIN);
	assert_int_equal(pair_in_use(pair.listener), 0);
	pair_close(&pair);
}

static void
the_head_comes_back_by_end(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor request = pair_request(pair.listener, 5, 9);
	struct channel_descriptor end = { .type = CHANNEL_END,
					  .slot = 5,
					  .generation = 9 };
	struct channel_descriptor descriptor;

	(void)state;
	pair_send(pair.listener, &request);
	channel_flush(pair.listener);
	assert_int_equal(pair_consume(pair.worker), 1);
	pair_send(pair.worker, &end);
	channel_flush(pair.worker);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_OK);
	assert_int_equal(descriptor.type, CHANNEL_END);
	channel_block_returned(pair.listener, request.refs[0].block);
	assert_int_equal(pair_in_use(pair.listener), 0);
	/* Once more does no harm, also when the block is used again. */
	channel_block_returned(pair.listener, request.refs[0].block);
	request = pair_request(pair.listener, 5, 10);
	channel_block_returned(pair.listener, request.refs[0].block - 1);
	assert_int_equal(pair_in_use(pair.listener), 1);
	pair_close(&pair);
}

static void
a_larger_block_serves_when_small_ones_are_gone(void **state)
{
	struct channel_options options = { .slots = 4, .memory_max = 1 << 20 };
	struct pair pair = pair_open_with(options);
	struct channel_usage usage;
	uint32_t block, size, got[CHANNEL_BLOCK_CLASSES] = { 0 };

	(void)state;
	channel_get_usage(pair.listener, &usage);
	while (channel_block_alloc(pair.listener, CHANNEL_BLOCK_4K, &block,
				   &size) != NULL) {
		got[0] += size == 4096;
		got[1] += size == 16384;
		got[2] += size == 65536;
	}
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		assert_true(got[i] > 0);
		assert_int_equal(got[i], usage.blocks[i]);
	}
	/* Never a smaller one. */
	channel_block_cancel(pair.listener, CHANNEL_BLOCK(0, 0, 1));
	assert_null(channel_block_alloc(pair.listener, CHANNEL_BLOCK_16K,
					&block, &size));
	pair_close(&pair);
}

/* ---- lies ------------------------------------------------------------------ */

static void
forge_release(struct pair *pair, uint32_t block, unsigned times)
{
	struct channel_descriptor release = { .type = CHANNEL_RELEASE };

	release.count = (uint8_t)times;
	for (unsigned i = 0; i < times; i++)
		release.blocks[i] = block;
	pair_forge(pair->worker, &release);
}

#define NOT_SENT "release of a block that was not sent or was released before"
#define NO_BLOCK                                                               \
	"release of a block that does not exist, or of an earlier use of it"

static void
releases_that_cannot_be_are_lies(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++) {
		struct pair pair = pair_open();
		struct channel_descriptor sent = pair_body(pair.listener, 1, 5);
		struct channel_descriptor unsent =
			pair_body(pair.listener, 1, 5);
		struct channel_descriptor head =
			pair_request(pair.listener, 1, 1);
		uint32_t block = sent.refs[0].block;

		pair_send(pair.listener, &sent);
		pair_send(pair.listener, &head);
		channel_flush(pair.listener);
		switch (i) {
		case 0: /* twice */
			forge_release(&pair, block, 2);
			pair_expect_lie(pair.listener, NOT_SENT);
			break;
		case 1: /* allocated, never sent */
			forge_release(&pair, unsent.refs[0].block, 1);
			pair_expect_lie(pair.listener, NOT_SENT);
			break;
		case 2: /* a head belongs to the request until END */
			forge_release(&pair, head.refs[0].block, 1);
			pair_expect_lie(pair.listener, NOT_SENT);
			break;
		case 3: /* never allocated */
			forge_release(&pair, CHANNEL_BLOCK(0, 9, 0), 1);
			pair_expect_lie(pair.listener, NOT_SENT);
			break;
		case 4: /* another generation */
			forge_release(&pair, block + 1, 1);
			pair_expect_lie(pair.listener, NO_BLOCK);
			break;
		case 5: /* beyond the segment */
			forge_release(&pair, CHANNEL_BLOCK(0, 1000, 1), 1);
			pair_expect_lie(pair.listener, NO_BLOCK);
			break;
		default: /* no such segment */
			forge_release(&pair, CHANNEL_BLOCK_NONE, 1);
			pair_expect_lie(pair.listener, NO_BLOCK);
			break;
		}
		pair_close(&pair);
	}
}

static void
the_release_of_an_earlier_use_is_a_lie(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor body = pair_body(pair.listener, 1, 5);
	uint32_t block = body.refs[0].block, again;

	(void)state;
	pair_send(pair.listener, &body);
	channel_flush(pair.listener);
	forge_release(&pair, block, 1);
	assert_int_equal(pair_consume(pair.listener), 0);
	body = pair_body(pair.listener, 1, 5);
	again = body.refs[0].block;
	assert_int_equal(CHANNEL_BLOCK_INDEX(again),
			 CHANNEL_BLOCK_INDEX(block));
	assert_int_not_equal(again, block);
	pair_send(pair.listener, &body);
	channel_flush(pair.listener);
	forge_release(&pair, block, 1);
	pair_expect_lie(pair.listener, NO_BLOCK);
	pair_close(&pair);
}

static void
a_block_sent_twice_is_a_lie_only_while_it_is_held(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor body = {
		.type = CHANNEL_BODY,
		.count = 1,
		.generation = 1,
		.refs = { { CHANNEL_BLOCK(0, 0, 1), 10 } },
	};

	(void)state;
	pair_forge(pair.worker, &body);
	assert_int_equal(pair_consume(pair.listener), 1);
	pair_forge(pair.worker, &body);
	assert_int_equal(pair_consume(pair.listener), 1);
	pair_forge(pair.worker, &body);
	pair_forge(pair.worker, &body);
	(void)channel_receive(pair.listener, &body);
	pair_expect_lie(pair.listener, "block sent again before it was "
				       "released");
	pair_close(&pair);
}

static unsigned told;

static void
on_room(struct channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	told++;
}

/* Takes blocks of 64 KiB as long as memory is as `scarce` says. */
static unsigned
take_while(struct pair *pair, bool scarce, uint32_t *blocks, unsigned most)
{
	unsigned count = 0;
	uint32_t size;

	while (count < most && channel_is_scarce(pair->listener) == scarce) {
		assert_non_null(channel_block_alloc(pair->listener,
						    CHANNEL_BLOCK_64K,
						    &blocks[count], &size));
		count++;
	}
	return count;
}

static void
who_waits_for_plenty_is_told_of_it(void **state)
{
	struct channel_options options = { .memory_max = 8 << 20 };
	struct pair pair = pair_open_with(options);
	struct channel_descriptor none;
	uint32_t blocks[128];
	unsigned count;

	(void)state;
	told = 0;
	channel_on_room(pair.listener, on_room, NULL);
	count = take_while(&pair, false, blocks, 128);
	/* Three quarters of 8 MiB. */
	assert_int_equal(count, 97);
	channel_want_plenty(pair.listener);
	/* From one end of the band to the other nobody is told. */
	while (count > 80) {
		channel_block_cancel(pair.listener, blocks[--count]);
		(void)channel_receive(pair.listener, &none);
		assert_int_equal(told, count == 80);
	}
	assert_false(channel_is_scarce(pair.listener));
	/* Once. */
	while (count > 0)
		channel_block_cancel(pair.listener, blocks[--count]);
	(void)channel_receive(pair.listener, &none);
	assert_int_equal(told, 1);
	pair_close(&pair);
}

static void
both_ends_know_how_much_there_may_be(void **state)
{
	struct channel_options options = { .memory_max = 24 << 20 };
	struct pair pair = pair_open_with(options);

	(void)state;
	assert_int_equal(pair.listener->memory_max, 24 << 20);
	assert_int_equal(pair.worker->memory_max, 24 << 20);
	pair_close(&pair);
	pair = pair_open();
	assert_int_equal(pair.worker->memory_max, CHANNEL_MEMORY_DEFAULT_BYTES);
	assert_int_equal(pair.listener->memory_max,
			 CHANNEL_MEMORY_DEFAULT_BYTES);
	pair_close(&pair);
}

static struct pair aborting;

static void
release_what_is_not_held(void)
{
	channel_release(aborting.listener, CHANNEL_BLOCK(0, 0, 1));
}

static void
send_twice(void)
{
	struct channel_descriptor body = pair_body(aborting.worker, 1, 1);

	channel_send(aborting.worker, &body);
	channel_send(aborting.worker, &body);
}

static void
our_own_mistakes_abort(void **state)
{
	(void)state;
	aborting = pair_open();
	unit_assert_aborts(release_what_is_not_held, "BLOCK_HELD");
	unit_assert_aborts(send_twice, "BLOCK_OWN");
	pair_close(&aborting);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_class_has_its_size_and_memory_of_its_own),
	cmocka_unit_test(a_block_goes_there_and_back),
	cmocka_unit_test(releases_travel_by_the_dozen),
	cmocka_unit_test(the_head_comes_back_by_end),
	cmocka_unit_test(a_larger_block_serves_when_small_ones_are_gone),
	cmocka_unit_test(releases_that_cannot_be_are_lies),
	cmocka_unit_test(the_release_of_an_earlier_use_is_a_lie),
	cmocka_unit_test(a_block_sent_twice_is_a_lie_only_while_it_is_held),
	cmocka_unit_test(who_waits_for_plenty_is_told_of_it),
	cmocka_unit_test(both_ends_know_how_much_there_may_be),
	cmocka_unit_test(our_own_mistakes_abort),
};

UNIT_MAIN(tests)
