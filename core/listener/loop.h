/* SPDX-License-Identifier: Apache-2.0
 *
 * One loop of the listener: a thread with its own sockets, connections,
 * requests, channels and counters.  Everything here belongs to that thread;
 * others reach it by loop_post().
 *
 * A turn: timers, prepare (responses that gathered are written, channels are
 * flushed), poll (sockets: requests are read and dispatched), check (what
 * workers have sent).
 */
#ifndef CORE_LISTENER_LOOP_H
#define CORE_LISTENER_LOOP_H

#include <uv.h>

#include "core/base/clock.h"
#include "core/base/list.h"
#include "core/channel/channel_loop.h"
#include "core/http/date.h"
#include "core/listener/cache.h"
#include "core/listener/log_buffer.h"
#include "core/listener/log_text.h"
#include "core/listener/pool.h"
#include "core/listener/snapshot.h"
#include "core/listener/spare.h"
#include "core/listener/task.h"
#include "core/listener/timers.h"

#define LISTENER_LOOP_MAGIC 0x10074001u

struct listener;
struct listener_request;

struct loop_counters {
	uint64_t accepted, closed; /* connections */
	uint64_t requests; /* heads that were complete */
	uint64_t rejected; /* connections beyond the limit */
	uint64_t errors; /* lines in the error log */
};

struct listener_loop {
	unsigned magic;
	unsigned index;
	struct listener *listener;
	uv_loop_t uv;
	uv_thread_t thread;
	struct mailbox mailbox;
	uv_prepare_t prepare;
	uv_timer_t tick;
	uv_idle_t unread_idle; /* active while there are `unread` */
	uv_timer_t revoke; /* active while offers may lie about */
	uv_timer_t deadline_timer;
	uint64_t deadline; /* what it is set to, ns; UINT64_MAX: it is not */
	uint64_t deadline_looked; /* ns: when it fired last */
	struct channel_loop *channels;

	uint64_t now; /* ns, monotonic; 0: to be asked in this turn */
	uint64_t realtime_offset; /* realtime = monotonic + this */
	struct http_date_cache date;

	struct loop_snapshot *snapshot; /* NULL until configured */
	uint64_t configuration; /* counts them */
	struct cache cache;
	struct loop_pool **pools; /* by number */
	unsigned pool_count;
	struct site_counters *sites; /* by number */
	unsigned site_count;

	struct list acceptors;
	unsigned paused; /* of these */
	struct list connections;
	uint32_t connection_count;
	struct list written; /* requests with output for this turn's end */
	struct list blocked; /* connections whose client is slow */
	struct list throttled; /* requests whose site has used its bandwidth */
	uv_timer_t throttle; /* active while there are some */
	unsigned handshakes; /* steps of handshakes in this turn */
	struct list unread; /* connections that have bytes inside */
	struct list awaiting; /* connections whose body we wait for */
	struct list worker_channels;
	struct list lost_channels; /* ended; requests still send from them */
	uint32_t request_count; /* that exist */
	struct list http2_ready; /* sessions that have something to send */
	struct http2_first *http2_first; /* owned */
	char *http2_batch; /* frames on their way: HTTP2_BATCH_BYTES, and room
			      for a head */
	char *http2_input; /* HTTP2_INPUT_BYTES */
	struct timers timers;
	bool draining; /* no new connections, none kept */
	uint64_t drain_idle_until; /* ns; idle ones are closed then */
	uint64_t drain_idle; /* ns; how long one may idle that was promised */
	bool drained_told;
	bool stopping; /* the thread is about to end */
	unsigned ticks;

	uint64_t next_request_id, next_connection_id;
	struct spare spare_buffers, spare_requests, spare_streams;
	char *output; /* LOOP_OUTPUT_BYTES: heads and small bodies */
	char *discard; /* LOOP_DISCARD_BYTES: bytes for nobody; also heads that
			  were copied from a worker */
	char *record; /* TLS_RECORD_BYTES: what is encrypted now; or NULL */
	char *path; /* a cooked URL */
	size_t path_size;

	struct log_buffer access_log, error_log;
	struct log_clock log_clock;
	struct loop_counters counters;
};

struct listener_loop *loop_new(struct listener *listener, unsigned index);

/* Starts the thread. */
enum portico_status loop_start(struct listener_loop *loop,
			       struct portico_error *err);

/* Main thread: ends the thread at once, whatever is in progress, and waits. */
void loop_stop(struct listener_loop *loop);
void loop_free(struct listener_loop *loop);

/* Any thread. */
static inline void
loop_post(struct listener_loop *loop, struct task *task, task_fn *run)
{
	mailbox_post(&loop->mailbox, task, run);
}

/* The time, asked once per turn. */
static inline uint64_t
loop_now(struct listener_loop *loop)
{
	if (loop->now == 0)
		loop->now = clock_monotonic_ns();
	return loop->now;
}

/* Seconds since 1970, ns. */
static inline uint64_t
loop_realtime(struct listener_loop *loop)
{
	return loop_now(loop) + loop->realtime_offset;
}

/* This loop's part of a pool. */
struct loop_pool *loop_pool_get(struct listener_loop *loop,
				struct listener_pool *shared);

/* Loop's thread: new configuration.  OWNERSHIP: takes the reference. */
void loop_set_snapshot(struct listener_loop *loop,
		       struct listener_snapshot *snapshot,
		       struct listener_pool **pools, unsigned pool_count);

/* Loop's thread: after a connection or request ended, while draining. */
void loop_check_drained(struct listener_loop *loop);

/* Room for a line of LOG_LINE_MAX in one of the loop's logs. */
char *loop_log_reserve(struct listener_loop *loop, struct log_buffer *log);

/* ---- memory ----------------------------------------------------------------- */

/* An input buffer of INPUT_SMALL_BYTES. */
char *loop_buffer_take(struct listener_loop *loop);
void loop_buffer_give(struct listener_loop *loop, char *buffer);

#endif
