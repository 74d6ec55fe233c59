/* SPDX-License-Identifier: Apache-2.0
 *
 * Both ends of a channel in one process, for the unit tests of core/channel.
 */
#ifndef T_UNIT_CHANNEL_PAIR_H
#define T_UNIT_CHANNEL_PAIR_H

#include "t/unit/unit.h"

#include <fcntl.h>
#include <poll.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/channel/channel_priv.h"
#include "core/channel/message.h"
#include "t/unit/lingering.h"

struct pair {
	struct channel *listener, *worker;
};

static inline struct pair
pair_open_with(struct channel_options options)
{
	struct channel_handles handles;
	struct portico_error err = { 0 };
	struct pair pair = { NULL, NULL };

	/* Tests that count or take descriptors want no earlier pair's closed
	 * meanwhile. */
	lingering_await();

	if (options.slots == 0)
		options.slots = 64;
	options.name = "test";
	if (channel_create(&options, &pair.listener, &handles, &err) !=
		    PORTICO_OK ||
	    channel_attach(&handles, &pair.worker, &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	return pair;
}

static inline struct pair
pair_open(void)
{
	struct channel_options options = { .slots = 64 };

	return pair_open_with(options);
}

static inline void
pair_close(struct pair *pair)
{
	channel_free(&pair->listener);
	channel_free(&pair->worker);
}

static inline uint32_t
pair_in_use(const struct channel *channel)
{
	struct channel_usage usage;
	uint32_t sum = 0;

	channel_get_usage(channel, &usage);
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		sum += usage.in_use[i];
	return sum;
}

/* A block of `channel` with `length` bytes of `fill`. */
static inline struct channel_reference
pair_block(struct channel *channel, enum channel_block_class block_class,
	   uint32_t length, int fill)
{
	struct channel_reference reference = { 0, length };
	uint32_t size;
	void *memory = channel_block_alloc(channel, block_class,
					   &reference.block, &size);

	assert_non_null(memory);
	assert_true(length <= size);
	memset(memory, fill, length);
	return reference;
}

static inline struct channel_descriptor
pair_request(struct channel *listener, uint32_t slot, uint32_t generation)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_REQUEST,
		.count = 1,
		.slot = slot,
		.generation = generation,
	};

	descriptor.refs[0] = pair_block(listener, CHANNEL_BLOCK_4K, 100, 'q');
	return descriptor;
}

static inline struct channel_descriptor
pair_body(struct channel *channel, uint32_t slot, uint32_t length)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_BODY,
		.count = 1,
		.slot = slot,
		.generation = 1,
	};

	descriptor.refs[0] = pair_block(channel, CHANNEL_BLOCK_4K, length, 'b');
	return descriptor;
}

static inline void
pair_send(struct channel *channel, const struct channel_descriptor *descriptor)
{
	assert_int_equal(channel_send(channel, descriptor), PORTICO_OK);
}

/* Everything of `from` that has been flushed, given back at once. */
static inline unsigned
pair_consume(struct channel *channel)
{
	struct channel_descriptor descriptor;
	unsigned count = 0;

	while (channel_receive(channel, &descriptor) == PORTICO_OK) {
		count++;
		if (descriptor.type == CHANNEL_REQUEST)
			continue;
		for (unsigned i = 0; i < descriptor.count; i++)
			channel_release(channel, descriptor.refs[i].block);
	}
	return count;
}

static inline bool
pair_is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1 &&
	       (poll_fd.revents & (POLLIN | POLLHUP)) != 0;
}

static inline bool
pair_is_woken(const struct channel *channel)
{
	return pair_is_readable(channel_wake_fd(channel));
}

static inline int
pair_open_descriptors(void)
{
	int count = 0;

	lingering_await();
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* What a lying worker does: write a descriptor and publish it unchecked. */
static inline void
pair_forge(struct channel *worker, const struct channel_descriptor *descriptor)
{
	worker->out_ring[worker->tail & worker->ring_mask] = *descriptor;
	worker->tail++;
	worker->loud = true;
	channel_flush(worker);
}

static inline void
pair_expect_lie(struct channel *channel, const char *text)
{
	struct channel_descriptor descriptor;

	assert_int_equal(channel_receive(channel, &descriptor),
			 PORTICO_PROTOCOL);
	assert_non_null(channel_lie(channel));
	assert_string_equal(channel_lie(channel), text);
	/* A lie is final. */
	assert_int_equal(channel_receive(channel, &descriptor),
			 PORTICO_PROTOCOL);
}

#endif
