/* SPDX-License-Identifier: Apache-2.0
 *
 * Child requests: requests whose head was made here, and whose response goes
 * into memory of this process instead of blocks of a channel.
 *
 * A child has no slot of its own.  While its parent lives it has the parent's
 * attachment and slot, to tell there what runs; one whose parent has ended (a
 * module had not let go of it) has neither, and is counted in loop->active so
 * that the worker does not stop under it.
 *
 * Threads: all on the loop of both.
 */
#ifndef CORE_WORKER_CHILD_H
#define CORE_WORKER_CHILD_H

#include <portico/portico.h>

#include "core/base/buffer.h"
#include "core/base/list.h"

#define CHILD_MAGIC 0x4348494cu

struct worker_loop;

/* A piece of response body, filled by response_out.c. */
struct child_block {
	struct list link;
	uint32_t used; /* bytes, once it is in a queue */
	char data[];
};

struct portico_child {
	unsigned magic;
	struct portico_request *parent; /* NULL: closed, or there is none */
	/* internal_request.h: it never had a parent; called at its end. */
	void (*on_end)(void *arg, unsigned status);
	void *arg;
	struct portico_request *request; /* held until closed */
	uint32_t depth; /* 1.. */
	bool head_there; /* status and fields stand */
	bool complete; /* all of the response has come */
	bool ended; /* the request has ended */
	bool read_begun, collecting, overflowed;
	bool wants_head; /* the parent waits for it */
	bool waited; /* the parent waits */
	size_t collect_max; /* bytes */
	struct buffer collected;
	struct list blocks; /* of struct child_block: not read yet */
	struct child_block *lent; /* to the parent, or NULL */
	void *body; /* of the request, heap; or NULL */
	struct list link; /* parent->children */
	struct list loop_link; /* loop->children */
};

/* ---- for response_out.c ---------------------------------------------------- */

/* Memory for `size` bytes of response, or NULL. */
char *child_block_alloc(size_t size);
void child_block_free(char *data);

/* Takes `data` (NULL: none), which came from child_block_alloc. */
void child_take(struct portico_child *child, char *data, uint32_t used,
		bool last);

/* ---- for request.c, rewrite.c, loop.c -------------------------------------- */

/* It was aborted: its children are, too. */
void children_abort(struct portico_request *parent);

/* It ends, or goes to another application: they are closed. */
void children_close(struct portico_request *parent);

/* A child has ended; its request object is not used by it any more unless it
 * is held. */
void child_ended(struct portico_request *request);

/* The loop ends: those that run are forgotten. */
void children_forget(struct worker_loop *loop);

#endif
