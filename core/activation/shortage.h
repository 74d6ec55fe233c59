/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool whose workers cannot be started because this process, the listener or
 * the machine has run out of descriptors, processes or memory.  That is no
 * fault of the pool: it does not count towards rapid-fail protection and is
 * tried again for as long as it lasts.  Told when it begins, once a minute
 * while it lasts, and when it is over.
 */
#ifndef CORE_ACTIVATION_SHORTAGE_H
#define CORE_ACTIVATION_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct shortage {
	unsigned count; /* starts that failed so; 0: there is none */
	uint64_t began_ns, told_ns;
	char why[384]; /* "": none */
};

/* A start failed so.  True: the log should say it. */
bool shortage_note(struct shortage *shortage, const char *why, uint64_t now_ns);

/* Until the next try. */
uint64_t shortage_delay_ms(const struct shortage *shortage);

/* A start succeeded, or none is wanted any more. */
void shortage_end(struct shortage *shortage);

#endif
