/* SPDX-License-Identifier: Apache-2.0
 *
 * What a responder has said of a certificate (OCSP stapling): it belongs to the
 * certificate and is shown to clients that ask, until its time is over.
 */
#ifndef CORE_LISTENER_TLS_STAPLE_H
#define CORE_LISTENER_TLS_STAPLE_H

#include <jansson.h>
#include <openssl/ssl.h>

/* "staple" and "stapleUntil" of a pair that porticod has handed over, if they
 * are there. */
void tls_staple_attach(X509 *leaf, const json_t *pair);

/* For SSL_CTX_set_tlsext_status_cb(). */
int tls_staple_show(SSL *ssl, void *arg);

#endif
