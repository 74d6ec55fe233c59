/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's end of one channel: which request is in which slot, what
 * comes from the worker, and what happens when the worker is lost.
 *
 * Nothing that a worker writes is believed: core/channel has checked each
 * descriptor by itself, here it is checked against the request that it names.
 * A lie ends the channel, never more.
 */
#ifndef CORE_LISTENER_WORKER_CHANNEL_H
#define CORE_LISTENER_WORKER_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/channel/channel.h"

#define WORKER_CHANNEL_MAGIC 0x3c8a99e1u

struct listener_loop;
struct listener_request;
struct loop_pool;
struct portico_slice;
struct http_url;

struct worker_slot {
	struct listener_request *request; /* NULL: free */
	uint32_t generation; /* of its last use */
	uint32_t head_block;
};

struct worker_channel {
	unsigned magic;
	struct listener_loop *loop;
	struct loop_pool *pool;
	struct channel *channel;
	void *worker; /* the main thread's, only to name it there */
	uint32_t index; /* of the channel in the worker */
	uint32_t worker_id;
	int32_t pid;
	uint32_t generation; /* of the worker in its pool */
	char affinity[33]; /* its name in cookies; "" */
	uint64_t configuration; /* loop->configuration when it was attached */
	struct list link; /* in loop.worker_channels, lost: .lost_channels */
	struct list pool_link; /* in pool.channels while eligible */
	struct worker_slot *slots;
	uint32_t *free_slots; /* a stack */
	uint32_t free_count, slot_count;
	uint32_t active; /* slots in use */
	bool draining;
	bool paused; /* no requests for a while */
	uint32_t round; /* of either: what `drained_told` is about */
	bool drained_told;
	bool no_room; /* no block for a head; until on_room */
	struct list starved; /* of listener_request.starved_link, in order:
				whose bodies wait for a block */
	bool stuck; /* it leaves offers lying; see revoke.c */
	uint64_t position; /* what the worker had read at the last look */
	uint64_t moved; /* ns: when that was seen to be more */
	struct list offered; /* of listener_request.queue_link, by age: those
				that were not seen taken yet */
	bool lost;
	unsigned refs; /* the loop's while not lost, and requests' */
	uint64_t served;
};

/* Loop's thread: a channel that the worker has attached.  OWNERSHIP: takes
 * the channel. */
void worker_channel_add(struct listener_loop *loop, struct loop_pool *pool,
			struct channel *channel, void *worker, uint32_t index,
			uint32_t worker_id, int32_t pid, uint32_t generation,
			const char *affinity);

/* Nothing new for it; the main thread is told when it is empty. */
void worker_channel_drain(struct worker_channel *channel, uint32_t round);
/* No new requests for a while: said as when it has drained, but the worker
 * hears nothing of it.  And again. */
void worker_channel_pause(struct worker_channel *channel, uint32_t round);
void worker_channel_resume(struct worker_channel *channel);

/* The main thread knows that the worker is gone.  What it had handed over is
 * used first. */
void worker_channel_end(struct worker_channel *channel, const char *reason);

void worker_channel_unref(struct worker_channel **channel_p);

/* NULL for NULL. */
static inline struct channel *
worker_channel_get(const struct worker_channel *channel)
{
	return channel == NULL ? NULL : channel->channel;
}

/* Whether it may be given a request. */
static inline bool
worker_channel_has_room(const struct worker_channel *channel)
{
	return channel->free_count > 0 && !channel->no_room && !channel->stuck;
}

/* Offer a request.  False: no room after all, nothing has changed. */
bool worker_channel_assign(struct worker_channel *channel,
			   struct listener_request *request,
			   struct portico_slice path,
			   const struct http_url *url);

/* Take an offer back.  False: the worker has it. */
bool worker_channel_revoke(struct listener_request *request);

/* Take back an offer that the worker has not taken, or tell it to stop. */
void worker_channel_abort(struct listener_request *request,
			  enum channel_abort why);

/* Its time is over: what it has not taken goes back to the queue, all other
 * requests fail, and it is told to stop them. */
void worker_channel_abort_all(struct worker_channel *channel);

/* Give bytes of body to the worker: the block is filled up to `length`; none
 * when that is 0, which only makes sense with `last`.  The final `trailers` of
 * them are the trailer section, only with `last`. */
void worker_channel_send_body(struct listener_request *request, uint32_t block,
			      uint32_t length, uint32_t trailers, bool last);

/* The client has taken so many bytes. */
void worker_channel_send_window(struct listener_request *request,
				uint32_t bytes);

/* So many bytes of its FILE spans have left. */
void worker_channel_send_file_sent(struct listener_request *request,
				   uint64_t bytes);

#endif
