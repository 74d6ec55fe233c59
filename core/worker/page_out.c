/* SPDX-License-Identifier: Apache-2.0
 *
 * See page_out.h.
 */
#include "core/worker/page_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/memory.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21 /* Linux 5.4 */
#endif

/* Between two looks at the clock. */
#define GROUP_STEP_MIB 16u
#define GROUP_LIMIT_NS CLOCK_NS_PER_S

/* A row of /proc/self/maps: memory of our own that is not the kernel's. */
static bool
parse(const char *row, uintptr_t *from_r, uintptr_t *to_r)
{
	char flags[5];

	if (sscanf(row, "%" SCNxPTR "-%" SCNxPTR " %4s", from_r, to_r, flags) !=
	    3)
		return false;
	return flags[0] == 'r' && flags[3] == 'p' && *to_r > *from_r &&
	       strstr(row, "[v") == NULL;
}

size_t
page_out_all(void)
{
	uintptr_t from, to;
	size_t bytes = 0;
	char row[512];
	FILE *maps;

	mem_trim();
	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)
		return 0;
	while (fgets(row, sizeof(row), maps) != NULL)
		if (parse(row, &from, &to) &&
		    madvise((void *)from, to - from, MADV_PAGEOUT) == 0)
			bytes += to - from;
	fclose(maps);
	return bytes;
}

void
page_out_group(int fd, uint32_t mib)
{
	uint64_t end = clock_monotonic_ns() + GROUP_LIMIT_NS;
	char text[32];
	int length;

	while (mib > 0 && clock_monotonic_ns() < end) {
		uint32_t step = mib < GROUP_STEP_MIB ? mib : GROUP_STEP_MIB;

		length = snprintf(text, sizeof(text), "%" PRIu64,
				  (uint64_t)step << 20);
		/* EAGAIN: it has found less than that. */
		if (write(fd, text, (size_t)length) != length)
			return;
		mib -= step;
	}
}
