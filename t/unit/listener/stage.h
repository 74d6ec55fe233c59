/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener on a stage: it runs in a thread of the test, and the test plays
 * the manager, the workers and the clients, step by step and without sleeping.
 */
#ifndef T_UNIT_LISTENER_STAGE_H
#define T_UNIT_LISTENER_STAGE_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/channel/channel.h"
#include "core/http/request_head.h"
#include "core/listener/listener.h"

/* How long anything may take before the test fails. */
#define STAGE_TIMEOUT_MS 10000

struct stage {
	struct listener listener;
	uv_loop_t uv;
	pthread_t thread;
	int control; /* the manager's end */
	uint16_t port; /* that clients connect to */
	uint32_t next_worker;
};

/* Starts a listener with one thread.  `pool` are members of the pool "main",
 * like "\"queueLength\": 10"; `listener` those of the listener section. */
void stage_open(struct stage *stage, const char *pool, const char *listener);
void stage_close(struct stage *stage);

/* Another configuration; the sockets stay until "sockets-done". */
void stage_configure(struct stage *stage, const char *pool,
		     const char *listener);

/* Holds the loop until the descriptor is closed. */
int stage_hold(struct stage *stage);

/* Messages as the manager. */
void stage_send(struct stage *stage, json_t *message, int fd);
/* The next message of that type, others are dropped; the caller's. */
json_t *stage_await(struct stage *stage, const char *type);
/* True when no message of that type came before a query's answer did. */
bool stage_is_quiet(struct stage *stage, const char *type);
/* {"name":"main", ...} of the counters; the caller's. */
json_t *stage_counters(struct stage *stage);
json_int_t stage_counter(struct stage *stage, const char *name);
void stage_await_counter(struct stage *stage, const char *name,
			 json_int_t value);
void stage_pool_state(struct stage *stage, const char *state);

/* ---- a worker -------------------------------------------------------------- */

struct fake_worker {
	struct stage *stage;
	uint32_t id;
	int link;
	struct channel *channel;
	uint32_t next_file;
};

/* Attaches; the manager has been told. */
void fake_worker_open(struct fake_worker *worker, struct stage *stage,
		      uint32_t generation);
/* With so many loops, of which each is one of `workers`; the first has the
 * link.  All channels are of the listener's one loop. */
void fake_workers_open(struct fake_worker *workers, unsigned count,
		       struct stage *stage, uint32_t generation);
/* As if it were killed. */
void fake_worker_kill(struct fake_worker *worker);

/* The next descriptor; fails the test when none comes. */
void fake_worker_receive(struct fake_worker *worker,
			 struct channel_descriptor *descriptor_r);
/* A REQUEST, taken and started. */
void fake_worker_take(struct fake_worker *worker,
		      struct channel_descriptor *request_r);
const struct http_request_head *
fake_worker_head(struct fake_worker *worker,
		 const struct channel_descriptor *request);

/* A block with these bytes. */
struct channel_reference fake_worker_block(struct fake_worker *worker,
					   const void *data, size_t length);
/* Sends and flushes. */
void fake_worker_send(struct fake_worker *worker,
		      const struct channel_descriptor *descriptor);
/* RESPONSE with a head and the body behind it. length -1: not known. */
void fake_worker_respond(struct fake_worker *worker,
			 const struct channel_descriptor *request,
			 unsigned status, int64_t length, const char *body,
			 unsigned flags);
/* The same, but it leaves with what is sent next. */
void fake_worker_queue_response(struct fake_worker *worker,
				const struct channel_descriptor *request,
				unsigned status, int64_t length,
				const char *body, unsigned flags);
void fake_worker_end(struct fake_worker *worker,
		     const struct channel_descriptor *request, unsigned flags);

/* ---- a client ---------------------------------------------------------------- */

int client_connect(const struct stage *stage);
void client_send(int fd, const char *text);
/* Reads until `until` has come, or the end when it is NULL; NUL-terminated.
 * *reset_r (may be NULL): the end was a reset. */
const char *client_read(int fd, const char *until, bool *reset_r);

#endif
