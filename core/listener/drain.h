/* SPDX-License-Identifier: Apache-2.0
 *
 * The graceful end of a listener.  Main thread.
 */
#ifndef CORE_LISTENER_DRAIN_H
#define CORE_LISTENER_DRAIN_H

#include <stdint.h>

struct listener;

void drain_init(struct listener *listener);

/* The manager is told "drained" when all is finished, or cut at the
 * deadline, in milliseconds from now. */
void drain_start(struct listener *listener, uint64_t deadline_ms);

#endif
