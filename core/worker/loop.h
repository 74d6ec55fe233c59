/* SPDX-License-Identifier: Apache-2.0
 *
 * A loop of the worker: one thread with a libuv loop, the channels attached to
 * it and the requests that run on it.
 *
 * Threads: everything belongs to the loop's thread but loop_post(), which any
 * thread may call, and the counters, which any may read.
 */
#ifndef CORE_WORKER_LOOP_H
#define CORE_WORKER_LOOP_H

#include <stdatomic.h>
#include <portico/types.h>
#include <uv.h>

#include "core/base/list.h"
#include "core/base/queue.h"

#define WORKER_LOOP_MAGIC 0x574c4f50u

struct channel_loop;
struct client_engine;
struct module_calls;
struct portico_request;
struct portico_self;
struct portico_worker;
struct token_table;

/* Work for a loop, posted from anywhere; embedded in what it is about. */
struct loop_message {
	struct queue_node node;
	void (*run)(struct loop_message *message);
};

struct worker_loop {
	unsigned magic;
	uint32_t number;
	struct portico_worker *worker;
	uv_loop_t uv;
	uv_async_t async;
	uv_idle_t idle; /* active while `ready` is not empty */
	uv_prepare_t prepare; /* heartbeats */
	uv_timer_t trim; /* active while there are requests, and a little */
	uint64_t trimmed_at; /* `served` at the last trim */
	unsigned idle_trims;
	uint64_t short_told; /* ns; when lack of memory was told; 0 = never */
	struct channel_loop *channels;
	uv_thread_t thread;
	bool started;
	struct queue queue; /* of struct loop_message */
	struct list ready; /* requests that can go on */
	struct list attachments;
	struct list children; /* of struct portico_child */
	struct list spare; /* request objects */
	uint32_t spare_count;
	uint32_t spare_least; /* of them, since the last trim */
	/* calls.h */
	struct module_calls *calls; /* by number of the module */
	uint32_t untimed; /* calls until one is timed */
	uint32_t timed, random;
	uint32_t calls_since_clock; /* within what runs */
	uint64_t progress_clock; /* ns, coarse; read once in so many calls */
	const struct portico_self *callback; /* whose runs, without request */
	struct list shared_watches; /* of struct portico_shared_watch */
	struct list spare_timers;
	char *scratch; /* SCRATCH_BYTES, made at first use */
	struct token_table *tokens;
	struct client_engine *client; /* calls; made at first use */
	struct list lookups; /* of names */
	bool closing; /* nothing may be begun for modules any more */
	struct portico_request *running; /* for the dump of a failed assert */

	/* Written by the loop, read by anybody. */
	_Atomic uint64_t active; /* requests that have not ended */
	_Atomic uint64_t served;
	_Atomic uint32_t open_channels; /* neither drained nor dead */

	_Atomic uint64_t activity; /* calls.h */
	_Atomic int tid; /* of its thread; 0: not started */

	/* shared_watch.c */
	_Atomic uint32_t shared_watch_count;
	_Atomic bool bell_posted;
	struct loop_message bell;
};

/* The loop is initialised, its thread not started. */
void loop_init(struct worker_loop *loop, struct portico_worker *worker,
	       uint32_t number);
enum portico_status loop_start(struct worker_loop *loop,
			       struct portico_error *err);

/* Ends the thread (requests that still run are forgotten) and frees. */
void loop_stop(struct worker_loop *loop);

/* For tests: one turn without a thread; `wait` blocks for an event. */
void loop_turn(struct worker_loop *loop, bool wait);

/* Any thread. */
void loop_post(struct worker_loop *loop, struct loop_message *message);

/* The loop whose thread this is, or NULL. */
struct worker_loop *loop_current(void);
void loop_set_current(struct worker_loop *loop);

/* Runs requests that became ready; called by the loop itself and at the end of
 * a batch of descriptors. */
void loop_run_ready(struct worker_loop *loop);
void loop_want_ready(struct worker_loop *loop);

/* There is work: memory is to be given back some time later. */
void loop_want_trim(struct worker_loop *loop);

char *loop_scratch(struct worker_loop *loop);

#endif
