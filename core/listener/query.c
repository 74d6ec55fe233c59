/* SPDX-License-Identifier: Apache-2.0
 *
 * See query.h.  Main thread: collecting the loops' parts and making JSON.
 */
#include "core/listener/query.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/listener/error_page.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/log_writer.h"
#include "core/listener/loop.h"
#include "core/listener/query_priv.h"
#include "core/listener/site_logs.h"
#include "core/listener/snapshot.h"
#include "core/listener/worker_link.h"

#define QUERY_MAGIC 0x90e47a01u

/* ---- requests ------------------------------------------------------------------ */

static json_t *
describe_request(const struct query *query, const struct query_request *from)
{
	const struct listener_pool *pool = query->listener->pools[from->pool];
	char id[17];
	json_t *json;

	request_id_format(from->id, id);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "id", id,
			 "pool", pool->name, "site", from->site, "method",
			 from->method, "target", from->target, "client",
			 from->client, "state", from->state, "ageMs",
			 (json_int_t)from->age_ms);
	if (json != NULL && from->worker != 0)
		json_object_set_new(json, "worker", json_integer(from->worker));
	if (json != NULL && from->slot_known) {
		json_object_set_new(json, "event", json_integer(from->event));
		json_object_set_new(json, "module", json_integer(from->module));
	}
	return json;
}

static json_t *
describe_requests(const struct query *query)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];

		for (unsigned j = 0; part != NULL && j < part->item_count; j++)
			json_array_append_new(
				all, describe_request(query, &part->items[j]));
	}
	return json_pack("{s:o}", "requests", all);
}

/* ---- counters ------------------------------------------------------------------- */

static void
add_number(json_t *to, const char *name, uint64_t value)
{
	json_object_set_new(to, name, json_integer((json_int_t)value));
}

/* Adds what must be the same again when all is quiet. */
static void
describe_usage(json_t *to, const struct query_usage *from)
{
	const uint32_t *blocks = from->blocks;

	add_number(to, "slots", from->slots);
	add_number(to, "active", from->active);
	add_number(to, "blocks",
		   blocks[CHANNEL_BLOCK_4K] + blocks[CHANNEL_BLOCK_16K] +
			   blocks[CHANNEL_BLOCK_64K]);
	json_object_set_new(
		to, "blocksBySize",
		json_pack("{s:I, s:I, s:I}", "4KiB",
			  (json_int_t)blocks[CHANNEL_BLOCK_4K], "16KiB",
			  (json_int_t)blocks[CHANNEL_BLOCK_16K], "64KiB",
			  (json_int_t)blocks[CHANNEL_BLOCK_64K]));
	add_number(to, "held", from->held);
	add_number(to, "files", from->files);
	add_number(to, "overflow", from->overflow);
	add_number(to, "segments", from->segments);
	add_number(to, "memory", from->memory);
}

static json_t *
describe_channel(unsigned loop, const struct query_channel *from)
{
	json_t *json = json_pack("{s:i, s:I, s:I, s:I, s:I}", "loop", (int)loop,
				 "served", (json_int_t)from->served, "sent",
				 (json_int_t)from->sent, "received",
				 (json_int_t)from->received, "wakeups",
				 (json_int_t)from->wakeups);

	describe_usage(json, &from->usage);
	return json;
}

struct workers_of_pool {
	const struct query *query;
	const char *pool;
	json_t *all;
};

static void
add_worker(const struct worker_link *worker, void *arg)
{
	struct workers_of_pool *to = arg;
	json_t *json, *channels;

	if (to->pool != NULL && strcmp(worker_link_pool(worker), to->pool) != 0)
		return;
	json = worker_link_describe(worker);
	channels = json_array();
	for (unsigned i = 0; i < to->query->listener->loop_count; i++) {
		const struct query_part *part = to->query->parts[i];

		for (unsigned j = 0; part != NULL && j < part->channel_count;
		     j++) {
			if (part->channels[j].worker == worker_link_id(worker))
				json_array_append_new(
					channels,
					describe_channel(i,
							 &part->channels[j]));
		}
	}
	json_object_set_new(json, "channels", channels);
	json_array_append_new(to->all, json);
}

static json_t *
describe_workers(const struct query *query, const char *pool)
{
	struct workers_of_pool to = { query, pool, json_array() };

	worker_link_visit(query->listener, add_worker, &to);
	return to.all;
}

static void
sum_pool(const struct query *query, unsigned number, struct query_pool *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];
		const struct query_pool *from;

		if (part == NULL || number >= part->pool_count)
			continue;
		from = &part->pools[number];
		sum->waiting += from->waiting;
		sum->active += from->active;
		sum->accepted += from->accepted;
		sum->rejected += from->rejected;
		sum->served += from->served;
		sum->replayed += from->replayed;
		sum->requeued += from->requeued;
		query_usage_add(&sum->usage, &from->usage);
	}
}

static json_t *
describe_pool(const struct query *query, const struct settings_pool *settings)
{
	struct listener_pool *pool =
		listener_pool_find(query->listener, settings->name);
	struct query_pool sum;
	json_t *json;

	sum_pool(query, pool->number, &sum);
	json = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
		pool->name, "state", control_pool_state_name(pool->state),
		"queued", (json_int_t)sum.waiting, "queueLength",
		(json_int_t)settings->queue_length, "accepted",
		(json_int_t)sum.accepted, "rejected", (json_int_t)sum.rejected,
		"served", (json_int_t)sum.served, "replayed",
		(json_int_t)sum.replayed, "requeued", (json_int_t)sum.requeued,
		"workers", describe_workers(query, pool->name));
	describe_usage(json, &sum.usage);
	add_number(json, "lostChannels", sum.usage.lost);
	return json;
}

/* Of pools that are configured no more, too. */
static json_t *
describe_resources(const struct query *query)
{
	struct query_usage sum = { 0 };
	json_t *json = json_object();
	uint64_t requests = 0;

	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];

		if (part == NULL)
			continue;
		requests += part->request_count;
		for (unsigned j = 0; j < part->pool_count; j++)
			query_usage_add(&sum, &part->pools[j].usage);
	}
	json_object_set_new(json, "descriptors",
			    json_integer(io_count_descriptors()));
	add_number(json, "requests", requests);
	add_number(json, "channels", sum.channels);
	add_number(json, "lostChannels", sum.lost);
	describe_usage(json, &sum);
	return json;
}

static json_t *
describe_connections(const struct query *query)
{
	json_int_t active = 0, accepted = 0, closed = 0, rejected = 0;
	json_int_t requests = 0, errors = 0;

	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];

		if (part == NULL)
			continue;
		active += part->connections;
		accepted += (json_int_t)part->accepted;
		closed += (json_int_t)part->closed;
		rejected += (json_int_t)part->rejected;
		requests += (json_int_t)part->requests;
		errors += (json_int_t)part->errors;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "active", active,
			 "accepted", accepted, "closed", closed, "rejected",
			 rejected, "requests", requests, "errors", errors);
}

/* Whether new connections are taken; if not, why. */
static json_t *
describe_accepting(struct listener *listener)
{
	unsigned sockets = atomic_load(&listener->acceptors);
	unsigned paused = atomic_load(&listener->paused);
	unsigned most = atomic_load(&listener->connections_max);
	uint64_t limit = io_descriptor_limit();
	char text[160];
	const char *why =
		pressure_text(listener, PRESSURE_ACCEPT, text, sizeof(text));
	json_t *json = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
		why == NULL ? "yes" :
		paused > 0  ? "paused" :
			      "short",
		"sockets", (json_int_t)sockets, "paused", (json_int_t)paused,
		"pauses",
		(json_int_t)atomic_load(
			&listener->pressures.kinds[PRESSURE_ACCEPT].count),
		"descriptors", (json_int_t)(limit == UINT64_MAX ? 0 : limit),
		"descriptorsKept", (json_int_t)pressure_reserve(limit),
		"maxConnections",
		most == UINT_MAX ? (json_int_t)0 : (json_int_t)most);

	if (why == NULL)
		why = pressure_text(listener, PRESSURE_CONNECTIONS, text,
				    sizeof(text));
	if (why == NULL)
		why = pressure_text(listener, PRESSURE_MEMORY, text,
				    sizeof(text));
	if (why != NULL)
		json_object_set_new(json, "reason", json_string(why));
	return json;
}

static json_t *
describe_logs(const struct listener *listener)
{
	json_t *logs = json_array();

	for (unsigned i = 0; i < LISTENER_LOGS; i++)
		json_array_append_new(logs,
				      log_writer_describe(listener->logs[i]));
	site_logs_describe(listener->site_logs, logs);
	return logs;
}

static json_t *
describe_counters(const struct query *query)
{
	struct listener *listener = query->listener;
	json_t *pools = json_array();

	for (size_t i = 0; listener->snapshot != NULL &&
			   i < listener->snapshot->settings->pool_count;
	     i++)
		json_array_append_new(
			pools,
			describe_pool(query,
				      &listener->snapshot->settings->pools[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:b}", "pools", pools,
			 "workers", describe_workers(query, NULL),
			 "connections", describe_connections(query),
			 "accepting", describe_accepting(listener), "logs",
			 describe_logs(listener), "threads",
			 (int)listener->loop_count, "draining",
			 (int)listener->draining);
}

/* ---- a query ------------------------------------------------------------------------ */

static void
answer(struct listener *listener, uint32_t id, json_t *body)
{
	struct control_reply reply = { .id = id, .body = body };

	if (listener->control != NULL)
		control_send(listener->control, control_encode_reply(&reply),
			     NULL, 0);
	json_decref(body);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct query *query = handle->data;

	CHECK(query, QUERY_MAGIC);
	for (unsigned i = 0; i < query->listener->loop_count; i++)
		query_part_free(query->parts[i]);
	mem_free(query->parts);
	query->magic = 0;
	mem_free(query);
}

static json_t *
describe(const struct query *query)
{
	switch (query->kind) {
	case QUERY_REQUESTS:
		return describe_requests(query);
	case QUERY_CLIENTS:
		return query_describe_clients(query);
	case QUERY_SITES:
		return query_describe_sites(query);
	case QUERY_CACHE:
	case QUERY_CACHE_FLUSH:
		return query_describe_cache(query);
	case QUERY_COUNTERS:
		break;
	}
	return describe_counters(query);
}

static const char flush_word[] = "cache-flush ";

static bool
is_flush(const char *what)
{
	return strncmp(what, flush_word, sizeof(flush_word) - 1) == 0;
}

static enum query_kind
kind_of(const char *what)
{
	return strcmp(what, "requests") == 0 ? QUERY_REQUESTS :
	       strcmp(what, "clients") == 0  ? QUERY_CLIENTS :
	       strcmp(what, "sites") == 0    ? QUERY_SITES :
	       strcmp(what, "cache") == 0    ? QUERY_CACHE :
	       is_flush(what)		     ? QUERY_CACHE_FLUSH :
					       QUERY_COUNTERS;
}

static void
finish(struct query *query)
{
	json_t *body = describe(query);

	if (query->resources)
		json_object_set_new(body, "resources",
				    describe_resources(query));
	if (query->came < query->listener->loop_count)
		json_object_set_new(body, "partial", json_true());
	answer(query->listener, query->id, body);
	list_remove(&query->link);
	uv_close((uv_handle_t *)&query->timer, on_timer_closed);
}

static void
on_deadline(uv_timer_t *timer)
{
	finish(timer->data);
}

static struct query *
find(struct listener *listener, uint32_t id)
{
	LIST_FOREACH(struct query, link, query, &listener->queries) {
		if (query->id == id)
			return query;
	}
	return NULL;
}

static void
on_part(struct task *base, void *owner)
{
	struct query_part *part = (struct query_part *)base;
	struct listener *listener = owner;
	struct query *query = find(listener, part->id);

	/* Too late, or asked twice under one number. */
	if (query == NULL || query->parts[part->loop] != NULL) {
		query_part_free(part);
		return;
	}
	query->parts[part->loop] = part;
	if (++query->came == listener->loop_count)
		finish(query);
}

void
query_start(struct listener *listener, uint32_t id, const char *what)
{
	struct query *query;

	CHECK(listener, LISTENER_MAGIC);
	if (strcmp(what, "reopen") == 0) {
		for (unsigned i = 0; i < LISTENER_LOGS; i++)
			log_writer_reopen(listener->logs[i]);
		site_logs_reopen(listener->site_logs);
		answer(listener, id,
		       json_pack("{s:o}", "logs", describe_logs(listener)));
		return;
	}
	if (strcmp(what, "routes") == 0) {
		answer(listener, id, query_describe_routes(listener));
		return;
	}
	query = mem_zalloc(sizeof(*query));
	query->magic = QUERY_MAGIC;
	query->listener = listener;
	query->id = id;
	query->kind = kind_of(what);
	query->resources = strcmp(what, "listener") == 0;
	query->parts = mem_zalloc_array(listener->loop_count + 1,
					sizeof(struct query_part *));
	list_add_tail(&listener->queries, &query->link);
	uv_timer_init(listener->uv, &query->timer);
	query->timer.data = query;
	uv_timer_start(&query->timer, on_deadline, QUERY_DEADLINE_MS, 0);
	for (unsigned i = 0; i < listener->loop_count; i++)
		query_ask(listener, i, id, query->kind,
			  is_flush(what) ? what + sizeof(flush_word) - 1 : NULL,
			  on_part);
	if (listener->loop_count == 0)
		finish(query);
}
