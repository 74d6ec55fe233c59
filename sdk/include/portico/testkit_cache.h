/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: what a module has said of keeping its responses (cache.h).
 *
 *	assert(kit_run(request) == KIT_ENDED);
 *	assert(kit_cache_is_allowed(request));
 *	assert(kit_cache_ttl(request) == 10 * UINT64_C(1000000000));
 *
 * The key is the worker's (portico_cache_key); what the listener would refuse
 * by its own rules (Set-Cookie, Cache-Control) is not judged here.
 */
#ifndef PORTICO_TESTKIT_CACHE_H
#define PORTICO_TESTKIT_CACHE_H

#include <portico/cache.h>
#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Some module allows it, none denies it, and there is no user.  Since 1.0. */
bool kit_cache_is_allowed(const struct kit_request *request);

/* In nanoseconds, whole seconds; PORTICO_CACHE_UNTIL_FLUSHED.  Since 1.0. */
uint64_t kit_cache_ttl(const struct kit_request *request);

/* The path of a flush, counted from 0 since kit_open; NULL: there were not so
 * many.  *flags_r (may be NULL): as given.  Since 1.0. */
const char *kit_cache_flushed(const struct kit *kit, unsigned number,
			      uint32_t *flags_r);

#ifdef __cplusplus
}
#endif

#endif
