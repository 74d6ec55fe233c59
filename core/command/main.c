/* SPDX-License-Identifier: Apache-2.0
 *
 * portico: the command.  Options and wiring.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/command/client.h"
#include "core/command/words.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_NO_SERVER 3

struct options {
	const char *socket;
	bool json;
	bool help;
	bool wait;
};

static void
parse(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "wait", no_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};

	for (;;) {
		switch (getopt_long(argc, argv, "h", long_options, NULL)) {
		case -1:
			return;
		case 's':
			options->socket = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'w':
			options->wait = true;
			break;
		case 'h':
			options->help = true;
			break;
		case 'v':
			printf("portico " PORTICO_VERSION "\n");
			exit(0);
		default:
			words_print_usage(stderr);
			exit(EXIT_USAGE);
		}
	}
}

static int
run(const struct command *command, const char *argument,
    const struct options *options)
{
	json_t *request = json_pack("{s:s}", "type", command->type);
	json_t *answer = NULL;
	struct portico_error err;
	int result = 0;

	if (argument != NULL)
		json_object_set_new(request, command->argument,
				    json_string(argument));
	if (options->wait)
		json_object_set_new(request, "wait", json_true());
	if (client_ask(options->socket, request,
		       command->patient ? 0 : CLIENT_TIMEOUT_S, &answer,
		       &err) != PORTICO_OK) {
		error_prefix(&err, "portico");
		error_print(stderr, &err);
		return err.status == PORTICO_NOT_FOUND ? EXIT_NO_SERVER :
							 EXIT_FAILED;
	}
	if (!json_is_true(json_object_get(answer, "ok")))
		result = EXIT_FAILED;
	json_object_del(answer, "type");
	if (options->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		printf("\n");
	} else if (result == 0) {
		command->show(answer);
	} else {
		show_error(answer);
	}
	json_decref(answer);
	return result;
}

int
main(int argc, char **argv)
{
	struct options options = { .socket = getenv("PORTICO_SOCKET") };
	const struct command *command;
	int used, wanted;

	if (options.socket == NULL)
		options.socket = CLIENT_DEFAULT_SOCKET;
	parse(&options, argc, argv);
	argc -= optind;
	argv += optind;
	command = words_find(argv, argc, &used);
	if (command == NULL) {
		if (argc > 0)
			fprintf(stderr, "portico: no such command: %s%s%s\n",
				argv[0], argc > 1 ? " " : "",
				argc > 1 ? argv[1] : "");
		words_print_usage(options.help ? stdout : stderr);
		return options.help ? 0 : EXIT_USAGE;
	}
	if (options.help) {
		words_print_help(command);
		return 0;
	}
	if (options.wait && !command->may_wait) {
		fprintf(stderr, "portico: %s does not know --wait\n",
			command->words);
		return EXIT_USAGE;
	}
	wanted = used + (command->argument == NULL ? 0 : 1);
	if (argc != wanted) {
		fprintf(stderr, "Usage: portico %s%s\n", command->words,
			command->argument == NULL ? "" : " NAME");
		return EXIT_USAGE;
	}
	return run(command, command->argument == NULL ? NULL : argv[used],
		   &options);
}
