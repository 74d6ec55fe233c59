/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to the manager's questions.  Each loop is asked by a message and
 * answers with plain structs; the main thread makes JSON of what has come,
 * at the latest after QUERY_DEADLINE_MS, marked "partial" if a loop did not
 * answer.  Nothing on the request path takes part.
 */
#ifndef CORE_LISTENER_QUERY_H
#define CORE_LISTENER_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/channel/wire.h"
#include "core/listener/cache.h"
#include "core/listener/task.h"

struct listener;
struct listener_site;
struct site_counters;

/* What: requests; routes; reopen: the logs are opened anew; clients:
 * connections; sites; cache; "cache-flush URL" ("*": everything); listener:
 * counters and
 * what the process has open; anything else: counters. */
void query_start(struct listener *listener, uint32_t id, const char *what);

/* ---- what a loop answers (query_loop.c) ---------------------------------------- */

enum query_kind {
	QUERY_COUNTERS,
	QUERY_REQUESTS,
	QUERY_CLIENTS,
	QUERY_SITES,
	QUERY_CACHE,
	QUERY_CACHE_FLUSH,
};

/* What channels have in use; sums of it. */
struct query_usage {
	uint32_t channels, lost; /* the lost ones are counted in both */
	uint32_t slots, active; /* of those that are not lost */
	uint32_t blocks[CHANNEL_BLOCK_CLASSES]; /* ours, allocated or sent */
	uint32_t held; /* the worker's, not yet released */
	uint32_t files; /* open descriptors */
	uint32_t overflow; /* descriptors of the ring that have no room in it */
	uint32_t segments;
	uint64_t memory; /* bytes mapped */
};

struct query_pool {
	uint32_t number;
	uint32_t waiting, active;
	uint64_t accepted, rejected, served, replayed, requeued;
	struct query_usage usage;
};

struct query_channel {
	uint32_t worker, index;
	uint64_t served, sent, received, wakeups;
	struct query_usage usage;
};

struct query_request {
	uint64_t id;
	uint32_t pool;
	uint32_t worker; /* 0 = none */
	const char *state; /* static */
	uint64_t age_ms;
	uint16_t event, module, slot_known;
	uint32_t site_id;
	char method[16];
	char target[256];
	char client[80];
	char site[64];
};

struct query_client {
	uint64_t id;
	const char *state; /* static */
	bool tls;
	uint32_t requests;
	uint64_t age_ms, idle_ms; /* since the last bytes from it */
	uint64_t sent; /* bytes */
	uint64_t request; /* id of that in progress; 0: none */
	char client[80], server[80];
	const struct listener_site *site; /* lives as long as the process */
};

/* Of the cache. */
struct query_entry {
	char url[512];
	char type[128], encoding[32];
	uint32_t pool; /* number */
	uint16_t status;
	bool timed, while_worker;
	uint64_t seconds_left; /* if timed */
	uint64_t created; /* since 1970, seconds */
	uint32_t head, body; /* bytes */
	uint64_t hits;
};

struct query_part {
	struct task task;
	uint32_t id; /* of the query */
	unsigned loop;
	uint32_t connections, request_count;
	uint64_t accepted, closed, requests, rejected, errors;
	struct query_pool *pools;
	unsigned pool_count;
	struct query_channel *channels;
	unsigned channel_count;
	struct query_request *items;
	unsigned item_count;
	struct query_client *clients;
	unsigned client_count;
	struct site_counters *sites; /* by number */
	unsigned site_count;
	struct query_entry *entries;
	unsigned entry_count;
	struct cache_counters cache_counters;
	uint64_t cache_count, cache_bytes, cache_limit, cache_flushed;
};

/* Asks one loop; `text` is the URL of CACHE_FLUSH.  Its part comes to `done` on the main thread. */
void query_ask(struct listener *listener, unsigned loop, uint32_t id,
	       enum query_kind kind, const char *text, task_fn *done);
void query_part_free(struct query_part *part);
void query_usage_add(struct query_usage *sum, const struct query_usage *part);

#endif
