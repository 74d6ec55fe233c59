/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: names that a module looks up (resolve.h).  The test is the
 * resolver.
 *
 *	assert(kit_run(request) == KIT_SERVICE);
 *	assert(strcmp(kit_lookup_name(kit, 0), "db.example.org") == 0);
 *	kit_lookup_answer(kit, 0, "192.0.2.1 2001:db8::1");
 *
 * Lookups are numbered from 0 in the order in which they were started; a
 * number stays when the lookup has ended.  One of no request has to be freed
 * by the module: kit_close tells of one that was not.
 */
#ifndef PORTICO_TESTKIT_RESOLVE_H
#define PORTICO_TESTKIT_RESOLVE_H

#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Lookups that were started.  Since 1.0. */
unsigned kit_lookups(const struct kit *kit);
/* The name that is looked up; NULL: there is no such lookup. */
const char *kit_lookup_name(const struct kit *kit, unsigned number);
/* The port, as the module gave it. */
uint16_t kit_lookup_port(const struct kit *kit, unsigned number);
/* It waits for an answer: not ended, freed or aborted. */
bool kit_lookup_is_open(const struct kit *kit, unsigned number);

/* Its addresses, with spaces between them, in the order in which to try them;
 * who waits goes on.  A lookup that is not open is a failure of the test. */
void kit_lookup_answer(struct kit *kit, unsigned number, const char *addresses);
/* It ends so: PORTICO_NOT_FOUND, _TIMED_OUT or _SYSTEM. */
void kit_lookup_fail(struct kit *kit, unsigned number,
		     enum portico_status status);

#ifdef __cplusplus
}
#endif

#endif
