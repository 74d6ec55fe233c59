/* SPDX-License-Identifier: Apache-2.0
 *
 * The header by which a proxy in front of us tells whose connection it passes
 * on: the PROXY protocol, versions 1 (a line of text) and 2 (binary).
 */
#ifndef CORE_HTTP_PROXY_PROTOCOL_H
#define CORE_HTTP_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http/request_head.h"

/* A header of version 2 with more (its TLVs count) is refused. */
#define PROXY_PROTOCOL_BYTES_MAX 4096

enum proxy_protocol_result {
	PROXY_PROTOCOL_MORE, /* right so far, not complete */
	PROXY_PROTOCOL_DONE,
	PROXY_PROTOCOL_ERROR,
};

struct proxy_protocol {
	size_t length; /* bytes of the header */
	/* False: the proxy speaks for itself (LOCAL), or does not know
	 * (UNKNOWN, UNSPEC): the connection's own addresses hold. */
	bool known;
	struct http_address source, destination;
};

/*
 * `data` is everything that has come so far.  Nothing of it is looked at
 * behind the header, and after DONE *header_r says where it ends.
 */
enum proxy_protocol_result proxy_protocol_read(const uint8_t *data,
					       size_t length,
					       struct proxy_protocol *header_r);

#endif
