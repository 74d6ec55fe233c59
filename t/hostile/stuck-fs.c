/* SPDX-License-Identifier: Apache-2.0
 *
 * stuck-fs DIRECTORY SECONDS: mounts a file system with one file, "file", of
 * 1 MiB, that answers whatever is asked of it (attributes, bytes, flushes)
 * only after so many seconds.  Any user may open it.  Prints "ready" and serves
 * until its standard input ends.
 *
 * It stands for what an ordinary user can mount in a user namespace, and for
 * any file server that hangs.
 *
 * Exit status 77: this system does not let us mount it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROOT_NODE 1
#define FILE_NODE 2
#define FILE_BYTES (1u << 20)
#define LATE_MAX 1024

/* A request that is not answered yet. */
struct late {
	double due;
	uint64_t unique, node;
	uint32_t opcode, size;
};

struct server {
	int device;
	double delay; /* seconds */
	struct late late[LATE_MAX];
	unsigned count;
};

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
reply(struct server *server, uint64_t unique, int error, const void *data,
      size_t size)
{
	static char packet[sizeof(struct fuse_out_header) + FILE_BYTES];
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.error = error,
		.unique = unique,
	};

	memcpy(packet, &header, sizeof(header));
	if (size > 0)
		memcpy(packet + sizeof(header), data, size);
	/* Whoever waited may be gone. */
	if (write(server->device, packet, header.len) < 0 && errno != ENOENT)
		perror("stuck-fs: reply");
}

static struct fuse_attr
attributes_of(uint64_t node)
{
	struct fuse_attr attributes = {
		.ino = node,
		.mode = node == ROOT_NODE ? S_IFDIR | 0755 : S_IFREG | 0666,
		.nlink = 1,
		.size = node == ROOT_NODE ? 0 : FILE_BYTES,
		.blksize = 4096,
	};

	return attributes;
}

static void
answer(struct server *server, const struct late *request)
{
	static const char zeroes[FILE_BYTES];
	struct fuse_attr_out attributes = { .attr = attributes_of(
						    request->node) };
	struct fuse_statfs_out statfs = { 0 };

	switch (request->opcode) {
	case FUSE_GETATTR:
		reply(server, request->unique, 0, &attributes,
		      sizeof(attributes));
		break;
	case FUSE_READ:
		reply(server, request->unique, 0, zeroes,
		      request->size < FILE_BYTES ? request->size : FILE_BYTES);
		break;
	case FUSE_STATFS:
		reply(server, request->unique, 0, &statfs, sizeof(statfs));
		break;
	default:
		reply(server, request->unique, 0, NULL, 0);
		break;
	}
}

static void
put_off(struct server *server, const struct fuse_in_header *header,
	uint32_t size)
{
	struct late request = { now() + server->delay, header->unique,
				header->nodeid, header->opcode, size };

	if (header->nodeid == ROOT_NODE || server->count == LATE_MAX)
		answer(server, &request);
	else
		server->late[server->count++] = request;
}

static void
greet(struct server *server, uint64_t unique)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
				      .minor = 31,
				      .max_readahead = 4096,
				      .max_write = 65536,
				      .max_background = 64 };

	reply(server, unique, 0, &init, sizeof(init));
}

static void
handle(struct server *server, const struct fuse_in_header *header)
{
	const void *body = header + 1;
	struct fuse_entry_out entry = { .nodeid = FILE_NODE,
					.entry_valid = 3600,
					.attr = attributes_of(FILE_NODE) };
	struct fuse_open_out opened = { .fh = 1 };

	switch (header->opcode) {
	case FUSE_INIT:
		greet(server, header->unique);
		break;
	case FUSE_LOOKUP:
		if (strcmp(body, "file") == 0)
			reply(server, header->unique, 0, &entry, sizeof(entry));
		else
			reply(server, header->unique, -ENOENT, NULL, 0);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		reply(server, header->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		put_off(server, header,
			((const struct fuse_read_in *)body)->size);
		break;
	case FUSE_GETATTR:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_STATFS:
	case FUSE_RELEASE:
		put_off(server, header, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(server, header->unique, -ENOSYS, NULL, 0);
		break;
	}
}

/* Milliseconds to the next late answer; those that are due are given. */
static int
answer_late(struct server *server)
{
	double time = now(), next = time + 1;

	for (unsigned i = 0; i < server->count;) {
		if (server->late[i].due <= time) {
			answer(server, &server->late[i]);
			server->late[i] = server->late[--server->count];
			continue;
		}
		if (server->late[i].due < next)
			next = server->late[i].due;
		i++;
	}
	return (int)((next - time) * 1000) + 1;
}

static void
serve(struct server *server)
{
	static union {
		struct fuse_in_header header;
		char bytes[FILE_BYTES];
	} packet;
	struct pollfd fds[2] = { { .fd = server->device, .events = POLLIN },
				 { .fd = STDIN_FILENO, .events = POLLIN } };

	for (;;) {
		int wait = answer_late(server);

		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return;
		if (fds[1].revents != 0 || (fds[0].revents & POLLERR) != 0)
			return;
		if ((fds[0].revents & POLLIN) != 0 &&
		    read(server->device, &packet, sizeof(packet)) >=
			    (ssize_t)sizeof(packet.header))
			handle(server, &packet.header);
	}
}

int
main(int argc, char **argv)
{
	static struct server server;
	char options[128];

	if (argc != 3)
		return 2;
	server.delay = strtod(argv[2], NULL);
	server.device = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (server.device < 0)
		return 77;
	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=%u,group_id=%u,"
		       "allow_other",
		       server.device, getuid(), getgid());
	if (mount("stuck-fs", argv[1], "fuse.stuck-fs", MS_NOSUID | MS_NODEV,
		  options) != 0)
		return 77;
	puts("ready");
	fflush(stdout);
	serve(&server);
	/* Whoever still waits gets an error. */
	(void)umount2(argv[1], MNT_FORCE | MNT_DETACH);
	return 0;
}
