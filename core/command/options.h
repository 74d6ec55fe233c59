/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of the portico command.  Each belongs to some of its commands
 * (words.c says to which); --json and --help belong to all.
 */
#ifndef CORE_COMMAND_OPTIONS_H
#define CORE_COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_NO_SERVER 3

/* Which were given, and which a command takes. */
enum option_bit {
	OPTION_SOCKET = 1 << 0,
	OPTION_USER = 1 << 1,
	OPTION_CONFIG = 1 << 2,
	OPTION_METHOD = 1 << 3,
	OPTION_SCHEMA = 1 << 4,
	OPTION_DIR = 1 << 5,
	OPTION_ROOT = 1 << 6,
	OPTION_PORT = 1 << 7,
	OPTION_WAIT = 1 << 8,
	OPTION_STATS = 1 << 12,
	OPTION_BY_EVENT = 1 << 13,
	OPTION_SINGLE_PROCESS = 1 << 9,
	OPTION_SETTINGS = 1 << 10,
	OPTION_ALL = 1 << 14,
	OPTION_FOLLOW = 1 << 15,
	OPTION_SINCE = 1 << 16,
	OPTION_POOL = 1 << 17,
};

/* Texts are those of argv, or of the environment. */
struct options {
	unsigned given; /* enum option_bit */
	bool json;
	bool help;
	const char *socket; /* never NULL */
	const char *user; /* NULL: chosen */
	const char *config; /* never NULL */
	const char *method; /* NULL: GET */
	const char *directory; /* NULL: . */
	const char *root; /* NULL: none */
	const char *settings; /* NULL: none */
	const char *since; /* NULL: from the first */
	const char *pool; /* NULL: each */
	int port; /* 0: a free one */
};

/*
 * Fills from argv, which is permuted; what is left begins at argv[optind].
 * --version and what cannot be understood end the process.
 */
void options_parse(struct options *options, int argc, char **argv);

/* The name of an option that was given and is not among `taken`; NULL when
 * there is none. */
const char *options_surplus(const struct options *options, unsigned taken);

/* One line for each option of the set, then those that all have. */
void options_print(FILE *stream, unsigned taken);

#endif
