/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients that have closed their sending side while a request is in progress.
 * Most of them are gone; some wait for the answer (printf | nc -N).  TCP tells
 * the two apart only when something is sent: the kernel of one that is gone
 * answers with a reset.  So it is sent something that means nothing to HTTP.
 */
#ifndef CORE_LISTENER_HALF_CLOSE_H
#define CORE_LISTENER_HALF_CLOSE_H

#include <stdbool.h>

#include "core/listener/timers.h"

struct listener_connection;

/* Its end was seen, with a request in progress.  The connection may close. */
void half_close_seen(struct listener_connection *connection);

/* TIMER_ASK, TIMER_HALF_CLOSED or TIMER_ASK_AGAIN.  As above. */
void half_close_expired(struct listener_connection *connection,
			enum timer_kind kind);

/* Whether one that had closed its side has been found to be gone, in this very
 * moment. */
bool half_close_is_gone(const struct listener_connection *connection);

#endif
