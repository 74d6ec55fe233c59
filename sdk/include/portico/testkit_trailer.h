/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: trailer fields of responses (trailer.h); for those of requests
 * see kit_trailer in testkit.h.
 *
 *	struct kit_request *request = kit_request(kit, "GET", "/sum");
 *
 *	assert(kit_run(request) == KIT_ENDED);
 *	assert(strcmp(kit_response_trailer(request, "X-Sum"), "42") == 0);
 *
 * What is seen is what would have been sent to a client of HTTP/1.1 or HTTP/2:
 * nothing before the response has ended, with HEAD, with a status that has no
 * body, or of a child request.  Setting and announcing fails with
 * KIT_FAULT_MEMORY.
 */
#ifndef PORTICO_TESTKIT_TRAILER_H
#define PORTICO_TESTKIT_TRAILER_H

#include <portico/testkit.h>
#include <portico/trailer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first of that name (any case), until kit_close; NULL: none.  Since
 * 1.0. */
const char *kit_response_trailer(const struct kit_request *request,
				 const char *name);
/* How many of that name; of all names if it is NULL.  Since 1.0. */
unsigned kit_response_trailer_count(const struct kit_request *request,
				    const char *name);

#ifdef __cplusplus
}
#endif

#endif
