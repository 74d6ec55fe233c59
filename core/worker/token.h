/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion tokens: a value that names a suspended request, completed from
 * any thread exactly once.
 *
 * A token is {generation, loop, slot}.  Slots lie in chunks that never move
 * and are never freed while the process lives, so a token of any age may be
 * looked up without a lock; the generation tells whether it still counts.
 */
#ifndef CORE_WORKER_TOKEN_H
#define CORE_WORKER_TOKEN_H

#include <portico/host.h>

struct worker_loop;
struct token_table;

struct token_table *token_table_new(struct worker_loop *loop);
void token_table_free(struct token_table *table);

/* Loop's thread.  PORTICO_FULL: a million are open. */
enum portico_status token_new(struct token_table *table,
			      struct portico_request *request,
			      struct portico_token *token_r, uint32_t *slot_r);

/* Loop's thread: the token is void from now on. */
void token_cancel(struct token_table *table, uint32_t slot);

/* Any thread.  PORTICO_STATE: used before, or void. */
enum portico_status token_complete(struct portico_token token);

#endif
