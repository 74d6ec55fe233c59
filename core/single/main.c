/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-single: listener and worker in one process, for a debugger.  Started
 * by `portico module run --single-process`, and by porticod as a relay.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/single/host.h"
#include "core/single/relay.h"

static const char usage[] =
	"portico-single: listener and worker in one process, for a debugger;\n"
	"started by portico module run --single-process\n"
	"\n"
	"  --listen-fd FD   socket on which porticod's children come\n"
	"  --runner-fd FD   socket to the command that has started it\n"
	"  --runner PID     that command\n"
	"  --user NAME      whom to become when root starts it (nobody)\n";

static const struct option options[] = {
	{ "listen-fd", required_argument, NULL, 'l' },
	{ "runner-fd", required_argument, NULL, 'f' },
	{ "runner", required_argument, NULL, 'r' },
	{ "user", required_argument, NULL, 'u' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static bool
parse(struct host_options *wanted, int argc, char **argv, int *status_r)
{
	int what;

	*status_r = 2;
	while ((what = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (what) {
		case 'l':
			wanted->listen_fd = (int)strtol(optarg, NULL, 10);
			break;
		case 'f':
			wanted->runner_fd = (int)strtol(optarg, NULL, 10);
			break;
		case 'r':
			wanted->runner = (pid_t)strtol(optarg, NULL, 10);
			break;
		case 'u':
			wanted->user = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			*status_r = 0;
			return false;
		case 'v':
			puts("portico-single " PORTICO_VERSION);
			*status_r = 0;
			return false;
		default:
			return false;
		}
	}
	if (optind == argc && wanted->listen_fd >= 0 &&
	    wanted->runner_fd >= 0 && wanted->runner > 0)
		return true;
	fputs(usage, stderr);
	return false;
}

int
main(int argc, char **argv)
{
	struct host_options wanted = { .listen_fd = -1, .runner_fd = -1 };
	int status;

	if (argc > 0 && relay_is_wanted(argv[0]))
		return relay_run(argc, argv);
	if (!parse(&wanted, argc, argv, &status))
		return status;
	return host_run(&wanted);
}
