/* SPDX-License-Identifier: Apache-2.0
 *
 * One listener process as the manager sees it, from fork to exit: what it was
 * given, what it has said.  Which one serves, and what follows when one ends,
 * is decided in listeners.c.
 *
 *	STARTING -> OPENING -> SERVING -> DRAINING -> ENDING -> (gone)
 *
 * It may leave every state by dying.
 */
#ifndef CORE_ACTIVATION_LISTENER_PROCESS_H
#define CORE_ACTIVATION_LISTENER_PROCESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/activation/process.h"
#include "core/base/list.h"

struct control_connection;
struct manager;
struct pool;
struct worker_process;

enum listener_process_state {
	LISTENER_PROCESS_STARTING, /* has settings and workers, no socket */
	LISTENER_PROCESS_OPENING, /* was given the sockets */
	LISTENER_PROCESS_SERVING, /* has said that it serves on them */
	LISTENER_PROCESS_DRAINING, /* accepts no more, finishes */
	LISTENER_PROCESS_ENDING, /* of no use any more; about to be gone */
};

/* A worker that it was given. */
enum listener_member {
	LISTENER_MEMBER_NONE, /* not given, or ended */
	LISTENER_MEMBER_GIVEN,
	LISTENER_MEMBER_ATTACHED, /* gets requests */
	LISTENER_MEMBER_DRAINED, /* none is left with it */
	LISTENER_MEMBER_LOST, /* the link is broken */
};

struct listener_process {
	unsigned magic;
	struct list link; /* in listeners.all */
	struct manager *manager;
	uint32_t number; /* counts listeners */
	enum listener_process_state state;
	struct process *process;
	struct control_connection *control; /* NULL: it has hung up */
	uv_timer_t timer; /* limit of the start, of draining, of its end */
	uint64_t started_ns; /* monotonic */
	uint64_t drain_until_ns; /* monotonic */
	uint32_t confirmed; /* generation of the settings that it has */
	struct list members; /* of struct member */
	bool asked_again; /* TAKEOVER_QUERY, and it has not answered yet */
	unsigned aborted; /* requests that it cut when it had drained */
	char failure[256]; /* why we ended it; "" */
	char complaint[256]; /* the first line it wrote that is none of a log:
				usually why it could not start; "" */
};

/*
 * Forks, sends the settings, watches the time limit of its start.  A program
 * that cannot run shows later, as an end.  NULL: err says why.
 * OWNERSHIP: the caller's until listener_process_free().
 */
struct listener_process *listener_process_start(struct manager *manager,
						uint32_t number,
						struct portico_error *err);
/* One that another porticod has started (takeover.h). */
struct listener_adoption {
	struct process_adoption process;
	int control; /* or -1 */
	uint32_t number;
	enum listener_process_state state;
	uint64_t started_ns, drain_until_ns;
	unsigned aborted;
	const json_t *members; /* listener_process_members() of it */
};

/* It is asked to say again what it has said.  OWNERSHIP: takes the
 * descriptors, also when it fails; the result as above. */
struct listener_process *
listener_process_adopt(struct manager *manager,
		       const struct listener_adoption *from,
		       struct portico_error *err);

/* Pairs of a worker and enum listener_member.  OWNERSHIP: the caller's. */
json_t *listener_process_members(const struct listener_process *listener);
/* Another number when they are others. */
uint64_t
listener_process_members_stamp(const struct listener_process *listener);

/* A process that still runs is left alone. *listener_p becomes NULL. */
void listener_process_free(struct listener_process **listener_p);

/* The manager's settings, again at a reload; `memory` is what
 * settings_to_memfd() made of them, and stays the caller's. */
enum portico_status
listener_process_configure(struct listener_process *listener, int memory,
			   struct portico_error *err);

/* The manager's sockets: it accepts from now on, and says so.  One that drains
 * gets none, and says that it has the settings. */
enum portico_status listener_process_open(struct listener_process *listener,
					  struct portico_error *err);

/* Its end of a link to a worker, borrowed.  PORTICO_CLOSED: it is ending. */
enum portico_status
listener_process_add_worker(struct listener_process *listener,
			    const struct worker_process *worker, int fd,
			    struct portico_error *err);
/* No more requests for it, or again. */
void listener_process_pause_worker(struct listener_process *listener,
				   const struct worker_process *worker,
				   bool pause);
void listener_process_drain_worker(struct listener_process *listener,
				   uint32_t worker, bool abort);
void listener_process_worker_gone(struct listener_process *listener,
				  uint32_t worker, const char *reason);
void listener_process_site_state(struct listener_process *listener,
				 const char *site, bool stopped);
void listener_process_pool_state(struct listener_process *listener,
				 const struct pool *pool);

enum listener_member
listener_process_member(const struct listener_process *listener,
			uint32_t worker);

/* Stop accepting, finish within `limit_ms`; connections without a request stay
 * open for `idle_ms`.  listeners_on_drained() follows, or its end. */
void listener_process_drain(struct listener_process *listener,
			    uint64_t limit_ms, uint64_t idle_ms);
/* SIGTERM, later SIGKILL. */
void listener_process_end(struct listener_process *listener);
/* `why` NULL: the server ends. */
void listener_process_kill(struct listener_process *listener, const char *why);

/* A question; the answer comes to figures_on_reply().  False: it cannot be
 * asked now. */
bool listener_process_ask(struct listener_process *listener, uint32_t id,
			  const char *what);

const char *listener_process_state_name(enum listener_process_state state);
int listener_process_pid(const struct listener_process *listener);

/* {"number","pid","state","uptimeMs","limitMs"}: what is left of draining. */
json_t *listener_process_to_json(const struct listener_process *listener);

#endif
