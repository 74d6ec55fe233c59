/* SPDX-License-Identifier: Apache-2.0
 *
 * Which worker gets which request: a push, bounded by the slots that each
 * channel has.  A worker that a client is bound to comes first (affinity.h),
 * then the newest generation, and in it the channel with
 * the fewest requests.  Where no worker has room, requests wait in order.
 */
#ifndef CORE_LISTENER_DISPATCH_H
#define CORE_LISTENER_DISPATCH_H

#include <portico/types.h>

#include "core/http/url.h"

struct listener_request;
struct loop_pool;

/* The path that all others see; it lies in the loop's scratch until the next
 * call.  For "*" the path is that and the URL is empty. */
enum http_reason dispatch_cook(struct listener_request *request,
			       struct portico_slice *path_r,
			       struct http_url *url_r);

/* A new request: to a worker at once, into the queue, or refused. */
void dispatch_submit(struct listener_request *request,
		     struct portico_slice path, const struct http_url *url);

/* Room may be there: hand over what waits. */
void dispatch_pump(struct loop_pool *pool);

/* A worker is lost: to the front of the queue, oldest first, then pump. */
void dispatch_return(struct loop_pool *pool, struct listener_request **requests,
		     unsigned count);

/* The pool's state has changed: what waits may have to be refused. */
void dispatch_state_changed(struct loop_pool *pool);

#endif
