/* SPDX-License-Identifier: Apache-2.0
 *
 * The consumer's side of the queue: take the stack, turn it round.
 */
#include "core/base/queue.h"

struct queue_node *
queue_take_all(struct queue *queue)
{
	struct queue_node *node, *oldest = NULL;

	if (queue_empty(queue))
		return NULL;
	node = atomic_exchange_explicit(&queue->newest, NULL,
					memory_order_acq_rel);
	while (node != NULL) {
		struct queue_node *older = node->next;

		node->next = oldest;
		oldest = node;
		node = older;
	}
	return oldest;
}
