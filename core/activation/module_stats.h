/* SPDX-License-Identifier: Apache-2.0
 *
 * What modules cost: all workers are asked, and their answers are joined with
 * what is known of their modules.
 */
#ifndef CORE_ACTIVATION_MODULE_STATS_H
#define CORE_ACTIVATION_MODULE_STATS_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/list.h"

struct manager;
struct worker_process;

/* Questions that are not answered yet. */
struct module_stats {
	struct list questions; /* of struct question */
	uint32_t next_id;
};

/*
 * `modules`: rows as of worker_process_add_modules(), with the counts of those
 * who answered within QUERY_LIMIT_MS; `silent`: {pool, worker, pid} of those
 * who did not.  Both are borrowed.
 */
typedef void module_stats_fn(json_t *modules, json_t *silent, void *arg);

void module_stats_init(struct module_stats *stats);
void module_stats_fini(struct manager *manager);

/* `done` is called once, never from within this call. */
void module_stats_ask(struct manager *manager, module_stats_fn *done,
		      void *arg);
/* `done` will not be called any more for questions with this argument. */
void module_stats_forget(struct manager *manager, const void *arg);

/* Called by worker_process. */
void module_stats_on_reply(struct worker_process *worker, uint32_t id,
			   const json_t *body);
void module_stats_on_end(const struct worker_process *worker);

#endif
