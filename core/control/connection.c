/* SPDX-License-Identifier: Apache-2.0
 *
 * Control connections.  One uv_poll each; writes are tried at once and queued
 * when the socket is full, so a peer that does not read costs memory up to
 * CONTROL_QUEUE_MAX messages and then its connection.
 *
 * Freeing from inside a callback is allowed: `freed` is looked at after each
 * one, the memory goes in the close callback of the poll handle.
 */
#include "core/control/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#define CONNECTION_MAGIC 0x6c31c07eu

/* The packet that stands for a message in a memfd, its last descriptor. */
#define LARGE_TYPE "large"

/* Packets read in one go before other handles of the loop get a turn. */
#define READ_BATCH 64

/* A message whose descriptors we have no room for is tried again so often. */
#define STARVED_RETRY_MS 100

struct outgoing {
	struct list link;
	char *data;
	size_t length;
	int fds[IO_MESSAGE_FDS_MAX]; /* duplicates */
	size_t nfds;
};

struct control_connection {
	unsigned magic;
	uv_poll_t poll;
	uv_timer_t retry;
	unsigned handles; /* to be closed before it is freed */
	int fd;
	bool closed; /* no more input or output */
	bool watched; /* `poll` is in use */
	bool starved; /* a message waits until we have descriptors for it */
	bool freed; /* by the owner */
	bool reported; /* on_closed was called */
	bool distrusted; /* the peer is a worker */
	bool suspected; /* ... or a listener */
	bool took_large; /* others get their turn */
	control_message_fn *on_message;
	control_closed_fn *on_closed;
	void *arg;
	struct list output; /* of struct outgoing */
	size_t output_count;
	enum portico_status end_status; /* set when a send failed */
	const char *end_why;
	int send_error; /* errno of the last control_send(), or 0 */
	char input[CONTROL_MESSAGE_MAX + 1];
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_retry(uv_timer_t *timer);
static void poll_for(struct control_connection *connection);
static void end_later(struct control_connection *connection,
		      enum portico_status status, const char *why);

struct control_connection *
control_connection_new(uv_loop_t *loop, int fd, control_message_fn *on_message,
		       control_closed_fn *on_closed, void *arg)
{
	struct control_connection *connection = mem_zalloc(sizeof *connection);
	int status;

	connection->magic = CONNECTION_MAGIC;
	connection->fd = fd;
	connection->on_message = on_message;
	connection->on_closed = on_closed;
	connection->arg = arg;
	list_init(&connection->output);
	io_set_nonblock(fd, true);
	uv_timer_init(loop, &connection->retry);
	connection->retry.data = connection->poll.data = connection;
	connection->handles = 1;
	status = uv_poll_init(loop, &connection->poll, fd);
	if (status == 0) {
		connection->watched = true;
		connection->handles++;
		poll_for(connection);
	} else {
		/* Told like every other end: later. */
		end_later(connection, status_from_errno(-status),
			  "it cannot be watched");
		uv_timer_start(&connection->retry, on_retry, 0, 0);
	}
	return connection;
}

static void
drop(struct outgoing *outgoing)
{
	list_remove(&outgoing->link);
	while (outgoing->nfds > 0)
		io_close(&outgoing->fds[--outgoing->nfds]);
	mem_free(outgoing->data);
	mem_free(outgoing);
}

static void
stop(struct control_connection *connection)
{
	if (connection->closed)
		return;
	connection->closed = true;
	if (connection->watched)
		uv_poll_stop(&connection->poll);
	uv_timer_stop(&connection->retry);
	while (!list_empty(&connection->output))
		drop(LIST_FIRST(struct outgoing, link, &connection->output));
	connection->output_count = 0;
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct control_connection *connection = handle->data;

	if (--connection->handles > 0)
		return;
	connection->magic = 0;
	mem_free(connection);
}

void
control_connection_free(struct control_connection **connection_p)
{
	struct control_connection *connection = *connection_p;

	if (connection == NULL)
		return;
	CHECK(connection, CONNECTION_MAGIC);
	ASSERT(!connection->freed);
	*connection_p = NULL;
	stop(connection);
	connection->freed = true;
	if (connection->watched)
		uv_close((uv_handle_t *)&connection->poll, on_handle_closed);
	uv_close((uv_handle_t *)&connection->retry, on_handle_closed);
	/* With what may be unread in it. */
	io_close_foreign(&connection->fd, 1);
}

void
control_connection_distrust(struct control_connection *connection)
{
	CHECK(connection, CONNECTION_MAGIC);
	connection->distrusted = true;
}

void
control_connection_suspect(struct control_connection *connection)
{
	CHECK(connection, CONNECTION_MAGIC);
	connection->suspected = true;
}

void
control_connection_unref(struct control_connection *connection)
{
	CHECK(connection, CONNECTION_MAGIC);
	if (connection->watched)
		uv_unref((uv_handle_t *)&connection->poll);
	uv_unref((uv_handle_t *)&connection->retry);
}

bool
control_idle(const struct control_connection *connection)
{
	CHECK(connection, CONNECTION_MAGIC);
	return list_empty(&connection->output);
}

int
control_connection_fd(const struct control_connection *connection)
{
	CHECK(connection, CONNECTION_MAGIC);
	return connection->fd;
}

/* The end, told to the owner unless it has freed the connection. */
static void
end(struct control_connection *connection, enum portico_status status,
    const char *why)
{
	if (connection->reported || connection->freed)
		return;
	if (connection->end_why != NULL) {
		status = connection->end_status;
		why = connection->end_why;
	}
	connection->reported = true;
	stop(connection);
	connection->on_closed(connection, status, why, connection->arg);
}

/* Remembers why sending failed and lets the poll find the end: on_closed is
 * never called from within control_send(). */
static void
end_later(struct control_connection *connection, enum portico_status status,
	  const char *why)
{
	if (connection->end_why == NULL) {
		connection->end_status = status;
		connection->end_why = why;
	}
	shutdown(connection->fd, SHUT_RDWR);
}

static void
poll_for(struct control_connection *connection)
{
	int events = UV_READABLE | UV_DISCONNECT;

	/* The message that waits keeps the socket readable, and its peer may
	 * have hung up after it. */
	if (connection->starved)
		events = 0;
	if (!list_empty(&connection->output))
		events |= UV_WRITABLE;
	if (events == 0)
		uv_poll_stop(&connection->poll);
	else
		uv_poll_start(&connection->poll, events, on_poll);
}

/* Reading pauses; nothing is lost, and the peer's queue grows instead.  After
 * sending has failed there is nobody to wait for. */
static void
starve(struct control_connection *connection)
{
	static const struct log_context context = {
		.action = "receiving a control message"
	};

	if (connection->end_why != NULL) {
		end(connection, connection->end_status, connection->end_why);
		return;
	}
	if (!connection->starved)
		log_warn(1001, &context,
			 "a message waits, there are no descriptors for what "
			 "it brings (the limit is %llu); raise LimitNOFILE of "
			 "the service, or ulimit -n",
			 (unsigned long long)io_descriptor_limit());
	connection->starved = true;
	poll_for(connection);
	uv_timer_start(&connection->retry, on_retry, STARVED_RETRY_MS, 0);
}

static void
flush(struct control_connection *connection)
{
	while (!list_empty(&connection->output)) {
		struct outgoing *first =
			LIST_FIRST(struct outgoing, link, &connection->output);
		enum portico_status status =
			io_send_message(connection->fd, first->data,
					first->length, first->fds, first->nfds);

		if (status == PORTICO_AGAIN)
			return;
		if (status != PORTICO_OK) {
			end_later(connection, status, "sending failed");
			return;
		}
		connection->output_count--;
		drop(first);
	}
	poll_for(connection);
}

/* Takes `data`.  The descriptors are duplicated. */
static enum portico_status
enqueue(struct control_connection *connection, char *data, size_t length,
	const int *fds, size_t nfds)
{
	struct outgoing *outgoing;

	if (connection->output_count >= CONTROL_QUEUE_MAX) {
		mem_free(data);
		end_later(connection, PORTICO_FULL, "the peer does not read");
		return PORTICO_FULL;
	}
	outgoing = mem_zalloc(sizeof *outgoing);
	list_init(&outgoing->link);
	outgoing->data = data;
	outgoing->length = length;
	for (; outgoing->nfds < nfds; outgoing->nfds++) {
		int copy = fcntl(fds[outgoing->nfds], F_DUPFD_CLOEXEC, 3);

		if (copy < 0) {
			connection->send_error = errno;
			drop(outgoing);
			return status_from_errno(connection->send_error);
		}
		outgoing->fds[outgoing->nfds] = copy;
	}
	list_add_tail(&connection->output, &outgoing->link);
	connection->output_count++;
	poll_for(connection);
	return PORTICO_OK;
}

/* Takes `data`. */
static enum portico_status
send_packet(struct control_connection *connection, char *data, size_t length,
	    const int *fds, size_t nfds)
{
	enum portico_status status;

	if (!list_empty(&connection->output))
		return enqueue(connection, data, length, fds, nfds);
	status = io_send_message(connection->fd, data, length, fds, nfds);
	if (status == PORTICO_AGAIN)
		return enqueue(connection, data, length, fds, nfds);
	if (status != PORTICO_OK) {
		connection->send_error = errno;
		end_later(connection, status, "the peer is gone");
	}
	mem_free(data);
	return status;
}

/* As text in our own memory; NULL when there is none. */
static char *
dump(const json_t *message, size_t *length_r)
{
	size_t length = json_dumpb(message, NULL, 0, JSON_COMPACT);
	char *text;

	if (length == 0)
		return NULL;
	text = mem_try_alloc(length);
	if (text != NULL)
		*length_r = json_dumpb(message, text, length, JSON_COMPACT);
	return text;
}

/* A message that does not fit a packet: its text in a memfd.  Takes `data`. */
static enum portico_status
send_large(struct control_connection *connection, char *data, size_t length,
	   const int *fds, size_t nfds)
{
	int all[IO_MESSAGE_FDS_MAX];
	enum portico_status status;
	struct portico_error err;
	json_t *stub;
	char *text;
	int memory;

	if (length > CONTROL_LARGE_MAX || nfds >= IO_MESSAGE_FDS_MAX) {
		mem_free(data);
		return PORTICO_TOO_LARGE;
	}
	memory = io_memfd_from("portico-message", data, length, &err);
	mem_free(data);
	if (memory < 0) {
		connection->send_error = err.os_error;
		return (enum portico_status)memory;
	}
	if (nfds > 0)
		memcpy(all, fds, nfds * sizeof *fds);
	all[nfds] = memory;
	stub = json_pack("{s:s}", "type", LARGE_TYPE);
	text = dump(stub, &length);
	json_decref(stub);
	status = text == NULL ?
			 PORTICO_NO_MEMORY :
			 send_packet(connection, text, length, all, nfds + 1);
	io_close(&memory);
	return status;
}

enum portico_status
control_send(struct control_connection *connection, json_t *message,
	     const int *fds, size_t nfds)
{
	size_t length;
	char *data;

	CHECK(connection, CONNECTION_MAGIC);
	ASSERT(nfds <= IO_MESSAGE_FDS_MAX);
	connection->send_error = 0;
	if (message == NULL)
		return PORTICO_NO_MEMORY;
	if (connection->closed || connection->end_why != NULL) {
		json_decref(message);
		return PORTICO_CLOSED;
	}
	ASSERT(json_is_string(json_object_get(message, "type")));
	data = dump(message, &length);
	json_decref(message);
	if (data == NULL)
		return PORTICO_NO_MEMORY;
	if (length > CONTROL_MESSAGE_MAX)
		return send_large(connection, data, length, fds, nfds);
	return send_packet(connection, data, length, fds, nfds);
}

enum portico_status
control_send_failed(const struct control_connection *connection,
		    enum portico_status status, struct portico_error *err,
		    const char *format, ...)
{
	char text[256];
	va_list arguments;

	CHECK(connection, CONNECTION_MAGIC);
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (connection->send_error != 0)
		return error_os(err, connection->send_error, "%s", text);
	return error_set(err, status, "%s: %s", text, status_text(status));
}

/* ---- receiving ----------------------------------------------------------- */

/* At least as many as there are in the text. */
static size_t
count_values(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return count;
}

/* The message that a stub stands for, or NULL. */
static json_t *
load_large(struct control_connection *connection, int *fds, size_t *nfds)
{
	json_t *message = NULL;
	struct buffer text;

	if (*nfds == 0)
		return NULL;
	connection->took_large = true;
	buffer_init(&text, CONTROL_LARGE_MAX);
	if (io_memfd_read(fds[*nfds - 1], CONTROL_LARGE_MAX, &text, NULL) ==
		    PORTICO_OK &&
	    (!connection->suspected ||
	     count_values(text.data, text.length) <= CONTROL_VALUES_MAX))
		message = json_loadb(text.data, text.length,
				     JSON_REJECT_DUPLICATES, NULL);
	buffer_fini(&text);
	io_close_foreign(&fds[--*nfds], 1);
	return message;
}

/* NULL, or why it is no message. */
static const char *
dispatch(struct control_connection *connection, size_t length, int *fds,
	 size_t nfds)
{
	json_t *message;
	const char *type;

	if (connection->distrusted && nfds > 0)
		return "the peer sent descriptors";
	message = json_loadb(connection->input, length, JSON_REJECT_DUPLICATES,
			     NULL);
	type = json_string_value(json_object_get(message, "type"));
	if (type != NULL && strcmp(type, LARGE_TYPE) == 0 &&
	    !connection->distrusted) {
		json_t *large = load_large(connection, fds, &nfds);

		json_decref(message);
		message = large;
		type = json_string_value(json_object_get(message, "type"));
	}
	if (type != NULL && strcmp(type, LARGE_TYPE) == 0)
		type = NULL;
	if (type != NULL)
		connection->on_message(connection, type, message, fds, nfds,
				       connection->arg);
	json_decref(message);
	return type != NULL ? NULL : "the peer sent what is not a message";
}

/* What io_recv_message() says instead of a length. */
static void
receive_failed(struct control_connection *connection, ssize_t got)
{
	if (got == 0 || got == PORTICO_CLOSED)
		end(connection, PORTICO_CLOSED, "the peer has closed");
	else if (got == PORTICO_FULL)
		end(connection, PORTICO_PROTOCOL, "the peer sent descriptors");
	else if (got == PORTICO_TOO_LARGE)
		end(connection,
		    connection->distrusted ? PORTICO_PROTOCOL :
					     PORTICO_TOO_LARGE,
		    "a message is too large");
	else
		end(connection, (enum portico_status)got, "receiving failed");
}

/* Reads what is there; stops when the connection ended or was freed. */
static void
receive(struct control_connection *connection)
{
	connection->took_large = false;
	for (int i = 0; i < READ_BATCH && !connection->took_large; i++) {
		int fds[IO_MESSAGE_FDS_MAX];
		size_t nfds = IO_MESSAGE_FDS_MAX;
		const char *fault;
		ssize_t got;

		if (connection->closed)
			return;
		got = io_recv_message(connection->fd, connection->input,
				      sizeof connection->input, fds, &nfds);
		if (got == PORTICO_AGAIN)
			break;
		if (got == PORTICO_FULL && !connection->distrusted) {
			starve(connection);
			return;
		}
		if (got <= 0) {
			receive_failed(connection, got);
			return;
		}
		fault = dispatch(connection, (size_t)got, fds, nfds);
		io_close_foreign(fds, nfds);
		if (fault != NULL) {
			end(connection, PORTICO_PROTOCOL, fault);
			return;
		}
	}
	if (connection->starved && !connection->closed) {
		connection->starved = false;
		poll_for(connection);
	}
}

void
control_connection_read(struct control_connection *connection)
{
	CHECK(connection, CONNECTION_MAGIC);
	if (connection->watched && !connection->starved)
		receive(connection);
}

static void
on_retry(uv_timer_t *timer)
{
	struct control_connection *connection = timer->data;

	CHECK(connection, CONNECTION_MAGIC);
	if (connection->watched)
		receive(connection);
	else
		end(connection, PORTICO_CLOSED, "it cannot be watched");
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct control_connection *connection = poll->data;

	CHECK(connection, CONNECTION_MAGIC);
	if (status < 0) {
		/* EPOLLERR: the peer died with something of ours unread. */
		receive(connection);
		if (!connection->closed)
			end(connection, PORTICO_CLOSED, "the peer is gone");
		return;
	}
	/* Input first: what the peer said before it closed still counts. */
	if ((events & (UV_READABLE | UV_DISCONNECT)) != 0)
		receive(connection);
	if (!connection->closed && (events & UV_WRITABLE) != 0)
		flush(connection);
	/* Nothing that is read would find the end: poll_for(). */
	if (connection->starved && connection->end_why != NULL)
		end(connection, connection->end_status, connection->end_why);
}
