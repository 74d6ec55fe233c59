/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that hangs (t/hostile/stuck-fs.c), and memory that does: whoever
 * touches it, the kernel included, waits for STUCK_SECONDS.  Most users may
 * not mount one outside of a user namespace; then the tests that need it pass
 * with a remark.
 */
#ifndef T_UNIT_STUCK_H
#define T_UNIT_STUCK_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STUCK_SECONDS "4"
#define STUCK_LIMIT 2.0 /* seconds; what takes longer has waited for it */

struct stuck {
	char directory[64];
	int input; /* its end ends the server */
	int fd; /* of the file */
	pid_t server;
};

static inline bool
stuck_start(struct stuck *stuck)
{
	const char *build = getenv("PORTICO_BUILDDIR");
	char program[4096], line[16];
	int in[2], out[2];
	ssize_t got;

	(void)snprintf(program, sizeof(program), "%s/t/hostile/stuck-fs",
		       build == NULL ? "." : build);
	(void)snprintf(stuck->directory, sizeof(stuck->directory),
		       "/tmp/portico-stuck-XXXXXX");
	assert_non_null(mkdtemp(stuck->directory));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	stuck->server = fork();
	assert_true(stuck->server >= 0);
	if (stuck->server == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl(program, "stuck-fs", stuck->directory, STUCK_SECONDS,
		      NULL);
		_exit(77);
	}
	close(in[0]);
	close(out[1]);
	stuck->input = in[1];
	got = read(out[0], line, sizeof(line));
	close(out[0]);
	return got > 0;
}

static inline void
stuck_close(struct stuck *stuck)
{
	close(stuck->input);
	waitpid(stuck->server, NULL, 0);
	/* Only now: closing it would wait as well. */
	if (stuck->fd >= 0)
		close(stuck->fd);
	rmdir(stuck->directory);
}

/* False: this user may not. */
static inline bool
stuck_open(struct stuck *stuck)
{
	char path[128];

	stuck->fd = -1;
	if (!stuck_start(stuck)) {
		stuck_close(stuck);
		print_message("no file system that hangs can be mounted\n");
		return false;
	}
	(void)snprintf(path, sizeof(path), "%s/file", stuck->directory);
	stuck->fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(stuck->fd >= 0);
	return true;
}

/* Memory that nobody has touched yet. */
static inline void *
stuck_memory(const struct stuck *stuck)
{
	void *memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED,
			    stuck->fd, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

#endif
