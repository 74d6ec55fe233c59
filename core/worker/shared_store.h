/* SPDX-License-Identifier: Apache-2.0
 *
 * How a shard is laid out: for shared.c and shared_store.c.
 */
#ifndef CORE_WORKER_SHARED_STORE_H
#define CORE_WORKER_SHARED_STORE_H

struct shared;

/* Fills in how many buckets, entries and cells a shard of this size has. */
void shard_lay_out(struct shared *shared);

#endif
