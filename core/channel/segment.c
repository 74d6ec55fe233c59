/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions that grow and shrink: 1 MiB segments with blocks of one class.
 *
 * The listener makes them all.  For its own region it does so when an
 * allocation fails; for the worker's when the worker asks (GROW).  Either side
 * drops segments of the region that it writes, by SEGMENT_DROP in the ring,
 * after the last RELEASE of a block in them.
 *
 * A number is not used again before the other side has consumed the drop;
 * otherwise the message with the new segment could overtake it.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/io.h"
#include "core/channel/channel_priv.h"
#include "core/channel/message.h"

#define CLASS_BIT(block_class) ((uint8_t)(1u << (block_class)))

static bool
find_number(struct channel *channel, struct space *space, uint32_t *number_r)
{
	for (uint32_t i = 1; i < CHANNEL_SEGMENTS_MAX; i++) {
		const struct segment *segment = &space->segments[i];

		if (segment->base != NULL)
			continue;
		if (segment->dropped_at > channel->peer_head &&
		    (!ring_refresh_peer_head(channel) ||
		     segment->dropped_at > channel->peer_head))
			continue;
		*number_r = i;
		return true;
	}
	return false;
}

/* Listener: make a segment of either region and tell the worker. */
static enum portico_status
segment_make(struct channel *channel, bool up,
	     enum channel_block_class block_class)
{
	struct space *space = up ? &channel->peer : &channel->own;
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_SEGMENT,
		.size = sizeof(message),
		.block_class = (uint16_t)block_class,
		.up = up,
		.blocks = CHANNEL_SEGMENT_BYTES / block_size(block_class),
		.bytes = CHANNEL_SEGMENT_BYTES,
	};
	enum portico_status status;
	unsigned char *base;
	int fd;

	if (space->bytes + CHANNEL_SEGMENT_BYTES > channel->memory_max ||
	    !find_number(channel, space, &message.number))
		return PORTICO_FULL;
	base = region_create(up ? "portico-up" : "portico-down",
			     CHANNEL_SEGMENT_BYTES, !up, &fd, NULL);
	channel->memory_short = base == NULL;
	if (base == NULL)
		return PORTICO_FULL;
	status = channel_message_send(channel->socket, &message, fd);
	io_close(&fd);
	if (status != PORTICO_OK) {
		munmap(base, CHANNEL_SEGMENT_BYTES);
		return status;
	}
	space_add(space, message.number, base, block_class, !up);
	return PORTICO_OK;
}

/* Worker: ask once, until there is an answer. */
static void
segment_ask(struct channel *channel, enum channel_block_class block_class)
{
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_GROW,
		.size = sizeof(message),
		.block_class = (uint16_t)block_class,
	};

	if (((channel->grow_asked | channel->grow_refused) &
	     CLASS_BIT(block_class)) != 0)
		return;
	if (channel_message_send(channel->socket, &message, -1) == PORTICO_OK)
		channel->grow_asked |= CLASS_BIT(block_class);
}

bool
segment_grow(struct channel *channel, enum channel_block_class block_class)
{
	if (channel->socket_closed)
		return false;
	if (!channel->listener) {
		segment_ask(channel, block_class);
		return false;
	}
	if (channel->grow_failed)
		return false;
	if (segment_make(channel, false, block_class) == PORTICO_OK)
		return true;
	channel->grow_failed = true;
	return false;
}

/* Listener: answer GROW; what the socket does not take now is owed. */
static void
grow_answer(struct channel *channel, enum channel_block_class block_class)
{
	enum portico_status status = segment_make(channel, true, block_class);
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_REFUSED,
		.size = sizeof(message),
		.block_class = (uint16_t)block_class,
	};

	if (status == PORTICO_FULL)
		status = channel_message_send(channel->socket, &message, -1);
	if (status == PORTICO_AGAIN)
		channel->grow_owed |= CLASS_BIT(block_class);
	else
		channel->grow_owed &= (uint8_t)~CLASS_BIT(block_class);
}

static void
grow_answer_owed(struct channel *channel)
{
	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		if ((channel->grow_owed & CLASS_BIT(i)) != 0)
			grow_answer(channel, (enum channel_block_class)i);
	}
}

/* ---- messages ---------------------------------------------------------------- */

/* Worker: map a segment. */
static enum portico_status
segment_message(struct channel *channel, const struct channel_message *message,
		int fd)
{
	struct space *space = message->up ? &channel->own : &channel->peer;
	int protection = message->up ? PROT_READ | PROT_WRITE : PROT_READ;
	struct stat st;
	void *base;

	if (fd < 0 || message->number < 1 ||
	    message->number >= CHANNEL_SEGMENTS_MAX || message->up > 1 ||
	    message->block_class >= CHANNEL_BLOCK_CLASSES ||
	    message->bytes != CHANNEL_SEGMENT_BYTES ||
	    message->blocks !=
		    CHANNEL_SEGMENT_BYTES / block_size(message->block_class) ||
	    space->segments[message->number].base != NULL ||
	    fstat(fd, &st) != 0 || st.st_size != CHANNEL_SEGMENT_BYTES)
		return channel_refuse(channel, "segment that does not fit");
	base = mmap(NULL, CHANNEL_SEGMENT_BYTES, protection, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return channel_refuse(channel, "segment that cannot be mapped");
	space_add(space, message->number, base,
		  (enum channel_block_class)message->block_class, message->up);
	if (message->up) {
		channel->grow_asked &=
			(uint8_t)~CLASS_BIT(message->block_class);
		if (channel->room_wanted) {
			channel->room_due = true;
			channel_mark_dirty(channel);
		}
	}
	return PORTICO_OK;
}

static enum portico_status
message_from_listener(struct channel *channel,
		      const struct channel_message *message, int *fd_p)
{
	enum portico_status status;

	switch ((enum channel_message_type)message->type) {
	case CHANNEL_MESSAGE_SEGMENT:
		status = segment_message(channel, message, *fd_p);
		io_close(fd_p);
		return status;
	case CHANNEL_MESSAGE_REFUSED:
		if (message->block_class >= CHANNEL_BLOCK_CLASSES)
			break;
		channel->grow_asked &=
			(uint8_t)~CLASS_BIT(message->block_class);
		channel->grow_refused |= CLASS_BIT(message->block_class);
		return PORTICO_OK;
	case CHANNEL_MESSAGE_GROW:
	case CHANNEL_MESSAGE_FILE:
		break;
	}
	return channel_refuse(channel, "unknown message on the socket");
}

static enum portico_status
message_from_worker(struct channel *channel,
		    const struct channel_message *message, int *fd_p)
{
	int fd = *fd_p;

	if (message->up != 0 || message->blocks != 0 || message->bytes != 0)
		return channel_refuse(channel, "message with fields that its "
					       "type does not have");
	switch ((enum channel_message_type)message->type) {
	case CHANNEL_MESSAGE_GROW:
		if (fd >= 0 || message->number != 0 ||
		    message->block_class >= CHANNEL_BLOCK_CLASSES)
			break;
		if ((channel->grow_owed & CLASS_BIT(message->block_class)) != 0)
			break;
		grow_answer(channel,
			    (enum channel_block_class)message->block_class);
		return PORTICO_OK;
	case CHANNEL_MESSAGE_FILE:
		if (message->block_class != 0)
			break;
		*fd_p = -1;
		return file_add(channel, message->number, fd);
	case CHANNEL_MESSAGE_SEGMENT:
	case CHANNEL_MESSAGE_REFUSED:
		break;
	}
	return channel_refuse(channel, "message not allowed from a worker");
}

static enum portico_status
message_handle(struct channel *channel, const struct channel_message *message,
	       int fd)
{
	enum portico_status status;

	if (message->magic != CHANNEL_MESSAGE_MAGIC ||
	    message->size != sizeof(*message) || message->reserved != 0)
		status = channel_refuse(channel, "message on the socket of "
						 "another format");
	else if (channel->listener)
		status = message_from_worker(channel, message, &fd);
	else
		status = message_from_listener(channel, message, &fd);
	io_close_foreign(&fd, 1);
	return status;
}

/* Listener: it stays in the socket while this worker has too many files open
 * here.  Worker: the descriptor of a segment is closed as soon as it is mapped, so
 * that one spare is enough for all of them, one after the other. */
static enum portico_status
receive_with_spare(struct channel *channel, struct channel_message *message,
		   int *fd_r)
{
	enum portico_status status;

	if (channel->listener && !file_has_room(channel))
		return PORTICO_FULL;
	status = channel_message_receive(channel->socket, message, fd_r);
	if (status != PORTICO_FULL || channel->spare < 0)
		return status;
	io_close(&channel->spare);
	return channel_message_receive(channel->socket, message, fd_r);
}

static void
spare_keep(struct channel *channel)
{
	if (!channel->listener && channel->spare < 0)
		channel->spare = fcntl(channel->socket, F_DUPFD_CLOEXEC, 3);
}

static enum portico_status
socket_closed(struct channel *channel)
{
	channel->socket_closed = true;
	channel->peer_gone = true;
	return PORTICO_CLOSED;
}

static enum portico_status
socket_read(struct channel *channel)
{
	channel->starved = channel->unread = false;
	for (unsigned i = 0; i < CHANNEL_MESSAGES_PER_CALL; i++) {
		struct channel_message message;
		int fd;
		enum portico_status status =
			receive_with_spare(channel, &message, &fd);

		if (status == PORTICO_AGAIN)
			return PORTICO_OK;
		if (status == PORTICO_CLOSED)
			return socket_closed(channel);
		if (status == PORTICO_FULL) {
			channel->starved = true;
			return PORTICO_OK;
		}
		if (status == PORTICO_PROTOCOL)
			return channel_refuse(
				channel, "message on the socket of another "
					 "size or with two descriptors");
		status = message_handle(channel, &message, fd);
		spare_keep(channel);
		if (status != PORTICO_OK)
			return status;
	}
	channel->unread = true;
	return PORTICO_OK;
}

enum portico_status
channel_socket_readable(struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	if (channel->lie != NULL)
		return PORTICO_PROTOCOL;
	if (channel->socket_closed)
		return PORTICO_CLOSED;
	if (channel->grow_owed != 0)
		grow_answer_owed(channel);
	return socket_read(channel);
}

/* ---- shrinking ----------------------------------------------------------------- */

enum portico_status
segment_dropped(struct channel *channel, uint64_t number)
{
	struct segment *segment = &channel->peer.segments[number];

	/* Its message may not have been read yet. */
	if (segment->base == NULL && !channel->listener)
		(void)channel_socket_readable(channel);
	if (segment->base == NULL)
		return channel_refuse(channel, "drop of a segment that is not "
					       "there");
	if (segment->used > 0)
		return channel_refuse(channel, "drop of a segment with blocks "
					       "that were not released");
	space_remove(&channel->peer, (uint32_t)number, false);
	return PORTICO_OK;
}

static bool
segment_drop(struct channel *channel, uint32_t number)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_SEGMENT_DROP,
		.value = number,
	};

	if (ring_push(channel, &descriptor) != PORTICO_OK)
		return false;
	channel->own.segments[number].dropped_at =
		channel->tail + channel->overflow_count;
	space_remove(&channel->own, number, true);
	return true;
}

/* Pages of `count` neighbouring blocks, the first of which is `index`. */
static bool
pages_return(const struct segment *segment, uint32_t index, uint32_t count)
{
	size_t size = (size_t)count * block_size(segment_class(segment, index));

	return madvise(segment_memory(segment, index), size, MADV_REMOVE) == 0;
}

/* Marks the touched blocks that were not used since the last trim. */
static void
blocks_mark_idle(struct segment *segment, unsigned block_class, bool *idle_r)
{
	uint32_t first = segment->first[block_class];

	for (uint32_t i = 0; i < segment->free_least[block_class]; i++) {
		uint32_t index = segment->free[first + i];

		idle_r[index] = segment->notes[index].touched;
	}
	segment->free_least[block_class] = segment->free_count[block_class];
}

/*
 * What is in use may be spread over a segment, and the first one is never
 * dropped: so the pages of free blocks are given back one by one.  Only the
 * worker can do that, since it may write to its region's files; those of the
 * listener are sealed against every new writer, and the kernel counts this as
 * one.  That is why the listener's first segment is small.
 */
static void
segment_return_pages(struct channel *channel, struct segment *segment)
{
	bool idle[CHANNEL_SEGMENT_BLOCKS_MAX] = { false };

	for (unsigned c = 0; c < CHANNEL_BLOCK_CLASSES; c++) {
		uint32_t stop = segment->first[c + 1];

		blocks_mark_idle(segment, c, idle);
		for (uint32_t i = segment->first[c]; i < stop; i++) {
			uint32_t from = i;

			while (i < stop && idle[i])
				i++;
			if (i == from)
				continue;
			if (!pages_return(segment, from, i - from)) {
				channel->pages_stay = true;
				return;
			}
			segment->touched -= i - from;
			for (; from < i; from++)
				segment->notes[from].touched = false;
		}
	}
}

/* RELEASE alone wakes nobody: what has come meanwhile is taken in this turn. */
static void
look_for_releases(struct channel *channel)
{
	uint64_t tail = atomic_load_explicit(&channel->in->producer.tail,
					     memory_order_relaxed);

	if (tail == channel->head)
		return;
	channel_awake(channel, false);
	channel_mark_dirty(channel);
}

void
channel_trim(struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	channel->grow_failed = false;
	channel->grow_refused = 0;
	if (channel->lie != NULL || channel->socket_closed)
		return;
	if (channel->grow_owed != 0)
		grow_answer_owed(channel);
	/* What waits for memory, and not for blocks that come back, has nobody
	 * else to wake it. */
	if (channel->memory_short) {
		channel->memory_short = false;
		channel->room_due |= channel->room_wanted;
		channel_mark_dirty(channel);
	}
	look_for_releases(channel);
	for (uint32_t i = 0; i < CHANNEL_SEGMENTS_MAX; i++) {
		struct segment *segment = &channel->own.segments[i];

		if (segment->base == NULL)
			continue;
		if (i > 0 && segment->used == 0 && segment->idle) {
			if (!segment_drop(channel, i))
				return;
			continue;
		}
		segment->idle = segment->used == 0;
		if (!channel->pages_stay && !channel->listener &&
		    segment->touched > segment->used)
			segment_return_pages(channel, segment);
	}
}
