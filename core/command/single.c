/* SPDX-License-Identifier: Apache-2.0
 *
 * The command becomes the process that a debugger watches: see core/single.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/command/installation.h"
#include "core/command/sandbox.h"

/* What porticod will find instead of the programs, and the socket beside it. */
static enum portico_status
make_libexec(const struct sandbox *sandbox, const char *program, int *fd_r,
	     struct portico_error *err)
{
	static const char *const names[] = { "portico-listener",
					     "portico-worker" };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/libexec", sandbox->directory);
	if (mkdir(path, 0755) != 0)
		return error_system(err, "making %s", path);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/libexec/%s", sandbox->directory,
			 names[i]);
		if (symlink(program, path) != 0)
			return error_system(err, "making %s", path);
	}
	snprintf(address.sun_path, sizeof address.sun_path,
		 "%s/libexec/single.sock", sandbox->directory);
	*fd_r = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* It is told by its descent who may come (core/single/host.c). */
	if (*fd_r < 0 ||
	    bind(*fd_r, (struct sockaddr *)&address, sizeof address) != 0 ||
	    chmod(address.sun_path, 0666) != 0 || listen(*fd_r, 16) != 0)
		return error_system(err, "listening on %s", address.sun_path);
	return PORTICO_OK;
}

static void
become_host(const struct sandbox *sandbox, const char *program, int listening,
	    int runner, pid_t child)
{
	char numbers[3][16];

	snprintf(numbers[0], sizeof numbers[0], "%d", listening);
	snprintf(numbers[1], sizeof numbers[1], "%d", runner);
	snprintf(numbers[2], sizeof numbers[2], "%d", (int)child);
	io_set_cloexec(listening, false);
	io_set_cloexec(runner, false);
	execl(program, "portico-single", "--listen-fd", numbers[0],
	      "--runner-fd", numbers[1], "--runner", numbers[2],
	      sandbox->user == NULL ? (char *)NULL : "--user", sandbox->user,
	      (char *)NULL);
	/* The child notices that nobody is there, and cleans up. */
	fprintf(stderr, "portico: starting %s: %s\n", program, strerror(errno));
	_exit(127);
}

enum portico_status
sandbox_split(struct sandbox *sandbox, int *host_r, struct portico_error *err)
{
	char program[INSTALLATION_PATH_BYTES];
	enum portico_status status = sandbox_make_directory(sandbox, err);
	int listening = -1, ends[2];
	pid_t pid;

	installation_path(INSTALLATION_LIBEXEC, "portico-single", program);
	sandbox->single = true;
	if (status == PORTICO_OK)
		status = make_libexec(sandbox, program, &listening, err);
	if (status == PORTICO_OK && access(program, X_OK) != 0)
		status = error_system(err, "the program %s", program);
	if (status == PORTICO_OK)
		status = io_seqpacket_pair(ends, false, err);
	if (status != PORTICO_OK) {
		if (listening >= 0)
			io_close(&listening);
		return status;
	}
	fflush(NULL);
	pid = fork();
	if (pid > 0)
		become_host(sandbox, program, listening, ends[1], pid);
	io_close(&listening);
	io_close(&ends[1]);
	if (pid < 0) {
		io_close(&ends[0]);
		return error_system(err, "starting a process");
	}
	/* Ctrl-C is for the debugger. */
	setsid();
	*host_r = ends[0];
	return PORTICO_OK;
}
