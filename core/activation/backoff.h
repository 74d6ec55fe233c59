/* SPDX-License-Identifier: Apache-2.0
 *
 * How failures are counted: rapid-fail protection (too many within an interval)
 * and the delay before the next try.  No clock of its own, no allocation.
 */
#ifndef CORE_ACTIVATION_BACKOFF_H
#define CORE_ACTIVATION_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/activation/limits.h"

struct backoff {
	uint64_t times[RAPID_FAIL_MAX]; /* ns, a ring of the latest failures */
	unsigned maximum; /* failures that are too many; 0 = never */
	uint64_t interval_ns; /* within this time */
	unsigned count; /* in the ring, 0..RAPID_FAIL_MAX */
	unsigned next; /* where the next one goes */
	unsigned in_a_row; /* failures since the last success */
	uint64_t total;
};

/* `maximum` at most RAPID_FAIL_MAX; 0 switches the protection off. */
void backoff_init(struct backoff *backoff, unsigned maximum,
		  uint64_t interval_ns);

/* True: that was one too many, the pool is to be disabled. */
bool backoff_failed(struct backoff *backoff, uint64_t now_ns);

/* A start succeeded: the delay begins anew, the failures still count. */
void backoff_succeeded(struct backoff *backoff);

/* How long to wait before the next start. */
uint64_t backoff_delay_ms(const struct backoff *backoff);

/* Failures within the interval that ends now. */
unsigned backoff_recent(const struct backoff *backoff, uint64_t now_ns);

#endif
