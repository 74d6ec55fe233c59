/* SPDX-License-Identifier: Apache-2.0
 *
 * The bandwidth of a site: bytes per second to all its clients together, over
 * all loops.
 *
 * What is sent is paid for by time.  A response whose site is in debt waits in
 * its loop, in the order in which they came, and sends at most a tenth of a
 * second's bytes at a time, so that all get their share.
 */
#ifndef CORE_LISTENER_BANDWIDTH_H
#define CORE_LISTENER_BANDWIDTH_H

#include <stdbool.h>
#include <stdint.h>

struct listener_loop;
struct listener_request;

void bandwidth_init(struct listener_loop *loop);
void bandwidth_fini(struct listener_loop *loop);

/* The request was routed: what its output may send in one turn. */
void bandwidth_begin(struct listener_request *request);

/* Whether it may send now; if not it waits, and is flushed later. */
bool bandwidth_ready(struct listener_request *request);

/* Its output has sent something. */
void bandwidth_charge(struct listener_request *request);

#endif
