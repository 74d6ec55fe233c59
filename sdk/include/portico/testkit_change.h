/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: files that a module watches (change.h).
 *
 *	assert(kit_change(kit, "/etc/rules") == 1);
 *	kit_advance(kit, 100 * MS);	... and its function was called
 *
 * No file has to be there: the test says what changes.  Changes are gathered
 * for the delay that the module asked for, in virtual time, then its function
 * is called and PORTICO_GLOBAL_FILE_CHANGE is told, all on the main loop.
 * KIT_FAULT_WAIT is a directory that cannot be watched.
 */
#ifndef PORTICO_TESTKIT_CHANGE_H
#define PORTICO_TESTKIT_CHANGE_H

#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is watched now; NULL: there is no such.  Since 1.0. */
const char *kit_change_path(const struct kit *kit, unsigned index);

/* The file changes, comes or goes.  Returns how many watch it, or the
 * directory that it is in. */
unsigned kit_change(struct kit *kit, const char *path);

#ifdef __cplusplus
}
#endif

#endif
