/* SPDX-License-Identifier: Apache-2.0
 *
 * See loop.h.
 */
#include "core/listener/loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/listener/accept.h"
#include "core/listener/bandwidth.h"
#include "core/listener/cache_fill.h"
#include "core/listener/cache_wait.h"
#include "core/listener/connection.h"
#include "core/listener/deadline.h"
#include "core/listener/dispatch.h"
#include "core/listener/drain.h"
#include "core/listener/http2.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/revoke.h"
#include "core/listener/unread.h"
#include "core/listener/worker_channel.h"

/* Request ids: time and loop keep those of earlier processes apart. */
#define ID_LOOP_SHIFT 32
#define ID_RANDOM_SHIFT 40

/* ---- a turn ------------------------------------------------------------------ */

/* Before the loop blocks: after this the channels are flushed. */
static void
on_prepare(uv_prepare_t *handle)
{
	struct listener_loop *loop = handle->data;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	if (!list_empty(&loop->cache.ready))
		cache_wait_release(loop);
	if (!list_empty(&loop->written))
		response_flush_all(loop);
	if (!list_empty(&loop->http2_ready))
		http2_flush_all(loop);
	loop->handshakes = 0;
	loop->now = 0;
}

static void
flush_log(struct listener_loop *loop, struct log_buffer *log)
{
	listener_log_write(loop->listener, log_buffer_take(log));
}

char *
loop_log_reserve(struct listener_loop *loop, struct log_buffer *log)
{
	if (log_buffer_full(log, LOG_LINE_MAX))
		flush_log(loop, log);
	return log_buffer_reserve(log, LOG_LINE_MAX);
}

/* What a burst has left behind goes back to the system. */
static void
trim(struct listener_loop *loop)
{
	unsigned freed;

	LIST_FOREACH(struct worker_channel, link, channel,
		     &loop->worker_channels) {
		if (channel_memory_short(channel->channel))
			pressure_note(loop->listener, PRESSURE_MEMORY, ENOMEM);
		channel_trim(channel->channel);
	}
	cache_sweep(&loop->cache, loop_now(loop));
	freed = spare_trim(&loop->spare_buffers, LOOP_KEEP_IDLE) +
		spare_trim(&loop->spare_requests, LOOP_KEEP_IDLE) +
		http2_loop_trim(loop);
	if (freed >= TRIM_HEAP_PIECES)
		mem_trim();
}

static void
on_tick(uv_timer_t *timer)
{
	struct listener_loop *loop = timer->data;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	loop->now = 0;
	loop->realtime_offset = clock_realtime_ns() - loop_now(loop);
	if (loop->snapshot != NULL)
		connection_sweep(loop);
	cache_wait_tick(loop);
	if (loop->draining)
		drain_tick(loop);
	flush_log(loop, &loop->access_log);
	flush_log(loop, &loop->error_log);
	if (++loop->ticks % TRIM_TICKS == 0)
		trim(loop);
}

/* ---- memory -------------------------------------------------------------------- */

char *
loop_buffer_take(struct listener_loop *loop)
{
	char *buffer = spare_take(&loop->spare_buffers);

	return buffer != NULL ? buffer : mem_alloc(INPUT_SMALL_BYTES);
}

void
loop_buffer_give(struct listener_loop *loop, char *buffer)
{
	spare_give(&loop->spare_buffers, buffer, LOOP_KEEP_BUFFERS);
}

/* ---- configuration --------------------------------------------------------------- */

static void
set_timeouts(struct listener_loop *loop, const struct settings_limits *from)
{
	const uint64_t durations[TIMER_KINDS] = {
		[TIMER_IDLE] = from->connection_timeout,
		[TIMER_HEADER] = from->header_wait_timeout,
		[TIMER_BODY] = from->entity_body_timeout,
		[TIMER_DRAIN] = from->drain_entity_body_timeout,
		[TIMER_LINGER] = LINGER_TIMEOUT_NS,
		[TIMER_ASK] = HALF_CLOSE_PATIENCE_NS,
		[TIMER_HALF_CLOSED] = HALF_CLOSED_TIMEOUT_NS,
		[TIMER_ASK_AGAIN] = HALF_CLOSED_AGAIN_NS,
	};

	for (unsigned kind = 0; kind < TIMER_KINDS; kind++)
		timers_set_duration(&loop->timers, (enum timer_kind)kind,
				    durations[kind], loop_now(loop));
}

static void
set_sites(struct listener_loop *loop, unsigned count)
{
	if (count <= loop->site_count)
		return;
	loop->sites = mem_realloc(loop->sites, count * sizeof(*loop->sites));
	memset(loop->sites + loop->site_count, 0,
	       (count - loop->site_count) * sizeof(*loop->sites));
	loop->site_count = count;
}

static void
set_pools(struct listener_loop *loop, const struct listener_snapshot *snapshot,
	  struct listener_pool **pools, unsigned pool_count)
{
	const struct settings *settings = snapshot->settings;

	loop->pools = mem_realloc(loop->pools,
				  (pool_count + 1) * sizeof(*loop->pools));
	for (unsigned i = loop->pool_count; i < pool_count; i++)
		loop->pools[i] = loop_pool_new(loop, pools[i]);
	loop->pool_count = pool_count;
	for (size_t i = 0; i < settings->pool_count; i++) {
		struct loop_pool *pool = loop->pools[snapshot->pools[i]];

		if (!pool->limits.known)
			pool->state = CONTROL_POOL_STARTED;
	}
	for (unsigned i = 0; i < pool_count; i++)
		loop->pools[i]->limits.known = false;
	for (size_t i = 0; i < settings->pool_count; i++)
		loop_pool_set_limits(loop->pools[snapshot->pools[i]],
				     &settings->pools[i]);
}

void
loop_set_snapshot(struct listener_loop *loop,
		  struct listener_snapshot *snapshot,
		  struct listener_pool **pools, unsigned pool_count)
{
	CHECK(loop, LISTENER_LOOP_MAGIC);
	loop_snapshot_unref(&loop->snapshot);
	loop->snapshot = loop_snapshot_new(snapshot);
	set_timeouts(loop, &snapshot->settings->listener.limits);
	set_pools(loop, snapshot, pools, pool_count);
	set_sites(loop, snapshot->site_numbers);
	cache_on_configuration(loop);
	acceptor_configure(loop);
	if (loop->path_size < snapshot->input_max + 1) {
		loop->path_size = snapshot->input_max + 1;
		loop->path = mem_realloc(loop->path, loop->path_size);
	}
	for (unsigned i = 0; i < pool_count; i++) {
		if (!loop->pools[i]->limits.known)
			dispatch_state_changed(loop->pools[i]);
	}
}

struct loop_pool *
loop_pool_get(struct listener_loop *loop, struct listener_pool *shared)
{
	ASSERT(shared->number < loop->pool_count);
	return loop->pools[shared->number];
}

void
loop_check_drained(struct listener_loop *loop)
{
	if (!loop->draining || loop->drained_told || loop->connection_count > 0)
		return;
	loop->drained_told = true;
	flush_log(loop, &loop->access_log);
	flush_log(loop, &loop->error_log);
	listener_loop_drained(loop->listener, 0);
}

/* ---- the thread --------------------------------------------------------------------- */

struct listener_loop *
loop_new(struct listener *listener, unsigned index)
{
	struct listener_loop *loop = mem_zalloc(sizeof(*loop));
	uint64_t seed = 0;

	loop->magic = LISTENER_LOOP_MAGIC;
	loop->index = index;
	loop->listener = listener;
	ASSERT(uv_loop_init(&loop->uv) == 0);
	mailbox_init(&loop->mailbox, &loop->uv, loop);
	loop->channels = channel_loop_new(&loop->uv);
	/* Started after the channels' own: libuv runs the last one first, so
	 * what is written here is flushed in the same turn. */
	uv_prepare_init(&loop->uv, &loop->prepare);
	loop->prepare.data = loop;
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_timer_init(&loop->uv, &loop->tick);
	loop->tick.data = loop;
	uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
	revoke_init(loop);
	unread_init(loop);
	deadline_init(loop);
	bandwidth_init(loop);
	list_init(&loop->acceptors);
	list_init(&loop->connections);
	list_init(&loop->written);
	list_init(&loop->blocked);
	list_init(&loop->awaiting);
	list_init(&loop->worker_channels);
	list_init(&loop->lost_channels);
	timers_init(&loop->timers);
	cache_init(&loop->cache);
	http2_loop_init(loop);
	loop->output = mem_alloc(LOOP_OUTPUT_BYTES);
	loop->discard = mem_alloc(LOOP_DISCARD_BYTES);
	loop->access_log.log = LISTENER_LOG_ACCESS;
	loop->error_log.log = LISTENER_LOG_ERROR;
	loop->realtime_offset = clock_realtime_ns() - clock_monotonic_ns();
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = clock_realtime_ns();
	loop->next_request_id = seed << ID_RANDOM_SHIFT |
				(uint64_t)index << ID_LOOP_SHIFT;
	loop->next_connection_id = loop->next_request_id;
	return loop;
}

static void
thread_main(void *arg)
{
	struct listener_loop *loop = arg;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

enum portico_status
loop_start(struct listener_loop *loop, struct portico_error *err)
{
	int status = uv_thread_create(&loop->thread, thread_main, loop);

	if (status != 0)
		return error_os(err, -status, "starting listener thread %u",
				loop->index);
	return PORTICO_OK;
}

/* Everything that the loop still has is closed; uv_run() then returns. */
static void
close_all(struct task *task, void *owner)
{
	struct listener_loop *loop = owner;

	mem_free(task);
	CHECK(loop, LISTENER_LOOP_MAGIC);
	loop->stopping = true;
	acceptor_close_others(loop, 0);
	while (!list_empty(&loop->connections))
		connection_close(LIST_FIRST(struct listener_connection, link,
					    &loop->connections),
				 HTTP_REASON_NONE);
	while (!list_empty(&loop->worker_channels))
		worker_channel_end(LIST_FIRST(struct worker_channel, link,
					      &loop->worker_channels),
				   "the listener ends");
	flush_log(loop, &loop->access_log);
	flush_log(loop, &loop->error_log);
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->tick, NULL);
	uv_close((uv_handle_t *)&loop->unread_idle, NULL);
	uv_close((uv_handle_t *)&loop->revoke, NULL);
	uv_close((uv_handle_t *)&loop->deadline_timer, NULL);
	bandwidth_fini(loop);
	channel_loop_free(&loop->channels);
	mailbox_close(&loop->mailbox);
}

void
loop_stop(struct listener_loop *loop)
{
	struct task *task = mem_zalloc(sizeof(*task));

	CHECK(loop, LISTENER_LOOP_MAGIC);
	loop_post(loop, task, close_all);
	uv_thread_join(&loop->thread);
}

void
loop_free(struct listener_loop *loop)
{
	CHECK(loop, LISTENER_LOOP_MAGIC);
	ASSERT(uv_loop_close(&loop->uv) == 0);
	loop_snapshot_unref(&loop->snapshot);
	for (unsigned i = 0; i < loop->pool_count; i++)
		loop_pool_free(loop->pools[i]);
	http2_loop_fini(loop);
	mem_free(loop->pools);
	mem_free(loop->sites);
	cache_fini(&loop->cache);
	mem_free(loop->output);
	mem_free(loop->discard);
	mem_free(loop->path);
	mem_free(loop->record);
	loop->spare_buffers.least = loop->spare_requests.least = UINT_MAX;
	spare_trim(&loop->spare_buffers, 0);
	spare_trim(&loop->spare_requests, 0);
	timers_fini(&loop->timers);
	log_buffer_fini(&loop->access_log);
	log_buffer_fini(&loop->error_log);
	loop->magic = 0;
	mem_free(loop);
}
