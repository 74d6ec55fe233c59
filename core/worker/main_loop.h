/* SPDX-License-Identifier: Apache-2.0
 *
 * The main thread's loop, for services that work without a request: calls,
 * lookups, timers, child processes.  There is one in a worker that serves, and
 * none in a process that only looks at modules or in most unit tests.
 */
#ifndef CORE_WORKER_MAIN_LOOP_H
#define CORE_WORKER_MAIN_LOOP_H

#include <stdbool.h>
#include <uv.h>

struct client_engine;
struct list;
struct loop_message;
struct mailbox;
struct worker_loop;

/* A loop of this process, by what services need of it. */
struct service_loop {
	uv_loop_t *uv;
	struct worker_loop *loop; /* NULL: the main loop */
	struct client_engine **client; /* made at first use */
	struct list *lookups; /* that were begun here */
	bool closing; /* nothing may be begun any more */
};

/* The main thread; both must outlive it. */
void main_loop_open(uv_loop_t *uv, struct mailbox *mailbox);

/* Stops what runs there for modules and tells them; before worker_fini. */
void main_loop_stop(void);

/* Its mailbox is about to be closed. */
void main_loop_close(void);

/* Is this its thread? */
bool main_loop_is_here(void);

/* NULL: there is none.  Main thread. */
uv_loop_t *main_loop_uv(void);

/* Any thread.  False: there is none. */
bool main_loop_post(struct loop_message *message);

/* The loop of this thread; false: it has none (offloaded work). */
bool service_loop_here(struct service_loop *here_r);

#endif
