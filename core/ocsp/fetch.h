/* SPDX-License-Identifier: Apache-2.0
 *
 * One question to a responder over HTTP.
 */
#ifndef CORE_OCSP_FETCH_H
#define CORE_OCSP_FETCH_H

#include <portico/types.h>

struct buffer;

/* Appends the body of a 200.  Blocks, for OCSP_TIMEOUT_S at most. */
enum portico_status ocsp_fetch(const char *url, const struct buffer *question,
			       struct buffer *answer,
			       struct portico_error *err);

#endif
