/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets of one loop.  The manager opened them; the loop accepts in
 * batches and pauses when the process runs out of descriptors, or connections
 * would take what is kept for other things.
 */
#ifndef CORE_LISTENER_ACCEPT_H
#define CORE_LISTENER_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/list.h"

struct listener_loop;

struct acceptor {
	unsigned magic;
	struct listener_loop *loop;
	struct list link; /* in loop.acceptors */
	int fd;
	uint16_t route_port; /* as configured: what routes are found by */
	bool tls;
	bool tcp;
	bool paused;
	unsigned handles; /* to be closed before it is freed */
	unsigned mark; /* the configuration that named it last */
	char *address;
	/* See settings_binding; in the settings of the loop's snapshot. */
	const struct settings_network *proxies;
	size_t proxy_count;
	uint16_t real_port;
	uv_poll_t poll;
	uv_timer_t resume;
};

/* Loop's thread.  OWNERSHIP: takes `fd`. */
void acceptor_open(struct listener_loop *loop, int fd, const char *address,
		   uint16_t port, uint16_t real_port, bool tls, unsigned mark);

/* The loop has another snapshot: what it says of sockets. */
void acceptor_configure(struct listener_loop *loop);

/* Those of an older configuration; all of them for mark 0. */
void acceptor_close_others(struct listener_loop *loop, unsigned mark);

/* A connection's descriptor was closed: those that pause may go on. */
void acceptor_descriptor_closed(struct listener_loop *loop);

#endif
