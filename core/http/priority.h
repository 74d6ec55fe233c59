/* SPDX-License-Identifier: Apache-2.0
 *
 * Priorities (RFC 9218): the field Priority of requests and responses, which
 * PRIORITY_UPDATE carries, too.
 */
#ifndef CORE_HTTP_PRIORITY_H
#define CORE_HTTP_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

#define HTTP_PRIORITY_URGENCY_USUAL 3
#define HTTP_PRIORITY_URGENCY_LEAST 7

/* What a field has said.  All zero: nothing. */
struct http_priority {
	bool has_urgency, has_incremental;
	bool incremental;
	uint8_t urgency; /* 0: the most, to 7 */
};

/*
 * Reads a value on top of what earlier lines of the same field have said.  A
 * parameter whose value is none of its own counts as not sent (section 4).
 * False: it is no dictionary of RFC 8941, *priority is untouched.
 */
bool http_priority_read(struct portico_slice value,
			struct http_priority *priority);

/*
 * Section 8: what a response says, where it does, before what its request
 * asked for.  Both are complete then.
 */
struct http_priority http_priority_merge(struct http_priority asked,
					 struct http_priority answered);

#endif
