/* SPDX-License-Identifier: Apache-2.0
 *
 * A link: the socket over which one listener hands the worker its channels.
 * Several may be alive: the old listener's, which drains, and the new one's.
 *
 * All functions are the main thread's.
 */
#ifndef CORE_WORKER_LINK_H
#define CORE_WORKER_LINK_H

#include <uv.h>

#include "core/base/list.h"
#include "core/base/queue.h"

struct portico_worker;

/* What loops hand back to the main thread. */
struct mailbox {
	uv_async_t async;
	struct queue queue; /* of struct loop_message */
};

void mailbox_init(struct mailbox *mailbox, uv_loop_t *uv);
void mailbox_close(struct mailbox *mailbox);
struct loop_message;
/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct loop_message *message);

/* All links of the process. */
struct links {
	uv_loop_t *uv;
	struct portico_worker *worker; /* NULL: it ends, nothing is attached */
	struct mailbox *mailbox;
	struct list all;
	void (*on_empty)(void *arg); /* the last link has ended */
	void *arg;
};

void links_init(struct links *links, uv_loop_t *uv,
		struct portico_worker *worker, struct mailbox *mailbox);

/* Takes the descriptor. */
void links_add(struct links *links, int fd, uint32_t listener);
/* The worker is about to be freed.  What comes is not attached; what was on its
 * way is still answered. */
void links_refuse(struct links *links);
void links_close(struct links *links);

#endif
