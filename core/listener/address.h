/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses: from the kernel's form to the one of request heads, and to text.
 */
#ifndef CORE_LISTENER_ADDRESS_H
#define CORE_LISTENER_ADDRESS_H

#include <stddef.h>

#include "core/http/request_head.h"

struct sockaddr;

/* With scope: "fe80::1%2"; with its NUL. */
#define ADDRESS_TEXT_SIZE 64

/* IPv4 that came over an IPv6 socket becomes IPv4 again. */
void address_from_sockaddr(struct http_address *address,
			   const struct sockaddr *from);

/* "-" when there is none; the length. */
size_t address_format(const struct http_address *address,
		      char text[ADDRESS_TEXT_SIZE]);

#endif
