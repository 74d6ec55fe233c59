/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker as the main thread knows it: the link over which its channels are
 * offered, how far it has attached, and its end.
 *
 * Main thread only.  Loops name it by its address in what they post; it lives
 * until every channel that a loop has was reported lost.
 */
#ifndef CORE_LISTENER_WORKER_LINK_H
#define CORE_LISTENER_WORKER_LINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct control_worker;
struct listener;
struct worker_link;

/* The manager names a new worker.  OWNERSHIP: takes `fd`. */
void worker_link_open(struct listener *listener,
		      const struct control_worker *message, int fd);

/* NULL: none of that id. */
struct worker_link *worker_link_find(struct listener *listener, uint32_t id);

/* Nothing new for it; `abort`: and what it still has comes to an end. */
void worker_link_drain(struct worker_link *worker, bool abort);

/* Nothing for it for a while, which is said as of one that drains, with the
 * round; or again. */
void worker_link_pause(struct worker_link *worker, bool pause, uint32_t round);

/* It has ended, or has to: loops use what it had handed over, then lose it. */
void worker_link_end(struct worker_link *worker, const char *reason, bool lied);

/* A loop has lost one of its channels; or drained it. */
void worker_link_channel_lost(struct worker_link *worker, const char *reason,
			      bool lied);
void worker_link_channel_drained(struct worker_link *worker, uint32_t round);

/* {"id","pid","pool","generation","channels":n,"attached":n,"draining"} */
json_t *worker_link_describe(const struct worker_link *worker);
const char *worker_link_pool(const struct worker_link *worker);
uint32_t worker_link_id(const struct worker_link *worker);

/* What it has told the manager of it, once more; false: its end. */
bool worker_link_tell_again(const struct worker_link *worker);

/* When the listener ends, after its loops. */
void worker_link_free_all(struct listener *listener);

/* For query.c: calls `fn` with each worker. */
void worker_link_visit(struct listener *listener,
		       void (*fn)(const struct worker_link *worker, void *arg),
		       void *arg);

#endif
