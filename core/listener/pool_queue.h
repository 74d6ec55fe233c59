/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of requests of one pool on one loop.  Its length is bounded over
 * all loops together by one atomic count in the pool.
 */
#ifndef CORE_LISTENER_POOL_QUEUE_H
#define CORE_LISTENER_POOL_QUEUE_H

#include <stdbool.h>

struct listener_request;

/* At the end.  False: the queue is full, nothing has changed. */
bool pool_queue_add(struct listener_request *request);

/* At the front, whatever the length: it has waited before. */
void pool_queue_add_front(struct listener_request *request);

/* Wherever it is in it. */
void pool_queue_remove(struct listener_request *request);

#endif
