/* SPDX-License-Identifier: Apache-2.0
 *
 * The words that the portico command understands.
 */
#ifndef CORE_COMMAND_WORDS_H
#define CORE_COMMAND_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#include "core/command/show.h"

struct options;

/* Returns the exit status; `argument` NULL if the command takes none. */
typedef int command_fn(const struct options *options, const char *argument);

/* Either porticod answers it (`type`, `show`), or it is done here (`run`). */
struct command {
	const char *words; /* one or two */
	const char *argument; /* as the usage names it, or NULL */
	unsigned takes; /* enum option_bit */
	const char *help;
	const char *more; /* for --help, sentences; or NULL */
	const char *type; /* of the request */
	const char *member; /* of the request, for the argument */
	show_fn *show;
	bool patient; /* porticod itself limits how long it takes */
	command_fn *run;
};

/* The command that the words name, or NULL; *used_r: how many of them. */
const struct command *words_find(char *const *words, int count, int *used_r);

/* Does a command begin with this word: "pool"? */
bool words_is_group(const char *group);

/* All commands, or those that begin with the word `group`. */
void words_print_usage(FILE *stream, const char *group);
void words_print_synopsis(FILE *stream, const struct command *command);
void words_print_help(const struct command *command);

#endif
