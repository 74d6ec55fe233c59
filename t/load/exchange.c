/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of load-client: opening, asking, sending, leaving.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "t/load/client.h"
#include "t/load/pattern.h"

/* Before a failed connection is opened again. */
#define RETRY_NS UINT64_C(10000000)

char load_scratch[LOAD_SCRATCH_BYTES];
static uint64_t random_state;
static uint64_t next_id;

uint64_t
load_random(uint64_t below)
{
	if (random_state == 0)
		random_state = options.seed * 2 + 1;
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below == 0 ? 0 : (random_state >> 11) % below;
}

/* ---- opening and closing ------------------------------------------------------- */

bool
connection_open(struct load_connection *connection, uint64_t now)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(options.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, size = options.receive_buffer;
	int segment = options.max_segment;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connection->due = now + RETRY_NS;
	if (fd < 0) {
		tally.failed++;
		connection_note_failure(connection, "connect");
		tally_complain("socket: %s", strerror(errno));
		return false;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (size > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (segment > 0)
		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment,
			   sizeof(segment));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
	    errno != EINPROGRESS) {
		tally.failed++;
		connection_note_failure(connection, "connect");
		tally_complain("connect: %s", strerror(errno));
		close(fd);
		return false;
	}
	connection->fd = fd;
	connection->events = 0;
	connection->state = STATE_CONNECTING;
	connection->requests = 0;
	connection->moved = now;
	tally.opened++;
	return true;
}

void
connection_shut(struct load_connection *connection, bool reset)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now,
			   sizeof(now));
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	connection->state = STATE_CLOSED;
	connection->due = clock_monotonic_ns() + RETRY_NS;
}

void
connection_journal(const struct load_connection *connection, const char *what)
{
	if (connection->kind == KIND_POST && options.journal != NULL)
		fprintf(options.journal, "%s-%" PRIu64 " %s\n", options.name,
			connection->id, what);
}

const char *
connection_target(const struct load_connection *connection, char *text,
		  size_t size)
{
	const char *begin = strchr(connection->head, ' ');
	size_t length;

	if (begin == NULL)
		return "?";
	length = strcspn(++begin, " ");
	snprintf(text, size, "%.*s", (int)length, begin);
	return text;
}

void
connection_note_failure(const struct load_connection *connection,
			const char *how)
{
	char target[100];
	double now = (double)clock_realtime_ns() / 1e9;
	double took =
		connection->state == STATE_BUSY ?
			(double)(clock_monotonic_ns() - connection->began) /
				1e9 :
			0;

	if (options.failures == NULL)
		return;
	fprintf(options.failures, "%.6f %.6f %s %.*s %s %u\n", now - took, now,
		how, (int)strcspn(connection->head, " "), connection->head,
		connection_target(connection, target, sizeof(target)),
		connection->requests);
	fflush(options.failures);
}

void
connection_fail(struct load_connection *connection, const char *why)
{
	char target[100];

	tally.failed++;
	if (connection->state != STATE_BUSY)
		connection_note_failure(connection, "connect");
	else if (connection->part == PART_HEAD && connection->line_length == 0)
		connection_note_failure(connection, "none");
	else
		connection_note_failure(connection, "cut");
	if (connection->state == STATE_BUSY) {
		connection_journal(connection, "failed");
		if (connection->requests > 1 && connection->received == 0 &&
		    connection->part == PART_HEAD &&
		    connection->line_length == 0)
			tally.stale++;
		tally_complain("%s: %s (request %u of its connection, %" PRIu64
			       " bytes of body had come)",
			       connection_target(connection, target,
						 sizeof(target)),
			       why, connection->requests, connection->received);
	} else {
		tally_complain("%s", why);
	}
	connection_shut(connection, false);
}

void
connection_wrong(struct load_connection *connection, const char *why)
{
	char target[100];

	if (connection->wrong)
		return;
	connection->wrong = true;
	tally_complain("%s: %s at byte %" PRIu64,
		       connection_target(connection, target, sizeof(target)),
		       why, connection->received);
}

/* As told: gone in the middle, one way or the other. */
static void
leave(struct load_connection *connection)
{
	tally.left++;
	connection_journal(connection, "left");
	connection_shut(connection, load_random(2) == 0);
}

/* ---- asking ---------------------------------------------------------------------- */

static enum load_kind
choose_kind(void)
{
	unsigned all = 0;
	uint64_t chosen;

	for (unsigned i = 0; i < KINDS; i++)
		all += options.weights[i];
	chosen = load_random(all);
	for (unsigned i = 0; i < KINDS; i++) {
		if (chosen < options.weights[i])
			return (enum load_kind)i;
		chosen -= options.weights[i];
	}
	return KIND_PATTERN;
}

/* Small ones are as likely as large ones: the exponent is chosen evenly. */
static uint64_t
choose_bytes(void)
{
	uint64_t range = options.bytes_max - options.bytes_min;
	unsigned bits = 64u - (unsigned)__builtin_clzll(range | 1);
	uint64_t limit = UINT64_C(1) << load_random(bits + 1);

	return options.bytes_min +
	       load_random((limit < range ? limit : range) + 1);
}

static void
write_get(struct load_connection *connection, uint64_t bytes)
{
	uint64_t ms = load_random(options.delay_ms + 1);

	connection->response_bytes = bytes;
	connection->head_length = (uint64_t)snprintf(
		connection->head, sizeof(connection->head),
		"GET %s/pattern?seed=%" PRIu64 "&bytes=%" PRIu64
		"&sized=%" PRIu64 "&ms=%" PRIu64
		" HTTP/1.1\r\nHost: load\r\n\r\n",
		options.prefix, connection->seed, bytes, load_random(2), ms);
}

static void
write_get_file(struct load_connection *connection)
{
	const struct load_file *file =
		&options.files[load_random(options.file_count)];

	connection->seed = file->seed;
	connection->response_bytes = file->bytes;
	connection->head_length = (uint64_t)snprintf(
		connection->head, sizeof(connection->head),
		"GET %s/%" PRIu64 "-%" PRIu64 " HTTP/1.1\r\nHost: load\r\n\r\n",
		options.files_prefix, file->seed, file->bytes);
}

static void
write_store(struct load_connection *connection, uint64_t bytes)
{
	bool post = connection->kind == KIND_POST;
	char id[80] = "";

	connection->id = ++next_id;
	if (post)
		snprintf(id, sizeof(id), "&id=%s-%" PRIu64, options.name,
			 connection->id);
	connection->body_length = bytes;
	connection->response_bytes = (uint64_t)snprintf(
		connection->answer, sizeof(connection->answer),
		"right %" PRIu64 "\n", bytes);
	connection->head_length = (uint64_t)snprintf(
		connection->head, sizeof(connection->head),
		"%s %s/store?seed=%" PRIu64 "&bytes=%" PRIu64 "&ms=%" PRIu64
		"%s HTTP/1.1\r\nHost: load\r\nContent-Length: %" PRIu64
		"\r\n\r\n",
		post ? "POST" : "PUT", options.prefix, connection->seed, bytes,
		load_random(options.delay_ms + 1), id, bytes);
}

void
connection_ask(struct load_connection *connection, uint64_t now)
{
	uint64_t bytes = choose_bytes();

	connection->state = STATE_BUSY;
	connection->requests++;
	connection->began = connection->moved = now;
	connection->kind = choose_kind();
	connection->seed = load_random(UINT64_C(1) << 40);
	connection->body_length = connection->sent = 0;
	connection->transferred = connection->received = 0;
	connection->part = PART_HEAD;
	connection->line_length = 0;
	connection->wrong = connection->seed_seen = false;
	connection->close_after = false;
	switch (connection->kind) {
	case KIND_FILE:
		write_get_file(connection);
		break;
	case KIND_STORE:
	case KIND_POST:
		write_store(connection, bytes);
		break;
	case KIND_PATTERN:
	case KINDS:
		write_get(connection, bytes);
		break;
	}
	connection->leave_after = UINT64_MAX;
	if (load_random(1000) < options.leave)
		connection->leave_after = load_random(
			connection->head_length + connection->body_length +
			connection->response_bytes + 200);
	connection_send(connection, now);
}

/* ---- sending ----------------------------------------------------------------------- */

/* The next bytes of head and body, up to `most`. */
static const char *
next_bytes(struct load_connection *connection, size_t most, size_t *length_r)
{
	uint64_t at = connection->sent, left;

	if (at < connection->head_length) {
		left = connection->head_length - at;
		*length_r = left < most ? (size_t)left : most;
		return connection->head + at;
	}
	at -= connection->head_length;
	left = connection->body_length - at;
	*length_r = left < most ? (size_t)left : most;
	pattern_fill(load_scratch, *length_r, connection->seed, at);
	return load_scratch;
}

bool
connection_leaves(struct load_connection *connection)
{
	if (connection->transferred < connection->leave_after)
		return false;
	leave(connection);
	return true;
}

size_t
connection_up_to_leaving(const struct load_connection *connection, size_t most)
{
	uint64_t left = connection->leave_after - connection->transferred;

	return left < most ? (size_t)left : most;
}

void
connection_send(struct load_connection *connection, uint64_t now)
{
	size_t most = 65536;

	/* A slow one sends its head at once, its body at its rate. */
	if (options.rate > 0)
		most = connection->sent == 0 ? connection->head_length :
					       options.rate;
	while (connection_sends(connection)) {
		size_t length;
		const char *data;
		ssize_t sent;

		if (connection_leaves(connection))
			return;
		data = next_bytes(connection,
				  connection_up_to_leaving(connection, most),
				  &length);
		sent = send(connection->fd, data, length, MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (sent < 0) {
			/* An answer may be there all the same. */
			connection->body_length = 0;
			connection->sent = connection->head_length;
			connection->close_after = true;
			return;
		}
		if (connection->sent >= connection->head_length)
			tally.bytes += (uint64_t)sent;
		connection->sent += (uint64_t)sent;
		connection->transferred += (uint64_t)sent;
		connection->moved = now;
		if (options.rate > 0)
			return;
	}
}
