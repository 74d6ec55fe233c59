/* SPDX-License-Identifier: Apache-2.0
 *
 * The words that the portico command understands.
 */
#ifndef CORE_COMMAND_WORDS_H
#define CORE_COMMAND_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#include "core/command/show.h"

struct command {
	const char *words; /* one or two */
	const char *argument; /* member of the request that it fills, or NULL */
	const char *type; /* of the request */
	show_fn *show;
	const char *help;
	bool patient; /* porticod itself limits how long it takes */
	bool may_wait; /* accepts --wait */
	const char *more; /* for --help, sentences; or NULL */
};

/* The command that the words name, or NULL; *used_r: how many of them. */
const struct command *words_find(char *const *words, int count, int *used_r);

void words_print_usage(FILE *stream);
void words_print_help(const struct command *command);

#endif
