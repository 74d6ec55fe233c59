/* SPDX-License-Identifier: Apache-2.0
 *
 * When a log file has to give way to the next one, what it is called then, and
 * which of the older ones go.
 *
 * The file that is written has the name of the configuration.  One that is over
 * gets the time that it is of before its extension: access-20261123.log by the
 * day, access-20261123-14.log by the hour, access-2026w48.log, access-202611.log;
 * by size alone that of its end, access-20261123-145902.log.  If there is one of
 * that name, access-20261123.2.log and so on.
 */
#ifndef CORE_LISTENER_LOG_ROTATION_H
#define CORE_LISTENER_LOG_ROTATION_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/config/settings_log.h"

/* Whether `more` bytes are for the next file; `begun` is a time that the
 * present one has lines of, `size` its bytes. */
bool log_rotation_is_due(const struct settings_log_rotation *rotation,
			 time_t begun, uint64_t size, uint64_t more,
			 time_t now);

/*
 * Renames the file and removes what is not to be kept.  Blocks.  An errno value
 * if it could not be renamed, 0 else; what cannot be removed stays.
 */
int log_rotation_do(const struct settings_log_rotation *rotation,
		    const char *path, time_t begun, time_t now);

#endif
