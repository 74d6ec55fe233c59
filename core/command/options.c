/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of the portico command.
 */
#include "core/command/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/command/client.h"
#include "core/command/words.h"

static const struct {
	unsigned bit;
	const char *name;
	const char *value; /* NULL: a switch */
	const char *help;
} table[] = {
	{ OPTION_SOCKET, "socket", "PATH",
	  "control socket of porticod (PORTICO_SOCKET, else\n"
	  "                  " CLIENT_DEFAULT_SOCKET ")" },
	{ OPTION_WAIT, "wait", NULL,
	  "return when the old listener is gone, not when the new\n"
	  "                  one serves" },
	{ OPTION_FOLLOW, "follow", NULL,
	  "go on with what happens from now on" },
	{ OPTION_SINCE, "since", "WHEN",
	  "a time (2026-01-02T03:04 in UTC, or its beginning), or how\n"
	  "                  long ago (15m, 2h, 3d)" },
	{ OPTION_POOL, "pool", "NAME", "only what concerns this pool" },
	{ OPTION_ALL, "all", NULL, "all of it, instead of one" },
	{ OPTION_STATS, "stats", NULL,
	  "what they cost: calls, errors, time, requests that wait" },
	{ OPTION_BY_EVENT, "by-event", NULL,
	  "--stats, and calls, errors and time by event" },
	{ OPTION_USER, "user", "NAME",
	  "who looks into the module when root asks (nobody)" },
	{ OPTION_CONFIG, "config", "FILE",
	  "the configuration (" PORTICO_SYSCONFDIR "/portico.json)" },
	{ OPTION_METHOD, "method", "NAME", "the request's method (GET)" },
	{ OPTION_SCHEMA, "schema", NULL,
	  "the settings as JSON Schema (draft 2020-12)" },
	{ OPTION_DIR, "dir", "DIR", "where to make it (a new ./NAME)" },
	{ OPTION_ROOT, "root", "DIR",
	  "directory of the files that are served" },
	{ OPTION_PORT, "port", "N", "port to listen on (a free one)" },
	{ OPTION_SETTINGS, "settings", "FILE",
	  "JSON file with the module's settings (its defaults)" },
	{ OPTION_SINGLE_PROCESS, "single-process", NULL,
	  "listener and worker in this process, for a debugger" },
};

#define COUNT (sizeof table / sizeof *table)

enum {
	LONG_JSON = 0x1000000,
	LONG_HELP,
	LONG_VERSION
};

static int
parse_port(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < 0 || number > 65535) {
		fprintf(stderr,
			"portico: --port wants a number from 0 to 65535, "
			"found %s\n",
			text);
		exit(EXIT_USAGE);
	}
	return (int)number;
}

static void
take(struct options *options, unsigned bit)
{
	options->given |= bit;
	switch ((enum option_bit)bit) {
	case OPTION_SOCKET:
		options->socket = optarg;
		break;
	case OPTION_USER:
		options->user = optarg;
		break;
	case OPTION_CONFIG:
		options->config = optarg;
		break;
	case OPTION_METHOD:
		options->method = optarg;
		break;
	case OPTION_SINCE:
		options->since = optarg;
		break;
	case OPTION_POOL:
		options->pool = optarg;
		break;
	case OPTION_FOLLOW:
	case OPTION_BY_EVENT:
	case OPTION_ALL:
	case OPTION_SCHEMA:
	case OPTION_SINGLE_PROCESS:
	case OPTION_STATS:
	case OPTION_WAIT:
		break;
	case OPTION_DIR:
		options->directory = optarg;
		break;
	case OPTION_ROOT:
		options->root = optarg;
		break;
	case OPTION_SETTINGS:
		options->settings = optarg;
		break;
	case OPTION_PORT:
		options->port = parse_port(optarg);
		break;
	}
}

static void
parse_one(struct options *options, int what)
{
	switch (what) {
	case LONG_JSON:
		options->json = true;
		break;
	case 'h':
	case LONG_HELP:
		options->help = true;
		break;
	case LONG_VERSION:
		printf("portico " PORTICO_VERSION "\n");
		exit(0);
	case '?':
		words_print_usage(stderr, NULL);
		exit(EXIT_USAGE);
	default:
		take(options, (unsigned)what);
	}
}

void
options_parse(struct options *options, int argc, char **argv)
{
	struct option rows[COUNT + 4] = {
		{ "json", no_argument, NULL, LONG_JSON },
		{ "help", no_argument, NULL, LONG_HELP },
		{ "version", no_argument, NULL, LONG_VERSION },
	};
	const char *socket = getenv("PORTICO_SOCKET");

	*options = (struct options){
		.socket = socket == NULL ? CLIENT_DEFAULT_SOCKET : socket,
		.config = PORTICO_SYSCONFDIR "/portico.json",
	};
	for (size_t i = 0; i < COUNT; i++)
		rows[3 + i] = (struct option){ table[i].name,
					       table[i].value == NULL ?
						       no_argument :
						       required_argument,
					       NULL, (int)table[i].bit };
	for (;;) {
		int what = getopt_long(argc, argv, "h", rows, NULL);

		if (what == -1)
			return;
		parse_one(options, what);
	}
}

const char *
options_surplus(const struct options *options, unsigned taken)
{
	for (size_t i = 0; i < COUNT; i++)
		if ((options->given & ~taken & table[i].bit) != 0)
			return table[i].name;
	return NULL;
}

void
options_print(FILE *stream, unsigned taken)
{
	char word[32];

	for (size_t i = 0; i < COUNT; i++) {
		if ((taken & table[i].bit) == 0)
			continue;
		snprintf(word, sizeof word, "--%s%s%s", table[i].name,
			 table[i].value == NULL ? "" : " ",
			 table[i].value == NULL ? "" : table[i].value);
		fprintf(stream, "  %-15s %s\n", word, table[i].help);
	}
	fprintf(stream, "  %-15s %s\n  %-15s %s\n", "--json",
		"the answer as JSON", "--help",
		"describes the command that it follows");
}
