/* SPDX-License-Identifier: Apache-2.0
 *
 * What porticod starts instead of portico-listener and portico-worker: hands
 * the control socket to the host and ends with the part that runs there.  What
 * is no part of a server (a check of the configuration) is done by the real
 * program, which lies beside our own.
 */
#include "core/single/relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/io.h"

#define PATH_BYTES 4096

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

bool
relay_is_wanted(const char *program)
{
	const char *base = base_of(program);

	return strcmp(base, "portico-listener") == 0 ||
	       strcmp(base, "portico-worker") == 0;
}

static int
fail(const char *what)
{
	fprintf(stderr, "portico-single: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

/* The option's argument, or NULL. */
static const char *
option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	}
	return NULL;
}

/* `path` up to its last slash, and `name`. */
static bool
beside(const char *path, const char *name, char *text, size_t size)
{
	int length = snprintf(text, size, "%.*s%s", (int)(base_of(path) - path),
			      path, name);

	return length > 0 && (size_t)length < size;
}

static int
become_real(char **argv)
{
	char self[PATH_BYTES], path[PATH_BYTES];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		return fail("its own file");
	self[length] = '\0';
	if (!beside(self, base_of(argv[0]), path, sizeof(path)))
		return EXIT_FAILURE;
	execv(path, argv);
	return fail(path);
}

static int
reach_host(void)
{
	const char *path = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || path == NULL ||
	    !beside(path, RELAY_SOCKET, address.sun_path,
		    sizeof(address.sun_path)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -1;
	return fd;
}

int
relay_run(int argc, char **argv)
{
	const char *control = option(argc, argv, "--control-fd");
	const char *pool = option(argc, argv, "--pool");
	bool is_worker = strcmp(base_of(argv[0]), "portico-worker") == 0;
	char text[RELAY_BYTES_MAX];
	unsigned char status;
	int length, host, fd;

	if (control == NULL || (is_worker && pool == NULL) ||
	    option(argc, argv, "--check-config") != NULL)
		return become_real(argv);
	fd = (int)strtol(control, NULL, 10);
	length = is_worker ? snprintf(text, sizeof(text), "worker %s", pool) :
			     snprintf(text, sizeof(text), "listener");
	host = reach_host();
	if (host < 0)
		return fail("reaching the process that runs it");
	if (length < 0 || (size_t)length >= sizeof(text) ||
	    io_send_message(host, text, (size_t)length, &fd, 1) != PORTICO_OK)
		return fail("handing over the control socket");
	io_close(&fd);
	/* porticod may end us before; that ends nothing there. */
	if (io_recv(host, &status, 1, 0) != 1)
		return EXIT_FAILURE;
	return status;
}
