/* SPDX-License-Identifier: Apache-2.0
 *
 * portico: the command.  Options and wiring.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/command/client.h"
#include "core/command/options.h"
#include "core/command/words.h"

/* Lets porticod answer. */
static int
ask(const struct command *command, const char *argument,
    const struct options *options)
{
	json_t *request = json_pack("{s:s}", "type", command->type);
	json_t *answer = NULL;
	struct portico_error err;
	int result = 0;

	if (argument != NULL)
		json_object_set_new(request, command->member,
				    json_string(argument));
	if ((options->given & OPTION_WAIT) != 0)
		json_object_set_new(request, "wait", json_true());
	if ((options->given & OPTION_STATS) != 0)
		json_object_set_new(request, "stats", json_true());
	if ((options->given & OPTION_BY_EVENT) != 0)
		json_object_set_new(request, "byEvent", json_true());
	if ((options->given & OPTION_ALL) != 0)
		json_object_set_new(request, "all", json_true());
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
		client_make_printable(answer);
		command->show(answer);
	} else {
		show_error(answer);
	}
	json_decref(answer);
	return result;
}

static int
refuse_words(int argc, char **argv, const struct options *options)
{
	const char *group = argc > 0 && words_is_group(argv[0]) ? argv[0] :
								  NULL;
	bool wrong = argc > (group == NULL ? 0 : 1);

	if (wrong)
		fprintf(stderr, "portico: no such command: %s%s%s\n", argv[0],
			argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	else if (group != NULL && !options->help)
		fprintf(stderr, "portico: %s needs one more word\n", group);
	words_print_usage(options->help && !wrong ? stdout : stderr, group);
	return options->help && !wrong ? 0 : EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	const struct command *command;
	const char *surplus, *argument;
	struct options options;
	int used, wanted;

	options_parse(&options, argc, argv);
	argc -= optind;
	argv += optind;
	command = words_find(argv, argc, &used);
	if (command == NULL)
		return refuse_words(argc, argv, &options);
	if (options.help) {
		words_print_help(command);
		return 0;
	}
	wanted = command->argument == NULL || (options.given & command->takes &
					       OPTION_ALL) != 0 ?
			 0 :
			 1;
	if (argc != used + wanted) {
		if (argc < used + wanted)
			fprintf(stderr, "portico: %s needs %s\n",
				command->words, command->argument);
		else
			fprintf(stderr, "portico: %s cannot use \"%s\"\n",
				command->words, argv[used + wanted]);
		words_print_synopsis(stderr, command);
		return EXIT_USAGE;
	}
	surplus = options_surplus(&options, command->takes);
	if (surplus != NULL) {
		fprintf(stderr, "portico: %s does not know --%s\n",
			command->words, surplus);
		return EXIT_USAGE;
	}
	argument = wanted == 0 ? NULL : argv[used];
	if (command->run != NULL)
		return command->run(&options, argument);
	return ask(command, argument, &options);
}
