/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of an OCSP responder (RFC 6960), and whether what it says may
 * be shown to clients.
 */
#ifndef CORE_OCSP_ANSWER_H
#define CORE_OCSP_ANSWER_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

struct buffer;

/* Appends the question in DER. */
enum portico_status ocsp_question(X509 *leaf, X509 *issuer,
				  struct buffer *question,
				  struct portico_error *err);

/*
 * PORTICO_OK: it is signed by the issuer, or by one whom the issuer lets sign,
 * and says that the certificate is good, from when until when (seconds of
 * 1970).
 */
enum portico_status ocsp_answer_check(X509 *leaf, X509 *issuer,
				      const void *data, size_t length,
				      int64_t *from_r, int64_t *until_r,
				      struct portico_error *err);

#endif
