/* SPDX-License-Identifier: Apache-2.0
 *
 * Queue from many threads to one, intrusive and lock-free.  Producers push
 * single nodes; the consumer takes everything at once, oldest first.
 *
 * queue_push() says whether the queue was empty: just then the producer has
 * to wake the consumer (eventfd, uv_async_send).  The consumer, once woken,
 * calls queue_take_all() until it has seen NULL or goes back to sleep; no
 * wake-up is lost, since a push after the take finds the queue empty again.
 *
 * A push publishes all that its thread wrote before; a take sees it.
 */
#ifndef CORE_BASE_QUEUE_H
#define CORE_BASE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct queue_node {
	struct queue_node *next;
};

struct queue {
	_Atomic(struct queue_node *) newest;
};

static inline void
queue_init(struct queue *queue)
{
	atomic_init(&queue->newest, NULL);
}

static inline bool
queue_empty(struct queue *queue)
{
	return atomic_load_explicit(&queue->newest, memory_order_acquire) ==
	       NULL;
}

/* Any thread.  True when the queue was empty: wake the consumer. */
static inline bool
queue_push(struct queue *queue, struct queue_node *node)
{
	struct queue_node *newest =
		atomic_load_explicit(&queue->newest, memory_order_relaxed);

	do {
		node->next = newest;
	} while (!atomic_compare_exchange_weak_explicit(
		&queue->newest, &newest, node, memory_order_acq_rel,
		memory_order_relaxed));
	return newest == NULL;
}

/*
 * The consumer only: everything pushed so far as a NULL-terminated chain,
 * oldest first; NULL when there is nothing.  Read `next` before handing a
 * node on.
 */
struct queue_node *queue_take_all(struct queue *queue);

#endif
