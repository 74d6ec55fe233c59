/* SPDX-License-Identifier: Apache-2.0
 *
 * See listener.h: the main thread's state, and what loops tell it.
 */
#include "core/listener/listener.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/control/connection.h"
#include "core/listener/access_log.h"
#include "core/listener/error_log.h"
#include "core/listener/limits.h"
#include "core/listener/log_buffer.h"
#include "core/listener/log_writer.h"
#include "core/listener/loop.h"
#include "core/listener/site.h"
#include "core/listener/site_logs.h"
#include "core/listener/tls_material.h"
#include "core/listener/worker_link.h"

/* ---- life ------------------------------------------------------------------- */

void
listener_end(struct listener *listener)
{
	CHECK(listener, LISTENER_MAGIC);
	listener->ending = true;
	uv_stop(listener->uv);
}

static void
stop_loops(struct listener *listener)
{
	for (unsigned i = 0; i < listener->loop_count; i++)
		loop_stop(listener->loops[i]);
	/* Their last words: logs, channels. */
	mailbox_close(&listener->mailbox);
	for (unsigned i = 0; i < listener->loop_count; i++)
		loop_free(listener->loops[i]);
	MEM_FREE(listener->loops);
	listener->loop_count = 0;
}

void
listener_fini(struct listener *listener)
{
	CHECK(listener, LISTENER_MAGIC);
	stop_loops(listener);
	worker_link_free_all(listener);
	control_connection_free(&listener->control);
	/* Lines that wait here name their fields by strings of the sites' logs.
	 */
	for (unsigned i = 0; i < LISTENER_LOGS; i++)
		log_writer_free(listener->logs[i]);
	site_logs_free(&listener->site_logs);
	snapshot_unref(&listener->snapshot);
	tls_material_unref(&listener->tls);
	for (unsigned i = 0; i < listener->pool_count; i++) {
		mem_free(listener->pools[i]->name);
		mem_free(listener->pools[i]);
	}
	mem_free(listener->pools);
	site_table_free(listener->sites);
	listener->magic = 0;
}

/* ---- pools -------------------------------------------------------------------- */

struct listener_pool *
listener_pool_find(struct listener *listener, const char *name)
{
	for (unsigned i = 0; i < listener->pool_count; i++) {
		if (strcmp(listener->pools[i]->name, name) == 0)
			return listener->pools[i];
	}
	return NULL;
}

struct listener_pool *
listener_pool_get(struct listener *listener, const char *name)
{
	struct listener_pool *pool = listener_pool_find(listener, name);

	CHECK(listener, LISTENER_MAGIC);
	if (pool != NULL)
		return pool;
	pool = mem_try_alloc_aligned(64, sizeof(*pool));
	if (pool == NULL)
		check_panic("out of memory for pool %s", name);
	memset(pool, 0, sizeof(*pool));
	pool->magic = LISTENER_POOL_MAGIC;
	pool->number = listener->pool_count;
	pool->name = mem_strdup(name);
	pool->state = CONTROL_POOL_STARTED;
	atomic_init(&pool->queued, 0);
	listener->pools =
		mem_realloc(listener->pools, (listener->pool_count + 1) *
						     sizeof(*listener->pools));
	listener->pools[listener->pool_count++] = pool;
	return pool;
}

static unsigned
pool_number(const char *name, void *arg)
{
	return listener_pool_get(arg, name)->number;
}

/* Which pools there are from now on. */
static void
set_known(struct listener *listener, const struct settings *settings)
{
	for (unsigned i = 0; i < listener->pool_count; i++) {
		struct listener_pool *pool = listener->pools[i];
		bool known = false;

		for (size_t j = 0; j < settings->pool_count && !known; j++)
			known = listener->snapshot->pools[j] == pool->number;
		if (known && !pool->known) {
			pool->state = CONTROL_POOL_STARTED;
			pool->demanded = false;
		}
		pool->known = known;
	}
}

/* ---- configuration --------------------------------------------------------------- */

struct snapshot_task {
	struct task task;
	struct listener_snapshot *snapshot; /* a reference */
	unsigned pool_count;
	struct listener_pool *pools[];
};

static void
run_snapshot(struct task *base, void *owner)
{
	struct snapshot_task *task = (struct snapshot_task *)base;

	loop_set_snapshot(owner, task->snapshot, task->pools, task->pool_count);
	mem_free(task);
}

static void
post_snapshot(struct listener *listener, struct listener_loop *loop)
{
	size_t size = listener->pool_count * sizeof(listener->pools[0]);
	struct snapshot_task *task = mem_alloc(sizeof(*task) + size);

	task->snapshot = snapshot_ref(listener->snapshot);
	task->pool_count = listener->pool_count;
	if (size > 0)
		memcpy(task->pools, listener->pools, size);
	loop_post(loop, &task->task, run_snapshot);
}

static enum portico_status
make_loops(struct listener *listener, unsigned count, struct portico_error *err)
{
	if (listener->loop_count > 0) {
		if (count != listener->loop_count)
			log_warn(2008, NULL,
				 "listener.threads changes from %u to %u when "
				 "the listener is started anew",
				 listener->loop_count, count);
		return PORTICO_OK;
	}
	if (count == 0)
		count = 1;
	/* For the first ones at least; later ones are as good as sure. */
	if (!io_descriptors_free(STDERR_FILENO, IO_MESSAGE_FDS_MAX))
		return error_set(err, PORTICO_FULL,
				 "making %u loops: no descriptors (the limit "
				 "is %llu)",
				 count,
				 (unsigned long long)io_descriptor_limit());
	listener->loops = mem_zalloc_array(count, sizeof(*listener->loops));
	for (unsigned i = 0; i < count; i++) {
		struct listener_loop *loop = loop_new(listener, i);
		enum portico_status status = loop_start(loop, err);

		if (status != PORTICO_OK)
			return status;
		listener->loops[listener->loop_count++] = loop;
	}
	return PORTICO_OK;
}

static void
set_logs(struct listener *listener, const struct settings *settings)
{
	const struct settings_access_log *access =
		&settings->listener.access_log;
	const struct settings_error_log *error = &settings->listener.error_log;
	char path[4096], fields[16384];
	struct log_text text = { fields, fields + sizeof(fields) - 1 };
	struct log_writer **logs = listener->logs;

	log_writer_set_rotation(logs[LISTENER_LOG_ACCESS], &access->rotation);
	log_writer_set_rotation(logs[LISTENER_LOG_ERROR], &error->rotation);
	access_log_fields(&text, access);
	*text.at = '\0';
	snprintf(path, sizeof(path), "%s%s%s",
		 access->file[0] == '/' ? "" : settings->log_directory,
		 access->file[0] == '/' ? "" : "/", access->file);
	log_writer_set_file(logs[LISTENER_LOG_ACCESS],
			    access->enabled ? path : NULL,
			    access->format == SETTINGS_LOG_W3C ? fields : NULL);
	snprintf(path, sizeof(path), "%s%s%s",
		 error->file[0] == '/' ? "" : settings->log_directory,
		 error->file[0] == '/' ? "" : "/", error->file);
	log_writer_set_file(logs[LISTENER_LOG_ERROR],
			    error->enabled ? path : NULL, ERROR_LOG_FIELDS);
}

enum portico_status
listener_configure(struct listener *listener, struct settings *settings,
		   struct portico_error *err)
{
	struct listener_snapshot *snapshot;
	enum portico_status status;
	uint64_t most = settings->listener.max_connections;

	CHECK(listener, LISTENER_MAGIC);
	snapshot = snapshot_new(settings, pool_number, listener,
				listener->sites, err);
	if (snapshot == NULL)
		return PORTICO_CONFIG;
	if (listener->tls != NULL &&
	    snapshot_set_tls(snapshot, listener->tls, err) != PORTICO_OK) {
		snapshot_unref(&snapshot);
		return PORTICO_CONFIG;
	}
	snapshot_unref(&listener->snapshot);
	listener->snapshot = snapshot;
	site_logs_configure(listener->site_logs, snapshot);
	set_known(listener, settings);
	listener->mark++;
	atomic_store(&listener->connections_max,
		     most == 0 || most > UINT_MAX ? UINT_MAX : (unsigned)most);
	set_logs(listener, settings);
	status = make_loops(listener, settings->listener.threads, err);
	if (status != PORTICO_OK)
		return status;
	for (unsigned i = 0; i < listener->loop_count; i++)
		post_snapshot(listener, listener->loops[i]);
	return PORTICO_OK;
}

/* ---- connections ------------------------------------------------------------------ */

bool
listener_connection_add(struct listener *listener)
{
	unsigned before = atomic_fetch_add_explicit(&listener->connections, 1,
						    memory_order_relaxed);

	if (before < atomic_load_explicit(&listener->connections_max,
					  memory_order_relaxed))
		return true;
	listener_connection_remove(listener);
	pressure_note(listener, PRESSURE_CONNECTIONS, 0);
	return false;
}

void
listener_connection_remove(struct listener *listener)
{
	atomic_fetch_sub_explicit(&listener->connections, 1,
				  memory_order_relaxed);
}

/* ---- what loops tell ---------------------------------------------------------------- */

struct demand_task {
	struct task task;
	struct listener_pool *pool;
};

static void
run_demand(struct task *base, void *owner)
{
	struct demand_task *task = (struct demand_task *)base;
	struct listener *listener = owner;
	struct listener_pool *pool = task->pool;
	struct control_demand message = { .pool = pool->name };

	mem_free(task);
	if (pool->demanded || pool->workers > 0 || listener->control == NULL)
		return;
	pool->demanded = true;
	control_send(listener->control, control_encode_demand(&message), NULL,
		     0);
}

void
listener_demand(struct listener *listener, struct listener_pool *pool)
{
	struct demand_task *task = mem_zalloc(sizeof(*task));

	task->pool = pool;
	listener_post(listener, &task->task, run_demand);
}

static void
run_demand_more(struct task *base, void *owner)
{
	struct demand_task *task = (struct demand_task *)base;
	struct listener *listener = owner;
	const struct control_demand message = { .pool = task->pool->name,
						.more = true };

	if (task->pool->workers > 0 && listener->control != NULL)
		control_send(listener->control, control_encode_demand(&message),
			     NULL, 0);
	mem_free(task);
}

void
listener_demand_more(struct listener *listener, struct listener_pool *pool)
{
	struct demand_task *task = mem_zalloc(sizeof(*task));

	task->pool = pool;
	listener_post(listener, &task->task, run_demand_more);
}

struct channel_task {
	struct task task;
	struct worker_link *worker;
	char reason[WORKER_REASON_BYTES]; /* a copy; unless drained */
	bool drained, lied;
	uint32_t round; /* of draining */
};

static void
run_channel(struct task *base, void *owner)
{
	struct channel_task *task = (struct channel_task *)base;

	(void)owner;
	if (task->drained)
		worker_link_channel_drained(task->worker, task->round);
	else
		worker_link_channel_lost(task->worker, task->reason,
					 task->lied);
	mem_free(task);
}

void
listener_channel_lost(struct listener *listener, void *worker,
		      const char *reason, bool lied)
{
	struct channel_task *task = mem_zalloc(sizeof(*task));

	task->worker = worker;
	snprintf(task->reason, sizeof(task->reason), "%s", reason);
	task->lied = lied;
	listener_post(listener, &task->task, run_channel);
}

void
listener_channel_drained(struct listener *listener, void *worker,
			 uint32_t round)
{
	struct channel_task *task = mem_zalloc(sizeof(*task));

	task->worker = worker;
	task->drained = true;
	task->round = round;
	listener_post(listener, &task->task, run_channel);
}

static void
run_log(struct task *base, void *owner)
{
	struct log_chunk *chunk = (struct log_chunk *)base;
	struct listener *listener = owner;

	if (chunk->log == LISTENER_LOG_ACCESS)
		site_logs_write(listener->site_logs, chunk);
	else
		log_writer_add(listener->logs[chunk->log], chunk);
}

void
listener_log_write(struct listener *listener, struct log_chunk *chunk)
{
	if (chunk != NULL)
		listener_post(listener, &chunk->task, run_log);
}
