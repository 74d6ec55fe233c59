/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking workers: what their modules cost, where their threads are.  The answer
 * is complete when all that were asked have answered or are gone, and at the
 * latest after QUERY_LIMIT_MS, or PAGE_OUT_LIMIT_MS, for which nobody waits.
 */
#ifndef CORE_ACTIVATION_WORKER_QUERIES_H
#define CORE_ACTIVATION_WORKER_QUERIES_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/list.h"

struct manager;
struct worker_process;

/* Questions that are not answered yet. */
struct worker_queries {
	struct list questions; /* of struct question */
	uint32_t next_id;
};

/*
 * `rows`: as the query says; `silent`: {pool, worker, pid} of those who did not
 * answer.  Both are borrowed.
 */
typedef void worker_answers_fn(json_t *rows, json_t *silent, void *arg);

enum worker_query {
	/* As of worker_process_add_modules(), with the counts of those who
	 * answer. */
	WORKER_QUERY_MODULES,
	/* {pool, worker, pid, threads}; of those who answer. */
	WORKER_QUERY_STACKS,
	/* No rows: it has given its memory back. */
	WORKER_QUERY_PAGE_OUT,
};

void worker_queries_init(struct worker_queries *stats);
void worker_queries_fini(struct manager *manager);

/* All workers, or `only` that one.  `done` is called once, never from within
 * this call. */
void worker_queries_ask(struct manager *manager, enum worker_query query,
			struct worker_process *only, worker_answers_fn *done,
			void *arg);
/* `done` will not be called any more for questions with this argument. */
void worker_queries_forget(struct manager *manager, const void *arg);

/* Called by worker_process. */
void worker_queries_on_reply(struct worker_process *worker, uint32_t id,
			     const json_t *body);
void worker_queries_on_end(const struct worker_process *worker);

#endif
