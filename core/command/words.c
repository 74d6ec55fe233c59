/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of commands.
 */
#include "core/command/words.h"

#include <string.h>

#include "core/command/client.h"

static const char upgrade_help[] =
	"Starts the portico-listener that is on disk now, on the same\n"
	"sockets and with the same workers.  When it serves, the old one\n"
	"accepts no more, finishes what it has and ends, at the latest after\n"
	"listener.shutdownTimeLimit.  If the new one does not get that far,\n"
	"the old one goes on, nothing has changed, and the exit status is 1.\n"
	"\n"
	"  --wait  return when the old listener is gone, not when the new\n"
	"          one serves\n";

static const struct command commands[] = {
	{ "status", NULL, "status", show_status,
	  .help = "the server, its listener and its pools" },
	{ "pool list", NULL, "pool-list", show_pools,
	  .help = "all pools: state, queue, counters" },
	{ "pool show", "pool", "pool-show", show_pool,
	  .help = "one pool: workers, and how its last starts went" },
	{ "pool start", "pool", "pool-start", show_pool_change,
	  .help = "start a pool that is stopped or was disabled" },
	{ "pool stop", "pool", "pool-stop", show_pool_change,
	  .help = "stop a pool: its workers finish, requests get 503" },
	{ "pool recycle", "pool", "pool-recycle", show_pool_change,
	  .help = "replace its workers, one after the other, without a gap" },
	{ "worker list", NULL, "worker-list", show_workers,
	  .help = "all worker processes" },
	{ "request list", NULL, "request-list", show_requests,
	  .help = "the requests in flight: stage, module, age" },
	{ "listener show", NULL, "listener-show", show_listener,
	  .help = "bindings, routes, queues and counters of the listener" },
	{ "reload", NULL, "reload", show_reload,
	  .help = "read the configuration again" },
	{ "upgrade listener", NULL, "upgrade-listener", show_upgrade,
	  .help = "replace the listener by the program on disk, without a gap",
	  .patient = true, .may_wait = true, .more = upgrade_help },
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

void
words_print_usage(FILE *stream)
{
	fputs("Usage: portico [--socket PATH] [--json] COMMAND\n\n", stream);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(stream, "  %-16s %-5s %s\n", commands[i].words,
			commands[i].argument == NULL ? "" : "NAME",
			commands[i].help);
	fputs("\n"
	      "  --socket PATH  control socket of porticod (PORTICO_SOCKET, "
	      "else\n"
	      "                 " CLIENT_DEFAULT_SOCKET ")\n"
	      "  --json         the answer as JSON\n"
	      "  --wait         upgrade listener: until the old one is gone\n"
	      "  --version, --help; --help after a command describes it\n"
	      "\n"
	      "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no "
	      "server.\n",
	      stream);
}

void
words_print_help(const struct command *command)
{
	printf("Usage: portico %s%s%s [--socket PATH] [--json]\n\nShows or "
	       "does: %s.\n",
	       command->words, command->argument == NULL ? "" : " NAME",
	       command->may_wait ? " [--wait]" : "", command->help);
	if (command->more != NULL)
		printf("\n%s", command->more);
}

const struct command *
words_find(char *const *words, int count, int *used_r)
{
	char two[64];

	for (*used_r = count < 2 ? count : 2; *used_r > 0; --*used_r) {
		snprintf(two, sizeof two, *used_r == 2 ? "%s %s" : "%s",
			 words[0], *used_r == 2 ? words[1] : "");
		for (size_t i = 0; i < COMMAND_COUNT; i++)
			if (strcmp(commands[i].words, two) == 0)
				return &commands[i];
	}
	return NULL;
}
