/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions grow on demand, shrink when idle, and refuse what does not fit.
 */
#include "t/unit/channel/pair.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "core/base/memory.h"

#define MANY 2000

static uint32_t
segments(const struct channel *channel)
{
	struct channel_usage usage;

	channel_get_usage(channel, &usage);
	return usage.segments;
}

static void
socket_handle(struct channel *channel)
{
	assert_int_equal(channel_socket_readable(channel), PORTICO_OK);
}

/* Allocate until `count` blocks are out, letting both sides read messages. */
static uint32_t
allocate(struct pair *pair, struct channel *channel, uint32_t *blocks,
	 uint32_t count)
{
	uint32_t got = 0, size;

	for (unsigned tries = 0; got < count && tries < 3;) {
		void *memory = channel_block_alloc(channel, CHANNEL_BLOCK_4K,
						   &blocks[got], &size);

		if (memory != NULL && size == 4096) {
			memset(memory, (int)(got & 0xff), size);
			got++;
			tries = 0;
			continue;
		}
		if (memory != NULL)
			channel_block_cancel(channel, blocks[got]);
		tries++;
		socket_handle(pair->listener);
		socket_handle(pair->worker);
	}
	return got;
}

static void
send_all(struct pair *pair, struct channel *channel, const uint32_t *blocks,
	 uint32_t count)
{
	struct channel *other = channel == pair->listener ? pair->worker :
							    pair->listener;
	struct channel_descriptor body = { .type = CHANNEL_BODY,
					   .count = 1,
					   .generation = 1 };
	struct channel_descriptor received;

	for (uint32_t i = 0; i < count; i++) {
		const unsigned char *data;

		body.refs[0].block = blocks[i];
		body.refs[0].length = 4096;
		pair_send(channel, &body);
		channel_flush(channel);
		assert_int_equal(channel_receive(other, &received), PORTICO_OK);
		data = channel_block_data(other, received.refs[0]);
		assert_non_null(data);
		assert_int_equal(data[0], i & 0xff);
		assert_int_equal(data[4095], i & 0xff);
		channel_release(other, received.refs[0].block);
	}
	channel_flush(other);
	assert_int_equal(pair_consume(channel), 0);
	assert_int_equal(pair_in_use(channel), 0);
}

static void
grow_and_shrink(bool listener_side)
{
	static uint32_t blocks[MANY];
	struct pair pair = pair_open();
	struct channel *channel = listener_side ? pair.listener : pair.worker;
	struct channel *other = listener_side ? pair.worker : pair.listener;

	for (int round = 0; round < 3; round++) {
		uint64_t bytes = other->peer.bytes;

		assert_int_equal(segments(channel), 1);
		assert_int_equal(allocate(&pair, channel, blocks, MANY), MANY);
		assert_true(segments(channel) > 5);
		send_all(&pair, channel, blocks, MANY);
		/* Idle since one trim, dropped at the next. */
		channel_trim(channel);
		assert_true(segments(channel) > 5);
		channel_trim(channel);
		assert_int_equal(segments(channel), 1);
		channel_flush(channel);
		assert_int_equal(pair_consume(other), 0);
		assert_null(channel_lie(other));
		assert_int_equal(other->peer.segment_count, 1);
		assert_int_equal(other->peer.bytes, bytes);
		channel_flush(other);
	}
	pair_close(&pair);
}

/* There is no memory for the next thing that needs some. */
static void
fail_once(void)
{
	mem_fault_set(1);
}

static void
note_room(struct channel *channel, void *arg)
{
	(void)channel;
	++*(unsigned *)arg;
}

/* Without memory a block is refused; nothing grows for that, nothing is lost,
 * and whoever waits hears of it although no block comes back. */
static void
refused_for_lack_of_memory(bool listener_side)
{
	struct pair pair = pair_open();
	struct channel *channel = listener_side ? pair.listener : pair.worker;
	struct channel_descriptor descriptor;
	uint32_t block, size, all = channel->own.total[CHANNEL_BLOCK_4K];
	unsigned room = 0;

	channel_on_room(channel, note_room, &room);
	assert_false(channel_memory_short(channel));
	for (int i = 0; i < 5; i++) {
		fail_once();
		/* The largest: no other would do as well. */
		assert_null(channel_block_alloc(channel, CHANNEL_BLOCK_64K,
						&block, &size));
		assert_true(mem_fault_hit());
	}
	mem_fault_set(0);
	assert_true(channel_memory_short(channel));
	assert_int_equal(segments(channel), 1);
	assert_int_equal(pair_in_use(channel), 0);
	assert_int_equal(channel->own.total[CHANNEL_BLOCK_4K], all);
	channel_trim(channel);
	assert_int_equal(channel_receive(channel, &descriptor), PORTICO_AGAIN);
	assert_int_equal(room, 1);
	assert_non_null(
		channel_block_alloc(channel, CHANNEL_BLOCK_64K, &block, &size));
	assert_false(channel_memory_short(channel));
	/* Used once it has its memory for good. */
	channel_block_cancel(channel, block);
	fail_once();
	assert_non_null(
		channel_block_alloc(channel, CHANNEL_BLOCK_64K, &block, &size));
	assert_false(mem_fault_hit());
	mem_fault_set(0);
	pair_close(&pair);
}

static void
without_memory_a_block_is_refused(void **state)
{
	(void)state;
	refused_for_lack_of_memory(true);
	refused_for_lack_of_memory(false);
}

/* The ring has memory for what was sent so far; without more it is as good as
 * full, and what is sent waits its turn. */
static void
without_memory_the_ring_is_full(void **state)
{
	struct channel_options options = { .slots = 64, .ring_size = 4096 };
	struct pair pair = pair_open_with(options);
	struct channel_descriptor window = { .type = CHANNEL_WINDOW,
					     .generation = 1 };
	struct channel_descriptor received;
	uint64_t next = 0;
	unsigned faults = 0;

	(void)state;
	for (unsigned i = 0; i < 9000; i++) {
		window.value = i + 1;
		fail_once();
		assert_int_equal(channel_send(pair.listener, &window),
				 PORTICO_OK);
		faults += mem_fault_hit();
		mem_fault_set(0);
		channel_flush(pair.listener);
		while (channel_receive(pair.worker, &received) == PORTICO_OK) {
			assert_int_equal(received.value, ++next);
		}
		channel_flush(pair.worker);
	}
	assert_true(faults >= 4);
	assert_int_equal(next, 9000);
	pair_close(&pair);
}

static void
without_memory_no_slot_is_offered(void **state)
{
	struct channel_options options = { .slots = 1000 };
	struct pair pair = pair_open_with(options);
	unsigned faults = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		fail_once();
		if (!channel_claim_ready(pair.listener, i)) {
			faults++;
			assert_true(channel_memory_short(pair.listener));
		}
		mem_fault_set(0);
		assert_true(channel_claim_ready(pair.listener, i));
		channel_claim_offer(pair.listener, i, 1);
	}
	/* 64 of them are a page. */
	assert_int_equal(faults, 16);
	assert_true(channel_claim_ready(pair.listener, 0));
	pair_close(&pair);
}

static void
without_memory_there_is_no_channel(void **state)
{
	struct channel_options options = { .slots = 64, .name = "test" };
	int before = pair_open_descriptors();
	struct channel_handles handles;
	struct channel *channel;
	struct portico_error err = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		mem_fault_set((unsigned)i + 1);
		assert_int_not_equal(channel_create(&options, &channel,
						    &handles, &err),
				     PORTICO_OK);
		assert_true(mem_fault_hit());
		assert_int_equal(err.os_error, ENOMEM);
		assert_non_null(strstr(err.message, "cannot have memory"));
	}
	mem_fault_set(0);
	assert_int_equal(pair_open_descriptors(), before);
}

static void
the_listeners_region_grows_and_shrinks(void **state)
{
	(void)state;
	grow_and_shrink(true);
}

static void
the_workers_region_grows_and_shrinks(void **state)
{
	(void)state;
	grow_and_shrink(false);
}

static void
a_segment_in_use_is_not_dropped(void **state)
{
	static uint32_t blocks[MANY];
	struct pair pair = pair_open();

	(void)state;
	assert_int_equal(allocate(&pair, pair.listener, blocks, 300), 300);
	assert_int_equal(segments(pair.listener), 2);
	for (int i = 0; i < 299; i++)
		channel_block_cancel(pair.listener, blocks[i]);
	for (int i = 0; i < 4; i++)
		channel_trim(pair.listener);
	assert_int_equal(segments(pair.listener), 2);
	pair_close(&pair);
}

static void
memory_has_a_limit(void **state)
{
	static uint32_t blocks[MANY];
	struct channel_options options = { .slots = 4, .memory_max = 7 << 20 };
	struct pair pair = pair_open_with(options);

	(void)state;
	allocate(&pair, pair.listener, blocks, MANY);
	assert_true(pair.listener->own.bytes <= 7 << 20);
	assert_true(segments(pair.listener) > 1);
	allocate(&pair, pair.worker, blocks, MANY);
	assert_true(pair.worker->own.bytes <= 7 << 20);
	assert_int_equal(pair.listener->peer.bytes, pair.worker->own.bytes);
	/* The worker was told, and asks again only after a trim. */
	assert_true(pair.worker->grow_refused != 0);
	assert_int_equal(pair.worker->grow_asked, 0);
	channel_trim(pair.worker);
	assert_int_equal(pair.worker->grow_refused, 0);
	pair_close(&pair);
}

/* The number of a dropped segment is free when the worker has seen the drop;
 * or the new segment could overtake it. */
static void
a_number_is_not_used_again_too_early(void **state)
{
	static uint32_t blocks[MANY];
	struct pair pair = pair_open();

	(void)state;
	assert_int_equal(allocate(&pair, pair.listener, blocks, 300), 300);
	for (int i = 0; i < 300; i++)
		channel_block_cancel(pair.listener, blocks[i]);
	channel_trim(pair.listener);
	channel_trim(pair.listener);
	channel_flush(pair.listener);
	assert_int_equal(segments(pair.listener), 1);
	/* The worker has not looked. */
	assert_int_equal(allocate(&pair, pair.listener, blocks, 300), 300);
	assert_null(pair.listener->own.segments[1].base);
	assert_non_null(pair.listener->own.segments[2].base);
	assert_int_equal(pair_consume(pair.worker), 0);
	assert_null(channel_lie(pair.worker));
	assert_null(pair.worker->peer.segments[1].base);
	assert_int_equal(allocate(&pair, pair.listener, blocks, 300), 300);
	assert_non_null(pair.listener->own.segments[1].base);
	pair_close(&pair);
}

static void
segments_are_sealed_like_regions(void **state)
{
	struct pair pair = pair_open();
	struct channel_message message;
	int fd;

	(void)state;
	for (int up = 0; up < 2; up++) {
		if (up == 0) {
			assert_true(
				segment_grow(pair.listener, CHANNEL_BLOCK_64K));
		} else {
			assert_false(
				segment_grow(pair.worker, CHANNEL_BLOCK_64K));
			socket_handle(pair.listener);
		}
		assert_int_equal(channel_message_receive(pair.worker->socket,
							 &message, &fd),
				 PORTICO_OK);
		assert_int_equal(message.up, up);
		assert_int_equal(message.blocks, 16);
		assert_true(io_memfd_is_sealed(
			fd, up ? IO_SEAL_SIZE : IO_SEAL_READ_ONLY, 1 << 20));
		assert_int_equal(ftruncate(fd, 0), -1);
		if (!up)
			assert_ptr_equal(mmap(NULL, 4096,
					      PROT_READ | PROT_WRITE,
					      MAP_SHARED, fd, 0),
					 MAP_FAILED);
		io_close(&fd);
	}
	pair_close(&pair);
}

/* ---- lies ------------------------------------------------------------------ */

static void
forge_message(struct pair *pair, const void *data, size_t size, int fd)
{
	assert_int_equal(io_send_message(pair->worker->socket, data, size, &fd,
					 fd >= 0 ? 1 : 0),
			 PORTICO_OK);
}

static void
messages_that_cannot_be_are_lies(void **state)
{
	static const struct channel_message good = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_GROW,
		.size = sizeof(struct channel_message),
	};

	(void)state;
	for (int i = 0; i < 11; i++) {
		struct pair pair = pair_open();
		struct channel_message wrong = good;
		size_t size = sizeof(wrong);
		int fd = -1;

		if (i == 0)
			wrong.magic++;
		else if (i == 1)
			wrong.size--;
		else if (i == 2)
			wrong.reserved = 1;
		else if (i == 3)
			wrong.type = 99;
		else if (i == 4)
			wrong.type = CHANNEL_MESSAGE_SEGMENT;
		else if (i == 5)
			wrong.block_class = CHANNEL_BLOCK_CLASSES;
		else if (i == 6)
			wrong.bytes = 1 << 20;
		else if (i == 7)
			size--;
		else if (i == 8)
			fd = 0;
		else if (i == 9)
			wrong.number = 1;
		else
			wrong.type = CHANNEL_MESSAGE_FILE;
		forge_message(&pair, &wrong, size, fd);
		assert_int_equal(channel_socket_readable(pair.listener),
				 PORTICO_PROTOCOL);
		assert_non_null(channel_lie(pair.listener));
		assert_int_equal(channel_socket_readable(pair.listener),
				 PORTICO_PROTOCOL);
		pair_close(&pair);
	}
}

static void
two_descriptors_in_a_message_are_a_lie(void **state)
{
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_FILE,
		.size = sizeof(message),
	};
	struct pair pair = pair_open();
	int fds[2] = { 0, 1 };
	int before = pair_open_descriptors();

	(void)state;
	assert_int_equal(io_send_message(pair.worker->socket, &message,
					 sizeof(message), fds, 2),
			 PORTICO_OK);
	assert_int_equal(channel_socket_readable(pair.listener),
			 PORTICO_PROTOCOL);
	/* And none of them stays open here. */
	assert_int_equal(pair_open_descriptors(), before);
	pair_close(&pair);
}

static void
a_drop_of_a_segment_in_use_is_a_lie(void **state)
{
	static uint32_t blocks[MANY];
	struct pair pair = pair_open();
	struct channel_descriptor body = { .type = CHANNEL_BODY,
					   .count = 1,
					   .generation = 1 };
	struct channel_descriptor drop = { .type = CHANNEL_SEGMENT_DROP,
					   .value = 1 };

	(void)state;
	assert_int_equal(allocate(&pair, pair.worker, blocks, 600), 600);
	body.refs[0].block = blocks[599];
	body.refs[0].length = 4096;
	assert_int_equal(CHANNEL_BLOCK_SEGMENT(blocks[599]), 1);
	pair_send(pair.worker, &body);
	channel_flush(pair.worker);
	assert_int_equal(channel_receive(pair.listener, &body), PORTICO_OK);
	pair_forge(pair.worker, &drop);
	pair_expect_lie(pair.listener, "drop of a segment with blocks that "
				       "were not released");
	/* Its bytes are still there to be delivered. */
	assert_int_equal(*(const unsigned char *)channel_block_data(
				 pair.listener, body.refs[0]),
			 599 & 0xff);
	pair_close(&pair);
}

static void
a_flood_of_messages_is_read_in_portions(void **state)
{
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_GROW,
		.size = sizeof(message),
		.block_class = CHANNEL_BLOCK_64K,
	};
	struct channel_options options = { .slots = 4, .memory_max = 65536 };
	struct pair pair = pair_open_with(options);

	(void)state;
	/* However many it sends and however few answers it reads. */
	for (int i = 0; i < 500 && channel_lie(pair.listener) == NULL; i++) {
		while (channel_message_send(pair.worker->socket, &message,
					    -1) == PORTICO_OK)
			;
		(void)channel_socket_readable(pair.listener);
	}
	assert_string_equal(channel_lie(pair.listener),
			    "message not allowed from a worker");
	pair_close(&pair);
}

static void
hang_up_is_told_after_the_last_message(void **state)
{
	struct pair pair = pair_open();
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_FILE,
		.size = sizeof(message),
		.number = 7,
	};
	FILE *file = tmpfile();
	struct channel_file *found;
	struct channel_descriptor body = pair_body(pair.worker, 1, 9);

	(void)state;
	assert_non_null(file);
	forge_message(&pair, &message, sizeof(message), fileno(file));
	pair_send(pair.worker, &body);
	channel_flush(pair.worker);
	/* Something unread at the other end makes it a reset. */
	assert_true(segment_grow(pair.listener, CHANNEL_BLOCK_4K));
	channel_free(&pair.worker);
	assert_int_equal(channel_socket_readable(pair.listener),
			 PORTICO_CLOSED);
	found = channel_file_find(pair.listener, 7);
	assert_non_null(found);
	channel_file_unref(&found);
	/* And what was in the ring can still be read. */
	assert_int_equal(channel_receive(pair.listener, &body), PORTICO_OK);
	assert_non_null(channel_block_data(pair.listener, body.refs[0]));
	assert_int_equal(channel_receive(pair.listener, &body), PORTICO_AGAIN);
	fclose(file);
	pair_close(&pair);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_memory_a_block_is_refused),
	cmocka_unit_test(without_memory_the_ring_is_full),
	cmocka_unit_test(without_memory_no_slot_is_offered),
	cmocka_unit_test(without_memory_there_is_no_channel),
	cmocka_unit_test(the_listeners_region_grows_and_shrinks),
	cmocka_unit_test(the_workers_region_grows_and_shrinks),
	cmocka_unit_test(a_segment_in_use_is_not_dropped),
	cmocka_unit_test(memory_has_a_limit),
	cmocka_unit_test(a_number_is_not_used_again_too_early),
	cmocka_unit_test(segments_are_sealed_like_regions),
	cmocka_unit_test(messages_that_cannot_be_are_lies),
	cmocka_unit_test(two_descriptors_in_a_message_are_a_lie),
	cmocka_unit_test(a_drop_of_a_segment_in_use_is_a_lie),
	cmocka_unit_test(a_flood_of_messages_is_read_in_portions),
	cmocka_unit_test(hang_up_is_told_after_the_last_message),
};

UNIT_MAIN(tests)
