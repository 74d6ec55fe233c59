/* SPDX-License-Identifier: Apache-2.0
 *
 * See worker_channel.h.
 */
#include "core/listener/worker_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/channel/channel_loop.h"
#include "core/http/log_record.h"
#include "core/listener/cache_fill.h"
#include "core/listener/connection.h"
#include "core/listener/deadline.h"
#include "core/listener/dispatch.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/revoke.h"
#include "core/listener/tls.h"
#include "core/listener/tunnel.h"
#include "core/listener/worker_remains.h"

#define GENERATION_MAX 0xffffffu

static void on_descriptor(struct channel *channel,
			  const struct channel_descriptor *descriptor,
			  void *arg);
static void on_closed(struct channel *channel, enum portico_status status,
		      const char *reason, void *arg);
static void on_room(struct channel *channel, void *arg);

static const struct channel_callbacks callbacks = { on_descriptor, on_closed };

/* ---- life ---------------------------------------------------------------------- */

static void
make_slots(struct worker_channel *channel)
{
	uint32_t count = channel_slots(channel->channel);

	channel->slot_count = channel->free_count = count;
	channel->slots = mem_zalloc_array(count, sizeof(*channel->slots));
	channel->free_slots =
		mem_zalloc_array(count, sizeof(*channel->free_slots));
	/* Slot 0 is on top: few slots in use are few cache lines. */
	for (uint32_t i = 0; i < count; i++)
		channel->free_slots[i] = count - 1 - i;
}

/* It takes requests; those that wait waited for that. */
static void
begin_requests(struct worker_channel *channel)
{
	struct loop_pool *pool = channel->pool;

	list_add_tail(&pool->channels, &channel->pool_link);
	pool->demanded = false;
	LIST_FOREACH(struct listener_request, queue_link, request,
		     &pool->queue) {
		if (request->worker_ready == 0)
			request->worker_ready = loop_now(channel->loop);
	}
	dispatch_pump(pool);
}

void
worker_channel_add(struct listener_loop *loop, struct loop_pool *pool,
		   struct channel *taken, void *worker, uint32_t index,
		   uint32_t worker_id, int32_t pid, uint32_t generation,
		   const char *affinity)
{
	struct worker_channel *channel = mem_zalloc(sizeof(*channel));
	struct portico_error err;

	channel->magic = WORKER_CHANNEL_MAGIC;
	channel->loop = loop;
	channel->pool = pool;
	channel->channel = taken;
	channel->worker = worker;
	channel->index = index;
	channel->worker_id = worker_id;
	channel->pid = pid;
	channel->generation = generation;
	snprintf(channel->affinity, sizeof(channel->affinity), "%s", affinity);
	channel->configuration = loop->configuration;
	channel->refs = 1;
	list_init(&channel->pool_link);
	list_init(&channel->offered);
	list_init(&channel->starved);
	make_slots(channel);
	list_add_tail(&loop->worker_channels, &channel->link);
	channel_on_room(taken, on_room, channel);
	if (channel_loop_add(loop->channels, taken, &callbacks, channel,
			     &err) != PORTICO_OK) {
		log_write_error(LOG_LEVEL_ERROR, 2004, NULL, &err);
		on_closed(taken, PORTICO_SYSTEM, "cannot be watched", channel);
		return;
	}
	begin_requests(channel);
}

void
worker_channel_unref(struct worker_channel **channel_p)
{
	struct worker_channel *channel = *channel_p;

	*channel_p = NULL;
	if (channel == NULL)
		return;
	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (--channel->refs > 0)
		return;
	ASSERT(channel->lost);
	list_remove(&channel->link);
	channel->magic = 0;
	channel_free(&channel->channel);
	mem_free(channel->slots);
	mem_free(channel->free_slots);
	mem_free(channel);
}

static void
check_drained(struct worker_channel *channel)
{
	if ((!channel->draining && !channel->paused) || channel->drained_told ||
	    channel->active > 0)
		return;
	channel->drained_told = true;
	listener_channel_drained(channel->loop->listener, channel->worker,
				 channel->round);
}

void
worker_channel_drain(struct worker_channel *channel, uint32_t round)
{
	struct channel_descriptor descriptor = { .type = CHANNEL_DRAIN };

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (channel->draining)
		return;
	channel->draining = true;
	channel->round = round;
	channel->drained_told = false;
	list_remove(&channel->pool_link);
	cache_on_drain(channel);
	(void)channel_send(channel->channel, &descriptor);
	check_drained(channel);
	dispatch_pump(channel->pool);
}

void
worker_channel_pause(struct worker_channel *channel, uint32_t round)
{
	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (channel->draining || (channel->paused && channel->round == round))
		return;
	channel->paused = true;
	channel->round = round;
	channel->drained_told = false;
	list_remove(&channel->pool_link);
	check_drained(channel);
	dispatch_pump(channel->pool);
}

void
worker_channel_resume(struct worker_channel *channel)
{
	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (!channel->paused || channel->draining)
		return;
	channel->paused = false;
	begin_requests(channel);
}

/* The worker does not take what it is sent, for longer than it can matter. */
static void
sent(struct worker_channel *channel, enum portico_status status)
{
	if (status == PORTICO_FULL)
		channel_accuse(channel->channel, "does not read its ring");
}

/* ---- slots ------------------------------------------------------------------------ */

static void
slot_free(struct worker_channel *channel, uint32_t number)
{
	struct worker_slot *slot = &channel->slots[number];

	ASSERT(slot->request != NULL && channel->active > 0);
	list_remove(&slot->request->queue_link);
	list_remove(&slot->request->starved_link);
	slot->request = NULL;
	channel_block_returned(channel->channel, slot->head_block);
	channel->free_slots[channel->free_count++] = number;
	channel->active--;
	channel->pool->active--;
}

/* The worker is through with a request: its slot is for another. */
static void
slot_end(struct worker_channel *channel, uint32_t number)
{
	struct listener_request *request = channel->slots[number].request;

	slot_free(channel, number);
	channel->served++;
	channel->pool->served++;
	request_lease_done(request);
	if (!list_empty(&channel->pool->queue))
		dispatch_pump(channel->pool);
	check_drained(channel);
}

/* ---- giving ------------------------------------------------------------------------ */

static void
fill_source(const struct worker_channel *channel,
	    const struct listener_request *request, struct portico_slice path,
	    const struct http_url *url, struct http_request_source *source)
{
	const struct listener_connection *connection = request->connection;
	uint32_t early = request->input.end - request->input.begin;

	*source = (struct http_request_source){
		.raw = request->input.data,
		.parsed = &request->head,
		.path = path,
		.url = request->head.target_form == HTTP_TARGET_ASTERISK ?
			       NULL :
			       url,
		.client = &request->client,
		.server = &request->server,
		.request_id = request->id,
		.connection_id = request->connection_id,
		.site_id = request->application->site_id,
		.application_id = request->application->id,
		.prefix_length = request->application->prefix_length,
		.pool_generation = channel->generation,
		.scheme = connection->tls ? HTTP_SCHEME_HTTPS :
					    HTTP_SCHEME_HTTP,
		.stream_id = request->stream_id,
		.major = request->stream_id != 0 ? 2 : 1,
	};
	if (connection->tls)
		source->tls = tls_details(connection->carrier);
	source->times[HTTP_TIME_ACCEPTED] = connection->accepted;
	source->times[HTTP_TIME_TLS_DONE] = connection->tls_done;
	source->times[HTTP_TIME_FIRST_BYTE] = request->first_byte;
	source->times[HTTP_TIME_HEAD_COMPLETE] = request->head_complete;
	source->times[HTTP_TIME_QUEUED] = request->queued;
	source->times[HTTP_TIME_ASSIGNED] = loop_now(request->loop);
	source->times[HTTP_TIME_WORKER_READY] = request->worker_ready;
	source->times[HTTP_TIME_REALTIME] = request->realtime;
	source->deadlines[HTTP_DEADLINE_QUEUE] = request->queue_deadline;
	source->deadlines[HTTP_DEADLINE_ACTIVATION] =
		request->activation_deadline;
	source->deadlines[HTTP_DEADLINE_EXECUTION] =
		request->execution_deadline;
	source->deadlines[HTTP_DEADLINE_RESPONSE_IDLE] = request->response_idle;
	if (request->replayed)
		source->flags |= HTTP_REQUEST_REPLAY;
	if (request->body == BODY_SIZED && early >= request->body_left)
		source->flags |= HTTP_REQUEST_BODY_COMPLETE;
	if (request->client.family == request->server.family &&
	    memcmp(request->client.bytes, request->server.bytes,
		   sizeof(request->client.bytes)) == 0)
		source->flags |= HTTP_REQUEST_CLIENT_LOCAL;
}

/* The head in a block of its own; its size, 0 when there is no block. */
static uint32_t
write_head(struct worker_channel *channel,
	   const struct http_request_source *source, uint32_t *block_r)
{
	enum channel_block_class block_class = CHANNEL_BLOCK_4K;

	for (;;) {
		uint32_t room;
		void *data = channel_block_alloc(channel->channel, block_class,
						 block_r, &room);
		size_t size;

		if (data == NULL)
			return 0;
		size = http_request_head_write(source, data, room);
		if (size <= room)
			return (uint32_t)size;
		channel_block_cancel(channel->channel, *block_r);
		/* The snapshot's limits keep every head below this. */
		ASSERT(size <= 65536);
		block_class = size <= 16384 ? CHANNEL_BLOCK_16K :
					      CHANNEL_BLOCK_64K;
	}
}

bool
worker_channel_assign(struct worker_channel *channel,
		      struct listener_request *request,
		      struct portico_slice path, const struct http_url *url)
{
	struct http_request_source source;
	struct channel_descriptor descriptor = { .type = CHANNEL_REQUEST,
						 .count = 1 };
	struct worker_slot *slot;
	enum portico_status status;
	uint32_t number;

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	CHECK(request, LISTENER_REQUEST_MAGIC);
	ASSERT(channel->free_count > 0 && !channel->lost);
	fill_source(channel, request, path, url, &source);
	number = channel->free_slots[channel->free_count - 1];
	/* The slot first: a block given back at once would be room again. */
	if (channel_claim_ready(channel->channel, number))
		descriptor.refs[0].length =
			write_head(channel, &source, &descriptor.refs[0].block);
	if (descriptor.refs[0].length == 0) {
		channel->no_room = true;
		if (channel_memory_short(channel->channel))
			pressure_note(channel->loop->listener, PRESSURE_MEMORY,
				      ENOMEM);
		return false;
	}
	slot = &channel->slots[number];
	slot->generation =
		slot->generation == GENERATION_MAX ? 1 : slot->generation + 1;
	descriptor.slot = number;
	descriptor.generation = slot->generation;
	if (request_body_pending(request))
		descriptor.flags = CHANNEL_FLAG_HAS_BODY;
	channel_claim_offer(channel->channel, number, slot->generation);
	status = channel_send(channel->channel, &descriptor);
	if (status != PORTICO_OK) {
		(void)channel_claim_revoke(channel->channel, number,
					   slot->generation);
		channel_block_cancel(channel->channel,
				     descriptor.refs[0].block);
		channel->no_room = true;
		sent(channel, status);
		return false;
	}
	channel->free_count--;
	channel->active++;
	channel->pool->active++;
	slot->request = request;
	slot->head_block = descriptor.refs[0].block;
	channel->refs++;
	request->channel = channel;
	request->slot = number;
	request->slot_generation = slot->generation;
	request->lease = LEASE_ASSIGNED;
	request->assigned = source.times[HTTP_TIME_ASSIGNED];
	list_add_tail(&channel->offered, &request->queue_link);
	deadline_watch(request);
	revoke_watch(channel->loop);
	return true;
}

bool
worker_channel_revoke(struct listener_request *request)
{
	struct worker_channel *channel = request->channel;

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (request->lease != LEASE_ASSIGNED || channel->lost ||
	    !channel_claim_revoke(channel->channel, request->slot,
				  request->slot_generation))
		return false;
	/* It will find the word taken back and forget the request. */
	slot_free(channel, request->slot);
	check_drained(channel);
	return true;
}

void
worker_channel_abort(struct listener_request *request, enum channel_abort why)
{
	struct worker_channel *channel = request->channel;
	struct channel_descriptor descriptor = {
		.type = CHANNEL_ABORT,
		.slot = request->slot,
		.generation = request->slot_generation,
		.value = why,
	};

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (channel->lost)
		return;
	if (worker_channel_revoke(request)) {
		request->lease = LEASE_DONE;
		/* The slot is for one that waits: no END will come for it. */
		dispatch_pump(channel->pool);
		return;
	}
	/* The word may say that it is an offer again, if the worker lies; it
	 * must not go to another one, the client may be gone. */
	list_remove(&request->queue_link);
	sent(channel, channel_send(channel->channel, &descriptor));
}

void
worker_channel_abort_all(struct worker_channel *channel)
{
	/* All that the listener knows of why the worker is to end. */
	enum channel_abort why = channel->pool->state == CONTROL_POOL_STOPPED ?
					 CHANNEL_ABORT_OPERATOR :
					 CHANNEL_ABORT_SHUTDOWN;

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	revoke_all(channel);
	for (uint32_t i = 0; i < channel->slot_count; i++) {
		struct listener_request *request = channel->slots[i].request;

		if (request == NULL || request->wire_done)
			continue;
		request_abort(request, why);
		request_fail(request, HTTP_REASON_APP_SHUTDOWN, 0,
			     "ShutdownTimeLimit");
	}
}

void
worker_channel_send_body(struct listener_request *request, uint32_t block,
			 uint32_t length, uint32_t trailers, bool last)
{
	struct worker_channel *channel = request->channel;
	struct channel_descriptor descriptor = {
		.type = CHANNEL_BODY,
		.flags = last ? CHANNEL_FLAG_LAST : 0,
		.count = length > 0,
		.slot = request->slot,
		.generation = request->slot_generation,
		.extra = trailers,
	};
	enum portico_status status;

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	descriptor.refs[0] = (struct channel_reference){ block, length };
	status = channel_send(channel->channel, &descriptor);
	if (status != PORTICO_OK && length > 0)
		channel_block_cancel(channel->channel, block);
	sent(channel, status);
}

void
worker_channel_send_window(struct listener_request *request, uint32_t bytes)
{
	struct worker_channel *channel = request->channel;
	struct channel_descriptor descriptor = {
		.type = CHANNEL_WINDOW,
		.slot = request->slot,
		.generation = request->slot_generation,
		.value = bytes,
	};

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (!channel->lost)
		sent(channel, channel_send(channel->channel, &descriptor));
}

void
worker_channel_send_file_sent(struct listener_request *request, uint64_t bytes)
{
	struct worker_channel *channel = request->channel;
	struct channel_descriptor descriptor = {
		.type = CHANNEL_FILE_SENT,
		.slot = request->slot,
		.generation = request->slot_generation,
		.value = bytes,
	};

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (!channel->lost)
		sent(channel, channel_send(channel->channel, &descriptor));
}

/* In the order in which they began to wait.  While memory is scarce only those
 * go on that wait for their first block. */
static void
resume_starved(struct worker_channel *channel)
{
	struct list now, kept, *first;

	list_init(&now);
	list_init(&kept);
	list_move_all(&now, &channel->starved);
	while ((first = list_take_first(&now)) != NULL) {
		struct listener_request *request = CONTAINER_OF(
			first, struct listener_request, starved_link);

		CHECK(request, LISTENER_REQUEST_MAGIC);
		if (request->body_started &&
		    channel_is_scarce(channel->channel))
			list_add_tail(&kept, first);
		else
			request_body_resume(request);
	}
	if (list_empty(&kept))
		return;
	/* Before those that wait again already. */
	list_move_all(&now, &channel->starved);
	list_move_all(&channel->starved, &kept);
	while ((first = list_take_first(&now)) != NULL)
		list_add_tail(&channel->starved, first);
	channel_want_plenty(channel->channel);
}

/* Blocks have come back after there was none, or there is plenty again. */
static void
on_room(struct channel *from, void *arg)
{
	struct worker_channel *channel = arg;

	(void)from;
	CHECK(channel, WORKER_CHANNEL_MAGIC);
	resume_starved(channel);
	if (channel->no_room) {
		channel->no_room = false;
		dispatch_pump(channel->pool);
	}
}

/* ---- taking -------------------------------------------------------------------------- */

/* What the worker adds to the log; never a lie, only left out. */
static void
take_log(struct worker_channel *channel, struct listener_request *request,
	 struct channel_reference reference)
{
	char copy[HTTP_LOG_BYTES_MAX];
	size_t length = reference.length, cursor = 0;
	struct portico_slice value;
	unsigned kind;

	if (length > sizeof(copy))
		length = sizeof(copy);
	memcpy(copy, channel_block_data(channel->channel, reference), length);
	(void)channel_release(channel->channel, reference.block);
	while (http_log_record_next(copy, length, &cursor, &kind, &value)) {
		if (kind != HTTP_LOG_USER || request->user != NULL)
			continue;
		request->user = mem_zalloc(value.length + 1);
		memcpy(request->user, value.data, value.length);
	}
}

/* NULL or the lie.  *end_r: the slot is through. */
static const char *
take(struct worker_channel *channel, struct listener_request *request,
     const struct channel_descriptor *descriptor, bool *end_r)
{
	*end_r = (descriptor->flags & CHANNEL_FLAG_END) != 0;
	switch ((enum channel_type)descriptor->type) {
	case CHANNEL_RESPONSE:
		return response_on_head(request, descriptor);
	case CHANNEL_UPGRADE:
		return response_on_upgrade(request, descriptor);
	case CHANNEL_BODY:
		return response_on_body(request, descriptor);
	case CHANNEL_FILE:
		return response_on_file(request, descriptor);
	case CHANNEL_FLUSH:
		/* All leaves at the end of the turn anyhow. */
		if (descriptor->value == CHANNEL_FLUSH_WINDOW)
			response_on_window_wanted(request);
		if (descriptor->value == CHANNEL_FLUSH_SHUTDOWN)
			return tunnel_on_shutdown(request);
		return NULL;
	case CHANNEL_WINDOW:
		request_body_window(request, descriptor->value);
		return NULL;
	case CHANNEL_END:
		*end_r = true;
		/* Whatever the claim word says, which the worker may have
		 * written: the slot ends here and not by a revocation. */
		request->aborted = true;
		if (descriptor->count == 1)
			take_log(channel, request, descriptor->refs[0]);
		response_on_end(request,
				(descriptor->flags & CHANNEL_FLAG_FAILED) != 0);
		return NULL;
	case CHANNEL_CACHE_FLUSH:
	case CHANNEL_REQUEST:
	case CHANNEL_FILE_CLOSE:
	case CHANNEL_RELEASE:
	case CHANNEL_ABORT:
	case CHANNEL_DRAIN:
	case CHANNEL_SEGMENT_DROP:
	case CHANNEL_FILE_SENT:
	case CHANNEL_TYPES:
		break;
	}
	return "descriptor type not allowed";
}

static void
on_descriptor(struct channel *from, const struct channel_descriptor *descriptor,
	      void *arg)
{
	struct worker_channel *channel = arg;
	struct worker_slot *slot;
	const char *lie;
	bool end;

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (channel->stuck)
		revoke_look_again(channel);
	if (descriptor->type == CHANNEL_FILE_CLOSE)
		return;
	if (descriptor->type == CHANNEL_CACHE_FLUSH) {
		lie = cache_on_flush(channel, descriptor);
		if (lie != NULL)
			channel_accuse(from, lie);
		return;
	}
	slot = &channel->slots[descriptor->slot];
	if (slot->request == NULL ||
	    slot->generation != descriptor->generation) {
		channel_accuse(from,
			       "descriptor for a slot that is not in use");
		return;
	}
	/* It speaks of the request, so it has it: no longer an offer. */
	list_remove(&slot->request->queue_link);
	slot->request->progress = loop_now(channel->loop);
	lie = take(channel, slot->request, descriptor, &end);
	if (lie != NULL)
		channel_accuse(from, lie);
	else if (end)
		slot_end(channel, descriptor->slot);
}

/* ---- losing a worker -------------------------------------------------------------------- */

/* Whether the worker cannot have begun with it, nor will, should it live. */
static bool
untouched(struct worker_channel *channel,
	  const struct listener_request *request)
{
	return request->lease == LEASE_ASSIGNED && !request->aborted &&
	       channel_claim_withdraw(channel->channel, request->slot,
				      request->slot_generation);
}

/* Whether it may run a second time (RFC 9110 section 9.2.2), and the client
 * cannot see that it did. */
static bool
replayable(const struct listener_request *request)
{
	return request->pool->limits.replay && !request->replayed &&
	       !request->aborted && request_body_is_whole(request) &&
	       !request->own_response && request->output.sent == 0 &&
	       !request_is_tunnel(request) &&
	       http_method_is_idempotent(
		       (enum http_method)request->head.method);
}

/* A slot of a lost channel.  True: the request goes back to the queue. */
static bool
recover(struct worker_channel *channel, struct listener_request *request,
	bool lied)
{
	bool again = untouched(channel, request);

	slot_free(channel, request->slot);
	if (request->wire_done || request->own_response ||
	    request->response_last) {
		request_lease_done(request);
		return false;
	}
	/* Nobody who has not started wants a body, unless he lies. */
	again = again && !request->body_started;
	if (!again && replayable(request)) {
		request->pool->replayed++;
		request->replayed = true;
		again = true;
	}
	if (!again) {
		request->lease = LEASE_DONE;
		request_fail(request,
			     HTTP_REASON_CONNECTION_ABANDONED_BY_APP_POOL, 502,
			     lied ? "WorkerLied" : "WorkerCrashed");
		return false;
	}
	response_restart(request);
	request_body_rewind(request);
	request->lease = LEASE_NONE;
	worker_channel_unref(&request->channel);
	return true;
}

static int
by_age(const void *a, const void *b)
{
	const struct listener_request *const *x = a, *const *y = b;

	return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

/* The worker's other channels end soon; what this one gives back is not for
 * them. */
static void
shun(const struct worker_channel *channel)
{
	LIST_FOREACH(struct worker_channel, link, other,
		     &channel->loop->worker_channels) {
		if (other->worker == channel->worker)
			list_remove(&other->pool_link);
	}
}

static void
lose(struct worker_channel *channel, bool lied, const char *reason)
{
	struct loop_pool *pool = channel->pool;
	struct listener_request **again;
	unsigned count = 0;

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	ASSERT(!channel->lost);
	channel->lost = true;
	shun(channel);
	list_remove(&channel->link);
	list_add_tail(&channel->loop->lost_channels, &channel->link);
	cache_on_lost(channel);
	worker_remains_tell(channel);
	pool->demanded = false;
	again = mem_zalloc_array(channel->active + 1, sizeof(*again));
	for (uint32_t i = 0; i < channel->slot_count; i++) {
		struct listener_request *request = channel->slots[i].request;

		if (request != NULL && recover(channel, request, lied))
			again[count++] = request;
	}
	ASSERT(channel->active == 0);
	if (count > 1)
		qsort(again, count, sizeof(*again), by_age);
	listener_channel_lost(channel->loop->listener, channel->worker, reason,
			      lied);
	dispatch_return(pool, again, count);
	mem_free(again);
	worker_channel_unref(&channel);
}

static void
on_closed(struct channel *from, enum portico_status status, const char *reason,
	  void *arg)
{
	(void)from;
	lose(arg, status == PORTICO_PROTOCOL, reason);
}

void
worker_channel_end(struct worker_channel *channel, const char *reason)
{
	struct channel_descriptor descriptor;
	enum portico_status status;
	uint32_t left = channel_ring_size(channel->channel);

	CHECK(channel, WORKER_CHANNEL_MAGIC);
	if (channel->lost)
		return;
	channel_loop_remove(channel->loop->channels, channel->channel);
	/* Bounded: one that lives may go on to write. */
	do {
		status = channel_receive(channel->channel, &descriptor);
		if (status == PORTICO_OK)
			on_descriptor(channel->channel, &descriptor, channel);
	} while (status == PORTICO_OK && --left > 0);
	lose(channel, status == PORTICO_PROTOCOL,
	     status == PORTICO_PROTOCOL ? channel_lie(channel->channel) :
					  reason);
}
