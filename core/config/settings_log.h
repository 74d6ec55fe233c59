/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs: how their files change, and the columns of the access log.
 */
#ifndef CORE_CONFIG_SETTINGS_LOG_H
#define CORE_CONFIG_SETTINGS_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum settings_log_period {
	SETTINGS_LOG_NEVER,
	SETTINGS_LOG_HOURLY,
	SETTINGS_LOG_DAILY,
	SETTINGS_LOG_WEEKLY,
	SETTINGS_LOG_MONTHLY,
};

/* When a log goes on in another file, and which older ones stay. */
struct settings_log_rotation {
	enum settings_log_period period;
	uint64_t truncate_size; /* bytes; 0: no limit */
	bool local; /* time of day; else UTC */
	uint32_t keep_files; /* 0: all */
	uint64_t keep_for; /* ns; 0: for ever */
};

/* One column of the access log, in the order of the file. */
enum settings_log_field {
	SETTINGS_LOG_DATE, /* date */
	SETTINGS_LOG_TIME, /* time */
	SETTINGS_LOG_SITE, /* s-sitename */
	SETTINGS_LOG_SERVER_IP, /* s-ip */
	SETTINGS_LOG_METHOD, /* cs-method */
	SETTINGS_LOG_URI_STEM, /* cs-uri-stem */
	SETTINGS_LOG_URI_QUERY, /* cs-uri-query */
	SETTINGS_LOG_SERVER_PORT, /* s-port */
	SETTINGS_LOG_USER, /* cs-username */
	SETTINGS_LOG_CLIENT_IP, /* c-ip */
	SETTINGS_LOG_PROTOCOL, /* cs-version */
	SETTINGS_LOG_HOST, /* cs-host */
	SETTINGS_LOG_USER_AGENT, /* cs(User-Agent) */
	SETTINGS_LOG_REFERER, /* cs(Referer) */
	SETTINGS_LOG_STATUS, /* sc-status */
	SETTINGS_LOG_SUBSTATUS, /* sc-substatus */
	SETTINGS_LOG_WIN32_STATUS, /* sc-win32-status */
	SETTINGS_LOG_BYTES_SENT, /* sc-bytes */
	SETTINGS_LOG_BYTES_RECEIVED, /* cs-bytes */
	SETTINGS_LOG_TIME_TAKEN, /* time-taken, milliseconds */
	SETTINGS_LOG_CACHE, /* x-cache: HIT, or MISS where it might have been */
	SETTINGS_LOG_FIELD_COUNT
};

/* The field's name in the log and in the configuration. */
const char *settings_log_field_name(enum settings_log_field field);

#endif
