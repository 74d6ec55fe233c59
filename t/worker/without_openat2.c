/* SPDX-License-Identifier: Apache-2.0
 *
 * without-openat2 ENOSYS|EPERM COMMAND [ARGUMENT]...
 *
 * Runs the command where openat2 fails with that error.  Exits with 77 where
 * there is no seccomp.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/worker/without_openat2.h"

int
main(int argc, char **argv)
{
	int error;

	if (argc < 3) {
		fprintf(stderr, "usage: without-openat2 ENOSYS|EPERM COMMAND "
				"[ARGUMENT]...\n");
		return 2;
	}
	error = strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS;
	if (without_openat2((unsigned)error) != 0) {
		perror("seccomp");
		return 77;
	}
	execvp(argv[2], &argv[2]);
	perror(argv[2]);
	return 127;
}
