/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs: how their files change, and the columns of the access log.
 */
#ifndef CORE_CONFIG_SETTINGS_LOG_H
#define CORE_CONFIG_SETTINGS_LOG_H

#include <stdbool.h>
#include <stddef.h>
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

/* What a column shows; the texts are names in log and configuration. */
#define SETTINGS_LOG_FIELD_MAP(X)                                              \
	X(DATE, "date")                                                        \
	X(TIME, "time")                                                        \
	X(SITE, "s-sitename")                                                  \
	X(COMPUTER, "s-computername")                                          \
	X(SERVER_IP, "s-ip")                                                   \
	X(METHOD, "cs-method")                                                 \
	X(URI_STEM, "cs-uri-stem")                                             \
	X(URI_QUERY, "cs-uri-query")                                           \
	X(SERVER_PORT, "s-port")                                               \
	X(USER, "cs-username")                                                 \
	X(CLIENT_IP, "c-ip")                                                   \
	X(CLIENT_PORT, "c-port")                                               \
	X(PROTOCOL, "cs-version")                                              \
	X(HOST, "cs-host")                                                     \
	X(USER_AGENT, "cs(User-Agent)")                                        \
	X(COOKIE, "cs(Cookie)")                                                \
	X(REFERER, "cs(Referer)")                                              \
	X(STATUS, "sc-status")                                                 \
	X(SUBSTATUS, "sc-substatus")                                           \
	X(WIN32_STATUS, "sc-win32-status")                                     \
	X(REASON, "sc-reason")                                                 \
	X(BYTES_SENT, "sc-bytes")                                              \
	X(BYTES_RECEIVED, "cs-bytes")                                          \
	X(TIME_TAKEN, "time-taken") /* milliseconds */                         \
	X(STREAM, "streamid") /* of HTTP/2 */                                  \
	X(CACHE, "x-cache") /* HIT, or MISS where it might have been */        \
	X(BETWEEN, NULL) /* "time(head,finished)", microseconds */             \
	X(REQUEST_HEADER, NULL) /* custom */                                   \
	X(RESPONSE_HEADER, NULL)                                               \
	X(VARIABLE, NULL)

enum settings_log_field {
#define SETTINGS_LOG_FIELD_ENUM(symbol, name) SETTINGS_LOG_##symbol,
	SETTINGS_LOG_FIELD_MAP(SETTINGS_LOG_FIELD_ENUM)
#undef SETTINGS_LOG_FIELD_ENUM
	SETTINGS_LOG_FIELD_COUNT
};

/* Moments of a request; "time(A,B)" shows how long after A B was. */
#define SETTINGS_LOG_MOMENT_MAP(X)                                             \
	X(FIRST_BYTE, "first-byte") /* of the request has come */              \
	X(HEAD, "head") /* is complete */                                      \
	X(QUEUED, "queued")                                                    \
	X(WORKER, "worker") /* had to be started, and is ready */              \
	X(ASSIGNED, "assigned") /* to a worker */                              \
	X(RESPONSE, "response") /* its head has come from the worker */        \
	X(FINISHED, "finished") /* the last byte was sent */

enum settings_log_moment {
#define SETTINGS_LOG_MOMENT_ENUM(symbol, name) SETTINGS_LOG_MOMENT_##symbol,
	SETTINGS_LOG_MOMENT_MAP(SETTINGS_LOG_MOMENT_ENUM)
#undef SETTINGS_LOG_MOMENT_ENUM
	SETTINGS_LOG_MOMENTS
};

/* Server variables that the listener knows. */
#define SETTINGS_LOG_VARIABLE_MAP(X)                                           \
	X(APP_POOL_ID, "APP_POOL_ID")                                          \
	X(APPL_PATH, "APPL_PATH") /* of the application */                     \
	X(CACHE_HIT, "CACHE_HIT") /* on or off */                              \
	X(CONNECTION_ID, "CONNECTION_ID")                                      \
	X(HTTPS, "HTTPS") /* on or off */                                      \
	X(INSTANCE_ID, "INSTANCE_ID") /* of the site */                        \
	X(REQUEST_ID, "REQUEST_ID") /* as error pages have it */

enum settings_log_variable {
#define SETTINGS_LOG_VARIABLE_ENUM(symbol, name) SETTINGS_LOG_VARIABLE_##symbol,
	SETTINGS_LOG_VARIABLE_MAP(SETTINGS_LOG_VARIABLE_ENUM)
#undef SETTINGS_LOG_VARIABLE_ENUM
	SETTINGS_LOG_VARIABLES
};

/* Columns of one log, and bytes of their names: with all of them a line has
 * still room for values. */
#define SETTINGS_LOG_FIELDS_MAX 48
#define SETTINGS_LOG_CUSTOM_MAX 32
#define SETTINGS_LOG_COLUMNS_MAX                                               \
	(SETTINGS_LOG_FIELDS_MAX + SETTINGS_LOG_CUSTOM_MAX)
#define SETTINGS_LOG_NAME_MAX 64

struct settings_log_column {
	const char *name; /* in the log */
	enum settings_log_field field;
	bool custom; /* of customFields */
	const char *source; /* REQUEST_HEADER, RESPONSE_HEADER: of the field;
			       VARIABLE: its name */
	unsigned number; /* RESPONSE_HEADER: counted from 0 in this log;
			    VARIABLE: enum settings_log_variable */
	enum settings_log_moment from, to; /* BETWEEN */
};

enum settings_log_format {
	SETTINGS_LOG_W3C,
	SETTINGS_LOG_JSON,
};

struct settings_access_log {
	bool enabled;
	enum settings_log_format format;
	const char *file; /* as configured: relative to log_directory; a
			     site's own: absolute; NULL: the site has none */
	const char *pattern; /* sites: `file` with {site} and {id} */
	struct settings_log_rotation rotation;
	const struct settings_log_column *columns;
	size_t column_count;
	bool custom; /* there are customFields */
	unsigned response_headers; /* columns that show one */
};

#endif
