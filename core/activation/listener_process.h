/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener process as the manager sees it: started with the sockets that
 * the manager keeps, started again when it dies, asked for figures.
 */
#ifndef CORE_ACTIVATION_LISTENER_PROCESS_H
#define CORE_ACTIVATION_LISTENER_PROCESS_H

#include <jansson.h>
#include <uv.h>

#include "core/activation/process.h"
#include "core/base/list.h"

struct control_connection;
struct manager;
struct pool;
struct worker_process;

enum listener_process_state {
	LISTENER_PROCESS_DOWN, /* not running; a start may be planned */
	LISTENER_PROCESS_STARTING,
	LISTENER_PROCESS_SERVING,
	LISTENER_PROCESS_DRAINING,
	LISTENER_PROCESS_DRAINED, /* about to be ended */
};

struct listener_process {
	struct manager *manager;
	enum listener_process_state state;
	struct process *process;
	struct control_connection *control;
	uv_timer_t timer; /* start limit, restart delay, drain limit */
	uint32_t number; /* counts listeners */
	unsigned quick_deaths; /* in a row */
	uint64_t started_ns;
	struct list queries; /* of struct query, not answered yet */
	uint32_t next_query;
};

void listener_process_init(struct listener_process *listener,
			   struct manager *manager);
void listener_process_fini(struct listener_process *listener);

void listener_process_start(struct listener_process *listener);

/* Again the settings and the sockets, to one that serves (reload). */
enum portico_status
listener_process_configure(struct listener_process *listener,
			   struct portico_error *err);

/* False when there is none to tell: it is told when it starts. */
bool listener_process_add_worker(struct listener_process *listener,
				 const struct worker_process *worker, int fd);
void listener_process_drain_worker(struct listener_process *listener,
				   uint32_t worker, bool abort);
void listener_process_worker_gone(struct listener_process *listener,
				  uint32_t worker, const char *reason);
void listener_process_pool_state(struct listener_process *listener,
				 const struct pool *pool);

/* Stop accepting, finish; manager_listener_drained() follows in any case. */
void listener_process_drain(struct listener_process *listener,
			    uint64_t limit_ms);
void listener_process_end(struct listener_process *listener);
/* Ends it as if it had died: another one follows. */
void listener_process_restart(struct listener_process *listener);
void listener_process_kill(struct listener_process *listener);

/*
 * Asks for figures.  `done` is called once, with the borrowed body, or NULL
 * when there was no answer within QUERY_LIMIT_MS; never from within this call.
 * Returns a number for listener_process_forget().
 */
typedef void listener_query_fn(json_t *body, void *arg);
uint32_t listener_process_query(struct listener_process *listener,
				const char *what, listener_query_fn *done,
				void *arg);
/* `done` will not be called any more for queries with this argument. */
void listener_process_forget(struct listener_process *listener, void *arg);

const char *listener_process_state_name(enum listener_process_state state);

#endif
