/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of struct settings_limits, in the tables of the listener and of a
 * site.
 */
#ifndef CORE_CONFIG_SETTINGS_LIMIT_ROWS_H
#define CORE_CONFIG_SETTINGS_LIMIT_ROWS_H

#include "core/config/table.h"

#define SETTINGS_LIMIT_DAY 86400000000000 /* ns */

/* `at` is where the struct is in `structure`. */
#define SETTINGS_LIMIT_ROWS(structure, at)                                      \
	CONFIG_SIZE(structure, at.max_request_bytes, "maxRequestBytes",         \
		    .fallback = "16KiB", .min = 512, .max = 48 * 1024,          \
		    .prose = "Largest request line and headers together."),     \
		CONFIG_SIZE(                                                    \
			structure, at.max_request_line, "maxRequestLine",       \
			.fallback = "0", .flags = CONFIG_ZERO, .min = 64,       \
			.max = 48 * 1024,                                       \
			.prose =                                                \
				"Longest request line; a longer one gets 414. " \
				"0: as maxRequestBytes."),                      \
		CONFIG_INTEGER(structure, at.max_header_count,                  \
			       "maxHeaderCount", .fallback = "100", .min = 1,   \
			       .max = 1000,                                     \
			       .prose = "Most header fields of a request."),    \
		CONFIG_INTEGER(structure, at.url_segment_max_count,             \
			       "urlSegmentMaxCount", .fallback = "255",         \
			       .min = 1, .max = 16383,                          \
			       .prose = "Most segments of a path."),            \
		CONFIG_INTEGER(                                                 \
			structure, at.url_segment_max_length,                   \
			"urlSegmentMaxLength", .fallback = "260", .min = 1,     \
			.max = 32766,                                           \
			.prose = "Longest segment of a path, in bytes."),       \
		CONFIG_INTEGER(                                                 \
			structure, at.max_requests_per_connection,              \
			"maxRequestsPerConnection", .fallback = "0", .min = 0,  \
			.max = UINT32_MAX,                                      \
			.prose = "After so many requests a connection is "      \
				 "closed. 0: no limit."),                       \
		CONFIG_DURATION(                                                \
			structure, at.header_wait_timeout,                      \
			"headerWaitTimeout", .fallback = "120s",                \
			.flags = CONFIG_ZERO, .min = 1000000,                   \
			.max = SETTINGS_LIMIT_DAY,                              \
			.prose = "How long a request's head may take. 0: no "   \
				 "limit."),                                     \
		CONFIG_DURATION(                                                \
			structure, at.connection_timeout, "connectionTimeout",  \
			.fallback = "120s", .flags = CONFIG_ZERO,               \
			.min = 1000000, .max = SETTINGS_LIMIT_DAY,              \
			.prose =                                                \
				"How long a connection may wait for its next "  \
				"request. 0: no limit."),                       \
		CONFIG_DURATION(                                                \
			structure, at.entity_body_timeout,                      \
			"entityBodyTimeout", .fallback = "120s",                \
			.flags = CONFIG_ZERO, .min = 1000000,                   \
			.max = SETTINGS_LIMIT_DAY,                              \
			.prose = "How long a request body may stop arriving. "  \
				 "0: no limit."),                               \
		CONFIG_DURATION(                                                \
			structure, at.drain_entity_body_timeout,                \
			"drainEntityBodyTimeout", .fallback = "120s",           \
			.flags = CONFIG_ZERO, .min = 1000000,                   \
			.max = SETTINGS_LIMIT_DAY,                              \
			.prose = "How long the rest of a body that nobody "     \
				 "reads may take. 0: no limit."),               \
		CONFIG_INTEGER(                                                 \
			structure, at.min_send_rate, "minSendRate",             \
			.fallback = "240", .min = 0, .max = 1000000000,         \
			.prose = "Slowest client that is still served, in "     \
				 "bytes per second, on the average of "         \
				 "minSendRateWindow. 0: no limit."),            \
		CONFIG_DURATION(                                                \
			structure, at.min_send_rate_window,                     \
			"minSendRateWindow", .fallback = "120s",                \
			.min = 1000000000, .max = SETTINGS_LIMIT_DAY,           \
			.prose =                                                \
				"Time in which a client has to take "           \
				"minSendRate on average; its window opens in "  \
				"large steps."),                                \
		CONFIG_INTEGER(                                                 \
			structure, at.min_receive_rate, "minReceiveRate",       \
			.fallback = "240", .min = 0, .max = 1000000000,         \
			.prose =                                                \
				"Slowest request body that is still waited "    \
				"for, in bytes per second, on the average of "  \
				"entityBodyTimeout (or 120 s). 0: no limit.")

#endif
