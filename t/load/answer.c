/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an answer byte for byte against what the request's target says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "t/load/client.h"
#include "t/load/pattern.h"

/* ---- reading: the head ---------------------------------------------------------------- */

static void
field(struct load_connection *connection, const char *name, const char *value)
{
	if (strcasecmp(name, "Content-Length") == 0) {
		connection->part = PART_SIZED;
		connection->left = strtoull(value, NULL, 10);
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		connection->chunked = strcasecmp(value, "chunked") == 0;
	} else if (strcasecmp(name, "Connection") == 0) {
		if (strcasecmp(value, "close") == 0)
			connection->close_after = true;
	} else if (strcasecmp(name, "X-Seed") == 0) {
		connection->seed_seen = true;
		if (strtoull(value, NULL, 10) != connection->seed)
			connection_wrong(connection,
					 "the answer to another request");
	}
}

/* The head is in `line`, without its last empty line.  False: it is none. */
static bool
take_head(struct load_connection *connection)
{
	char *at = connection->line, *end;
	unsigned status;

	if (strncmp(at, "HTTP/1.1 ", 9) != 0)
		return false;
	status = (unsigned)strtoul(at + 9, NULL, 10);
	if (status < 100 || status > 599)
		return false;
	connection->status = status;
	connection->part = PART_TO_CLOSE;
	connection->chunked = false;
	connection->left = 0;
	for (at = strstr(at, "\r\n"); at != NULL; at = end) {
		char *colon;

		at += 2;
		end = strstr(at, "\r\n");
		if (end != NULL)
			*end = '\0';
		if (*at == '\0')
			break;
		colon = strstr(at, ": ");
		if (colon == NULL)
			return false;
		*colon = '\0';
		field(connection, at, colon + 2);
	}
	if (connection->chunked)
		connection->part = PART_CHUNK_LINE;
	connection->line_length = 0;
	if (status == 100)
		connection->part = PART_HEAD;
	return true;
}

/* Gathers bytes up to and with `end`; NULL: not all of it is here.  Otherwise
 * where the rest begins, and `line` is a text without `end`. */
static const char *
gather(struct load_connection *connection, const char *data, const char *stop,
       const char *end)
{
	size_t length = strlen(end);

	while (data < stop && connection->line_length < LINE_BYTES - 1) {
		connection->line[connection->line_length++] = *data++;
		if (connection->line_length >= length &&
		    memcmp(connection->line + connection->line_length - length,
			   end, length) == 0) {
			connection->line[connection->line_length - length] =
				'\0';
			return data;
		}
	}
	return NULL;
}

/* ---- reading: the body ------------------------------------------------------------------ */

/* The answer is here.  False: the connection was closed. */
static bool
complete(struct load_connection *connection, uint64_t now)
{
	char target[100];

	tally.statuses[connection->status]++;
	if (connection->status != 200) {
		char status[8];

		tally.failed++;
		snprintf(status, sizeof(status), "%u", connection->status);
		connection_note_failure(connection, status);
		connection_journal(connection, "failed");
		tally_complain("%s: status %u",
			       connection_target(connection, target,
						 sizeof(target)),
			       connection->status);
	} else {
		if (connection->received != connection->response_bytes)
			connection_wrong(connection, "the body ends");
		if (!connection->seed_seen && connection->kind != KIND_FILE)
			connection_wrong(connection, "no X-Seed");
		if (connection->wrong)
			tally.wrong++;
		else
			tally.good++;
		connection_journal(connection,
				   connection->wrong ? "wrong" : "good");
		tally_latency(now - connection->began);
	}
	connection->answered_once = true;
	if (connection->close_after || connection_sends(connection) ||
	    (options.requests_per_connection > 0 &&
	     connection->requests >= options.requests_per_connection)) {
		connection_shut(connection, false);
		connection->due = now;
		return false;
	}
	connection->state = STATE_IDLE;
	return true;
}

static void
take_body(struct load_connection *connection, const char *data, size_t length)
{
	uint64_t at = connection->received;

	tally.bytes += length;
	if (connection->status == 200) {
		if (at + length > connection->response_bytes)
			connection_wrong(connection, "too many bytes");
		else if (connection->kind == KIND_PATTERN ||
			 connection->kind == KIND_FILE) {
			if (!pattern_is_right(data, length, connection->seed,
					      at))
				connection_wrong(connection, "a wrong byte");
		} else if (memcmp(connection->answer + at, data, length) != 0) {
			connection_wrong(connection, "another answer");
		}
	}
	connection->received += length;
}

/* Up to `left` bytes of body; where the rest begins. */
static const char *
take_left(struct load_connection *connection, const char *data,
	  const char *stop)
{
	size_t length = (size_t)(stop - data);

	if (length > connection->left)
		length = (size_t)connection->left;
	take_body(connection, data, length);
	connection->left -= length;
	return data + length;
}

/* A line of chunked framing.  NULL: wait for more; *bad_r: it is none. */
static const char *
take_line(struct load_connection *connection, const char *data,
	  const char *stop, bool *done_r, bool *bad_r)
{
	char *end;

	data = gather(connection, data, stop, "\r\n");
	*bad_r = data == NULL && connection->line_length == LINE_BYTES - 1;
	if (data == NULL)
		return NULL;
	connection->line_length = 0;
	switch (connection->part) {
	case PART_CHUNK_LINE:
		connection->left = strtoull(connection->line, &end, 16);
		*bad_r = end == connection->line || *end != '\0';
		connection->part = connection->left > 0 ? PART_CHUNK :
							  PART_TRAILER;
		break;
	case PART_CHUNK_END:
		*bad_r = connection->line[0] != '\0';
		connection->part = PART_CHUNK_LINE;
		break;
	default:
		*done_r = connection->line[0] == '\0';
		break;
	}
	return data;
}

/* One step.  NULL: all was taken; *done_r: the answer is complete. */
static const char *
step(struct load_connection *connection, const char *data, const char *stop,
     bool *done_r, bool *bad_r)
{
	switch (connection->part) {
	case PART_HEAD:
		data = gather(connection, data, stop, "\r\n\r\n");
		*bad_r = data == NULL ?
				 connection->line_length == LINE_BYTES - 1 :
				 !take_head(connection);
		*done_r = data != NULL && connection->part == PART_SIZED &&
			  connection->left == 0;
		return data;
	case PART_SIZED:
		data = take_left(connection, data, stop);
		*done_r = connection->left == 0;
		return data;
	case PART_CHUNK:
		data = take_left(connection, data, stop);
		if (connection->left == 0)
			connection->part = PART_CHUNK_END;
		return data;
	case PART_TO_CLOSE:
		take_body(connection, data, (size_t)(stop - data));
		return stop;
	case PART_CHUNK_LINE:
	case PART_CHUNK_END:
	case PART_TRAILER:
		return take_line(connection, data, stop, done_r, bad_r);
	}
	return NULL;
}

static void
take(struct load_connection *connection, const char *data, size_t length,
     uint64_t now)
{
	const char *stop = data + length;

	while (data != NULL && data < stop) {
		bool done = false, bad = false;

		if (connection->state != STATE_BUSY) {
			connection_wrong(connection, "bytes after the answer");
			tally.wrong++;
			connection_shut(connection, false);
			return;
		}
		data = step(connection, data, stop, &done, &bad);
		if (bad) {
			tally.wrong++;
			connection_fail(connection, "malformed answer");
			return;
		}
		if (done && !complete(connection, now))
			return;
	}
}

static void
at_end(struct load_connection *connection, uint64_t now)
{
	if (connection->state != STATE_BUSY) {
		tally.closed++;
		connection_shut(connection, false);
		connection->due = now;
	} else if (connection->part == PART_TO_CLOSE) {
		connection->close_after = true;
		(void)complete(connection, now);
	} else {
		connection_fail(connection, "the connection was closed");
	}
}

void
connection_receive(struct load_connection *connection, size_t most,
		   uint64_t now)
{
	ssize_t got;

	if (connection->state == STATE_BUSY && connection_leaves(connection))
		return;
	if (most > sizeof(load_scratch))
		most = sizeof(load_scratch);
	if (connection->state == STATE_BUSY)
		most = connection_up_to_leaving(connection, most);
	got = recv(connection->fd, load_scratch, most, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0 && connection->state == STATE_BUSY) {
		connection_fail(connection, strerror(errno));
		return;
	}
	if (got <= 0) {
		at_end(connection, now);
		return;
	}
	connection->moved = now;
	connection->transferred += (uint64_t)got;
	take(connection, load_scratch, (size_t)got, now);
}
