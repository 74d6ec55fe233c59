/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of modules, for people.
 */
#ifndef CORE_COMMAND_SHOW_METRICS_H
#define CORE_COMMAND_SHOW_METRICS_H

#include <jansson.h>

/* `modules`: the rows of `module list --stats`, one for each worker.  Prints
 * nothing if they have no metrics. */
void show_metrics(const json_t *modules);

#endif
