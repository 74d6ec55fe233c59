/* SPDX-License-Identifier: Apache-2.0
 *
 * A module for system tests: whoever loads it leaves a line with the program
 * and its user in the file that PORTICO_TEST_LOADS names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <portico/portico.h>

/* Before anything of the module is asked for: at dlopen(). */
__attribute__((constructor)) static void
leave_a_line(void)
{
	const char *path = getenv("PORTICO_TEST_LOADS");
	FILE *file = path == NULL ? NULL : fopen(path, "ae");

	if (file == NULL)
		return;
	fprintf(file, "%s %u %u\n", program_invocation_short_name,
		(unsigned)geteuid(), (unsigned)getegid());
	fclose(file);
}

static enum portico_verdict
nothing(struct portico_request *request)
{
	(void)request;
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = {
	{ .name = "who-loads", .function = nothing },
	{ 0 },
};

PORTICO_MODULE(.name = "who-loads", .version = "1",
	       .summary = "tells who loaded it", .handlers = handlers);
