/* SPDX-License-Identifier: Apache-2.0
 *
 * refuse-call openat2|preadv2 ENOSYS|EPERM|EOPNOTSUPP COMMAND [ARGUMENT]...
 *
 * Runs the command where that system call fails with that error.  Exits with
 * 77 where there is no seccomp.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/worker/refuse_call.h"

struct name {
	const char *text;
	long value;
};

static const struct name calls[] = { { "openat2", SYS_openat2 },
				     { "preadv2", SYS_preadv2 },
				     { NULL, 0 } };
static const struct name errors[] = { { "ENOSYS", ENOSYS },
				      { "EPERM", EPERM },
				      { "EOPNOTSUPP", EOPNOTSUPP },
				      { NULL, 0 } };

static const struct name *
find(const struct name *names, const char *text)
{
	while (names->text != NULL && strcmp(names->text, text) != 0)
		names++;
	return names->text != NULL ? names : NULL;
}

int
main(int argc, char **argv)
{
	const struct name *call = argc > 3 ? find(calls, argv[1]) : NULL;
	const struct name *error = argc > 3 ? find(errors, argv[2]) : NULL;

	if (call == NULL || error == NULL) {
		fprintf(stderr, "usage: refuse-call CALL ERROR COMMAND "
				"[ARGUMENT]...\n");
		return 2;
	}
	if (refuse_call(call->value, (int)error->value) != 0) {
		perror("seccomp");
		return 77;
	}
	execvp(argv[3], &argv[3]);
	perror(argv[3]);
	return 127;
}
