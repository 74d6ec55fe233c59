/* SPDX-License-Identifier: Apache-2.0
 *
 * The access log: a line for each request that reached a site, in W3C extended
 * format or as JSON.  What is in the line: access_log.c; how it looks:
 * access_log_format.c.
 */
#ifndef CORE_LISTENER_ACCESS_LOG_H
#define CORE_LISTENER_ACCESS_LOG_H

#include <portico/types.h>

#include "core/config/settings.h"
#include "core/listener/log_text.h"

struct listener_request;

/* What a line can say; texts are those of the client and not trusted.  An
 * empty one is none. */
struct access_log_entry {
	int64_t second; /* since 1970 */
	struct portico_slice site, server_ip, method, stem, query, user;
	struct portico_slice cache;
	struct portico_slice client_ip, protocol, host, user_agent, referer;
	struct portico_slice computer, cookie, reason;
	const struct portico_slice *custom; /* by column; NULL: none */
	uint64_t moments[SETTINGS_LOG_MOMENTS]; /* ns; 0: was not */
	uint16_t port, client_port, status, substatus;
	int32_t os_error;
	uint32_t stream; /* 0: none */
	uint64_t sent, received; /* bytes */
	uint64_t milliseconds;
};

/* Appends one line with its newline. */
void access_log_format(struct log_text *text, struct log_clock *clock,
		       const struct settings_access_log *settings,
		       const struct access_log_entry *entry);

/* "#Fields: ..." without newline, into `text`. */
void access_log_fields(struct log_text *text,
		       const struct settings_access_log *settings);

/* The request has ended: add its line to the loop's part of the log. */
void access_log_request(const struct listener_request *request);

/* A checked response head: keeps what the log will show of its fields. */
void access_log_response(struct listener_request *request, const void *head);

#endif
