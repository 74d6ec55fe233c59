/* SPDX-License-Identifier: Apache-2.0
 *
 * The rings: order, overflow, and what a worker may not say.
 */
#include "t/unit/channel/pair.h"

static void
descriptors_arrive_in_order_and_whole(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor;

	(void)state;
	/* Around the ring more than once. */
	for (uint32_t i = 0; i < 1000; i++) {
		struct channel_descriptor sent = {
			.type = CHANNEL_WINDOW,
			.slot = i % 64,
			.generation = i + 1,
			.value = i + 5,
		};

		pair_send(pair.listener, &sent);
		channel_flush(pair.listener);
		assert_int_equal(channel_receive(pair.worker, &descriptor),
				 PORTICO_OK);
		assert_memory_equal(&descriptor, &sent, sizeof(sent));
		/* And the sender sees that it was read. */
		assert_int_equal(channel_peer_position(pair.listener), i + 1);
	}
	assert_int_equal(channel_receive(pair.worker, &descriptor),
			 PORTICO_AGAIN);
	pair_close(&pair);
}

static void
nothing_is_seen_before_the_flush(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor, request;

	(void)state;
	request = pair_request(pair.listener, 1, 1);
	pair_send(pair.listener, &request);
	assert_int_equal(channel_receive(pair.worker, &descriptor),
			 PORTICO_AGAIN);
	channel_flush(pair.listener);
	assert_int_equal(channel_receive(pair.worker, &descriptor), PORTICO_OK);
	assert_memory_equal(channel_block_data(pair.worker, descriptor.refs[0]),
			    "qqqq", 4);
	pair_close(&pair);
}

static void
send_numbered(struct channel *channel, uint32_t number)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_WINDOW,
		.generation = 1,
		.value = number + 1,
	};

	pair_send(channel, &descriptor);
}

static void
a_full_ring_overflows_in_order(void **state)
{
	struct channel_options options = { .slots = 4, .ring_size = 64 };
	struct pair pair = pair_open_with(options);
	struct channel_descriptor descriptor;
	struct channel_usage usage;
	uint32_t expected = 0;

	(void)state;
	for (uint32_t i = 0; i < 200; i++)
		send_numbered(pair.listener, i);
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.overflow, 200 - 64);
	while (expected < 201) {
		channel_flush(pair.listener);
		while (channel_receive(pair.worker, &descriptor) == PORTICO_OK)
			assert_int_equal(descriptor.value, ++expected);
		/* Later ones may not overtake. */
		if (expected == 64)
			send_numbered(pair.listener, 200);
	}
	channel_get_usage(pair.listener, &usage);
	assert_int_equal(usage.overflow, 0);
	pair_close(&pair);
}

static void
a_worker_that_never_reads_is_noticed(void **state)
{
	struct channel_options options = { .slots = 4, .ring_size = 64 };
	struct pair pair = pair_open_with(options);
	struct channel_descriptor descriptor = { .type = CHANNEL_WINDOW,
						 .generation = 1,
						 .value = 1 };
	struct channel_descriptor request = pair_request(pair.listener, 1, 1);
	unsigned count = 0;

	(void)state;
	while (channel_send(pair.listener, &descriptor) == PORTICO_OK)
		count++;
	assert_int_equal(count, 64 * 5);
	/* What could not be sent is still the caller's. */
	assert_int_equal(channel_send(pair.listener, &request), PORTICO_FULL);
	channel_block_cancel(pair.listener, request.refs[0].block);
	pair_close(&pair);
}

/*
 * A worker that never reads its ring sends the same block again and again; the
 * listener, who has thrown the bytes away, owes it each time.
 */
static void
debts_to_a_worker_that_never_reads_are_bounded(void **state)
{
	struct channel_options options = { .slots = 4, .ring_size = 64 };
	struct pair pair = pair_open_with(options);
	struct channel_descriptor body = pair_body(pair.worker, 1, 10);
	struct channel_descriptor descriptor;
	enum portico_status status = PORTICO_OK;
	struct channel_usage usage;
	uint32_t blocks = 0, most = 0;

	(void)state;
	channel_get_usage(pair.worker, &usage);
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		blocks += usage.blocks[i];
	for (uint32_t i = 0; i < 1000000 && status == PORTICO_OK; i++) {
		pair_forge(pair.worker, &body);
		status = channel_receive(pair.listener, &descriptor);
		if (status == PORTICO_OK)
			(void)channel_release(pair.listener,
					      descriptor.refs[0].block);
		channel_get_usage(pair.listener, &usage);
		most = usage.overflow > most ? usage.overflow : most;
	}
	assert_int_equal(status, PORTICO_PROTOCOL);
	pair_expect_lie(pair.listener, "blocks sent again before their release "
				       "was read");
	assert_true(most <= 4 * 64 + blocks + CHANNEL_SEGMENTS_MAX);
	pair_close(&pair);
}

/* ---- lies ---------------------------------------------------------------- */

static void
positions_that_cannot_be_are_lies(void **state)
{
	struct pair pair = pair_open();

	(void)state;
	/* More than a ring ahead. */
	atomic_store(&pair.worker->out->producer.tail,
		     pair.worker->ring_size + 1);
	pair_expect_lie(pair.listener, "producer position moved backwards or "
				       "more than the ring ahead");
	pair_close(&pair);

	/* Backwards. */
	pair = pair_open();
	send_numbered(pair.worker, 1);
	send_numbered(pair.worker, 2);
	channel_flush(pair.worker);
	assert_int_equal(pair_consume(pair.listener), 2);
	atomic_store(&pair.worker->out->producer.tail, 1);
	pair_expect_lie(pair.listener, "producer position moved backwards or "
				       "more than the ring ahead");
	pair_close(&pair);
}

static void
lie_about_head(uint64_t first, uint64_t second)
{
	struct channel_options options = { .slots = 4, .ring_size = 64 };
	struct pair pair = pair_open_with(options);

	for (uint32_t i = 0; i < 64; i++)
		send_numbered(pair.listener, i);
	channel_flush(pair.listener);
	atomic_store(&pair.worker->out->consumer.head, first);
	for (uint32_t i = 0; i < first && i < 64; i++)
		send_numbered(pair.listener, i);
	channel_flush(pair.listener);
	atomic_store(&pair.worker->out->consumer.head, second);
	(void)channel_send(pair.listener,
			   &(struct channel_descriptor){ .type = CHANNEL_WINDOW,
							 .generation = 1,
							 .value = 1 });
	pair_expect_lie(pair.listener, "consumer position moved backwards or "
				       "beyond what was sent");
	assert_int_equal(channel_send(pair.listener,
				      &(struct channel_descriptor){
					      .type = CHANNEL_DRAIN }),
			 PORTICO_PROTOCOL);
	pair_close(&pair);
}

static void
consumer_positions_that_cannot_be_are_lies(void **state)
{
	(void)state;
	lie_about_head(0, 65); /* beyond what was sent */
	lie_about_head(32, 31); /* backwards */
	lie_about_head(0, UINT64_MAX);
}

struct lie {
	const char *text;
	struct channel_descriptor descriptor;
};

#define EXISTING CHANNEL_BLOCK(0, 0, 1)
#define HEAD(...) .slot = 1, .generation = 1, __VA_ARGS__

static const struct lie lies[] = {
	{ "unknown descriptor type", { .type = 0 + CHANNEL_TYPES } },
	{ "unknown descriptor type", { .type = 255 } },
	{ "descriptor type not allowed from this side", { .type = 0 } },
	{ "descriptor type not allowed from this side",
	  { .type = CHANNEL_REQUEST } },
	{ "descriptor type not allowed from this side",
	  { .type = CHANNEL_ABORT } },
	{ "descriptor type not allowed from this side",
	  { .type = CHANNEL_DRAIN } },
	{ "flush of a cache in an unknown way",
	  { .type = CHANNEL_CACHE_FLUSH } },
	{ "flush of a cache in an unknown way",
	  { .type = CHANNEL_CACHE_FLUSH, .extra = 1, .value = 2 } },
	{ "descriptor count not allowed for its type",
	  { .type = CHANNEL_CACHE_FLUSH, .extra = 1, .count = 2 } },
	{ "descriptor flags not allowed for its type",
	  { .type = CHANNEL_UPGRADE, HEAD(.flags = CHANNEL_FLAG_LAST) } },
	{ "descriptor count not allowed for its type",
	  { .type = CHANNEL_UPGRADE, HEAD(.count = 0) } },
	{ "descriptor type not allowed from this side",
	  { .type = CHANNEL_FILE_SENT, HEAD(.value = 1) } },
	{ "descriptor flags not allowed for its type",
	  { .type = CHANNEL_BODY, HEAD(.flags = CHANNEL_FLAG_HAS_BODY) } },
	{ "descriptor flags not allowed for its type",
	  { .type = CHANNEL_FLUSH, HEAD(.reserved = 1) } },
	{ "descriptor flags not allowed for its type",
	  { .type = CHANNEL_END, HEAD(.flags = 0x80) } },
	{ "flag END without LAST",
	  { .type = CHANNEL_BODY, HEAD(.flags = CHANNEL_FLAG_END) } },
	{ "descriptor count not allowed for its type",
	  { .type = CHANNEL_BODY, HEAD(.count = 5) } },
	{ "descriptor count not allowed for its type",
	  { .type = CHANNEL_RESPONSE, HEAD(.count = 0) } },
	{ "descriptor count not allowed for its type",
	  { .type = CHANNEL_END, HEAD(.count = 2) } },
	{ "descriptor count not allowed for its type",
	  { .type = CHANNEL_RELEASE, .count = 13 } },
	{ "descriptor count not allowed for its type",
	  { .type = CHANNEL_RELEASE, .count = 0 } },
	{ "unknown kind of flush",
	  { .type = CHANNEL_FLUSH, .generation = 1, .value = 3 } },
	{ "slot beyond the last",
	  { .type = CHANNEL_FLUSH, .slot = 64, .generation = 1 } },
	{ "slot beyond the last",
	  { .type = CHANNEL_END, .slot = UINT32_MAX, .generation = 1 } },
	{ "generation beyond 24 bits or 0", { .type = CHANNEL_FLUSH } },
	{ "generation beyond 24 bits or 0",
	  { .type = CHANNEL_FLUSH, .generation = 1u << 24 } },
	{ "reference to a block that does not exist",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 1, .refs = { { CHANNEL_BLOCK(1, 0, 1), 10 } }) } },
	{ "reference to a block that does not exist",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 1, .refs = { { CHANNEL_BLOCK(0, 1023, 1), 10 } }) } },
	{ "reference to a block that does not exist",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 2,
		 .refs = { { EXISTING, 10 }, { CHANNEL_BLOCK_NONE, 1 } }) } },
	{ "reference without bytes",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 1, .refs = { { EXISTING, 0 } }) } },
	{ "reference beyond the end of its block",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 1, .refs = { { EXISTING, 4097 } }) } },
	{ "reference beyond the end of its block",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 1, .refs = { { EXISTING, UINT32_MAX } }) } },
	{ "block sent again before it was released",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 2, .refs = { { EXISTING, 10 }, { EXISTING, 10 } }) } },
	{ "response head longer than its block's bytes",
	  { .type = CHANNEL_RESPONSE,
	    HEAD(.count = 1, .extra = 11, .refs = { { EXISTING, 10 } }) } },
	{ "response head longer than its block's bytes",
	  { .type = CHANNEL_RESPONSE,
	    HEAD(.count = 1, .extra = 0, .refs = { { EXISTING, 10 } }) } },
	{ "body without bytes that is not the last",
	  { .type = CHANNEL_BODY, HEAD(.count = 0) } },
	{ "trailers without a place, or before the end",
	  { .type = CHANNEL_BODY,
	    HEAD(.count = 1, .extra = 1, .refs = { { EXISTING, 10 } }) } },
	{ "trailers without a place, or before the end",
	  { .type = CHANNEL_BODY,
	    .flags = CHANNEL_FLAG_LAST,
	    HEAD(.count = 1, .extra = 11, .refs = { { EXISTING, 10 } }) } },
	{ "trailers without a place, or before the end",
	  { .type = CHANNEL_BODY,
	    .flags = CHANNEL_FLAG_LAST,
	    HEAD(.count = 0, .extra = 1) } },
	{ "file span empty or beyond all files",
	  { .type = CHANNEL_FILE, HEAD(.value = 0, .value2 = 0) } },
	{ "file span empty or beyond all files",
	  { .type = CHANNEL_FILE, HEAD(.value = INT64_MAX, .value2 = 1) } },
	{ "file span empty or beyond all files",
	  { .type = CHANNEL_FILE, HEAD(.value = UINT64_MAX, .value2 = 2) } },
	{ "window of 0 bytes or of more than allowed",
	  { .type = CHANNEL_WINDOW, HEAD(.value = 0) } },
	{ "window of 0 bytes or of more than allowed",
	  { .type = CHANNEL_WINDOW, HEAD(.value = UINT64_MAX) } },
	{ "drop of a segment that cannot be dropped",
	  { .type = CHANNEL_SEGMENT_DROP, .value = 0 } },
	{ "drop of a segment that cannot be dropped",
	  { .type = CHANNEL_SEGMENT_DROP, .value = 64 } },
	{ "drop of a segment that is not there",
	  { .type = CHANNEL_SEGMENT_DROP, .value = 63 } },
	{ "close of a file that was not passed",
	  { .type = CHANNEL_FILE_CLOSE, .extra = 1 } },
};

static void
each_field_of_a_descriptor_is_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct pair pair = pair_open();

		pair_forge(pair.worker, &lies[i].descriptor);
		pair_expect_lie(pair.listener, lies[i].text);
		pair_close(&pair);
	}
}

/* The listener's verdict is on its copy: a later change is not seen. */
static void
a_descriptor_is_read_once(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor descriptor, sent;

	(void)state;
	sent = pair_body(pair.worker, 3, 10);
	pair_send(pair.worker, &sent);
	channel_flush(pair.worker);
	assert_int_equal(channel_receive(pair.listener, &descriptor),
			 PORTICO_OK);
	memset(pair.worker->out_ring, 0xff, sizeof(descriptor));
	assert_int_equal(descriptor.slot, 3);
	assert_int_equal(descriptor.refs[0].length, 10);
	pair_close(&pair);
}

static void
an_accusation_ends_the_channel(void **state)
{
	struct pair pair = pair_open();
	struct channel_descriptor drain = { .type = CHANNEL_DRAIN };
	uint32_t block, size;

	(void)state;
	send_numbered(pair.worker, 1);
	channel_flush(pair.worker);
	channel_accuse(pair.listener, "slot not in use");
	channel_accuse(pair.listener, "something else");
	pair_expect_lie(pair.listener, "slot not in use");
	assert_int_equal(channel_send(pair.listener, &drain), PORTICO_PROTOCOL);
	assert_null(channel_block_alloc(pair.listener, CHANNEL_BLOCK_4K, &block,
					&size));
	assert_false(channel_sleep(pair.listener));
	pair_close(&pair);
}

static struct pair aborting;

static void
send_something_wrong(void)
{
	struct channel_descriptor wrong = { .type = CHANNEL_REQUEST };

	channel_send(aborting.listener, &wrong);
}

static void
our_own_mistakes_abort(void **state)
{
	(void)state;
	aborting = pair_open();
	unit_assert_aborts(send_something_wrong, "descriptor_fault");
	pair_close(&aborting);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(descriptors_arrive_in_order_and_whole),
	cmocka_unit_test(nothing_is_seen_before_the_flush),
	cmocka_unit_test(a_full_ring_overflows_in_order),
	cmocka_unit_test(a_worker_that_never_reads_is_noticed),
	cmocka_unit_test(debts_to_a_worker_that_never_reads_are_bounded),
	cmocka_unit_test(positions_that_cannot_be_are_lies),
	cmocka_unit_test(consumer_positions_that_cannot_be_are_lies),
	cmocka_unit_test(each_field_of_a_descriptor_is_checked),
	cmocka_unit_test(a_descriptor_is_read_once),
	cmocka_unit_test(an_accusation_ends_the_channel),
	cmocka_unit_test(our_own_mistakes_abort),
};

UNIT_MAIN(tests)
