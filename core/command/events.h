/* SPDX-License-Identifier: Apache-2.0
 *
 * portico events: what happened, and with --follow what happens.
 */
#ifndef CORE_COMMAND_EVENTS_H
#define CORE_COMMAND_EVENTS_H

struct options;

int events_run(const struct options *options, const char *argument);

#endif
