/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of commands.
 */
#include "core/command/words.h"

#include <ctype.h>
#include <string.h>

#include "core/command/events.h"
#include "core/command/module.h"
#include "core/command/options.h"

static const char upgrade_help[] =
	"Starts the portico-listener that is on disk now, on the same\n"
	"sockets and with the same workers.  When it serves, the old one\n"
	"accepts no more, finishes what it has and ends, at the latest after\n"
	"listener.shutdownTimeLimit.  If the new one does not get that far,\n"
	"the old one goes on, nothing has changed, and the exit status is 1.\n";

static const char upgrade_manager_help[] =
	"Runs the porticod that is on disk now in place of the one that runs:\n"
	"as the same process, with the same listener and workers, which serve\n"
	"meanwhile and notice nothing.  It is asked first whether it understands\n"
	"what the old one would hand over.  If it does not, or cannot be run,\n"
	"the old one goes on, nothing has changed, and the exit status is 1.\n"
	"Then it reads the configuration, as \"portico reload\" does.\n";

static const char flush_help[] =
	"The URL is http://HOST:PORT/PATH, as it was asked for, the path\n"
	"decoded; the host \"*\" stands for each.  A path that ends with a\n"
	"slash stands for all that begins with it.\n";

static const char events_help[] =
	"The last 2,048 events, oldest first; they outlive porticod.  Their\n"
	"numbers are permanent and described in docs/messages.md.  With\n"
	"--json each is an object on a line of its own.\n";

static const char stats_help[] =
	"With --stats: what the workers have counted of their modules since\n"
	"they began.  Times are taken of one call in 64 on the average (CPU\n"
	"time: in 1,024) and scaled, so they say little of few calls; a call\n"
	"within a call counts for both modules.  PENDING is how many requests\n"
	"wait for the module now.  Then what modules count themselves, summed\n"
	"over the workers; with --by-event before it calls by module and event,\n"
	"summed as well (\"FILTER\": its response filter; \"CALLBACK\": timers\n"
	"and what else happens in no event).\n";

/* Answered by porticod. */
#define ASK(words_, argument_, member_, type_, show_, help_)                   \
	{                                                                      \
		.words = (words_), .argument = (argument_),                    \
		.member = (member_), .type = (type_), .show = (show_),         \
		.help = (help_), .takes = OPTION_SOCKET                        \
	}

/* Done here. */
#define RUN(words_, argument_, takes_, run_, help_)                            \
	{                                                                      \
		.words = (words_), .argument = (argument_), .takes = (takes_), \
		.run = (run_), .help = (help_)                                 \
	}

static const struct command commands[] = {
	ASK("status", NULL, NULL, "status", show_status,
	    "the server, its listener and its pools"),
	ASK("pool list", NULL, NULL, "pool-list", show_pools,
	    "all pools: state, queue, counters"),
	ASK("pool show", "NAME", "pool", "pool-show", show_pool,
	    "one pool: workers, and how its last starts went"),
	ASK("pool starts", "NAME", "pool", "pool-show", show_pool_starts,
	    "only how its last starts went, step by step"),
	ASK("pool start", "NAME", "pool", "pool-start", show_pool_change,
	    "start a pool that is stopped or was disabled"),
	ASK("pool enable", "NAME", "pool", "pool-start", show_pool_change,
	    "the same as pool start, by another name"),
	ASK("pool stop", "NAME", "pool", "pool-stop", show_pool_change,
	    "stop a pool: its workers finish, requests get 503"),
	ASK("pool restart", "NAME", "pool", "pool-restart", show_pool_change,
	    "end its workers, then start others: requests wait meanwhile"),
	ASK("pool recycle", "NAME", "pool", "pool-recycle", show_pool_recycle,
	    "replace its workers, one after the other, without a gap"),
	ASK("pool flush", "NAME", "pool", "pool-flush", show_pool_flush,
	    "ask its modules to give back memory that they keep for speed"),
	ASK("site list", NULL, NULL, "site-list", show_sites,
	    "all sites: state, bindings, pools"),
	ASK("site start", "NAME", "site", "site-start", show_site_change,
	    "start a site that is stopped"),
	ASK("site stop", "NAME", "site", "site-stop", show_site_change,
	    "stop a site: its requests get 503, its pools go on"),
	ASK("worker list", NULL, NULL, "worker-list", show_workers,
	    "all worker processes"),
	ASK("worker show", "ID", "worker", "worker-show", show_worker,
	    "one worker: its modules, and how it was started"),
	ASK("worker stack", "ID", "worker", "worker-stack", show_stacks,
	    "where its threads are: module, event, request, stack"),
	ASK("request list", NULL, NULL, "request-list", show_requests,
	    "the requests in flight: stage, module, age"),
	ASK("listener show", NULL, NULL, "listener-show", show_listener,
	    "bindings, routes, queues and counters of the listener"),
	ASK("listener urls", NULL, NULL, "listener-urls", show_urls,
	    "which URLs lead where, those that win first"),
	ASK("listener connections", NULL, NULL, "listener-connections",
	    show_connections, "the connections of clients: state, site, age"),
	ASK("listener counters", NULL, NULL, "listener-counters", show_counters,
	    "what the listener has counted: connections, sites, pools"),
	ASK("listener timeouts", NULL, NULL, "listener-timeouts", show_timeouts,
	    "how long and how slow a client may be, where sites differ too"),
	ASK("log reopen", NULL, NULL, "log-reopen", show_logs,
	    "open the logs anew, after somebody has moved them"),
	ASK("listener cache", NULL, NULL, "listener-cache", show_cache,
	    "what the listener keeps of responses, and its hits and misses"),
	{ .words = "listener cache flush",
	  .argument = "URL",
	  .member = "url",
	  .type = "listener-cache-flush",
	  .show = show_cache_flush,
	  .help = "forget what is kept of a URL, with any query",
	  .takes = OPTION_SOCKET | OPTION_ALL,
	  .more = flush_help },
	ASK("listener certs", NULL, NULL, "listener-certs", show_certs,
	    "the certificates that clients are shown, and when they expire"),
	ASK("reload", NULL, NULL, "reload", show_reload,
	    "read the configuration again"),
	{ .words = "upgrade listener",
	  .type = "upgrade-listener",
	  .show = show_upgrade,
	  .help = "replace the listener by the program on disk, without a gap",
	  .takes = OPTION_SOCKET | OPTION_WAIT,
	  .patient = true,
	  .more = upgrade_help },
	{ .words = "upgrade manager",
	  .type = "upgrade-manager",
	  .show = show_upgrade_manager,
	  .help = "replace porticod by the program on disk, without a gap",
	  .takes = OPTION_SOCKET,
	  .patient = true,
	  .more = upgrade_manager_help },
	{ .words = "module list",
	  .type = "module-list",
	  .show = show_modules,
	  .help = "which modules are loaded: versions, files, pools, workers",
	  .takes = OPTION_SOCKET | OPTION_STATS | OPTION_BY_EVENT,
	  .more = stats_help },
	{ .words = "events",
	  .takes = OPTION_SOCKET | OPTION_FOLLOW | OPTION_SINCE | OPTION_POOL,
	  .run = events_run,
	  .help = "what happened: starts, failures, recycling, reloads",
	  .more = events_help },
	RUN("module new", "NAME", OPTION_DIR, module_new,
	    "make a project for a module: builds, tests and runs with make"),
	RUN("module run", "FILE",
	    OPTION_ROOT | OPTION_PORT | OPTION_SETTINGS | OPTION_USER |
		    OPTION_SINGLE_PROCESS,
	    module_run,
	    "serve with this module, again whenever the file changes"),
	RUN("module check", "FILE", OPTION_USER, module_check,
	    "is the file a module that this server can load?"),
	RUN("module doc", "NAME|FILE",
	    OPTION_CONFIG | OPTION_SCHEMA | OPTION_USER, module_doc,
	    "what a module is and the settings of its section"),
	RUN("module order", "SITE/PATH",
	    OPTION_CONFIG | OPTION_METHOD | OPTION_USER, module_order,
	    "which modules run for this request, in which order, and why"),
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* Is `group` the first of its words? */
static bool
words_belong(const struct command *command, const char *group)
{
	size_t length = strlen(group);

	return strncmp(command->words, group, length) == 0 &&
	       (command->words[length] == ' ' ||
		command->words[length] == '\0');
}

bool
words_is_group(const char *group)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (words_belong(&commands[i], group))
			return true;
	return false;
}

void
words_print_usage(FILE *stream, const char *group)
{
	fprintf(stream, "Usage: portico %s%sCOMMAND [OPTIONS]\n\n",
		group == NULL ? "" : group, group == NULL ? "" : " ");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (group != NULL && !words_belong(&commands[i], group))
			continue;
		fprintf(stream, "  %-20s %-9s %s\n", commands[i].words,
			commands[i].argument == NULL ? "" :
						       commands[i].argument,
			commands[i].help);
	}
	fputs("\n", stream);
	options_print(stream, OPTION_SOCKET);
	fputs("  --version\n"
	      "\n"
	      "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no "
	      "server.\n",
	      stream);
}

void
words_print_synopsis(FILE *stream, const struct command *command)
{
	fprintf(stream, "Usage: portico %s%s%s%s [OPTIONS]\n", command->words,
		command->argument == NULL ? "" : " ",
		command->argument == NULL ? "" : command->argument,
		(command->takes & OPTION_WAIT) != 0 ?
			" [--wait]" :
		(command->takes & OPTION_STATS) != 0 ?
			" [--stats | --by-event]" :
		(command->takes & OPTION_ALL) != 0 ? "|--all" :
						     "");
}

/* "replace its workers" is a line of the list, and "Replace its workers." the
   first sentence of a command's own help. */
static void
print_sentence(const char *text)
{
	bool asks = text[strlen(text) - 1] == '?';

	printf("\n%c%s%s\n\n", toupper((unsigned char)text[0]), text + 1,
	       asks ? "" : ".");
}

void
words_print_help(const struct command *command)
{
	words_print_synopsis(stdout, command);
	print_sentence(command->help);
	if (command->more != NULL)
		printf("%s\n", command->more);
	options_print(stdout, command->takes);
}

const struct command *
words_find(char *const *words, int count, int *used_r)
{
	char text[64];

	for (*used_r = count < 3 ? count : 3; *used_r > 0; --*used_r) {
		snprintf(text, sizeof text, "%s%s%s%s%s", words[0],
			 *used_r > 1 ? " " : "", *used_r > 1 ? words[1] : "",
			 *used_r > 2 ? " " : "", *used_r > 2 ? words[2] : "");
		for (size_t i = 0; i < COMMAND_COUNT; i++)
			if (strcmp(commands[i].words, text) == 0)
				return &commands[i];
	}
	return NULL;
}
