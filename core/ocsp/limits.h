/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits and times of asking an OCSP responder.
 */
#ifndef CORE_OCSP_LIMITS_H
#define CORE_OCSP_LIMITS_H

/* An answer with the responder's own certificate: 2 KiB as a rule. */
#define OCSP_ANSWER_BYTES_MAX (64u << 10)

/* Question and answer lie in memory of this size: an answer in hexadecimal,
 * or two certificates in PEM. */
#define OCSP_EXCHANGE_BYTES (256u << 10)

/* The whole of one conversation, and of that connecting. */
#define OCSP_TIMEOUT_S 10
#define OCSP_CONNECT_TIMEOUT_S 5

/* The process, whatever it does. */
#define OCSP_LIFE_S 15
#define OCSP_PROCESSOR_S 5

/* How far the responder's clock may be ahead of ours. */
#define OCSP_SKEW_S 300

/* An answer that does not say until when it holds. */
#define OCSP_UNLIMITED_S 3600

#endif
