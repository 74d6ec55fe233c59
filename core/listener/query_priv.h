/* SPDX-License-Identifier: Apache-2.0
 *
 * A query while it is answered: the main thread's.
 */
#ifndef CORE_LISTENER_QUERY_PRIV_H
#define CORE_LISTENER_QUERY_PRIV_H

#include <jansson.h>
#include <uv.h>

#include "core/base/list.h"
#include "core/listener/query.h"

struct query {
	unsigned magic;
	struct list link; /* in listener.queries */
	struct listener *listener;
	uint32_t id;
	enum query_kind kind;
	bool resources; /* too */
	uv_timer_t timer;
	unsigned came;
	struct query_part **parts; /* by loop; NULL: not yet */
};

/* OWNERSHIP: the caller's. */
json_t *query_describe_routes(const struct listener *listener);
json_t *query_describe_clients(const struct query *query);
json_t *query_describe_sites(const struct query *query);
json_t *query_describe_cache(const struct query *query);

/* On a loop: its entries and counters; what the URL names goes ("*": all). */
struct listener_loop;
void query_copy_cache(struct listener_loop *loop, struct query_part *part);
void query_flush_cache(struct listener_loop *loop, const char *url,
		       struct query_part *part);

#endif
