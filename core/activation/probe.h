/* SPDX-License-Identifier: Apache-2.0
 *
 * failure.probe: a pool that rapid-fail protection has disabled is tried again
 * by itself.  After `after`, twice as long after each failure, one worker is
 * started while requests still get 503; when it is attached the pool is
 * enabled, half open: one failure within rapidFailProtectionInterval disables
 * it at once, and the next probe waits longer.
 */
#ifndef CORE_ACTIVATION_PROBE_H
#define CORE_ACTIVATION_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct probe;
struct worker_process;

/* Of a pool; plain values, so that another porticod can go on with them. */
struct probing {
	struct probe *timer; /* NULL: none is awaited or under way */
	uint64_t interval_ns; /* until the next one, or of the last one */
	uint64_t due_ns; /* of the next one, monotonic; 0 = none */
	uint32_t worker; /* that is tried now; 0 = none */
	uint64_t half_open_ns; /* until then one failure is enough; 0 = no */
};

/* The pool was disabled, or its settings are others while it is. */
void probe_disabled(struct pool *pool);
void probe_set(struct pool *pool);

/* What another porticod has left of it goes on: all but `timer` is set. */
void probe_resume(struct pool *pool);

/* It was started or stopped by command, or ends. */
void probe_end(struct pool *pool);

/* True: that worker was tried, and the pool is to be enabled. */
bool probe_attached(struct pool *pool, const struct worker_process *worker);

/* True: it was, and failed, for `why`; the next one is awaited. */
bool probe_failed(struct pool *pool, uint32_t worker, const char *why);

bool probe_is_half_open(const struct pool *pool, uint64_t now_ns);

#endif
