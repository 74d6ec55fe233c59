/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of child requests share.
 */
#ifndef CORE_WORKER_CHILD_PRIV_H
#define CORE_WORKER_CHILD_PRIV_H

#include "core/worker/child.h"

struct arena;
struct http_request_head;

/* ---- child_head.c ------------------------------------------------------------- */

/* Statuses as portico_child_start has them.  The head is the arena's. */
enum portico_status child_head_make(struct portico_request *parent,
				    const struct portico_child_options *options,
				    struct arena *arena,
				    const struct http_request_head **head_r);

/* ---- child.c ------------------------------------------------------------------- */

/* With a request that is not filled; it is in no list. */
struct portico_child *child_new(struct worker_loop *loop);
void child_never_began(struct portico_child *child);

/* Begins in the loop's next turn. */
enum portico_status child_start(struct portico_request *parent,
				const struct portico_child_options *options,
				struct portico_child **child_r);

/* Aborts it if it runs; frees it, or leaves that to its end. */
void child_close(struct portico_child *child);

/* Has it something new for its parent? */
bool child_has_news(const struct portico_child *child);

/* The piece that was read is given back; the child goes on. */
void child_give_back(struct portico_child *child);

#endif
