/* SPDX-License-Identifier: Apache-2.0
 *
 * The rings: sending, publishing, receiving, and the wake-up protocol, which
 * README.md states and t/model/channel.pml proves.
 *
 * Positions count descriptors since the beginning and never go back.  Each
 * side keeps the last position that it read of the other and reads again only
 * when the ring looks full or empty.
 */
#include <string.h>

#include "core/base/memory.h"
#include "core/channel/channel_priv.h"

/* What was copied from shared memory is not to be read there again. */
#define READ_ONCE_BARRIER() __asm__ volatile("" ::: "memory")

/* Descriptors that are given memory at once. */
#define RING_EXTEND 1024u

/* ---- sending --------------------------------------------------------------- */

bool
ring_refresh_peer_head(struct channel *channel)
{
	uint64_t head = atomic_load_explicit(&channel->in->consumer.head,
					     memory_order_acquire);

	/* Not backwards, and not beyond what we have published. */
	if (head - channel->peer_head >
	    channel->tail_published - channel->peer_head) {
		channel_accuse(channel, "consumer position moved backwards or "
					"beyond what was sent");
		return false;
	}
	channel->peer_head = head;
	return true;
}

static void
ring_write(struct channel *channel, const struct channel_descriptor *descriptor)
{
	channel->out_ring[channel->tail & channel->ring_mask] = *descriptor;
	channel->tail++;
	if (descriptor->type != CHANNEL_RELEASE)
		channel->loud = true;
}

/* Memory for the next part of the ring, in its first round.  Without it the
 * ring is as good as full. */
static bool
ring_extend(struct channel *channel)
{
	const uint64_t size = sizeof(channel->out_ring[0]);
	uint64_t to = channel->ring_ready + RING_EXTEND;

	if (to > channel->ring_size)
		to = channel->ring_size;
	channel->memory_short = !region_populate(
		channel->out_ring, channel->ring_ready * size, to * size);
	if (channel->memory_short)
		return false;
	channel->ring_ready = to == channel->ring_size ? UINT64_MAX : to;
	return true;
}

static bool
ring_is_full(struct channel *channel)
{
	if (channel->tail - channel->peer_head >= channel->ring_size)
		return true;
	return channel->tail >= channel->ring_ready && !ring_extend(channel);
}

static void
overflow_grow(struct channel *channel)
{
	uint32_t size = channel->overflow_size == 0 ?
				channel->ring_size :
				channel->overflow_size * 2;
	struct channel_descriptor *larger = mem_alloc(size * sizeof(*larger));

	for (uint32_t i = 0; i < channel->overflow_count; i++)
		larger[i] = channel->overflow[(channel->overflow_first + i) %
					      channel->overflow_size];
	mem_free(channel->overflow);
	channel->overflow = larger;
	channel->overflow_size = size;
	channel->overflow_first = 0;
}

static enum portico_status
overflow_push(struct channel *channel,
	      const struct channel_descriptor *descriptor)
{
	uint32_t limit = channel->ring_size * CHANNEL_OVERFLOW_RINGS;

	/* Each of these is owed once until it is consumed. */
	if (descriptor->type == CHANNEL_RELEASE ||
	    descriptor->type == CHANNEL_SEGMENT_DROP)
		limit += channel->peer.block_count + CHANNEL_SEGMENTS_MAX;
	if (channel->overflow_count >= limit)
		return PORTICO_FULL;
	if (channel->overflow_count == channel->overflow_size)
		overflow_grow(channel);
	channel->overflow[(channel->overflow_first + channel->overflow_count) %
			  channel->overflow_size] = *descriptor;
	channel->overflow_count++;
	return PORTICO_OK;
}

enum portico_status
ring_push(struct channel *channel, const struct channel_descriptor *descriptor)
{
	enum portico_status status = PORTICO_OK;

	if (channel->overflow_count == 0 && ring_is_full(channel) &&
	    !ring_refresh_peer_head(channel))
		return PORTICO_PROTOCOL;
	/* What waits in the overflow goes first. */
	if (channel->overflow_count == 0 && !ring_is_full(channel))
		ring_write(channel, descriptor);
	else
		status = overflow_push(channel, descriptor);
	channel_mark_dirty(channel);
	return status;
}

void
ring_overflow_drain(struct channel *channel)
{
	while (channel->overflow_count > 0) {
		if (ring_is_full(channel) &&
		    (!ring_refresh_peer_head(channel) || ring_is_full(channel)))
			return;
		ring_write(channel,
			   &channel->overflow[channel->overflow_first]);
		channel->overflow_first++;
		if (channel->overflow_first == channel->overflow_size)
			channel->overflow_first = 0;
		channel->overflow_count--;
	}
	/* A burst is over; its memory is not kept. */
	if (channel->overflow_size > 0) {
		MEM_FREE(channel->overflow);
		channel->overflow_size = 0;
		channel->overflow_first = 0;
	}
}

void
ring_release_flush(struct channel *channel)
{
	struct channel_descriptor descriptor = { .type = CHANNEL_RELEASE };

	if (channel->release_count == 0)
		return;
	descriptor.count = (uint8_t)channel->release_count;
	memcpy(descriptor.blocks, channel->releases,
	       channel->release_count * sizeof(channel->releases[0]));
	/* There is room for as many as there are blocks, so only who sends a
	 * block again before it has its release can fill it. */
	if (ring_push(channel, &descriptor) == PORTICO_FULL)
		channel_accuse(channel, "blocks sent again before their "
					"release was read");
	channel->release_count = 0;
}

enum portico_status
channel_send(struct channel *channel,
	     const struct channel_descriptor *descriptor)
{
	enum portico_status status;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	if (channel->lie != NULL)
		return PORTICO_PROTOCOL;
	ASSERT(descriptor_fault(channel, descriptor, channel->listener) ==
	       NULL);
	ASSERT(descriptor->type != CHANNEL_RELEASE &&
	       descriptor->type != CHANNEL_SEGMENT_DROP);
	status = ring_push(channel, descriptor);
	if (status != PORTICO_OK)
		return status;
	channel->sent++;
	if (descriptor->count > 0) {
		bool head = descriptor->type == CHANNEL_REQUEST;

		for (unsigned i = 0; i < descriptor->count; i++)
			block_mark_sent(channel, descriptor->refs[i].block,
					head);
	}
	return PORTICO_OK;
}

/*
 * Publishing and looking at the sleep word are two sides of one handshake: we
 * store the tail, fence, load the word; the sleeper stores the word, fences,
 * loads the tail.  One of the two sees the other's store.
 */
static void
wake_if_asleep(struct channel *channel)
{
	uint64_t word;
	unsigned state;

	atomic_thread_fence(memory_order_seq_cst);
	word = atomic_load_explicit(&channel->in->consumer.sleeping,
				    memory_order_relaxed);
	state = CHANNEL_SLEEP_STATE(word);
	if (state != CHANNEL_STARVED &&
	    !(state == CHANNEL_ASLEEP && channel->loud))
		return;
	if (word == channel->woken)
		return;
	channel->woken = word;
	channel->wakeups++;
	waker_wake(channel);
}

void
channel_flush(struct channel *channel)
{
	bool published, consumed;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	/* While the ring is full, releases gather to whole descriptors. */
	if (channel->release_count > 0 && channel->overflow_count == 0)
		ring_release_flush(channel);
	if (channel->overflow_count > 0)
		ring_overflow_drain(channel);
	channel->dirty = false;
	published = channel->tail != channel->tail_published;
	consumed = channel->head != channel->head_noted;
	/* The ring may be full of releases that have not woken the other side;
	 * now it has to make room. */
	if (channel->overflow_count > 0)
		channel->loud = true;
	if (!published && !consumed && !channel->loud)
		return;
	if (published) {
		atomic_store_explicit(&channel->out->producer.tail,
				      channel->tail, memory_order_release);
		channel->tail_published = channel->tail;
	}
	channel->head_noted = channel->head;
	wake_if_asleep(channel);
	channel->loud = false;
}

/* ---- sleeping ---------------------------------------------------------------- */

static void
sleep_word_store(struct channel *channel, enum channel_sleep state)
{
	channel->sleeping = state;
	atomic_store_explicit(&channel->out->consumer.sleeping,
			      CHANNEL_SLEEP_WORD(channel->sleeps, state),
			      memory_order_relaxed);
}

/* Is there something to do that would not wake us? */
static bool
look_again(struct channel *channel)
{
	uint64_t tail = atomic_load_explicit(&channel->in->producer.tail,
					     memory_order_acquire);

	if (tail != channel->head)
		return true;
	if (channel->overflow_count == 0)
		return false;
	/* A lie is something to do, too: channel_receive tells. */
	return !ring_refresh_peer_head(channel) || !ring_is_full(channel);
}

bool
channel_sleep(struct channel *channel)
{
	enum channel_sleep state = CHANNEL_ASLEEP;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	channel_flush(channel);
	if (channel->lie != NULL || channel->room_due)
		return false;
	if (channel->room_wanted || channel->plenty_wanted ||
	    channel->overflow_count > 0)
		state = CHANNEL_STARVED;
	/* Armed before, and nothing has disarmed it since. */
	if (channel->sleeping == state)
		return true;
	channel->sleeps++;
	sleep_word_store(channel, state);
	atomic_thread_fence(memory_order_seq_cst);
	if (look_again(channel)) {
		sleep_word_store(channel, CHANNEL_AWAKE);
		return false;
	}
	return true;
}

void
channel_awake(struct channel *channel, bool wake_fd_readable)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	if (wake_fd_readable)
		waker_clear(channel);
	if (channel->sleeping != CHANNEL_AWAKE)
		sleep_word_store(channel, CHANNEL_AWAKE);
}

/* ---- receiving --------------------------------------------------------------- */

static bool
ring_refresh_peer_tail(struct channel *channel)
{
	uint64_t tail = atomic_load_explicit(&channel->in->producer.tail,
					     memory_order_acquire);

	/* peer_tail is head here.  Not backwards, and not a ring ahead. */
	if (tail - channel->head > channel->ring_size) {
		channel_accuse(channel, "producer position moved backwards or "
					"more than the ring ahead");
		return false;
	}
	channel->peer_tail = tail;
	return true;
}

static enum portico_status
take_releases(struct channel *channel,
	      const struct channel_descriptor *descriptor)
{
	for (unsigned i = 0; i < descriptor->count; i++) {
		if (!block_take_back(channel, descriptor->blocks[i]))
			return PORTICO_PROTOCOL;
	}
	return PORTICO_OK;
}

/* The worker may meet a reference before the message that brings its segment;
 * the message was sent first, so it is there to be read. */
static bool
segment_is_missing(const struct channel *channel,
		   const struct channel_descriptor *descriptor)
{
	if (channel->listener || descriptor->type >= CHANNEL_TYPES ||
	    !descriptor_has_references(descriptor->type))
		return false;
	for (unsigned i = 0;
	     i < descriptor->count && i < CHANNEL_REFERENCES_MAX; i++) {
		if (space_segment(&channel->peer, descriptor->refs[i].block) ==
		    NULL)
			return true;
	}
	return false;
}

/* Check, note and, if it is ours to handle, handle.  OK: for the caller;
 * AGAIN: done with, take the next. */
static enum portico_status
descriptor_take(struct channel *channel,
		const struct channel_descriptor *descriptor)
{
	const char *fault;
	bool head = descriptor->type == CHANNEL_REQUEST;
	enum portico_status status;

	if (segment_is_missing(channel, descriptor))
		(void)channel_socket_readable(channel);
	fault = descriptor_fault(channel, descriptor, !channel->listener);
	if (fault != NULL)
		return channel_refuse(channel, fault);
	if (descriptor->type == CHANNEL_RELEASE) {
		status = take_releases(channel, descriptor);
		return status != PORTICO_OK ? status : PORTICO_AGAIN;
	}
	if (descriptor->type == CHANNEL_SEGMENT_DROP) {
		status = segment_dropped(channel, descriptor->value);
		return status != PORTICO_OK ? status : PORTICO_AGAIN;
	}
	if (descriptor->type == CHANNEL_FILE_CLOSE &&
	    !file_remove(channel, descriptor->extra))
		return channel_refuse(channel, "close of a file that was not "
					       "passed");
	for (unsigned i = 0; i < descriptor->count; i++) {
		if (!block_hold(channel, descriptor->refs[i].block, head))
			return PORTICO_PROTOCOL;
	}
	channel->received++;
	return PORTICO_OK;
}

static void
room_tell(struct channel *channel)
{
	channel->room_due = false;
	channel->room_wanted = false;
	if (space_has_plenty(&channel->own, channel->memory_max))
		channel->plenty_wanted = false;
	if (channel->on_room != NULL)
		channel->on_room(channel, channel->room_arg);
}

enum portico_status
channel_receive(struct channel *channel,
		struct channel_descriptor *descriptor_r)
{
	enum portico_status status;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	for (;;) {
		if (channel->lie != NULL)
			return PORTICO_PROTOCOL;
		if (channel->room_due)
			room_tell(channel);
		if (channel->head == channel->peer_tail &&
		    !ring_refresh_peer_tail(channel))
			return PORTICO_PROTOCOL;
		if (channel->head == channel->peer_tail)
			return PORTICO_AGAIN;
		*descriptor_r =
			channel->in_ring[channel->head & channel->ring_mask];
		READ_ONCE_BARRIER();
		channel->head++;
		status = descriptor_take(channel, descriptor_r);
		atomic_store_explicit(&channel->out->consumer.head,
				      channel->head, memory_order_release);
		channel_mark_dirty(channel);
		if (status != PORTICO_AGAIN)
			return status;
	}
}

uint64_t
channel_peer_position(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return atomic_load_explicit(&channel->in->consumer.head,
				    memory_order_relaxed);
}

void
channel_on_room(struct channel *channel, channel_room_fn *fn, void *arg)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	channel->on_room = fn;
	channel->room_arg = arg;
}
