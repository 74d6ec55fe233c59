/* SPDX-License-Identifier: Apache-2.0
 *
 * What listeners need for TLS and nobody else may have: certificates with their
 * private keys, authorities of client certificates, keys of session tickets.
 * Read and made here, handed over in a sealed memfd.  A file that changes is
 * read again; while the new one is not usable, the old one serves.
 */
#ifndef CORE_ACTIVATION_CERTIFICATES_H
#define CORE_ACTIVATION_CERTIFICATES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

struct certificates;
struct config_problems;
struct manager;
struct settings;

/* Adds a problem for each file that cannot be used.  Blocks. */
void certificates_check(const struct settings *settings,
			struct config_problems *problems);

/* With those of the manager's settings.  Always gives an object, for
 * certificates_free(), too when it fails.  `before`: what
 * certificates_to_memfd() made for a porticod before us, borrowed, or -1: its
 * ticket keys go on, and what cannot be read now is served as it was. */
enum portico_status certificates_open(struct manager *manager, int before,
				      struct certificates **certificates_r,
				      struct portico_error *err);
void certificates_free(struct certificates **certificates_p);

/* The manager has other settings.  What cannot be read is told, and served as
 * it was. */
void certificates_apply(struct certificates *certificates);

/* An array of what listeners have: "certificate" (its name), "file" and what
 * pem_describe() says. */
json_t *certificates_to_json(const struct certificates *certificates);

/* Whether there are any, or were. */
bool certificates_wanted(const struct certificates *certificates);

/* Another number when that memfd would say something else. */
uint64_t certificates_stamp(const struct certificates *certificates);

/* The memfd, or a negative status.  OWNERSHIP: the caller's. */
int certificates_to_memfd(const struct certificates *certificates,
			  struct portico_error *err);

#endif
