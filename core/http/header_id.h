/* SPDX-License-Identifier: Apache-2.0
 *
 * Well-known header fields by number.  Listener and worker exchange the
 * number instead of the name; 0 means "not in the list, look at the name".
 *
 * The look-up table header_id_table.h is generated from this list:
 *     perl core/http/header_id_gen.pl > core/http/header_id_table.h
 * A static assertion notices when it is out of step.
 */
#ifndef CORE_HTTP_HEADER_ID_H
#define CORE_HTTP_HEADER_ID_H

#include <stddef.h>

#include "core/http/limits.h"

/* X(symbol, canonical name).  Append only. */
#define HTTP_HEADER_MAP(X)                                                     \
	X(ACCEPT, "Accept")                                                    \
	X(ACCEPT_CHARSET, "Accept-Charset")                                    \
	X(ACCEPT_ENCODING, "Accept-Encoding")                                  \
	X(ACCEPT_LANGUAGE, "Accept-Language")                                  \
	X(ACCEPT_RANGES, "Accept-Ranges")                                      \
	X(ACCESS_CONTROL_ALLOW_CREDENTIALS,                                    \
	  "Access-Control-Allow-Credentials")                                  \
	X(ACCESS_CONTROL_ALLOW_HEADERS, "Access-Control-Allow-Headers")        \
	X(ACCESS_CONTROL_ALLOW_METHODS, "Access-Control-Allow-Methods")        \
	X(ACCESS_CONTROL_ALLOW_ORIGIN, "Access-Control-Allow-Origin")          \
	X(ACCESS_CONTROL_EXPOSE_HEADERS, "Access-Control-Expose-Headers")      \
	X(ACCESS_CONTROL_MAX_AGE, "Access-Control-Max-Age")                    \
	X(ACCESS_CONTROL_REQUEST_HEADERS, "Access-Control-Request-Headers")    \
	X(ACCESS_CONTROL_REQUEST_METHOD, "Access-Control-Request-Method")      \
	X(AGE, "Age")                                                          \
	X(ALLOW, "Allow")                                                      \
	X(ALT_SVC, "Alt-Svc")                                                  \
	X(AUTHORIZATION, "Authorization")                                      \
	X(CACHE_CONTROL, "Cache-Control")                                      \
	X(CONNECTION, "Connection")                                            \
	X(CONTENT_DISPOSITION, "Content-Disposition")                          \
	X(CONTENT_ENCODING, "Content-Encoding")                                \
	X(CONTENT_LANGUAGE, "Content-Language")                                \
	X(CONTENT_LENGTH, "Content-Length")                                    \
	X(CONTENT_LOCATION, "Content-Location")                                \
	X(CONTENT_RANGE, "Content-Range")                                      \
	X(CONTENT_SECURITY_POLICY, "Content-Security-Policy")                  \
	X(CONTENT_TYPE, "Content-Type")                                        \
	X(COOKIE, "Cookie")                                                    \
	X(DATE, "Date")                                                        \
	X(DEPTH, "Depth")                                                      \
	X(DESTINATION, "Destination")                                          \
	X(DNT, "DNT")                                                          \
	X(ETAG, "ETag")                                                        \
	X(EXPECT, "Expect")                                                    \
	X(EXPIRES, "Expires")                                                  \
	X(FORWARDED, "Forwarded")                                              \
	X(FROM, "From")                                                        \
	X(HOST, "Host")                                                        \
	X(IF_MATCH, "If-Match")                                                \
	X(IF_MODIFIED_SINCE, "If-Modified-Since")                              \
	X(IF_NONE_MATCH, "If-None-Match")                                      \
	X(IF_RANGE, "If-Range")                                                \
	X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since")                          \
	X(KEEP_ALIVE, "Keep-Alive")                                            \
	X(LAST_MODIFIED, "Last-Modified")                                      \
	X(LINK, "Link")                                                        \
	X(LOCATION, "Location")                                                \
	X(MAX_FORWARDS, "Max-Forwards")                                        \
	X(ORIGIN, "Origin")                                                    \
	X(OVERWRITE, "Overwrite")                                              \
	X(PRAGMA, "Pragma")                                                    \
	X(PRIORITY, "Priority")                                                \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate")                            \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization")                          \
	X(PROXY_CONNECTION, "Proxy-Connection")                                \
	X(RANGE, "Range")                                                      \
	X(REFERER, "Referer")                                                  \
	X(REFERRER_POLICY, "Referrer-Policy")                                  \
	X(RETRY_AFTER, "Retry-After")                                          \
	X(SEC_CH_UA, "Sec-CH-UA")                                              \
	X(SEC_CH_UA_MOBILE, "Sec-CH-UA-Mobile")                                \
	X(SEC_CH_UA_PLATFORM, "Sec-CH-UA-Platform")                            \
	X(SEC_FETCH_DEST, "Sec-Fetch-Dest")                                    \
	X(SEC_FETCH_MODE, "Sec-Fetch-Mode")                                    \
	X(SEC_FETCH_SITE, "Sec-Fetch-Site")                                    \
	X(SEC_FETCH_USER, "Sec-Fetch-User")                                    \
	X(SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")                        \
	X(SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions")                \
	X(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key")                              \
	X(SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol")                    \
	X(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version")                      \
	X(SERVER, "Server")                                                    \
	X(SET_COOKIE, "Set-Cookie")                                            \
	X(STRICT_TRANSPORT_SECURITY, "Strict-Transport-Security")              \
	X(TE, "TE")                                                            \
	X(TRAILER, "Trailer")                                                  \
	X(TRANSFER_ENCODING, "Transfer-Encoding")                              \
	X(UPGRADE, "Upgrade")                                                  \
	X(UPGRADE_INSECURE_REQUESTS, "Upgrade-Insecure-Requests")              \
	X(USER_AGENT, "User-Agent")                                            \
	X(VARY, "Vary")                                                        \
	X(VIA, "Via")                                                          \
	X(WWW_AUTHENTICATE, "WWW-Authenticate")                                \
	X(X_CONTENT_TYPE_OPTIONS, "X-Content-Type-Options")                    \
	X(X_FORWARDED_FOR, "X-Forwarded-For")                                  \
	X(X_FORWARDED_HOST, "X-Forwarded-Host")                                \
	X(X_FORWARDED_PROTO, "X-Forwarded-Proto")                              \
	X(X_FRAME_OPTIONS, "X-Frame-Options")                                  \
	X(X_POWERED_BY, "X-Powered-By")                                        \
	X(X_REAL_IP, "X-Real-IP")                                              \
	X(X_REQUESTED_WITH, "X-Requested-With")                                \
	X(X_REQUEST_ID, "X-Request-ID")

enum http_header_id {
	HTTP_HEADER_UNKNOWN = 0,
#define HTTP_HEADER_ENUM(symbol, name) HTTP_HEADER_##symbol,
	HTTP_HEADER_MAP(HTTP_HEADER_ENUM)
#undef HTTP_HEADER_ENUM
	HTTP_HEADER_COUNT
};

_Static_assert(HTTP_HEADER_COUNT <= HTTP_HEADER_ID_LIMIT, "ids must fit");

/* The id of a field name in any case, or HTTP_HEADER_UNKNOWN.  A name that
 * is found is a valid token, so nothing else needs to check it. */
enum http_header_id http_header_find(const char *name, size_t length);

/* Canonical name and its length; "" and 0 for HTTP_HEADER_UNKNOWN. Static. */
const char *http_header_name(enum http_header_id id);
size_t http_header_name_length(enum http_header_id id);

#endif
