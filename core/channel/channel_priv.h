/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a channel, for the files of this folder, its tests and its
 * fuzz target.
 *
 * Everything here is private memory.  Pointers into the shared regions are
 * `in` and `out` (headers and rings) and the segments' bases; whatever is read
 * through `in` was written by the other side.
 */
#ifndef PORTICO_CHANNEL_PRIV_H
#define PORTICO_CHANNEL_PRIV_H

#include "core/base/check.h"
#include "core/channel/block_priv.h"
#include "core/channel/channel.h"
#include "core/channel/limits.h"

#define CHANNEL_OBJECT_MAGIC 0x43484e4cu

/* Of all files of a channel; lives as long as the last of them. */
struct file_total {
	struct channel_file_budget *budget; /* borrowed, NULL: none */
	uint32_t open; /* those in the table, and those only in use */
	uint32_t own; /* of these, not taken from the budget */
	uint32_t uses; /* references of the channel's owner */
	bool channel_gone;
};

struct channel_file {
	unsigned magic;
	unsigned refs;
	int fd;
	bool of_budget;
	uint32_t number;
	uint64_t size;
	struct file_total *total;
	struct channel_file *next; /* in its bucket, oldest first */
};

#define FILE_BUCKETS 64u

struct channel {
	unsigned magic;
	bool listener;
	bool socket_closed; /* read to its end */
	bool peer_gone; /* the other side has hung up socket or wake-up */
	bool starved; /* a message waits: we have no descriptor for it, or too
		       * many of this worker's already */
	bool unread; /* the last call left messages that it had no time for */
	bool dirty; /* on_dirty was called since the last flush */
	const char *lie; /* static text, or NULL */
	char *name;

	uint32_t slots, ring_size, ring_mask, window, files_max;
	uint64_t memory_max;

	/* The ring that we write, and what belongs to it. */
	struct channel_region_header *out; /* the region that we write */
	struct channel_descriptor *out_ring;
	uint64_t tail; /* written by us */
	uint64_t ring_ready; /* descriptors of it that have memory */
	uint64_t tail_published;
	uint64_t peer_head; /* the last that we read */
	uint64_t woken; /* sleep word for which we have woken the peer */
	bool loud; /* unpublished: something else than RELEASE */

	/* The ring that we read. */
	const struct channel_region_header *in;
	const struct channel_descriptor *in_ring;
	uint64_t head;
	uint64_t head_noted; /* at the last flush */
	uint64_t peer_tail; /* the last that we read */

	enum channel_sleep sleeping; /* of this side */
	uint64_t sleeps;

	struct channel_descriptor *overflow; /* a circle */
	uint32_t overflow_size, overflow_first, overflow_count;

	uint32_t releases[CHANNEL_RELEASES_MAX];
	uint32_t release_count;

	struct space own, peer;
	bool room_wanted; /* an allocation failed since the last on_room */
	bool plenty_wanted; /* on_room is due when memory is not scarce */
	bool room_due; /* on_room is to be called */
	channel_room_fn *on_room;
	void *room_arg;

	/* Bits by class.  Worker: asked, refused.  Listener: owes an answer. */
	uint8_t grow_asked, grow_refused, grow_owed;
	bool grow_failed; /* listener: not again before the next trim */
	bool pages_stay; /* they cannot be given back one by one */
	bool memory_short; /* the last attempt to get some of it failed */

	struct channel_slot *claims;
	uint32_t slots_ready; /* listener: of these, that have memory */

	struct channel_file *files[FILE_BUCKETS];
	uint32_t file_count; /* in the table */
	/* Numbers of files that are closed, and still wait in the socket. */
	uint32_t *forgotten;
	uint32_t forgotten_count;
	struct file_total *file_total; /* NULL: none yet */
	struct channel_file_budget *file_budget; /* borrowed, may be NULL */

	int wake_own, wake_peer; /* see waker.c */
	int socket;
	int spare; /* worker: given up for a segment when none is left */

	uint64_t sent, received, wakeups;

	/* Called once when there is something to flush; may be NULL. */
	void (*on_dirty)(struct channel *channel, void *arg);
	void *dirty_arg;
};

static inline void
channel_mark_dirty(struct channel *channel)
{
	if (channel->dirty)
		return;
	channel->dirty = true;
	if (channel->on_dirty != NULL)
		channel->on_dirty(channel, channel->dirty_arg);
}

/* ---- region.c: memory ---------------------------------------------------- */

struct channel_regions {
	unsigned char *down, *up; /* mapped */
	int down_fd, up_fd;
	struct geometry down_geometry, up_geometry;
};

enum portico_status region_options_check(const struct channel_options *options,
					 struct portico_error *err);
void region_geometry(const struct channel_options *options, bool up,
		     struct geometry *geometry_r);
/* See to it that these bytes have memory.  False: there is none. */
bool region_populate(void *base, uint64_t from, uint64_t to);
/* A memfd mapped read-write and sealed; read_only forbids others to write.
 * Its first page has memory. */
unsigned char *region_create(const char *name, size_t size, bool read_only,
			     int *fd_r, struct portico_error *err);
void region_header_write(struct channel_region_header *header,
			 const struct geometry *geometry);
/* Worker: map what it was sent and check the header. */
enum portico_status region_attach(int fd, bool writable, unsigned char **base_r,
				  struct geometry *geometry_r,
				  struct portico_error *err);

/* ---- check.c: what a descriptor may say ----------------------------------- */

/* NULL or a static text of what is wrong, whoever sent it. */
const char *descriptor_fault(const struct channel *channel,
			     const struct channel_descriptor *descriptor,
			     bool from_listener);
/* Whether the type carries references to blocks of its sender. */
bool descriptor_has_references(unsigned type);

/* ---- waker.c --------------------------------------------------------------- */

enum portico_status waker_create(struct channel *channel,
				 struct channel_handles *handles,
				 struct portico_error *err);
void waker_fini(struct channel *channel);
void waker_wake(struct channel *channel);
/* wake_own is readable.  May find that the listener is gone. */
void waker_clear(struct channel *channel);

/* ---- ring.c ---------------------------------------------------------------- */

enum portico_status ring_push(struct channel *channel,
			      const struct channel_descriptor *descriptor);
/* Read how far the other side is.  False: a lie. */
bool ring_refresh_peer_head(struct channel *channel);
void ring_overflow_drain(struct channel *channel);
void ring_release_flush(struct channel *channel);

/* ---- segment.c: growing and shrinking --------------------------------------- */

/* Try to get more blocks.  True: there are some now. */
bool segment_grow(struct channel *channel,
		  enum channel_block_class block_class);
/* SEGMENT_DROP of the other side. */
enum portico_status segment_dropped(struct channel *channel, uint64_t number);

/* ---- file.c ------------------------------------------------------------------ */

/* FILE message; takes fd. */
/* Listener: whether one more may be received from this worker now. */
bool file_has_room(const struct channel *channel);
enum portico_status file_add(struct channel *channel, uint32_t number, int fd);
/* FILE_CLOSE: the table lets go.  False: never passed. */
bool file_remove(struct channel *channel, uint32_t number);
void file_fini(struct channel *channel);

static inline enum portico_status
channel_refuse(struct channel *channel, const char *lie)
{
	channel_accuse(channel, lie);
	return PORTICO_PROTOCOL;
}

#endif
