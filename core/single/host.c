/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that has listener and worker in it: a thread for each relay that
 * hands over a control socket.
 */
#include "core/single/host.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/single/part.h"
#include "core/single/relay.h"

#define PATH_BYTES 4096

/* One part on its way; the thread's, which frees it. */
struct part {
	single_part_fn *run;
	int control_fd; /* taken by run() */
	int relay_fd;
	char pool[RELAY_BYTES_MAX]; /* "" for the listener */
};

static int
fail(const char *what, const char *why)
{
	fprintf(stderr, "portico-single: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

/* ---- whom to trust ----------------------------------------------------------- */

/* The parent of a process; 0: it is gone. */
static pid_t
parent_of(pid_t pid)
{
	char path[64], line[512];
	const char *after;
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	/* "PID (NAME) STATE PARENT", where NAME may have anything in it. */
	after = fgets(line, sizeof(line), file) == NULL ? NULL :
							  strrchr(line, ')');
	if (after == NULL || sscanf(after, ") %*c %d", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent;
}

/* Was it started by the porticod that the command's child has started? */
static bool
is_ours(int fd, pid_t runner)
{
	pid_t pid;
	uid_t uid;
	gid_t gid;

	return io_peer(fd, &pid, &uid, &gid) == PORTICO_OK &&
	       parent_of(parent_of(pid)) == runner;
}

static bool
drop_privileges(const char *user)
{
	const struct passwd *account;

	if (geteuid() != 0)
		return true;
	account = getpwnam(user == NULL ? "nobody" : user);
	if (account == NULL ||
	    initgroups(account->pw_name, account->pw_gid) != 0 ||
	    setgid(account->pw_gid) != 0 || setuid(account->pw_uid) != 0)
		return false;
	/* Or nobody could look at it, which is what it is for. */
	prctl(PR_SET_DUMPABLE, 1);
	return true;
}

/* ---- parts ------------------------------------------------------------------- */

/* Its function, from the shared object beside this program, or where the build
 * tree has it. */
static single_part_fn *
part_load(const char *name)
{
	static const char *const places[] = { "", "core/single/.libs/" };
	char self[PATH_BYTES], path[PATH_BYTES + 64];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	void *handle = NULL;

	if (length < 0)
		return NULL;
	self[length] = '\0';
	*(strrchr(self, '/') + 1) = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s%ssingle-%s.so", self,
			 places[i], name);
		if (access(path, F_OK) != 0)
			continue;
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		break;
	}
	if (handle == NULL) {
		const char *why = dlerror();

		fail(path, why == NULL ? "it is missing" : why);
		return NULL;
	}
	return (single_part_fn *)(uintptr_t)dlsym(handle, SINGLE_PART_ENTRY);
}

static void *
part_thread(void *arg)
{
	struct part *part = arg;
	unsigned char status =
		(unsigned char)part->run(part->control_fd, part->pool);

	(void)io_send(part->relay_fd, &status, 1, MSG_NOSIGNAL);
	io_close(&part->relay_fd);
	mem_free(part);
	return NULL;
}

static void
part_start(int relay_fd, int control_fd, const char *text)
{
	struct part *part = mem_zalloc(sizeof(*part));
	const char *space = strchr(text, ' ');
	pthread_t thread;

	part->relay_fd = relay_fd;
	part->control_fd = control_fd;
	if (space != NULL)
		snprintf(part->pool, sizeof(part->pool), "%s", space + 1);
	part->run = part_load(space == NULL ? "listener" : "worker");
	if (part->run != NULL &&
	    pthread_create(&thread, NULL, part_thread, part) == 0) {
		pthread_detach(thread);
		return;
	}
	/* The relay ends with a failure, and porticod says so. */
	io_close(&part->relay_fd);
	io_close(&part->control_fd);
	mem_free(part);
}

static void
take_relay(const struct host_options *options)
{
	int relay = accept4(options->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	char text[RELAY_BYTES_MAX + 1];
	union {
		struct cmsghdr head; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec piece = { text, sizeof(text) - 1 };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *head;
	ssize_t length = -1;
	int fd;

	if (relay >= 0 && is_ours(relay, options->runner))
		length = recvmsg(relay, &message, MSG_CMSG_CLOEXEC);
	head = length <= 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (head == NULL || head->cmsg_type != SCM_RIGHTS) {
		if (relay >= 0)
			io_close(&relay);
		return;
	}
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	text[length] = '\0';
	part_start(relay, fd, text);
}

/* ---- the whole --------------------------------------------------------------- */

/* The command's child ends when we hang up; its status is ours. */
static int
await_runner(const struct host_options *options)
{
	int status;

	while (waitpid(options->runner, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int
host_run(const struct host_options *options)
{
	struct pollfd waiters[3] = {
		{ .fd = options->listen_fd, .events = POLLIN },
		{ .fd = options->runner_fd, .events = POLLIN },
		{ .events = POLLIN },
	};
	sigset_t set;

	if (!drop_privileges(options->user))
		return fail("becoming an ordinary user", strerror(errno));
	/* Blocked in all threads: they are ours alone. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	waiters[2].fd = signalfd(-1, &set, SFD_CLOEXEC);
	for (;;) {
		if (poll(waiters, 3, -1) < 0 && errno != EINTR)
			return fail("waiting", strerror(errno));
		if (waiters[0].revents != 0)
			take_relay(options);
		if (waiters[1].revents != 0)
			return await_runner(options);
		if (waiters[2].revents != 0) {
			/* It stops porticod, porticod our parts, and then it
			 * ends. */
			struct signalfd_siginfo which;

			(void)!read(waiters[2].fd, &which, sizeof(which));
			shutdown(options->runner_fd, SHUT_WR);
		}
	}
}
