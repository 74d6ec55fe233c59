/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-listener: started by porticod with a control socket; takes its
 * configuration, sockets and workers from there.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/slice.h"
#include "core/listener/process.h"

static void
usage(FILE *to)
{
	fputs("Usage: portico-listener --control-fd FD\n"
	      "Accepts connections, reads requests and hands them to workers.\n"
	      "It is started by porticod, not by hand.\n"
	      "\n"
	      "  --control-fd FD   socket to porticod\n"
	      "  --debug           log more\n"
	      "  --help, --version\n",
	      to);
}

/* The descriptor; -1 for one that is none. */
static int
parse_fd(const char *text)
{
	uint64_t fd;

	if (!slice_to_u64(slice_from(text), &fd) || fd > 65535)
		return -1;
	return (int)fd;
}

/* The control socket, or -1 and *code_r is what to exit with. */
static int
parse_options(int argc, char **argv, enum log_level *level, int *code_r)
{
	static const struct option options[] = {
		{ "control-fd", required_argument, NULL, 'c' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 }
	};
	int fd = -1, option;

	*code_r = 2;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			fd = parse_fd(optarg);
			break;
		case 'd':
			*level = LOG_LEVEL_DEBUG;
			break;
		case 'h':
			usage(stdout);
			*code_r = EXIT_SUCCESS;
			return -1;
		case 'v':
			puts("portico-listener " PORTICO_VERSION);
			*code_r = EXIT_SUCCESS;
			return -1;
		default:
			usage(stderr);
			return -1;
		}
	}
	if (fd < 0 || optind < argc)
		usage(stderr);
	return optind < argc ? -1 : fd;
}

int
main(int argc, char **argv)
{
	enum log_level level = LOG_LEVEL_INFO;
	int code;
	int fd = parse_options(argc, argv, &level, &code);

	if (fd < 0)
		return code;
	log_open("portico-listener", level, STDERR_FILENO);
	check_install_handlers();
	listener_process_run(fd);
	return EXIT_SUCCESS;
}
