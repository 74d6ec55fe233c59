/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that ask the system's resolver: made when there is something to
 * ask, gone when there is not.  libuv's pool is not used, since slow names
 * would fill it, nor are those of offloaded work: a thread inside getaddrinfo()
 * cannot be stopped, and the end of the worker must not wait for it.
 */
#ifndef CORE_WORKER_RESOLVER_H
#define CORE_WORKER_RESOLVER_H

#include <netdb.h>
#include <portico/types.h>

#include "core/base/list.h"
#include "core/worker/loop.h"

/* One question.  The heap's; belongs to the resolver until `done` runs. */
struct resolver_job {
	struct list link;
	struct loop_message message;
	struct worker_loop *loop; /* where `done` runs; NULL: the main loop */
	void (*done)(struct resolver_job *job);
	void *owner; /* NULL: nobody wants to know; then `done` never runs */
	int code; /* of getaddrinfo() */
	struct addrinfo *found;
	char name[256], service[8];
};

/*
 * On the job's loop.  PORTICO_FULL, PORTICO_SYSTEM: the job stays the
 * caller's.
 */
enum portico_status resolver_ask(struct resolver_job *job);

/* On the job's loop, before `done`: it is given up. */
void resolver_forget(struct resolver_job *job);

void resolver_job_free(struct resolver_job *job);

#endif
