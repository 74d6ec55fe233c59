/* SPDX-License-Identifier: Apache-2.0
 *
 * What a loop answers when it is asked: a copy of its figures.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/listener/address.h"
#include "core/listener/connection.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/query_priv.h"
#include "core/listener/request.h"
#include "core/listener/site.h"
#include "core/listener/worker_channel.h"

struct question {
	struct task task;
	uint32_t id;
	enum query_kind kind;
	char *text; /* NULL: none */
	task_fn *done;
};

static void
copy_pools(struct listener_loop *loop, struct query_part *part)
{
	part->pool_count = loop->pool_count;
	part->pools =
		mem_zalloc_array(loop->pool_count + 1, sizeof(*part->pools));
	for (unsigned i = 0; i < loop->pool_count; i++) {
		const struct loop_pool *from = loop->pools[i];

		part->pools[i] = (struct query_pool){
			.number = from->shared->number,
			.waiting = from->waiting,
			.active = from->active,
			.accepted = from->accepted,
			.rejected = from->rejected,
			.served = from->served,
			.replayed = from->replayed,
			.requeued = from->requeued,
		};
	}
}

static void
copy_channel(const struct worker_channel *from, struct query_channel *to)
{
	struct channel_usage usage;

	channel_get_usage(from->channel, &usage);
	*to = (struct query_channel){
		.worker = from->worker_id,
		.index = from->index,
		.served = from->served,
		.sent = usage.sent,
		.received = usage.received,
		.wakeups = usage.wakeups,
		.usage = {
			.channels = 1,
			.lost = from->lost,
			.slots = from->lost ? 0 : from->slot_count,
			.active = from->active,
			.held = usage.held,
			.files = usage.files_open,
			.overflow = usage.overflow,
			.segments = usage.segments,
			.memory = usage.memory,
		},
	};
	memcpy(to->usage.blocks, usage.in_use, sizeof(to->usage.blocks));
}

void
query_usage_add(struct query_usage *sum, const struct query_usage *part)
{
	sum->channels += part->channels;
	sum->lost += part->lost;
	sum->slots += part->slots;
	sum->active += part->active;
	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		sum->blocks[i] += part->blocks[i];
	sum->held += part->held;
	sum->files += part->files;
	sum->overflow += part->overflow;
	sum->segments += part->segments;
	sum->memory += part->memory;
}

static struct query_pool *
pool_of(const struct query_part *part, const struct worker_channel *channel)
{
	ASSERT(channel->pool->shared->number < part->pool_count);
	return &part->pools[channel->pool->shared->number];
}

static void
copy_channels(struct listener_loop *loop, struct query_part *part)
{
	unsigned count = 0;

	LIST_FOREACH(struct worker_channel, link, channel,
		     &loop->worker_channels) {
		(void)channel;
		count++;
	}
	part->channels = mem_zalloc_array(count + 1, sizeof(*part->channels));
	LIST_FOREACH(struct worker_channel, link, channel,
		     &loop->worker_channels) {
		struct query_channel *to =
			&part->channels[part->channel_count++];

		copy_channel(channel, to);
		query_usage_add(&pool_of(part, channel)->usage, &to->usage);
	}
	LIST_FOREACH(struct worker_channel, link, channel,
		     &loop->lost_channels) {
		struct query_channel lost;

		copy_channel(channel, &lost);
		query_usage_add(&pool_of(part, channel)->usage, &lost.usage);
	}
}

/* Printable ASCII, so that it is JSON text whatever a client sent. */
static void
copy_text(char *to, size_t size, struct portico_slice from)
{
	size_t length = from.length < size - 1 ? from.length : size - 1;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)from.data[i];

		to[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
	}
	to[length] = '\0';
}

static const char *
state_name(const struct listener_request *request)
{
	switch ((enum request_lease)request->lease) {
	case LEASE_NONE:
		return "answered";
	case LEASE_QUEUED:
		return "queued";
	case LEASE_ASSIGNED:
		return channel_claim_state(request->channel->channel,
					   request->slot,
					   request->slot_generation) ==
				       CHANNEL_CLAIM_STARTED ?
			       "started" :
			       "assigned";
	case LEASE_RESPONDING:
		if (request_is_tunnel(request) && !request->response_last)
			return "tunnel";
		return request->response_last ? "sending" : "responding";
	case LEASE_DONE:
		return "sending";
	}
	return "unknown";
}

static void
write_address(const struct http_address *address, char *to, size_t size)
{
	char text[ADDRESS_TEXT_SIZE];

	address_format(address, text);
	snprintf(to, size, "%s:%u", text, address->port);
}

static void
copy_request(struct listener_loop *loop, const struct listener_request *from,
	     struct query_request *to)
{
	const struct http_parsed_head *head = &from->head;

	to->id = from->id;
	to->pool = from->pool->shared->number;
	to->state = state_name(from);
	to->age_ms = (loop_now(loop) - from->head_complete) / CLOCK_NS_PER_MS;
	to->site_id = from->application->site_id;
	copy_text(
		to->site, sizeof(to->site),
		(struct portico_slice){ from->application->site_name,
					strlen(from->application->site_name) });
	copy_text(to->method, sizeof(to->method),
		  request_text(from, head->start, head->method_length));
	copy_text(to->target, sizeof(to->target),
		  request_text(from, head->target_offset, head->target_length));
	write_address(&from->client, to->client, sizeof(to->client));
	if (from->channel == NULL)
		return;
	to->worker = from->channel->worker_id;
	if (from->lease == LEASE_ASSIGNED || from->lease == LEASE_RESPONDING) {
		channel_progress_get(from->channel->channel, from->slot,
				     &to->event, &to->module);
		to->slot_known = 1;
	}
}

static void
copy_requests(struct listener_loop *loop, struct query_part *part)
{
	unsigned count = 0;

	for (unsigned i = 0; i < loop->pool_count; i++)
		count += loop->pools[i]->waiting + loop->pools[i]->active;
	/* Those that are only being sent are not counted; there is room for
	 * some of them. */
	count += 64;
	if (count > QUERY_REQUESTS_MAX)
		count = QUERY_REQUESTS_MAX;
	part->items = mem_zalloc_array(count, sizeof(*part->items));
	for (unsigned i = 0; i < loop->pool_count; i++) {
		LIST_FOREACH(struct listener_request, pool_link, request,
			     &loop->pools[i]->requests) {
			if (part->item_count == count)
				return;
			copy_request(loop, request,
				     &part->items[part->item_count++]);
		}
	}
}

static const char *
client_state(const struct listener_connection *connection)
{
	switch ((enum connection_state)connection->state) {
	case CONNECTION_PROXIED:
		return "proxied";
	case CONNECTION_IDLE:
		return connection->requests == 0 ? "new" : "idle";
	case CONNECTION_HANDSHAKE:
		return "handshake";
	case CONNECTION_HEAD:
		return "head";
	case CONNECTION_REQUEST:
		return connection->request != NULL &&
				       connection->request->drain ?
			       "drain" :
			       "request";
	case CONNECTION_HTTP2:
		return "http2";
	case CONNECTION_LINGER:
		return "closing";
	case CONNECTION_CLOSED:
		break;
	}
	return "closed";
}

static void
copy_client(struct listener_loop *loop, const struct listener_connection *from,
	    struct query_client *to)
{
	uint64_t now = loop_now(loop);
	uint64_t heard = from->received != 0 ? from->received : from->accepted;

	to->id = from->id;
	to->state = client_state(from);
	to->tls = from->tls;
	to->requests = from->requests;
	to->age_ms = (now - from->accepted) / CLOCK_NS_PER_MS;
	to->idle_ms = (now - heard) / CLOCK_NS_PER_MS;
	to->sent = connection_sent(from);
	if (from->state == CONNECTION_REQUEST && from->request != NULL)
		to->request = from->request->id;
	to->site = from->site;
	write_address(&from->client, to->client, sizeof(to->client));
	write_address(&from->server, to->server, sizeof(to->server));
}

static void
copy_clients(struct listener_loop *loop, struct query_part *part)
{
	uint32_t count = loop->connection_count;

	if (count > QUERY_CLIENTS_MAX)
		count = QUERY_CLIENTS_MAX;
	part->clients = mem_zalloc_array(count + 1, sizeof(*part->clients));
	LIST_FOREACH(struct listener_connection, link, connection,
		     &loop->connections) {
		if (part->client_count == count)
			return;
		copy_client(loop, connection,
			    &part->clients[part->client_count++]);
	}
}

static void
copy_sites(struct listener_loop *loop, struct query_part *part)
{
	part->sites =
		mem_zalloc_array(loop->site_count + 1, sizeof(*part->sites));
	part->site_count = loop->site_count;
	if (loop->site_count > 0)
		memcpy(part->sites, loop->sites,
		       loop->site_count * sizeof(*part->sites));
}

static void
run_question(struct task *base, void *owner)
{
	struct question *question = (struct question *)base;
	struct listener_loop *loop = owner;
	struct query_part *part = mem_zalloc(sizeof(*part));

	CHECK(loop, LISTENER_LOOP_MAGIC);
	part->id = question->id;
	part->loop = loop->index;
	part->connections = loop->connection_count;
	part->request_count = loop->request_count;
	part->accepted = loop->counters.accepted;
	part->closed = loop->counters.closed;
	part->requests = loop->counters.requests;
	part->rejected = loop->counters.rejected;
	part->errors = loop->counters.errors;
	copy_pools(loop, part);
	copy_channels(loop, part);
	if (question->kind == QUERY_REQUESTS)
		copy_requests(loop, part);
	else if (question->kind == QUERY_CLIENTS)
		copy_clients(loop, part);
	else if (question->kind == QUERY_SITES)
		copy_sites(loop, part);
	else if (question->kind == QUERY_CACHE_FLUSH)
		query_flush_cache(loop, question->text, part);
	if (question->kind == QUERY_CACHE)
		query_copy_cache(loop, part);
	listener_post(loop->listener, &part->task, question->done);
	mem_free(question->text);
	mem_free(question);
}

void
query_ask(struct listener *listener, unsigned loop, uint32_t id,
	  enum query_kind kind, const char *text, task_fn *done)
{
	struct question *question = mem_zalloc(sizeof(*question));

	question->id = id;
	question->kind = kind;
	question->text = text == NULL ? NULL : mem_strdup(text);
	question->done = done;
	loop_post(listener->loops[loop], &question->task, run_question);
}

void
query_part_free(struct query_part *part)
{
	if (part == NULL)
		return;
	mem_free(part->pools);
	mem_free(part->channels);
	mem_free(part->items);
	mem_free(part->clients);
	mem_free(part->sites);
	mem_free(part->entries);
	mem_free(part);
}
