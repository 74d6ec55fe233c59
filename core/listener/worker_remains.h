/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker that is gone had begun: read from its slots, which outlive it,
 * and told to the manager.
 */
#ifndef CORE_LISTENER_WORKER_REMAINS_H
#define CORE_LISTENER_WORKER_REMAINS_H

struct worker_channel;

/* On the channel's loop, when it is lost and its requests are still there. */
void worker_remains_tell(const struct worker_channel *channel);

#endif
