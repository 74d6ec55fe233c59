/* SPDX-License-Identifier: Apache-2.0
 *
 * A module for system tests that says what its process is confined to, and
 * tries what it should not be able to do:
 *
 *	/self            ids, limits, priority, cores, temporary directory
 *	/open?path=P     errno of opening a file for reading; 0 = it can
 *	/write?path=P    the same for writing, which creates it
 *	/list?path=P     the same for a directory
 *	/run?path=P      starts a program; its wait status, or -errno
 *	/kill?pid=N      errno of a signal
 *	/ptrace?pid=N    errno of attaching to a process
 *	/vm?pid=N        errno of reading another process's memory
 *	/limit?pid=N     errno of setting another process's limits
 *	/listen?name=N   listens on an abstract socket from now on
 *	/reach?name=N    errno of connecting to one
 *	/ask?path=P      whether a control socket answers: 0, or an errno;
 *			 also asked by a child with a session of its own
 *	/mount           errno of mounting something
 *	/space           errno of a user namespace of its own
 *	/packet          errno of a socket for packets
 *	/keep?name=N     leaves a file of that name among its temporary ones
 *	/memory?mib=N    takes so much memory and uses it
 *	/spin?ms=N       uses a core for so long
 *	/threads?count=N starts threads that do nothing
 *	/tell?what=W&times=N  says to porticod, in the host's name, that it is
 *			 "unhealthy", or has "failed", or what drives a
 *			 "terminal"; errno of the last time
 *	/print?text=T    writes a line to stderr, after decoding + and %
 */
#include <portico/portico.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "t/worker/argument.h"

static enum portico_verdict
answer(struct portico_request *request, const char *text)
{
	size_t written;

	portico_response_set_status(request, 200, 0);
	return portico_response_write(request, text, strlen(text), &written) ==
			       PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static int
soft(int resource)
{
	struct rlimit limit;

	getrlimit((__rlimit_resource_t)resource, &limit);
	return limit.rlim_cur > 1 << 30 ? -1 : (int)limit.rlim_cur;
}

static int
address_mib(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_AS, &limit);
	return limit.rlim_cur == RLIM_INFINITY ? -1 :
						 (int)(limit.rlim_cur >> 20);
}

static enum portico_verdict
self(struct portico_request *request)
{
	const char *directory = getenv("TMPDIR");
	char text[1024], groups[256] = "";
	mode_t mask = umask(0);
	gid_t all[32];
	int count = getgroups(32, all);
	cpu_set_t cpus;

	umask(mask);
	sched_getaffinity(0, sizeof cpus, &cpus);
	for (int i = 0; i < count; i++)
		snprintf(groups + strlen(groups),
			 sizeof groups - strlen(groups), "%s%u",
			 i > 0 ? "," : "", all[i]);
	snprintf(text, sizeof text,
		 "{\"pid\":%d,\"uid\":%u,\"gid\":%u,\"groups\":[%s],"
		 "\"umask\":%u,\"files\":%d,\"processes\":%d,"
		 "\"addressMiB\":%d,\"core\":%d,\"nice\":%d,\"cpus\":%d,"
		 "\"tmpdir\":\"%s\"}\n",
		 (int)getpid(), getuid(), getgid(), groups, (unsigned)mask,
		 soft(RLIMIT_NOFILE), soft(RLIMIT_NPROC), address_mib(),
		 soft(RLIMIT_CORE), getpriority(PRIO_PROCESS, 0),
		 CPU_COUNT(&cpus), directory == NULL ? "" : directory);
	return answer(request, text);
}

static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);
	char byte;
	int result = fd < 0 ? errno : 0;

	/* /proc/PID/mem and its like are decided when they are read. */
	if (fd >= 0 && flags == O_RDONLY && read(fd, &byte, 1) < 0)
		result = errno;
	if (fd >= 0)
		close(fd);
	return result;
}

static int
try_list(const char *path)
{
	DIR *directory = opendir(path);
	int result = 0;

	if (directory == NULL)
		return errno;
	errno = 0;
	while (readdir(directory) != NULL)
		;
	result = errno;
	closedir(directory);
	return result;
}

static int
try_run(const char *path)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execl(path, path, (char *)NULL);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static int
try_vm(pid_t pid)
{
	char byte;
	struct iovec here = { &byte, 1 },
		     there = { (void *)(uintptr_t)4096, 1 };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 ? errno : 0;
}

/* As they are: nothing would change. */
static int
try_limit(pid_t pid)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	return prlimit(pid, RLIMIT_NOFILE, &limit, NULL) < 0 ? errno : 0;
}

/* `name` lies behind the first byte of the path, which is 0. */
static int
abstract(const char *name, bool listens)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *to = (const struct sockaddr *)&address;
	int result = 0;

	snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", name);
	if (listens ? bind(fd, to, sizeof address) != 0 || listen(fd, 8) != 0 :
		      connect(fd, to, sizeof address) != 0)
		result = errno;
	if (!listens)
		close(fd);
	return result;
}

static int
ask(const char *path)
{
	static const char question[] = "{\"type\":\"status\"}";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char answered[64];
	int result = 0;

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) !=
		    0 ||
	    send(fd, question, sizeof question - 1, MSG_NOSIGNAL) < 0)
		result = errno;
	else if (recv(fd, answered, sizeof answered, 0) <= 0)
		result = ECONNRESET;
	close(fd);
	return result;
}

static int
ask_otherwise(const char *path)
{
	int result = ask(path), status = 0;
	pid_t pid;

	if (result == 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		setsid();
		_exit(ask(path));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static int
keep(const char *name)
{
	const char *directory = getenv("TMPDIR");
	char path[512];

	snprintf(path, sizeof path, "%s/%s",
		 directory == NULL ? "/tmp" : directory, name);
	return try_open(path, O_WRONLY | O_CREAT);
}

static int
take_memory(uint64_t mib)
{
	char *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return errno;
	memset(memory, 'x', mib << 20);
	return 0;
}

static int
spin(uint64_t ms)
{
	struct timespec now;
	uint64_t end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 +
	      ms;
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 <
		 end);
	return 0;
}

static void *
do_nothing(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int
start_threads(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		pthread_t thread;
		int result = pthread_create(&thread, NULL, do_nothing, NULL);

		if (result != 0)
			return result;
		pthread_detach(thread);
	}
	return 0;
}

/* The worker's control socket is 3. */
static int
tell(const char *what, uint64_t times)
{
	static const char unhealthy[] =
		"{\"type\":\"replace\",\"reason\":\"unhealthy\","
		"\"module\":\"confined\",\"text\":\"it lies\"}";
	static const char failed[] =
		"{\"type\":\"failed\",\"status\":1,\"message\":\"it lies\"}";
	static const char terminal[] =
		"{\"type\":\"replace\",\"reason\":\"unhealthy\","
		"\"module\":\"confined\",\"text\":"
		"\"it drives \\u001b[2J\\u009b2J\"}";
	const char *text = strcmp(what, "failed") == 0	 ? failed :
			   strcmp(what, "terminal") == 0 ? terminal :
							   unhealthy;

	for (uint64_t i = 0; i < times; i++) {
		struct pollfd room = { .fd = 3, .events = POLLOUT };

		while (send(3, text, strlen(text), MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN)
				return errno;
			poll(&room, 1, -1);
		}
	}
	return 0;
}

static int
print(char *text)
{
	for (char *c = text; *c != '\0'; c++) {
		unsigned byte;

		if (*c == '+')
			*c = ' ';
		if (*c != '%' || sscanf(c + 1, "%2x", &byte) != 1)
			continue;
		*c = (char)byte;
		memmove(c + 1, c + 3, strlen(c + 3) + 1);
	}
	fprintf(stderr, "%s\n", text);
	return 0;
}

static int
attempt(struct portico_request *request, const char *what, const char *path)
{
	pid_t pid = (pid_t)number(request, "pid", 0);

	if (strcmp(what, "/open") == 0)
		return try_open(path, O_RDONLY);
	if (strcmp(what, "/write") == 0)
		return try_open(path, O_WRONLY | O_CREAT);
	if (strcmp(what, "/list") == 0)
		return try_list(path);
	if (strcmp(what, "/run") == 0)
		return try_run(path);
	if (strcmp(what, "/kill") == 0)
		return kill(pid, SIGCONT) < 0 ? errno : 0;
	if (strcmp(what, "/ptrace") == 0)
		return ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 ? errno : 0;
	if (strcmp(what, "/vm") == 0)
		return try_vm(pid);
	if (strcmp(what, "/limit") == 0)
		return try_limit(pid);
	if (strcmp(what, "/ask") == 0)
		return ask_otherwise(path);
	if (strcmp(what, "/mount") == 0)
		return mount("none", "/mnt", "tmpfs", 0, NULL) < 0 ? errno : 0;
	if (strcmp(what, "/space") == 0)
		return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
	if (strcmp(what, "/packet") == 0)
		return socket(AF_PACKET, SOCK_DGRAM, 0) < 0 ? errno : 0;
	if (strcmp(what, "/memory") == 0)
		return take_memory(number(request, "mib", 1));
	if (strcmp(what, "/threads") == 0)
		return start_threads(number(request, "count", 1));
	if (strcmp(what, "/spin") == 0)
		return spin(number(request, "ms", 100));
	return -1;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION);
	struct portico_slice named = argument(request, "path");
	char what[64], file[512], text[32];
	int result;

	snprintf(what, sizeof what, "%.*s", (int)path.length, path.data);
	snprintf(file, sizeof file, "%.*s", (int)named.length, named.data);
	if (strcmp(what, "/self") == 0)
		return self(request);
	if (strcmp(what, "/keep") == 0 || strcmp(what, "/listen") == 0 ||
	    strcmp(what, "/reach") == 0) {
		struct portico_slice name = argument(request, "name");

		snprintf(file, sizeof file, "%.*s", (int)name.length,
			 name.data);
		snprintf(text, sizeof text, "%d\n",
			 strcmp(what, "/keep") == 0 ?
				 keep(file) :
				 abstract(file, strcmp(what, "/listen") == 0));
		return answer(request, text);
	}
	if (strcmp(what, "/tell") == 0) {
		named = argument(request, "what");
		snprintf(file, sizeof file, "%.*s", (int)named.length,
			 named.data);
		result = tell(file, number(request, "times", 1));
	} else if (strcmp(what, "/print") == 0) {
		named = argument(request, "text");
		snprintf(file, sizeof file, "%.*s", (int)named.length,
			 named.data);
		result = print(file);
	} else {
		result = attempt(request, what, file);
	}
	snprintf(text, sizeof text, "%d\n", result);
	return answer(request, text);
}

static const struct portico_handler handlers[] = { { .name = "confined",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "confined", .version = "1.0.0",
	       .summary = "says and tries what its process may do",
	       .handlers = handlers);
