/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: every message of porticod that has a number (events.h).  They are
 * kept in a ring that outlives this process (event_ring.h), handed on as
 * configured (event_sink.h), and told to whoever asks (`portico events`).
 * What workers and the listener write to their logs is none: a worker that was
 * taken over could push out what the ring has to say about it.
 */
#ifndef CORE_ACTIVATION_EVENT_LOG_H
#define CORE_ACTIVATION_EVENT_LOG_H

#include <jansson.h>
#include <uv.h>

struct control_connection;
struct event_log;
struct settings;

/*
 * Observes the log from now on, until event_log_close().  A ring that cannot
 * be opened is itself said in the log; events are handed on all the same.
 */
struct event_log *event_log_open(uv_loop_t *loop,
				 const struct settings *settings);
void event_log_configure(struct event_log *log,
			 const struct settings *settings);
/* The memory goes with the loop's next turn.  Accepts NULL in *log_p. */
void event_log_close(struct event_log **log_p);

/*
 * Answers a request: those after the sequence "after", or since the time
 * "since" (RFC 3339 in UTC, or the beginning of one), or all; at most a page,
 * oldest first.  With "wait" the answer comes when there is one.
 */
void event_log_ask(struct event_log *log, struct control_connection *client,
		   const json_t *request);
/* The client has gone. */
void event_log_forget(struct event_log *log,
		      const struct control_connection *client);

/* Kept or handed on: {"next": .., "lost": .., "notHandedOn": ..}. */
json_t *event_log_to_json(const struct event_log *log);

#endif
