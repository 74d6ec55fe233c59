/* SPDX-License-Identifier: Apache-2.0
 *
 * What OCSP responders say of our certificates, for listeners to show with
 * them.  Asked by a process of its own for each question (core/ocsp), never
 * waited for, and asked again at half of the time for which an answer holds.
 */
#ifndef CORE_ACTIVATION_STAPLES_H
#define CORE_ACTIVATION_STAPLES_H

#include <jansson.h>
#include <stdbool.h>

struct manager;
struct staples;

/* There are other answers than before: "staple" (hexadecimal) and
 * "stapleUntil" (seconds of 1970) of pairs have changed. */
typedef void staples_changed_fn(void *arg);

struct staples *staples_open(struct manager *manager,
			     staples_changed_fn *on_changed, void *arg);
void staples_free(struct staples **staples_p);

/* Which certificates there are: begin, want each, end. */
void staples_begin(struct staples *staples);

/* `pairs` as pem_read_certificate() makes them: answers are put into them.
 * `responder`: of the settings; NULL: the one that the certificate names. */
void staples_want(struct staples *staples, const char *name, json_t *pairs,
		  const char *responder);
/* None shall be shown with these any more. */
void staples_unwant(json_t *pairs);
void staples_end(struct staples *staples);

/* For people: until when there is an answer, or why there is none. */
json_t *staples_describe(const struct staples *staples, const json_t *pair,
			 const char *responder);

#endif
