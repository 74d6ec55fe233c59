/* SPDX-License-Identifier: Apache-2.0
 *
 * Virtual time (clock.c): what is due when.
 */
#ifndef SDK_TESTKIT_CLOCK_H
#define SDK_TESTKIT_CLOCK_H

#include "sdk/testkit/kit_priv.h"

/* Embedded in what waits for its time. */
struct kit_due {
	struct list link; /* kit->due; alone when it is not set */
	uint64_t at; /* virtual ns */
	void (*fire)(struct kit_due *due); /* it is unset before */
};

/* In `delay_ns`, or at the end of time. */
void kit_due_set(struct kit_due *due, uint64_t delay_ns,
		 void (*fire)(struct kit_due *));
/* Also if it was never set, as long as it is zeroed. */
void kit_due_unset(struct kit_due *due);
bool kit_due_is_set(const struct kit_due *due);

#endif
