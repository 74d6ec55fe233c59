/* SPDX-License-Identifier: Apache-2.0
 *
 * The four deadlines of a request.  Each is stamped once, when the head is
 * complete, and nothing moves it afterwards: no replay, no revocation, no new
 * configuration.
 *
 *   queueTimeout         until a worker takes it
 *   activationTimeout    the same, and no worker of the pool is there at all
 *   executionTimeout     until the worker has said the last of its response
 *   responseIdleTimeout  a span: the worker has the next word and is silent
 *
 * One timer of the loop is set to the earliest of them; nobody is looked at
 * before.
 */
#ifndef CORE_LISTENER_DEADLINE_H
#define CORE_LISTENER_DEADLINE_H

#include <stdint.h>

struct listener_loop;
struct listener_request;

void deadline_init(struct listener_loop *loop);

/* Before anything else can happen to the request. */
void deadline_stamp(struct listener_request *request);

/* It was queued, or given to a worker: other deadlines count from now on. */
void deadline_watch(struct listener_request *request);

/* Look at all requests, and at connections' time-outs, at that time (ns,
 * monotonic) or before. */
void deadline_look_at(struct listener_loop *loop, uint64_t time);

#endif
