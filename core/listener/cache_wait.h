/* SPDX-License-Identifier: Apache-2.0
 *
 * Of many requests for an answer that can be kept and is not there (any more),
 * one goes to a worker and the others wait for what becomes of it.
 *
 * Only URLs of which something was kept are waited for, so answers that cannot
 * be kept never stand in line; one that turns out to be such lets all go and
 * is not waited for again.  Bounded in number and in time: a worker that takes
 * long is waited for once.
 */
#ifndef CORE_LISTENER_CACHE_WAIT_H
#define CORE_LISTENER_CACHE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct cache_url;
struct listener_loop;
struct listener_request;

/* There is no such answer.  True: the request waits; it is taken up again by
 * cache_wait_release().  False: it goes to a worker. */
bool cache_wait(struct listener_request *request, struct cache_url *url,
		uint64_t variant_hash);

/* If others wait for this one: they go on.  `forget`: its URL is none whose
 * answers are kept. */
void cache_lead_end(struct listener_request *request, bool forget);

/* The request is about to be freed, or waits no more. */
void cache_wait_cancel(struct listener_request *request);

/* Before the loop sleeps: those that go on. */
void cache_wait_release(struct listener_loop *loop);

/* Now and then: those that have waited for long enough go on. */
void cache_wait_tick(struct listener_loop *loop);

#endif
