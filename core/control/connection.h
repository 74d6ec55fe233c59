/* SPDX-License-Identifier: Apache-2.0
 *
 * A control connection: JSON messages with descriptors attached over a
 * SOCK_SEQPACKET Unix socket, on a libuv loop.  Used manager <-> listener,
 * manager <-> worker, listener <-> worker (the link) and by the command.
 *
 * Nothing here blocks: what the socket does not take waits in a bounded
 * queue.  A connection whose peer hangs up, sends what is no JSON object, or
 * does not read for too long is closed, once, through on_closed.  Messages
 * above 64 KiB travel in a sealed memfd; neither side notices.  From a peer that
 * is not trusted they are not taken (control_connection_distrust).
 *
 * All functions are called on the loop's thread.
 */
#ifndef CORE_CONTROL_CONNECTION_H
#define CORE_CONTROL_CONNECTION_H

#include <jansson.h>
#include <uv.h>

#include <portico/types.h>

struct control_connection;

/*
 * A message arrived.  `type` and `message` are borrowed for the call
 * (json_incref() to keep).  A descriptor is kept by taking it out of the array
 * (store -1); those left are closed after the call.  May free the connection.
 */
typedef void control_message_fn(struct control_connection *connection,
				const char *type, json_t *message, int *fds,
				size_t nfds, void *arg);

/*
 * The connection has ended: PORTICO_CLOSED (hang-up), PORTICO_PROTOCOL (not a
 * message), PORTICO_FULL (peer does not read), else a system error; `why` is a
 * phrase for the log.  Called once, never from within control_send(), never
 * after control_connection_free().  The owner frees the connection, here or
 * later.
 */
typedef void control_closed_fn(struct control_connection *connection,
			       enum portico_status status, const char *why,
			       void *arg);

/*
 * OWNERSHIP: takes `fd`; the connection is the caller's until
 * control_connection_free().  Never NULL.
 */
struct control_connection *
control_connection_new(uv_loop_t *loop, int fd, control_message_fn *on_message,
		       control_closed_fn *on_closed, void *arg);

/*
 * The peer may be hostile: it has no use for descriptors nor for messages
 * above 64 KiB, so that either ends the connection (PORTICO_PROTOCOL) before
 * it costs anything.
 */
void control_connection_distrust(struct control_connection *connection);

/* The peer says what is large, but may have been taken over: a message that
 * would become very many values ends the connection before they are made. */
void control_connection_suspect(struct control_connection *connection);

/* Reads what waits now, without a turn of the loop; the callbacks are called,
 * and may free it. */
void control_connection_read(struct control_connection *connection);

/* Closes at once what can be; messages still queued are lost.  Memory goes
 * with the next loop turn.  *connection_p becomes NULL; accepts NULL in it. */
void control_connection_free(struct control_connection **connection_p);

/* For a loop that should end although the connection is open. */
void control_connection_unref(struct control_connection *connection);

/*
 * Send.  OWNERSHIP: takes `message` (which must have "type"), also on failure;
 * the descriptors are duplicated if the message has to wait, and stay the
 * caller's.  PORTICO_CLOSED after the end; PORTICO_FULL: the queue is full and
 * the connection will end, or there is no descriptor for a duplicate;
 * PORTICO_NO_MEMORY.
 */
enum portico_status control_send(struct control_connection *connection,
				 json_t *message, const int *fds, size_t nfds);

/* After a control_send() that returned `status`: says so in err, with what the
 * system said, if it did ("... : Too many open files").  Returns the status. */
enum portico_status
control_send_failed(const struct control_connection *connection,
		    enum portico_status status, struct portico_error *err,
		    const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* True when nothing waits to be sent. */
bool control_idle(const struct control_connection *connection);

int control_connection_fd(const struct control_connection *connection);

#define CONTROL_MESSAGE_MAX 65536 /* bytes in a packet; above: memfd */
#define CONTROL_LARGE_MAX (64u << 20) /* bytes in a memfd */
#define CONTROL_VALUES_MAX 2000000 /* in a message of a suspect */
#define CONTROL_QUEUE_MAX 4096 /* messages waiting */

#endif
