/* SPDX-License-Identifier: Apache-2.0
 *
 * How porticod asks portico-ocsp, and is answered: JSON in memory of a fixed
 * size, descriptor 3 of the child, which writes its answer over the question.
 *
 *	{"responder": URL, "leaf": PEM, "issuer": PEM}
 *	{"answer": DER in hexadecimal, "from": seconds, "until": seconds}
 *	{"error": what went wrong}
 */
#ifndef CORE_OCSP_EXCHANGE_H
#define CORE_OCSP_EXCHANGE_H

#include <jansson.h>

#include <portico/types.h>

/* The memory with a question, or a negative status.  OWNERSHIP: the caller's. */
int ocsp_exchange_new(const json_t *question, struct portico_error *err);

/* NULL: there is none, or the other process has written what is no JSON. */
json_t *ocsp_exchange_read(int fd, struct portico_error *err);

enum portico_status ocsp_exchange_write(int fd, const json_t *answer,
					struct portico_error *err);

#endif
