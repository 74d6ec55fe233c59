/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of the listeners: all are asked, and what they answer is added up,
 * so that requests are seen wherever they are while one replaces another.
 */
#ifndef CORE_ACTIVATION_FIGURES_H
#define CORE_ACTIVATION_FIGURES_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/list.h"

struct listener_process;
struct manager;

/* Questions that are not answered yet. */
struct figures {
	struct list questions; /* of struct question */
	uint32_t next_id;
};

/*
 * `sum` is NULL when nobody answered within QUERY_LIMIT_MS, and has "partial"
 * when somebody did not.  `each` is an array: what is known of each listener,
 * the one that serves first, with its own "connections" if it told them.
 * Both are borrowed.
 */
typedef void figures_fn(json_t *sum, json_t *each, void *arg);

void figures_init(struct figures *figures);
/* Without the answers. */
void figures_fini(struct manager *manager);

/* What: "counters", "requests", "routes" (of the one that serves).  `done` is
 * called once, never from within this call. */
void figures_ask(struct manager *manager, const char *what, figures_fn *done,
		 void *arg);
/* `done` will not be called any more for questions with this argument. */
void figures_forget(struct manager *manager, const void *arg);

/* Called by listener_process and listeners. */
void figures_on_reply(struct listener_process *listener, uint32_t id,
		      json_t *body);
void figures_on_end(struct listener_process *listener);

/* Adds one listener's answer to another's. */
void figures_add(json_t *sum, json_t *more);

#endif
