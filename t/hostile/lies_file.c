/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors that are passed as files: things that are none, and files that
 * are not what they seem.
 */
#include "t/hostile/hostile.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct channel *
any_channel(struct evil *evil)
{
	return evil->channels[evil_draw(evil, evil->count)].channel;
}

static void
close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- things that are no files ------------------------------------------------------ */

enum thing {
	THING_DIRECTORY,
	THING_PIPE,
	THING_NULL,
	THING_ZERO,
	THING_TERMINAL,
	THING_SOCKET,
	THING_LINGERING,
	THING_EVENTFD,
	THING_EPOLL,
	THING_PIDFD,
	THING_PATH,
	THING_WRITE_ONLY,
	THING_ITSELF,
	THINGS
};

static const char *const thing_names[THINGS] = {
	[THING_DIRECTORY] = "directory",
	[THING_PIPE] = "pipe",
	[THING_NULL] = "/dev/null",
	[THING_ZERO] = "/dev/zero",
	[THING_TERMINAL] = "terminal",
	[THING_SOCKET] = "socket",
	[THING_LINGERING] = "socket that lingers",
	[THING_EVENTFD] = "eventfd",
	[THING_EPOLL] = "epoll",
	[THING_PIDFD] = "pidfd",
	[THING_PATH] = "file opened with O_PATH",
	[THING_WRITE_ONLY] = "file opened for writing",
	[THING_ITSELF] = "the channel's own socket",
};

static int
open_pipe(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	close(fds[1]);
	return fds[0];
}

/*
 * A connection with bytes that its peer never takes: whoever closes it last
 * waits for 20 s, unless it is somebody who does not mind.
 */
static int
open_lingering(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct linger linger = { .l_onoff = 1, .l_linger = 20 };
	socklen_t length = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char bytes[4096] = "";

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listening < 0 || fd < 0 ||
	    bind(listening, (struct sockaddr *)&address, length) != 0 ||
	    listen(listening, 1) != 0 ||
	    getsockname(listening, (struct sockaddr *)&address, &length) != 0 ||
	    connect(fd, (struct sockaddr *)&address, length) != 0) {
		close_one(listening);
		close_one(fd);
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	/* The listening socket is left open: the connection has to last. */
	return fd;
}

static int
open_thing(struct evil *evil, enum thing thing)
{
	switch (thing) {
	case THING_DIRECTORY:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case THING_PIPE:
		return open_pipe();
	case THING_NULL:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case THING_ZERO:
		return open("/dev/zero", O_RDONLY | O_CLOEXEC);
	case THING_TERMINAL:
		return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	case THING_SOCKET:
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case THING_LINGERING:
		return open_lingering();
	case THING_EVENTFD:
		return eventfd(0, EFD_CLOEXEC);
	case THING_EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	case THING_PIDFD:
		return (int)syscall(SYS_pidfd_open, getpid(), 0);
	case THING_PATH:
		return open("/proc/self/exe", O_PATH | O_CLOEXEC);
	case THING_WRITE_ONLY:
		return open("/tmp", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	case THING_ITSELF:
		return dup(any_channel(evil)->socket);
	case THINGS:
		break;
	}
	return -1;
}

static bool
pass_thing(struct evil *evil, struct evil_request *request, int variant)
{
	int fd = open_thing(evil, (enum thing)variant);
	bool done;

	(void)request;
	if (fd < 0)
		return false;
	done = evil_pass(any_channel(evil), 7, fd);
	close(fd);
	return done;
}

/* The socket is closed with the thing unread in it. */
static bool
leave_thing(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor wrong = { .type = 200 };
	struct channel *channel = any_channel(evil);
	int fd;

	(void)request;
	fd = open_thing(evil, (enum thing)variant);
	if (fd < 0)
		return false;
	evil_forge(channel, &wrong);
	for (unsigned i = 0; i < 20; i++)
		(void)evil_pass(channel, i, fd);
	close(fd);
	return true;
}

static bool
too_many_files(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = any_channel(evil);
	int fd = memfd_create("file", MFD_CLOEXEC);
	int passed = 0;

	(void)request;
	if (fd < 0)
		return false;
	/* The socket is full again and again; a few less are no lie. */
	for (unsigned tries = 0; passed < variant && tries < 200; tries++) {
		while (passed < variant &&
		       evil_pass(channel, (uint32_t)passed, fd))
			passed++;
	}
	close(fd);
	return passed == variant;
}

/* ---- files that change ---------------------------------------------------------------- */

enum {
	FILE_EMPTY,
	FILE_PAST_END,
	FILE_SHRINKS,
	FILE_PROC,
	FILE_HOLE,
	FILE_GROWS
};

static int
open_file(int variant)
{
	int fd;

	if (variant == FILE_PROC)
		return open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("file", MFD_CLOEXEC);
	if (fd >= 0 && variant != FILE_EMPTY)
		(void)!ftruncate(fd, variant == FILE_HOLE ? INT64_C(1) << 40 :
							    1 << 20);
	return fd;
}

static bool
send_file(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = evil_channel_of(evil, request);
	struct channel_descriptor file = evil_describe(
		request, CHANNEL_FILE, CHANNEL_FLAG_LAST | CHANNEL_FLAG_END);
	int fd;

	if (request->state == EVIL_RESPONDING || request->aborted)
		return false;
	fd = open_file(variant);
	if (fd < 0)
		return false;
	file.extra = 1;
	file.value = variant == FILE_PAST_END ? INT64_C(1) << 40 : 0;
	file.value2 = variant == FILE_HOLE ? UINT64_C(1) << 40 : 1 << 20;
	if (!evil_pass(channel, 1, fd) ||
	    !evil_respond(evil, request, 200, (int64_t)file.value2, "", 0)) {
		close(fd);
		return false;
	}
	evil_forge(channel, &file);
	for (unsigned i = 0; variant == FILE_SHRINKS && i < 50; i++) {
		(void)!ftruncate(fd, (off_t)evil_draw(evil, 1 << 20));
		evil_nap_us(20);
	}
	close(fd);
	evil_forget(evil, request);
	return true;
}

/* Many spans of a byte for one request. */
static bool
slice_file(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = evil_channel_of(evil, request);
	struct channel_descriptor span =
		evil_describe(request, CHANNEL_FILE, 0);
	unsigned rounds = evil->quick ? 2000 : (unsigned)variant;
	int fd;

	if (request->state == EVIL_RESPONDING || request->aborted)
		return false;
	fd = open_file(FILE_GROWS);
	if (fd < 0 || !evil_pass(channel, 2, fd) ||
	    !evil_respond(evil, request, 200, -1, "", 0)) {
		close_one(fd);
		return false;
	}
	close(fd);
	span.extra = 2;
	span.value2 = 1;
	for (unsigned i = 0; i < rounds; i++)
		evil_write(channel, &span);
	evil_publish(channel);
	return true;
}

static bool
unknown_file(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor file =
		evil_describe(request, CHANNEL_FILE, 0);

	(void)variant;
	if (request->state == EVIL_RESPONDING || request->aborted)
		return false;
	file.extra = 0xdead;
	file.value2 = 1;
	if (!evil_respond(evil, request, 200, 1, "", 0))
		return false;
	evil_forge(evil_channel_of(evil, request), &file);
	return true;
}

static const struct evil_kind others[] = {
	{ "unread sockets that linger", leave_thing, THING_LINGERING,
	  EVIL_CAUGHT, false, 0 },
	{ "513 files", too_many_files, 2 * CHANNEL_FILES_MAX + 1, EVIL_CAUGHT,
	  false, 0 },
	{ "500 files", too_many_files, 500, EVIL_MAYBE, false, 4 },
	{ "empty file", send_file, FILE_EMPTY, EVIL_MAYBE, true, 0 },
	{ "span past the end", send_file, FILE_PAST_END, EVIL_MAYBE, true, 0 },
	{ "file that shrinks", send_file, FILE_SHRINKS, EVIL_MAYBE, true, 0 },
	{ "file of /proc", send_file, FILE_PROC, EVIL_MAYBE, true, 0 },
	{ "file of a hole of 1 TiB", send_file, FILE_HOLE, EVIL_MAYBE, true,
	  0 },
	{ "file in slices of a byte", slice_file, 70000, EVIL_MAYBE, true, 4 },
	{ "file that was not passed", unknown_file, 0, EVIL_CAUGHT, true, 0 },
};

#define OTHERS (sizeof(others) / sizeof(others[0]))

struct evil_kinds
evil_file_kinds(void)
{
	static struct evil_kind kinds[THINGS + OTHERS];

	for (int i = 0; i < THINGS; i++)
		kinds[i] = (struct evil_kind){ thing_names[i], pass_thing, i,
					       EVIL_CAUGHT,    false,	   0 };
	memcpy(kinds + THINGS, others, sizeof(others));
	return EVIL_KINDS(kinds);
}
