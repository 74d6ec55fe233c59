/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host counts of the modules' functions that it calls: how often,
 * errors, time, and how many requests wait for a module.  A loop writes its
 * own cells, without lock and without atomic instructions; who wants to know
 * sums them up.
 *
 * Time is measured of one call in 64 on the average, at random distances, and
 * CPU time of one in 1,024, since it takes a system call: a pipeline of a
 * hundred calls would cost more in clocks than in all else.  What is told is
 * scaled.  A call within a call counts for both.
 */
#ifndef CORE_WORKER_CALLS_H
#define CORE_WORKER_CALLS_H

#include "core/worker/loop.h"
#include "core/worker/module_load.h"

/* Where calls are counted: under their enum portico_event, handlers under
 * EXECUTE, or one of these two. */
enum call_kind {
	CALL_CALLBACK = PORTICO_EVENT_NONE, /* timers and the like */
	CALL_FILTER = PORTICO_EVENT_COUNT,
	CALL_KINDS
};

/* What is not on each call's path. */
struct call_costs {
	_Atomic uint64_t errors;
	_Atomic uint64_t timed, wall_ns; /* calls whose time was taken */
	_Atomic uint64_t cpu_timed, cpu_ns;
};

/* Of one module on one loop.  Calls are close together: a cell in a cache line
 * of its own for each event would make each call touch another. */
struct module_calls {
	_Atomic uint64_t calls[CALL_KINDS];
	_Atomic uint64_t waits, resumed; /* suspensions: begun, over */
	struct call_costs costs[CALL_KINDS];
};

/* One call, on the caller's stack. */
struct call {
	struct module_calls *calls;
	unsigned kind;
	bool timed;
	uint64_t wall, cpu; /* at its beginning; cpu 0: not taken */
};

/* The slow path. */
void call_time_begin(struct call *call, struct worker_loop *loop);
void call_time_end(struct call *call);

/* By the loop alone. */
static inline void
calls_add(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_store_explicit(
		cell, atomic_load_explicit(cell, memory_order_relaxed) + n,
		memory_order_relaxed);
}

/*
 * For the watchdog: something began on this loop, from outside of all modules
 * (inside) or not.  The lowest bit says whether it runs.
 */
static inline void
loop_is_inside(struct worker_loop *loop, bool inside)
{
	uint64_t now =
		atomic_load_explicit(&loop->activity, memory_order_relaxed);

	atomic_store_explicit(&loop->activity, ((now | 1) + 1) | inside,
			      memory_order_relaxed);
}

static inline void
call_begin(struct call *call, struct worker_loop *loop,
	   const struct portico_self *self, unsigned kind)
{
	call->calls = &loop->calls[self->number];
	call->kind = kind;
	loop_is_inside(loop, true);
	calls_add(&call->calls->calls[kind], 1);
	call->timed = --loop->untimed == 0;
	if (__builtin_expect(call->timed, 0))
		call_time_begin(call, loop);
}

static inline void
call_end(struct call *call, bool error)
{
	if (__builtin_expect(call->timed, 0))
		call_time_end(call);
	if (__builtin_expect(error, 0))
		calls_add(&call->calls->costs[call->kind].errors, 1);
}

/* A function that a module has given to be called later (timer, watch). */
struct callback {
	struct call call;
	struct worker_loop *loop;
	const struct portico_self *outer;
};

static inline void
callback_begin(struct callback *callback, struct worker_loop *loop,
	       const struct portico_self *self)
{
	callback->loop = loop;
	callback->outer = loop->callback;
	loop->callback = self;
	callback->call.calls = NULL;
	if (self != NULL)
		call_begin(&callback->call, loop, self, CALL_CALLBACK);
}

static inline void
callback_end(struct callback *callback)
{
	if (callback->call.calls != NULL)
		call_end(&callback->call, false);
	callback->loop->callback = callback->outer;
	loop_is_inside(callback->loop, callback->loop->running != NULL);
}

/* What all loops have counted, scaled. */
struct calls_sum {
	uint64_t calls, errors, wall_ns, cpu_ns;
	int64_t pending; /* requests that wait for the module now */
};

/* Of a module's kind, or with CALL_KINDS of all its kinds together. */
void calls_of(const struct portico_worker *worker, uint32_t module,
	      unsigned kind, struct calls_sum *sum_r);

/* "EXECUTE", "FILTER", "CALLBACK". */
const char *call_kind_name(unsigned kind);

#endif
