/* SPDX-License-Identifier: Apache-2.0
 *
 * Session affinity: the requests of a client go to the same worker of a pool
 * with several (settings: affinity).
 *
 * By cookie: its value is the worker's name, 128 random bits that porticod
 * gave it, so that nobody can name a worker, of this pool or another, whose
 * cookie he was not given, and every listener knows them.  By address: each
 * worker gets its share by rendezvous hashing, so that only the clients of a
 * worker that goes move to others.  A worker that has no room, or drains, or
 * is gone, is as none: dispatch chooses another, and a client whose worker is
 * gone gets a new cookie.
 */
#ifndef CORE_LISTENER_AFFINITY_H
#define CORE_LISTENER_AFFINITY_H

#include <stdint.h>

#include <portico/types.h>

struct listener_request;
struct loop_pool;

#define AFFINITY_COOKIE_NAME "PorticoAffinity"
/* The value of a Set-Cookie field with path and attributes. */
#define AFFINITY_COOKIE_BYTES 512

/* Id of the worker that the request is for; 0: any.  Remembers in the request
 * what its cookie names. */
uint32_t affinity_find(const struct loop_pool *pool,
		       struct listener_request *request);

/* What the response has to set, written into `text`; empty: nothing. */
struct portico_slice affinity_cookie(const struct listener_request *request,
				     char text[AFFINITY_COOKIE_BYTES]);

#endif
