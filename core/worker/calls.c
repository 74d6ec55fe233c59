/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting calls of modules: what is not on every call's path.
 */
#include "core/worker/calls.h"

#include <time.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/worker/pipeline_order.h"
#include "core/worker/worker.h"

#define DISTANCE_MASK 127u /* 1 to 127 calls from one timed to the next */
#define CPU_EVERY 16u /* timed calls */

static uint64_t
thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

void
call_time_begin(struct call *call, struct worker_loop *loop)
{
	uint32_t random = loop->random;

	/* xorshift: with a fixed distance the same calls would be met. */
	random ^= random << 13;
	random ^= random >> 17;
	random ^= random << 5;
	loop->random = random;
	loop->untimed = (random >> 8 & DISTANCE_MASK) + 1;
	call->cpu = ++loop->timed % CPU_EVERY == 0 ? thread_cpu_ns() : 0;
	call->wall = clock_monotonic_ns();
}

void
call_time_end(struct call *call)
{
	struct call_costs *calls = &call->calls->costs[call->kind];

	calls_add(&calls->wall_ns, clock_monotonic_ns() - call->wall);
	calls_add(&calls->timed, 1);
	if (call->cpu == 0)
		return;
	calls_add(&calls->cpu_ns, thread_cpu_ns() - call->cpu);
	calls_add(&calls->cpu_timed, 1);
}

static uint64_t
scale(uint64_t ns, uint64_t timed, uint64_t calls)
{
	return timed == 0 ?
		       0 :
		       (uint64_t)((double)ns * (double)calls / (double)timed);
}

void
calls_of(const struct portico_worker *worker, uint32_t module, unsigned kind,
	 struct calls_sum *sum_r)
{
	uint64_t wall = 0, timed = 0, cpu = 0, cpu_timed = 0;
	unsigned first = kind == CALL_KINDS ? 0 : kind;
	unsigned end = kind == CALL_KINDS ? CALL_KINDS : kind + 1;

	CHECK(worker, WORKER_MAGIC);
	*sum_r = (struct calls_sum){ 0 };
	for (uint32_t i = 0; i < worker->loop_count; i++) {
		struct module_calls *calls = &worker->loops[i].calls[module];

		/* Ended first: it is never below none. */
		sum_r->pending -= (int64_t)atomic_load(&calls->resumed);
		sum_r->pending += (int64_t)atomic_load(&calls->waits);
		for (unsigned k = first; k < end; k++) {
			struct call_costs *costs = &calls->costs[k];

			sum_r->calls += atomic_load(&calls->calls[k]);
			sum_r->errors += atomic_load(&costs->errors);
			wall += atomic_load(&costs->wall_ns);
			timed += atomic_load(&costs->timed);
			cpu += atomic_load(&costs->cpu_ns);
			cpu_timed += atomic_load(&costs->cpu_timed);
		}
	}
	sum_r->wall_ns = scale(wall, timed, sum_r->calls);
	sum_r->cpu_ns = scale(cpu, cpu_timed, sum_r->calls);
}

const char *
call_kind_name(unsigned kind)
{
	return kind == CALL_CALLBACK ?
		       "CALLBACK" :
	       kind == CALL_FILTER ?
		       "FILTER" :
		       pipeline_event_name((enum portico_event)kind);
}
