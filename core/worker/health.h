/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to the manager's pings.  A ping goes from loop to loop and back to
 * the main thread, which answers; one that comes while another is under way is
 * answered with what holds that up.
 *
 * Threads: the main thread.
 */
#ifndef CORE_WORKER_HEALTH_H
#define CORE_WORKER_HEALTH_H

#include <stdatomic.h>

#include "core/worker/loop.h"

struct control_connection;
struct mailbox;
struct portico_worker;

struct health {
	struct control_connection **control; /* NULL in it: nobody asks */
	struct mailbox *mailbox; /* of the main thread */
	struct portico_worker *worker; /* NULL: it has no loops yet */
	/* How many of its requests are its own, and no use of it. */
	const _Atomic uint64_t *own;
	/* What is under way. */
	struct loop_message message;
	uint32_t id;
	bool passing;
	_Atomic uint32_t next_loop;
};

void health_ping(struct health *health, uint32_t id);

#endif
