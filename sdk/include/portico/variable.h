/* SPDX-License-Identifier: Apache-2.0
 *
 * Server variables: facts about a request by the names that CGI and IIS gave
 * them, and variables that modules set for modules behind them.
 *
 * Names are compared without regard to case.  The server's own:
 *
 *   APPL_PHYSICAL_PATH   root of the application, with a slash at its end
 *   APP_POOL_ID          name of the pool
 *   APP_WARMING_UP       "1" for a request that the server made itself
 *   AUTH_TYPE            how the user was authenticated ("Basic")
 *   AUTH_USER, LOGON_USER, REMOTE_USER   the authenticated user's name
 *   CONTENT_LENGTH, CONTENT_TYPE         the request's fields
 *   DOCUMENT_ROOT        root of the application
 *   CERT_FLAGS           "1" if the client has shown a certificate that was
 *                        verified; else no value, as the other CERT_...
 *   CERT_ISSUER, CERT_SUBJECT            names of it (RFC 2253)
 *   CERT_SERIALNUMBER    hexadecimal
 *   CERT_SUBJECT_1 ...   the same of the certificate that vouches for the
 *                        client's (_1), of the one above that (_2), and so on
 *                        to the authority (_9 at most): CERT_ISSUER_1,
 *                        CERT_SERIALNUMBER_1, SSL_CLIENT_FINGERPRINT_1
 *   GATEWAY_INTERFACE    "CGI/1.1"
 *   HTTPS                "on" or "off"
 *   HTTP_METHOD, REQUEST_METHOD          "GET"
 *   HTTP_URL, REQUEST_URI, UNENCODED_URL the target as sent, also after a
 *                        rewrite
 *   HTTP_VERSION, SERVER_PROTOCOL        "HTTP/1.1"
 *   HTTP_X_Y             the request's field "X-Y" (the first)
 *   HEADER_X_Y           the request's field "X_Y"
 *   INSTANCE_NAME        name of the site
 *   LOCAL_ADDR, SERVER_ADDR              address the client connected to
 *   PATH_INFO            the path inside the application
 *   PATH_TRANSLATED, REQUEST_FILENAME, SCRIPT_FILENAME   root and PATH_INFO;
 *                        no file was looked for, no link followed
 *   QUERY_STRING         without the question mark
 *   REMOTE_ADDR, REMOTE_HOST, REMOTE_PORT                the client
 *   SCRIPT_NAME          the application's path, empty for "/": SCRIPT_NAME
 *                        and PATH_INFO together are URL
 *   SERVER_NAME          the host that was asked for, else SERVER_ADDR
 *   SERVER_PORT          of SERVER_ADDR
 *   SERVER_PORT_SECURE   "1" or "0"
 *   SERVER_SOFTWARE      "Portico/1.2"
 *   SSL_CIPHER, SSL_PROTOCOL             of TLS: OpenSSL's name, "TLSv1.3"
 *   SSL_CLIENT_CHAIN_LENGTH              certificates from the client's to the
 *                        authority, both counted; no value if there are
 *                        too many to be told (about 3 KiB of text)
 *   SSL_CLIENT_FINGERPRINT               SHA-256 of the client's certificate,
 *                        hexadecimal; the thing to compare
 *   SSL_SERVER_NAME      the name that the client asked for (SNI)
 *   URL                  the cooked path
 *
 * Threads: as request.h.
 */
#ifndef PORTICO_VARIABLE_H
#define PORTICO_VARIABLE_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The value of a variable, followed by a NUL; `data` is NULL if there is no
 * such variable or it has no value (AUTH_USER of an anonymous request).
 * Lives until the request ends.  Since 1.0.
 */
static inline struct portico_slice
portico_variable(struct portico_request *request, const char *name)
{
	return portico_host->variable(request, name);
}

/*
 * Set a variable of the module's own, for whoever comes later; both texts are
 * copied.  A value whose data is NULL removes it.
 *   PORTICO_EXISTS     the name is one of the server's (HTTP_ and HEADER_
 *                      included: portico_request_set_field)
 *   PORTICO_INVALID    the name is not [A-Za-z_][A-Za-z0-9_.-]{0,63}
 *   PORTICO_FULL       64 variables are set already
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_variable_set(struct portico_request *request, const char *name,
		     struct portico_slice value)
{
	return portico_host->variable_set(request, name, value);
}

#ifdef __cplusplus
}
#endif

#endif
