/* SPDX-License-Identifier: Apache-2.0
 *
 * The access log: a line in W3C extended format for each request that reached
 * a site.
 */
#ifndef CORE_LISTENER_ACCESS_LOG_H
#define CORE_LISTENER_ACCESS_LOG_H

#include <portico/types.h>

#include "core/config/settings.h"
#include "core/listener/log_text.h"

struct listener_request;

/* What a line can say; texts are those of the client and not trusted. */
struct access_log_entry {
	int64_t second; /* since 1970 */
	struct portico_slice site, server_ip, method, stem, query, user;
	struct portico_slice cache;
	struct portico_slice client_ip, protocol, host, user_agent, referer;
	uint16_t port, status, substatus;
	int32_t os_error;
	uint64_t sent, received; /* bytes */
	uint64_t milliseconds;
};

/* Appends one line with its newline. */
void access_log_format(struct log_text *text, struct log_clock *clock,
		       const enum settings_log_field *fields,
		       size_t field_count,
		       const struct access_log_entry *entry);

/* The request has ended: add its line to the loop's part of the log. */
void access_log_request(const struct listener_request *request);

/* "#Fields: ..." without newline, into `text`. */
void access_log_fields(struct log_text *text,
		       const enum settings_log_field *fields,
		       size_t field_count);

#endif
