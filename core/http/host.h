/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict reading of "host[:port]" as it stands in Host and in an
 * absolute-form target (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
 */
#ifndef CORE_HTTP_HOST_H
#define CORE_HTTP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Accepts letters, digits, '-', '_' and '.' (no empty label; one final dot
 * is left out of host_length_r) or an IPv6 address in brackets, which belong
 * to the host.  No user information, no percent-encoding, no zone.
 * port_r is 0 when there is none.
 */
bool http_host_parse(const char *text, size_t length, uint32_t *host_length_r,
		     uint16_t *port_r);

#endif
