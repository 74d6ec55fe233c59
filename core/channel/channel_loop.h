/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels on a libuv loop, for listener and worker alike.
 *
 * One struct channel_loop per uv loop.  Before the loop blocks it flushes the
 * channels that have something to flush and puts to sleep those that are
 * awake; after polling it hands over what arrived, at most 512 descriptors of
 * a channel per turn.  A channel without activity costs nothing per turn.
 *
 * All functions are called on the loop's thread.
 */
#ifndef PORTICO_CHANNEL_LOOP_H
#define PORTICO_CHANNEL_LOOP_H

#include <uv.h>

#include <portico/types.h>

#include "core/channel/channel.h"

struct channel_loop;

struct channel_callbacks {
	/*
	 * A descriptor has arrived and was checked (channel_receive).  May
	 * send, release, remove and free the channel; channel_accuse ends it.
	 */
	void (*on_descriptor)(struct channel *channel,
			      const struct channel_descriptor *descriptor,
			      void *arg);
	/*
	 * Once, when nothing will arrive any more and everything that had
	 * arrived was handed over: PORTICO_CLOSED (the other process is gone)
	 * or PORTICO_PROTOCOL (it lied; what it sent after the lie is lost).
	 * `reason` is a static text.  The channel is no longer on the loop,
	 * its memory stays readable; the callee frees it, now or later.
	 */
	void (*on_closed)(struct channel *channel, enum portico_status status,
			  const char *reason, void *arg);
};

/* The loop is borrowed.  Keeps no uv_run() alive by itself. */
struct channel_loop *channel_loop_new(uv_loop_t *uv);

/*
 * Removes the channels that are left (without on_closed).  Memory is freed by
 * close callbacks: run the loop once more before uv_loop_close().
 * *loop_p becomes NULL.
 */
void channel_loop_free(struct channel_loop **loop_p);

/*
 * Watch a channel.  `callbacks` must stay valid while it is watched.  What is
 * in the ring already is handed over on the next turn.
 */
enum portico_status channel_loop_add(struct channel_loop *loop,
				     struct channel *channel,
				     const struct channel_callbacks *callbacks,
				     void *arg, struct portico_error *err);

/*
 * Stop watching; no callback follows.  After that the channel may be freed at
 * once.  Does nothing for a channel that is not watched (any more).
 */
void channel_loop_remove(struct channel_loop *loop, struct channel *channel);

#endif
