/* SPDX-License-Identifier: Apache-2.0
 *
 * A load client for tests: many connections, one thread, epoll.  It knows what
 * each answer must be and compares every byte; what it has seen it says in
 * lines of JSON.
 *
 *   load-client --port N [--connections N] [--seconds S | --requests N] ...
 *   load-client --write-file SEED-BYTES
 *
 * Lines: {"event":"ready",...} when each connection has had its first answer
 * (its first bytes, with --rate), {"event":"totals",...} for each SIGUSR1, and
 * {"event":"end",...} after SIGTERM, or when it has done what it was told to.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "t/load/client.h"

#define TICK_MS 20
#define EVENTS_MAX 256
#define SLOW_INTERVAL_NS CLOCK_NS_PER_S

static struct load_connection *connections;
static int poll_fd;
static uint64_t started, asked;
static bool stopping, ready_told;
static volatile sig_atomic_t want_stop, want_totals;

static void
on_signal(int number)
{
	if (number == SIGUSR1)
		want_totals = 1;
	else
		want_stop = 1;
}

/* ---- the loop -------------------------------------------------------------------------- */

static double
seconds_since_start(void)
{
	return (double)(clock_monotonic_ns() - started) / 1e9;
}

static unsigned
count_open(void)
{
	unsigned open = 0;

	for (unsigned i = 0; i < options.connections; i++)
		open += connections[i].fd >= 0;
	return open;
}

/* Tell epoll what is wanted now.  A slow connection is looked at by the clock
 * and not by epoll, but for its connecting. */
static void
rearm(struct load_connection *connection)
{
	struct epoll_event event = { .data.ptr = connection };
	int operation = connection->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (connection->fd < 0)
		return;
	if (connection->state == STATE_CONNECTING)
		event.events = EPOLLOUT;
	else if (options.rate > 0)
		event.events = EPOLLHUP;
	else if (connection_sends(connection))
		event.events = EPOLLIN | EPOLLOUT;
	else
		event.events = EPOLLIN;
	if (event.events == connection->events)
		return;
	connection->events = event.events;
	if (epoll_ctl(poll_fd, operation, connection->fd, &event) != 0) {
		perror("epoll_ctl");
		exit(1);
	}
}

static bool
may_ask(void)
{
	return !stopping && (options.requests == 0 || asked < options.requests);
}

/* What a connection does that has nothing to do. */
static void
go_on(struct load_connection *connection, uint64_t now)
{
	if (connection->state == STATE_IDLE && options.hold && !stopping &&
	    connection->requests > 0)
		connection->state = STATE_HELD;
	while (connection->state == STATE_IDLE) {
		if (!may_ask()) {
			connection_shut(connection, false);
			break;
		}
		asked++;
		connection_ask(connection, now);
		if (connection->state == STATE_BUSY)
			connection->due = now + SLOW_INTERVAL_NS;
	}
	if (connection->state == STATE_CLOSED &&
	    (!may_ask() || (options.hold && connection->requests > 0)))
		connection->state = STATE_OVER;
	else if (connection->state == STATE_CLOSED && now >= connection->due)
		(void)connection_open(connection, now);
	rearm(connection);
}

static void
on_connected(struct load_connection *connection)
{
	int error = 0;
	socklen_t length = sizeof(error);

	getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0)
		connection_fail(connection, strerror(error));
	else
		connection->state = STATE_IDLE;
}

static void
on_event(struct load_connection *connection, uint32_t events, uint64_t now)
{
	if (connection->fd < 0)
		return;
	if (connection->state == STATE_CONNECTING)
		on_connected(connection);
	else if (options.rate == 0 && (events & EPOLLOUT) != 0)
		connection_send(connection, now);
	if (connection->fd >= 0 && connection->state != STATE_IDLE &&
	    (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		connection_receive(connection,
				   options.rate > 0 ? options.rate : SIZE_MAX,
				   now);
	go_on(connection, now);
}

/* What the clock asks of a connection. */
static void
on_tick(struct load_connection *connection, uint64_t now)
{
	if (connection->state == STATE_CLOSED && now >= connection->due) {
		go_on(connection, now);
		return;
	}
	if (connection->state == STATE_BUSY && options.rate > 0 &&
	    now >= connection->due) {
		connection->due += SLOW_INTERVAL_NS;
		connection_send(connection, now);
		if (connection->state == STATE_BUSY)
			connection_receive(connection, options.rate, now);
		go_on(connection, now);
	}
	if ((connection->state == STATE_BUSY ||
	     connection->state == STATE_CONNECTING) &&
	    (double)(now - connection->moved) / 1e9 > options.timeout) {
		connection_fail(connection, "time-out");
		go_on(connection, now);
	}
}

static void
tell_ready(void)
{
	for (unsigned i = 0; i < options.connections; i++) {
		const struct load_connection *c = &connections[i];

		if (!c->answered_once &&
		    !(options.rate > 0 && c->state == STATE_BUSY &&
		      (c->part != PART_HEAD || c->line_length > 0)))
			return;
	}
	ready_told = true;
	tally_print("ready", count_open(), seconds_since_start());
}

/* No new requests.  The held ones have a last one to make; the slow ones
 * would take for ever. */
static void
stop(uint64_t now)
{
	stopping = true;
	for (unsigned i = 0; i < options.connections; i++) {
		struct load_connection *connection = &connections[i];

		if (connection->state == STATE_HELD) {
			connection_ask(connection, now);
			rearm(connection);
		} else if (connection->state == STATE_BUSY &&
			   options.rate > 0) {
			tally.left++;
			connection_shut(connection, true);
		}
		if (connection->state != STATE_BUSY) {
			connection_shut(connection, false);
			connection->state = STATE_OVER;
		}
	}
}

static bool
all_over(void)
{
	for (unsigned i = 0; i < options.connections; i++) {
		if (connections[i].state != STATE_OVER)
			return false;
	}
	return true;
}

static void
tick(uint64_t now)
{
	for (unsigned i = 0; i < options.connections; i++)
		on_tick(&connections[i], now);
	if (!ready_told)
		tell_ready();
	if (want_totals) {
		want_totals = 0;
		tally_print("totals", count_open(), seconds_since_start());
	}
	if (!stopping &&
	    (want_stop ||
	     (options.seconds > 0 && seconds_since_start() >= options.seconds)))
		stop(now);
}

static void
run(void)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t next_tick = 0, stopped = 0;

	for (;;) {
		uint64_t now = clock_monotonic_ns();
		int count;

		if (now >= next_tick) {
			next_tick = now + TICK_MS * CLOCK_NS_PER_MS;
			tick(now);
			if (all_over())
				return;
		}
		if (stopping && stopped == 0)
			stopped = now;
		if (stopping && (double)(now - stopped) / 1e9 > options.grace)
			return;
		count = epoll_wait(poll_fd, events, EVENTS_MAX, TICK_MS);
		now = clock_monotonic_ns();
		for (int i = 0; i < count; i++)
			on_event(events[i].data.ptr, events[i].events, now);
	}
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < options.connections + 20)
		options_usage("more connections than this process may have "
			      "descriptors");
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };

	double spread;

	options_read(argc, argv);
	/* Slow ones shall not all read at once. */
	spread = options.rate > 0 && options.spread < 1 ? 1 : options.spread;
	raise_descriptor_limit();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	connections =
		mem_zalloc_array(options.connections, sizeof(*connections));
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	started = clock_monotonic_ns();
	for (unsigned i = 0; i < options.connections; i++) {
		connections[i].fd = -1;
		connections[i].due = started + (uint64_t)(spread * 1e9 * i /
							  options.connections);
	}
	run();
	for (unsigned i = 0; i < options.connections; i++) {
		if (connections[i].state == STATE_BUSY)
			connection_fail(&connections[i],
					"in progress when the time was over");
	}
	tally_print("end", count_open(), seconds_since_start());
	if (options.journal != NULL)
		fclose(options.journal);
	if (options.failures != NULL)
		fclose(options.failures);
	mem_free(connections);
	return tally.failed + tally.wrong == 0 ? 0 : 1;
}
