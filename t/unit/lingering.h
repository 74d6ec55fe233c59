/* SPDX-License-Identifier: Apache-2.0
 *
 * A descriptor whose last close() takes LINGERING_SECONDS: a connection that
 * lingers, with bytes that nobody takes.
 */
#ifndef T_UNIT_LINGERING_H
#define T_UNIT_LINGERING_H

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/io.h"

#define LINGERING_SECONDS 20

/* `peer_r`: to be closed after it, and only then. */
static inline int
lingering_open(int *peer_r)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct linger linger = { 1, LINGERING_SECONDS };
	socklen_t length = sizeof(address);
	int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char bytes[4096] = "";

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(peer, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(peer, 1), 0);
	assert_int_equal(
		getsockname(peer, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
				    sizeof(linger)),
			 0);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	*peer_r = peer;
	return fd;
}

static inline double
lingering_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Until all that other threads close is closed. */
static inline void
lingering_await(void)
{
	double until = lingering_seconds() + LINGERING_SECONDS / 2;

	while (!io_close_foreign_done() && lingering_seconds() < until)
		sched_yield();
}

/* Open descriptors, once all that other threads close are closed. */
static inline int
lingering_count_fds(void)
{
	DIR *directory;
	int count = 0;

	lingering_await();
	directory = opendir("/proc/self/fd");
	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

#endif
