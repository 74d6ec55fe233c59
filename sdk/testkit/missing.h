/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of the areas that the kit does not have yet (missing.c).
 */
#ifndef SDK_TESTKIT_MISSING_H
#define SDK_TESTKIT_MISSING_H

#include <portico/portico.h>

#define MISSING_TABLE(area)                                                    \
	extern union missing_##area {                                          \
		struct portico_host_##area table;                              \
		void (*functions[sizeof(struct portico_host_##area) /          \
				 sizeof(void (*)(void))])(void);               \
	} kit_host_##area

MISSING_TABLE(process);
MISSING_TABLE(resolve);

/* Once, before the first module is loaded. */
void kit_missing_fill(void);

#endif
