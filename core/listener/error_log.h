/* SPDX-License-Identifier: Apache-2.0
 *
 * The error log, with the fields and reasons of HTTP.sys's HTTPERR log: each
 * request or connection that ended in the listener, and why.
 */
#ifndef CORE_LISTENER_ERROR_LOG_H
#define CORE_LISTENER_ERROR_LOG_H

#include <stdint.h>

#include "core/http/reason.h"

struct http_address;
struct listener_connection;
struct listener_loop;
struct listener_request;

/* The fields of each line. */
#define ERROR_LOG_FIELDS                                                       \
	"#Fields: date time c-ip c-port s-ip s-port cs-version cs-method "     \
	"cs-uri streamid sc-status s-siteid s-reason s-queuename x-detail"

/* For request->reason. */
void error_log_request(const struct listener_request *request);

/* A connection that ended between requests or with an incomplete head. */
void error_log_connection(const struct listener_connection *connection,
			  enum http_reason reason);

/* A stream of HTTP/2 that ended without a request, or whose frame ended the
 * connection; 0: none alone.  `detail` may be NULL. */
void error_log_stream(const struct listener_connection *connection,
		      uint32_t stream, enum http_reason reason,
		      const char *detail);

/* The same with what is known besides; `detail` may be NULL. */
void error_log_detail(const struct listener_connection *connection,
		      enum http_reason reason, const char *detail);

/* A client that did not even get a connection. */
void error_log_client(struct listener_loop *loop,
		      const struct http_address *client,
		      const struct http_address *server,
		      enum http_reason reason);

#endif
