/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a worker still turns: it is asked every pingInterval, and answers
 * when each of its loops has.  One that does not within pingResponseTime is
 * replaced; it says by itself, if it can, what holds it up.
 */
#ifndef CORE_ACTIVATION_HEALTH_H
#define CORE_ACTIVATION_HEALTH_H

#include <jansson.h>
#include <stdint.h>
#include <uv.h>

struct worker_process;

/* Of a worker. */
struct health {
	uv_timer_t timer;
	uint64_t due_ns; /* of the timer */
	uint64_t asked_ns; /* oldest ping without an answer; 0: none */
	uint64_t told_ns; /* modules were told HEALTH, or it began */
	uint32_t sent; /* number of the newest ping */
	char late[256]; /* what it says does not return; "" */
};

/* With the worker; health_close() calls `closed`. */
void health_init(struct worker_process *worker);
void health_close(struct worker_process *worker, uv_close_cb closed);

/* It is attached. */
void health_begin(struct worker_process *worker);
/* It was suspended, or another porticod's. */
void health_resume(struct worker_process *worker);

/* From it. */
void health_on_pong(struct worker_process *worker, const json_t *json);
void health_on_late(struct worker_process *worker, const json_t *json);

#endif
