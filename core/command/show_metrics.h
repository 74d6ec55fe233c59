/* SPDX-License-Identifier: Apache-2.0
 *
 * What modules cost and count, summed over the workers, for people.
 */
#ifndef CORE_COMMAND_SHOW_METRICS_H
#define CORE_COMMAND_SHOW_METRICS_H

#include <jansson.h>

/* Members of the answer to `module list --stats`: print a table each, or
 * nothing if they are missing or empty. */
void show_events(const json_t *events);
void show_metrics(const json_t *metrics);

#endif
