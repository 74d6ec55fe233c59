/* SPDX-License-Identifier: Apache-2.0
 *
 * Areas of the SDK that the kit does not have yet.  Each function of theirs
 * says so and ends the test, instead of being a NULL that is called.  An area
 * that is added here goes into a file of its own, AREA.c, and leaves this one.
 */
#include <stdlib.h>
#include <string.h>

#include "sdk/testkit/kit_priv.h"
#include "sdk/testkit/missing.h"

typedef void missing_fn(void);

/* The table of an area, and its members one after the other. */
#define MISSING(area)                                                          \
	union missing_##area kit_host_##area;                                  \
                                                                               \
	static void missing_function_##area(void)                              \
	{                                                                      \
		kit_fail("the test kit has no " #area " yet (portico/" #area   \
			 ".h)");                                               \
		abort();                                                       \
	}

#define FILL(area)                                                             \
	fill(kit_host_##area.functions,                                        \
	     sizeof(kit_host_##area) / sizeof(missing_fn *),                   \
	     missing_function_##area, &kit_host_##area.table.size)

/* The first member is the size. */
static void
fill(missing_fn **functions, size_t count, missing_fn *function, uint32_t *size)
{
	for (size_t i = 0; i < count; i++)
		functions[i] = function;
	*size = (uint32_t)(count * sizeof(*functions));
}

MISSING(process)
MISSING(resolve)

void
kit_missing_fill(void)
{
	FILL(process);
	FILL(resolve);
}
