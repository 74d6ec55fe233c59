/* SPDX-License-Identifier: Apache-2.0
 *
 * The graceful end of a listener.  Main thread.
 */
#ifndef CORE_LISTENER_DRAIN_H
#define CORE_LISTENER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct listener;
struct listener_connection;
struct listener_loop;

void drain_init(struct listener *listener);

/* The manager is told "drained" when all is finished, or cut at the deadline,
 * in milliseconds from now.  Connections without a request stay open for
 * `idle_ms`.  Once more: what is shorter counts. */
void drain_start(struct listener *listener, uint64_t deadline_ms,
		 uint64_t idle_ms);

/* ---- a loop's thread ------------------------------------------------------- */

/* At each tick while draining. */
void drain_tick(struct listener_loop *loop);

/* A connection becomes idle of which an answer has said, before, that it stays:
 * it does, as long as an idle one does when draining begins. */
void drain_keep(struct listener_loop *loop);

/* Whether a client that will not be answered any more may have sent something
 * already, so that closing at once could cost it the answer it has got. */
bool drain_may_follow(struct listener_connection *connection);

#endif
