/* SPDX-License-Identifier: Apache-2.0
 *
 * A request that was offered to a worker which does not take it is taken back
 * and given to another that has less to do.
 */
#ifndef CORE_LISTENER_REVOKE_H
#define CORE_LISTENER_REVOKE_H

struct listener_loop;
struct worker_channel;

void revoke_init(struct listener_loop *loop);

/* An offer was made: look after it. */
void revoke_watch(struct listener_loop *loop);

/* All that the worker has not taken goes back to the queue, in order. */
void revoke_all(struct worker_channel *channel);

/* Something came from a worker that was stuck: it may read again, too. */
void revoke_look_again(struct worker_channel *channel);

#endif
