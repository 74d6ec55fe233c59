/* SPDX-License-Identifier: Apache-2.0
 *
 * All listener processes: the one that serves, one that is to replace it, and
 * those that were replaced and finish what they have.
 */
#ifndef CORE_ACTIVATION_LISTENERS_H
#define CORE_ACTIVATION_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include <portico/types.h>

#include "core/base/list.h"

struct control_worker_lost;
struct listener_process;
struct manager;
struct pool;
struct worker_process;

struct listeners {
	struct manager *manager;
	struct list all; /* of struct listener_process, oldest first */
	struct listener_process *serving; /* has the sockets, or gets them;
					     NULL: a start is planned */
	struct listener_process *next; /* to replace it, or took over when it
					  died; NULL: no upgrade goes on */
	struct list upgrades; /* of struct upgrade: not answered yet */
	uv_timer_t restart;
	unsigned quick_deaths; /* in a row */
	uint32_t count; /* ever started */
	bool stopping; /* none is started any more */
};

void listeners_init(struct listeners *listeners, struct manager *manager);
void listeners_fini(struct listeners *listeners);

/* The first one. */
void listeners_start(struct listeners *listeners);

/* One that another porticod has started (takeover.h), the oldest first. */
void listeners_adopt(struct listeners *listeners,
		     struct listener_process *listener, bool serving);
/* All are adopted: they are told what we know.  `memory` is of the settings
 * (listener_process_configure); -1: they keep theirs. */
void listeners_resume(struct listeners *listeners, int memory);

bool listeners_serve(const struct listeners *listeners);
int listeners_serving_pid(const struct listeners *listeners); /* 0: none */

/* ---- to all that it concerns ----------------------------------------------- */

/* The manager has other settings and sockets; `memory` is of the settings
 * (listener_process_configure). */
void listeners_configure(struct listeners *listeners, int memory);
/* What the one that serves has said and nobody has read yet. */
void listeners_hear(struct listeners *listeners);

/* It gets no more requests, or again; suspend_on_paused() follows. */
void listeners_pause_worker(struct listeners *listeners,
			    struct worker_process *worker, bool pause);
void listeners_pool_state(struct listeners *listeners, const struct pool *pool);
/* A worker is ready: it is given to each of them. */
void listeners_add_worker(struct listeners *listeners,
			  struct worker_process *worker);
/* worker_process_drained() follows, at once if none has it.  `abort`: what they
 * still have with it is aborted. */
void listeners_drain_worker(struct listeners *listeners,
			    struct worker_process *worker, bool abort);
void listeners_worker_gone(struct listeners *listeners, uint32_t worker,
			   const char *reason);

/* ---- the end of the server ------------------------------------------------- */

/* All finish; manager_listener_drained() follows in any case. */
void listeners_drain(struct listeners *listeners, uint64_t limit_ms);
void listeners_end(struct listeners *listeners);
void listeners_kill(struct listeners *listeners);

/* ---- called by upgrade ----------------------------------------------------- */

/* Another process, with settings only.  NULL: err says why. */
struct listener_process *listeners_start_one(struct listeners *listeners,
					     struct portico_error *err);
/* What it has to know beside settings and sockets. */
void listeners_give_pools(struct listener_process *listener);
/* False: its end follows. */
bool listeners_open_sockets(struct listener_process *listener);
/* From now on it is the one. */
void listeners_set_serving(struct listeners *listeners,
			   struct listener_process *listener);

/* ---- called by listener_process -------------------------------------------- */

/* `generation` of its settings; 0: not said. */
void listeners_on_ready(struct listener_process *listener, uint32_t generation);
void listeners_on_attached(struct listener_process *listener, uint32_t worker);
void listeners_on_lost(struct listener_process *listener,
		       const struct control_worker_lost *message);
void listeners_on_worker_drained(struct listener_process *listener,
				 uint32_t worker);
void listeners_on_drained(struct listener_process *listener);
/* It cannot do what it should; it still runs. */
void listeners_on_failed(struct listener_process *listener,
			 const struct portico_error *err);
/* It is gone; freed after this call. */
void listeners_on_end(struct listener_process *listener, const char *how);

#endif
