/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel between one listener loop and one worker loop: rings, blocks,
 * claim words, descriptors (files) passed, wake-ups.  Both ends use the same
 * functions; what only one may call says so.
 *
 * Threads: a channel belongs to one loop; only channel_free may be called
 * from elsewhere, after that loop has ended.
 *
 * Trust: the listener trusts nothing that it reads here, the worker trusts
 * the listener.  Every function that reads what the other side wrote copies
 * it once and then checks the copy.  PORTICO_PROTOCOL means a lie; the caller
 * ends the channel, channel_lie() has the sentence for the log.
 */
#ifndef PORTICO_CHANNEL_H
#define PORTICO_CHANNEL_H

#include <portico/types.h>

#include "core/channel/wire.h"

struct channel;

/*
 * Descriptors for files that all channels of a process together may hold
 * beyond their own shares (channel_options.files each).  Owned by whoever makes
 * the channels; outlives them and all their files.  Any thread.
 */
struct channel_file_budget {
	uint32_t max;
	_Atomic uint32_t used;
};

struct channel_options {
	const char *name; /* borrowed until channel_create returns; for logs */
	uint32_t slots; /* requests at once, 1..65536 */
	uint32_t window; /* bytes, response body per request; 0 = 128 KiB */
	uint32_t ring_size; /* descriptors; 0 = chosen by slots */
	uint64_t memory_max; /* bytes per region, all segments; 0 = 64 MiB */
	uint32_t files; /* passed at once; 0 = CHANNEL_FILES_MAX */
	struct channel_file_budget *budget; /* for more of them; NULL: none */
};

/* The descriptors that make a channel.  Owned by whoever holds the struct. */
struct channel_handles {
	int down; /* memfd */
	int up; /* memfd */
	int wake_worker; /* socket: the worker waits on it */
	int wake_listener; /* eventfd: the worker wakes the listener */
	int socket; /* SOCK_SEQPACKET: segments and files */
};

#define CHANNEL_HANDLES 5

/*
 * Listener: make a channel.  SIGPIPE, if at its default, is ignored from now
 * on in this process, here and in channel_attach.  handles_r receives the descriptors for the
 * worker; the caller owns and closes them once they have been sent.
 */
enum portico_status channel_create(const struct channel_options *options,
				   struct channel **channel_r,
				   struct channel_handles *handles_r,
				   struct portico_error *err);

/*
 * Worker: map a channel from what the listener sent.  Takes the descriptors,
 * also when it fails.  PORTICO_ABI: other version or sizes, err names them.
 */
enum portico_status channel_attach(struct channel_handles *handles,
				   struct channel **channel_r,
				   struct portico_error *err);

/* Unmap and close everything.  *channel_p becomes NULL. */
void channel_free(struct channel **channel_p);

bool channel_is_listener(const struct channel *channel);
uint32_t channel_slots(const struct channel *channel);
uint32_t channel_window(const struct channel *channel);
uint32_t channel_ring_size(const struct channel *channel); /* descriptors */

/* To poll for reading: the wake-up, and the socket (also for hang-up). */
int channel_wake_fd(const struct channel *channel);
int channel_socket_fd(const struct channel *channel);

/* Why the last call returned PORTICO_PROTOCOL; static text. */
const char *channel_lie(const struct channel *channel);

/*
 * The caller has found a lie itself (a slot not in use, a window overrun):
 * from now on channel_receive and channel_send return PORTICO_PROTOCOL with
 * this static text.  The first accusation stays.
 */
void channel_accuse(struct channel *channel, const char *lie);

/* ---- sending -------------------------------------------------------------
 * Descriptors are copied into the ring; if that is full, into a private
 * bounded overflow that channel_flush empties in order.  PORTICO_FULL: the
 * other side has stopped reading for too long.
 */
enum portico_status channel_send(struct channel *channel,
				 const struct channel_descriptor *descriptor);

/* Give a block back to the other side; batched into RELEASE descriptors. */
enum portico_status channel_release(struct channel *channel, uint32_t block);

/*
 * Publish everything sent since the last call and wake the other side if it
 * sleeps: at most one system call for that.  To be called once per loop turn.
 */
void channel_flush(struct channel *channel);

/* ---- receiving -----------------------------------------------------------
 * Copy the next descriptor to *descriptor_r.  PORTICO_AGAIN: none now.
 * RELEASE and SEGMENT_DROP are handled inside and never returned.  For the
 * listener every field has been checked: type allowed from a worker, slot <
 * slots, count and lengths within the blocks they name.  Whether the slot is
 * in use with that generation is the caller's to check, who owns the lease.
 */
enum portico_status channel_receive(struct channel *channel,
				    struct channel_descriptor *descriptor_r);

/*
 * How many descriptors the other side has read so far, as it says itself: to
 * see whether it reads, and for nothing else.
 */
uint64_t channel_peer_position(const struct channel *channel);

/*
 * Before blocking: say that this side sleeps, then look again.  True: block
 * on channel_wake_fd.  False: something is there, go on with channel_receive.
 */
bool channel_sleep(struct channel *channel);

/* After waking: take the wake-up (only if readable), clear the sleep word. */
void channel_awake(struct channel *channel, bool wake_fd_readable);

/*
 * Read what came over the socket: segments, files, requests to grow.  What
 * brings a descriptor that this process has no room for, or that is one too
 * many of this channel, stays there with all that is behind it, and
 * channel_starved() is true until a later call.
 * PORTICO_CLOSED: the other process is gone (ring contents stay readable).
 */
enum portico_status channel_socket_readable(struct channel *channel);
bool channel_starved(const struct channel *channel);

/* ---- blocks ---------------------------------------------------------------
 * A block is allocated in the region that this side writes, and belongs to
 * this side until it is sent in a descriptor.  Returns the writable memory of
 * *size_r bytes, or NULL if there is none now: on_room (below) is called when
 * blocks came back.  May add a segment (listener) or ask for one (worker).
 */
void *channel_block_alloc(struct channel *channel,
			  enum channel_block_class block_class,
			  uint32_t *block_r, uint32_t *size_r);

/* Take back a block that was allocated and never sent. */
void channel_block_cancel(struct channel *channel, uint32_t block);

/*
 * Listener: the worker has returned (by END) a block without RELEASE.
 * Also used for all blocks of a dead worker before the channel is freed.
 */
void channel_block_returned(struct channel *channel, uint32_t block);

/*
 * The memory behind a reference from the other side; NULL if it lies outside
 * (a lie).  Valid until the block is released.  The listener must read a byte
 * that it checks only once: the worker may write at any time.
 */
const void *channel_block_data(const struct channel *channel,
			       struct channel_reference reference);

/* The memory of a block of our own, for a writer that fills it in steps. */
void *channel_block_own(struct channel *channel, uint32_t block);

/* Called from channel_receive when blocks came back after an alloc failed, or
 * when there is plenty again. */
typedef void channel_room_fn(struct channel *channel, void *arg);
void channel_on_room(struct channel *channel, channel_room_fn *fn, void *arg);

/*
 * So that those who hold much do not take what others have yet to get: while
 * less than a quarter of the memory is left, whoever can wait calls
 * channel_want_plenty and waits; on_room tells, too, when there is plenty
 * again.  Who has nothing yet takes a small block.
 */
bool channel_is_scarce(const struct channel *channel);
void channel_want_plenty(struct channel *channel);

/* Whether there was no memory for it, since the last channel_trim; that will
 * try again, and on_room follows for those that wait. */
bool channel_memory_short(const struct channel *channel);

struct channel_usage {
	uint32_t blocks[CHANNEL_BLOCK_CLASSES]; /* of this side, all */
	uint32_t in_use[CHANNEL_BLOCK_CLASSES]; /* allocated or sent */
	uint32_t held; /* blocks of the other side not yet released */
	uint32_t overflow; /* descriptors waiting for room in the ring */
	uint32_t files; /* listener: passed and not closed */
	uint32_t files_open; /* with those that only a client still needs */
	uint32_t segments;
	uint64_t memory; /* bytes mapped, both regions */
	uint64_t sent, received; /* descriptors */
	uint64_t wakeups; /* of the other side */
};

void channel_get_usage(const struct channel *channel,
		       struct channel_usage *usage_r);

/*
 * Give memory back: drop segments that have been wholly free since the last
 * call and, for the worker, the pages of blocks that were.  Also looks for
 * releases, which wake nobody.  The loop calls it every few seconds while
 * blocks are in use or segments are there, and twice after.
 */
void channel_trim(struct channel *channel);

/* ---- claim words ---------------------------------------------------------- */

/* Listener: whether there is memory for the slot; to be asked before the slot
 * is offered.  False: not now, on_room is called when it is worth a try. */
bool channel_claim_ready(struct channel *channel, uint32_t slot);

/* Listener: offer slot under a new generation (1..2^24-1), before REQUEST. */
void channel_claim_offer(struct channel *channel, uint32_t slot,
			 uint32_t generation);

/* Listener: take it back.  False: the worker has it. */
bool channel_claim_revoke(struct channel *channel, uint32_t slot,
			  uint32_t generation);

/* Worker: take it.  False: it was revoked; forget the request. */
bool channel_claim_take(struct channel *channel, uint32_t slot,
			uint32_t generation);

/* Worker: about to run the first module.  False: the listener has given the
 * channel up and withdrawn it; forget the request. */
bool channel_claim_start(struct channel *channel, uint32_t slot,
			 uint32_t generation);

/* Listener, when the channel has ended and is used no more: take back what was
 * not started.  False: it was. */
bool channel_claim_withdraw(struct channel *channel, uint32_t slot,
			    uint32_t generation);

/* Listener: the state now; anything unknown reads as STARTED. */
enum channel_claim channel_claim_state(struct channel *channel, uint32_t slot,
				       uint32_t generation);

/* Worker: event and module that run now; readable after the worker's death. */
void channel_progress_set(struct channel *channel, uint32_t slot,
			  uint16_t event, uint16_t module);
void channel_progress_get(struct channel *channel, uint32_t slot,
			  uint16_t *event_r, uint16_t *module_r);

/* Listener: a thread of the worker says that it died in this request. */
bool channel_progress_crashed(struct channel *channel, uint32_t slot);
/* The same without a call, for the worker that sets it often: the words of a
 * slot, as long as the channel is mapped. */
struct channel_slot *channel_progress_of(struct channel *channel,
					 uint32_t slot);
uint64_t channel_progress_clock(void);

/* When progress was last set: ns, CLOCK_MONOTONIC, to the kernel's tick. */
uint64_t channel_progress_at(struct channel *channel, uint32_t slot);

/* Worker: count a loop turn.  Listener: read the count. */
void channel_heartbeat(struct channel *channel);
uint64_t channel_heartbeat_get(const struct channel *channel);

/* ---- files ----------------------------------------------------------------
 * Worker: pass an open file once under a number of its choice, before the
 * first FILE descriptor that names it.  The descriptor stays the caller's.
 * PORTICO_AGAIN: the socket is full now.
 */
#define CHANNEL_FILES_MAX 256

/* How many may be open at once; the worker keeps to it. */
uint32_t channel_files(const struct channel *channel);

enum portico_status channel_file_pass(struct channel *channel, uint32_t number,
				      int fd);

/*
 * Listener: the file passed under that number, with a reference for the
 * caller (a connection that sends from it), or NULL if none was passed: a lie,
 * unless channel_starved().  Reads the socket if need be.  Only regular files get this far.
 * FILE_CLOSE is returned by channel_receive after the table has let go.
 */
struct channel_file;

struct channel_file *channel_file_find(struct channel *channel,
				       uint32_t number);
int channel_file_fd(const struct channel_file *file);
uint64_t channel_file_size(const struct channel_file *file); /* when passed */
void channel_file_ref(struct channel_file *file);
void channel_file_unref(struct channel_file **file_p); /* closes the last */

#endif
