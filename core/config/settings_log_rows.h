/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of struct raw_log_rotation, in the tables of each log.
 */
#ifndef CORE_CONFIG_SETTINGS_LOG_ROWS_H
#define CORE_CONFIG_SETTINGS_LOG_ROWS_H

#include "core/config/table.h"

/* When a file is over; `at` is where the struct is. */
#define SETTINGS_ROTATION_ROWS(structure, at)                                    \
	CONFIG_ENUM(structure, at.period, "period", .fallback = "None",          \
		    .words = settings_log_periods,                               \
		    .prose = "How often another file is begun; the old one "     \
			     "gets its time into its name, "                     \
			     "access-20261123.log."),                            \
		CONFIG_SIZE(                                                     \
			structure, at.truncate_size, "truncateSize",             \
			.fallback = "0", .flags = CONFIG_ZERO, .min = 65536,     \
			.prose =                                                 \
				"Another file is begun before one gets larger. " \
				"0: no limit."),                                 \
		CONFIG_BOOL(                                                     \
			structure, at.local, "localTimeRollover",                \
			.fallback = "false",                                     \
			.prose =                                                 \
				"Whether periods and names are by local time, "  \
				"not UTC."),                                     \
		CONFIG_INTEGER(                                                  \
			structure, at.keep_files, "keepFiles",                   \
			.fallback = "0", .min = 0, .max = 1000000,               \
			.prose = "So many older files stay, the oldest are "     \
				 "removed. 0: all stay."),                       \
		CONFIG_DURATION(                                                 \
			structure, at.keep_for, "keepFor", .fallback = "0",      \
			.flags = CONFIG_ZERO, .min = 1000000000,                 \
			.max = 315360000000000000,                               \
			.prose = "How long an older file stays. 0: for ever.")

#endif
