/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a request ended in the listener: the vocabulary of the error log.
 * The names are HTTP.sys's, so tools that read its HTTPERR log read ours; it
 * has no word for Timer_ResponseIdle, TlsHandshake, Misdirected and HTTP/2.
 */
#ifndef CORE_HTTP_REASON_H
#define CORE_HTTP_REASON_H

/*
 * X(symbol, name in the log, status of the answer or 0 when the connection
 * ends without one).  Two statuses differ from HTTP.sys, which answers 400:
 * FieldLength and RequestLength are 431 (RFC 6585 section 5).  The place that
 * finds the fault may answer with another status.  Append only.
 */
#define HTTP_REASON_MAP(X)                                                     \
	X(APP_OFFLINE, "AppOffline", 503)                                      \
	X(APP_POOL_TIMER, "AppPoolTimer", 503)                                 \
	X(APP_SHUTDOWN, "AppShutdown", 503)                                    \
	X(DISABLED, "Disabled", 503)                                           \
	X(QUEUE_FULL, "QueueFull", 503)                                        \
	X(CONN_LIMIT, "ConnLimit", 503)                                        \
	X(NOT_AVAILABLE, "N/A", 503)                                           \
	X(NOT_IMPLEMENTED, "N/I", 501)                                         \
	X(INTERNAL, "Internal", 500)                                           \
	X(VERSION, "Version_N/S", 505)                                         \
	X(BAD_REQUEST, "BadRequest", 400)                                      \
	X(VERB, "Verb", 400)                                                   \
	X(URL, "URL", 400)                                                     \
	X(URL_LENGTH, "URL_Length", 414)                                       \
	X(HOSTNAME, "Hostname", 400)                                           \
	X(HEADER, "Header", 400)                                               \
	X(NUMBER, "Number", 400)                                               \
	X(INVALID_CRLF, "Invalid_CR/LF", 400)                                  \
	X(FIELD_LENGTH, "FieldLength", 431)                                    \
	X(REQUEST_LENGTH, "RequestLength", 431)                                \
	X(ENTITY_TOO_LARGE, "EntityTooLarge", 413)                             \
	X(LENGTH_REQUIRED, "LengthRequired", 411)                              \
	X(PRECONDITION, "Precondition", 412)                                   \
	X(FORBIDDEN, "Forbidden", 403)                                         \
	X(CLIENT_RESET, "Client_Reset", 0)                                     \
	X(CONNECTION_DROPPED, "Connection_Dropped", 0)                         \
	X(CONNECTION_DROPPED_LIST_FULL, "Connection_Dropped_List_Full", 0)     \
	X(CONNECTION_ABANDONED_BY_APP_POOL, "Connection_Abandoned_By_AppPool", \
	  502)                                                                 \
	X(CONNECTION_ABANDONED_BY_REQ_QUEUE,                                   \
	  "Connection_Abandoned_By_ReqQueue", 503)                             \
	X(CONNECTIONS_REFUSED, "Connections_Refused", 0)                       \
	X(TIMER_CONNECTION_IDLE, "Timer_ConnectionIdle", 0)                    \
	X(TIMER_HEADER_WAIT, "Timer_HeaderWait", 408)                          \
	X(TIMER_ENTITY_BODY, "Timer_EntityBody", 408)                          \
	X(TIMER_APP_POOL, "Timer_AppPool", 503)                                \
	X(TIMER_REQ_QUEUE, "Timer_ReqQueue", 503)                              \
	X(TIMER_MIN_BYTES_PER_SECOND, "Timer_MinBytesPerSecond", 0)            \
	X(TIMER_SSL_RENEGOTIATION, "Timer_SslRenegotiation", 0)                \
	X(TIMER_RESPONSE, "Timer_Response", 504)                               \
	X(TIMER_RESPONSE_IDLE, "Timer_ResponseIdle", 504)                      \
	X(HTTP2_PROTOCOL, "Http2_Protocol", 0)                                 \
	X(HTTP2_HEADERS, "Http2_Headers", 0)                                   \
	X(HTTP2_RESETS, "Http2_Resets", 0)                                     \
	X(HTTP2_PINGS, "Http2_Pings", 0)                                       \
	X(HTTP2_SETTINGS, "Http2_Settings", 0)                                 \
	X(HTTP2_EMPTY_FRAMES, "Http2_EmptyFrames", 0)                          \
	X(TLS_HANDSHAKE, "TlsHandshake", 0)                                    \
	X(MISDIRECTED, "Misdirected", 421)

enum http_reason {
	HTTP_REASON_NONE = 0,
#define HTTP_REASON_ENUM(symbol, name, status) HTTP_REASON_##symbol,
	HTTP_REASON_MAP(HTTP_REASON_ENUM)
#undef HTTP_REASON_ENUM
	HTTP_REASON_COUNT
};

/* The name in the error log; "-" for HTTP_REASON_NONE. Static. */
const char *http_reason_name(enum http_reason reason);

/* The usual status, or 0 when the connection just ends. */
unsigned http_reason_status(enum http_reason reason);

#endif
