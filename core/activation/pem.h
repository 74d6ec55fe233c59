/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of certificates and keys as they lie on the disk: read and looked at,
 * so that what is handed to a listener is known to fit together.
 */
#ifndef CORE_ACTIVATION_PEM_H
#define CORE_ACTIVATION_PEM_H

#include <jansson.h>

#include <portico/types.h>

struct settings_certificate;

/*
 * An array with an object {"chain","key"} of PEM text for each pair of files.
 * NULL: err says what is wrong with which file, and where it is named.  What is
 * expired, or will be soon, is only told in the log.  Blocks.
 */
json_t *pem_read_certificate(const struct settings_certificate *certificate,
			     struct portico_error *err);

/* What such an array holds, for people: an array with {"subject","issuer",
 * "names","key","notAfter"} (UTC) for each pair. */
json_t *pem_describe(const json_t *pairs);

/* Text of a file with at least one certificate, none that cannot be read. */
json_t *pem_read_authorities(const char *path, struct portico_error *err);

#endif
