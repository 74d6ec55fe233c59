/* SPDX-License-Identifier: Apache-2.0
 *
 * See worker_link.h.
 */
#include "core/listener/worker_link.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/channel/channel.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/snapshot.h"
#include "core/listener/worker_channel.h"

#define WORKER_LINK_MAGIC 0x3c11794eu

/* Loops of one worker; what the manager says is bounded by this. */
#define WORKER_LOOPS_MAX 256

/* Told to the manager and logged when a worker was lost. */

struct worker_link {
	unsigned magic;
	struct listener *listener;
	struct list link; /* in listener.workers */
	struct listener_pool *pool;
	uint32_t id, loops, generation;
	char affinity[33]; /* see worker_channel.h */
	int32_t pid;
	struct control_connection *connection; /* NULL: closed */
	struct channel **channels; /* until attached; then NULL */
	uint32_t count;
	uint32_t attached; /* ever; the loops have them */
	uint32_t lost, drained; /* of these */
	uint32_t round; /* of draining or pausing, which `drained` is about */
	uint32_t pause; /* the manager's number of it */
	bool told_attached, draining, paused, told_drained, ended;
	bool counted; /* in pool.workers: it takes requests */
	bool exhausted; /* refused: we lack what its channels need */
	bool refused; /* the channels: nothing is wrong with its process */
};

static void on_message(struct control_connection *connection, const char *type,
		       json_t *message, int *fds, size_t nfds, void *arg);
static void on_closed(struct control_connection *connection,
		      enum portico_status status, const char *why, void *arg);

/* ---- making -------------------------------------------------------------------- */

/* Settings of the pool now; NULL if it is not configured any more. */
static const struct settings_pool *
pool_settings(const struct worker_link *worker)
{
	return settings_find_pool(worker->listener->snapshot->settings,
				  worker->pool->name);
}

/* The fewer descriptors, the fewer of them a worker may take up. */
static uint32_t
files_of_channel(void)
{
	uint64_t share = io_descriptor_limit() / CHANNEL_FILES_SHARE;

	if (share < CHANNEL_FILES_LEAST)
		return CHANNEL_FILES_LEAST;
	return share < CHANNEL_FILES_MAX ? (uint32_t)share : CHANNEL_FILES_MAX;
}

static enum portico_status
offer_channel(struct worker_link *worker, uint32_t index, uint32_t slots,
	      struct portico_error *err)
{
	struct control_channel message = { .index = index,
					   .count = worker->count,
					   .version = CHANNEL_VERSION };
	struct channel_handles handles;
	char name[128];
	struct channel_options options = {
		.name = name,
		.slots = slots,
		.files = files_of_channel(),
		.budget = &worker->listener->file_budget,
	};
	enum portico_status status;
	int fds[CHANNEL_HANDLES];

	snprintf(name, sizeof(name), "%s.%u.%u", worker->pool->name, worker->id,
		 index);
	status = channel_create(&options, &worker->channels[index], &handles,
				err);
	if (status != PORTICO_OK)
		return status;
	fds[0] = handles.down;
	fds[1] = handles.up;
	fds[2] = handles.wake_worker;
	fds[3] = handles.wake_listener;
	fds[4] = handles.socket;
	status = control_send(worker->connection,
			      control_encode_channel(&message), fds,
			      CHANNEL_HANDLES);
	for (unsigned i = 0; i < CHANNEL_HANDLES; i++)
		io_close(&fds[i]);
	if (status != PORTICO_OK)
		return control_send_failed(worker->connection, status, err,
					   "offering channel %u to worker %u",
					   index, worker->id);
	return PORTICO_OK;
}

static enum portico_status
offer_channels(struct worker_link *worker, struct portico_error *err)
{
	const struct settings_pool *settings = pool_settings(worker);
	struct control_link_done done = { .count = worker->count };
	uint32_t slots = settings == NULL ? 0 :
					    settings->max_concurrent_requests /
						    worker->count;
	enum portico_status status = PORTICO_OK;

	if (slots == 0)
		slots = 1;
	if (slots > 65536)
		slots = 65536;
	for (uint32_t i = 0; i < worker->count && status == PORTICO_OK; i++)
		status = offer_channel(worker, i, slots, err);
	if (status != PORTICO_OK)
		return status;
	status = control_send(worker->connection,
			      control_encode_link_done(&done), NULL, 0);
	if (status != PORTICO_OK)
		return control_send_failed(worker->connection, status, err,
					   "offering channels to worker %u",
					   worker->id);
	return PORTICO_OK;
}

void
worker_link_open(struct listener *listener,
		 const struct control_worker *message, int fd)
{
	struct worker_link *worker = mem_zalloc(sizeof(*worker));
	struct portico_error err;
	enum portico_status status;
	uint32_t loops = message->loops == 0 ? 1 : message->loops;

	worker->magic = WORKER_LINK_MAGIC;
	worker->listener = listener;
	worker->pool = listener_pool_get(listener, message->pool);
	worker->id = message->worker;
	worker->pid = message->pid;
	worker->generation = message->generation;
	snprintf(worker->affinity, sizeof(worker->affinity), "%s",
		 message->affinity == NULL ? "" : message->affinity);
	worker->loops = loops > WORKER_LOOPS_MAX ? WORKER_LOOPS_MAX : loops;
	worker->count = worker->loops > listener->loop_count ?
				worker->loops :
				listener->loop_count;
	worker->channels =
		mem_zalloc_array(worker->count, sizeof(*worker->channels));
	list_add_tail(&listener->workers, &worker->link);
	worker->connection = control_connection_new(
		listener->uv, fd, on_message, on_closed, worker);
	control_connection_distrust(worker->connection);
	status = offer_channels(worker, &err);
	if (status == PORTICO_OK)
		return;
	/* It has ended already, which is no fault here. */
	if (status == PORTICO_CLOSED) {
		worker_link_end(worker, "it hung up before it had channels",
				false);
		return;
	}
	worker->exhausted = io_is_exhaustion(err.os_error) ||
			    status == PORTICO_FULL ||
			    status == PORTICO_NO_MEMORY;
	worker->refused = !worker->exhausted;
	if (worker->refused)
		log_write_error(LOG_LEVEL_ERROR, 2006, NULL, &err);
	error_prefix(&err, "the listener has no channel for it");
	worker_link_end(worker, err.message, false);
}

/* ---- finding ------------------------------------------------------------------------ */

struct worker_link *
worker_link_find(struct listener *listener, uint32_t id)
{
	LIST_FOREACH(struct worker_link, link, worker, &listener->workers) {
		CHECK(worker, WORKER_LINK_MAGIC);
		if (worker->id == id)
			return worker;
	}
	return NULL;
}

void
worker_link_visit(struct listener *listener,
		  void (*fn)(const struct worker_link *worker, void *arg),
		  void *arg)
{
	LIST_FOREACH(struct worker_link, link, worker, &listener->workers) {
		fn(worker, arg);
	}
}

const char *
worker_link_pool(const struct worker_link *worker)
{
	return worker->pool->name;
}

uint32_t
worker_link_id(const struct worker_link *worker)
{
	return worker->id;
}

json_t *
worker_link_describe(const struct worker_link *worker)
{
	CHECK(worker, WORKER_LINK_MAGIC);
	return json_pack("{s:I, s:i, s:s, s:I, s:I, s:I, s:b}", "id",
			 (json_int_t)worker->id, "pid", (int)worker->pid,
			 "pool", worker->pool->name, "generation",
			 (json_int_t)worker->generation, "count",
			 (json_int_t)worker->count, "attached",
			 (json_int_t)worker->attached, "draining",
			 (int)worker->draining);
}

/* ---- to the loops ------------------------------------------------------------------- */

/* What is to be done with this worker's channels on one loop. */
struct worker_task {
	struct task task;
	struct worker_link *worker; /* an address to compare */
	struct listener_pool *pool;
	struct channel *channel; /* to be added */
	uint32_t index, id, generation;
	uint32_t round; /* of draining or pausing */
	int32_t pid;
	char affinity[33];
	char reason[WORKER_REASON_BYTES];
};

static struct worker_task *
task_new(struct worker_link *worker)
{
	struct worker_task *task = mem_zalloc(sizeof(*task));

	task->worker = worker;
	task->pool = worker->pool;
	task->id = worker->id;
	task->pid = worker->pid;
	task->generation = worker->generation;
	task->round = worker->round;
	memcpy(task->affinity, worker->affinity, sizeof(task->affinity));
	return task;
}

static void
run_add(struct task *base, void *owner)
{
	struct worker_task *task = (struct worker_task *)base;
	struct listener_loop *loop = owner;

	if (loop->stopping)
		channel_free(&task->channel);
	else
		worker_channel_add(loop, loop_pool_get(loop, task->pool),
				   task->channel, task->worker, task->index,
				   task->id, task->pid, task->generation,
				   task->affinity);
	mem_free(task);
}

static void
run_drain(struct task *base, void *owner)
{
	struct worker_task *task = (struct worker_task *)base;
	struct listener_loop *loop = owner;

	LIST_FOREACH_SAFE(struct worker_channel, link, channel,
			  &loop->worker_channels) {
		if (channel->worker == task->worker)
			worker_channel_drain(channel, task->round);
	}
	mem_free(task);
}

static void
run_pause(struct task *base, void *owner)
{
	struct worker_task *task = (struct worker_task *)base;
	struct listener_loop *loop = owner;

	LIST_FOREACH_SAFE(struct worker_channel, link, channel,
			  &loop->worker_channels) {
		if (channel->worker == task->worker)
			worker_channel_pause(channel, task->round);
	}
	mem_free(task);
}

static void
run_resume(struct task *base, void *owner)
{
	struct worker_task *task = (struct worker_task *)base;
	struct listener_loop *loop = owner;

	LIST_FOREACH_SAFE(struct worker_channel, link, channel,
			  &loop->worker_channels) {
		if (channel->worker == task->worker)
			worker_channel_resume(channel);
	}
	mem_free(task);
}

static void
run_abort(struct task *base, void *owner)
{
	struct worker_task *task = (struct worker_task *)base;
	struct listener_loop *loop = owner;

	LIST_FOREACH_SAFE(struct worker_channel, link, channel,
			  &loop->worker_channels) {
		if (channel->worker == task->worker)
			worker_channel_abort_all(channel);
	}
	mem_free(task);
}

static void
run_end(struct task *base, void *owner)
{
	struct worker_task *task = (struct worker_task *)base;
	struct listener_loop *loop = owner;

	for (;;) {
		struct worker_channel *found = NULL;

		LIST_FOREACH(struct worker_channel, link, channel,
			     &loop->worker_channels) {
			if (channel->worker == task->worker)
				found = channel;
		}
		if (found == NULL)
			break;
		worker_channel_end(found, task->reason);
	}
	mem_free(task);
}

static void
post_all(struct worker_link *worker, task_fn *run, const char *reason)
{
	struct listener *listener = worker->listener;

	/* The loops end their channels by themselves, or have ended. */
	if (listener->ending)
		return;
	for (unsigned i = 0; i < listener->loop_count; i++) {
		struct worker_task *task = task_new(worker);

		if (reason != NULL)
			snprintf(task->reason, sizeof(task->reason), "%s",
				 reason);
		loop_post(listener->loops[i], &task->task, run);
	}
}

/* ---- from the worker ------------------------------------------------------------------ */

static void
tell_attached(struct worker_link *worker)
{
	struct control_worker_attached message = { .worker = worker->id };

	worker->told_attached = true;
	worker->pool->demanded = false;
	/* It may have been told to pause while it attached: then a request has
	 * to ask for it. */
	if (!worker->draining && !worker->paused) {
		worker->counted = true;
		worker->pool->workers++;
	}
	if (worker->listener->control != NULL)
		control_send(worker->listener->control,
			     control_encode_worker_attached(&message), NULL, 0);
}

static void
attached(struct worker_link *worker, uint32_t index)
{
	struct listener *listener = worker->listener;
	struct worker_task *task;

	if (index >= worker->count || worker->channels[index] == NULL) {
		worker_link_end(worker, "attached a channel not offered", true);
		return;
	}
	task = task_new(worker);
	task->index = index;
	task->channel = worker->channels[index];
	worker->channels[index] = NULL;
	worker->attached++;
	/* Before its loop has it: should the worker die of its first request,
	 * porticod knows that it had started. */
	if (worker->attached == worker->count)
		tell_attached(worker);
	loop_post(listener->loops[index % listener->loop_count], &task->task,
		  run_add);
	if (worker->draining)
		post_all(worker, run_drain, NULL);
	else if (worker->paused)
		post_all(worker, run_pause, NULL);
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct worker_link *worker = arg;
	struct control_attached done;
	struct control_refused refused;
	struct portico_error err;
	char text[WORKER_REASON_BYTES];

	(void)connection;
	(void)fds;
	(void)nfds;
	CHECK(worker, WORKER_LINK_MAGIC);
	switch (control_type_find(type)) {
	case CONTROL_TYPE_attached:
		if (control_decode_attached(message, &done, &err) == PORTICO_OK)
			attached(worker, done.index);
		else
			worker_link_end(worker, err.message, true);
		break;
	case CONTROL_TYPE_refused:
		if (control_decode_refused(message, &refused, &err) ==
		    PORTICO_OK)
			snprintf(text, sizeof(text), "channel refused: %s",
				 refused.message);
		else
			snprintf(text, sizeof(text), "channel refused");
		worker->refused = true;
		worker_link_end(worker, text, false);
		break;
	default:
		break; /* a newer worker may say more */
	}
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct worker_link *worker = arg;

	(void)connection;
	CHECK(worker, WORKER_LINK_MAGIC);
	worker_link_end(worker, why, status == PORTICO_PROTOCOL);
}

/* ---- the end ---------------------------------------------------------------------------- */

static void
free_if_over(struct worker_link *worker)
{
	if (!worker->ended || worker->lost < worker->attached)
		return;
	list_remove(&worker->link);
	worker->magic = 0;
	mem_free(worker->channels);
	mem_free(worker);
}

/* A request that waits is a reason to start another worker again. */
static void
uncount(struct worker_link *worker)
{
	if (worker->counted)
		worker->pool->workers--;
	worker->counted = false;
}

static void
log_lost(const struct worker_link *worker, const char *reason, bool lied)
{
	char id[16];
	struct log_context pool = { .name = "pool",
				    .value = worker->pool->name };
	struct log_context context = { .parent = &pool,
				       .name = "worker",
				       .value = id };

	/* It is not the worker that ends. */
	if (worker->listener->ending)
		return;
	snprintf(id, sizeof(id), "%u", worker->id);
	if (lied)
		log_warn(2007, &context, "worker broke the protocol: %s",
			 reason);
	else
		log_info(&context, "worker is gone: %s", reason);
}

static void
tell_lost(struct worker_link *worker, const char *reason, bool lied)
{
	struct control_worker_lost message = { .worker = worker->id,
					       .reason = reason,
					       .lied = lied,
					       .exhausted = worker->exhausted,
					       .refused = worker->refused };

	log_lost(worker, reason, lied);
	if (worker->listener->control != NULL)
		control_send(worker->listener->control,
			     control_encode_worker_lost(&message), NULL, 0);
}

void
worker_link_end(struct worker_link *worker, const char *reason, bool lied)
{
	CHECK(worker, WORKER_LINK_MAGIC);
	if (worker->ended)
		return;
	worker->ended = true;
	uncount(worker);
	/* Loops first, so that none finds the pool without demand. */
	post_all(worker, run_end, reason);
	tell_lost(worker, reason, lied);
	control_connection_free(&worker->connection);
	for (uint32_t i = 0; i < worker->count; i++) {
		if (worker->channels[i] != NULL)
			channel_free(&worker->channels[i]);
	}
	free_if_over(worker);
}

void
worker_link_channel_lost(struct worker_link *worker, const char *reason,
			 bool lied)
{
	CHECK(worker, WORKER_LINK_MAGIC);
	worker->lost++;
	/* One channel less is not half a worker: it is to be replaced. */
	if (!worker->ended) {
		worker_link_end(worker, reason, lied);
		return;
	}
	/* Found in what it had left behind. */
	if (lied)
		log_lost(worker, reason, lied);
	free_if_over(worker);
}

/* No new requests; and what was said of an earlier time does not count. */
static void
begin_round(struct worker_link *worker)
{
	uncount(worker);
	worker->round++;
	worker->drained = 0;
	worker->told_drained = false;
}

void
worker_link_pause(struct worker_link *worker, bool pause, uint32_t round)
{
	CHECK(worker, WORKER_LINK_MAGIC);
	if (worker->ended || worker->draining || worker->paused == pause)
		return;
	worker->paused = pause;
	if (pause) {
		worker->pause = round;
		begin_round(worker);
		post_all(worker, run_pause, NULL);
		return;
	}
	if (worker->attached == worker->count && !worker->counted) {
		worker->counted = true;
		worker->pool->workers++;
	}
	worker->pool->demanded = false;
	post_all(worker, run_resume, NULL);
}

void
worker_link_drain(struct worker_link *worker, bool abort)
{
	CHECK(worker, WORKER_LINK_MAGIC);
	if (worker->ended)
		return;
	if (!worker->draining) {
		worker->draining = true;
		begin_round(worker);
		post_all(worker, run_drain, NULL);
	}
	if (abort)
		post_all(worker, run_abort, NULL);
}

static struct control_worker_drained
drained_of(const struct worker_link *worker)
{
	return (struct control_worker_drained){
		.worker = worker->id,
		.round = worker->draining ? 0 : worker->pause,
	};
}

void
worker_link_channel_drained(struct worker_link *worker, uint32_t round)
{
	struct control_worker_drained message;

	CHECK(worker, WORKER_LINK_MAGIC);
	/* It may have been woken since. */
	if (round != worker->round || (!worker->paused && !worker->draining))
		return;
	worker->drained++;
	if (worker->drained < worker->count || worker->told_drained ||
	    worker->ended)
		return;
	worker->told_drained = true;
	message = drained_of(worker);
	if (worker->listener->control != NULL)
		control_send(worker->listener->control,
			     control_encode_worker_drained(&message), NULL, 0);
}

bool
worker_link_tell_again(const struct worker_link *worker)
{
	const struct control_worker_attached attached = { worker->id };
	const struct control_worker_drained drained = drained_of(worker);
	struct control_connection *control = worker->listener->control;

	CHECK(worker, WORKER_LINK_MAGIC);
	if (control == NULL || worker->ended)
		return false;
	if (worker->told_attached)
		control_send(control, control_encode_worker_attached(&attached),
			     NULL, 0);
	if (worker->told_drained)
		control_send(control, control_encode_worker_drained(&drained),
			     NULL, 0);
	return true;
}

void
worker_link_free_all(struct listener *listener)
{
	LIST_FOREACH_SAFE(struct worker_link, link, worker,
			  &listener->workers) {
		worker->ended = true;
		worker->lost = worker->attached;
		control_connection_free(&worker->connection);
		for (uint32_t i = 0; i < worker->count; i++) {
			if (worker->channels[i] != NULL)
				channel_free(&worker->channels[i]);
		}
		free_if_over(worker);
	}
}
