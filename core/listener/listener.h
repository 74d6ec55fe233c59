/* SPDX-License-Identifier: Apache-2.0
 *
 * The process: what the main thread owns.  It talks to the manager and over
 * links to the workers, hands configuration, sockets and channels to the
 * loops, writes the logs and answers queries.  It never waits for a worker,
 * and no request ever waits for it.
 */
#ifndef CORE_LISTENER_LISTENER_H
#define CORE_LISTENER_LISTENER_H

#include <stdatomic.h>
#include <uv.h>

#include "core/base/list.h"
#include "core/channel/channel.h"
#include "core/listener/pool.h"
#include "core/listener/pressure.h"
#include "core/listener/task.h"

#define LISTENER_MAGIC 0x11573e01u

/* In Server fields; no version, that is nobody's business. */
#define LISTENER_SERVER_NAME "Portico"

struct control_connection;
struct hash_table;
struct listener_loop;
struct listener_snapshot;
struct log_writer;
struct site_logs;
struct tls_material;

enum listener_log {
	LISTENER_LOG_ACCESS,
	LISTENER_LOG_ERROR,
	LISTENER_LOGS
};

struct listener {
	unsigned magic;
	uv_loop_t *uv;
	struct mailbox mailbox; /* of the main thread */
	struct control_connection *control;
	struct listener_snapshot *snapshot; /* NULL until configured */
	struct tls_material *tls; /* NULL: none was given */
	struct listener_loop **loops;
	unsigned loop_count;
	struct listener_pool **pools; /* by number; only ever added */
	unsigned pool_count;
	struct hash_table *sites; /* of struct listener_site by name; only
				     ever added */
	struct list workers; /* of struct worker_link */
	struct list queries; /* being answered */
	struct log_writer *logs[LISTENER_LOGS];
	struct site_logs *site_logs;
	char host_name[256];
	unsigned mark; /* counts configurations, for sockets */
	unsigned unready_loops; /* that have not got configuration and sockets */
	uv_timer_t ready_timer;
	bool draining;
	unsigned drained_loops;
	uv_timer_t drain_timer;
	uint64_t drain_deadline; /* ms, of the main loop's clock */
	unsigned aborted; /* requests cut when draining ended */
	bool ending;

	struct pressures pressures; /* any thread, as it says */

	/* Any thread. */
	struct channel_file_budget file_budget;
	atomic_uint acceptors, paused; /* listening sockets of all loops */
	atomic_uint connections;
	atomic_uint connections_max; /* UINT_MAX = no limit */
};

/* ---- main thread ---------------------------------------------------------------- */

void listener_init(struct listener *listener, uv_loop_t *uv, int control_fd);

/* After uv_run() has returned. */
void listener_fini(struct listener *listener);

/* The pool of that name, made if it is new; its number never changes. */
struct listener_pool *listener_pool_get(struct listener *listener,
					const char *name);
struct listener_pool *listener_pool_find(struct listener *listener,
					 const char *name);

/* New configuration: make a snapshot and give it to all loops. */
struct settings;
enum portico_status listener_configure(struct listener *listener,
				       struct settings *settings,
				       struct portico_error *err);

/* Stop the uv loop: the process is to end. */
void listener_end(struct listener *listener);

/* ---- any thread ------------------------------------------------------------------ */

static inline void
listener_post(struct listener *listener, struct task *task, task_fn *run)
{
	mailbox_post(&listener->mailbox, task, run);
}

/* Count a connection.  False: there are too many. */
bool listener_connection_add(struct listener *listener);
void listener_connection_remove(struct listener *listener);

/* Loops: a request waits and no worker is there. */
void listener_demand(struct listener *listener, struct listener_pool *pool);
/* It has workers, and they have much to do. */
void listener_demand_more(struct listener *listener,
			  struct listener_pool *pool);

/* Loops: a channel of this struct worker_link has ended, or is empty while
 * draining. */
void listener_channel_lost(struct listener *listener, void *worker,
			   const char *reason, bool lied);
void listener_channel_drained(struct listener *listener, void *worker,
			      uint32_t round);

/* Loops: the last connection is gone while draining. */
void listener_loop_drained(struct listener *listener, unsigned aborted);

/* Loops: lines for a log.  OWNERSHIP: takes the chunk, NULL is nothing. */
struct log_chunk;
void listener_log_write(struct listener *listener, struct log_chunk *chunk);

#endif
