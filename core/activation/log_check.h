/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the listener could write its logs, asked before it is started.
 */
#ifndef CORE_ACTIVATION_LOG_CHECK_H
#define CORE_ACTIVATION_LOG_CHECK_H

struct config_problems;
struct settings;

/*
 * Adds a problem for each directory or file that stands in the way of a log, as
 * the listener's user would find it; writes nothing.  Forks: only for a process
 * without threads.
 */
void log_check(const struct settings *settings,
	       struct config_problems *problems);

#endif
